//! `report_<name>`: the 95th percentile of each report over 100,000 orders of a merchant, asked for by four users at once, beside
//! `GET /health/live`.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use reqwest::StatusCode;

use super::measurement;
use crate::many_orders::merchant_with_orders;
use crate::merchant::Merchant;
use crate::record::Measurement;
use crate::world::World;

const ORDERS: u64 = 100_000;
const USERS: usize = 4;
const CALLS: usize = 30;
const REPORTS: [&str; 5] = ["summary", "sales-trend", "top-products", "order-status", "customers"];

/// All reports.
pub async fn reports() -> Result<Vec<Measurement>> {
    let mut world = World::make("bench_reports").await?;
    world.start()?;
    world.ready().await?;
    let merchant = merchant_with_orders(&world, 5_001, ORDERS).await?;
    let pid = world.pid().context("a process")?.to_string();
    let live = p95(&merchant, "/health/live").await?;
    let mut measured = vec![];
    for report in REPORTS {
        let cpu = super::cpu_seconds_of(&pid)?;
        // All orders of `fill`: 35 days.
        let path = format!("/api/v1/reports/{report}?from=2023-11-14&to=2023-12-21");
        let ours = p95(&merchant, &path).await?;
        let cpu = super::cpu_seconds_of(&pid)? - cpu;
        let name = format!("report_{}", report.replace('-', "_"));
        println!("  {name} p95 {ours:.1} ms");
        measured.push(measurement(&name, ours, live, "ms p95", cpu, super::peak_rss_mb(&pid)?)?);
    }
    world.remove().await?;
    Ok(measured)
}

async fn p95(merchant: &Merchant, path: &str) -> Result<f64> {
    let of_user = (0..USERS).map(|_| async move {
        let mut waits = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            let started = Instant::now();
            let answer = merchant.get(path).await?;
            ensure!(answer.status() == StatusCode::OK, "{path} answered {}", answer.status());
            answer.bytes().await?;
            waits.push(started.elapsed());
        }
        anyhow::Ok(waits)
    });
    let mut waits = try_join_all(of_user).await?.concat();
    waits.sort_unstable();
    Ok(waits[waits.len() * 95 / 100].as_secs_f64() * 1e3)
}
