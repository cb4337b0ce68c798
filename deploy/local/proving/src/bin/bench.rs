//! `make bench`: speed beside a bare limit. Appends one JSON object a scenario to `target/bench.json`.

use anyhow::Result;
use clap::Parser;
use comfy_table::Table;
use qafila_proving::bench::{
    avro, commands, customers_budget, exports, facts, import, lists, merge, parts, reconcile, reports, sync,
    visible, webhooks,
};
use qafila_proving::record::{Measurement, append};
use qafila_stack::layout::Layout;

const SCENARIOS: [&str; 27] = [
    "avro_encode",
    "avro_decode",
    "commands",
    "merge_postgres",
    "insert_clickhouse",
    "facts_parts",
    "import_50k",
    "onboard_odd",
    "sync_rate_floor",
    "sync_fairness",
    "customers_budget",
    "sync_eta",
    "sync_50k_plan",
    "import_500k",
    "import_customers_500k",
    "webhook_ack_mock",
    "webhook_ack",
    "webhook_visible",
    "webhook_fairness",
    "reconcile_night",
    "export_request",
    "export_csv",
    "export_csv_5m",
    "export_parquet",
    "export_xlsx",
    "reports",
    "lists",
];

#[derive(Parser)]
struct Cli {
    /// Scenarios; all of them where none is named.
    #[arg(value_parser = SCENARIOS)]
    names: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let root = Layout::find()?.root;
    let mut table = Table::new();
    table.set_header(["scenario", "ours", "limit", "unit", "ratio", "cpu s", "rss MB"]);
    for name in
        SCENARIOS.into_iter().filter(|name| cli.names.is_empty() || cli.names.iter().any(|n| n == name))
    {
        println!("{name}");
        for measured in measure(name).await? {
            append(&root, "bench.json", &measured)?;
            let Measurement { name, ours, limit, unit, ratio, cpu_s, rss_mb, .. } = measured;
            let figures = [ours, limit].map(|figure| figure.to_string());
            let [ours, limit] = figures;
            table.add_row([
                name,
                ours,
                limit,
                unit,
                ratio.to_string(),
                cpu_s.to_string(),
                rss_mb.to_string(),
            ]);
        }
    }
    println!("{table}");
    Ok(())
}

async fn measure(name: &str) -> Result<Vec<Measurement>> {
    let measured = match name {
        "avro_encode" => avro::encode()?,
        "avro_decode" => avro::decode()?,
        "commands" => commands::commands().await?,
        "merge_postgres" => merge::merge_postgres().await?,
        "insert_clickhouse" => facts::insert().await?,
        "facts_parts" => parts::facts_parts().await?,
        "sync_rate_floor" => sync::sync_rate_floor().await?,
        "sync_fairness" => sync::sync_fairness().await?,
        "customers_budget" => return customers_budget::customers_budget().await,
        "sync_eta" => sync::sync_eta().await?,
        "sync_50k_plan" => return sync::sync_50k_plan().await,
        "webhook_ack_mock" => webhooks::webhook_ack_mock().await?,
        "webhook_ack" => webhooks::webhook_ack().await?,
        "webhook_visible" => return visible::webhook_visible().await,
        "webhook_fairness" => visible::webhook_fairness().await?,
        "reconcile_night" => return reconcile::reconcile_night().await,
        "export_request" => return exports::export_request().await,
        "export_csv" => return exports::export_csv().await,
        "export_csv_5m" => return exports::export_csv_5m().await,
        "reports" => return reports::reports().await,
        "lists" => return lists::lists().await,
        "export_parquet" => return exports::export_parquet().await,
        "export_xlsx" => return exports::export_xlsx().await,
        "onboard_odd" => import::onboard_odd().await?,
        "import_500k" => sync::import_500k().await?,
        "import_customers_500k" => sync::import_customers_500k().await?,
        _ => import::import_50k().await?,
    };
    Ok(vec![measured])
}
