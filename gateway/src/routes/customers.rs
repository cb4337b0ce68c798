//! `/api/v1/customers`: the merchant's customers.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_ingest::mapping::market::Market;
use qafila_projections::lists::List;
use qafila_projections::lists::find::{People, SortKey};
use qafila_projections::oltp::customers::{self, Bought, Customer};
use qafila_schemas::sealed::Contact;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, numbered, present_store};
use crate::app::App;
use crate::auth::reading::{Reader, Scope};
use crate::call::{Call, json};
use crate::listing::{Asked, FacetsBody, Found, Listing, TotalBody, in_order};
use crate::money::MoneyBody;
use crate::opening::open;
use crate::people;
use crate::problem::{Code, Problem};
use crate::values::CustomerSort;

/// A page of customers.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomersBody {
    items: Vec<CustomerBody>,
    /// Give it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
    /// How many there are; null where it was not asked for.
    total: Option<TotalBody>,
}

/// A customer; what is unknown or erased is null.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomerBody {
    /// Salla's id.
    id: i64,
    /// When the account was made, UTC.
    created_at: Option<DateTime<Utc>>,
    /// When it changed last, UTC.
    updated_at: Option<DateTime<Utc>>,
    first_name: Option<String>,
    last_name: Option<String>,
    /// E.164.
    phone: Option<String>,
    email: Option<String>,
    /// `male` or `female`.
    gender: Option<String>,
    /// A day as text, mostly `YYYY-MM-DD`.
    birthday: Option<String>,
    city: Option<String>,
    /// ISO 3166.
    country_code: Option<String>,
    location: Option<String>,
    /// Salla's ids of groups.
    groups: Vec<i64>,
    /// Orders of theirs that count as sales.
    orders: i64,
    /// What they bought for, in the currency of the store; orders whose exchange rate Salla does not say count as they are.
    sales: MoneyBody,
    /// When the first of these orders was made, UTC; null where there is none.
    first_order_at: Option<DateTime<Utc>>,
    /// When the last of them was made, UTC.
    last_order_at: Option<DateTime<Utc>>,
}

/// A customer, and what they bought.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomerWithSalesBody {
    #[serde(flatten)]
    customer: CustomerBody,
    /// By the currency of the orders, most orders first.
    bought: Vec<BoughtInBody>,
}

/// What a customer bought in one currency.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BoughtInBody {
    /// Orders that count as sales.
    orders: i64,
    sales: MoneyBody,
}

/// The list.
const CUSTOMERS: Listing = Listing {
    list: List::Customers,
    filters: &["city", "country", "group", "amountFrom", "amountTo", "email", "phone", "name"],
    sorts: &[("createdAt", SortKey::Created), ("lastOrderAt", SortKey::Last), ("sales", SortKey::Amount)],
};

/// The merchant's customers.
#[utoipa::path(get, operation_id = "listCustomers", path = "/api/v1/customers", tag = "customers", security(("bearer" = []), ("merchantKey" = [])),
    params(("city" = Option<Vec<String>>, Query, description = "Only of one of these cities"),
        ("country" = Option<Vec<String>>, Query, description = "Only of one of these countries (ISO 3166)"),
        ("group" = Option<Vec<i64>>, Query, description = "Only in one of these groups (Salla's ids)"),
        ("amountFrom" = Option<String>, Query, description = "Bought for at least so much, a decimal number, in the currency of the store"),
        ("amountTo" = Option<String>, Query, description = "Bought for at most so much"),
        ("email" = Option<String>, Query, description = "Only with exactly this address"),
        ("phone" = Option<String>, Query, description = "Only with this number; without a country code it is of the store's country"),
        ("name" = Option<String>, Query, description = "Only with all of these words in their name"),
        ("from" = Option<NaiveDate>, Query, description = "Made on this day or later"),
        ("to" = Option<NaiveDate>, Query, description = "Made on this day or before"),
        ("timezone" = Option<String>, Query, description = "An IANA time zone of these days; Asia/Riyadh where absent"),
        ("sort" = Option<CustomerSort>, Query, description = "Newest first where absent"),
        ("count" = Option<bool>, Query, description = "Whether to count all rows, exactly up to 10,000"),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 20 where absent")),
    responses((status = 200, body = CustomersBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Answer {
    let reader = app.reader(&call, Scope::Lists).await?;
    let merchant = reader.merchant_id;
    let market = app.connector.market(merchant).await?;
    let Some((store, mut asked)) = CUSTOMERS.asked(&app, &call, market, reader).await? else {
        return Ok(json(StatusCode::OK, &CustomersBody::default()));
    };
    let (page, found) = page(&app, reader, store, &mut asked, market).await?;
    let Found { next_cursor, total, .. } = page;
    let currency = market.currency().code;
    let items = found.into_iter().map(|customer| CustomerBody::of(customer, &currency)).collect();
    Ok(json(StatusCode::OK, &CustomersBody { items, next_cursor, total }))
}

/// The page that was asked for, and its customers. Few had another contact once, so that all who had one are opened only where somebody of the page
/// has it no more, or where rows are counted.
async fn page(
    app: &App,
    reader: Reader,
    store: i64,
    asked: &mut Asked,
    market: Market,
) -> Result<(Found, Vec<Customer>), Problem> {
    if !asked.contacts.is_empty() && asked.is_counted {
        asked.wanted.people = Some(present_people(app, reader, store, &asked.contacts, market).await?);
        return opened_page(app, reader, store, asked).await;
    }
    let (page, found) = opened_page(app, reader, store, asked).await?;
    if found.iter().all(|customer| people::has(known(customer), &asked.contacts, market)) {
        return Ok((page, found));
    }
    asked.wanted.people = Some(present_people(app, reader, store, &asked.contacts, market).await?);
    opened_page(app, reader, store, asked).await
}

async fn opened_page(
    app: &App,
    reader: Reader,
    store: i64,
    asked: &mut Asked,
) -> Result<(Found, Vec<Customer>), Problem> {
    let merchant = reader.merchant_id;
    let page = CUSTOMERS.find(app, merchant, store, asked).await?;
    let found = customers::by_ids(&app.query_pool, merchant, store, &page.ids).await?;
    let mut found = in_order(&page.ids, found, |customer| customer.customer_id);
    open(&*app.keys, reader, found.iter_mut().flat_map(personal).collect()).await?;
    Ok((page, found))
}

/// Customers who have all of these contacts now: a customer who had one once and has another now is not the one who is looked for.
async fn present_people(
    app: &App,
    reader: Reader,
    store: i64,
    contacts: &[Contact],
    market: Market,
) -> Result<People, Problem> {
    let merchant = reader.merchant_id;
    let found = CUSTOMERS.people(app, merchant, store, contacts).await?;
    let mut customers = customers::by_ids(&app.query_pool, merchant, store, &found.rows).await?;
    open(&*app.keys, reader, customers.iter_mut().flat_map(personal).collect()).await?;
    customers.retain(|customer| people::has(known(customer), contacts, market));
    let rows = customers.iter().map(|customer| customer.customer_id).collect();
    Ok(People { rows, ..People::default() })
}

/// Values that customers can be filtered by, each with how many customers have it.
#[utoipa::path(get, operation_id = "listCustomerFacets", path = "/api/v1/customers/facets", tag = "customers",
    security(("bearer" = []), ("merchantKey" = [])), responses((status = 200, body = FacetsBody)))]
pub async fn facets(app: Arc<App>, call: Call) -> Answer {
    CUSTOMERS.facets(&app, &call).await
}

/// One customer, and what they bought.
#[utoipa::path(get, operation_id = "getCustomer", path = "/api/v1/customers/{id}", tag = "customers", security(("bearer" = []), ("merchantKey" = [])),
    params(("id" = i64, Path, description = "Salla's id")),
    responses((status = 200, body = CustomerWithSalesBody)))]
pub async fn show(app: Arc<App>, call: Call, id: String) -> Answer {
    let reader = app.reader(&call, Scope::Lists).await?;
    let merchant = reader.merchant_id;
    let unknown = || Problem::new(Code::UnknownCustomer);
    let id = numbered(&id).ok_or_else(unknown)?;
    let store = present_store(&app, merchant).await?.ok_or_else(unknown)?;
    let mut found = customers::find(&app.query_pool, merchant, store, id).await?.ok_or_else(unknown)?;
    let bought = customers::bought(&app.query_pool, merchant, store, id).await?;
    open(&*app.keys, reader, personal(&mut found).into_iter().collect()).await?;
    let currency = app.connector.market(merchant).await?.currency().code;
    let body = CustomerWithSalesBody {
        customer: CustomerBody::of(found, &currency),
        bought: bought.into_iter().map(BoughtInBody::from).collect(),
    };
    Ok(json(StatusCode::OK, &body))
}

fn known(customer: &Customer) -> people::Known<'_> {
    people::Known {
        names: [customer.first_name.as_deref(), customer.last_name.as_deref()],
        email: customer.email.as_deref(),
        phone: customer.phone.as_deref(),
    }
}

fn personal(customer: &mut Customer) -> [&mut Option<String>; 6] {
    [
        &mut customer.first_name,
        &mut customer.last_name,
        &mut customer.phone,
        &mut customer.email,
        &mut customer.birthday,
        &mut customer.location,
    ]
}

impl CustomerBody {
    /// `currency` is the store's.
    fn of(customer: Customer, currency: &str) -> Self {
        let known = |at: DateTime<Utc>| (at != DateTime::UNIX_EPOCH).then_some(at);
        Self {
            orders: customer.orders,
            sales: MoneyBody::new(Decimal::new(customer.sales, 4), currency),
            first_order_at: known(customer.first_order_at),
            last_order_at: known(customer.last_order_at),
            id: customer.customer_id,
            created_at: customer.created_at,
            updated_at: customer.salla_updated_at,
            first_name: customer.first_name,
            last_name: customer.last_name,
            phone: customer.phone,
            email: customer.email,
            gender: customer.gender,
            birthday: customer.birthday,
            city: customer.city,
            country_code: customer.country_code,
            location: customer.location,
            groups: customer.groups,
        }
    }
}

impl From<Bought> for BoughtInBody {
    fn from(bought: Bought) -> Self {
        let currency = bought.currency.unwrap_or_default();
        Self { orders: bought.orders, sales: MoneyBody::new(bought.sales, &currency) }
    }
}
