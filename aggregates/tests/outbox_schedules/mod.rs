//! Seeded schedules of concurrent appends, and what a relay makes of them.
//!
//! Shared with `make torture` (`relay_order`), which runs thousands of them.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use qafila_aggregates::relay::outbox::{Outbox, StoredEvent};
use qafila_stack::layout::Layout;
use qafila_stack::servers::postgres::Postgres;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, PgPool, Postgres as Db, Transaction};

const PASSWORD: &str = "schedules";
const DATABASE: &str = "events_only";
const HORIZON_PASSES: Duration = Duration::from_secs(20);

/// A server of its own with the event store's tables.
pub(crate) struct PrivatePostgres {
    server: Postgres,
    _folder: tempfile::TempDir,
}

impl PrivatePostgres {
    /// Starts it on a free port.
    pub(crate) async fn start() -> Result<Self> {
        // Where another user can reach it, because Postgres does not run as root.
        let folder = tempfile::Builder::new().prefix("qafila-pg-").tempdir_in("/var/tmp")?;
        let mut permissions = std::fs::metadata(folder.path())?.permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        std::fs::set_permissions(folder.path(), permissions)?;
        let server = Postgres::private(&Layout::find()?, folder.path(), PASSWORD)?;
        server.up().await?;
        server.provide("events_owner", "CREATEROLE", PASSWORD, DATABASE).await?;
        let postgres = Self { server, _folder: folder };
        let pool = postgres.pool().await?;
        for role in ["qafila_command", "qafila_ingest", "qafila_relay"] {
            sqlx::query(&format!("CREATE ROLE {role}")).execute(&pool).await?;
        }
        let migration = include_str!("../../../migrations/postgres/0001_write_side.sql");
        sqlx::raw_sql(migration).execute(&pool).await.context("the event store's migration")?;
        Ok(postgres)
    }

    /// A pool of its owner.
    pub(crate) async fn pool(&self) -> Result<PgPool> {
        let url = self.server.url("events_owner", PASSWORD, DATABASE);
        Ok(PgPoolOptions::new().max_connections(16).connect(&url).await?)
    }

    /// Stops the server.
    pub(crate) async fn stop(self) -> Result<()> {
        self.server.service.stop().await
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        // A failed test must not leave its server behind.
        if let Some(pid) = self.server.service.pid() {
            let _ = std::process::Command::new("kill").args(["-QUIT", &pid.to_string()]).status();
        }
    }
}

/// Appends one event, as postgres-es does.
pub(crate) async fn insert(connection: &mut PgConnection, aggregate: &str, sequence: i64) -> Result<()> {
    sqlx::query(
        "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
         VALUES ('test', $1, $2, 'Happened', '1', '{}', '{}')",
    )
    .bind(aggregate)
    .bind(sequence)
    .execute(connection)
    .await?;
    Ok(())
}

/// What went wrong in one schedule.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Committed events that were never published.
    pub(crate) lost: u64,
    /// Events published twice without a crash.
    pub(crate) duplicated: u64,
    /// Events published before an earlier one of their aggregate, or although they were rolled back.
    pub(crate) reordered: u64,
}

/// A schedule: transactions that begin, append, commit, roll back or stay open, with relay steps in between.
pub(crate) struct Schedule {
    seed: u64,
    dice: ChaCha8Rng,
}

/// A transaction under way; each has an aggregate of its own while it is open, as optimistic locking makes sure.
struct Open {
    transaction: Transaction<'static, Db>,
    aggregate: String,
    appended: Vec<i64>,
}

impl Schedule {
    /// The schedule of `seed`.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self { seed, dice: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Runs it and judges what was published.
    pub(crate) async fn run(mut self, postgres: &PrivatePostgres) -> Result<Verdict> {
        let pool = postgres.pool().await?;
        let mut outbox = free_outbox(&pool).await?;
        let mut committed: BTreeMap<String, i64> = BTreeMap::new();
        let mut open: Vec<Open> = Vec::new();
        let mut published: Vec<StoredEvent> = Vec::new();
        let mut redelivered = Redelivered::new();
        for _ in 0..self.dice.random_range(20..60) {
            match self.dice.random_range(0..11) {
                10 => outbox = crash(outbox, &pool, &mut published, &mut redelivered).await?,
                0..4 => self.begin_or_append(&pool, &mut open, &mut committed).await?,
                4..6 if !open.is_empty() => {
                    let index = self.dice.random_range(0..open.len());
                    let done = open.swap_remove(index);
                    done.transaction.commit().await?;
                    if let Some(last) = done.appended.last() {
                        committed.insert(done.aggregate, *last);
                    }
                }
                6 if !open.is_empty() => {
                    let index = self.dice.random_range(0..open.len());
                    open.swap_remove(index).transaction.rollback().await?;
                }
                _ => {
                    relay(&mut outbox, self.dice.random_range(1..5), &mut published).await?;
                }
            }
        }
        for rest in open {
            rest.transaction.commit().await?;
            if let Some(last) = rest.appended.last() {
                committed.insert(rest.aggregate, *last);
            }
        }
        // The server's own transactions (autovacuum) may hold the horizon for a moment.
        let deadline = Instant::now() + HORIZON_PASSES;
        while outbox.is_behind().await? && Instant::now() < deadline {
            relay(&mut outbox, 100, &mut published).await?;
        }
        Ok(judge(&committed, &published, &redelivered))
    }

    async fn begin_or_append(
        &mut self,
        pool: &PgPool,
        open: &mut Vec<Open>,
        committed: &mut BTreeMap<String, i64>,
    ) -> Result<()> {
        if open.len() < 8 && (open.is_empty() || self.dice.random_bool(0.6)) {
            let aggregate = format!("{}-{}", self.seed, self.dice.random_range(0..12));
            if open.iter().any(|o| o.aggregate == aggregate) {
                return Ok(());
            }
            let mut transaction = pool.begin().await?;
            let next = committed.get(&aggregate).copied().unwrap_or(0) + 1;
            insert(&mut transaction, &aggregate, next).await?;
            open.push(Open { transaction, aggregate, appended: vec![next] });
        } else {
            let index = self.dice.random_range(0..open.len());
            let more = &mut open[index];
            let next = more.appended.last().copied().unwrap_or(0) + 1;
            insert(&mut more.transaction, &more.aggregate, next).await?;
            more.appended.push(next);
        }
        Ok(())
    }
}

async fn relay(outbox: &mut Outbox, limit: i64, published: &mut Vec<StoredEvent>) -> Result<usize> {
    let events = outbox.next(limit).await?;
    let count = events.len();
    outbox.advance(&events).await?;
    published.extend(events);
    Ok(count)
}

/// How often an event may come again, because a relay crashed between publishing it and moving its cursor.
type Redelivered = HashMap<(String, i64), u64>;

/// The relay publishes and dies before its cursor moves; another one takes its place.
async fn crash(
    mut outbox: Outbox,
    pool: &PgPool,
    published: &mut Vec<StoredEvent>,
    redelivered: &mut Redelivered,
) -> Result<Outbox> {
    let events = outbox.next(5).await?;
    for event in &events {
        *redelivered.entry((event.aggregate_id.clone(), event.sequence)).or_default() += 1;
    }
    published.extend(events);
    drop(outbox);
    free_outbox(pool).await
}

/// The outbox, once the server has noticed that the session of the relay before is gone.
async fn free_outbox(pool: &PgPool) -> Result<Outbox> {
    let deadline = Instant::now() + HORIZON_PASSES;
    loop {
        if let Some(outbox) = Outbox::take_lock(pool).await? {
            return Ok(outbox);
        }
        anyhow::ensure!(Instant::now() < deadline, "a dead relay keeps its lock");
        tokio::task::yield_now().await;
    }
}

fn judge(committed: &BTreeMap<String, i64>, published: &[StoredEvent], redelivered: &Redelivered) -> Verdict {
    let mut verdict = Verdict::default();
    let mut at: HashMap<&str, i64> = HashMap::new();
    let mut repeats = Redelivered::new();
    for event in published {
        let known = at.entry(&event.aggregate_id).or_default();
        match event.sequence - *known {
            1 => *known = event.sequence,
            step if step <= 0 => {
                *repeats.entry((event.aggregate_id.clone(), event.sequence)).or_default() += 1;
            }
            _ => verdict.reordered += 1,
        }
    }
    for (event, times) in &repeats {
        verdict.duplicated += times.saturating_sub(redelivered.get(event).copied().unwrap_or(0));
    }
    for (aggregate, last) in committed {
        let seen = at.get(aggregate.as_str()).copied().unwrap_or(0);
        verdict.lost += u64::try_from(last - seen).unwrap_or(0);
        verdict.reordered += u64::from(seen > *last);
    }
    verdict
}
