//! Pass 2: details and items of every order of which only a thin list row is known, newest first (ARCHITECTURE §5). The
//! cursor moves only after Kafka has acknowledged what lies above it, so a crash reads again at most what was not yet written.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use qafila_aggregates::sync_job::Lease;
use qafila_schemas::ids::RunId;
use sqlx::{PgPool, Row};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::intake::{Intake, Taken};
use super::scan::held;
use super::stored::{Range, ThinOrder};
use super::work::LeasedRun;
use super::{Stop, Tools, plan};
use crate::hydration::entity::{EntityRead, EntityReader};

const ORDERS: &str = "orders";
/// Orders read side by side; the store's rate limit decides the speed, not this.
const ORDERS_AT_ONCE: usize = 10;
/// Orders a checkpoint at most, and orders that wait for one.
const CHUNK: usize = 200;
const WAITING: usize = 200;
/// How long an order waits for others to be written with: Kafka takes a request for each partition, and Postgres a statement, for one order
/// as for a hundred. Where Salla sets the pace, an order is written alone.
const CHUNK_AGE: Duration = Duration::from_millis(100);
/// Chunks on their way to Kafka at once.
const WRITES_AT_ONCE: usize = 2;
const LOOK_AHEAD: i64 = 500;
/// How long the read models may be behind.
const STORED_WITHIN: Duration = Duration::from_secs(60);
const FIRST_POLL: Duration = Duration::from_millis(50);
const MAX_POLL: Duration = Duration::from_secs(1);
/// Rounds after which what is thin came while they were read: it is not this run's to wait for.
const PLANNED_ROUNDS: i32 = 2;

/// How far pass 2 of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HydrationState {
    /// Which round.
    pub round: i32,
    /// Everything above it has been read in this round.
    pub cursor: Option<ThinOrder>,
    /// Orders to read.
    pub total: i64,
    /// Orders read.
    pub done: i64,
    /// Of them those that did not map.
    pub skipped: i64,
    /// All were read.
    pub finished: bool,
}

/// What was written of a chunk of orders.
struct Written {
    /// How far it is.
    cursor: ThinOrder,
    /// Orders that it holds.
    done: i64,
    /// Which they are.
    ids: Vec<i64>,
    /// Those that did not map.
    skipped: Vec<i64>,
}

/// The table.
#[derive(Clone)]
pub struct HydrationStore {
    pool: PgPool,
}

impl HydrationStore {
    /// Hydrations behind `pool`.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// How far a run is; none before pass 2 has begun.
    pub async fn of(&self, run: RunId) -> Result<Option<HydrationState>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT round, cursor_created, cursor_id, total, done, skipped, finished_at IS NOT NULL
             FROM sync_hydrations WHERE run_id = $1",
        )
        .bind(run.0)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let cursor = row.try_get::<Option<_>, _>(1)?.zip(row.try_get::<Option<_>, _>(2)?);
        Ok(Some(HydrationState {
            round: row.try_get(0)?,
            cursor: cursor.map(|(created_at, order_id)| ThinOrder { order_id, created_at, was_read: false }),
            total: row.try_get(3)?,
            done: row.try_get(4)?,
            skipped: row.try_get(5)?,
            finished: row.try_get(6)?,
        }))
    }

    async fn begin(&self, lease: Lease, total: i64) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT INTO sync_hydrations (run_id, total) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(lease.run_id.0)
            .bind(total)
            .execute(&self.pool)
            .await
            .map(drop)
    }

    /// False where the lease is not ours any more.
    async fn checkpoint(&self, lease: Lease, written: &Written) -> Result<bool, sqlx::Error> {
        let moved: i64 = sqlx::query_scalar(
            "WITH moved AS (
                 UPDATE sync_hydrations h SET cursor_created = $3, cursor_id = $4, done = done + $5, skipped = h.skipped + $6,
                     total = greatest(total, done + $5)
                 FROM sync_runs r WHERE r.run_id = $1 AND r.epoch = $2 AND r.state = 'open' AND h.run_id = r.run_id
                 RETURNING 1
             ), kept AS (
                 INSERT INTO sync_seen (run_id, resource, slice, scan, salla_id, skipped)
                 SELECT $1, 'orders', $7, 1, id, true FROM unnest($8::bigint[]) AS id WHERE EXISTS (SELECT FROM moved)
                 ON CONFLICT DO NOTHING
             ), told AS (
                 INSERT INTO sync_seen (run_id, resource, slice, scan, salla_id)
                 SELECT $1, $9, $7, 1, id FROM unnest($10::bigint[]) AS id WHERE EXISTS (SELECT FROM moved)
                 ON CONFLICT DO NOTHING
             )
             SELECT count(*) FROM moved",
        )
        .bind(lease.run_id.0)
        .bind(lease.epoch)
        .bind(written.cursor.created_at)
        .bind(written.cursor.order_id)
        .bind(written.done)
        .bind(written.skipped.len() as i64)
        .bind(HYDRATION)
        .bind(&written.skipped)
        .bind(DETAILS)
        .bind(&written.ids)
        .fetch_one(&self.pool)
        .await?;
        Ok(moved == 1)
    }

    async fn next_round(&self, lease: Lease, finished: bool) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE sync_hydrations h SET round = round + CASE WHEN $3 THEN 0 ELSE 1 END, cursor_created = NULL,
                 cursor_id = NULL, finished_at = CASE WHEN $3 THEN now() END
             FROM sync_runs r WHERE r.run_id = $1 AND r.epoch = $2 AND r.state = 'open' AND h.run_id = r.run_id",
        )
        .bind(lease.run_id.0)
        .bind(lease.epoch)
        .bind(finished)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Orders that this run has read and written, in whichever try.
    pub async fn written(&self, run: RunId) -> Result<HashSet<i64>, sqlx::Error> {
        let ids: Vec<i64> = sqlx::query_scalar(
            "SELECT salla_id FROM sync_seen WHERE run_id = $1 AND resource = $2 AND slice = $3",
        )
        .bind(run.0)
        .bind(DETAILS)
        .bind(HYDRATION)
        .fetch_all(&self.pool)
        .await?;
        Ok(ids.into_iter().collect())
    }

    /// Orders that could not be read in this run.
    async fn skipped(&self, run: RunId) -> Result<Vec<i64>, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT salla_id FROM sync_seen WHERE run_id = $1 AND resource = 'orders' AND slice = $2",
        )
        .bind(run.0)
        .bind(HYDRATION)
        .fetch_all(&self.pool)
        .await
    }
}

/// Name of what pass 2 remembers among the ids that were seen: of orders those that do not map, of details those that were written.
const HYDRATION: &str = "hydration";
const DETAILS: &str = "details";

/// Reads details and items for one run.
#[derive(Clone)]
pub struct Hydrator {
    /// What every run shares.
    pub tools: Arc<Tools>,
    /// The run.
    pub run: Arc<LeasedRun>,
    /// Reads an order whole.
    pub entities: EntityReader,
    /// Where orders go.
    pub intake: Intake,
    /// Orders that the run has written, in this try or before; the read models may not have them yet, and they are not read again for that.
    pub written: Arc<Mutex<HashSet<i64>>>,
}

/// Orders that a round leaves thin.
struct Left {
    /// All of them.
    thin: usize,
    /// Those that were read and written, and do not come into the read models.
    unstored: usize,
}

impl Hydrator {
    /// Reads until no order of the run is thin but those that do not map, and those that came while the last round was read: of them there
    /// was news, and whoever hydrates what there is news of reads them.
    pub async fn run(&self) -> Result<(), Stop> {
        let total = self.tools.stored.count_thin_orders(self.range()).await.map_err(Stop::ours)?;
        self.tools.hydrations.begin(self.run.lease, total).await.map_err(Stop::ours)?;
        loop {
            let state = self.state().await?;
            self.round(&state).await?;
            let Left { thin, unstored } = self.left().await?;
            if unstored > 0 {
                return Err(Stop::Ours(format!("{unstored} orders are still thin after they were read")));
            }
            let is_finished = thin == 0 || state.round >= PLANNED_ROUNDS;
            self.tools.hydrations.next_round(self.run.lease, is_finished).await.map_err(Stop::ours)?;
            if is_finished {
                return Ok(());
            }
        }
    }

    async fn state(&self) -> Result<HydrationState, Stop> {
        let state = self.tools.hydrations.of(self.run.lease.run_id).await.map_err(Stop::ours)?;
        state.ok_or_else(|| Stop::Ours("pass 2 has no row".into()))
    }

    fn range(&self) -> Range<'static> {
        let window = plan::Window { first: self.run.from_day, last: self.run.until_day };
        Range {
            merchant_id: self.run.merchant_id,
            store_id: self.run.store_id,
            resource: ORDERS,
            created: Some(window.span()),
        }
    }

    /// One pass over what is thin below the cursor.
    async fn round(&self, state: &HydrationState) -> Result<(), Stop> {
        let (cursor, is_first) = (state.cursor, state.round == 1 && !state.finished);
        let skipped = self.tools.hydrations.skipped(self.run.lease.run_id).await.map_err(Stop::ours)?;
        let (read, to_write) = mpsc::channel(WAITING);
        let reading = async move {
            self.thin(cursor)
                .try_filter(|order| {
                    let is_on_its_way = !order.was_read && self.written().contains(&order.order_id);
                    std::future::ready(!is_on_its_way && !skipped.contains(&order.order_id))
                })
                .map_ok(|order| async move { Ok((order, self.entities.read(ORDERS, order.order_id).await?)) })
                .try_buffered(ORDERS_AT_ONCE)
                // The other half has stopped, with a reason of its own.
                .try_for_each(|order| async { read.send(order).await.map_err(|_| Stop::Lost) })
                .await
        };
        // Beside the reading, so that no call waits for a write.
        let chunks = tokio_stream::StreamExt::chunks_timeout(ReceiverStream::new(to_write), CHUNK, CHUNK_AGE);
        let writing = async move {
            let mut written =
                std::pin::pin!(chunks.map(|chunk| self.write(chunk).boxed()).buffered(WRITES_AT_ONCE));
            while let Some(written) = written.next().await {
                self.checkpoint(written?, is_first).await?;
            }
            Ok(())
        };
        tokio::try_join!(writing, reading).map(drop)
    }

    /// Only the first round is progress: what is read again is thin again.
    async fn checkpoint(&self, written: Written, is_first: bool) -> Result<(), Stop> {
        held(self.tools.hydrations.checkpoint(self.run.lease, &written).await)?;
        self.run.heard();
        if is_first { self.tools.went_on(&self.run).await } else { Ok(()) }
    }

    /// Thin orders, newest first.
    fn thin(&self, cursor: Option<ThinOrder>) -> impl Stream<Item = Result<ThinOrder, Stop>> + '_ {
        stream::try_unfold((cursor, false), move |(cursor, ended)| async move {
            if ended {
                return Ok(None);
            }
            let page = self.tools.stored.thin_orders(self.range(), cursor, LOOK_AHEAD).await;
            let page = page.map_err(Stop::ours)?;
            let ended = (page.len() as i64) < LOOK_AHEAD;
            let cursor = page.last().copied();
            Ok::<_, Stop>(Some((stream::iter(page.into_iter().map(Ok)), (cursor, ended))))
        })
        .try_flatten()
    }

    async fn write(&self, chunk: Vec<(ThinOrder, EntityRead)>) -> Result<Written, Stop> {
        let Some((cursor, _)) = chunk.last() else { return Err(Stop::Ours("an empty chunk".into())) };
        let ids = chunk.iter().map(|(order, _)| order.order_id).collect();
        let mut written = Written { cursor: *cursor, done: chunk.len() as i64, ids, skipped: Vec::new() };
        let mut taken = Taken::default();
        for (order, read) in chunk {
            if read.is_skipped() {
                written.skipped.push(order.order_id);
            }
            self.intake.take(&mut taken, ORDERS, order.order_id, read)?;
        }
        written.skipped.extend(self.intake.write(ORDERS, taken, &HashSet::new()).await?);
        self.written().extend(&written.ids);
        Ok(written)
    }

    /// Orders that are still thin and could be read, once the read models had time for what was just read.
    async fn left(&self) -> Result<Left, Stop> {
        let skipped = self.tools.hydrations.skipped(self.run.lease.run_id).await.map_err(Stop::ours)?;
        let most = LOOK_AHEAD.max(skipped.len() as i64 + 1);
        let (mut pause, deadline) = (FIRST_POLL, Instant::now() + STORED_WITHIN);
        loop {
            let thin = self.tools.stored.thin_orders(self.range(), None, most).await.map_err(Stop::ours)?;
            // One of which there was news since it was read is not this run's to wait for.
            let left: Vec<_> =
                thin.iter().filter(|o| !o.was_read && !skipped.contains(&o.order_id)).collect();
            // What was never read needs no waiting for.
            let unstored = left.iter().filter(|order| self.written().contains(&order.order_id)).count();
            if unstored == 0 || Instant::now() > deadline {
                return Ok(Left { thin: left.len(), unstored });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_POLL);
        }
    }

    fn written(&self) -> std::sync::MutexGuard<'_, HashSet<i64>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
