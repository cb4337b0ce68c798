//! Reading the read model `customers`; its rows are made by the [merge](super::merge::customer).

use chrono::{DateTime, Utc};
use qafila_schemas::ids::MerchantId;
use sqlx::{FromRow, PgPool};

use super::scope::{IS_THERE, for_merchant};

/// Which customers are wanted; what is none does not matter.
#[derive(Debug, Clone, Default)]
pub struct CustomerFilter {
    /// City, exactly.
    pub city: Option<String>,
    /// One of these ids.
    pub ids: Option<Vec<i64>>,
}

/// A customer; personal texts are sealed.
#[derive(Debug, Clone, FromRow)]
pub struct Customer {
    /// Salla's id.
    pub customer_id: i64,
    /// When the account was made; none where Salla does not say.
    pub created_at: Option<DateTime<Utc>>,
    /// When it changed last, as Salla says.
    pub salla_updated_at: Option<DateTime<Utc>>,
    /// Sealed.
    pub first_name: Option<String>,
    /// Sealed.
    pub last_name: Option<String>,
    /// Sealed; E.164.
    pub phone: Option<String>,
    /// Sealed.
    pub email: Option<String>,
    /// `male` or `female`.
    pub gender: Option<String>,
    /// Sealed; `YYYY-MM-DD`.
    pub birthday: Option<String>,
    /// City.
    pub city: Option<String>,
    /// ISO 3166.
    pub country_code: Option<String>,
    /// Sealed.
    pub location: Option<String>,
    /// Salla's ids of groups.
    pub groups: Vec<i64>,
}

const COLUMNS: &str = "customer_id, created_at, salla_updated_at, first_name, last_name, phone, email, gender, birthday, city, country_code,
    location, groups";

/// The customers of a merchant's store with ids below `behind`, newest ids first. `pool` is the query role's.
pub async fn list(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    filter: &CustomerFilter,
    behind: Option<i64>,
    limit: i64,
) -> Result<Vec<Customer>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    sqlx::query_as(&format!(
        "SELECT {COLUMNS} FROM customers
         WHERE merchant_id = $1 AND store_id = $2 AND customer_id < $3 AND {IS_THERE} AND ($4::text IS NULL OR city = $4)
           AND ($6::bigint[] IS NULL OR customer_id = ANY($6))
         ORDER BY customer_id DESC LIMIT $5"
    ))
    .bind(merchant.0)
    .bind(store_id)
    .bind(behind.unwrap_or(i64::MAX))
    .bind(&filter.city)
    .bind(limit)
    .bind(&filter.ids)
    .fetch_all(&mut *scope)
    .await
}

/// One customer of a merchant's store.
pub async fn find(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    customer_id: i64,
) -> Result<Option<Customer>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    sqlx::query_as(&format!(
        "SELECT {COLUMNS} FROM customers WHERE merchant_id = $1 AND store_id = $2 AND customer_id = $3 AND {IS_THERE}"
    ))
    .bind(merchant.0)
    .bind(store_id)
    .bind(customer_id)
    .fetch_optional(&mut *scope)
    .await
}
