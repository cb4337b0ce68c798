//! `facts_parts`: orders trickle in, and four processes load them into ClickHouse. How many parts of the table that makes, beside those of
//! one process: each insert is a part, and too many parts stop a table.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::Utc;

use super::{cpu_seconds_of, measurement, peak_rss_mb};
use crate::deliveries::{Deliveries, order};
use crate::merchant::Merchant;
use crate::record::Measurement;
use crate::waiting::until;
use crate::world::World;

const ORDERS: u64 = 300;
const APART: Duration = Duration::from_millis(100);
/// Processes that load.
const PROCESSES: usize = 4;

/// Parts a minute of four processes, beside those of one.
pub async fn facts_parts() -> Result<Measurement> {
    let (one, _, _) = parts_a_minute(1).await?;
    let (four, cpu, rss) = parts_a_minute(PROCESSES).await?;
    println!(
        "  parts a minute of the table of orders: {four:.0} with {PROCESSES} processes, {one:.0} with one"
    );
    measurement("facts_parts", four, one, "parts/min", cpu, rss)
}

async fn parts_a_minute(processes: usize) -> Result<(f64, f64, f64)> {
    let mut world = World::make("bench_parts").await?;
    for role in ["gateway", "relay", "ingest"] {
        world.start_as(role, &[role], &[])?;
    }
    world.start_as("oltp", &["project", "oltp"], &[])?;
    let names: Vec<String> = (0..processes).map(|number| format!("olap{number}")).collect();
    for name in &names {
        world.start_as(name, &["project", "olap"], &[("QAFILA_SLOT", name)])?;
    }
    world.ready().await?;
    let (_merchant, store) = Merchant::with_store(&world.gateway, &world.sim_url, 4_300).await?;
    let deliveries = Deliveries::to(&world);
    // The first orders share the partitions out.
    deliver(&deliveries, store, 0..20).await?;
    stored(&world, 20).await?;
    let before = parts(&world).await?;
    let began = std::time::Instant::now();
    deliver(&deliveries, store, 20..20 + ORDERS).await?;
    stored(&world, 20 + ORDERS).await?;
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    let made = parts(&world).await?.checked_sub(before).context("parts are counted upwards")?;
    ensure!(made > 0, "nothing was inserted");
    let pid = world.pid_of(&names[0]).context("it runs")?.to_string();
    let (cpu, rss) = (cpu_seconds_of(&pid)?, peak_rss_mb(&pid)?);
    world.remove().await?;
    Ok((made as f64 / minutes, cpu, rss))
}

async fn deliver(deliveries: &Deliveries, store: u64, orders: std::ops::Range<u64>) -> Result<()> {
    for number in orders {
        deliveries.deliver(&order(store, 9_000_000 + number, Utc::now())).await?;
        tokio::time::sleep(APART).await;
    }
    Ok(())
}

async fn stored(world: &World, orders: u64) -> Result<()> {
    let clickhouse = world.clickhouse();
    let count = || async {
        let query = clickhouse.query("SELECT count() FROM orders FINAL WHERE order_id >= 9000000");
        Ok(query.fetch_one::<u64>().await?)
    };
    until(count, |count| *count >= orders).await.map(drop)
}

/// Parts that inserts have made so far: each is a block of its partition, and merges keep the numbers of blocks.
async fn parts(world: &World) -> Result<u64> {
    let query = "SELECT toUInt64(sum(blocks)) FROM (SELECT max(max_block_number) AS blocks FROM system.parts
         WHERE database = currentDatabase() AND table = 'orders' AND active GROUP BY partition)";
    Ok(world.clickhouse().query(query).fetch_one().await?)
}
