//! What the merge has stored, for whoever compares it with the source: rows of a range, and orders of which no details were
//! read yet. For the sync, by way of the root (ARCHITECTURE §2).

use chrono::{DateTime, Utc};
use qafila_schemas::ids::MerchantId;
use sqlx::PgPool;

/// A span of creation: from here on, and before there.
pub type Span = (DateTime<Utc>, DateTime<Utc>);

/// `(id, deleted, created)` of a resource of one store: `orders`, `customers` or `products`. Nothing for another resource.
pub async fn rows(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    resource: &str,
    created: Option<Span>,
) -> Result<Vec<(i64, bool, Option<DateTime<Utc>>)>, sqlx::Error> {
    let (table, id) = match resource {
        "orders" => ("orders", "order_id"),
        "customers" => ("customers", "customer_id"),
        "products" => ("products", "product_id"),
        _ => return Ok(vec![]),
    };
    let query = format!(
        "SELECT {id}, coalesce(deleted_at > coalesce(read_at, '-infinity'), false), created_at FROM {table}
         WHERE merchant_id = $1 AND store_id = $2 AND ($3::timestamptz IS NULL OR (created_at >= $3 AND created_at < $4))"
    );
    let (from, to) = created.unzip();
    sqlx::query_as(&query).bind(merchant.0).bind(store_id).bind(from).bind(to).fetch_all(pool).await
}

/// Orders of a span of which no details were read yet, newest first, from before `before` (creation and id).
pub async fn thin_orders(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    created: Span,
    before: Option<(DateTime<Utc>, i64)>,
    limit: i64,
) -> Result<Vec<(i64, DateTime<Utc>)>, sqlx::Error> {
    let (created_before, id_before) = before.unzip();
    sqlx::query_as(
        "SELECT order_id, created_at FROM orders
         WHERE merchant_id = $1 AND store_id = $2 AND created_at >= $3 AND created_at < $4
           AND read_at IS NULL AND deleted_at IS NULL
           AND ($5::timestamptz IS NULL OR (created_at, order_id) < ($5, $6))
         ORDER BY created_at DESC, order_id DESC LIMIT $7",
    )
    .bind(merchant.0)
    .bind(store_id)
    .bind(created.0)
    .bind(created.1)
    .bind(created_before)
    .bind(id_before)
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// How many orders of a span have no details yet.
pub async fn count_thin_orders(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    created: Span,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT count(*) FROM orders WHERE merchant_id = $1 AND store_id = $2 AND created_at >= $3 AND created_at < $4
           AND read_at IS NULL AND deleted_at IS NULL",
    )
    .bind(merchant.0)
    .bind(store_id)
    .bind(created.0)
    .bind(created.1)
    .fetch_one(pool)
    .await
}
