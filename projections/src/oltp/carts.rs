//! Reading the read model `carts`; its rows are made by the [merge](super::merge::cart).

use chrono::{DateTime, Utc};
use qafila_schemas::ids::MerchantId;
use qafila_schemas::records::observation::CartLine;
use rust_decimal::Decimal;
use sqlx::types::Json;
use sqlx::{FromRow, PgPool};

use super::scope::{IS_THERE, for_merchant};

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

const COLUMNS: &str = "cart_id, created_at,
    CASE WHEN created_list IS NOT NULL THEN 'list' WHEN created_details IS NOT NULL THEN 'details'
        WHEN created_webhook IS NOT NULL THEN 'webhook' ELSE 'receipt' END AS created_at_from,
    salla_updated_at, status, total, sub_total, discount, currency, customer_id, customer_name, customer_phone, customer_email, checkout_url,
    city, coupon_code, lines";

/// The carts of a merchant's store with these ids, in no order. `pool` is the query role's.
pub async fn by_ids(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    ids: &[i64],
) -> Result<Vec<Cart>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    sqlx::query_as(&format!(
        "SELECT {COLUMNS} FROM carts
         WHERE merchant_id = $1 AND store_id = $2 AND cart_id = ANY($3) AND created_at IS NOT NULL AND {IS_THERE}"
    ))
    .bind(merchant.0)
    .bind(store_id)
    .bind(ids)
    .fetch_all(&mut *scope)
    .await
}
