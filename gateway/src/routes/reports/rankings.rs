//! Reports that rank: `top-products`, `order-status`, `customers`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_projections::olap::rankings::{CustomerCounts, CustomerSales, ProductSales, StatusCount};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{Asked, WindowBody};
use super::{CompleteBody, of_store, unavailable};
use crate::app::App;
use crate::call::{Call, json};
use crate::money::MoneyBody;
use crate::opening::open;
use crate::routes::Answer;

/// The products that sold most.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopProductsBody {
    window: WindowBody,
    /// By currency, most sales first.
    products: Vec<ProductSalesBody>,
    /// Sales whose lines are not known yet: they are in no figure above. 0 once the import is complete.
    orders_without_lines: u64,
    as_of: DateTime<Utc>,
    #[serde(flatten)]
    complete: CompleteBody,
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
}

/// Orders by status.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderStatusBody {
    window: WindowBody,
    /// Most frequent first.
    statuses: Vec<StatusCountBody>,
    as_of: DateTime<Utc>,
    #[serde(flatten)]
    complete: CompleteBody,
}

/// Orders of one status.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusCountBody {
    /// Salla's slug, such as `under_review`; values may be added.
    status: String,
    /// As the store names it.
    name: Option<String>,
    orders: u64,
    total: MoneyBody,
}

/// Customers of a window.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomersReportBody {
    window: WindowBody,
    /// By currency.
    counts: Vec<CustomerCountsBody>,
    /// By currency, most sales first.
    customers: Vec<CustomerSalesBody>,
    as_of: DateTime<Utc>,
    #[serde(flatten)]
    complete: CompleteBody,
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
}

/// The products that sold most.
#[utoipa::path(get, operation_id = "getTopProducts", path = "/api/v1/reports/top-products", tag = "reports", security(("bearer" = [])),
    params(("from" = Option<NaiveDate>, Query), ("to" = Option<NaiveDate>, Query), ("timezone" = Option<String>, Query),
        ("limit" = Option<u32>, Query, description = "1 to 100 of each currency, 10 where absent")),
    responses((status = 200, body = TopProductsBody)))]
pub async fn top_products(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let asked = Asked::read(&call, &["from", "to", "timezone", "limit"])?;
    let (reports, complete) = of_store(&app, identity.merchant_id).await?;
    let as_of = Utc::now();
    // Asked first: lines that come in between are in the figures, and none is missing from them that was not counted.
    let orders_without_lines = reports.orders_without_lines(asked.window()).await.map_err(unavailable)?;
    let products = reports.top_products(asked.window(), asked.limit).await.map_err(unavailable)?;
    let products = products.into_iter().map(ProductSalesBody::from).collect();
    let window = asked.body();
    Ok(json(StatusCode::OK, &TopProductsBody { window, products, orders_without_lines, as_of, complete }))
}

/// Orders by status, whatever became of them.
#[utoipa::path(get, operation_id = "getOrderStatus", path = "/api/v1/reports/order-status", tag = "reports", security(("bearer" = [])),
    params(("from" = Option<NaiveDate>, Query), ("to" = Option<NaiveDate>, Query), ("timezone" = Option<String>, Query)),
    responses((status = 200, body = OrderStatusBody)))]
pub async fn order_status(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let asked = Asked::read(&call, &["from", "to", "timezone"])?;
    let (reports, complete) = of_store(&app, identity.merchant_id).await?;
    let as_of = Utc::now();
    let statuses = reports.order_status(asked.window()).await.map_err(unavailable)?;
    let statuses = statuses.into_iter().map(StatusCountBody::from).collect();
    Ok(json(StatusCode::OK, &OrderStatusBody { window: asked.body(), statuses, as_of, complete }))
}

/// New and returning customers, and those who bought most.
#[utoipa::path(get, operation_id = "getCustomerReport", path = "/api/v1/reports/customers", tag = "reports", security(("bearer" = [])),
    params(("from" = Option<NaiveDate>, Query), ("to" = Option<NaiveDate>, Query), ("timezone" = Option<String>, Query),
        ("limit" = Option<u32>, Query, description = "1 to 100 of each currency, 10 where absent")),
    responses((status = 200, body = CustomersReportBody)))]
pub async fn customers(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let asked = Asked::read(&call, &["from", "to", "timezone", "limit"])?;
    let (reports, complete) = of_store(&app, identity.merchant_id).await?;
    let as_of = Utc::now();
    let counting = reports.customer_counts(asked.window(), complete.complete_from);
    let ranking = reports.top_customers(asked.window(), asked.limit);
    let (counts, top) = tokio::try_join!(counting, ranking).map_err(unavailable)?;
    let mut customers: Vec<CustomerSalesBody> = top.into_iter().map(CustomerSalesBody::from).collect();
    open(&*app.keys, identity.merchant_id, customers.iter_mut().map(|one| &mut one.name).collect()).await?;
    let counts = counts.into_iter().map(CustomerCountsBody::from).collect();
    Ok(json(
        StatusCode::OK,
        &CustomersReportBody { window: asked.body(), counts, customers, as_of, complete },
    ))
}

impl From<ProductSales> for ProductSalesBody {
    fn from(p: ProductSales) -> Self {
        Self {
            product_id: p.product_id,
            sku: known(p.sku),
            name: p.name,
            orders: p.orders,
            quantity: p.quantity.to_string(),
            sales: MoneyBody::new(p.sales, &p.currency),
        }
    }
}

impl From<StatusCount> for StatusCountBody {
    fn from(s: StatusCount) -> Self {
        Self {
            status: s.slug,
            name: known(s.name),
            orders: s.orders,
            total: MoneyBody::new(s.total, &s.currency),
        }
    }
}

impl From<CustomerCounts> for CustomerCountsBody {
    fn from(c: CustomerCounts) -> Self {
        let money = |amount| MoneyBody::new(amount, &c.currency);
        Self {
            customers: c.customers,
            new_customers: c.new_customers,
            new_sales: money(c.new_sales),
            returning_sales: money(c.returning_sales),
            unknown_sales: money(c.unknown_sales),
            currency: c.currency,
        }
    }
}

impl From<CustomerSales> for CustomerSalesBody {
    fn from(c: CustomerSales) -> Self {
        Self {
            customer_id: c.customer_id,
            name: known(c.name),
            orders: c.orders,
            sales: MoneyBody::new(c.sales, &c.currency),
            last_order_at: c.last_order_at,
        }
    }
}

/// ClickHouse holds an empty text where nothing is known.
fn known(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
