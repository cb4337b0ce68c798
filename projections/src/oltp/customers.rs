//! Reading the read model `customers`; its rows are made by the [merge](super::merge::customer).

use chrono::{DateTime, Utc};
use qafila_schemas::ids::MerchantId;
use rust_decimal::Decimal;
use sqlx::{FromRow, PgPool};

use super::scope::{IS_THERE, for_merchant};

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
    /// Orders that count as sales.
    pub orders: i64,
    /// Sum of their totals in the currency of the store, in ten-thousandths.
    pub sales: i64,
    /// When the first of them was made; 1970 where there is none.
    pub first_order_at: DateTime<Utc>,
    /// When the last of them was made; 1970 where there is none.
    pub last_order_at: DateTime<Utc>,
}

/// What a customer bought in one currency.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Bought {
    /// ISO 4217; none where nobody says.
    pub currency: Option<String>,
    /// Orders that count as sales.
    pub orders: i64,
    /// Sum of their totals, in major units.
    pub sales: Decimal,
}

/// A customer, and what the [lists](crate::lists) have counted of their orders.
const SELECT: &str = "SELECT c.customer_id, c.created_at, c.salla_updated_at, c.first_name, c.last_name, c.phone, c.email, c.gender, c.birthday,
        c.city, c.country_code, c.location, c.groups, coalesce(l.units, 0) AS orders, coalesce(l.amount, 0) AS sales,
        coalesce(l.first_at, 'epoch') AS first_order_at, coalesce(l.last_at, 'epoch') AS last_order_at
    FROM customers c LEFT JOIN customer_list l ON l.merchant_id = c.merchant_id AND l.store_id = c.store_id AND l.id = c.customer_id";

/// The customers of a merchant's store with these ids, in no order. `pool` is the query role's.
pub async fn by_ids(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    ids: &[i64],
) -> Result<Vec<Customer>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    let sql = format!(
        "{SELECT} WHERE c.merchant_id = $1 AND c.store_id = $2 AND c.customer_id = ANY($3) AND {IS_THERE}"
    );
    sqlx::query_as(&sql).bind(merchant.0).bind(store_id).bind(ids).fetch_all(&mut *scope).await
}

/// One customer of a merchant's store.
pub async fn find(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    customer_id: i64,
) -> Result<Option<Customer>, sqlx::Error> {
    Ok(by_ids(pool, merchant, store_id, &[customer_id]).await?.pop())
}

/// What a customer bought, by currency, most orders first.
pub async fn bought(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    customer_id: i64,
) -> Result<Vec<Bought>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    sqlx::query_as(
        "SELECT o.currency, count(*) AS orders, coalesce(sum(o.total), 0) AS sales
         FROM order_list l JOIN orders o ON o.merchant_id = l.merchant_id AND o.store_id = l.store_id AND o.order_id = l.id
         WHERE l.merchant_id = $1 AND l.store_id = $2 AND l.customer_id = $3 AND l.is_listed AND l.is_sale
         GROUP BY o.currency ORDER BY orders DESC, o.currency",
    )
    .bind(merchant.0)
    .bind(store_id)
    .bind(customer_id)
    .fetch_all(&mut *scope)
    .await
}
