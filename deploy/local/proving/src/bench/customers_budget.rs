//! `customers_budget`: imports of many stores that all want the one budget of `/customers`, and somebody who asks for a customer every ten
//! seconds of Salla's. How long the askers wait, and how much longer another store's orders take.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::future::try_join_all;
use qafila_ingest::salla::budget::{Budgets, Urgency};
use salla_sim::store::Plan;
use tokio::sync::watch;

use super::{cpu_seconds_of, measurement, peak_rss_mb};
use crate::merchant::{Merchant, make_store};
use crate::record::Measurement;
use crate::world::World;

const SCALE: u32 = 10;
const STORES: u64 = 20;
const MONTHS: u32 = 12;
const PATIENCE: Duration = Duration::from_secs(1_200);
/// Salla's seconds between two people who wait for a customer.
const ASKED_EVERY: u32 = 10;
/// Calls are what is scarce: with few rows on a page the clock can be scaled without scaling what is merged in a second.
const CUSTOMERS_A_PAGE: usize = 6;
/// The default of Qafila.
const BUDGET: u32 = 490;

/// Salla's seconds that 99 of 100 urgent calls wait at most, beside the limit of 60; and seconds of another store's orders beside the imports, next
/// to the same alone.
pub async fn customers_budget() -> Result<Vec<Measurement>> {
    let minute = Duration::from_secs(60) / SCALE;
    let mut world = World::make("bench_customers").await?.with_many_merchants();
    world.environment.insert("QAFILA_SALLA_MINUTE_MS".into(), minute.as_millis().to_string());
    world.environment.insert("QAFILA_SALLA_CUSTOMERS_BUDGET".into(), BUDGET.to_string());
    {
        let mut sim = world.sim.world();
        sim.switches.time_scale = f64::from(SCALE);
        sim.switches.others_per_page = CUSTOMERS_A_PAGE;
    }
    world.start()?;
    world.ready().await?;
    let alone = orders_of_a_store(&world, 3_000).await?;
    let mut merchants = Vec::new();
    for seed in 0..STORES {
        let plan = Plan {
            seed: 3_100 + seed,
            orders: 20,
            customers: 25 * CUSTOMERS_A_PAGE,
            products: 5,
            months: 6,
            plan: "basic".into(),
            ..Plan::default()
        };
        merchants.push(connected(&world, &plan).await?);
    }
    let budgets = Budgets::new(world.pool("QAFILA_DATABASE_INGEST_URL").await?, minute, BUDGET);
    let (ended, under_way) = watch::channel(false);
    let importing = async {
        let imports = merchants.iter().map(|merchant| async move {
            merchant.start_import(MONTHS).await?;
            merchant.watch_import(PATIENCE, |_| {}).await.map(drop)
        });
        let outcome = try_join_all(imports).await;
        ended.send_replace(true);
        outcome
    };
    let beside = async {
        until_running(&merchants).await?;
        orders_of_a_store(&world, 3_001).await
    };
    let (imports, waits, beside) = tokio::join!(importing, ask(&budgets, under_way), beside);
    imports?;
    let (mut waits, beside) = (waits, beside?);
    waits.sort_by(f64::total_cmp);
    ensure!(!waits.is_empty(), "no urgent call was made");
    let p99 = waits[(waits.len() * 99).div_ceil(100) - 1];
    println!(
        "  {} urgent calls beside {STORES} imports: median {:.1} s of Salla's, p99 {p99:.1} s; another store's orders {beside:.1} s, alone {alone:.1} s",
        waits.len(),
        waits[waits.len() / 2]
    );
    let pid = world.pid().context("qafila runs")?.to_string();
    let (cpu, rss) = (cpu_seconds_of(&pid)?, peak_rss_mb(&pid)?);
    world.remove().await?;
    Ok(vec![
        measurement("customers_budget", p99, 60.0, "s", cpu, rss)?,
        measurement("customers_budget_others", beside, alone, "s", cpu, rss)?,
    ])
}

async fn connected(world: &World, plan: &Plan) -> Result<Merchant> {
    let store = make_store(&world.sim_url, plan).await?;
    let merchant = Merchant::register(&world.gateway).await?;
    merchant.connect(store).await?;
    Ok(merchant)
}

/// Asks for a customer again and again until the imports have ended; says how long each call waited, in Salla's seconds.
async fn ask(budgets: &Budgets, under_way: watch::Receiver<bool>) -> Vec<f64> {
    let store = budgets.store(1);
    let mut waits = Vec::new();
    while !*under_way.borrow() {
        let asked = Instant::now();
        budgets.customer_call(&store, Urgency::Urgent).await;
        waits.push(asked.elapsed().as_secs_f64() * f64::from(SCALE));
        tokio::time::sleep(Duration::from_secs(1) * ASKED_EVERY / SCALE).await;
    }
    waits
}

async fn until_running(merchants: &[Merchant]) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    for merchant in merchants {
        while merchant.sync_status().await?.status != "running" {
            ensure!(Instant::now() < deadline, "an import does not begin");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(())
}

/// Seconds from the start of a store's import until all its orders are read with their details.
async fn orders_of_a_store(world: &World, seed: u64) -> Result<f64> {
    let plan = Plan {
        seed,
        orders: 400,
        customers: 30,
        products: 10,
        months: 6,
        plan: "plus".into(),
        ..Plan::default()
    };
    let merchant = connected(world, &plan).await?;
    let began = Instant::now();
    merchant.start_import(MONTHS).await?;
    loop {
        let status = merchant.sync_status().await?;
        let are_read = |phase: &crate::merchant::Phase| {
            phase.name == "hydrate" && phase.total == Some(phase.done) && phase.done > 0
        };
        if status.status == "completed" || status.phases.iter().any(are_read) {
            return Ok(began.elapsed().as_secs_f64());
        }
        if status.status == "failed" || began.elapsed() > PATIENCE {
            bail!("{status:?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
