//! Reading the read model `products`; its rows are made by the [merge](super::merge::product).

use chrono::{DateTime, Utc};
use qafila_schemas::ids::MerchantId;
use rust_decimal::Decimal;
use sqlx::{FromRow, PgPool};

use super::scope::{IS_THERE, for_merchant};

/// A product.
#[derive(Debug, Clone, FromRow)]
pub struct Product {
    /// Salla's id.
    pub product_id: i64,
    /// When it was made; none where Salla does not say.
    pub created_at: Option<DateTime<Utc>>,
    /// When it changed last, as Salla says.
    pub salla_updated_at: Option<DateTime<Utc>>,
    /// Name.
    pub name: Option<String>,
    /// SKU.
    pub sku: Option<String>,
    /// `product`, `service`, `digital`, …
    pub kind: Option<String>,
    /// `sale`, `out`, `hidden`, …
    pub status: Option<String>,
    /// Price in major units of the currency.
    pub price: Option<Decimal>,
    /// Price without a sale.
    pub regular_price: Option<Decimal>,
    /// Price of a sale.
    pub sale_price: Option<Decimal>,
    /// What it costs the merchant.
    pub cost_price: Option<Decimal>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// Units in stock; none where Salla does not say.
    pub quantity: Option<i64>,
    /// Stock is not counted.
    pub unlimited_quantity: Option<bool>,
    /// Whether it can be bought.
    pub is_available: Option<bool>,
    /// Units sold, as Salla counts.
    pub sold_quantity: Option<i64>,
    /// Brand.
    pub brand: Option<String>,
    /// Address (https) of the main image.
    pub image: Option<String>,
    /// Names of categories.
    pub categories: Vec<String>,
}

const COLUMNS: &str = "product_id, created_at, salla_updated_at, name, sku, kind, status, price, regular_price, sale_price, cost_price, currency,
    quantity, unlimited_quantity, is_available, sold_quantity, brand, image, categories";

/// The products of a merchant's store with these ids, in no order. `pool` is the query role's.
pub async fn by_ids(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    ids: &[i64],
) -> Result<Vec<Product>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    sqlx::query_as(&format!(
        "SELECT {COLUMNS} FROM products WHERE merchant_id = $1 AND store_id = $2 AND product_id = ANY($3) AND {IS_THERE}"
    ))
    .bind(merchant.0)
    .bind(store_id)
    .bind(ids)
    .fetch_all(&mut *scope)
    .await
}

/// `(id, name, SKU)` of products of a merchant's store, those that were deleted, too.
pub async fn names(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    ids: &[i64],
) -> Result<Vec<(i64, Option<String>, Option<String>)>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    sqlx::query_as(
        "SELECT product_id, name, sku FROM products WHERE merchant_id = $1 AND store_id = $2 AND product_id = ANY($3)",
    )
    .bind(merchant.0)
    .bind(store_id)
    .bind(ids)
    .fetch_all(&mut *scope)
    .await
}

/// One product of a merchant's store.
pub async fn find(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    product_id: i64,
) -> Result<Option<Product>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    sqlx::query_as(&format!(
        "SELECT {COLUMNS} FROM products WHERE merchant_id = $1 AND store_id = $2 AND product_id = $3 AND {IS_THERE}"
    ))
    .bind(merchant.0)
    .bind(store_id)
    .bind(product_id)
    .fetch_optional(&mut *scope)
    .await
}
