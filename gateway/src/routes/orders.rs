//! `/api/v1/orders`: the merchant's orders, and one with its lines.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_projections::lists::List;
use qafila_projections::lists::find::SortKey;
use qafila_projections::oltp::orders::{self, Order};
use qafila_schemas::records::observation::OrderLine;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, numbered, present_store};
use crate::app::App;
use crate::auth::reading::Scope;
use crate::call::{Call, json};
use crate::listing::{FacetsBody, Found, Listing, TotalBody, in_order};
use crate::money::MoneyBody;
use crate::opening::open;
use crate::people;
use crate::problem::{Code, Problem};
use crate::values::{OrderSort, ProductFoundBy};

/// A page of orders.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrdersBody {
    items: Vec<OrderBody>,
    /// Give it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
    /// How many there are; null where it was not asked for.
    total: Option<TotalBody>,
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
    /// Address (https) of its page in Salla's dashboard, which opens for the store's own people; null where it is not known.
    admin_url: Option<String>,
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
    /// How the amounts add up to the total; null where one of them is not known.
    sums: Option<SumsBody>,
    /// False until the lines were read whole: then they hold name and quantity only.
    lines_complete: bool,
    lines: Vec<OrderLineBody>,
}

/// How an order's amounts add up: `subTotal` and `shippingCost` and `cashOnDelivery` and `tax`, less `discount` where `discountIsInSubTotal` is
/// false, and `other` are its `total`.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SumsBody {
    /// Whether the subtotal is without the discount already: Salla tells it either way.
    discount_is_in_sub_total: bool,
    /// What is in the total beside these amounts, such as rounding; may be below 0.
    other: MoneyBody,
}

impl SumsBody {
    fn of(order: &Order) -> Option<Self> {
        let total = order.total?;
        let parts = [order.shipping_cost, order.cash_on_delivery, order.tax];
        let known: Decimal = order.sub_total? + parts.iter().flatten().sum::<Decimal>();
        let discount = order.discount.unwrap_or_default();
        let (without, with) = (total - known, total - (known - discount));
        // The reading that explains more of the total.
        let discount_is_in_sub_total = without.abs() <= with.abs();
        let other = if discount_is_in_sub_total { without } else { with };
        let currency = order.currency.clone().unwrap_or_default();
        Some(Self { discount_is_in_sub_total, other: MoneyBody::new(other, &currency) })
    }
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

/// The list.
const ORDERS: Listing = Listing {
    list: List::Orders,
    filters: &[
        "status",
        "paymentMethod",
        "channel",
        "city",
        "number",
        "customerId",
        "productId",
        "q",
        "amountFrom",
        "amountTo",
        "email",
        "phone",
        "name",
    ],
    sorts: &[("createdAt", SortKey::Created), ("total", SortKey::Amount)],
};

/// The merchant's orders.
#[utoipa::path(get, operation_id = "listOrders", path = "/api/v1/orders", tag = "orders", security(("bearer" = []), ("merchantKey" = [])),
    params(("status" = Option<Vec<String>>, Query, description = "Only of one of these statuses (slugs)"),
        ("paymentMethod" = Option<Vec<String>>, Query, description = "Only paid in one of these ways"),
        ("channel" = Option<Vec<String>>, Query, description = "Only of one of these channels"),
        ("city" = Option<Vec<String>>, Query, description = "Only of one of these cities"),
        ("number" = Option<i64>, Query, description = "Only of this number"),
        ("customerId" = Option<i64>, Query, description = "Only of this customer"),
        ("productId" = Option<i64>, Query, description = "Only with this product"),
        ("q" = Option<String>, Query, description = "Only with all of these words among its number and the names and SKUs of its products"),
        ("amountFrom" = Option<String>, Query, description = "Total at least so much, a decimal number, in the currency of the store"),
        ("amountTo" = Option<String>, Query, description = "Total at most so much"),
        ("email" = Option<String>, Query, description = "Only of whoever has or had exactly this address"),
        ("phone" = Option<String>, Query, description = "Only of whoever has or had this number; without a country code it is of the store's country"),
        ("name" = Option<String>, Query, description = "Only of whoever has or had all of these words in their name"),
        ("from" = Option<NaiveDate>, Query, description = "First day"),
        ("to" = Option<NaiveDate>, Query, description = "Last day, included"),
        ("timezone" = Option<String>, Query, description = "An IANA time zone of these days; Asia/Riyadh where absent"),
        ("sort" = Option<OrderSort>, Query, description = "Newest first where absent; totals are compared in the currency of the store"),
        ("count" = Option<bool>, Query, description = "Whether to count all rows, exactly up to 10,000"),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 20 where absent")),
    responses((status = 200, body = OrdersBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Answer {
    let reader = app.reader(&call, Scope::Lists).await?;
    let merchant = reader.merchant_id;
    let market = people::market(&app, merchant, &call).await?;
    let Some((store, mut asked)) = ORDERS.asked(&app, &call, market, reader).await? else {
        return Ok(json(StatusCode::OK, &OrdersBody::default()));
    };
    let Found { ids, next_cursor, total } = ORDERS.find(&app, merchant, store, &mut asked).await?;
    let found = orders::by_ids(&app.query_pool, merchant, store, &ids).await?;
    let mut found = in_order(&ids, found, |order| order.order_id);
    open(&*app.keys, reader, found.iter_mut().flat_map(personal).collect()).await?;
    let items = found.into_iter().map(OrderBody::from).collect();
    Ok(json(StatusCode::OK, &OrdersBody { items, next_cursor, total }))
}

/// Values that orders can be filtered by, each with how many orders have it.
#[utoipa::path(get, operation_id = "listOrderFacets", path = "/api/v1/orders/facets", tag = "orders", security(("bearer" = []), ("merchantKey" = [])),
    responses((status = 200, body = FacetsBody)))]
pub async fn facets(app: Arc<App>, call: Call) -> Answer {
    ORDERS.facets(&app, &call).await
}

/// One order with its lines.
#[utoipa::path(get, operation_id = "getOrder", path = "/api/v1/orders/{id}", tag = "orders", security(("bearer" = []), ("merchantKey" = [])),
    params(("id" = i64, Path, description = "Salla's id")),
    responses((status = 200, body = OrderWithLinesBody)))]
pub async fn show(app: Arc<App>, call: Call, id: String) -> Answer {
    let reader = app.reader(&call, Scope::Lists).await?;
    let merchant = reader.merchant_id;
    let found = match (numbered(&id), present_store(&app, merchant).await?) {
        (Some(id), Some(store)) => orders::find(&app.query_pool, merchant, store, id).await?,
        _ => None,
    };
    let mut found = found.ok_or_else(|| Problem::new(Code::UnknownOrder))?;
    let mut sealed: Vec<&mut Option<String>> = personal(&mut found.order).into_iter().collect();
    sealed.extend(found.lines.0.iter_mut().map(|line| &mut line.options));
    open(&*app.keys, reader, sealed).await?;
    let currency = found.order.currency.clone().unwrap_or_default();
    let lines = found.lines.0.into_iter().map(|line| OrderLineBody::of(line, &currency)).collect();
    let sums = SumsBody::of(&found.order);
    let body =
        OrderWithLinesBody { order: found.order.into(), sums, lines_complete: found.lines_complete, lines };
    Ok(json(StatusCode::OK, &body))
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
            admin_url: order.admin_url,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(sub_total: &str, shipping: &str, tax: &str, discount: &str, total: &str) -> SumsBody {
        let amount = |text: &str| text.parse::<Decimal>().ok();
        let order = Order {
            sub_total: amount(sub_total),
            shipping_cost: amount(shipping),
            tax: amount(tax),
            discount: amount(discount),
            total: amount(total),
            currency: Some("SAR".into()),
            ..Order::default()
        };
        SumsBody::of(&order).expect("sums")
    }

    #[test]
    fn amounts_add_up_whether_or_not_the_subtotal_is_without_the_discount() {
        let sar = |amount: &str| MoneyBody::new(amount.parse::<Decimal>().expect("an amount"), "SAR");
        // Both are of Salla's own samples: the details, and the webhook.
        let light = sums("250", "13.04", "39.46", "15", "302.5");
        assert_eq!(light, SumsBody { discount_is_in_sub_total: true, other: sar("0") });
        let webhook = sums("100", "10", "15", "20", "105");
        assert_eq!(webhook, SumsBody { discount_is_in_sub_total: false, other: sar("0") });
        let rounded = sums("100", "0", "15", "0", "114.99");
        assert_eq!(rounded, SumsBody { discount_is_in_sub_total: true, other: sar("-0.01") });
        assert_eq!(SumsBody::of(&Order::default()), None);
    }
}
