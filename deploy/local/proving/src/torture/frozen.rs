//! `frozen`: a process that holds partitions, the relay's lock and jobs is frozen in the middle of its work; another takes over; then it
//! is thawed, and in most runs killed a moment later. Or a third process comes and goes, and nobody is frozen. Whatever happens, the last
//! record of every key is its highest revision, no event is skipped or reordered, and imports and webhooks end in equal totals.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use futures::stream::{self, StreamExt};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use qafila_schemas::catalogue::{CUSTOMERS, MERCHANT_EVENTS, ORDERS, PRODUCTS, SYNC_JOB_EVENTS, Topic};
use qafila_schemas::headers;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rdkafka::message::Message;
use salla_sim::shapes;
use salla_sim::state::Sim;
use salla_sim::store::Plan;
use serde_json::Value;

use super::RunOutcome;
use crate::deliveries::Deliveries;
use crate::merchant::{Merchant, make_store};
use crate::totals::each_message;
use crate::world::World;

const MONTHS: u32 = 12;
const ORDERS_IMPORTED: usize = 400;
const WEBHOOKS: u64 = 300;
const PATIENCE: Duration = Duration::from_secs(90);
const FROZEN: &str = "frozen";
const OTHER: &str = "other";
const THIRD: &str = "third";

/// Where the runs happen.
pub struct Frozen {
    world: World,
    ports: [String; 2],
}

impl Frozen {
    /// Makes a world with two processes of all roles.
    pub async fn prepare() -> Result<Self> {
        let world = World::make("torture_frozen").await?.with_many_merchants();
        let port = || anyhow::Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string());
        let ports = [port()?, port()?];
        let mut this = Self { world, ports };
        this.start_frozen()?;
        // The relay's lock is whoever's comes first.
        tokio::time::sleep(Duration::from_secs(2)).await;
        this.world.start_as(OTHER, &["all"], &[("QAFILA_SLOT", "other")])?;
        this.world.ready().await?;
        Ok(this)
    }

    fn start_frozen(&mut self) -> Result<()> {
        let port = self.ports[0].clone();
        self.world.start_as(FROZEN, &["all"], &[("QAFILA_SLOT", FROZEN), ("QAFILA_LISTEN", &port)])
    }

    /// The run of `seed`.
    pub async fn run(&mut self, seed: u64) -> Result<RunOutcome> {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let began = Instant::now();
        let plan = Plan { seed, orders: ORDERS_IMPORTED, customers: 60, products: 20, ..Plan::default() };
        let store = make_store(&self.world.sim_url, &plan).await?;
        let merchant = Merchant::register(&self.world.gateway).await?;
        merchant.connect(store).await?;
        merchant.start_import(MONTHS).await?;
        let (deliveries, sim) = (Arc::new(Deliveries::to(&self.world)), self.world.sim.clone());
        let loading = tokio::spawn(async move {
            stream::iter(0..WEBHOOKS)
                .map(|_| {
                    let (deliveries, placed) = (Arc::clone(&deliveries), placed(&sim, store));
                    async move { deliveries.insist(&placed?, PATIENCE).await }
                })
                .buffer_unordered(8)
                .filter(|taken| std::future::ready(matches!(taken, Ok(true))))
                .count()
                .await
        });
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..1_500))).await;
        let kind = self.disturb(seed, &mut dice).await?;
        let taken = loading.await? as u64;
        let imported = merchant.watch_import(PATIENCE, |_| {}).await;
        let mut outcome =
            RunOutcome { lost: WEBHOOKS - taken, wrong: imported.is_err(), ..RunOutcome::default() };
        outcome.lost += self.missing(&merchant, store).await?;
        outcome.duplicated += self.disordered(&merchant).await?;
        println!("  seed {seed}: {kind}, {:.0} s, {outcome:?}", began.elapsed().as_secs_f64());
        Ok(outcome)
    }

    async fn disturb(&mut self, seed: u64, dice: &mut ChaCha8Rng) -> Result<&'static str> {
        if seed.is_multiple_of(4) {
            let port = self.ports[1].clone();
            self.world.start_as(THIRD, &["all"], &[("QAFILA_SLOT", THIRD), ("QAFILA_LISTEN", &port)])?;
            tokio::time::sleep(Duration::from_millis(dice.random_range(3_000..6_000))).await;
            self.world.kill_one(THIRD)?;
            return Ok("a third process came and went");
        }
        let pid = self.world.pid_of(FROZEN).context("it runs")?;
        let pid = Pid::from_raw(i32::try_from(pid)?);
        kill(pid, Signal::SIGSTOP)?;
        // Longer than a session and a lease last, so that others take over, or just about as long.
        tokio::time::sleep(Duration::from_millis(dice.random_range(4_000..16_000))).await;
        kill(pid, Signal::SIGCONT)?;
        if seed.is_multiple_of(2) {
            return Ok("frozen and thawed");
        }
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..1_500))).await;
        self.world.kill_one(FROZEN)?;
        self.start_frozen()?;
        Ok("frozen, thawed and killed")
    }

    /// Orders that a place lacks, or has beyond what the source and the webhooks told.
    async fn missing(&self, merchant: &Merchant, store: u64) -> Result<u64> {
        let places = self.world.places().await?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let counted = places.count(&merchant.id, store, MONTHS).await?;
            let wanted = counted.simulator.orders;
            let differ = |orders: u64| orders.abs_diff(wanted);
            let same = counted.postgres == counted.clickhouse && counted.postgres == counted.topics;
            let worst =
                [counted.postgres.orders, counted.clickhouse.orders, counted.topics.orders].map(differ);
            let worst = worst.into_iter().max().unwrap_or_default() + u64::from(!same);
            if worst == 0 {
                return Ok(0);
            }
            if Instant::now() > deadline {
                println!(
                    "  wanted {wanted}; Postgres {}, ClickHouse {}, topics {}; equal: {same}",
                    counted.postgres.orders, counted.clickhouse.orders, counted.topics.orders
                );
                return Ok(worst);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Keys whose last record is not their highest revision, and aggregates whose events do not come in order.
    async fn disordered(&self, merchant: &Merchant) -> Result<u64> {
        let (kafka, id) = (self.world.kafka()?, merchant.id.clone());
        let read = tokio::task::spawn_blocking(move || {
            let mut disordered = 0;
            for topic in [ORDERS, CUSTOMERS, PRODUCTS] {
                let mut last: HashMap<Vec<u8>, (i64, i64)> = HashMap::new();
                each_message(&kafka, &kafka.topic(topic.name), |message| {
                    let key = message.key().unwrap_or_default();
                    let revision = message.headers().and_then(|h| headers::number(h, headers::REVISION));
                    let Some(revision) = revision.filter(|_| key.starts_with(id.as_bytes())) else { return };
                    let (highest, latest) = last.entry(key.to_vec()).or_default();
                    (*highest, *latest) = ((*highest).max(revision), revision);
                })?;
                disordered += last.values().filter(|(highest, latest)| highest != latest).count() as u64;
            }
            for topic in [MERCHANT_EVENTS, SYNC_JOB_EVENTS] {
                disordered += skipped_events(&kafka, &topic, &id)?;
            }
            anyhow::Ok(disordered)
        });
        read.await?
    }

    /// Removes the world.
    pub async fn finish(self) -> Result<()> {
        self.world.remove().await
    }
}

/// Places an order at Salla; returns what it tells of it.
fn placed(sim: &Sim, store: u64) -> Result<Value> {
    let (mut world, now) = (sim.world(), Utc::now());
    let switches = world.switches.clone();
    let found = world.stores.get_mut(&store).context("the store")?;
    let id = found.place_order(now).id;
    let order = found.order(id).context("the order")?;
    let (data, branch) = shapes::order_webhook(found, order);
    Ok(shapes::webhook("order.created", store, now, data, Some(("pickup_branch", branch)), &switches))
}

/// Events that come before the one before them. Repeats are allowed: consumers drop them.
fn skipped_events(kafka: &qafila_schemas::kafka::KafkaConfig, topic: &Topic, merchant: &str) -> Result<u64> {
    let (mut reached, mut skipped): (BTreeMap<String, i64>, u64) = (BTreeMap::new(), 0);
    each_message(kafka, &kafka.topic(topic.name), |message| {
        let (Some(key), Some(found)) = (message.key(), message.headers()) else { return };
        let aggregate = headers::text(found, headers::SUBJECT).unwrap_or_default().to_owned();
        let Some(sequence) = headers::number(found, headers::SEQUENCE).filter(|_| key == merchant.as_bytes())
        else {
            return;
        };
        let at = reached.entry(aggregate).or_default();
        skipped += u64::from(sequence > *at + 1);
        *at = (*at).max(sequence);
    })?;
    ensure!(!reached.is_empty(), "no event of {merchant} on {}", topic.name);
    Ok(skipped)
}
