//! `insert_clickhouse`: a fact topic → its table, beside a bare loop on the same topic: poll, `read_deser`, RowBinary, the
//! same batch size, nothing else. A bare insert of decoded rows is printed beside them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use qafila_projections::olap::load::{self, FactRow, Place};
use qafila_projections::olap::orders::OrderRow;
use qafila_projections::olap::{BATCH_ROWS, OlapRole};
use qafila_schemas::catalogue::ORDERS;
use qafila_schemas::contract::Contract;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::records::AvroRecord;
use qafila_schemas::records::fact::OrderFact;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, OwnedHeaders};
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use super::observations::fact;
use super::{Duel, Round, cpu_seconds};
use crate::record::Measurement;
use crate::world::World;

const FACTS: u64 = 500_000;
const MERCHANTS: u64 = 40;
const HEADER: usize = 5;

/// Facts a second.
pub async fn insert() -> Result<Measurement> {
    let world = World::make("bench_facts").await?;
    let contract = Contract::new(world.kafka()?, world.registry()?);
    fill(&contract).await?;
    bare_insert(&world).await?;
    let mut duel = Duel::new("insert_clickhouse", "facts/s");
    for _ in Duel::rounds() {
        empty(&world).await?;
        duel.limit(bare_loop(&world).await?);
        empty(&world).await?;
        duel.ours(ours(&world, &contract).await?);
    }
    world.remove().await?;
    duel.measured()
}

async fn fill(contract: &Contract) -> Result<()> {
    let encoder = contract.encoder::<OrderFact>(&ORDERS).await?;
    let topic = contract.kafka.topic(ORDERS.name);
    let merchants: Vec<MerchantId> = (0..MERCHANTS).map(|_| MerchantId::generate()).collect();
    let connection = ConnectionId::generate();
    super::merge::produce(&contract.kafka, FACTS, |index| {
        let merchant = merchants[(index % MERCHANTS) as usize];
        let order = i64::try_from(index)?;
        let value = encoder.encode_to_vec(&fact(merchant, connection, order))?;
        Ok((topic.clone(), format!("{merchant}:{order}"), value, OwnedHeaders::new()))
    })
    .await
}

async fn empty(world: &World) -> Result<()> {
    Ok(world.clickhouse().query("TRUNCATE TABLE orders").execute().await?)
}

async fn rows(world: &World) -> Result<u64> {
    Ok(world.clickhouse().query("SELECT count() FROM orders").fetch_one().await?)
}

/// What ClickHouse takes when rows are already there: no topic, no decoding.
async fn bare_insert(world: &World) -> Result<()> {
    let (merchant, connection) = (MerchantId::generate(), ConnectionId::generate());
    let place = || Place { topic: ORDERS.name, partition: 0, offset: 0 };
    let rows: Vec<OrderRow> =
        (0..100_000).map(|i| OrderRow::of(fact(merchant, connection, i), place())).collect();
    let started = Instant::now();
    for (index, batch) in rows.chunks(BATCH_ROWS).enumerate() {
        load::insert(&world.clickhouse(), batch, &format!("bare-{index}")).await?;
    }
    println!(
        "  insert_clickhouse bare insert of decoded rows {:>12.0} rows/s",
        rows.len() as f64 / started.elapsed().as_secs_f64()
    );
    Ok(())
}

async fn bare_loop(world: &World) -> Result<Round> {
    let (kafka, client) = (world.kafka()?, world.clickhouse().with_validation(false));
    let (cpu, started) = (cpu_seconds()?, Instant::now());
    let (sender, mut batches) = tokio::sync::mpsc::channel::<Vec<OrderRow>>(2);
    let polling = tokio::task::spawn_blocking(move || poll(&kafka, &sender));
    while let Some(batch) = batches.recv().await {
        let mut insert = client.insert_unescaped::<OrderRow>("orders").await?;
        for row in &batch {
            insert.write(row).await?;
        }
        insert.end().await?;
    }
    polling.await??;
    Ok(Round { took: started.elapsed(), count: FACTS, cpu_s: cpu_seconds()? - cpu })
}

fn poll(
    kafka: &qafila_schemas::kafka::KafkaConfig,
    sender: &tokio::sync::mpsc::Sender<Vec<OrderRow>>,
) -> Result<()> {
    let schema = Schema::parse_str(OrderFact::SCHEMA)?;
    let reader = GenericDatumReader::builder(&schema).build()?;
    let topic = kafka.topic(ORDERS.name);
    let consumer: BaseConsumer = kafka
        .client()
        .set("group.id", "bare")
        .set("enable.auto.commit", "false")
        .set("queued.min.messages", "20000")
        .set("queued.max.messages.kbytes", "16384")
        .create()?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..ORDERS.partitions {
        assignment.add_partition_offset(&topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let mut batch = Vec::with_capacity(BATCH_ROWS);
    for _ in 0..FACTS {
        let message = consumer.poll(Duration::from_secs(10)).context("the topic ended early")??;
        let mut datum = &message.payload().context("a tombstone")?[HEADER..];
        let fact = reader.read_deser::<OrderFact>(&mut datum)?;
        let place = Place { topic: ORDERS.name, partition: message.partition(), offset: message.offset() };
        batch.push(OrderRow::of(fact, place));
        if batch.len() == BATCH_ROWS {
            sender.blocking_send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH_ROWS)))?;
        }
    }
    sender.blocking_send(batch)?;
    Ok(())
}

async fn ours(world: &World, contract: &Contract) -> Result<Round> {
    let role = OlapRole { clickhouse: world.clickhouse(), contract: contract.clone(), slot: "bench".into() };
    let shutdown = CancellationToken::new();
    let (cpu, started) = (cpu_seconds()?, Instant::now());
    let running = tokio::spawn(load::run::<OrderRow>(role, shutdown.clone()));
    while rows(world).await? < FACTS {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let round = Round { took: started.elapsed(), count: FACTS, cpu_s: cpu_seconds()? - cpu };
    shutdown.cancel();
    running.await??;
    forget_group(contract, OrderRow::GROUP).await?;
    Ok(round)
}

/// Deletes a consumer group once its members have left, so that the next round reads from the beginning.
pub async fn forget_group(contract: &Contract, group: &str) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = contract.kafka.client().create()?;
    let group = contract.kafka.topic(group);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let outcome = admin.delete_groups(&[&group], &AdminOptions::new()).await?;
        match outcome.into_iter().next() {
            Some(Err((_, code))) if Instant::now() > deadline => anyhow::bail!("group {group}: {code}"),
            Some(Err(_)) => tokio::time::sleep(Duration::from_millis(200)).await,
            _ => return Ok(()),
        }
    }
}
