//! `make bench`: speed beside a bare limit. Appends one JSON object a scenario to `target/bench.json`.

use anyhow::Result;
use clap::Parser;
use comfy_table::Table;
use qafila_proving::bench::{avro, commands, facts, import, merge};
use qafila_proving::record::{Measurement, append};
use qafila_stack::layout::Layout;

const SCENARIOS: [&str; 6] =
    ["avro_encode", "avro_decode", "commands", "merge_postgres", "insert_clickhouse", "import_50k"];

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
        let Measurement { ours, limit, unit, ratio, cpu_s, rss_mb, .. } = &measure(name, &root).await?;
        table.add_row([
            name.to_owned(),
            ours.to_string(),
            limit.to_string(),
            unit.clone(),
            ratio.to_string(),
            cpu_s.to_string(),
            rss_mb.to_string(),
        ]);
    }
    println!("{table}");
    Ok(())
}

async fn measure(name: &str, root: &std::path::Path) -> Result<Measurement> {
    let measured = match name {
        "avro_encode" => avro::encode()?,
        "avro_decode" => avro::decode()?,
        "commands" => commands::commands().await?,
        "merge_postgres" => merge::merge_postgres().await?,
        "insert_clickhouse" => facts::insert().await?,
        _ => import::import_50k().await?,
    };
    append(root, "bench.json", &measured)?;
    Ok(measured)
}
