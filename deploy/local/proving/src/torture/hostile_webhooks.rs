//! `hostile_webhooks`: mutated bodies and headers, most of them well signed. No panic, no answer of 5xx, no partition that stops, and memory
//! that does not grow. One run is [`BODIES`] bodies, then one good order that must come through.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use futures::stream::{self, StreamExt};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reqwest::Client;
use salla_sim::store::Plan;
use salla_sim::webhooks::sign;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::RunOutcome;
use crate::bench::resident_mb;
use crate::deliveries::{Deliveries, order};
use crate::merchant::{Merchant, make_store};
use crate::world::World;

/// Bodies of a run; a hundred runs are a million.
pub const BODIES: u64 = 10_000;
const AT_ONCE: usize = 64;
const PATIENCE: Duration = Duration::from_secs(300);
/// Runs after which memory is what it will be.
const WARM_UP: u64 = 3;
/// More than so much beyond that is a leak, MB.
const MOST_GROWTH_MB: f64 = 100.0;

/// Where the runs happen.
pub struct HostileWebhooks {
    world: World,
    merchant: Merchant,
    store: u64,
    postgres: PgPool,
    samples: Vec<Value>,
    bodies: u64,
    runs: u64,
    warm_mb: f64,
}

impl HostileWebhooks {
    /// Makes a world with a connected store; each run sends so many bodies.
    pub async fn prepare(bodies: u64) -> Result<Self> {
        let mut world = World::make("torture_hostile").await?;
        // A line for each dead letter would be a million lines.
        world.environment.insert("QAFILA_LOG".into(), "error".into());
        world.start()?;
        world.ready().await?;
        let plan = Plan { seed: 62, orders: 1, customers: 1, products: 1, ..Plan::default() };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        let postgres = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        Ok(Self { world, merchant, store, postgres, samples: samples()?, bodies, runs: 0, warm_mb: 0.0 })
    }

    /// The run of `seed`.
    pub async fn run(&mut self, seed: u64) -> Result<RunOutcome> {
        let deliveries = Deliveries::to(&self.world);
        let http = Client::builder().pool_max_idle_per_host(AT_ONCE).build()?;
        let url = format!("{}/api/webhooks/salla", self.world.gateway);
        let (samples, secret, store) =
            (Arc::new(self.samples.clone()), deliveries.secret().to_owned(), self.store);
        let failed = Arc::new(AtomicU64::new(0));
        let began = Instant::now();
        stream::iter(0..self.bodies)
            .for_each_concurrent(AT_ONCE, |number| {
                let (http, url, failed) = (http.clone(), url.clone(), Arc::clone(&failed));
                let mut dice = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number));
                let sample = &samples[dice.random_range(0..samples.len())];
                let body = hostile_body(sample, store, &mut dice);
                let request = hostile_headers(http.post(url), &secret, &body, &mut dice).body(body);
                async move {
                    // A request that hyper itself refuses has no answer, which is an answer.
                    if request.send().await.is_ok_and(|answer| answer.status().is_server_error()) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
            .await;
        let id = 9_000_000 + seed;
        deliveries.deliver(&order(self.store, id, Utc::now())).await.context("a good one")?;
        let came = self.arrives(id.cast_signed()).await?;
        let pid = self.world.pid().context("qafila runs")?.to_string();
        let resident = resident_mb(&pid).context("qafila has ended")?;
        self.runs += 1;
        if self.runs == WARM_UP {
            self.warm_mb = resident;
        }
        let grown = self.runs > WARM_UP && resident > self.warm_mb + MOST_GROWTH_MB;
        let failed = failed.load(Ordering::Relaxed);
        println!(
            "  seed {seed}: {failed} answers of 5xx, {resident:.0} MB, {:.0} s{}",
            began.elapsed().as_secs_f64(),
            if came { "" } else { ", the good one did not come" }
        );
        Ok(RunOutcome { lost: u64::from(!came), duplicated: 0, wrong: failed > 0 || grown })
    }

    async fn arrives(&self, order: i64) -> Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let query = "SELECT count(*) FROM orders WHERE merchant_id = $1::uuid AND order_id = $2";
            let count: i64 = sqlx::query_scalar(query)
                .bind(&self.merchant.id)
                .bind(order)
                .fetch_one(&self.postgres)
                .await?;
            if count == 1 {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(false)
    }

    /// Says whether a panic was logged, and removes the world.
    pub async fn finish(self) -> Result<()> {
        let log = std::fs::read_to_string(self.world.log())?;
        ensure!(!log.contains("panicked at"), "a panic is in {}", self.world.log().display());
        self.world.remove().await
    }
}

fn samples() -> Result<Vec<Value>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../salla-sim/samples");
    let mut all = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        // Tokens that are well signed would be taken for the store's.
        if name.starts_with("webhook.") && !name.contains("signature") && !name.contains("authorize") {
            all.push(serde_json::from_str(&std::fs::read_to_string(&path)?)?);
        }
    }
    ensure!(all.len() > 20, "{} samples", all.len());
    Ok(all)
}

/// A sample with up to four things wrong with it, in its values or in its bytes.
fn hostile_body(sample: &Value, store: u64, dice: &mut ChaCha8Rng) -> Vec<u8> {
    let mut body = sample.clone();
    body["merchant"] = if dice.random_ratio(9, 10) { json!(store) } else { json!(dice.random::<i64>()) };
    body["created_at"] = json!(crate::deliveries::spelt(Utc::now()));
    for _ in 0..dice.random_range(0..4) {
        let mut places = 0;
        count(&body, &mut places);
        let mut at = dice.random_range(0..places);
        replace(&mut body, &mut at, dice);
    }
    let mut bytes = serde_json::to_vec(&body).unwrap_or_default();
    match dice.random_range(0..10) {
        0 => bytes.truncate(dice.random_range(0..=bytes.len())),
        1 => {
            for _ in 0..dice.random_range(1..8) {
                let at = dice.random_range(0..bytes.len().max(1));
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.random();
                }
            }
        }
        2 => {
            let depth = dice.random_range(1..3_000);
            let nested = [vec![b'['; depth], vec![b']'; depth]].concat();
            bytes = [&b"{\"event\":\"order.updated\",\"merchant\":1,\"data\":"[..], &nested, b"}"].concat();
        }
        _ => {}
    }
    bytes
}

fn count(value: &Value, places: &mut usize) {
    *places += 1;
    match value {
        Value::Array(all) => all.iter().for_each(|one| count(one, places)),
        Value::Object(fields) => fields.values().for_each(|one| count(one, places)),
        _ => {}
    }
}

/// Puts something else in the place number `at`; the envelope's own fields are left alone.
fn replace(value: &mut Value, at: &mut usize, dice: &mut ChaCha8Rng) {
    if *at == 0 {
        if !value.get("event").is_some_and(Value::is_string) {
            *value = anything(dice);
        }
        *at = usize::MAX;
        return;
    }
    *at -= 1;
    match value {
        Value::Array(all) => all.iter_mut().for_each(|one| step(one, at, dice)),
        Value::Object(fields) => fields.iter_mut().for_each(|(_, one)| step(one, at, dice)),
        _ => {}
    }
}

fn step(value: &mut Value, at: &mut usize, dice: &mut ChaCha8Rng) {
    if *at != usize::MAX {
        replace(value, at, dice);
    }
}

fn anything(dice: &mut ChaCha8Rng) -> Value {
    match dice.random_range(0..16) {
        0 => Value::Null,
        1 => json!([]),
        2 => json!({}),
        3 => json!(""),
        4 => json!(-1),
        5 => json!(i64::MAX),
        6 => json!(u64::MAX),
        7 => json!(1e300),
        8 => json!("9999-99-99 99:99:99"),
        9 => json!("\u{0}\u{202e}😀"),
        10 => json!("١٢٣"),
        11 => json!("x".repeat(dice.random_range(0..20_000))),
        12 => json!([[[{"id": [1]}]]]),
        13 => json!({"amount": "1e400", "currency": "S"}),
        14 => json!({"date": "2022-06-26 12:21:48", "timezone": "Mars/Olympus"}),
        _ => json!(true),
    }
}

fn hostile_headers(
    request: reqwest::RequestBuilder,
    secret: &str,
    body: &[u8],
    dice: &mut ChaCha8Rng,
) -> reqwest::RequestBuilder {
    let signed = || sign(secret, body);
    let json = |request: reqwest::RequestBuilder| request.header("content-type", "application/json");
    match dice.random_range(0..20) {
        0 => json(request),
        1 => json(request).header("x-salla-signature", "00".repeat(32)),
        2 => json(request).header("x-salla-signature", signed().to_uppercase()),
        3 => json(request).header("x-salla-security-strategy", "Token").header("authorization", "guess"),
        4 => {
            json(request).header("x-salla-security-strategy", "\u{e9}").header("x-salla-signature", signed())
        }
        5 => request.header("content-type", "text/html").header("x-salla-signature", signed()),
        6 => json(request).header("x-salla-signature", "x".repeat(8_000)),
        _ => json(request)
            .header("x-salla-security-strategy", "Signature")
            .header("x-salla-signature", signed()),
    }
}
