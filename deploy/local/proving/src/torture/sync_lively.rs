//! `sync_lively`: imports of stores that never stand still, each beside a quiet one of the same history. Orders, customers and products
//! come, change, hide and become drafts while they are read; each import completes within 1.3 times the time of the quiet one, its job's
//! stream stays short, and once the store stands still all places hold what it holds.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::{join_all, try_join};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use salla_sim::lively::Lively;
use salla_sim::state::Sim;
use salla_sim::store::Plan;
use serde_json::Value;
use sqlx::PgPool;

use super::RunOutcome;
use crate::merchant::{Merchant, make_store};
use crate::totals::Places;
use crate::waiting::until;
use crate::world::World;

const MONTHS: u32 = 12;
const PATIENCE: Duration = Duration::from_secs(600);
/// Pairs of imports beside each other.
pub const BESIDE: u64 = 4;
/// How many times faster than the wall Salla's minutes pass.
const SCALE: u32 = 20;
/// How much longer than that of a quiet store an import may take.
const MAX_RATIO: f64 = 1.3;
/// Events that an import may append to its job.
const MAX_EVENTS: i64 = 200;

/// Where the runs happen.
pub struct SyncLively {
    world: World,
    places: Places,
    events: PgPool,
}

impl SyncLively {
    /// Makes a world and starts Qafila in it.
    pub async fn prepare() -> Result<Self> {
        let mut world = World::make("torture_lively").await?.with_many_merchants();
        world.environment.insert("QAFILA_SALLA_MINUTE_MS".into(), (60_000 / SCALE).to_string());
        world.sim.world().switches.time_scale = f64::from(SCALE);
        world.start()?;
        world.ready().await?;
        let (places, events) = (world.places().await?, world.pool("QAFILA_DATABASE_OWNER_URL").await?);
        Ok(Self { world, places, events })
    }

    /// The runs of `seeds`, beside each other.
    pub async fn run(&self, seeds: std::ops::Range<u64>) -> Vec<(u64, Result<RunOutcome>)> {
        // Full details tell drafts, light ones do not (FACTS §4.2).
        self.world.sim.world().switches.full_details = seeds.start / BESIDE % 2 == 1;
        let runs = seeds.map(|seed| async move { (seed, self.pair(seed).await) });
        join_all(runs).await
    }

    /// Removes the world.
    pub async fn finish(self) -> Result<()> {
        self.world.remove().await
    }

    async fn pair(&self, seed: u64) -> Result<RunOutcome> {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let orders = dice.random_range(200..400);
        let plan = Plan {
            seed,
            orders,
            customers: 130 + orders / 10,
            products: 130 + orders / 20,
            months: 3,
            plan: "plus".into(),
            ..Plan::default()
        };
        let lively =
            Lively { in_lists: dice.random_range(0.2..0.6), in_others: dice.random_range(0.01..0.03) };
        let quiet_plan = Plan { seed: seed + 1_000_000, ..plan.clone() };
        let quiet = Import::prepare(&self.world, &quiet_plan).await?;
        let moving = Import::prepare(&self.world, &plan).await?;
        self.world.sim.world().lively.insert(moving.store, lively);
        let (quiet_seconds, seconds) = try_join(quiet.seconds(), moving.seconds()).await?;
        self.world.sim.world().lively.remove(&moving.store);
        let counted =
            self.places.agree(&moving.merchant.id, moving.store, MONTHS, Duration::from_secs(60)).await?;
        for difference in counted.differences() {
            println!("  seed {seed}: {difference}");
        }
        let events = self.events_of(&moving.merchant).await?;
        let ratio = seconds / quiet_seconds;
        println!(
            "  seed {seed}: {seconds:.1} s, quiet {quiet_seconds:.1} s, ratio {ratio:.2}, {events} events"
        );
        let mut outcome = RunOutcome::of(&counted);
        outcome.wrong |= ratio > MAX_RATIO || events >= MAX_EVENTS;
        Ok(outcome)
    }

    async fn events_of(&self, merchant: &Merchant) -> Result<i64> {
        let status: Value = merchant.get("/api/v1/sync/status").await?.json().await?;
        let job = status["jobId"].as_str().context("no job")?;
        let count = sqlx::query_scalar("SELECT count(*) FROM events WHERE aggregate_id = $1").bind(job);
        Ok(count.fetch_one(&self.events).await?)
    }
}

/// A merchant whose store is connected and not yet imported.
struct Import {
    merchant: Merchant,
    store: u64,
}

impl Import {
    /// Connects a store of `plan` and waits until its changes are sent as webhooks.
    async fn prepare(world: &World, plan: &Plan) -> Result<Self> {
        let store = make_store(&world.sim_url, plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        until(|| async { Ok(is_subscribed(&world.sim, store)) }, |subscribed| *subscribed).await?;
        Ok(Self { merchant, store })
    }

    /// Imports the store; says how long that took.
    async fn seconds(&self) -> Result<f64> {
        let began = Instant::now();
        self.merchant.start_import(MONTHS).await?;
        let ended = self.merchant.watch_import(PATIENCE, |_| {}).await?;
        ensure!(ended.status == "completed", "it ended as {}", ended.status);
        Ok(began.elapsed().as_secs_f64())
    }
}

/// Whether all events that liveliness makes are subscribed to.
fn is_subscribed(sim: &Sim, store: u64) -> bool {
    let world = sim.world();
    let subscribed = world.webhooks.events(store);
    [
        "order.created",
        "order.updated",
        "order.status.updated",
        "customer.created",
        "customer.updated",
        "product.created",
        "product.updated",
    ]
    .iter()
    .all(|event| subscribed.contains(event))
}
