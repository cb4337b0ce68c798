//! Imports that wait: noted when their job says so, forgotten when it goes on or ends. Whatever waits for most of an hour is told, once,
//! with its reason and what happens next.

use std::time::Duration;

use chrono::{DateTime, Utc};
use qafila_schemas::events::SyncJobEventRecord;
use qafila_schemas::ids::{JobId, MerchantId, RunId};
use qafila_schemas::millis::Millis;
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::bell::{self, NotificationFigures, Told, kind};

/// Salla's minutes that a wait may take untold: whoever waits is told within an hour, the time to notice it included.
const TOLD_AFTER_MINUTES: u32 = 40;
const POLLS_A_WAIT: u32 = 40;
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Of these the merchant is told at once, because only they can mend it.
const TOLD_AT_ONCE: [&str; 2] = ["access_refused", "refresh_answer_lost"];
/// Why a run waits that no worker has taken yet, or whose worker is gone.
const NOT_TAKEN: &str = "internal_trouble";

/// A run that waits.
struct Wait {
    run: RunId,
    merchant: MerchantId,
    job: JobId,
    since: Millis,
}

/// Notes what an event says of a wait.
pub(super) async fn note(
    connection: &mut PgConnection,
    event: &SyncJobEventRecord,
) -> Result<(), sqlx::Error> {
    match event {
        SyncJobEventRecord::Requested(e) => {
            let wait = Wait { run: e.run_id, merchant: e.merchant_id, job: e.job_id, since: e.requested_at };
            begin(connection, wait, NOT_TAKEN).await
        }
        SyncJobEventRecord::Paused(e) if !TOLD_AT_ONCE.contains(&e.cause.as_str()) => {
            let wait = Wait { run: e.run_id, merchant: e.merchant_id, job: e.job_id, since: e.paused_at };
            begin(connection, wait, &e.cause).await
        }
        SyncJobEventRecord::Paused(e) => end(connection, e.run_id).await,
        SyncJobEventRecord::TakenOver(e) => end(connection, e.run_id).await,
        SyncJobEventRecord::Resumed(e) => {
            // A wait of its own: the one before has ended, told or not.
            end(connection, e.run_id).await?;
            let wait = Wait { run: e.run_id, merchant: e.merchant_id, job: e.job_id, since: e.resumed_at };
            begin(connection, wait, NOT_TAKEN).await
        }
        SyncJobEventRecord::Completed(e) => end(connection, e.run_id).await,
        SyncJobEventRecord::Failed(e) => end(connection, e.run_id).await,
        SyncJobEventRecord::Cancelled(e) => end(connection, e.run_id).await,
        SyncJobEventRecord::SliceImported(_) => Ok(()),
    }
}

/// Another reason is the same wait.
async fn begin(connection: &mut PgConnection, wait: Wait, cause: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO notify_waiting (run_id, merchant_id, job_id, cause, since) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (run_id) DO UPDATE SET cause = $4",
    )
    .bind(wait.run.0)
    .bind(wait.merchant.0)
    .bind(wait.job.0)
    .bind(cause)
    .bind(wait.since.to_utc())
    .execute(connection)
    .await
    .map(drop)
}

async fn end(connection: &mut PgConnection, run: RunId) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM notify_waiting WHERE run_id = $1")
        .bind(run.0)
        .execute(connection)
        .await
        .map(drop)
}

/// Tells of waits, until `shutdown`; `minute` is a minute of Salla's, less than 60 s where a simulation is quicker.
pub(super) async fn run(pool: PgPool, minute: Duration, shutdown: CancellationToken) {
    let after = minute * TOLD_AFTER_MINUTES;
    let poll_interval = (after / POLLS_A_WAIT).max(MIN_POLL_INTERVAL);
    while !shutdown.is_cancelled() {
        if let Err(error) = tell(&pool, after).await {
            tracing::warn!(event = "failed to tell of imports that wait", error = %error);
        }
        tokio::select! {
            () = tokio::time::sleep(poll_interval) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

async fn tell(pool: &PgPool, after: Duration) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // One that was told and goes on under the same lease begins its next wait anew.
    sqlx::query(
        "DELETE FROM notify_waiting w USING sync_jobs j
         WHERE j.job_id = w.job_id AND j.run_id = w.run_id AND j.status = 'running' AND j.reported_at > w.told_at",
    )
    .execute(&mut *transaction)
    .await?;
    // A run whose worker is gone says nothing any more, not even that it waits.
    sqlx::query(
        "INSERT INTO notify_waiting (run_id, merchant_id, job_id, cause, since)
         SELECT run_id, merchant_id, job_id, $2, greatest(started_at, reported_at) FROM sync_jobs
         WHERE status = 'running' AND greatest(started_at, reported_at) < now() - $1 ON CONFLICT DO NOTHING",
    )
    .bind(after)
    .bind(NOT_TAKEN)
    .execute(&mut *transaction)
    .await?;
    let due: Vec<(Uuid, Uuid, Uuid, String, DateTime<Utc>)> = sqlx::query_as(
        // One whose job says something at this moment is looked at again.
        // A run that is over waits for nothing: its events may have come twice.
        "UPDATE notify_waiting SET told_at = now() WHERE run_id IN (
             SELECT w.run_id FROM notify_waiting w WHERE told_at IS NULL AND since < now() - $1 AND NOT EXISTS (
                 SELECT FROM sync_jobs j WHERE j.job_id = w.job_id
                   AND (j.run_id <> w.run_id OR j.status IN ('completed', 'failed', 'cancelled')))
             ORDER BY since LIMIT 100 FOR UPDATE SKIP LOCKED)
         RETURNING run_id, merchant_id, job_id, cause, since",
    )
    .bind(after)
    .fetch_all(&mut *transaction)
    .await?;
    for (run, merchant, job, cause, since) in due {
        tracing::warn!(event = "import waits", merchantId = %merchant, jobId = %job, runId = %run, cause, since = %since);
        let told = Told {
            merchant: MerchantId(merchant),
            user: bell::who_asked(&mut transaction, run).await?,
            kind: kind::SYNC_WAITING,
            cause: Some(&cause),
            job: Some(JobId(job)),
            figures: NotificationFigures::default(),
            at: Millis::now(),
            is_mail_wanted: None,
        };
        bell::tell(&mut transaction, "sync-wait", run, since.timestamp_millis(), told).await?;
    }
    transaction.commit().await
}
