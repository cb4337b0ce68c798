//! Reading the read model `carts`; its rows are made by the [merge](super::merge::cart).

use chrono::{DateTime, Utc};
use qafila_schemas::ids::MerchantId;
use qafila_schemas::records::observation::CartLine;
use rust_decimal::Decimal;
use sqlx::types::Json;
use sqlx::{FromRow, PgPool};

use super::scope::{IS_THERE, for_merchant};

/// Creation and id of the last cart of a page.
pub type Cursor = (DateTime<Utc>, i64);

/// An abandoned cart; personal texts are sealed.
#[derive(Debug, Clone, FromRow)]
pub struct Cart {
    /// Salla's id.
    pub cart_id: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Whose word that is: `list`, `details`, `webhook`, or `receipt` where it is when we first heard of it.
    pub created_at_from: String,
    /// When it changed last, as Salla says.
    pub salla_updated_at: Option<DateTime<Utc>>,
    /// `active`, `purchased`, …; none where no event told it.
    pub status: Option<String>,
    /// Total in major units of the currency.
    pub total: Option<Decimal>,
    /// Sum of the lines.
    pub sub_total: Option<Decimal>,
    /// Discount.
    pub discount: Option<Decimal>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Salla's id of the customer.
    pub customer_id: Option<i64>,
    /// Sealed.
    pub customer_name: Option<String>,
    /// Sealed.
    pub customer_phone: Option<String>,
    /// Sealed.
    pub customer_email: Option<String>,
    /// Sealed: it carries a token.
    pub checkout_url: Option<String>,
    /// City of the customer.
    pub city: Option<String>,
    /// Coupon in the cart.
    pub coupon_code: Option<String>,
    /// Lines.
    pub lines: Json<Vec<CartLine>>,
}

/// The carts of a merchant's store, newest first, from behind `cursor`; those of `status`, where one is named.
pub async fn list(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    status: Option<&str>,
    cursor: Option<Cursor>,
    limit: i64,
) -> Result<Vec<Cart>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    let (created_at, cart_id) = cursor.unwrap_or((DateTime::<Utc>::MAX_UTC, i64::MAX));
    sqlx::query_as(&format!(
        "SELECT cart_id, created_at,
             CASE WHEN created_list IS NOT NULL THEN 'list' WHEN created_details IS NOT NULL THEN 'details'
                 WHEN created_webhook IS NOT NULL THEN 'webhook' ELSE 'receipt' END AS created_at_from, salla_updated_at, status, total, sub_total, discount, currency, customer_id,
             customer_name, customer_phone, customer_email, checkout_url, city, coupon_code, lines
         FROM carts
         WHERE merchant_id = $1 AND store_id = $6 AND created_at IS NOT NULL AND (created_at, cart_id) < ($2, $3)
           AND {IS_THERE} AND ($4::text IS NULL OR status = $4)
         ORDER BY created_at DESC, cart_id DESC LIMIT $5"
    ))
    .bind(merchant.0)
    .bind(created_at)
    .bind(cart_id)
    .bind(status)
    .bind(limit)
    .bind(store_id)
    .fetch_all(&mut *scope)
    .await
}
