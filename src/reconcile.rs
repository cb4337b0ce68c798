//! `qafila reconcile`: compares a merchant's store with what is stored, now, and publishes what differs.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use chrono::NaiveDate;
use clap::Args;
use qafila_ingest::keys::PostgresKeys;
use qafila_ingest::reconcile::asked;
use qafila_ingest::reconcile::run::{Asked, Found, RESOURCES};
use qafila_ingest::sync::plan::Window;
use qafila_schemas::contract::Contract;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::registry::Registry;

use crate::config::Config;
use crate::wiring;

/// What to compare.
#[derive(Args)]
pub struct ReconcileArgs {
    /// Merchant: a UUID.
    #[arg(long)]
    merchant: MerchantId,
    /// First day of creation of the orders, `YYYY-MM-DD`, Asia/Riyadh.
    #[arg(long)]
    from: NaiveDate,
    /// Last day of creation of the orders.
    #[arg(long)]
    to: NaiveDate,
    /// Only these; all of them where none is named. Products and customers are compared whole.
    #[arg(long = "resource", value_parser = RESOURCES)]
    resources: Vec<String>,
    /// Shows what differs and writes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Deletes what is gone at Salla, however much it is; without it a run that would delete over 1 % and more than 20 rows stops.
    #[arg(long)]
    allow_deletions: bool,
}

/// Runs the command.
pub async fn run(config: &Config, args: ReconcileArgs) -> Result<()> {
    ensure!(args.from <= args.to, "--from must not be after --to");
    let registry = Registry::new(config.registry_url.as_str())?;
    let contract = Contract::new(config.kafka.clone(), registry);
    let pool = wiring::pool(config, "qafila_ingest")?;
    let (access, salla) = wiring::salla(config, &pool)?;
    let read_models = Arc::new(wiring::read_models(config)?);
    let keys = Arc::new(PostgresKeys::new(pool.clone(), config.operator_keys.clone()));
    let (tools, _) =
        wiring::reconciliation(config, &contract, &pool, &salla, &read_models, keys).tools().await?;
    let resources =
        if args.resources.is_empty() { RESOURCES.map(str::to_owned).to_vec() } else { args.resources };
    let asked = Asked {
        window: Window { first: args.from, last: args.to },
        dry: args.dry_run,
        deletions_allowed: args.allow_deletions,
    };
    let mut failed = 0;
    let outcome = asked::run(tools, args.merchant, &resources, asked, |found| {
        show(found);
        failed += usize::from(found.outcome.is_err());
    });
    let outcome = outcome.await;
    // A refresh under way knows what nobody else can find out.
    access.finished().await;
    outcome?;
    if failed > 0 {
        bail!("{failed} of {} resources were not compared to their end", resources.len());
    }
    if args.dry_run {
        println!("nothing was written: this was a dry run");
    }
    Ok(())
}

fn show(found: &Found) {
    for line in &found.shown {
        println!("  {line}");
    }
    match &found.outcome {
        Ok(s) => println!(
            "{:<10} fetched {}, created {}, updated {} (deleted {}), unchanged {}, skipped {}, failed {}",
            found.resource, s.fetched, s.created, s.updated, s.deleted, s.unchanged, s.skipped, s.failed
        ),
        Err(failure) => println!("{:<10} {}: {failure}", found.resource, failure.cause()),
    }
}
