//! Read model `store_completeness`: up to when a store is complete, per resource, from `qafila.completeness`.

use chrono::{DateTime, Utc};
use qafila_schemas::catalogue::COMPLETENESS;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::millis::Millis;
use qafila_schemas::records::sync::Completeness;
use sqlx::{FromRow, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use super::follow::Fold;
use super::records::follow_records;
use super::scope::for_merchant;
use super::{OltpRole, ProjectionError};

/// Builds the read model.
pub async fn run(role: OltpRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    follow_records(role, "store_completeness", &COMPLETENESS, Statements, shutdown).await
}

struct Statements;

impl Fold<Completeness> for Statements {
    const LAST_OF_KEY_COUNTS: bool = true;

    async fn fold(&self, connection: &mut PgConnection, said: &Completeness) -> Result<(), ProjectionError> {
        for one in &said.resources {
            sqlx::query(
                "INSERT INTO store_completeness AS known (merchant_id, store_id, resource, complete_from, complete_to, stated_at, cause)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)
                 ON CONFLICT (merchant_id, store_id, resource) DO UPDATE SET complete_from = $4, complete_to = $5, stated_at = $6, cause = $7
                 WHERE known.stated_at < $6",
            )
            .bind(said.merchant_id.0)
            .bind(said.store_id)
            .bind(&one.resource)
            .bind(one.complete_from.map(Millis::to_utc))
            .bind(one.complete_to.map(Millis::to_utc))
            .bind(said.stated_at.to_utc())
            .bind(&one.cause)
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }
}

/// Up to when a resource of a merchant's store is complete; none until that is known. `pool` is of any role that may read it.
pub async fn complete_to(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    resource: &str,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    Ok(of(pool, merchant, store_id, resource).await?.map(|span| span.to))
}

/// Of which time everything is there, and when that was said.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Complete {
    /// From; none where it is from the first.
    pub from: Option<DateTime<Utc>>,
    /// Up to.
    pub to: DateTime<Utc>,
    /// When it was said.
    pub stated_at: DateTime<Utc>,
    /// Why the end stands still, a stable code; none where it moves.
    pub cause: Option<String>,
}

/// Of which time a resource of a merchant's store is complete; none until that is known. `pool` is of any role that may read it.
pub async fn of(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    resource: &str,
) -> Result<Option<Complete>, sqlx::Error> {
    let mut transaction = for_merchant(pool, merchant).await?;
    let known = sqlx::query_as(
        r#"SELECT complete_from AS "from", complete_to AS "to", stated_at, cause FROM store_completeness
           WHERE merchant_id = $1 AND store_id = $2 AND resource = $3 AND complete_to IS NOT NULL"#,
    )
    .bind(merchant.0)
    .bind(store_id)
    .bind(resource)
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(known)
}
