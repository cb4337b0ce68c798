//! Reading for one merchant: the query role's row-level security sees only the merchant its transaction names
//! (ARCHITECTURE §6).

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

/// A row that was not deleted, or was read again since: what merchants, audits and comparisons see.
pub(crate) const IS_THERE: &str = "coalesce(deleted_at <= read_at, deleted_at IS NULL)";
