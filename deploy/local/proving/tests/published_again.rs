//! Events that are published again, as after a relay that died between Kafka and its cursor, or by `qafila relay republish`: nothing is begun,
//! counted, told or mailed a second time.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use qafila_proving::merchant::{Merchant, expect, make_store};
use qafila_proving::waiting::until;
use qafila_proving::world::World;
use qafila_schemas::catalogue::{MERCHANT_EVENTS, SYNC_JOB_EVENTS};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::MetadataTopic;
use reqwest::StatusCode;
use salla_sim::shapes;
use salla_sim::store::Plan;
use salla_sim::webhooks::emit;
use serde_json::{Value, json};
use sqlx::PgPool;

const MONTHS: u32 = 12;

async fn status_of(merchant: &Merchant) -> Result<String> {
    Ok(merchant.sync_status().await?.status)
}

/// What a merchant has been told, oldest first.
async fn told(merchant: &Merchant) -> Result<Vec<Value>> {
    let page = expect(merchant.get("/api/v1/notifications?limit=100").await?, StatusCode::OK).await?;
    let mut notes = page["items"].as_array().context("items")?.clone();
    notes.reverse();
    Ok(notes)
}

/// Everything that a second delivery could begin, count or tell again.
async fn standing(pool: &PgPool, merchant: &Merchant) -> Result<Vec<String>> {
    let mut standing = Vec::new();
    for query in [
        "SELECT row_to_json(r)::text FROM (SELECT run_id, state, sequence FROM sync_runs ORDER BY run_id) r",
        "SELECT row_to_json(s)::text FROM (SELECT run_id, resource, slice, scan, finished_at FROM sync_slices ORDER BY 1, 2, 3) s",
        "SELECT row_to_json(j)::text FROM (SELECT job_id, run_id, status, sequence FROM sync_jobs ORDER BY 1) j",
        "SELECT row_to_json(m)::text FROM (SELECT merchant_id, sequence FROM merchants ORDER BY 1) m",
        "SELECT row_to_json(m)::text FROM (SELECT kind, count(*) FROM mails GROUP BY kind ORDER BY 1) m",
    ] {
        standing.extend(sqlx::query_scalar::<_, String>(query).fetch_all(pool).await?);
    }
    standing.extend(told(merchant).await?.iter().map(ToString::to_string));
    Ok(standing)
}

/// Whether everybody who keeps offsets in Postgres has read both topics to their ends.
async fn are_read(world: &World, pool: &PgPool) -> Result<bool> {
    let kafka = world.kafka()?;
    let looking: BaseConsumer = kafka.client().create()?;
    for topic in [&MERCHANT_EVENTS, &SYNC_JOB_EVENTS] {
        let name = kafka.topic(topic.name);
        let metadata = looking.fetch_metadata(Some(&name), Duration::from_secs(10))?;
        for partition in metadata.topics().iter().flat_map(MetadataTopic::partitions) {
            let (_, end) = looking.fetch_watermarks(&name, partition.id(), Duration::from_secs(10))?;
            let behind: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM (
                     SELECT topic, partition, next_offset FROM projection_offsets
                     UNION ALL SELECT topic, partition, next_offset FROM ingest_offsets) o
                 WHERE o.topic IN ($1, $2) AND o.partition = $3 AND o.next_offset < $4",
            )
            .bind(&name)
            .bind(topic.name)
            .bind(partition.id())
            .bind(end)
            .fetch_one(pool)
            .await?;
            if behind > 0 {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_published_again_begin_and_tell_nothing_again() -> Result<()> {
    let mut world = World::make("published_again").await?;
    world.start()?;
    world.ready().await?;
    let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
    let plan = Plan { seed: 1_851, orders: 80, customers: 10, products: 5, months: 11, ..Plan::default() };
    let store = make_store(&world.sim_url, &plan).await?;
    let merchant = Merchant::register(&world.gateway).await?;
    merchant.connect(store).await?;
    merchant.start_import(MONTHS).await?;
    until(|| status_of(&merchant), |status| status == "completed").await?;
    // Access is refused, which is told; that the app is gone then is no news.
    world.sim.world().grants.revoke_store(store);
    merchant.start_import(MONTHS).await?;
    let is_lost = |notes: &Vec<Value>| notes.iter().any(|note| note["kind"] == "connection_lost");
    until(|| told(&merchant), is_lost).await?;
    let body = {
        let sim = world.sim.world();
        let at = Utc::now() + chrono::Duration::seconds(1);
        shapes::webhook("app.uninstalled", store, at, json!({"id": 1}), None, &sim.switches)
    };
    let hook = format!("{}/api/webhooks/salla", world.gateway);
    world.sim.world().webhooks.app_url = Some(hook);
    emit(&world.sim, store, "app.uninstalled", &body);
    let present = || async {
        let me = expect(merchant.get("/api/v1/me").await?, StatusCode::OK).await?;
        Ok(me["connection"]["store"]["id"].as_u64())
    };
    until(present, Option::is_none).await?;
    until(|| status_of(&merchant), |status| status == "not_started" || status == "cancelled").await?;
    until(|| are_read(&world, &pool), |read| *read).await?;
    let before = standing(&pool, &merchant).await?;
    let lost = told(&merchant).await?.iter().filter(|note| note["kind"] == "connection_lost").count();
    ensure!(lost == 1, "{before:#?}");
    world.run(&["relay", "republish", "--from", "1"]).await?;
    until(|| are_read(&world, &pool), |read| *read).await?;
    let after = standing(&pool, &merchant).await?;
    let mut differing = before.iter().zip(&after).filter(|(before, after)| before != after);
    ensure!(before.len() == after.len() && differing.next().is_none(), "{before:#?} became {after:#?}");
    world.remove().await
}
