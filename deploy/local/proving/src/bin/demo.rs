//! `make demo`: a merchant registers, connects a (simulated) Salla store, and watches its history arrive in Kafka,
//! PostgreSQL and ClickHouse. Exits with 0 only if every total agrees with the source.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use comfy_table::Table;
use indicatif::{ProgressBar, ProgressStyle};
use nix::sys::signal::Signal;
use qafila_proving::merchant::{Merchant, PASSWORD, SyncStatus, make_store};
use qafila_proving::totals::{Everywhere, Places};
use qafila_proving::world::kafka;
use qafila_schemas::registry::Registry;
use qafila_stack::layout::Layout;
use qafila_stack::process::Service;
use qafila_stack::servers::{answers, until_ready};
use qafila_stack::stack::Stack;
use salla_sim::store::Plan;
use sqlx::PgPool;

const MONTHS: u32 = 24;

#[derive(Parser)]
struct Cli {
    /// Orders of the store.
    #[arg(long, env = "DEMO_ORDERS", default_value_t = 2_000)]
    orders: usize,
    /// Seed of the store; a new one each time where absent.
    #[arg(long, env = "DEMO_SEED")]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match demo(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe demo failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn demo(cli: Cli) -> Result<()> {
    let began = Instant::now();
    let stack = Stack::open(Layout::find()?)?;
    println!("Starting the local stack …");
    stack.up().await?;
    start_qafila(&stack).await?;
    let environment = stack.environment();
    let gateway = format!("http://{}", environment["QAFILA_LISTEN"]);
    let salla = environment["QAFILA_SALLA_ACCOUNTS_URL"].clone();

    let seed = cli.seed.unwrap_or_else(rand::random);
    let plan = Plan {
        seed,
        orders: cli.orders,
        customers: cli.orders / 4 + 1,
        products: cli.orders / 20 + 1,
        months: MONTHS,
        ..Plan::default()
    };
    let store = make_store(&salla, &plan).await.context("making a store in the simulator")?;
    println!("\nA Salla store with {} orders (seed {seed}).", cli.orders);
    let merchant = Merchant::register(&gateway).await.context("registering")?;
    println!("Registered {} as merchant {}.", merchant.email, merchant.id);
    merchant.connect(store).await.context("connecting the store")?;
    println!("Connected store {store} by OAuth.");
    merchant.start_import(MONTHS).await.context("starting the import")?;
    let bar = progress_bar();
    merchant.watch_import(Duration::from_secs(600), |status| show(&bar, status)).await?;
    bar.finish_and_clear();
    println!("Imported {MONTHS} months of history.");

    let places = Places {
        simulator: salla.clone(),
        postgres: PgPool::connect(&environment["QAFILA_DATABASE_OLTP_URL"]).await?,
        clickhouse: qafila_projections::olap::client::connect(
            &environment["QAFILA_CLICKHOUSE_URL"],
            &environment["QAFILA_CLICKHOUSE_DATABASE"],
        ),
        kafka: kafka(&environment)?,
        registry: Registry::new(&environment["QAFILA_REGISTRY_URL"])?,
    };
    let counted = places.agree(&merchant.id, store, MONTHS, Duration::from_secs(60)).await?;
    print_totals(&counted);
    print_topics(&places).await?;
    let differences = counted.differences();
    ensure!(differences.is_empty(), "the totals differ:\n  {}", differences.join("\n  "));
    println!(
        "\nSimulator, Postgres, ClickHouse and the compacted topics agree, to the halala, on every day."
    );
    println!(
        "It took {:.0} s. Qafila goes on running; `make down` stops everything.\n",
        began.elapsed().as_secs_f64()
    );
    println!("  Web app      {gateway}/   log in with {} and {PASSWORD}", merchant.email);
    println!("  API          {gateway}/api/docs");
    println!("  Health       {gateway}/health/ready");
    println!("  Metrics      {gateway}/metrics");
    println!("  Salla (sim)  {salla}/_sim/stores/{store}/totals");
    println!("  Registry     {}/subjects", environment["QAFILA_REGISTRY_URL"]);
    println!(
        "  ClickHouse   {}/?query=SELECT%20count()%20FROM%20qafila.orders%20FINAL",
        environment["QAFILA_CLICKHOUSE_URL"]
    );
    println!(
        "\nTo look around as this merchant:\n\n  TOKEN=$(curl -s {gateway}/api/v1/auth/login -H 'content-type: application/json' \\\n    \
         -d '{{\"email\":\"{}\",\"password\":\"{PASSWORD}\"}}' | sed 's/.*\"accessToken\":\"\\([^\"]*\\).*/\\1/')\n  \
         curl -s {gateway}/api/v1/sync/status -H \"authorization: Bearer $TOKEN\"\n  \
         curl -s '{gateway}/api/v1/reports/sales-trend?granularity=month&from=2025-01-01' -H \"authorization: Bearer $TOKEN\"",
        merchant.email
    );
    Ok(())
}

/// Migrates, makes topics, and starts `qafila all` as a process that outlives the demo.
async fn start_qafila(stack: &Stack) -> Result<()> {
    let program = stack.layout.binaries.join("qafila");
    let environment = stack.environment();
    for arguments in [["migrate", ""], ["topics", "apply"]] {
        let arguments: Vec<_> = arguments.into_iter().filter(|a| !a.is_empty()).collect();
        let output = Command::new(&program).args(&arguments).envs(&environment).output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "qafila {}: {said}", arguments.join(" "));
    }
    let service =
        Service { name: "qafila", run: stack.layout.local.join("run"), stop_signal: Signal::SIGTERM };
    // What runs may be of an older build.
    service.stop().await?;
    let mut command = Command::new(&program);
    command.arg("all").envs(&environment);
    service.start(command, &[("GATEWAY", stack.layout.ports.gateway)])?;
    let ready = format!("http://{}/health/ready", environment["QAFILA_LISTEN"]);
    until_ready(&service, Duration::from_secs(60), || answers(&ready)).await?;
    println!("qafila       ready at http://{}", environment["QAFILA_LISTEN"]);
    Ok(())
}

fn progress_bar() -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40.green/dim} {pos:>3}%  {msg}").expect("a valid template");
    ProgressBar::new(100).with_style(style)
}

fn show(bar: &ProgressBar, status: &SyncStatus) {
    bar.set_position(status.progress_percentage as u64);
    let counts: Vec<String> = status
        .phases
        .iter()
        .map(|p| {
            let what = if p.name == "hydrate" { "details" } else { &p.resource };
            format!("{what} {}/{}", p.done, p.total.map_or("?".into(), |t| t.to_string()))
        })
        .collect();
    let rate =
        status.rate_per_minute.filter(|r| *r > 0.0).map_or(String::new(), |r| format!(" · {r:.0} calls/min"));
    let eta = status.eta_seconds.map_or(String::new(), |s| format!(" · {s} s left"));
    bar.set_message(format!("{} {}{rate}{eta}", status.status, counts.join(" · ")));
}

fn print_totals(counted: &Everywhere) {
    let mut table = Table::new();
    let currencies = counted.simulator.currencies();
    let header: Vec<String> = ["", "orders", "customers", "products"]
        .into_iter()
        .map(str::to_owned)
        .chain(currencies.iter().map(|c| format!("total {c}")))
        .collect();
    table.set_header(header);
    for (place, totals) in [
        ("Salla (simulator)", &counted.simulator),
        ("PostgreSQL", &counted.postgres),
        ("ClickHouse", &counted.clickhouse),
        ("Kafka (compacted)", &counted.topics),
    ] {
        let row: Vec<String> = [
            place.to_owned(),
            totals.orders.to_string(),
            totals.customers.to_string(),
            totals.products.to_string(),
        ]
        .into_iter()
        .chain(currencies.iter().map(|c| totals.sum(c).to_string()))
        .collect();
        table.add_row(row);
    }
    println!("\n{table}");
}

async fn print_topics(places: &Places) -> Result<()> {
    let mut table = Table::new();
    table.set_header(["topic", "offsets used (all merchants, with transaction markers)"]);
    for (topic, records) in places.records().await?.into_iter().filter(|(_, records)| *records > 0) {
        table.add_row([topic.to_owned(), records.to_string()]);
    }
    println!("{table}");
    Ok(())
}
