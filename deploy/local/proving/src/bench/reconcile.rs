//! `reconcile_night`: a store with 10,000 orders that were all touched within a day, at each plan's limits, with the clock scaled: how long its
//! night takes beside its calls divided by the rate, and how many calls that are beside the least possible.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use salla_sim::store::Plan;
use sqlx::PgPool;

use super::{cpu_seconds_of, measurement, peak_rss_mb};
use crate::merchant::{Merchant, make_store};
use crate::record::Measurement;
use crate::world::World;

const ORDERS: usize = 10_000;
const MONTHS: u32 = 24;
const PATIENCE: Duration = Duration::from_secs(900);
const GLANCE: Duration = Duration::from_millis(20);
const ORDERS_A_PAGE: u64 = 30;
const OTHERS_A_PAGE: u64 = 60;

/// Minutes of a night beside calls ÷ rate, at each plan.
pub async fn reconcile_night() -> Result<Vec<Measurement>> {
    let mut measured = Vec::new();
    for (plan, per_minute, scale) in [("plus", 120.0, 100.0), ("pro", 360.0, 50.0), ("special", 720.0, 30.0)]
    {
        measured.push(night(plan, per_minute, scale).await?);
    }
    Ok(measured)
}

async fn night(plan: &str, per_minute: f64, scale: f64) -> Result<Measurement> {
    let mut world = World::make("bench_night").await?;
    let minute = (60_000.0_f64 / scale).round();
    for (name, value) in
        [("QAFILA_SALLA_MINUTE_MS", minute.to_string()), ("QAFILA_RECONCILE_CRON", "0 2 1 1 *".to_owned())]
    {
        world.environment.insert(name.into(), value);
    }
    world.sim.world().switches.time_scale = 60_000.0 / minute;
    world.start()?;
    world.ready().await?;
    let made = Plan { seed: 10_000, orders: ORDERS, customers: 600, products: 200, ..Plan::default() };
    let store = make_store(&world.sim_url, &made).await?;
    let merchant = Merchant::register(&world.gateway).await?;
    merchant.connect(store).await?;
    merchant.start_import(MONTHS).await?;
    merchant.watch_import(PATIENCE, |_| {}).await?;
    let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
    until(&owner, &merchant, "SELECT count(*) = 1 FROM reconciliations WHERE merchant_id = $1::uuid").await?;
    {
        let mut sim = world.sim.world();
        let touched = sim.stores.get_mut(&store).context("the store")?;
        touched.plan = plan.into();
        for (index, order) in touched.orders.iter_mut().enumerate() {
            order.updated_at = Utc::now() + chrono::Duration::milliseconds(index as i64 % 1_000);
            // Half of them say something new.
            order.total += if index.is_multiple_of(2) { 100 } else { 0 };
        }
    }
    let before = world.sim.world().limits.counts(store);
    let began = Instant::now();
    sqlx::query("UPDATE reconciliations SET night_at = now() WHERE merchant_id = $1::uuid")
        .bind(&merchant.id)
        .execute(&owner)
        .await?;
    until(&owner, &merchant, "SELECT count(*) = 3 FROM reconciliation_runs WHERE merchant_id = $1::uuid")
        .await?;
    let took = began.elapsed().as_secs_f64();
    let (updated, unchanged, cause): (i64, i64, Option<String>) = sqlx::query_as(
        "SELECT sum(updated)::bigint, sum(unchanged)::bigint, max(cause) FROM reconciliation_runs WHERE merchant_id = $1::uuid",
    )
    .bind(&merchant.id)
    .fetch_one(&owner)
    .await?;
    ensure!(cause.is_none() && updated >= 4_900, "{updated} updated, {unchanged} unchanged, {cause:?}");
    let after = world.sim.world().limits.counts(store);
    let (calls, refused) = (after.allowed - before.allowed, after.refused - before.refused);
    let touched = ORDERS as u64;
    let least = touched.div_ceil(ORDERS_A_PAGE)
        + 2 * touched
        + 200_u64.div_ceil(OTHERS_A_PAGE)
        + 600_u64.div_ceil(OTHERS_A_PAGE);
    let (minutes, floor) = (took * scale / 60.0, calls as f64 / per_minute);
    let write = std::fs::read_to_string(world.log())?;
    let median =
        write.lines().rev().find(|line| line.contains("differences written") && line.contains("\"orders\""));
    let median = median.and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    println!(
        "  {plan}: {minutes:.1} min for {calls} calls where {least} are the least, {refused} refused with 429; {updated} updated, {unchanged} \
         unchanged; writing a changed row took {:.2} ms at the median",
        median.and_then(|line| line["medianMs"].as_f64()).unwrap_or_default()
    );
    let pid = world.pid().context("qafila runs")?.to_string();
    let (cpu, rss) = (cpu_seconds_of(&pid)?, peak_rss_mb(&pid)?);
    world.remove().await?;
    measurement(&format!("reconcile_night_{plan}"), minutes, floor, "min", cpu, rss)
}

async fn until(owner: &PgPool, merchant: &Merchant, query: &str) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !sqlx::query_scalar::<_, bool>(query).bind(&merchant.id).fetch_one(owner).await? {
        ensure!(Instant::now() < deadline, "not within {PATIENCE:?}: {query}");
        tokio::time::sleep(GLANCE).await;
    }
    Ok(())
}
