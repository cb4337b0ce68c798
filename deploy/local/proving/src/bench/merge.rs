//! `merge_postgres`: a topic of observations on the real broker → merged rows and published facts, beside a bare UNNEST upsert
//! of every record from memory. 1,000,000 records over 100,000 orders, keys in seeded random order, 5,000 a batch on both sides.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use qafila_projections::oltp::{OltpRole, merge};
use qafila_schemas::catalogue::OBSERVATIONS;
use qafila_schemas::contract::Contract;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::kafka::KafkaConfig;
use qafila_schemas::records::observation::Observation;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rust_decimal::Decimal;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::facts::forget_group;
use super::observations::observation;
use super::{Duel, Round, cpu_seconds};
use crate::record::Measurement;
use crate::world::World;

const ORDERS: i64 = 100_000;
const VERSIONS: i64 = 10;
const RECORDS: u64 = (ORDERS * VERSIONS) as u64;
const BATCH: usize = 5_000;
const SEED: u64 = 20_261_121;

/// Records a second.
pub async fn merge_postgres() -> Result<Measurement> {
    let world = World::make("bench_merge").await?;
    let contract = Contract::new(world.kafka()?, world.registry()?);
    let sample = Sample::new();
    sample.fill(&contract).await?;
    let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
    let mut duel = Duel::new("merge_postgres", "records/s");
    for _ in Duel::rounds() {
        duel.limit(bare(&owner, &sample).await?);
        sqlx::query("TRUNCATE orders").execute(&owner).await?;
        let round = ours(&world, &contract).await?;
        println!(
            "  merge_postgres CPU {:.1} s per million records, ours alone",
            round.cpu_s * 1e6 / RECORDS as f64
        );
        duel.ours(round);
        let merged: i64 = sqlx::query_scalar("SELECT count(*) FROM orders WHERE total IS NOT NULL")
            .fetch_one(&owner)
            .await?;
        ensure!(merged == ORDERS, "{merged} rows were merged, not {ORDERS}");
        let stale: i64 = sqlx::query_scalar("SELECT count(*) FROM orders WHERE total <> $1")
            .bind(Decimal::new(3_025_000 + (VERSIONS - 1) * 10_000, 4))
            .fetch_one(&owner)
            .await?;
        ensure!(stale == 0, "{stale} orders do not show their last version");
    }
    world.remove().await?;
    duel.measured()
}

/// The records, as (order, version) in random order.
struct Sample {
    merchant: MerchantId,
    connection: ConnectionId,
    records: Vec<(i64, i64)>,
}

impl Sample {
    fn new() -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(SEED);
        let mut records: Vec<(i64, i64)> =
            (0..ORDERS).flat_map(|o| (0..VERSIONS).map(move |v| (o, v))).collect();
        records.shuffle(&mut dice);
        let merchant = MerchantId(Uuid::from_u128(dice.random()));
        Self { merchant, connection: ConnectionId(Uuid::from_u128(dice.random())), records }
    }

    async fn fill(&self, contract: &Contract) -> Result<()> {
        let encoder = contract.encoder::<Observation>(&OBSERVATIONS).await?;
        let topic = contract.kafka.topic(OBSERVATIONS.name);
        produce(&contract.kafka, RECORDS, |index| {
            let (order, version) = self.records[usize::try_from(index)?];
            let value =
                encoder.encode_to_vec(&observation(self.merchant, self.connection, order, version))?;
            Ok((topic.clone(), format!("{}:order:{order}", self.merchant), value, OwnedHeaders::new()))
        })
        .await
    }
}

/// A record to fill a topic with: topic, key, value, headers.
type Filling = (String, String, Vec<u8>, OwnedHeaders);

/// Fills a topic with `count` records.
pub async fn produce(kafka: &KafkaConfig, count: u64, record: impl Fn(u64) -> Result<Filling>) -> Result<()> {
    let producer: ThreadedProducer<DefaultProducerContext> = kafka.producer(20).create()?;
    for index in 0..count {
        let (topic, key, value, headers) = record(index)?;
        let mut next = BaseRecord::<str, [u8]>::to(&topic).key(&key).payload(&value).headers(headers);
        while let Err((error, again)) = producer.send(next) {
            match error {
                KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                error => return Err(error.into()),
            }
            next = again;
        }
    }
    Ok(tokio::task::spawn_blocking(move || producer.flush(Duration::from_secs(60))).await??)
}

/// Every record upserted from memory, the newest of a batch once, with a version guard.
async fn bare(owner: &PgPool, sample: &Sample) -> Result<Round> {
    sqlx::raw_sql(
        "DROP TABLE IF EXISTS bare_orders;
         CREATE TABLE bare_orders (merchant_id uuid, order_id bigint, version bigint, connection_id uuid, store_id bigint,
             created_at timestamptz, reference_id bigint, payment_method text, status_id bigint, status_slug text,
             status_name text, is_pending_payment boolean, total numeric(18,4), currency text, lines json,
             observed_at timestamptz, PRIMARY KEY (merchant_id, order_id));
         CREATE INDEX ON bare_orders (merchant_id, created_at DESC, order_id DESC)",
    )
    .execute(owner)
    .await?;
    let lines = serde_json::to_string(
        &observation(sample.merchant, sample.connection, 1, 1)
            .order
            .and_then(|o| o.lines)
            .context("lines")?,
    )?;
    let (cpu, started) = (cpu_seconds()?, Instant::now());
    for batch in sample.records.chunks(BATCH) {
        let mut newest: HashMap<i64, i64> = HashMap::with_capacity(batch.len());
        for (order, version) in batch {
            newest.entry(*order).and_modify(|known| *known = (*known).max(*version)).or_insert(*version);
        }
        upsert(owner, sample, &newest.into_iter().collect::<Vec<_>>(), &lines).await?;
    }
    Ok(Round { took: started.elapsed(), count: RECORDS, cpu_s: cpu_seconds()? - cpu })
}

async fn upsert(owner: &PgPool, sample: &Sample, rows: &[(i64, i64)], lines: &str) -> Result<()> {
    let count = rows.len();
    let at = |millis: i64| DateTime::<Utc>::from_timestamp_millis(millis).unwrap_or_default();
    sqlx::query(
        "INSERT INTO bare_orders AS known
         SELECT m, o, v, c, s, t, r, p, i, g, n, b, a, u, l::json, w FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::uuid[],
             $5::bigint[], $6::timestamptz[], $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::boolean[],
             $13::numeric[], $14::text[], $15::text[], $16::timestamptz[]) AS x (m, o, v, c, s, t, r, p, i, g, n, b, a, u, l, w)
         ON CONFLICT (merchant_id, order_id) DO UPDATE SET version = excluded.version, connection_id = excluded.connection_id,
             store_id = excluded.store_id, created_at = excluded.created_at, reference_id = excluded.reference_id,
             payment_method = excluded.payment_method, status_id = excluded.status_id, status_slug = excluded.status_slug,
             status_name = excluded.status_name, is_pending_payment = excluded.is_pending_payment, total = excluded.total,
             currency = excluded.currency, lines = excluded.lines, observed_at = excluded.observed_at
         WHERE known.version < excluded.version",
    )
    .bind(vec![sample.merchant.0; count])
    .bind(rows.iter().map(|r| r.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.1).collect::<Vec<_>>())
    .bind(vec![sample.connection.0; count])
    .bind(vec![1_305_146_709_i64; count])
    .bind(rows.iter().map(|r| at(1_735_689_600_000 - r.0 * 1_000)).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.0 + 7).collect::<Vec<_>>())
    .bind(vec!["mada"; count])
    .bind(vec![566_146_469_i64; count])
    .bind(vec!["under_review"; count])
    .bind(vec!["بإنتظار المراجعة"; count])
    .bind(rows.iter().map(|r| r.1 % 2 == 0).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| Decimal::new(3_025_000 + r.1 * 10_000, 4)).collect::<Vec<_>>())
    .bind(vec!["SAR"; count])
    .bind(vec![lines; count])
    .bind(rows.iter().map(|r| at(1_735_689_600_000 + r.1 * 3_600_000)).collect::<Vec<_>>())
    .execute(owner)
    .await?;
    Ok(())
}

async fn ours(world: &World, contract: &Contract) -> Result<Round> {
    let role = OltpRole {
        pool: world.pool("QAFILA_DATABASE_OLTP_URL").await?,
        contract: contract.clone(),
        slot: "bench".into(),
        list_cache_window: Duration::from_secs(900),
    };
    let shutdown = CancellationToken::new();
    let watch = committed_watch(contract)?;
    let (cpu, started) = (cpu_seconds()?, Instant::now());
    let running = tokio::spawn(merge::run(role, shutdown.clone()));
    while watch.committed().await? < i64::try_from(RECORDS)? {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let round = Round { took: started.elapsed(), count: RECORDS, cpu_s: cpu_seconds()? - cpu };
    shutdown.cancel();
    running.await??;
    forget_group(contract, merge::GROUP).await?;
    Ok(round)
}

struct CommittedWatch {
    consumer: std::sync::Arc<BaseConsumer>,
    partitions: TopicPartitionList,
}

fn committed_watch(contract: &Contract) -> Result<CommittedWatch> {
    let group = contract.kafka.topic(merge::GROUP);
    let consumer = contract.kafka.client().set("group.id", group).create()?;
    let mut partitions = TopicPartitionList::new();
    for partition in 0..OBSERVATIONS.partitions {
        partitions.add_partition(&contract.kafka.topic(OBSERVATIONS.name), partition);
    }
    Ok(CommittedWatch { consumer: std::sync::Arc::new(consumer), partitions })
}

impl CommittedWatch {
    /// Offsets committed over all partitions; 0 while the broker is too busy to say.
    async fn committed(&self) -> Result<i64> {
        let (consumer, partitions) = (std::sync::Arc::clone(&self.consumer), self.partitions.clone());
        let committed = tokio::task::spawn_blocking(move || {
            consumer.committed_offsets(partitions, Duration::from_secs(5))
        })
        .await?;
        let Ok(committed) = committed else { return Ok(0) };
        Ok(committed.elements().iter().filter_map(|e| e.offset().to_raw()).filter(|offset| *offset > 0).sum())
    }
}
