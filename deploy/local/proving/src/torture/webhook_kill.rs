//! `webhook_kill`: kill -9 of the gateway, the mapper, the projections or the broker under a load of webhooks. Every delivery that was
//! answered 200 is in the facts exactly once, in every place. One run is one load with one kill.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::Utc;
use clickhouse::Row;
use futures::stream::{self, StreamExt};
use qafila_schemas::catalogue::ORDERS;
use qafila_stack::layout::Layout;
use qafila_stack::stack::Stack;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use salla_sim::store::Plan;
use serde::Deserialize;
use sqlx::PgPool;

use super::RunOutcome;
use crate::deliveries::{Deliveries, order};
use crate::merchant::{Merchant, make_store};
use crate::totals::each_record;
use crate::world::World;

/// Deliveries of a run.
const LOAD: u64 = 600;
const AT_ONCE: usize = 32;
/// A load takes about so long; kills fall anywhere in it.
const LATEST_KILL_MS: u64 = 1_200;
const PATIENCE: Duration = Duration::from_secs(90);
/// Roles as processes of their own, and who is killed in turn.
const ROLES: [&str; 4] = ["gateway", "ingest", "project", "relay"];
const VICTIMS: [&str; 4] = ["gateway", "ingest", "project", "broker"];

/// Where the runs happen.
pub struct WebhookKill {
    world: World,
    merchant: Merchant,
    store: u64,
    postgres: PgPool,
    next_order: u64,
}

impl WebhookKill {
    /// Makes a world whose roles are processes, and a connected store.
    pub async fn prepare() -> Result<Self> {
        let mut world = World::make("torture_webhooks").await?;
        for role in ROLES {
            world.start_as(role, &[role], &[])?;
        }
        world.ready().await?;
        let plan = Plan { seed: 61, orders: 1, customers: 1, products: 1, ..Plan::default() };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        let postgres = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        Ok(Self { world, merchant, store, postgres, next_order: 5_000_000 })
    }

    /// The run of `seed`.
    pub async fn run(&mut self, seed: u64) -> Result<RunOutcome> {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let victim = VICTIMS[usize::try_from(seed)? % VICTIMS.len()];
        let kill_after = Duration::from_millis(dice.random_range(0..LATEST_KILL_MS));
        let ids: Vec<u64> = (0..LOAD).map(|n| self.next_order + n).collect();
        self.next_order += LOAD;
        let (deliveries, store) = (Arc::new(Deliveries::to(&self.world)), self.store);
        let loading = tokio::spawn(load(deliveries, store, ids));
        tokio::time::sleep(kill_after).await;
        self.kill(victim).await.with_context(|| format!("killing the {victim}"))?;
        let taken = loading.await?;
        let mut outcome = self.settled(&taken).await?;
        // Every delivery was insisted on, so none may be missing for good.
        outcome.lost += LOAD - taken.len() as u64;
        println!("  seed {seed}: {victim} after {kill_after:?}, {} taken, {outcome:?}", taken.len());
        Ok(outcome)
    }

    async fn kill(&mut self, victim: &str) -> Result<()> {
        if victim == "broker" {
            let stack = Stack::open(Layout::find()?)?;
            stack.kill_kafka().await?;
            return stack.up().await;
        }
        self.world.kill_one(victim)?;
        self.world.start_as(victim, &[victim], &[])
    }

    /// Waits until every place has all that was taken; what is missing or doubled then is counted.
    async fn settled(&self, taken: &BTreeSet<i64>) -> Result<RunOutcome> {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let outcome = self.counted(taken).await;
            match outcome {
                Ok(outcome) if outcome.is_good() => return Ok(outcome),
                outcome if std::time::Instant::now() > deadline => return outcome,
                _ => tokio::time::sleep(Duration::from_millis(300)).await,
            }
        }
    }

    async fn counted(&self, taken: &BTreeSet<i64>) -> Result<RunOutcome> {
        let ids: Vec<i64> = taken.iter().copied().collect();
        let stored: Vec<i64> = sqlx::query_scalar(
            "SELECT order_id FROM orders WHERE merchant_id = $1::uuid AND order_id = ANY($2)",
        )
        .bind(&self.merchant.id)
        .bind(&ids)
        .fetch_all(&self.postgres)
        .await?;
        let facts: Vec<Fact> = self
            .world
            .clickhouse()
            .query("SELECT order_id, count() AS rows FROM orders FINAL WHERE merchant_id = ? AND order_id >= ? AND order_id <= ? GROUP BY order_id")
            .bind(&self.merchant.id)
            .bind(ids.first().copied().unwrap_or_default())
            .bind(ids.last().copied().unwrap_or_default())
            .fetch_all()
            .await?;
        let (kafka, prefix) = (self.world.kafka()?, format!("{}:{}:", self.merchant.id, self.store));
        let mut on_topic = BTreeSet::new();
        each_record(&kafka, &kafka.topic(ORDERS.name), |key, value| {
            if let (Some(id), Some(_)) = (key.strip_prefix(&prefix).and_then(|id| id.parse().ok()), value) {
                on_topic.insert(id);
            }
        })?;
        let in_facts: BTreeSet<i64> = facts.iter().map(|fact| fact.order_id).collect();
        let missing = |there: &BTreeSet<i64>| taken.iter().filter(|id| !there.contains(id)).count() as u64;
        let stored: BTreeSet<i64> = stored.into_iter().collect();
        Ok(RunOutcome {
            lost: missing(&stored).max(missing(&in_facts)).max(missing(&on_topic)),
            duplicated: facts.iter().filter(|fact| fact.rows > 1).count() as u64,
            wrong: false,
        })
    }

    /// Removes the world.
    pub async fn finish(self) -> Result<()> {
        self.world.remove().await
    }
}

#[derive(Row, Deserialize)]
struct Fact {
    order_id: i64,
    rows: u64,
}

/// Sends orders until each is taken; says which were.
async fn load(deliveries: Arc<Deliveries>, store: u64, ids: Vec<u64>) -> BTreeSet<i64> {
    stream::iter(ids)
        .map(|id| {
            let deliveries = Arc::clone(&deliveries);
            async move {
                let taken = deliveries.insist(&order(store, id, Utc::now()), PATIENCE).await;
                taken.unwrap_or(false).then_some(id.cast_signed())
            }
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
}
