//! The history sync against Salla's limits, with the clock of both scaled: `sync_rate_floor`, `sync_fairness`,
//! `sync_50k_plan`, `sync_eta`; and its memory over large stores, `import_500k` and `import_customers_500k`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use salla_sim::store::Plan;

use super::{cpu_seconds_of, measurement, peak_rss_mb, resident_mb};
use crate::merchant::{Merchant, SyncStatus, make_store};
use crate::record::Measurement;
use crate::world::World;

const MONTHS: u32 = 24;
const PATIENCE: Duration = Duration::from_secs(3_600);
const GLANCE: Duration = Duration::from_millis(50);
/// Rows a page, as FACTS §4 has them.
const ORDERS_A_PAGE: u64 = 30;
const OTHERS_A_PAGE: u64 = 60;

/// A world whose Salla, and Qafila's idea of it, run `scale` times as fast as the wall.
async fn scaled(name: &str, scale: f64) -> Result<World> {
    let mut world = World::make(name).await?.with_many_merchants();
    let minute = (60_000.0 / scale).round();
    world.environment.insert("QAFILA_SALLA_MINUTE_MS".into(), minute.to_string());
    world.environment.insert("QAFILA_SALLA_CUSTOMERS_BUDGET".into(), "490".into());
    world.sim.world().switches.time_scale = 60_000.0 / minute;
    world.start()?;
    world.ready().await?;
    Ok(world)
}

fn plan(seed: u64, orders: usize, plan: &str) -> Plan {
    Plan {
        seed,
        orders,
        customers: orders / 5 + 1,
        products: orders / 50 + 1,
        months: MONTHS,
        plan: plan.into(),
        ..Plan::default()
    }
}

async fn connected(world: &World, plan: &Plan) -> Result<(Merchant, u64)> {
    let store = make_store(&world.sim_url, plan).await?;
    let merchant = Merchant::register(&world.gateway).await?;
    merchant.connect(store).await?;
    Ok((merchant, store))
}

/// Calls of a store so far: let through, and refused with 429.
fn calls(world: &World, store: u64) -> (u64, u64) {
    let counts = world.sim.world().limits.counts(store);
    (counts.allowed, counts.refused)
}

async fn agrees(world: &World, merchant: &Merchant, store: u64) -> Result<()> {
    let places = world.places().await?;
    let counted = places.agree(&merchant.id, store, MONTHS, Duration::from_secs(120)).await?;
    ensure!(counted.differences().is_empty(), "{:?}", counted.differences());
    Ok(())
}

async fn finished(world: World, name: &str, ours: f64, limit: f64, unit: &str) -> Result<Measurement> {
    let pid = world.pid().context("qafila runs")?.to_string();
    let (cpu, rss) = (cpu_seconds_of(&pid)?, peak_rss_mb(&pid)?);
    world.remove().await?;
    measurement(name, ours, limit, unit, cpu, rss)
}

/// Seconds of an import at 360 calls a minute, the clock scaled, beside calls ÷ rate.
pub async fn sync_rate_floor() -> Result<Measurement> {
    const SCALE: f64 = 30.0;
    let world = scaled("bench_rate", SCALE).await?;
    let (merchant, store) = connected(&world, &plan(71, 10_000, "pro")).await?;
    let before = calls(&world, store);
    let began = Instant::now();
    merchant.start_import(MONTHS).await?;
    merchant.watch_import(PATIENCE, |_| {}).await?;
    let took = began.elapsed().as_secs_f64();
    let (made, refused) = calls(&world, store);
    let (made, refused) = (made - before.0, refused - before.1);
    let floor = made as f64 / (360.0 * SCALE / 60.0);
    println!(
        "  {made} calls in {took:.1} s, {refused} refused with 429 ({:.3} %), {:.1} % of the allowed rate used",
        refused as f64 * 100.0 / made as f64,
        floor * 100.0 / took
    );
    agrees(&world, &merchant, store).await?;
    finished(world, "sync_rate_floor", took, floor, "s").await
}

/// Seconds of the slowest of 49 equal imports beside a large one, next to the same import alone.
pub async fn sync_fairness() -> Result<Measurement> {
    const SCALE: f64 = 2.0;
    const STORES: u64 = 49;
    const ORDERS: usize = 150;
    let world = scaled("bench_fairness", SCALE).await?;
    let (alone, _) = connected(&world, &plan(500, ORDERS, "plus")).await?;
    let began = Instant::now();
    alone.start_import(MONTHS).await?;
    alone.watch_import(PATIENCE, |_| {}).await?;
    let limit = began.elapsed().as_secs_f64();
    let (large, _) = connected(&world, &plan(900, 20 * ORDERS, "plus")).await?;
    let mut merchants = Vec::new();
    for seed in 0..STORES {
        merchants.push(connected(&world, &plan(600 + seed, ORDERS, "plus")).await?.0);
    }
    large.start_import(MONTHS).await?;
    let imports = merchants.iter().map(|merchant| async move {
        let began = Instant::now();
        merchant.start_import(MONTHS).await?;
        loop {
            // 50 who look every 100 ms would be a load of their own.
            tokio::time::sleep(Duration::from_millis(500)).await;
            match merchant.sync_status().await?.status.as_str() {
                "completed" => return anyhow::Ok(began.elapsed().as_secs_f64()),
                "failed" => anyhow::bail!("an import failed"),
                _ => {}
            }
        }
    });
    let mut times = try_join_all(imports).await?;
    times.sort_by(f64::total_cmp);
    let slowest = times.last().copied().context("times")?;
    println!(
        "  alone {limit:.1} s; of {STORES} beside a large one the median {:.1} s, the slowest {slowest:.1} s",
        times[times.len() / 2]
    );
    finished(world, "sync_fairness", slowest, limit, "s").await
}

/// 50,000 orders at each plan's real limits: hours until complete beside the least number of calls.
pub async fn sync_50k_plan() -> Result<Vec<Measurement>> {
    let mut measured = Vec::new();
    for (name, per_minute, scale) in [("plus", 120.0, 100.0), ("pro", 360.0, 50.0), ("special", 720.0, 30.0)]
    {
        let world = scaled("bench_plan", scale).await?;
        let store_plan = plan(50_000, 50_000, name);
        let (orders, customers, products) =
            (store_plan.orders as u64, store_plan.customers as u64, store_plan.products as u64);
        let (merchant, store) = connected(&world, &store_plan).await?;
        let before = calls(&world, store);
        let (began, mut useful) = (Instant::now(), None);
        merchant.start_import(MONTHS).await?;
        let listed = |status: &SyncStatus| status.phases.iter().any(|p| p.name == "hydrate" && p.done > 0);
        merchant
            .watch_import(PATIENCE, |status| {
                if useful.is_none() && listed(status) {
                    useful = Some(began.elapsed().as_secs_f64() * scale / 60.0);
                }
            })
            .await?;
        let hours = began.elapsed().as_secs_f64() * scale / 3_600.0;
        let in_window = world.sim.world().stores.get(&store).map_or(orders, |s| s.orders.len() as u64);
        let least = in_window.div_ceil(ORDERS_A_PAGE)
            + customers.div_ceil(OTHERS_A_PAGE)
            + products.div_ceil(OTHERS_A_PAGE)
            + 2 * in_window;
        let floor = least as f64 / per_minute / 60.0;
        let (made, refused) = calls(&world, store);
        println!(
            "  {name}: dashboards useful after {:.1} min, complete after {hours:.2} h; {} calls where {least} are the least, {} refused with 429",
            useful.unwrap_or_default(),
            made - before.0,
            refused - before.1
        );
        agrees(&world, &merchant, store).await?;
        measured.push(finished(world, &format!("sync_50k_plan_{name}"), hours, floor, "h").await?);
    }
    Ok(measured)
}

/// Seeded runs, at different plans, half of them with a kill -9, of which the end predicted after 5 % was right within 20 %.
pub async fn sync_eta() -> Result<Measurement> {
    const RUNS: u64 = 10;
    const SCALE: f64 = 10.0;
    let mut world = scaled("bench_eta", SCALE).await?;
    let mut within = 0;
    for seed in 0..RUNS {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let (name, orders) = [("plus", 500), ("pro", 1_500), ("special", 3_000)][dice.random_range(0..3)];
        let (merchant, _) = connected(&world, &plan(seed + 1, orders, name)).await?;
        let kill_at = dice.random_bool(0.5).then(|| dice.random_range(10.0..60.0));
        merchant.start_import(MONTHS).await?;
        let (mut predicted, mut killed) = (None, false);
        let ended = loop {
            tokio::time::sleep(GLANCE).await;
            let Ok(status) = merchant.sync_status().await else { continue };
            ensure!(status.status != "failed", "{status:?}");
            if status.status == "completed" {
                break Instant::now();
            }
            if let (None, true, Some(eta)) =
                (predicted, status.progress_percentage >= 5.0, status.eta_seconds)
            {
                predicted = Some((Instant::now(), eta as f64));
            }
            if !killed && kill_at.is_some_and(|at| status.progress_percentage >= at) {
                killed = true;
                world.kill()?;
                world.start()?;
                world.ready().await?;
            }
        };
        let (at, eta) = predicted.context("no prediction")?;
        let actual = (ended - at).as_secs_f64();
        let error = (eta - actual) / actual;
        within += u32::from(error.abs() <= 0.2);
        println!(
            "  seed {seed}, {name}{}: after 5 % {eta:.0} s were predicted, it took {actual:.1} s ({:+.0} %)",
            if killed { ", killed once" } else { "" },
            error * 100.0
        );
    }
    finished(world, "sync_eta", f64::from(within), RUNS as f64, "runs").await
}

/// Memory of `qafila all` while it imports 500,000 orders, MB beside the bar of 300.
pub async fn import_500k() -> Result<Measurement> {
    memory_of_import("import_500k", "bench_large", &plan(500_000, 500_000, "unlimited")).await
}

/// Memory of `qafila all` while it imports 500,000 customers of one store, MB beside the bar of 300.
pub async fn import_customers_500k() -> Result<Measurement> {
    let plan = Plan { customers: 500_000, ..plan(500_001, 1_000, "unlimited") };
    memory_of_import("import_customers_500k", "bench_people", &plan).await
}

async fn memory_of_import(name: &str, world: &str, plan: &Plan) -> Result<Measurement> {
    const BAR_MB: f64 = 300.0;
    let mut world = World::make(world).await?;
    world.start()?;
    world.ready().await?;
    let (merchant, store) = connected(&world, plan).await?;
    let pid = world.pid().context("qafila runs")?.to_string();
    let (began, mut shown) = (Instant::now(), 0.0);
    merchant.start_import(MONTHS).await?;
    merchant
        .watch_import(PATIENCE, |status| {
            if status.progress_percentage >= shown + 10.0 {
                shown = status.progress_percentage;
                let rss = resident_mb(&pid).unwrap_or_default();
                println!("  {shown:.0} % after {:.0} s, {rss:.0} MB resident", began.elapsed().as_secs_f64());
            }
        })
        .await?;
    println!("  completed after {:.0} s", began.elapsed().as_secs_f64());
    agrees(&world, &merchant, store).await?;
    let peak = peak_rss_mb(&pid)?;
    finished(world, name, peak, BAR_MB, "MB").await
}
