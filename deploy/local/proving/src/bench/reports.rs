//! `report_<name>`: the 95th percentile of each report over 100,000 orders of a merchant, asked for by four users at once, and, as
//! `…_alone`, by one; beside `GET /health/live`. `reports` is the slowest of these reports with four users, `reports_apart` where each of the four
//! asks for other days, so that nothing is shared, and `reports_1m` the slowest over 1,000,000 orders with one.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use reqwest::StatusCode;

use super::measurement;
use crate::many_orders::{merchant_with_facts, merchant_with_orders};
use crate::merchant::Merchant;
use crate::record::Measurement;
use crate::world::World;

const ORDERS: u64 = 100_000;
pub(super) const USERS: usize = 4;
const CALLS: usize = 30;
pub(super) const MILLION: u64 = 1_000_000;
const REPORTS: [&str; 10] = [
    "summary",
    "sales-trend",
    "top-products",
    "order-status",
    "customers",
    "by-city",
    "by-payment",
    "by-channel",
    "by-hour",
    "product/1",
];

/// All reports.
pub async fn reports() -> Result<Vec<Measurement>> {
    // All orders of `fill`: 35 days.
    let path = |report| format!("/api/v1/reports/{report}?from=2023-11-14&to=2023-12-21");
    let named = |report: &str| format!("report_{}", report.replace(['-', '/'], "_"));
    let apart = |report: &str| {
        let of_user = |user| format!("/api/v1/reports/{report}?from=2023-11-{}&to=2023-12-21", 14 + user);
        (format!("apart_{}", named(report)), (0..USERS).map(of_user).collect())
    };
    let apart = REPORTS.iter().map(|report| apart(report)).collect();
    let paths = REPORTS.map(|report| (named(report), path(report))).to_vec();
    let mut measured = measure("bench_reports", paths, apart).await?;
    let (apart, mut kept): (Vec<_>, Vec<_>) =
        measured.drain(..).partition(|one| one.name.starts_with("apart_"));
    let slowest = |of: &mut dyn Iterator<Item = &Measurement>, name: &str| {
        let slowest = of.max_by(|one, other| one.ours.total_cmp(&other.ours)).cloned();
        slowest.map(|slowest| Measurement { name: name.into(), ..slowest })
    };
    let of_all = slowest(&mut kept.iter().filter(|one| !one.name.ends_with("_alone")), "reports");
    kept.extend(of_all);
    kept.extend(slowest(&mut apart.iter(), "reports_apart"));
    let mut measured = kept;
    measured.push(of_a_million().await?);
    Ok(measured)
}

/// The slowest report over 1,000,000 orders, asked for by one user.
async fn of_a_million() -> Result<Measurement> {
    let mut world = World::make("bench_reports_1m").await?;
    world.start()?;
    world.ready().await?;
    let merchant = merchant_with_facts(&world, 5_003, MILLION).await?;
    let pid = world.pid().context("a process")?.to_string();
    let live = p95(&merchant, "/health/live", 1).await?;
    let cpu = super::cpu_seconds_of(&pid)?;
    let mut slowest: f64 = 0.0;
    for report in REPORTS {
        // All orders of `fill`: 348 days.
        let path = format!("/api/v1/reports/{report}?from=2023-11-14&to=2024-11-01");
        let ours = p95(&merchant, &path, 1).await?;
        println!("  {report} of 1,000,000 orders p95 {ours:.1} ms");
        slowest = slowest.max(ours);
    }
    let cpu = super::cpu_seconds_of(&pid)? - cpu;
    let rss = super::peak_rss_mb(&pid)?;
    world.remove().await?;
    measurement("reports_1m", slowest, live, "ms p95", cpu, rss)
}

/// Each of `paths` by all users and by one; each of `apart` by as many users as it has paths.
pub(super) async fn measure(
    world: &str,
    paths: Vec<(String, String)>,
    apart: Vec<(String, Vec<String>)>,
) -> Result<Vec<Measurement>> {
    let mut world = World::make(world).await?;
    world.start()?;
    world.ready().await?;
    let merchant = merchant_with_orders(&world, 5_001, ORDERS).await?;
    let pid = world.pid().context("a process")?.to_string();
    let live = p95(&merchant, "/health/live", USERS).await?;
    let by_all_and_one = paths.into_iter().flat_map(|(name, path)| {
        [(name.clone(), vec![path.clone(); USERS]), (format!("{name}_alone"), vec![path])]
    });
    let mut measured = vec![];
    for (name, paths) in by_all_and_one.chain(apart) {
        let cpu = super::cpu_seconds_of(&pid)?;
        let ours = p95_of(&merchant, &paths).await?;
        let cpu = super::cpu_seconds_of(&pid)? - cpu;
        println!("  {name} p95 {ours:.1} ms");
        measured.push(measurement(&name, ours, live, "ms p95", cpu, super::peak_rss_mb(&pid)?)?);
    }
    world.remove().await?;
    Ok(measured)
}

pub(super) async fn p95(merchant: &Merchant, path: &str, users: usize) -> Result<f64> {
    p95_of(merchant, &vec![path.to_owned(); users]).await
}

/// Of one user for each path.
async fn p95_of(merchant: &Merchant, paths: &[String]) -> Result<f64> {
    let of_user = paths.iter().map(|path| async move {
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
