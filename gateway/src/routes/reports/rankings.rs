//! Reports that rank: `top-products`, `customers`.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use http::StatusCode;
use qafila_projections::olap::customers_bought::{CustomerCounts, CustomerSales};
use qafila_projections::olap::products_sold::ProductSales;
use qafila_projections::olap::reports::Window;
use qafila_projections::oltp::{orders, products};
use qafila_schemas::amount::Amount;
use qafila_schemas::ids::MerchantId;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::Asked;
use super::groups::{PreviousDaysBody, known as known_text};
use super::{ReportHeadBody, Source, unavailable};
use crate::app::App;
use crate::auth::reading::Scope;
use crate::call::{Call, json};
use crate::money::MoneyBody;
use crate::opening::open;
use crate::problem::Problem;
use crate::routes::Answer;
use crate::values::ComparisonName;

/// The products that sold most.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopProductsBody {
    #[serde(flatten)]
    head: ReportHeadBody,
    /// By currency, most sales first.
    products: Vec<ProductSalesBody>,
    /// Sales whose lines are not known yet: they are in no figure above. 0 once the import is complete.
    orders_without_lines: u64,
    /// First and last day that were asked to compare with; null where none were.
    previous: Option<PreviousDaysBody>,
}

/// What was sold of a product.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductSalesBody {
    /// Salla's id; null where the lines do not tell it, then they were put together by SKU, else by name.
    product_id: Option<i64>,
    sku: Option<String>,
    name: String,
    /// Orders with it that count as sales.
    orders: u64,
    /// Units, a decimal number as text.
    quantity: String,
    sales: MoneyBody,
    /// What was sold of it in the days that were asked to compare with; null where none were.
    previous: Option<SoldBody>,
}

/// What was sold of a product.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SoldBody {
    orders: u64,
    /// Units, a decimal number as text.
    quantity: String,
    sales: MoneyBody,
}

/// Customers of a window.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomersReportBody {
    #[serde(flatten)]
    head: ReportHeadBody,
    /// Over all currencies: whoever bought in two counts once.
    total: CustomerTotalBody,
    /// By currency.
    counts: Vec<CustomerCountsBody>,
    /// By currency, most sales first.
    customers: Vec<CustomerSalesBody>,
    /// The days that were asked to compare with; null where none were.
    previous: Option<PreviousCustomersBody>,
}

/// How many customers bought, whatever in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomerTotalBody {
    /// Customers who bought.
    customers: u64,
    /// Those of them who had not bought before the window.
    new_customers: u64,
}

/// Customers of the days that a report is compared with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousCustomersBody {
    /// First day.
    from: NaiveDate,
    /// Last day, included.
    to: NaiveDate,
    total: CustomerTotalBody,
    counts: Vec<CustomerCountsBody>,
}

/// How many customers bought.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomerCountsBody {
    currency: String,
    /// Customers who bought.
    customers: u64,
    /// Those of them who had not bought before the window.
    new_customers: u64,
    new_sales: MoneyBody,
    returning_sales: MoneyBody,
    /// Sales of orders that name no customer.
    unknown_sales: MoneyBody,
}

/// What a customer bought.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomerSalesBody {
    customer_id: i64,
    /// Null where no order tells it, or where it was erased.
    name: Option<String>,
    orders: u64,
    sales: MoneyBody,
    last_order_at: DateTime<Utc>,
    /// What they bought in the days that were asked to compare with; null where none were.
    previous: Option<BoughtBody>,
}

/// What a customer bought.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BoughtBody {
    orders: u64,
    sales: MoneyBody,
}

/// The products that sold most.
#[utoipa::path(get, operation_id = "getTopProducts", path = "/api/v1/reports/top-products", tag = "reports", security(("bearer" = []), ("merchantKey" = [])),
    params(("from" = Option<NaiveDate>, Query, description = "First day; 30 days before `to` where absent"),
        ("to" = Option<NaiveDate>, Query, description = "Last day, included; today where absent"),
        ("timezone" = Option<String>, Query, description = "An IANA time zone; Asia/Riyadh where absent"),
        ("compare" = Option<ComparisonName>, Query, description = "Days that these are compared with"),
        ("limit" = Option<u32>, Query, description = "1 to 100 of each currency, 10 where absent")),
    responses((status = 200, body = TopProductsBody)))]
pub async fn top_products(app: Arc<App>, call: Call) -> Answer {
    let reader = app.reader(&call, Scope::Reports).await?;
    let asked = Asked::read(&call, &["from", "to", "timezone", "compare", "limit"])?;
    let source = Source::of(&app, reader.merchant_id).await?;
    let found = source.reports.top_products(asked.window(), asked.limit).await.map_err(unavailable)?;
    let before = match asked.compared() {
        Some(days) => {
            let keys = keys(&found.sold);
            Some((days, source.reports.sales_of_products(days.window, keys).await.map_err(unavailable)?))
        }
        None => None,
    };
    let named = names(&app, reader.merchant_id, &source, asked.window(), &found.sold).await?;
    let products = found.sold.iter().map(|product| {
        let names = named.get(&product.key).cloned().unwrap_or_default();
        let previous = before.as_ref().map(|(_, before)| {
            let is_same = |sold: &&ProductSales| sold.key == product.key && sold.currency == product.currency;
            before.iter().find(is_same).map_or_else(|| SoldBody::nothing(&product.currency), SoldBody::from)
        });
        ProductSalesBody {
            product_id: product.product_id(),
            sku: names.sku,
            name: names.name.unwrap_or_default(),
            orders: product.orders,
            quantity: product.quantity.to_string(),
            sales: MoneyBody::new(product.sales, &product.currency),
            previous,
        }
    });
    let body = TopProductsBody {
        products: products.collect(),
        head: source.head(&asked),
        orders_without_lines: found.orders_without_lines,
        previous: before.as_ref().map(|(days, _)| PreviousDaysBody { from: days.from, to: days.to }),
    };
    Ok(json(StatusCode::OK, &body))
}

fn keys(sold: &[ProductSales]) -> Vec<i64> {
    sold.iter().map(|product| product.key).collect()
}

/// What a product is called.
#[derive(Clone, Default)]
struct Names {
    sku: Option<String>,
    name: Option<String>,
}

/// What products are called now; where nobody knows them but the lines that they were sold by, as the newest of these calls them.
async fn names(
    app: &App,
    merchant: MerchantId,
    source: &Source<'_>,
    window: Window,
    sold: &[ProductSales],
) -> Result<BTreeMap<i64, Names>, Problem> {
    let ids: Vec<i64> = sold.iter().filter_map(ProductSales::product_id).collect();
    let known = products::names(&app.query_pool, merchant, source.store, &ids).await?;
    let mut named: BTreeMap<i64, Names> =
        known.into_iter().map(|(id, name, sku)| (id, Names { sku, name })).collect();
    let is_named = |key: &i64| named.get(key).is_some_and(|names| names.name.is_some());
    let mut others: Vec<i64> = keys(sold).into_iter().filter(|key| !is_named(key)).collect();
    others.sort_unstable();
    others.dedup();
    if !others.is_empty() {
        let told = source.reports.names_of_products(window, others).await.map_err(unavailable)?;
        named.extend(
            told.into_iter()
                .map(|one| (one.key, Names { sku: known_text(one.sku), name: known_text(one.name) })),
        );
    }
    Ok(named)
}

/// New and returning customers, and those who bought most.
#[utoipa::path(get, operation_id = "getCustomerReport", path = "/api/v1/reports/customers", tag = "reports", security(("bearer" = []), ("merchantKey" = [])),
    params(("from" = Option<NaiveDate>, Query, description = "First day; 30 days before `to` where absent"),
        ("to" = Option<NaiveDate>, Query, description = "Last day, included; today where absent"),
        ("timezone" = Option<String>, Query, description = "An IANA time zone; Asia/Riyadh where absent"),
        ("compare" = Option<ComparisonName>, Query, description = "Days that these are compared with"),
        ("limit" = Option<u32>, Query, description = "1 to 100 of each currency, 10 where absent")),
    responses((status = 200, body = CustomersReportBody)))]
pub async fn customers(app: Arc<App>, call: Call) -> Answer {
    let reader = app.reader(&call, Scope::Reports).await?;
    let asked = Asked::read(&call, &["from", "to", "timezone", "compare", "limit"])?;
    let source = Source::of(&app, reader.merchant_id).await?;
    let complete_from = source.complete.as_ref().and_then(|known| known.from);
    let now =
        source.reports.customers(asked.window(), complete_from, asked.limit).await.map_err(unavailable)?;
    let ids: Vec<i64> = now.top.iter().map(|customer| customer.customer_id).collect();
    let (previous, bought) = match asked.compared() {
        Some(days) => {
            let counting = source.reports.customers(days.window, complete_from, 1);
            let buying = source.reports.sales_to_customers(days.window, ids.clone());
            let (before, bought) = tokio::try_join!(counting, buying).map_err(unavailable)?;
            let (total, counts) = counts(before.counts);
            (Some(PreviousCustomersBody { from: days.from, to: days.to, total, counts }), Some(bought))
        }
        None => (None, None),
    };
    let mut names =
        orders::names_of_customers(&app.query_pool, reader.merchant_id, source.store, &ids).await?;
    open(&*app.keys, reader, names.iter_mut().map(|(_, name)| name).collect()).await?;
    let names: BTreeMap<i64, Option<String>> = names.into_iter().collect();
    let customers = now.top.into_iter().map(|customer| CustomerSalesBody {
        customer_id: customer.customer_id,
        name: names.get(&customer.customer_id).cloned().flatten(),
        orders: customer.orders,
        sales: MoneyBody::new(customer.sales, &customer.currency),
        last_order_at: customer.last_order_at,
        previous: bought.as_ref().map(|bought| BoughtBody::by(&customer, bought)),
    });
    let customers = customers.collect();
    let (total, counts) = counts(now.counts);
    let body = CustomersReportBody { head: source.head(&asked), total, counts, customers, previous };
    Ok(json(StatusCode::OK, &body))
}

/// The row over all currencies, and those of each.
fn counts(counted: Vec<CustomerCounts>) -> (CustomerTotalBody, Vec<CustomerCountsBody>) {
    let (of_all, of_each): (Vec<_>, Vec<_>) = counted.into_iter().partition(|row| row.currency.is_none());
    let total = of_all.first().map_or((0, 0), |row| (row.customers, row.new_customers));
    let total = CustomerTotalBody { customers: total.0, new_customers: total.1 };
    (total, of_each.into_iter().filter_map(CustomerCountsBody::of).collect())
}

impl SoldBody {
    fn nothing(currency: &str) -> Self {
        Self { orders: 0, quantity: Amount::ZERO.to_string(), sales: MoneyBody::new(Amount::ZERO, currency) }
    }
}

impl From<&ProductSales> for SoldBody {
    fn from(p: &ProductSales) -> Self {
        Self {
            orders: p.orders,
            quantity: p.quantity.to_string(),
            sales: MoneyBody::new(p.sales, &p.currency),
        }
    }
}

impl BoughtBody {
    /// What a customer bought, in the same currency.
    fn by(customer: &CustomerSales, all: &[CustomerSales]) -> Self {
        let is_same = |bought: &&CustomerSales| {
            bought.customer_id == customer.customer_id && bought.currency == customer.currency
        };
        let bought = all.iter().find(is_same);
        let (orders, sales) = bought.map_or((0, Amount::ZERO), |bought| (bought.orders, bought.sales));
        Self { orders, sales: MoneyBody::new(sales, &customer.currency) }
    }
}

impl CustomerCountsBody {
    /// None of the row over all currencies.
    fn of(c: CustomerCounts) -> Option<Self> {
        let currency = c.currency?;
        let money = |amount| MoneyBody::new(amount, &currency);
        Some(Self {
            customers: c.customers,
            new_customers: c.new_customers,
            new_sales: money(c.new_sales),
            returning_sales: money(c.returning_sales),
            unknown_sales: money(c.unknown_sales),
            currency,
        })
    }
}
