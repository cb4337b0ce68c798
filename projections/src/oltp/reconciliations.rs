//! Read model `reconciliation_runs`: what each night's comparison found, from `qafila.reconciliation.runs`.

use chrono::{DateTime, Utc};
use qafila_schemas::catalogue::RECONCILIATION_RUNS;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::records::reconciliation::ReconciliationRun;
use sqlx::{FromRow, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::follow::Fold;
use super::records::follow_records;
use super::scope::for_merchant;
use super::{OltpRole, ProjectionError};

/// Builds the read model.
pub async fn run(role: OltpRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    follow_records(role, "reconciliation_runs", &RECONCILIATION_RUNS, Runs, shutdown).await
}

struct Runs;

impl Fold<ReconciliationRun> for Runs {
    async fn fold(
        &self,
        connection: &mut PgConnection,
        run: &ReconciliationRun,
    ) -> Result<(), ProjectionError> {
        sqlx::query(
            "INSERT INTO reconciliation_runs AS known (merchant_id, run_id, resource, store_id, window_from, window_to, fetched,
                 created, updated, unchanged, skipped, failed, cause, started_at, finished_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
             ON CONFLICT (run_id, resource) DO UPDATE SET fetched = $7, created = $8, updated = $9, unchanged = $10, skipped = $11,
                 failed = $12, cause = $13, finished_at = $15 WHERE known.finished_at < $15",
        )
        .bind(run.merchant_id.0)
        .bind(run.run_id.0)
        .bind(&run.resource)
        .bind(run.store_id)
        .bind(run.window_from.to_utc())
        .bind(run.window_to.to_utc())
        .bind(run.fetched)
        .bind(run.created)
        .bind(run.updated)
        .bind(run.unchanged)
        .bind(run.skipped)
        .bind(run.failed)
        .bind(&run.cause)
        .bind(run.started_at.to_utc())
        .bind(run.finished_at.to_utc())
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// A run's record of one resource.
#[derive(Debug, Clone, FromRow)]
#[expect(missing_docs, reason = "the fields of the record qafila.reconciliation.ReconciliationRun")]
pub struct RunView {
    pub run_id: Uuid,
    pub resource: String,
    pub store_id: i64,
    pub window_from: DateTime<Utc>,
    pub window_to: DateTime<Utc>,
    pub fetched: i64,
    pub created: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub skipped: i64,
    pub failed: i64,
    pub cause: Option<String>,
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
}

impl RunView {
    /// Where it stands in a list: two resources of a run have the same beginning.
    pub fn place(&self) -> String {
        format!("{}/{}", self.run_id, self.resource)
    }
}

/// The runs of the merchant's present store, newest first, from behind `cursor`: the one it is connected to, or was last. `pool` is the query role's.
pub async fn list(
    pool: &PgPool,
    merchant: MerchantId,
    cursor: Option<(DateTime<Utc>, String)>,
    limit: i64,
) -> Result<Vec<RunView>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    // Greater than every place: the first page.
    let (started_at, place) = cursor.unwrap_or((DateTime::<Utc>::MAX_UTC, "~".into()));
    sqlx::query_as(
        "SELECT r.run_id, r.resource, r.store_id, r.window_from, r.window_to, r.fetched, r.created, r.updated, r.unchanged, r.skipped,
             r.failed, r.cause, r.started_at, r.finished_at
         FROM reconciliation_runs r JOIN merchants m USING (merchant_id)
         WHERE r.merchant_id = $1 AND (m.store_id IS NULL OR r.store_id = m.store_id) AND (r.started_at, (r.run_id::text || '/' || r.resource) COLLATE \"C\") < ($2, $3)
         ORDER BY r.started_at DESC, (r.run_id::text || '/' || r.resource) COLLATE \"C\" DESC LIMIT $4",
    )
    .bind(merchant.0)
    .bind(started_at)
    .bind(place)
    .bind(limit)
    .fetch_all(&mut *scope)
    .await
}
