//! Work on sync runs in Postgres: leases with an epoch, and page checkpoints that only the lease's holder moves.

use std::time::Duration;

use chrono::NaiveDate;
use qafila_aggregates::sync_job::Lease;
use qafila_schemas::ids::{ConnectionId, JobId, MerchantId, RunId};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

/// A lease lasts so long without being renewed.
pub const LEASE: Duration = Duration::from_secs(15);

/// A run that this process holds.
#[derive(Debug, Clone)]
pub struct LeasedRun {
    /// Run and epoch.
    pub lease: Lease,
    /// Job.
    pub job_id: JobId,
    /// Merchant.
    pub merchant_id: MerchantId,
    /// Connection.
    pub connection_id: ConnectionId,
    /// Store.
    pub store_id: i64,
    /// First day of orders, Asia/Riyadh.
    pub from_day: NaiveDate,
    /// Last day of orders.
    pub until_day: NaiveDate,
}

/// How far a slice is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceState {
    /// Resource.
    pub resource: String,
    /// Name.
    pub name: String,
    /// Page to read next, from 1.
    pub next_page: i32,
    /// Rows the source says there are.
    pub total: Option<i64>,
    /// Rows read.
    pub seen: i64,
    /// Rows that became observations.
    pub imported: i64,
    /// Rows that did not map.
    pub skipped: i64,
    /// Read to its end.
    pub finished: bool,
    /// Told to the aggregate.
    pub reported: bool,
}

/// What one page added.
#[derive(Debug, Clone, Copy, Default)]
pub struct PageOutcome {
    /// Rows in all, as the source says now.
    pub total: i64,
    /// Rows on the page.
    pub seen: i64,
    /// Rows that became observations.
    pub imported: i64,
    /// Rows that did not map.
    pub skipped: i64,
    /// No page follows.
    pub last: bool,
}

/// The tables, for one worker.
pub struct WorkStore {
    pool: PgPool,
    worker: String,
}

impl WorkStore {
    /// Work for `worker`.
    pub fn new(pool: PgPool, worker: String) -> Self {
        Self { pool, worker }
    }

    /// Takes an open run that nobody holds, under a new epoch.
    pub async fn lease(&self) -> Result<Option<LeasedRun>, sqlx::Error> {
        let row = sqlx::query(
            "UPDATE sync_runs SET lease_owner = $1, lease_until = now() + $2, epoch = epoch + 1
             WHERE run_id = (
                 SELECT run_id FROM sync_runs
                 WHERE state = 'open' AND not_before <= now() AND (lease_until IS NULL OR lease_until < now())
                 ORDER BY not_before LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING run_id, epoch, job_id, merchant_id, connection_id, store_id, from_day, until_day",
        )
        .bind(&self.worker)
        .bind(LEASE)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| leased(&row)).transpose()
    }

    /// Holds on to a run; false once it is lost, ended or cancelled, or its connection has been replaced.
    pub async fn renew(&self, lease: Lease) -> Result<bool, sqlx::Error> {
        let renewed = sqlx::query(
            "UPDATE sync_runs SET lease_until = now() + $3 WHERE run_id = $1 AND epoch = $2 AND state = 'open'
             AND EXISTS (SELECT FROM salla_connections c WHERE c.connection_id = sync_runs.connection_id AND c.wiped_at IS NULL)",
        )
        .bind(lease.run_id.0)
        .bind(lease.epoch)
        .bind(LEASE)
        .execute(&self.pool)
        .await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// Lets go of a run, to be taken again after `pause`.
    pub async fn release(&self, lease: Lease, pause: Duration) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE sync_runs SET lease_owner = NULL, lease_until = NULL, not_before = now() + $3
             WHERE run_id = $1 AND epoch = $2",
        )
        .bind(lease.run_id.0)
        .bind(lease.epoch)
        .bind(pause)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Lets go of a run that has ended with the job's event `sequence`, and marks it as ended, unless a later event has
    /// opened it again.
    pub async fn end(&self, lease: Lease, sequence: i64) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE sync_runs SET state = CASE WHEN sequence < $3 THEN 'ended' ELSE state END,
                 sequence = greatest(sequence, $3), lease_owner = NULL, lease_until = NULL
             WHERE run_id = $1 AND epoch = $2",
        )
        .bind(lease.run_id.0)
        .bind(lease.epoch)
        .bind(sequence)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// All slices of a run, in working order.
    pub async fn slices(&self, run: RunId) -> Result<Vec<SliceState>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT resource, slice, next_page, total, seen, imported, skipped, finished_at IS NOT NULL, reported_at IS NOT NULL
             FROM sync_slices WHERE run_id = $1 ORDER BY ordinal",
        )
        .bind(run.0)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(SliceState {
                    resource: row.try_get(0)?,
                    name: row.try_get(1)?,
                    next_page: row.try_get(2)?,
                    total: row.try_get(3)?,
                    seen: row.try_get(4)?,
                    imported: row.try_get(5)?,
                    skipped: row.try_get(6)?,
                    finished: row.try_get(7)?,
                    reported: row.try_get(8)?,
                })
            })
            .collect()
    }

    /// Moves a slice past `slice.next_page`, whose rows Kafka has acknowledged. False where the lease is not
    /// ours any more or the page was already counted.
    pub async fn checkpoint(
        &self,
        lease: Lease,
        slice: &SliceState,
        page: PageOutcome,
    ) -> Result<bool, sqlx::Error> {
        let moved = sqlx::query(
            "UPDATE sync_slices s SET next_page = next_page + 1, total = $6, seen = seen + $7, imported = imported + $8,
                 skipped = skipped + $9, finished_at = CASE WHEN $10 THEN now() END
             FROM sync_runs r
             WHERE r.run_id = $1 AND r.epoch = $2 AND r.state = 'open'
               AND s.run_id = r.run_id AND s.resource = $3 AND s.slice = $4 AND s.next_page = $5",
        )
        .bind(lease.run_id.0)
        .bind(lease.epoch)
        .bind(&slice.resource)
        .bind(&slice.name)
        .bind(slice.next_page)
        .bind(page.total)
        .bind(page.seen)
        .bind(page.imported)
        .bind(page.skipped)
        .bind(page.last)
        .execute(&self.pool)
        .await?;
        Ok(moved.rows_affected() == 1)
    }

    /// Remembers that the aggregate knows of a finished slice.
    pub async fn reported(&self, lease: Lease, slice: &SliceState) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE sync_slices SET reported_at = now() WHERE run_id = $1 AND resource = $2 AND slice = $3",
        )
        .bind(lease.run_id.0)
        .bind(&slice.resource)
        .bind(&slice.name)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

fn leased(row: &PgRow) -> Result<LeasedRun, sqlx::Error> {
    Ok(LeasedRun {
        lease: Lease { run_id: RunId(row.try_get(0)?), epoch: row.try_get(1)? },
        job_id: JobId(row.try_get(2)?),
        merchant_id: MerchantId(row.try_get(3)?),
        connection_id: ConnectionId(row.try_get(4)?),
        store_id: row.try_get(5)?,
        from_day: row.try_get(6)?,
        until_day: row.try_get(7)?,
    })
}
