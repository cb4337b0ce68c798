//! `export_csv`, `export_csv_5m`, `export_parquet`, `export_xlsx`: a file of so many orders beside ClickHouse's own, of the same query, streamed
//! into a file; with and without personal fields. `export_request`: how long a click takes under 50 users, beside
//! `GET /health/live`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use qafila_ingest::keys::PostgresKeys;
use qafila_projections::export::file::{Counted, Maker, Writing};
use qafila_projections::export::filters::Filters;
use qafila_projections::export::report::{Report, Selection};
use qafila_projections::export::store::{ExportStore, FileKey, StoreConfig};
use qafila_schemas::envelope::OperatorKeys;
use qafila_schemas::ids::{JobId, MerchantId};
use reqwest::StatusCode;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::{Duel, Round, cpu_seconds, measurement, resident_mb};
use crate::many_orders::{Of, fill};
use crate::merchant::Merchant;
use crate::record::Measurement;
use crate::world::World;

const STORE: i64 = 7;
const ROWS: u64 = 1_000_000;
const MANY_ROWS: u64 = 5_000_000;
const ROUNDS: usize = 3;
const USERS: usize = 50;
const CLICKS: usize = 12;
/// A user clicks once in so long.
const THINKING: Duration = Duration::from_millis(500);

/// A million orders as CSV: without personal fields, then with them.
pub async fn export_csv() -> Result<Vec<Measurement>> {
    let bench = Bench::make(ROWS).await?;
    let plain = bench.duel("export_csv", "csv", false, ROUNDS).await?;
    let personal = bench.duel("export_csv_personal", "csv", true, ROUNDS).await?;
    bench.world.remove().await?;
    Ok(vec![plain, personal])
}

/// Five million orders as CSV, in the same memory.
pub async fn export_csv_5m() -> Result<Vec<Measurement>> {
    let bench = Bench::make(MANY_ROWS).await?;
    let plain = bench.duel("export_csv_5m", "csv", false, 1).await?;
    bench.world.remove().await?;
    Ok(vec![plain])
}

/// A million orders as Parquet.
pub async fn export_parquet() -> Result<Vec<Measurement>> {
    let bench = Bench::make(ROWS).await?;
    let plain = bench.duel("export_parquet", "parquet", false, ROUNDS).await?;
    bench.world.remove().await?;
    Ok(vec![plain])
}

/// A million orders as a workbook, beside ClickHouse's own CSV of them.
pub async fn export_xlsx() -> Result<Vec<Measurement>> {
    let bench = Bench::make(ROWS).await?;
    let plain = bench.duel("export_xlsx", "xlsx", false, 1).await?;
    bench.world.remove().await?;
    Ok(vec![plain])
}

struct Bench {
    world: World,
    merchant: MerchantId,
    maker: Maker,
    rows: u64,
}

impl Bench {
    /// A world whose ClickHouse holds `rows` orders, personal fields sealed.
    async fn make(rows: u64) -> Result<Self> {
        let world = World::make("bench_exports").await?;
        let merchant = MerchantId::generate();
        let operator = OperatorKeys::parse(&world.environment["QAFILA_OPERATOR_KEYS"])?;
        let keys = Arc::new(PostgresKeys::new(world.pool("QAFILA_DATABASE_INGEST_URL").await?, operator));
        let clickhouse = world.clickhouse();
        fill(&clickhouse, &*keys, Of { merchant, store: STORE }, rows).await?;
        let store = ExportStore::open(&StoreConfig::Folder(world.exports()))?;
        Ok(Self { maker: Maker { clickhouse, keys, store }, world, merchant, rows })
    }

    fn selection(&self, personal: bool) -> Result<Selection> {
        let filters = Filters::check(Report::Orders, &serde_json::Map::new());
        Ok(Selection {
            report: Report::Orders,
            columns: Report::Orders.columns(personal),
            merchant: self.merchant,
            store: STORE,
            filters: filters.ok().context("no filter is bad")?,
            complete: None,
        })
    }

    async fn duel(
        &self,
        name: &'static str,
        format: &'static str,
        personal: bool,
        rounds: usize,
    ) -> Result<Measurement> {
        let selection = self.selection(personal)?;
        let mut duel = Duel::new(name, "rows/s");
        let mut grown: f64 = 0.0;
        // Once for the caches, of no round.
        self.bare(&selection, format).await?;
        for _ in 0..rounds {
            duel.limit(self.bare(&selection, format).await?);
            let before = resident_mb("self")?;
            std::fs::write("/proc/self/clear_refs", "5")?;
            duel.ours(self.ours(&selection, format).await?);
            grown = grown.max(super::peak_rss_mb("self")? - before);
        }
        println!("  {name} memory grew by {grown:.1} MB");
        Ok(Measurement { rss_mb: (grown * 10.0).round() / 10.0, ..duel.measured()? })
    }

    /// ClickHouse's own file of the same query.
    async fn bare(&self, selection: &Selection, format: &str) -> Result<Round> {
        let path = self.world.exports().join("bare");
        let format = if format == "parquet" { "Parquet" } else { "CSVWithNames" };
        let (cpu, started) = (cpu_seconds()?, Instant::now());
        let mut file = tokio::fs::File::create(&path).await?;
        let mut answer = selection.rows(&self.maker.clickhouse).fetch_bytes(format)?;
        while let Some(bytes) = answer.next().await? {
            file.write_all(&bytes).await?;
        }
        file.sync_all().await?;
        Ok(Round { took: started.elapsed(), count: self.rows, cpu_s: cpu_seconds()? - cpu })
    }

    async fn ours(&self, selection: &Selection, format: &str) -> Result<Round> {
        let writing = Writing {
            format: format.into(),
            compression: None,
            byte_order_mark: true,
            delimiter: b',',
            formula_guard: true,
            locale: "ar".into(),
            most_rows: i64::MAX,
        };
        let job = JobId(uuid::Uuid::now_v7());
        let key = FileKey { merchant: self.merchant, job, epoch: 1, extension: format.into() };
        let (cpu, started) = (cpu_seconds()?, Instant::now());
        let file = self.maker.make(selection, &writing, &key, &Arc::new(Counted::default())).await?;
        let round = Round { took: started.elapsed(), count: self.rows, cpu_s: cpu_seconds()? - cpu };
        ensure!(file.rows as u64 == self.rows, "{} rows of {}", file.rows, self.rows);
        self.maker.store.remove(self.merchant, job).await?;
        Ok(round)
    }
}

/// How long a click takes, 95th percentile, under 50 users who click twice a second each; beside a route that does nothing.
pub async fn export_request() -> Result<Vec<Measurement>> {
    let mut world = World::make("bench_clicks").await?.with_many_merchants();
    world.start()?;
    world.ready().await?;
    let pid = world.pid().context("a process")?.to_string();
    let mut users = vec![];
    for user in 0..USERS {
        let seed = 3_000 + user as u64;
        let (merchant, _) = Merchant::with_store(&world.gateway, &world.sim_url, seed).await?;
        users.push(merchant);
    }
    let body = json!({"reportType": "products", "format": "csv"});
    let cpu = super::cpu_seconds_of(&pid)?;
    let click = |merchant: &Merchant| {
        let (path, body) = ("/api/v1/reports/export", body.clone());
        let asking = merchant.asking(path, &body);
        async move {
            let answer = asking.send().await?;
            ensure!(answer.status() == StatusCode::ACCEPTED, "{}", answer.status());
            anyhow::Ok(())
        }
    };
    let clicks = p95(&users, click).await?;
    let live = |merchant: &Merchant| {
        let asking = merchant.looking("/health/live");
        async move {
            asking.send().await?.error_for_status()?;
            anyhow::Ok(())
        }
    };
    let lives = p95(&users, live).await?;
    let cpu = super::cpu_seconds_of(&pid)? - cpu;
    let measured = measurement("export_request", clicks, lives, "ms p95", cpu, super::peak_rss_mb(&pid)?)?;
    world.remove().await?;
    Ok(vec![measured])
}

/// The 95th percentile, in ms, of what all users do at once, again and again.
async fn p95<F>(users: &[Merchant], act: impl Fn(&Merchant) -> F) -> Result<f64>
where
    F: Future<Output = Result<()>>,
{
    let act = &act;
    let of_user = users.iter().enumerate().map(|(index, merchant)| async move {
        let mut waits = Vec::with_capacity(CLICKS);
        tokio::time::sleep(THINKING.mul_f64(index as f64 / USERS as f64)).await;
        for _ in 0..CLICKS {
            let started = Instant::now();
            act(merchant).await?;
            waits.push(started.elapsed());
            tokio::time::sleep(THINKING.saturating_sub(started.elapsed())).await;
        }
        anyhow::Ok(waits)
    });
    let mut waits = try_join_all(of_user).await?.concat();
    waits.sort_unstable();
    let at = |part: f64| waits[(waits.len() as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "  median {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, of {}",
        at(0.5),
        at(0.95),
        at(0.99),
        waits.len()
    );
    Ok(at(0.95))
}
