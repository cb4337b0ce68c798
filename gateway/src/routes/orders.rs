//! `/api/v1/orders`: the merchant's orders, and one with its lines.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_projections::oltp::orders::{self, Order, OrderFilter, People};
use qafila_schemas::records::observation::OrderLine;
use qafila_schemas::sealed::SubjectId;
use qafila_schemas::words::rule::Rule;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, numbered, present_store};
use crate::app::App;
use crate::call::{Call, json};
use crate::money::MoneyBody;
use crate::opening::open;
use crate::page::PageRequest;
use crate::people;
use crate::problem::{Code, Problem};
use crate::values::{OrderSort, ProductFoundBy};

const LONGEST_STATUS: usize = 50;

/// A page of orders.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrdersBody {
    items: Vec<OrderBody>,
    /// Give it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// An order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderBody {
    /// Salla's id.
    id: i64,
    /// The number that merchants and customers know it by.
    number: Option<i64>,
    /// When it was made, UTC.
    created_at: DateTime<Utc>,
    /// When it changed last, UTC; null where Salla does not say.
    updated_at: Option<DateTime<Utc>>,
    status: OrderStateBody,
    /// `cod`, `credit_card`, …; values may be added.
    payment_method: Option<String>,
    is_pending_payment: Option<bool>,
    total: Option<MoneyBody>,
    sub_total: Option<MoneyBody>,
    shipping_cost: Option<MoneyBody>,
    cash_on_delivery: Option<MoneyBody>,
    tax: Option<MoneyBody>,
    discount: Option<MoneyBody>,
    channel: Option<String>,
    customer: OrderPersonBody,
    receiver: OrderPersonBody,
    city: Option<String>,
    /// ISO 3166.
    country_code: Option<String>,
}

/// State of an order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderStateBody {
    /// Salla's slug, such as `under_review`; values may be added.
    slug: Option<String>,
    /// As the store names it.
    name: Option<String>,
    /// The store's own status, where it has one.
    custom_name: Option<String>,
}

/// A person of an order; what is unknown or erased is null.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderPersonBody {
    /// Salla's id; null for a receiver.
    id: Option<i64>,
    name: Option<String>,
    /// E.164.
    phone: Option<String>,
    email: Option<String>,
}

/// An order with its lines.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderWithLinesBody {
    #[serde(flatten)]
    order: OrderBody,
    /// False until the lines were read whole: then they hold name and quantity only.
    lines_complete: bool,
    lines: Vec<OrderLineBody>,
}

/// One line of an order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderLineBody {
    product_id: Option<i64>,
    /// Null where it was not found.
    #[schema(value_type = Option<ProductFoundBy>)]
    product_found_by: Option<String>,
    name: Option<String>,
    sku: Option<String>,
    /// A decimal number as text; null where it could not be read.
    quantity: Option<String>,
    unit_price: Option<MoneyBody>,
    discount: Option<MoneyBody>,
    tax: Option<MoneyBody>,
    total: Option<MoneyBody>,
    /// Free-text options and notes, as JSON text; null where there are none, or where they were erased.
    options: Option<String>,
}

/// The merchant's orders.
#[utoipa::path(get, operation_id = "listOrders", path = "/api/v1/orders", tag = "orders", security(("bearer" = [])),
    params(("status" = Option<String>, Query, description = "Only of this status (slug)"),
        ("number" = Option<i64>, Query, description = "Only of this number"),
        ("customerId" = Option<i64>, Query, description = "Only of this customer"),
        ("email" = Option<String>, Query, description = "Only of whoever has or had exactly this address"),
        ("phone" = Option<String>, Query, description = "Only of whoever has or had this number; without a country code it is of the store's country"),
        ("from" = Option<DateTime<Utc>>, Query, description = "Made at or after, ISO 8601"),
        ("until" = Option<DateTime<Utc>>, Query, description = "Made before, ISO 8601"),
        ("sort" = Option<OrderSort>, Query, description = "Newest first where absent"),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 20 where absent")),
    responses((status = 200, body = OrdersBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let (mut page, mut filter, mut by) = (PageRequest::default(), OrderFilter::default(), None);
    let market = people::market(&app, identity.merchant_id, &call).await?;
    for (name, value) in call.parameters() {
        if let Some(contact) = people::contact(&name, &value, market)? {
            by = Some(contact);
        } else if !page.take(&name, &value)? {
            take(&mut filter, &name, value)?;
        }
    }
    let merchant = identity.merchant_id;
    let store = present_store(&app, merchant).await?;
    if let Some((contact, store)) = by.zip(store) {
        let mut found = People::default();
        for id in people::subject_ids_with(&*app.keys, merchant, store, &contact).await? {
            match id {
                SubjectId::Customer(id) => found.customers.push(id),
                SubjectId::Order(id) => found.orders.push(id),
                SubjectId::Cart(_) => {}
            }
        }
        filter.people = Some(found);
    }
    let mut found = match store {
        Some(store) => {
            orders::list(&app.query_pool, merchant, store, &filter, page.cursor, page.wanted()).await?
        }
        None => vec![],
    };
    let next_cursor = page.cut(&mut found, |order| (order.created_at, order.order_id));
    open(&*app.keys, merchant, found.iter_mut().flat_map(personal).collect()).await?;
    let items = found.into_iter().map(OrderBody::from).collect();
    Ok(json(StatusCode::OK, &OrdersBody { items, next_cursor }))
}

/// One order with its lines.
#[utoipa::path(get, operation_id = "getOrder", path = "/api/v1/orders/{id}", tag = "orders", security(("bearer" = [])),
    params(("id" = i64, Path, description = "Salla's id")),
    responses((status = 200, body = OrderWithLinesBody)))]
pub async fn show(app: Arc<App>, call: Call, id: String) -> Answer {
    let merchant = app.access_tokens.identify(&call)?.merchant_id;
    let found = match (numbered(&id), present_store(&app, merchant).await?) {
        (Some(id), Some(store)) => orders::find(&app.query_pool, merchant, store, id).await?,
        _ => None,
    };
    let mut found = found.ok_or_else(|| Problem::new(Code::UnknownOrder))?;
    let mut sealed: Vec<&mut Option<String>> = personal(&mut found.order).into_iter().collect();
    sealed.extend(found.lines.0.iter_mut().map(|line| &mut line.options));
    open(&*app.keys, merchant, sealed).await?;
    let currency = found.order.currency.clone().unwrap_or_default();
    let lines = found.lines.0.into_iter().map(|line| OrderLineBody::of(line, &currency)).collect();
    let body = OrderWithLinesBody { order: found.order.into(), lines_complete: found.lines_complete, lines };
    Ok(json(StatusCode::OK, &body))
}

fn take(filter: &mut OrderFilter, name: &str, value: String) -> Result<(), Problem> {
    let number = |value: &str| value.parse().ok();
    let instant = |value: &str| DateTime::parse_from_rfc3339(value).ok().map(|at| at.to_utc());
    let bad = |rule: Rule| Problem::invalid_field(name, rule);
    match name {
        "status" if (1..=LONGEST_STATUS).contains(&value.len()) => filter.status = Some(value),
        "status" => return Err(bad(Rule::length(1, 50))),
        "number" => filter.number = Some(number(&value).ok_or_else(|| bad(Rule::wrong_type("integer")))?),
        "customerId" => {
            filter.customer_id = Some(number(&value).ok_or_else(|| bad(Rule::wrong_type("integer")))?);
        }
        "from" => {
            filter.from = Some(instant(&value).ok_or_else(|| bad(Rule::instant()))?);
        }
        "until" => {
            filter.until = Some(instant(&value).ok_or_else(|| bad(Rule::instant()))?);
        }
        "sort" => match value.as_str() {
            "-createdAt" => filter.oldest_first = false,
            "createdAt" => filter.oldest_first = true,
            _ => return Err(bad(Rule::one_of(&["createdAt", "-createdAt"]))),
        },
        _ => return Err(bad(Rule::unknown_parameter())),
    }
    Ok(())
}

fn personal(order: &mut Order) -> [&mut Option<String>; 6] {
    [
        &mut order.customer_name,
        &mut order.customer_phone,
        &mut order.customer_email,
        &mut order.receiver_name,
        &mut order.receiver_phone,
        &mut order.receiver_email,
    ]
}

impl From<Order> for OrderBody {
    fn from(order: Order) -> Self {
        let currency = order.currency.unwrap_or_default();
        let money = |amount: Option<Decimal>| amount.map(|amount| MoneyBody::new(amount, &currency));
        Self {
            id: order.order_id,
            number: order.reference_id,
            created_at: order.created_at,
            updated_at: order.salla_updated_at,
            status: OrderStateBody {
                slug: order.status_slug,
                name: order.status_name,
                custom_name: order.custom_status_name,
            },
            payment_method: order.payment_method,
            is_pending_payment: order.is_pending_payment,
            total: money(order.total),
            sub_total: money(order.sub_total),
            shipping_cost: money(order.shipping_cost),
            cash_on_delivery: money(order.cash_on_delivery),
            tax: money(order.tax),
            discount: money(order.discount),
            channel: order.channel,
            customer: OrderPersonBody {
                id: order.customer_id,
                name: order.customer_name,
                phone: order.customer_phone,
                email: order.customer_email,
            },
            receiver: OrderPersonBody {
                id: None,
                name: order.receiver_name,
                phone: order.receiver_phone,
                email: order.receiver_email,
            },
            city: order.city,
            country_code: order.country_code,
        }
    }
}

impl OrderLineBody {
    fn of(line: OrderLine, currency: &str) -> Self {
        let money = |amount: Option<_>| {
            amount.map(|amount: qafila_schemas::amount::Amount| MoneyBody::new(amount, currency))
        };
        Self {
            product_id: line.product_id,
            product_found_by: line.product_found_by,
            name: line.name,
            sku: line.sku,
            quantity: line.quantity.map(|quantity| quantity.to_string()),
            unit_price: money(line.unit_price),
            discount: money(line.discount),
            tax: money(line.tax),
            total: money(line.total),
            options: line.options,
        }
    }
}
