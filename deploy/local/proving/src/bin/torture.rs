//! `make torture`: seeded faults, counted. Appends one JSON object a scenario to `target/torture.json`. `RUNS=n` does so many
//! runs, `SEED=n` starts there: a failing seed is run again with `NAMES=<scenario> SEED=<seed> RUNS=1`.

use anyhow::Result;
use clap::Parser;
use comfy_table::Table;
use qafila_proving::record::{Ordeal, append, commit, now};
use qafila_proving::torture::RunOutcome;
use qafila_proving::torture::export_kill::ExportKill;
use qafila_proving::torture::frozen::Frozen;
use qafila_proving::torture::hostile_webhooks::{BODIES, HostileWebhooks};
use qafila_proving::torture::import_kill::ImportKill;
use qafila_proving::torture::odd_shapes::OddShapes;
use qafila_proving::torture::outage::Outage;
use qafila_proving::torture::reconcile_drift::ReconcileDrift;
use qafila_proving::torture::relay_order::RelayOrder;
use qafila_proving::torture::store_changes::{self, StoreChanges};
use qafila_proving::torture::sync_lively::{self, SyncLively};
use qafila_proving::torture::sync_runs::{BESIDE, Hardship, SyncRuns};
use qafila_proving::torture::token_refresh::{TokenRefresh, work_if_asked};
use qafila_proving::torture::waits;
use qafila_proving::torture::webhook_kill::WebhookKill;
use qafila_proving::torture::webhook_order::{ORDERS_OF_ARRIVAL, SEQUENCES, WebhookOrder};
use qafila_stack::layout::Layout;

/// As many runs as the scenario has cases.
const ALL: u64 = 0;

const SCENARIOS: [(&str, u64); 16] = [
    ("import_kill", 20),
    ("relay_order", 10_000),
    ("token_refresh", 1_000),
    ("sync_faults", 200),
    ("sync_lies", 100),
    ("sync_lively", 50),
    ("store_changes", 300),
    ("waits", ALL),
    ("webhook_order", ORDERS_OF_ARRIVAL * SEQUENCES),
    ("odd_shapes", ALL),
    ("webhook_kill", 100),
    ("frozen", 50),
    ("reconcile_drift", 1),
    ("outage", 1),
    ("hostile_webhooks", 100),
    ("export_kill", 30),
];

#[derive(Parser)]
struct Cli {
    /// Scenarios; all of them where none is named.
    #[arg(value_parser = SCENARIOS.map(|(name, _)| name))]
    names: Vec<String>,
    /// Runs of each scenario.
    #[arg(long, env = "RUNS")]
    runs: Option<u64>,
    /// First seed.
    #[arg(long, env = "SEED", default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    if work_if_asked().await? {
        return Ok(());
    }
    let cli = Cli::parse();
    let root = Layout::find()?.root;
    let mut table = Table::new();
    table.set_header(["scenario", "runs", "failures", "lost", "duplicated", "first seed"]);
    let mut failures = 0;
    for (name, runs) in SCENARIOS {
        if !cli.names.is_empty() && !cli.names.iter().any(|n| n == name) {
            continue;
        }
        println!("{name}");
        let mut ordeal = Ordeal {
            name: name.into(),
            runs: match cli.runs.unwrap_or(runs) {
                ALL if name == "odd_shapes" => OddShapes::prepare()?.pairs(),
                ALL if name == "waits" => waits::TROUBLES.len() as u64,
                runs => runs,
            },
            failures: 0,
            lost: 0,
            duplicated: 0,
            seed: cli.seed,
            commit: commit(&root),
            at: now(),
        };
        endure(&mut ordeal).await?;
        append(&root, "torture.json", &ordeal)?;
        failures += ordeal.failures;
        let Ordeal { runs, failures, lost, duplicated, seed, .. } = ordeal;
        table.add_row([
            name.to_owned(),
            runs.to_string(),
            failures.to_string(),
            lost.to_string(),
            duplicated.to_string(),
            seed.to_string(),
        ]);
    }
    println!("{table}");
    anyhow::ensure!(failures == 0, "{failures} runs ended wrong");
    Ok(())
}

/// Runs a scenario seed by seed.
macro_rules! each_seed {
    ($scenario:ty, $ordeal:ident, $seeds:ident $(, $argument:expr)?) => {{
        let mut scenario = <$scenario>::prepare($($argument)?).await?;
        for seed in $seeds {
            let outcome = scenario.run(seed).await;
            count($ordeal, seed, outcome);
        }
        scenario.finish().await
    }};
}

async fn endure(ordeal: &mut Ordeal) -> Result<()> {
    let seeds = ordeal.seed..ordeal.seed + ordeal.runs;
    match ordeal.name.as_str() {
        "import_kill" => return each_seed!(ImportKill, ordeal, seeds),
        "webhook_order" => return each_seed!(WebhookOrder, ordeal, seeds),
        "webhook_kill" => return each_seed!(WebhookKill, ordeal, seeds),
        "frozen" => return each_seed!(Frozen, ordeal, seeds),
        "reconcile_drift" => return each_seed!(ReconcileDrift, ordeal, seeds),
        "outage" => return each_seed!(Outage, ordeal, seeds),
        "export_kill" => return each_seed!(ExportKill, ordeal, seeds),
        "hostile_webhooks" => return each_seed!(HostileWebhooks, ordeal, seeds, BODIES),
        _ => {}
    }
    if ordeal.name == "odd_shapes" {
        let mut scenario = OddShapes::prepare()?;
        // A panic is counted; what it would print is not.
        std::panic::set_hook(Box::new(|_| {}));
        for seed in seeds {
            let outcome = scenario.run(seed);
            count(ordeal, seed, outcome);
            told(ordeal, seed, 20_000);
        }
        return scenario.finish().await;
    }
    let hardship = match ordeal.name.as_str() {
        "sync_faults" => Some(Hardship::Faults),
        "sync_lies" => Some(Hardship::Lies),
        _ => None,
    };
    if let Some(hardship) = hardship {
        let mut scenario = SyncRuns::prepare(hardship).await?;
        for first in seeds.clone().step_by(BESIDE as usize) {
            for (seed, outcome) in scenario.run(first..(first + BESIDE).min(seeds.end)).await {
                count(ordeal, seed, outcome);
            }
        }
        return scenario.finish().await;
    }
    if ordeal.name == "sync_lively" {
        let scenario = SyncLively::prepare().await?;
        for first in seeds.clone().step_by(sync_lively::BESIDE as usize) {
            for (seed, outcome) in scenario.run(first..(first + sync_lively::BESIDE).min(seeds.end)).await {
                count(ordeal, seed, outcome);
            }
        }
        return scenario.finish().await;
    }
    if ordeal.name == "store_changes" {
        let mut scenario = StoreChanges::prepare().await?;
        for first in seeds.clone().step_by(store_changes::BESIDE as usize) {
            for (seed, outcome) in scenario.run(first..(first + store_changes::BESIDE).min(seeds.end)).await {
                count(ordeal, seed, outcome);
            }
        }
        return scenario.finish().await;
    }
    if ordeal.name == "waits" {
        for first in seeds.clone().step_by(waits::BESIDE as usize) {
            for (seed, outcome) in waits::run(first..(first + waits::BESIDE).min(seeds.end)).await {
                count(ordeal, seed, outcome);
            }
        }
        return Ok(());
    }
    if ordeal.name == "token_refresh" {
        let mut scenario = TokenRefresh::prepare().await?;
        for seed in seeds {
            let outcome = scenario.run(seed).await;
            count(ordeal, seed, outcome);
            told(ordeal, seed, 100);
        }
        return scenario.finish().await;
    }
    let scenario = RelayOrder::prepare().await?;
    for seed in seeds {
        let outcome = scenario.run(seed).await;
        count(ordeal, seed, outcome);
        told(ordeal, seed, 500);
    }
    scenario.finish().await
}

fn told(ordeal: &Ordeal, seed: u64, every: u64) {
    let done = seed + 1 - ordeal.seed;
    if done.is_multiple_of(every) {
        println!("  {done} of {} runs", ordeal.runs);
    }
}

fn count(ordeal: &mut Ordeal, seed: u64, outcome: Result<RunOutcome>) {
    match outcome {
        Ok(outcome) if outcome.is_good() => {}
        Ok(outcome) => {
            println!("  {} failed at seed {seed}: {outcome:?}", ordeal.name);
            ordeal.failures += 1;
            ordeal.lost += outcome.lost;
            ordeal.duplicated += outcome.duplicated;
        }
        Err(error) => {
            println!("  {} failed at seed {seed}: {error:#}", ordeal.name);
            ordeal.failures += 1;
        }
    }
}
