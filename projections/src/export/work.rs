//! Work on exports in Postgres: which one is due, who is at it and how far; what has to be removed. Fed by the aggregates'
//! events; leases have an epoch, under which the worker's commands go to the aggregate.

use std::time::Duration;

use chrono::{DateTime, Utc};
use qafila_schemas::events::{EventRecord, ExportEventRecord};
use qafila_schemas::ids::{JobId, MerchantId};
use qafila_schemas::records::export::ExportRequested;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use super::report::Selection;
use crate::oltp::ProjectionError;
use crate::oltp::completeness::{self, Complete};
use crate::oltp::follow::Fold;

/// A lease lasts so long without being renewed.
pub const LEASE: Duration = Duration::from_secs(15);
/// Taking work is serialised, so that no merchant has more running than allowed: the key of an advisory lock.
const TAKING: i64 = 0x0071_6166_696c_6106;

/// How export events become work.
pub(super) struct Feed;

impl Fold<EventRecord<ExportEventRecord>> for Feed {
    async fn fold(
        &self,
        connection: &mut PgConnection,
        record: &EventRecord<ExportEventRecord>,
    ) -> Result<(), ProjectionError> {
        let id = record.aggregate_id;
        let statement = match &record.event {
            Some(ExportEventRecord::Requested(e)) => sqlx::query(
                "INSERT INTO export_work (job_id, merchant_id, request, requested_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT DO NOTHING",
            )
            .bind(id)
            .bind(e.merchant_id.0)
            .bind(Json(e))
            .bind(e.requested_at.to_utc()),
            Some(ExportEventRecord::Completed(e)) => sqlx::query(
                "UPDATE export_work SET state = 'completed', expires_at = $2, lease_until = NULL
                 WHERE job_id = $1 AND state = 'open'",
            )
            .bind(id)
            .bind(e.expires_at.to_utc()),
            Some(
                ExportEventRecord::Failed(_) | ExportEventRecord::Revoked(_) | ExportEventRecord::Expired(_),
            ) => sqlx::query("UPDATE export_work SET state = 'ended' WHERE job_id = $1").bind(id),
            _ => return Ok(()),
        };
        Ok(statement.execute(connection).await.map(drop)?)
    }
}

/// An export that this process holds.
#[derive(Debug, Clone, FromRow)]
pub struct Leased {
    job_id: Uuid,
    /// Of this lease: whoever has a later one has taken the export over.
    pub epoch: i64,
    /// How often it was taken, this time counted.
    pub tries: i32,
    /// How often it has failed before.
    pub failures: i32,
    /// What was asked for.
    pub request: Json<ExportRequested>,
}

impl Leased {
    /// The export.
    pub fn job(&self) -> JobId {
        JobId(self.job_id)
    }
}

/// An export whose link has stopped working, or whose files are not wanted any more.
#[derive(Debug, Clone, FromRow)]
pub struct Over {
    job_id: Uuid,
    merchant_id: Uuid,
}

impl Over {
    /// The export.
    pub fn job(&self) -> JobId {
        JobId(self.job_id)
    }

    /// Whose.
    pub fn merchant(&self) -> MerchantId {
        MerchantId(self.merchant_id)
    }
}

/// How far a file is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows in it.
    pub rows: i64,
    /// Its bytes.
    pub bytes: i64,
    /// Rows that it will about have; none where that is not known.
    pub total: Option<i64>,
}

/// Why an export is let go of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// This try has failed.
    Failed,
    /// It could not be gone on with, through no fault of its own.
    Unharmed,
    /// The process stops: as if it had not been taken.
    Stopped,
}

/// The table, for one worker.
#[derive(Clone)]
pub struct WorkStore {
    pool: PgPool,
    worker: String,
    per_merchant: i64,
}

impl WorkStore {
    /// Work for `worker`, of which each merchant may have `per_merchant` under way, across all processes.
    pub fn new(pool: PgPool, worker: String, per_merchant: i64) -> Self {
        Self { pool, worker, per_merchant }
    }

    /// This worker's name.
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// Ends the leases of the process that had this slot before: it is gone, or frozen, and then its epoch is refused.
    pub async fn inherit(&self, slot: &str) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE export_work SET lease_until = NULL WHERE lease_until > now() AND starts_with(lease_owner, $1)",
        )
        .bind(format!("{slot}/"))
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Takes the export that has waited longest, of the merchants with the fewest under way, and of none who has as many as allowed:
    /// who asks for fifty files does not keep others from one. Where the worker ends without a word, it waits longer each time.
    pub async fn lease(&self) -> Result<Option<Leased>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(TAKING).execute(&mut *transaction).await?;
        let leased = sqlx::query_as(
            "UPDATE export_work SET lease_owner = $1, lease_until = now() + $2, epoch = epoch + 1, tries = tries + 1,
                 not_before = CASE WHEN tries = 0 THEN not_before ELSE now() + make_interval(secs => least(300, 2 ^ least(tries, 9))) END,
                 began_at = now(), rows_done = 0, bytes_done = 0, rows_total = NULL, progressed_at = now()
             WHERE job_id = (
                 SELECT job_id FROM export_work w CROSS JOIN LATERAL (
                     SELECT count(*) AS running FROM export_work r
                     WHERE r.merchant_id = w.merchant_id AND r.state = 'open' AND r.lease_until >= now()) m
                 WHERE state = 'open' AND not_before <= now() AND (lease_until IS NULL OR lease_until < now()) AND m.running < $3
                 ORDER BY m.running, requested_at, job_id LIMIT 1 FOR UPDATE OF w SKIP LOCKED)
             RETURNING job_id, epoch, tries, failures, request",
        )
        .bind(&self.worker)
        .bind(LEASE)
        .bind(self.per_merchant)
        .fetch_optional(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(leased)
    }

    /// Of which time everything of the store is said to be there, of what the report is made from.
    pub async fn complete(&self, selection: &Selection) -> Result<Option<Complete>, sqlx::Error> {
        let Selection { merchant, store, report, .. } = selection;
        completeness::of(&self.pool, *merchant, *store, report.resource()).await
    }

    /// Holds on to an export and tells how far it is; false once it is lost, or not wanted any more.
    pub async fn renew(&self, leased: &Leased, progress: Progress) -> Result<bool, sqlx::Error> {
        let renewed = sqlx::query(
            "UPDATE export_work SET lease_until = now() + $3, rows_done = $4, bytes_done = $5, rows_total = $6, progressed_at = now()
             WHERE job_id = $1 AND epoch = $2 AND state = 'open'",
        )
        .bind(leased.job_id)
        .bind(leased.epoch)
        .bind(LEASE)
        .bind(progress.rows)
        .bind(progress.bytes)
        .bind(progress.total)
        .execute(&self.pool)
        .await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Lets go of an export, to be taken again after `pause`.
    pub async fn release(
        &self,
        leased: &Leased,
        pause: Duration,
        released: Released,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE export_work SET lease_owner = NULL, lease_until = NULL, not_before = now() + $3, tries = tries - $4,
                 failures = failures + $5
             WHERE job_id = $1 AND epoch = $2",
        )
        .bind(leased.job_id)
        .bind(leased.epoch)
        .bind(pause)
        .bind(i32::from(released == Released::Stopped))
        .bind(i32::from(released == Released::Failed))
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Notes at once what an event will say a moment later, so that nobody takes the export again.
    pub async fn completed(&self, leased: &Leased, expires_at: DateTime<Utc>) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE export_work SET state = 'completed', expires_at = $3, lease_owner = NULL, lease_until = NULL
             WHERE job_id = $1 AND epoch = $2 AND state = 'open'",
        )
        .bind(leased.job_id)
        .bind(leased.epoch)
        .bind(expires_at)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Notes that there will be no file.
    pub async fn ended(&self, leased: &Leased) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE export_work SET state = 'ended', lease_owner = NULL, lease_until = NULL
             WHERE job_id = $1 AND epoch = $2",
        )
        .bind(leased.job_id)
        .bind(leased.epoch)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Exports whose links have stopped working.
    pub async fn expired(&self) -> Result<Vec<Over>, sqlx::Error> {
        sqlx::query_as(
            "SELECT job_id, merchant_id FROM export_work WHERE state = 'completed' AND expires_at <= now() LIMIT 100",
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Exports whose files are to be removed, and that nobody is at.
    pub async fn to_clean(&self) -> Result<Vec<Over>, sqlx::Error> {
        sqlx::query_as(
            "SELECT job_id, merchant_id FROM export_work
             WHERE state = 'ended' AND cleaned_at IS NULL AND (lease_until IS NULL OR lease_until < now()) LIMIT 100",
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Its files are gone.
    pub async fn cleaned(&self, over: &Over) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE export_work SET cleaned_at = now() WHERE job_id = $1")
            .bind(over.job_id)
            .execute(&self.pool)
            .await
            .map(drop)
    }

    /// Forgets exports that ended long ago.
    pub async fn prune(&self) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM export_work WHERE cleaned_at < now() - interval '30 days'")
            .execute(&self.pool)
            .await
            .map(drop)
    }
}
