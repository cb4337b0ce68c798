//! Reading the read model `orders`; its rows are made by the [merge](super::merge::order).

use chrono::{DateTime, Utc};
use qafila_schemas::ids::MerchantId;
use qafila_schemas::records::observation::OrderLine;
use rust_decimal::Decimal;
use sqlx::types::Json;
use sqlx::{FromRow, PgPool};

use super::scope::{IS_THERE, for_merchant};

/// An order without its lines; personal texts are sealed.
#[derive(Debug, Clone, Default, FromRow)]
pub struct Order {
    /// Salla's id.
    pub order_id: i64,
    /// The number that merchants and customers know it by.
    pub reference_id: Option<i64>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it changed last, as Salla says.
    pub salla_updated_at: Option<DateTime<Utc>>,
    /// Salla's slug.
    pub status_slug: Option<String>,
    /// As the store names it.
    pub status_name: Option<String>,
    /// The store's own status, where it has one.
    pub custom_status_name: Option<String>,
    /// How it is paid.
    pub payment_method: Option<String>,
    /// Whether the payment is awaited.
    pub is_pending_payment: Option<bool>,
    /// Total in major units of the currency.
    pub total: Option<Decimal>,
    /// Sum of the lines.
    pub sub_total: Option<Decimal>,
    /// Shipping.
    pub shipping_cost: Option<Decimal>,
    /// Fee for cash on delivery.
    pub cash_on_delivery: Option<Decimal>,
    /// Tax.
    pub tax: Option<Decimal>,
    /// Discount.
    pub discount: Option<Decimal>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Salla's id of the customer.
    pub customer_id: Option<i64>,
    /// Where it was ordered.
    pub channel: Option<String>,
    /// Sealed.
    pub customer_name: Option<String>,
    /// Sealed.
    pub customer_phone: Option<String>,
    /// Sealed.
    pub customer_email: Option<String>,
    /// Sealed.
    pub receiver_name: Option<String>,
    /// Sealed.
    pub receiver_phone: Option<String>,
    /// Sealed.
    pub receiver_email: Option<String>,
    /// City of the delivery.
    pub city: Option<String>,
    /// ISO 3166.
    pub country_code: Option<String>,
    /// Address of its page in Salla's dashboard.
    pub admin_url: Option<String>,
}

/// An order with its lines.
#[derive(Debug, Clone, FromRow)]
pub struct OrderWithLines {
    /// All but the lines.
    #[sqlx(flatten)]
    pub order: Order,
    /// Whether the lines are whole; otherwise they hold name and quantity only, until they are read.
    pub lines_complete: bool,
    /// Lines.
    pub lines: Json<Vec<OrderLine>>,
}

const COLUMNS: &str = "order_id, reference_id, created_at, salla_updated_at, status_slug, status_name, custom_status_name, payment_method,
    is_pending_payment, total, sub_total, shipping_cost, cash_on_delivery, tax, discount, currency, customer_id, channel, customer_name,
    customer_phone, customer_email, receiver_name, receiver_phone, receiver_email, city, country_code, admin_url";

/// The orders of a merchant's store with these ids, in no order. `pool` is the query role's.
pub async fn by_ids(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    ids: &[i64],
) -> Result<Vec<Order>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    sqlx::query_as(&format!(
        "SELECT {COLUMNS} FROM orders
         WHERE merchant_id = $1 AND store_id = $2 AND order_id = ANY($3) AND created_at IS NOT NULL AND {IS_THERE}"
    ))
    .bind(merchant.0)
    .bind(store_id)
    .bind(ids)
    .fetch_all(&mut *scope)
    .await
}

/// `(customer, name)` of customers of a merchant's store, as their newest order has it: sealed.
pub async fn names_of_customers(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    customers: &[i64],
) -> Result<Vec<(i64, Option<String>)>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    sqlx::query_as(&format!(
        "SELECT asked.id, newest.customer_name FROM unnest($3::bigint[]) AS asked (id) CROSS JOIN LATERAL (
             SELECT customer_name FROM orders
             WHERE merchant_id = $1 AND store_id = $2 AND customer_id = asked.id AND customer_name IS NOT NULL AND {IS_THERE}
             ORDER BY created_at DESC NULLS LAST LIMIT 1) AS newest"
    ))
    .bind(merchant.0)
    .bind(store_id)
    .bind(customers)
    .fetch_all(&mut *scope)
    .await
}

/// One order of a merchant's store.
pub async fn find(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    order_id: i64,
) -> Result<Option<OrderWithLines>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    sqlx::query_as(&format!(
        "SELECT {COLUMNS}, lines_complete, lines FROM orders
         WHERE merchant_id = $1 AND store_id = $2 AND order_id = $3 AND created_at IS NOT NULL AND {IS_THERE}"
    ))
    .bind(merchant.0)
    .bind(store_id)
    .bind(order_id)
    .fetch_optional(&mut *scope)
    .await
}
