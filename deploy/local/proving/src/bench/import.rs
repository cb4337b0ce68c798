//! `import_50k`: 50,000 orders, 10,000 customers and 1,000 products through the whole of `qafila all`, the simulator unthrottled.
//! Time until Postgres and ClickHouse hold everything, beside the bar of 60 s.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use salla_sim::store::Plan;

use super::{cpu_seconds_of, measurement, peak_rss_mb};
use crate::merchant::{Merchant, make_store};
use crate::record::Measurement;
use crate::world::World;

const BAR_SECONDS: f64 = 60.0;
const PATIENCE: Duration = Duration::from_secs(600);

/// Seconds.
pub async fn import_50k() -> Result<Measurement> {
    let mut world = World::make("bench_import").await?;
    world.start()?;
    world.ready().await?;
    let plan = Plan { seed: 50_000, orders: 50_000, customers: 10_000, products: 1_000, ..Plan::default() };
    let store = make_store(&world.sim_url, &plan).await?;
    let merchant = Merchant::register(&world.gateway).await?;
    merchant.connect(store).await?;
    let pid = world.pid().context("qafila runs")?.to_string();
    let (cpu, started) = (cpu_seconds_of(&pid)?, Instant::now());
    merchant.start_import(24).await?;
    merchant.watch_import(PATIENCE, |_| {}).await?;
    println!("  import_50k completed after {:.1} s", started.elapsed().as_secs_f64());
    let postgres = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
    let wanted: i64 = 50_000;
    loop {
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&postgres).await?;
        let facts: u64 = world.clickhouse().query("SELECT count() FROM orders FINAL").fetch_one().await?;
        if rows >= wanted && facts >= wanted.unsigned_abs() {
            break;
        }
        ensure!(started.elapsed() < PATIENCE, "{rows} rows and {facts} facts after {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = started.elapsed().as_secs_f64();
    let (cpu_s, rss_mb) = (cpu_seconds_of(&pid)? - cpu, peak_rss_mb(&pid)?);
    let places = world.places().await?;
    let counted = places.agree(&merchant.id, store, 24, PATIENCE).await?;
    ensure!(counted.differences().is_empty(), "{:?}", counted.differences());
    world.remove().await?;
    measurement("import_50k", took, BAR_SECONDS, "s", cpu_s, rss_mb)
}

/// `onboard_odd`: a store whose every row has odd shapes imports to `completed`. Records that are missing from a place or differ in it,
/// beside the rows of the store.
pub async fn onboard_odd() -> Result<Measurement> {
    let mut world = World::make("bench_odd").await?;
    world.start()?;
    world.ready().await?;
    let plan =
        Plan { seed: 5_015, orders: 6_000, customers: 1_500, products: 500, odd: true, ..Plan::default() };
    let store = make_store(&world.sim_url, &plan).await?;
    let merchant = Merchant::register(&world.gateway).await?;
    merchant.connect(store).await?;
    let pid = world.pid().context("qafila runs")?.to_string();
    let cpu = cpu_seconds_of(&pid)?;
    merchant.start_import(24).await?;
    merchant.watch_import(PATIENCE, |_| {}).await?;
    let counted = world.places().await?.agree(&merchant.id, store, 24, PATIENCE).await?;
    let differences = counted.differences();
    ensure!(differences.is_empty(), "{differences:?}");
    let held = counted.simulator.orders + counted.simulator.customers + counted.simulator.products;
    let rows = (plan.orders + plan.customers + plan.products) as f64;
    let (cpu_s, rss_mb) = (cpu_seconds_of(&pid)? - cpu, peak_rss_mb(&pid)?);
    world.remove().await?;
    measurement("onboard_odd", rows - held as f64, rows, "records missing", cpu_s, rss_mb)
}
