//! `qafila verify`: proves that Salla, Postgres, ClickHouse and the compacted topics agree on a merchant's day, or names each difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chrono::NaiveDate;
use clap::Args;
use qafila_ingest::keys::PostgresKeys;
use qafila_ingest::mapping::Owner;
use qafila_ingest::observations::ObservationWriter;
use qafila_ingest::repair::{Of, Repairs};
use qafila_ingest::salla::budget::Urgency;
use qafila_ingest::salla::client::{SallaClient, SallaError};
use qafila_ingest::source_sheet::{self, SourceSheet};
use qafila_ingest::sync::plan::Window;
use qafila_projections::audit::parts::of_source;
use qafila_projections::audit::{self, Difference, OrderEntry, Scope, Sheet};
use qafila_projections::olap::client;
use qafila_schemas::contract::Contract;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::open_set::Entity;
use qafila_schemas::records::observation::Observation;
use qafila_schemas::registry::Registry;

use crate::config::Config;
use crate::wiring;

/// Differences of a place that are shown, at most.
const MOST_SHOWN: usize = 50;
/// Differences from Salla's lists that are asked for one by one: a list may be served from a cache (FACTS §4).
const MOST_CONFIRMED: usize = 200;

/// From Postgres to ClickHouse a change takes a second; more is a difference.
const ON_ITS_WAY: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What to prove.
#[derive(Args)]
pub struct VerifyArgs {
    /// Merchant: a UUID.
    #[arg(long)]
    merchant: MerchantId,
    /// Day of creation of the orders, `YYYY-MM-DD`, Asia/Riyadh. Products and customers are compared whole.
    #[arg(long)]
    day: NaiveDate,
    /// Has what differs fetched or published anew. It never writes a fact itself.
    #[arg(long)]
    repair: bool,
}

/// Runs the command; fails where anything differs.
pub async fn run(config: &Config, args: VerifyArgs) -> Result<()> {
    let contract = Contract::new(config.kafka.clone(), Registry::new(config.registry_url.as_str())?);
    let pool = wiring::pool(config, "qafila_ingest")?;
    let (access, salla) = wiring::salla(config, &pool)?;
    let owner = source_sheet::owner(&pool, args.merchant).await?;
    let owner = owner.context("no store is connected: there is no source to compare with")?;
    let source = salla.store(owner.connection_id, owner.store_id, Urgency::Urgent);
    let compared = compare(config, &contract, &source, owner, args.day).await;
    // A refresh under way knows what nobody else can find out.
    access.finished().await;
    let Compared { sheets, unmappable, of_postgres, of_clickhouse, of_topics } = compared?;
    show(&sheets);
    let all = [
        ("Postgres", "Salla", &of_postgres),
        ("ClickHouse", "Postgres", &of_clickhouse),
        ("topics", "Postgres", &of_topics),
    ];
    for (place, truth, differences) in all {
        for difference in differences.iter().take(MOST_SHOWN) {
            println!(
                "{place}: {} {} {} (as {truth} has it)",
                difference.resource, difference.id, difference.what
            );
        }
        if differences.len() > MOST_SHOWN {
            println!("{place}: … and {} more", differences.len() - MOST_SHOWN);
        }
    }
    if unmappable > 0 {
        println!("Salla: {unmappable} rows do not map, so nobody has them; `qafila dlq list` tells why");
    }
    let count = of_postgres.len() + of_clickhouse.len() + of_topics.len() + unmappable;
    if count == 0 {
        println!("all four agree");
        return Ok(());
    }
    if args.repair {
        let writer = contract.writer()?;
        let keys = Arc::new(PostgresKeys::new(pool.clone(), config.operator_keys.clone()));
        let observations = Arc::new(ObservationWriter::new(&contract, keys, writer).await?);
        let repairs = Repairs::new(pool, observations);
        let of = Of { merchant: args.merchant, store: Some(owner.store_id) };
        for (entity, ids) in by_entity(&of_postgres) {
            repairs.fetch(of, &entity, &ids).await?;
            println!("{} of {entity} are fetched", ids.len());
        }
        let behind: Vec<Difference> = of_clickhouse.into_iter().chain(of_topics).collect();
        for (entity, ids) in by_entity(&behind) {
            repairs.publish(of, &entity, &ids).await?;
            println!("{} of {entity} are published anew", ids.len());
        }
        println!("asked for; verify again in a moment");
    }
    bail!("{count} differences")
}

/// What the places hold, and where they differ.
struct Compared {
    sheets: Vec<(&'static str, Sheet)>,
    /// Rows of Salla's that nothing can be made of.
    unmappable: usize,
    of_postgres: Vec<Difference>,
    of_clickhouse: Vec<Difference>,
    of_topics: Vec<Difference>,
}

async fn compare(
    config: &Config,
    contract: &Contract,
    source: &SallaClient,
    owner: Owner,
    day: NaiveDate,
) -> Result<Compared> {
    let scope = Scope {
        merchant_id: owner.merchant_id,
        store_id: owner.store_id,
        day,
        span: Window { first: day, last: day }.span(),
    };
    let said = source_sheet::read(source, owner, day).await.context("asking Salla")?;
    let unmappable = said.unmappable;
    let mut truth = sheet_of(said);
    let Stored { postgres, facts, topics } = stored(config, contract, scope).await?;
    take_as_stored(&mut truth, &postgres);
    let doubtful = postgres.differences(&truth);
    confirm(source, owner, day, &mut truth, &doubtful).await.context("asking Salla")?;
    take_as_stored(&mut truth, &postgres);
    let of_postgres = postgres.differences(&truth);
    let of_clickhouse = facts.differences(&postgres);
    let of_topics = topics.differences(&postgres);
    let sheets = vec![("Salla", truth), ("Postgres", postgres), ("ClickHouse", facts), ("topics", topics)];
    Ok(Compared { sheets, unmappable, of_postgres, of_clickhouse, of_topics })
}

/// What is stored here.
struct Stored {
    postgres: Sheet,
    facts: Sheet,
    topics: Sheet,
}

/// Reads what is stored, again for a moment while the places differ: what has just changed is on its way from one to the next.
async fn stored(config: &Config, contract: &Contract, scope: Scope) -> Result<Stored> {
    let read_models = wiring::pool(config, "qafila_oltp")?;
    let clickhouse = client::connect(config.clickhouse_url.as_str(), &config.clickhouse_database);
    let deadline = Instant::now() + ON_ITS_WAY;
    loop {
        let postgres = audit::postgres::sheet(&read_models, scope).await.context("reading Postgres")?;
        let facts = audit::clickhouse::sheet(&clickhouse, scope).await.context("reading ClickHouse")?;
        let topics = audit::topics::sheet(&contract.kafka, &contract.registry, scope)
            .await
            .context("reading Kafka")?;
        let differ = facts.differences(&postgres).len() + topics.differences(&postgres).len();
        if differ == 0 || Instant::now() > deadline {
            return Ok(Stored { postgres, facts, topics });
        }
        eprintln!("{differ} differences, which may be on their way: looking again");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Asks for what a list seems to have otherwise: lists may be old, details are not.
async fn confirm(
    source: &SallaClient,
    owner: Owner,
    day: NaiveDate,
    truth: &mut Sheet,
    differences: &[Difference],
) -> Result<(), SallaError> {
    for difference in differences.iter().take(MOST_CONFIRMED) {
        let id = difference.id;
        if difference.resource == "orders" {
            match source_sheet::order(source, owner, id, day).await? {
                Some(order) => drop(truth.orders.insert(id, entry(&order))),
                None => drop(truth.orders.remove(&id)),
            }
            continue;
        }
        let ids = if difference.resource == "products" { &mut truth.products } else { &mut truth.customers };
        if source_sheet::is_there(source, owner, difference.resource, id).await? {
            ids.entry(id).or_default();
        } else {
            ids.remove(&id);
        }
    }
    Ok(())
}

fn sheet_of(said: SourceSheet) -> Sheet {
    let parts =
        |(id, said): (i64, Option<Observation>)| (id, said.as_ref().map(of_source).unwrap_or_default());
    Sheet {
        orders: said.orders.iter().map(|(id, order)| (*id, entry(order))).collect(),
        products: said.products.into_iter().map(parts).collect(),
        customers: said.customers.into_iter().map(parts).collect(),
        carts: None,
    }
}

fn entry(said: &Observation) -> OrderEntry {
    let order = said.order.as_deref();
    OrderEntry {
        total: order.and_then(|order| order.total),
        currency: order.and_then(|order| order.currency.clone()).unwrap_or_default(),
        status: order.and_then(|order| order.status_slug.clone()).unwrap_or_default(),
        parts: of_source(said),
    }
}

/// What the source says nothing of, or what nobody can read, is no difference: it is taken as it is stored.
fn take_as_stored(truth: &mut Sheet, stored: &Sheet) {
    for (id, order) in &mut truth.orders {
        let Some(stored) = stored.orders.get(id) else { continue };
        order.total = order.total.or(stored.total);
        if order.currency.is_empty() {
            order.currency.clone_from(&stored.currency);
        }
        if order.status.is_empty() {
            order.status.clone_from(&stored.status);
        }
    }
}

fn show(sheets: &[(&str, Sheet)]) {
    println!("{:<12} {:>8} {:>10} {:>10}  sums", "", "orders", "products", "customers");
    for (place, sheet) in sheets {
        let sums: Vec<String> = sheet.sums().iter().map(|(code, sum)| format!("{sum} {code}")).collect();
        let (orders, products, customers) = (sheet.orders.len(), sheet.products.len(), sheet.customers.len());
        println!("{place:<12} {orders:>8} {products:>10} {customers:>10}  {}", sums.join(", "));
    }
}

fn by_entity(differences: &[Difference]) -> BTreeMap<Entity, Vec<i64>> {
    let mut all: BTreeMap<Entity, BTreeSet<i64>> = BTreeMap::new();
    for difference in differences {
        let entity = match difference.resource {
            "orders" => Entity::Order,
            "products" => Entity::Product,
            "carts" => Entity::Cart,
            _ => Entity::Customer,
        };
        all.entry(entity).or_default().insert(difference.id);
    }
    all.into_iter().map(|(entity, ids)| (entity, ids.into_iter().collect())).collect()
}
