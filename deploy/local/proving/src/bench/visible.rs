//! `webhook_visible`: how long after it was sent a webhook is in Postgres and in ClickHouse, at 500 a second for a minute.
//! `webhook_fairness`: what one store at twenty times its share costs the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use salla_sim::store::Plan;
use sqlx::PgPool;

use super::{cpu_seconds_of, measurement, peak_rss_mb};
use crate::deliveries::{Deliveries, order};
use crate::merchant::{Merchant, make_store};
use crate::record::Measurement;
use crate::world::World;

const A_SECOND: u64 = 500;
const LONG: Duration = Duration::from_secs(60);
const WARM_UP: Duration = Duration::from_secs(5);
/// The bars, ms.
const POSTGRES_BAR_MS: f64 = 500.0;
const CLICKHOUSE_BAR_MS: f64 = 1_000.0;
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_POSTGRES: Duration = Duration::from_millis(10);
const LOOK_CLICKHOUSE: Duration = Duration::from_millis(25);

/// A store and when its orders were sent.
struct Sender {
    merchant: Merchant,
    store: u64,
    sent: Mutex<HashMap<i64, Instant>>,
}

impl Sender {
    async fn connect(world: &World, seed: u64) -> Result<Arc<Self>> {
        let plan = Plan { seed, orders: 1, customers: 1, products: 1, ..Plan::default() };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        Ok(Arc::new(Self { merchant, store, sent: Mutex::default() }))
    }

    /// Sends orders at an even pace, numbered from `first`; each counts from the moment at which it should have been sent.
    async fn send(
        self: Arc<Self>,
        deliveries: Deliveries,
        first: u64,
        a_second: f64,
        long: Duration,
    ) -> Result<u64> {
        let (began, count) = (Instant::now(), (a_second * long.as_secs_f64()) as u64);
        let mut sending = tokio::task::JoinSet::new();
        for number in 0..count {
            let due = began + Duration::from_secs_f64(number as f64 / a_second);
            tokio::time::sleep_until(due.into()).await;
            let id = first + number;
            self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(id.cast_signed(), due);
            let (deliveries, store) = (deliveries.clone(), self.store);
            sending.spawn(async move { deliveries.deliver(&order(store, id, Utc::now())).await });
        }
        while let Some(sent) = sending.join_next().await {
            sent??;
        }
        Ok(count)
    }

    fn sent_at(&self, id: i64) -> Option<Instant> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }
}

/// Waits for `count` orders of a sender and says how long each took.
async fn watch_postgres(pool: PgPool, sender: Arc<Sender>, first: i64, count: u64) -> Result<Vec<Duration>> {
    let mut waits = HashMap::with_capacity(usize::try_from(count)?);
    let mut deadline = Instant::now() + LONG + PATIENCE;
    let mut seen_until = first;
    while (waits.len() as u64) < count {
        ensure!(Instant::now() < deadline, "{} of {count} are in Postgres", waits.len());
        let found: Vec<i64> = sqlx::query_scalar(
            "SELECT order_id FROM orders WHERE merchant_id = $1::uuid AND store_id = $2 AND order_id >= $3",
        )
        .bind(&sender.merchant.id)
        .bind(sender.store.cast_signed())
        .bind(seen_until)
        .fetch_all(&pool)
        .await?;
        note(&mut waits, found, &sender);
        // Nearly in order: what lies far back has been seen.
        while waits.contains_key(&seen_until) {
            seen_until += 1;
            deadline = Instant::now() + PATIENCE;
        }
        tokio::time::sleep(LOOK_POSTGRES).await;
    }
    Ok(waits.into_values().collect())
}

async fn watch_clickhouse(
    client: clickhouse::Client,
    sender: Arc<Sender>,
    first: i64,
    count: u64,
) -> Result<Vec<Duration>> {
    let mut waits = HashMap::with_capacity(usize::try_from(count)?);
    let mut seen_until = first;
    let deadline = Instant::now() + LONG + PATIENCE;
    while (waits.len() as u64) < count {
        ensure!(Instant::now() < deadline, "{} of {count} are in ClickHouse", waits.len());
        let found: Vec<i64> = client
            .query("SELECT order_id FROM orders WHERE merchant_id = ? AND store_id = ? AND order_id >= ?")
            .bind(&sender.merchant.id)
            .bind(sender.store)
            .bind(seen_until)
            .fetch_all()
            .await?;
        note(&mut waits, found, &sender);
        while waits.contains_key(&seen_until) {
            seen_until += 1;
        }
        tokio::time::sleep(LOOK_CLICKHOUSE).await;
    }
    Ok(waits.into_values().collect())
}

fn note(waits: &mut HashMap<i64, Duration>, found: Vec<i64>, sender: &Sender) {
    for id in found {
        if let Some(sent) = sender.sent_at(id) {
            waits.entry(id).or_insert_with(|| sent.elapsed());
        }
    }
}

fn percentile(waits: &mut [Duration], part: f64) -> f64 {
    waits.sort_unstable();
    let at = ((waits.len() as f64 * part) as usize).min(waits.len().saturating_sub(1));
    waits.get(at).map_or(0.0, |wait| wait.as_secs_f64() * 1e3)
}

/// p99 in Postgres and in ClickHouse, ms, beside the bars.
pub async fn webhook_visible() -> Result<Vec<Measurement>> {
    let mut world = World::make("bench_visible").await?;
    world.start()?;
    world.ready().await?;
    let sender = Sender::connect(&world, 31).await?;
    let (deliveries, pool) = (Deliveries::to(&world), world.pool("QAFILA_DATABASE_OLTP_URL").await?);
    let warm = Arc::clone(&sender).send(deliveries.clone(), 10_000_000, A_SECOND as f64, WARM_UP).await?;
    watch_postgres(pool.clone(), Arc::clone(&sender), 10_000_000, warm).await?;
    let (first, count) = (20_000_000, A_SECOND * LONG.as_secs());
    let postgres = tokio::spawn(watch_postgres(pool, Arc::clone(&sender), first, count));
    let clickhouse = tokio::spawn(watch_clickhouse(world.clickhouse(), Arc::clone(&sender), first, count));
    Arc::clone(&sender).send(deliveries, first.cast_unsigned(), A_SECOND as f64, LONG).await?;
    let (mut postgres, mut clickhouse) = (postgres.await??, clickhouse.await??);
    let pid = world.pid().context("qafila runs")?.to_string();
    let (cpu, rss) = (cpu_seconds_of(&pid)?, peak_rss_mb(&pid)?);
    world.remove().await?;
    let mut measured = Vec::new();
    for (name, waits, bar) in [
        ("webhook_visible_postgres", &mut postgres, POSTGRES_BAR_MS),
        ("webhook_visible_clickhouse", &mut clickhouse, CLICKHOUSE_BAR_MS),
    ] {
        let (median, p99) = (percentile(waits, 0.5), percentile(waits, 0.99));
        println!("  {name}: median {median:.0} ms, p99 {p99:.0} ms of {count}");
        measured.push(measurement(name, p99, bar, "ms", cpu, rss)?);
    }
    Ok(measured)
}

/// p99 in Postgres of nineteen stores beside one at twenty times its share, ms, next to the same without it.
pub async fn webhook_fairness() -> Result<Measurement> {
    const STORES: u64 = 20;
    const EACH: f64 = 10.0;
    const ROUND: Duration = Duration::from_secs(20);
    let mut world = World::make("bench_fair").await?.with_many_merchants();
    world.start()?;
    world.ready().await?;
    let mut senders = Vec::new();
    for seed in 0..STORES {
        senders.push(Sender::connect(&world, 4_000 + seed).await?);
    }
    let deliveries = Deliveries::to(&world);
    let mut p99 = Vec::new();
    for (round, loud) in [1.0, 1.0, 20.0].into_iter().enumerate() {
        let pool = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let (mut sending, mut watching) = (tokio::task::JoinSet::new(), tokio::task::JoinSet::new());
        for (index, sender) in senders.iter().enumerate() {
            let first = (round as u64 + 1) * 10_000_000;
            let rate = if index == 0 { EACH * loud } else { EACH };
            sending.spawn(Arc::clone(sender).send(deliveries.clone(), first, rate, ROUND));
            if index > 0 {
                let count = (EACH * ROUND.as_secs_f64()) as u64;
                watching.spawn(watch_postgres(pool.clone(), Arc::clone(sender), first.cast_signed(), count));
            }
        }
        while let Some(sent) = sending.join_next().await {
            sent??;
        }
        let mut waits = Vec::new();
        while let Some(seen) = watching.join_next().await {
            waits.extend(seen??);
        }
        let (median, worst) = (percentile(&mut waits, 0.5), percentile(&mut waits, 0.99));
        println!(
            "  the first store at {loud} times its share: median {median:.0} ms, p99 {worst:.0} ms of the others"
        );
        p99.push(worst);
    }
    let pid = world.pid().context("qafila runs")?.to_string();
    let (cpu, rss) = (cpu_seconds_of(&pid)?, peak_rss_mb(&pid)?);
    world.remove().await?;
    // The first round warms up.
    measurement("webhook_fairness", p99[2], p99[1], "ms", cpu, rss)
}
