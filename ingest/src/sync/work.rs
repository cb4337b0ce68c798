//! Work on sync runs in Postgres: leases with an epoch, and when a run is to be taken up again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use qafila_aggregates::sync_job::Lease;
use qafila_schemas::ids::{ConnectionId, JobId, MerchantId, RunId};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::mapping::Owner;
use crate::mapping::market::Market;

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
    /// Where the store sells.
    pub market: Market,
    /// First day of orders, Asia/Riyadh.
    pub from_day: NaiveDate,
    /// Last day of orders.
    pub until_day: NaiveDate,
    /// Everything is read and agrees; only the job's last event is missing.
    pub done: bool,
    /// Times it was taken up since it last got further, or was resumed.
    pub tries: i32,
    /// Sequence of its job's event that opened it; a later one says when it is tried again.
    opened_by: i64,
    /// Whether it has got further under this lease.
    got_further: Arc<AtomicBool>,
    /// Whether its job knows of this lease.
    is_announced: Arc<AtomicBool>,
    /// When Salla, or whoever stores, was last heard of.
    heard_at: Arc<Mutex<Instant>>,
}

impl LeasedRun {
    /// Whose store it is.
    pub fn owner(&self) -> Owner {
        let Self { merchant_id, connection_id, store_id, market, .. } = *self;
        Owner { merchant_id, connection_id, store_id, market }
    }

    /// The run got further: a slice was read or closed as planned, or details were read that were not before. What is read again because of
    /// a doubt is no progress.
    pub fn progressed(&self) {
        self.got_further.store(true, Ordering::Relaxed);
    }

    /// The job knows of this lease from now on; false where it did before.
    pub fn announce(&self) -> bool {
        !self.is_announced.swap(true, Ordering::Relaxed)
    }

    /// An answer came: the run does not stand still, whether it gets further or not.
    pub fn heard(&self) {
        *self.heard_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// For how long no answer has come.
    pub fn silent_for(&self) -> Duration {
        self.heard_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Tries without any progress, this one counted.
    pub fn vain_tries(&self) -> i32 {
        if self.got_further.load(Ordering::Relaxed) { 0 } else { self.tries }
    }
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

    /// Name of the worker.
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// Runs that have not completed and whose connection has ended, with their jobs.
    pub async fn without_connection(&self) -> Result<Vec<(RunId, JobId)>, sqlx::Error> {
        let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "SELECT r.run_id, r.job_id FROM sync_runs r JOIN salla_connections c USING (connection_id)
             WHERE r.done_at IS NULL AND r.withdrawn_at IS NULL AND c.wiped_at IS NOT NULL ORDER BY random() LIMIT 100",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|(run, job)| (RunId(run), JobId(job))).collect())
    }

    /// The job of a run knows that its connection has ended.
    pub async fn withdrawn(&self, run: RunId) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE sync_runs SET withdrawn_at = now() WHERE run_id = $1")
            .bind(run.0)
            .execute(&self.pool)
            .await
            .map(drop)
    }

    /// Ends the leases of the process that had this slot before: it is gone, or frozen, and then its epoch is refused.
    pub async fn inherit(&self, slot: &str) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE sync_runs SET lease_until = NULL WHERE lease_until > now() AND starts_with(lease_owner, $1)")
            .bind(slot)
            .execute(&self.pool)
            .await
            .map(drop)
    }

    /// Takes an open run that nobody holds, under a new epoch.
    pub async fn lease(&self) -> Result<Option<LeasedRun>, sqlx::Error> {
        let row = sqlx::query(
            "UPDATE sync_runs SET lease_owner = $1, lease_until = now() + $2, epoch = epoch + 1, tries = tries + 1
             WHERE run_id = (
                 SELECT run_id FROM sync_runs
                 WHERE state = 'open' AND not_before <= now() AND (lease_until IS NULL OR lease_until < now())
                   AND (waits_for IS NULL OR NOT EXISTS (
                       SELECT FROM salla_connections c WHERE c.connection_id = sync_runs.connection_id
                         AND c.wiped_at IS NULL AND c.generation <= waits_for))
                 ORDER BY not_before LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING run_id, epoch, job_id, merchant_id, connection_id, store_id, from_day, until_day, done_at IS NOT NULL, tries,
                 (SELECT store_currency FROM salla_connections c WHERE c.connection_id = sync_runs.connection_id), sequence",
        )
        .bind(&self.worker)
        .bind(LEASE)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| leased(&row)).transpose()
    }

    /// Holds on to a run; false once it is lost, ended or cancelled, its connection has been replaced, or its store is known to sell
    /// elsewhere than it was leased with: then it goes on under another lease.
    pub async fn renew(&self, run: &LeasedRun) -> Result<bool, sqlx::Error> {
        let (lease, market) = (run.lease, run.market);
        let renewed: Option<Option<String>> = sqlx::query_scalar(
            "UPDATE sync_runs r SET lease_until = now() + $3 FROM salla_connections c
             WHERE r.run_id = $1 AND r.epoch = $2 AND r.state = 'open' AND c.connection_id = r.connection_id AND c.wiped_at IS NULL
             RETURNING c.store_currency",
        )
        .bind(lease.run_id.0)
        .bind(lease.epoch)
        .bind(LEASE)
        .fetch_optional(&self.pool)
        .await?;
        let Some(currency) = renewed else { return Ok(false) };
        if Market::of_currency(currency.as_deref()) == market {
            return Ok(true);
        }
        sqlx::query("UPDATE sync_runs SET lease_until = NULL WHERE run_id = $1 AND epoch = $2")
            .bind(lease.run_id.0)
            .bind(lease.epoch)
            .execute(&self.pool)
            .await?;
        Ok(false)
    }

    /// Lets go of a run, to be taken again after `pause`.
    pub async fn release(&self, run: &LeasedRun, pause: Duration) -> Result<(), sqlx::Error> {
        self.release_after(run, pause, run.vain_tries()).await
    }

    /// Lets go of a run that waits for its turn: its next try counts as a second one, however often it has waited, so that its job hears
    /// of it only once it goes on.
    pub async fn release_to_queue(&self, run: &LeasedRun, pause: Duration) -> Result<(), sqlx::Error> {
        self.release_after(run, pause, 1).await
    }

    /// Where its merchant has resumed it meanwhile, it is tried again at once, as if for the first time.
    async fn release_after(&self, run: &LeasedRun, pause: Duration, tries: i32) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE sync_runs SET lease_owner = NULL, lease_until = NULL,
                 not_before = CASE WHEN sequence > $5 THEN not_before ELSE now() + $3 END,
                 tries = CASE WHEN sequence > $5 THEN 0 ELSE $4 END
             WHERE run_id = $1 AND epoch = $2",
        )
        .bind(run.lease.run_id.0)
        .bind(run.lease.epoch)
        // Postgres knows microseconds.
        .bind(Duration::from_micros(u64::try_from(pause.as_micros()).unwrap_or(u64::MAX)))
        .bind(tries)
        .bind(run.opened_by)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Lets go of a run until the connection has other tokens than those of `generation`, unless its merchant has resumed it meanwhile.
    pub async fn wait_for_access(&self, run: &LeasedRun, generation: i64) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE sync_runs SET lease_owner = NULL, lease_until = NULL, not_before = now(), tries = 0,
                 waits_for = CASE WHEN sequence > $4 THEN waits_for ELSE $3 END
             WHERE run_id = $1 AND epoch = $2",
        )
        .bind(run.lease.run_id.0)
        .bind(run.lease.epoch)
        .bind(generation)
        .bind(run.opened_by)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Everything is read and agrees: whoever takes the run up again has only its last event to append.
    pub async fn done(&self, lease: Lease) -> Result<bool, sqlx::Error> {
        let marked = sqlx::query(
            "UPDATE sync_runs SET done_at = coalesce(done_at, now()) WHERE run_id = $1 AND epoch = $2 AND state = 'open'",
        )
        .bind(lease.run_id.0)
        .bind(lease.epoch)
        .execute(&self.pool)
        .await?;
        Ok(marked.rows_affected() == 1)
    }

    /// Lets go of a run that has ended with the job's event `sequence`, and marks it as ended, unless a later event has
    /// opened it again. Ids that it has read are deleted by the housekeeping, in batches.
    pub async fn end(&self, lease: Lease, sequence: i64) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE sync_runs SET state = CASE WHEN sequence < $3 THEN 'ended' ELSE state END,
                 ended_at = CASE WHEN sequence < $3 THEN now() ELSE ended_at END,
                 sequence = greatest(sequence, $3), lease_owner = NULL, lease_until = NULL
             WHERE run_id = $1 AND epoch = $2",
        )
        .bind(lease.run_id.0)
        .bind(lease.epoch)
        .bind(sequence)
        .execute(&self.pool)
        .await
        .map(drop)
    }
}

fn leased(row: &PgRow) -> Result<LeasedRun, sqlx::Error> {
    Ok(LeasedRun {
        lease: Lease { run_id: RunId(row.try_get(0)?), epoch: row.try_get(1)? },
        job_id: JobId(row.try_get(2)?),
        merchant_id: MerchantId(row.try_get(3)?),
        connection_id: ConnectionId(row.try_get(4)?),
        store_id: row.try_get(5)?,
        market: Market::of_currency(row.try_get::<Option<String>, _>(10)?.as_deref()),
        from_day: row.try_get(6)?,
        until_day: row.try_get(7)?,
        done: row.try_get(8)?,
        tries: row.try_get(9)?,
        opened_by: row.try_get(11)?,
        got_further: Arc::default(),
        is_announced: Arc::default(),
        heard_at: Arc::new(Mutex::new(Instant::now())),
    })
}
