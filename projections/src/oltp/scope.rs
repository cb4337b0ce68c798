//! Reading for one merchant: the query role's row-level security sees only the merchant its transaction names
//! (ARCHITECTURE §6).

use std::time::Duration;

use qafila_schemas::ids::MerchantId;
use sqlx::{PgPool, Postgres, Transaction};

/// A read transaction scoped to one merchant. Ends with the transaction.
pub async fn for_merchant(
    pool: &PgPool,
    merchant: MerchantId,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SELECT set_config('qafila.merchant', $1, true)")
        .bind(merchant.to_string())
        .execute(&mut *transaction)
        .await?;
    Ok(transaction)
}

/// As [`for_merchant`], for queries that take no longer than `within`: Postgres ends one that does.
pub async fn for_merchant_within(
    pool: &PgPool,
    merchant: MerchantId,
    within: Duration,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query("SELECT set_config('qafila.merchant', $1, true), set_config('statement_timeout', $2, true)")
        .bind(merchant.to_string())
        .bind(within.as_millis().to_string())
        .execute(&mut *transaction)
        .await?;
    Ok(transaction)
}

/// A row that was not deleted, or was read again since: what merchants, audits and comparisons see.
pub(crate) const IS_THERE: &str = "coalesce(deleted_at <= read_at, deleted_at IS NULL)";
