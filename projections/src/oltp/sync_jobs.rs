//! Read model `sync_jobs`: where the import of each connection stands, from its events and its progress.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use qafila_schemas::catalogue::SYNC_PROGRESS;
use qafila_schemas::events::SyncJobEventRecord;
use qafila_schemas::ids::{ConnectionId, JobId, MerchantId, RunId};
use qafila_schemas::records::sync::{SliceImported, SyncCompleted, SyncPhase, SyncProgress};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Row};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::events::{EventFold, lock_rows};
use super::follow::Fold;
use super::records::follow_records;
use super::scope::for_merchant;
use super::{OltpRole, ProjectionError, sync_job_runs};

/// How sync-job events fold into `sync_jobs`.
pub(super) struct SyncJobs;

impl EventFold<SyncJobEventRecord> for SyncJobs {
    const TABLE: &'static str = "sync_jobs";
    const ID: &'static str = "job_id";

    async fn apply(
        &self,
        connection: &mut PgConnection,
        id: Uuid,
        event: &SyncJobEventRecord,
    ) -> Result<(), sqlx::Error> {
        sync_job_runs::apply(&mut *connection, event).await?;
        let statement = match event {
            SyncJobEventRecord::Requested(e) => sqlx::query(
                "INSERT INTO sync_jobs (job_id, merchant_id, sequence, run_id, epoch, status, depth_in_months, requested_at, requested_by,
                     connection_id, store_id)
                 VALUES ($1, $2, 0, $3, 0, 'requested', $4, $5, $6, $7, $8)
                 ON CONFLICT (job_id) DO UPDATE SET run_id = $3, epoch = 0, status = 'requested', depth_in_months = $4,
                     requested_at = $5, started_at = NULL, completed_at = NULL, paused_until = NULL, cause = NULL,
                     advice = NULL, imported = '{}', phases = '[]', rate_per_minute = NULL, eta_seconds = NULL, reported_at = NULL,
                     calls_done = NULL, calls_total = NULL, requested_by = $6, connection_id = $7, store_id = $8",
            )
            .bind(id)
            .bind(e.merchant_id.0)
            .bind(e.run_id.0)
            .bind(e.depth_in_months)
            .bind(e.requested_at.to_utc())
            .bind(e.requested_by.map(|user| user.0))
            .bind(e.connection_id.0)
            .bind(e.store_id),
            SyncJobEventRecord::TakenOver(e) => sqlx::query(
                "UPDATE sync_jobs SET epoch = $2, status = 'running', started_at = coalesce(started_at, $3), cause = NULL,
                     advice = NULL, paused_until = NULL WHERE job_id = $1",
            )
            .bind(id)
            .bind(e.epoch)
            .bind(e.taken_over_at.to_utc()),
            SyncJobEventRecord::SliceImported(e) => return count_slice(connection, id, e).await,
            SyncJobEventRecord::Paused(e) => sqlx::query(
                "UPDATE sync_jobs SET status = 'paused', cause = $2, advice = $3, paused_until = $4 WHERE job_id = $1",
            )
            .bind(id)
            .bind(&e.cause)
            .bind(&e.advice)
            .bind(e.until.map(qafila_schemas::millis::Millis::to_utc)),
            SyncJobEventRecord::Resumed(_) => sqlx::query(
                "UPDATE sync_jobs SET status = 'requested', cause = NULL, advice = NULL, paused_until = NULL WHERE job_id = $1",
            )
            .bind(id),
            SyncJobEventRecord::Completed(e) => return complete(connection, id, e).await,
            SyncJobEventRecord::Failed(e) => {
                sqlx::query("UPDATE sync_jobs SET status = 'failed', cause = $2, advice = $3, eta_seconds = NULL WHERE job_id = $1")
                    .bind(id)
                    .bind(&e.cause)
                    .bind(&e.advice)
            }
            SyncJobEventRecord::Cancelled(_) => {
                sqlx::query(
                    "UPDATE sync_jobs SET status = 'cancelled', eta_seconds = NULL, cause = NULL, advice = NULL, paused_until = NULL
                     WHERE job_id = $1",
                )
                .bind(id)
            }
        };
        statement.execute(connection).await.map(drop)
    }
}

/// Rows imported and skipped, by resource and slice.
type Imported = BTreeMap<String, BTreeMap<String, (i64, i64)>>;

async fn imported(connection: &mut PgConnection, id: Uuid) -> Result<Imported, sqlx::Error> {
    let stored: Option<Json<Imported>> =
        sqlx::query_scalar("SELECT imported FROM sync_jobs WHERE job_id = $1")
            .bind(id)
            .fetch_optional(connection)
            .await?;
    Ok(stored.map(|json| json.0).unwrap_or_default())
}

async fn count_slice(connection: &mut PgConnection, id: Uuid, e: &SliceImported) -> Result<(), sqlx::Error> {
    let mut imported = imported(connection, id).await?;
    imported.entry(e.resource.clone()).or_default().insert(e.slice.clone(), (e.imported, e.skipped));
    sqlx::query("UPDATE sync_jobs SET imported = $2 WHERE job_id = $1")
        .bind(id)
        .bind(Json(&imported))
        .execute(connection)
        .await
        .map(drop)
}

/// The end speaks for itself: progress is another topic and may come later, or be lost.
async fn complete(connection: &mut PgConnection, id: Uuid, e: &SyncCompleted) -> Result<(), sqlx::Error> {
    let phase = |name: &str, resource: String, done: i64, skipped: i64| SyncPhase {
        name: name.into(),
        resource,
        done,
        total: Some(done),
        skipped,
    };
    let mut phases: Vec<SyncPhase> = imported(connection, id)
        .await?
        .into_iter()
        .map(|(resource, slices)| {
            let skipped: i64 = slices.values().map(|(_, skipped)| skipped).sum();
            let rows: i64 = slices.values().map(|(rows, _)| rows).sum();
            phase("list", resource, rows + skipped, skipped)
        })
        .collect();
    phases.extend(
        e.hydrated.map(|done| phase("hydrate", "orders".into(), done, e.hydration_skipped.unwrap_or(0))),
    );
    sqlx::query(
        "UPDATE sync_jobs SET status = 'completed', completed_at = $2, eta_seconds = 0, phases = $3 WHERE job_id = $1",
    )
    .bind(id)
    .bind(e.completed_at.to_utc())
    .bind(Json(&phases))
    .execute(connection)
    .await
    .map(drop)
}

/// Builds the progress columns.
pub async fn run_progress(role: OltpRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    follow_records(role, "sync_progress", &SYNC_PROGRESS, Progress, shutdown).await
}

struct Progress;

impl Fold<SyncProgress> for Progress {
    const LAST_OF_KEY_COUNTS: bool = true;

    async fn lock(
        &self,
        connection: &mut PgConnection,
        records: &[&SyncProgress],
    ) -> Result<(), sqlx::Error> {
        let jobs: Vec<Uuid> = records.iter().map(|progress| progress.job_id.0).collect();
        lock_rows(connection, SyncJobs::TABLE, SyncJobs::ID, &jobs).await
    }

    /// Progress counts only for the run until it has completed or was cancelled, and under no older epoch than the events have told. When a paused run is tried
    /// again is told here: its tries are no events. A run that stops before it knows how much there is takes nothing back that was known.
    async fn fold(&self, connection: &mut PgConnection, p: &SyncProgress) -> Result<(), ProjectionError> {
        sqlx::query(
            "UPDATE sync_jobs SET rate_per_minute = $5, reported_at = $7,
                 phases = CASE WHEN $8 IS NULL AND calls_total IS NOT NULL THEN phases ELSE $4 END,
                 eta_seconds = CASE WHEN status = 'failed' THEN NULL ELSE $6 END,
                 calls_done = coalesce($8, calls_done), calls_total = coalesce($9, calls_total),
                 paused_until = CASE WHEN status = 'paused' THEN coalesce($10, paused_until) ELSE paused_until END
             WHERE job_id = $1 AND run_id = $2 AND epoch <= $3 AND status IN ('requested', 'running', 'paused', 'failed') AND (reported_at IS NULL OR reported_at < $7)",
        )
        .bind(p.job_id.0)
        .bind(p.run_id.0)
        .bind(p.epoch)
        .bind(Json(&p.phases))
        .bind(p.rate_per_minute)
        .bind(p.eta_seconds)
        .bind(p.reported_at.to_utc())
        .bind(p.calls_done)
        .bind(p.calls_total)
        .bind(p.paused_until.map(qafila_schemas::millis::Millis::to_utc))
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Where the import of a merchant's store stands.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields of API.md's sync status")]
pub struct SyncStatusView {
    pub job_id: JobId,
    pub connection_id: Option<ConnectionId>,
    pub store_id: Option<i64>,
    pub store_name: Option<String>,
    pub sequence: i64,
    pub run_id: RunId,
    pub status: String,
    pub depth_in_months: i32,
    pub phases: Vec<SyncPhase>,
    pub calls_done: Option<i64>,
    pub calls_total: Option<i64>,
    pub rate_per_minute: Option<f64>,
    pub eta_seconds: Option<i64>,
    pub requested_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub completed_at: Option<DateTime<Utc>>,
    pub paused_until: Option<DateTime<Utc>>,
    pub cause: Option<String>,
    pub advice: Option<String>,
}

/// The latest job of the merchant's present store: the one it is connected to, or was last. `pool` is the query role's.
pub async fn latest(pool: &PgPool, merchant: MerchantId) -> Result<Option<SyncStatusView>, sqlx::Error> {
    let mut transaction = for_merchant(pool, merchant).await?;
    let row = sqlx::query(
        "SELECT j.job_id, j.sequence, j.run_id, j.status, j.depth_in_months, j.phases, j.rate_per_minute, j.eta_seconds, j.requested_at,
             j.started_at, j.completed_at, j.paused_until, j.cause, j.advice, j.calls_done, j.calls_total, j.connection_id, j.store_id,
             s.name AS store_name
         FROM sync_jobs j JOIN merchants m USING (merchant_id)
         LEFT JOIN merchant_stores s ON s.merchant_id = j.merchant_id AND s.store_id = j.store_id
         WHERE j.merchant_id = $1 AND (m.store_id IS NULL OR j.store_id = m.store_id)
         ORDER BY j.requested_at DESC LIMIT 1",
    )
    .bind(merchant.0)
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &PgRow) -> Result<SyncStatusView, sqlx::Error> {
    Ok(SyncStatusView {
        job_id: JobId(row.try_get("job_id")?),
        connection_id: row.try_get::<Option<Uuid>, _>("connection_id")?.map(ConnectionId),
        store_id: row.try_get("store_id")?,
        store_name: row.try_get("store_name")?,
        sequence: row.try_get("sequence")?,
        run_id: RunId(row.try_get("run_id")?),
        status: row.try_get("status")?,
        depth_in_months: row.try_get("depth_in_months")?,
        phases: row.try_get::<Json<Vec<SyncPhase>>, _>("phases")?.0,
        rate_per_minute: row.try_get("rate_per_minute")?,
        eta_seconds: row.try_get("eta_seconds")?,
        requested_at: row.try_get("requested_at")?,
        started_at: row.try_get("started_at")?,
        completed_at: row.try_get("completed_at")?,
        paused_until: row.try_get("paused_until")?,
        cause: row.try_get("cause")?,
        advice: row.try_get("advice")?,
        calls_done: row.try_get("calls_done")?,
        calls_total: row.try_get("calls_total")?,
    })
}

/// Sequence that the read model has of a job of this merchant's present store; 0 where it has none, or does not know that store yet.
pub async fn sequence(pool: &PgPool, merchant: MerchantId, job: Uuid) -> Result<i64, sqlx::Error> {
    let mut transaction = for_merchant(pool, merchant).await?;
    let at: Option<i64> = sqlx::query_scalar(
        "SELECT j.sequence FROM sync_jobs j JOIN merchants m USING (merchant_id)
         WHERE j.job_id = $1 AND (j.store_id IS NULL OR j.store_id = m.store_id)",
    )
    .bind(job)
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(at.unwrap_or(0))
}
