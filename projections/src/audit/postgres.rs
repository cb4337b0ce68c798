//! The sheet of the read models in Postgres.

use qafila_schemas::amount::Amount;
use rust_decimal::Decimal;
use sqlx::PgPool;

use super::{OrderEntry, Scope, Sheet};

const IS_THERE: &str =
    "merchant_id = $1 AND store_id = $2 AND coalesce(deleted_at <= read_at, deleted_at IS NULL)";

/// Reads it; `pool` is the projection role's.
pub async fn sheet(pool: &PgPool, scope: Scope) -> Result<Sheet, sqlx::Error> {
    let query = format!(
        "SELECT order_id, total, coalesce(currency, ''), coalesce(status_slug, '') FROM orders
         WHERE {IS_THERE} AND created_at >= $3 AND created_at < $4"
    );
    let orders: Vec<(i64, Option<Decimal>, String, String)> = sqlx::query_as(&query)
        .bind(scope.merchant_id.0)
        .bind(scope.store_id)
        .bind(scope.span.0)
        .bind(scope.span.1)
        .fetch_all(pool)
        .await?;
    let mut sheet = Sheet::default();
    for (id, total, currency, status) in orders {
        let total = total.map(Amount::try_from).transpose().map_err(|e| sqlx::Error::Decode(e.into()))?;
        sheet.orders.insert(id, OrderEntry { total, currency, status });
    }
    for (table, id, ids) in
        [("products", "product_id", &mut sheet.products), ("customers", "customer_id", &mut sheet.customers)]
    {
        let query = format!("SELECT {id} FROM {table} WHERE {IS_THERE}");
        let found: Vec<i64> =
            sqlx::query_scalar(&query).bind(scope.merchant_id.0).bind(scope.store_id).fetch_all(pool).await?;
        ids.extend(found);
    }
    Ok(sheet)
}
