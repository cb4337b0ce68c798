//! Read model `sync_job_runs`: every run of every import of a merchant, whatever became of it.

use chrono::{DateTime, Utc};
use qafila_schemas::events::SyncJobEventRecord;
use qafila_schemas::ids::MerchantId;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use super::scope::for_merchant;

/// Applies an event to the run that it is of.
pub(super) async fn apply(
    connection: &mut PgConnection,
    event: &SyncJobEventRecord,
) -> Result<(), sqlx::Error> {
    let statement = match event {
        SyncJobEventRecord::Requested(e) => sqlx::query(
            "INSERT INTO sync_job_runs (run_id, job_id, merchant_id, connection_id, store_id, depth_in_months, status, requested_at)
             VALUES ($1, $2, $3, $4, $5, $6, 'requested', $7) ON CONFLICT (run_id) DO NOTHING",
        )
        .bind(e.run_id.0)
        .bind(e.job_id.0)
        .bind(e.merchant_id.0)
        .bind(e.connection_id.0)
        .bind(e.store_id)
        .bind(e.depth_in_months)
        .bind(e.requested_at.to_utc()),
        SyncJobEventRecord::TakenOver(e) => sqlx::query(
            "UPDATE sync_job_runs SET status = 'running', started_at = coalesce(started_at, $2), cause = NULL, advice = NULL
             WHERE run_id = $1",
        )
        .bind(e.run_id.0)
        .bind(e.taken_over_at.to_utc()),
        SyncJobEventRecord::SliceImported(_) => return Ok(()),
        SyncJobEventRecord::Paused(e) => {
            sqlx::query("UPDATE sync_job_runs SET status = 'paused', cause = $2, advice = $3 WHERE run_id = $1")
                .bind(e.run_id.0)
                .bind(&e.cause)
                .bind(&e.advice)
        }
        SyncJobEventRecord::Resumed(e) => sqlx::query(
            "UPDATE sync_job_runs SET status = 'requested', cause = NULL, advice = NULL, ended_at = NULL WHERE run_id = $1",
        )
        .bind(e.run_id.0),
        SyncJobEventRecord::Completed(e) => sqlx::query(
            "UPDATE sync_job_runs SET status = 'completed', ended_at = $2, orders = $3, customers = $4, products = $5, skipped = $6,
                 cause = NULL, advice = NULL WHERE run_id = $1",
        )
        .bind(e.run_id.0)
        .bind(e.completed_at.to_utc())
        .bind(e.orders)
        .bind(e.customers)
        .bind(e.products)
        .bind(e.skipped + e.hydration_skipped.unwrap_or(0)),
        SyncJobEventRecord::Failed(e) => sqlx::query(
            "UPDATE sync_job_runs SET status = 'failed', cause = $2, advice = $3, ended_at = $4 WHERE run_id = $1",
        )
        .bind(e.run_id.0)
        .bind(&e.cause)
        .bind(&e.advice)
        .bind(e.failed_at.to_utc()),
        SyncJobEventRecord::Cancelled(e) => sqlx::query(
            "UPDATE sync_job_runs SET status = 'cancelled', cause = NULL, advice = NULL, ended_at = $2 WHERE run_id = $1",
        )
        .bind(e.run_id.0)
        .bind(e.cancelled_at.to_utc()),
    };
    statement.execute(connection).await.map(drop)
}

/// A run of an import.
#[derive(Debug, Clone, FromRow)]
pub struct RunView {
    /// Run.
    pub run_id: Uuid,
    /// Its job: one of each connection.
    pub job_id: Uuid,
    /// Connection.
    pub connection_id: Uuid,
    /// Salla's id of the store.
    pub store_id: i64,
    /// Name of the store; none where it is not known.
    pub store_name: Option<String>,
    /// How far back it goes, in months.
    pub depth_in_months: i32,
    /// `requested`, `running`, `paused`, `completed`, `failed` or `cancelled`.
    pub status: String,
    /// Why it waits or has failed, a stable code.
    pub cause: Option<String>,
    /// What to do about it, as the event says it.
    pub advice: Option<String>,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// When a worker took it first.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was completed, failed or cancelled.
    pub ended_at: Option<DateTime<Utc>>,
    /// Orders imported; none until it has completed.
    pub orders: Option<i64>,
    /// Customers imported.
    pub customers: Option<i64>,
    /// Products imported.
    pub products: Option<i64>,
    /// Rows that could not be read.
    pub skipped: Option<i64>,
}

/// The runs of a merchant's connections from behind `cursor`, newest first. `pool` is the query role's.
pub async fn list(
    pool: &PgPool,
    merchant: MerchantId,
    cursor: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<RunView>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    let (requested_at, run_id) = cursor.unwrap_or((DateTime::<Utc>::MAX_UTC, Uuid::max()));
    sqlx::query_as(
        "SELECT r.run_id, r.job_id, r.connection_id, r.store_id, s.name AS store_name, r.depth_in_months, r.status, r.cause, r.advice,
             r.requested_at, r.started_at, r.ended_at, r.orders, r.customers, r.products, r.skipped
         FROM sync_job_runs r LEFT JOIN merchant_stores s USING (merchant_id, store_id)
         WHERE r.merchant_id = $1 AND (r.requested_at, r.run_id) < ($2, $3)
         ORDER BY r.requested_at DESC, r.run_id DESC LIMIT $4",
    )
    .bind(merchant.0)
    .bind(requested_at)
    .bind(run_id)
    .bind(limit)
    .fetch_all(&mut *scope)
    .await
}
