//! What the merge has stored, for whoever compares it with the source: rows of a range, and orders that are thin or stale. For
//! the sync, by way of the root (ARCHITECTURE §2).

use chrono::{DateTime, NaiveDate, Utc};
use qafila_schemas::ids::MerchantId;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::scope::IS_THERE;

/// A span of creation: from here on, and before there.
pub type Span = (DateTime<Utc>, DateTime<Utc>);
/// Creation and id of a row that the next page begins behind.
pub type Before = (DateTime<Utc>, i64);

/// Id and creation.
pub type Row = (i64, Option<DateTime<Utc>>);

/// A row of which there was news since it was read.
#[derive(Debug, Clone, FromRow)]
pub struct StaleRow {
    /// Merchant.
    pub merchant_id: Uuid,
    /// Salla's id of the store.
    pub store_id: i64,
    /// `orders`, `customers` or `products`.
    pub resource: String,
    /// Salla's id.
    pub salla_id: i64,
    /// When it was made; none where nobody has told.
    pub created_at: Option<DateTime<Utc>>,
    /// The last news of it.
    pub stale_since: DateTime<Utc>,
    /// Its details were read before.
    pub was_read: bool,
}

/// Not deleted, and no details were read, or none since there was news.
const TO_READ: &str =
    "coalesce(deleted_at <= read_at, deleted_at IS NULL) AND (read_at IS NULL OR stale_since > read_at)";

/// There was news since the last read, and since it was said to be gone; as in the indexes of migration 0008.
const IS_STALE: &str =
    "stale_since > coalesce(read_at, '-infinity') AND stale_since > coalesce(deleted_at, '-infinity')";

/// `(id, phone, e-mail address, names)`, sealed, of a store's customers (`customers`) or of the customers beside its orders (`orders`), in the order
/// of their ids from behind `after`. Nothing for another resource.
pub async fn sealed_contacts(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    resource: &str,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<(i64, Option<String>, Option<String>, Vec<Option<String>>)>, sqlx::Error> {
    let columns = match resource {
        "orders" => "order_id, customer_phone, customer_email, ARRAY[customer_name] FROM orders",
        "customers" => "customer_id, phone, email, ARRAY[first_name, last_name] FROM customers",
        _ => return Ok(vec![]),
    };
    let query = format!(
        "SELECT {columns} WHERE merchant_id = $1 AND store_id = $2 AND {id} > $3 ORDER BY {id} LIMIT $4",
        id = columns.split(',').next().unwrap_or_default()
    );
    let after = after.unwrap_or(i64::MIN);
    sqlx::query_as(&query).bind(merchant.0).bind(store_id).bind(after).bind(limit).fetch_all(pool).await
}

/// Table and column of the id of a resource (`orders`, `customers` or `products`); none of another.
fn table_of(resource: &str) -> Option<(&'static str, &'static str)> {
    match resource {
        "orders" => Some(("orders", "order_id")),
        "customers" => Some(("customers", "customer_id")),
        "products" => Some(("products", "product_id")),
        _ => None,
    }
}

/// The condition of a span of creation, whose bounds are the parameters from `first` on; nothing where no span is named. In words of its own,
/// because a condition that a parameter may switch off keeps a prepared statement from using the index.
fn within(created: Option<Span>, first: u32) -> String {
    created
        .map_or_else(String::new, |_| format!("AND created_at >= ${first} AND created_at < ${}", first + 1))
}

/// Those of `ids` of a resource of one store that are not stored.
pub async fn not_stored(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    resource: &str,
    ids: &[i64],
) -> Result<Vec<i64>, sqlx::Error> {
    let Some((table, id)) = table_of(resource) else { return Ok(vec![]) };
    let query = format!(
        "SELECT asked.id FROM unnest($3::bigint[]) AS asked (id)
         WHERE NOT EXISTS (SELECT FROM {table} WHERE merchant_id = $1 AND store_id = $2 AND {id} = asked.id)"
    );
    sqlx::query_scalar(&query).bind(merchant.0).bind(store_id).bind(ids).fetch_all(pool).await
}

/// Those of `ids` of a resource of one store that are stored as deleted.
pub async fn deleted(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    resource: &str,
    ids: &[i64],
) -> Result<Vec<i64>, sqlx::Error> {
    let Some((table, id)) = table_of(resource) else { return Ok(vec![]) };
    let query = format!(
        "SELECT {id} FROM {table} WHERE merchant_id = $1 AND store_id = $2 AND {id} = ANY($3) AND NOT {IS_THERE}"
    );
    sqlx::query_scalar(&query).bind(merchant.0).bind(store_id).bind(ids).fetch_all(pool).await
}

/// Rows of a resource of one store, of a span of creation where one is named, that are there and are not among `listed`: id and creation
/// of the `limit` that were created last, those that tell no creation at the end, and how many there are in all.
pub async fn left_out(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    resource: &str,
    created: Option<Span>,
    listed: &[i64],
    limit: i64,
) -> Result<(Vec<Row>, i64), sqlx::Error> {
    let Some((table, id)) = table_of(resource) else { return Ok((vec![], 0)) };
    let span = within(created, 5);
    let query = format!(
        "SELECT {id}, created_at, count(*) OVER () FROM {table}
         WHERE merchant_id = $1 AND store_id = $2 AND {IS_THERE} {span}
           AND NOT EXISTS (SELECT FROM unnest($3::bigint[]) AS listed (id) WHERE listed.id = {table}.{id})
         ORDER BY created_at DESC NULLS LAST, {id} DESC LIMIT $4"
    );
    let query = sqlx::query_as(&query).bind(merchant.0).bind(store_id).bind(listed).bind(limit.max(1));
    let query = match created {
        Some((from, to)) => query.bind(from).bind(to),
        None => query,
    };
    let rows: Vec<(i64, Option<DateTime<Utc>>, i64)> = query.fetch_all(pool).await?;
    let total = rows.first().map_or(0, |row| row.2);
    let shown = usize::try_from(limit).unwrap_or_default();
    Ok((rows.into_iter().take(shown).map(|(id, created, _)| (id, created)).collect(), total))
}

/// Rows of a resource of one store, of a span of creation where one is named, that are there and of which there was news since `since`, and
/// when: the `limit` with the last news.
pub async fn news_since(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    resource: &str,
    created: Option<Span>,
    since: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(i64, DateTime<Utc>)>, sqlx::Error> {
    let Some((table, id)) = table_of(resource) else { return Ok(vec![]) };
    let span = within(created, 5);
    let query = format!(
        "SELECT {id}, stale_since FROM {table} WHERE merchant_id = $1 AND store_id = $2 AND {IS_THERE} AND stale_since >= $3 {span}
         ORDER BY stale_since DESC LIMIT $4"
    );
    let query = sqlx::query_as(&query).bind(merchant.0).bind(store_id).bind(since).bind(limit);
    let query = match created {
        Some((from, to)) => query.bind(from).bind(to),
        None => query,
    };
    query.fetch_all(pool).await
}

/// How many rows of a resource of one store, of a span of creation where one is named, are there, and how many were found to be deleted
/// after `since`.
pub async fn counts(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    resource: &str,
    created: Option<Span>,
    since: DateTime<Utc>,
) -> Result<(i64, i64), sqlx::Error> {
    let Some((table, _)) = table_of(resource) else { return Ok((0, 0)) };
    let span = within(created, 4);
    let query = format!(
        "SELECT count(*) FILTER (WHERE {IS_THERE}), count(*) FILTER (WHERE NOT {IS_THERE} AND deleted_at > $3)
         FROM {table} WHERE merchant_id = $1 AND store_id = $2 {span}"
    );
    let query = sqlx::query_as(&query).bind(merchant.0).bind(store_id).bind(since);
    let query = match created {
        Some((from, to)) => query.bind(from).bind(to),
        None => query,
    };
    query.fetch_one(pool).await
}

/// `(id, created, read before)` of orders of a span that are thin or stale, newest first, from before `before`. Those without a
/// date come first, as if they were placed at the end of the span.
pub async fn thin_orders(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    created: Span,
    before: Option<Before>,
    limit: i64,
) -> Result<Vec<(i64, DateTime<Utc>, bool)>, sqlx::Error> {
    let mut found = Vec::new();
    if before.is_none_or(|before| before.0 >= created.1) {
        let undated = format!(
            "SELECT order_id, $3::timestamptz, read_at IS NOT NULL FROM orders
             WHERE merchant_id = $1 AND store_id = $2 AND created_at IS NULL AND {TO_READ} AND ($4::bigint IS NULL OR order_id < $4)
             ORDER BY order_id DESC LIMIT $5"
        );
        found = sqlx::query_as(&undated)
            .bind(merchant.0)
            .bind(store_id)
            .bind(created.1)
            .bind(before.map(|before| before.1))
            .bind(limit)
            .fetch_all(pool)
            .await?;
    }
    let dated = format!(
        "SELECT order_id, created_at, read_at IS NOT NULL FROM orders
         WHERE merchant_id = $1 AND store_id = $2 AND created_at >= $3 AND (created_at, order_id) < ($4, $5) AND {TO_READ}
         ORDER BY created_at DESC, order_id DESC LIMIT $6"
    );
    let (created_before, id_before) =
        before.filter(|before| before.0 < created.1).unwrap_or((created.1, i64::MIN));
    let rows: Vec<(i64, DateTime<Utc>, bool)> = sqlx::query_as(&dated)
        .bind(merchant.0)
        .bind(store_id)
        .bind(created.0)
        .bind(created_before)
        .bind(id_before)
        .bind(limit - found.len() as i64)
        .fetch_all(pool)
        .await?;
    found.extend(rows);
    Ok(found)
}

/// How many orders of a span are thin or stale.
pub async fn count_thin_orders(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    created: Span,
) -> Result<i64, sqlx::Error> {
    let query = format!(
        "SELECT count(*) FROM orders WHERE merchant_id = $1 AND store_id = $2
           AND (created_at IS NULL OR (created_at >= $3 AND created_at < $4)) AND {TO_READ}"
    );
    sqlx::query_scalar(&query)
        .bind(merchant.0)
        .bind(store_id)
        .bind(created.0)
        .bind(created.1)
        .fetch_one(pool)
        .await
}

/// Stale rows of merchants' stores, of each at most so many of each resource, newest news first.
pub async fn stale(pool: &PgPool, stores: &[(MerchantId, i64, i64)]) -> Result<Vec<StaleRow>, sqlx::Error> {
    let of_table = |(table, id): (&str, &str)| {
        format!(
            "SELECT asked.merchant_id, asked.store_id, '{table}' AS resource, row.salla_id, row.created_at, row.stale_since, row.was_read
             FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS asked (merchant_id, store_id, most)
             CROSS JOIN LATERAL (
                 SELECT {id} AS salla_id, created_at, stale_since, read_at IS NOT NULL AS was_read FROM {table} t
                 WHERE t.store_id = asked.store_id AND t.merchant_id = asked.merchant_id AND {IS_STALE}
                 ORDER BY stale_since DESC LIMIT asked.most) AS row"
        )
    };
    let tables = [("orders", "order_id"), ("customers", "customer_id"), ("products", "product_id")];
    let query = format!("{} ORDER BY stale_since DESC", tables.map(of_table).join(" UNION ALL "));
    let merchants: Vec<Uuid> = stores.iter().map(|(merchant, _, _)| merchant.0).collect();
    let (stores, most): (Vec<i64>, Vec<i64>) = stores.iter().map(|(_, store, most)| (*store, *most)).unzip();
    sqlx::query_as(&query).bind(merchants).bind(stores).bind(most).fetch_all(pool).await
}

/// Resources of merchants' `stores` with rows that were not read since `before` and of which there was news; whether the last news of one of them
/// lies before that, too.
pub async fn unread(
    pool: &PgPool,
    stores: &[(MerchantId, i64)],
    before: DateTime<Utc>,
) -> Result<Vec<(i64, String, bool)>, sqlx::Error> {
    let of_table = |table: &str| {
        format!(
            "SELECT store_id, '{table}' AS resource, bool_or(stale_since <= $2) AS for_long FROM {table}
             WHERE store_id = ANY($1) AND (merchant_id, store_id) IN (SELECT * FROM unnest($3::uuid[], $1)) AND {IS_STALE}
               AND coalesce(read_at < $2, true) GROUP BY store_id"
        )
    };
    let query = ["orders", "customers", "products"].map(of_table).join(" UNION ALL ");
    let (merchants, stores): (Vec<Uuid>, Vec<i64>) =
        stores.iter().map(|(merchant, store)| (merchant.0, *store)).unzip();
    sqlx::query_as(&query).bind(stores).bind(before).bind(merchants).fetch_all(pool).await
}

/// Orders that are there, by day of creation in Asia/Riyadh, earliest first.
pub async fn orders_by_day(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
) -> Result<Vec<(NaiveDate, i64)>, sqlx::Error> {
    let query = format!(
        "SELECT (created_at AT TIME ZONE 'Asia/Riyadh')::date AS day, count(*) FROM orders
         WHERE merchant_id = $1 AND store_id = $2 AND created_at IS NOT NULL AND {IS_THERE} GROUP BY day ORDER BY day"
    );
    sqlx::query_as(&query).bind(merchant.0).bind(store_id).fetch_all(pool).await
}

/// Ids of a resource (`orders`, `customers` or `products`) that are there and that nothing was seen of since `before`.
pub async fn unseen(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    resource: &str,
    before: DateTime<Utc>,
) -> Result<Vec<i64>, sqlx::Error> {
    let (table, id, seen_at) = match resource {
        "orders" => ("orders", "order_id", "greatest(seen_at, stale_since)"),
        "customers" => ("customers", "customer_id", "greatest(seen_at, stale_since)"),
        "products" => ("products", "product_id", "greatest(seen_at, stale_since)"),
        _ => return Ok(vec![]),
    };
    let query = format!(
        "SELECT {id} FROM {table} WHERE merchant_id = $1 AND store_id = $2 AND {IS_THERE} AND coalesce({seen_at} < $3, true)"
    );
    sqlx::query_scalar(&query).bind(merchant.0).bind(store_id).bind(before).fetch_all(pool).await
}
