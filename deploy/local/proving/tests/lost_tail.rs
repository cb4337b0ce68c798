//! A Kafka that lost the tail of its topics, as after a restore: consumers do not wait for what was lost, and the event store gives it back.

use std::time::Duration;

use anyhow::{Result, ensure};
use qafila_proving::merchant::Merchant;
use qafila_proving::waiting::until;
use qafila_proving::world::World;
use qafila_schemas::catalogue::MERCHANT_EVENTS;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use sqlx::PgPool;

async fn projected(pool: &PgPool, merchant: &Merchant) -> Result<bool> {
    let found = sqlx::query_scalar("SELECT EXISTS (SELECT FROM merchants WHERE merchant_id = $1::uuid)");
    Ok(found.bind(&merchant.id).fetch_one(pool).await?)
}

/// Deletes the topic and makes it again, empty.
async fn lose(world: &World) -> Result<()> {
    let kafka = world.kafka()?;
    let name = kafka.topic(MERCHANT_EVENTS.name);
    let admin: AdminClient<DefaultClientContext> = kafka.client().create()?;
    admin.delete_topics(&[&name], &AdminOptions::new()).await?;
    let looking: BaseConsumer = kafka.client().create()?;
    let is_gone = || async {
        let metadata = looking.fetch_metadata(None, Duration::from_secs(10))?;
        Ok(!metadata.topics().iter().any(|topic| topic.name() == name))
    };
    until(is_gone, |gone| *gone).await?;
    world.run(&["topics", "apply"]).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_kafka_lost_are_published_again_and_applied_once() -> Result<()> {
    let mut world = World::make("lost_tail").await?;
    world.start()?;
    world.ready().await?;
    let pool = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
    let known = Merchant::register(&world.gateway).await?;
    until(|| projected(&pool, &known), |found| *found).await?;
    world.kill()?;
    // One that registers while no projection runs: its events reach Kafka, and are lost there.
    world.start_as("gateway", &["gateway"], &[])?;
    world.start_as("relay", &["relay"], &[])?;
    world.ready().await?;
    let lost = Merchant::register(&world.gateway).await?;
    let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
    let relayed = || async {
        let query = "SELECT NOT EXISTS (SELECT FROM events, relay_cursor WHERE (events.tx, events.position) > (relay_cursor.tx, relay_cursor.position))";
        Ok(sqlx::query_scalar::<_, bool>(query).fetch_one(&owner).await?)
    };
    until(relayed, |relayed| *relayed).await?;
    world.kill()?;
    lose(&world).await?;
    world.start()?;
    world.ready().await?;
    // Consumers read on from the end there is now.
    let later = Merchant::register(&world.gateway).await?;
    until(|| projected(&pool, &later), |found| *found).await?;
    ensure!(!projected(&pool, &lost).await?, "nothing was lost: the test proves nothing");
    let counted = world.run(&["relay", "republish", "--from", "1", "--dry-run"]).await?;
    ensure!(counted.contains("3 events would be published once more"), "{counted}");
    ensure!(!projected(&pool, &lost).await?, "a dry run does nothing");
    world.run(&["relay", "republish", "--from", "1"]).await?;
    until(|| projected(&pool, &lost), |found| *found).await?;
    let sequences: Vec<i64> =
        sqlx::query_scalar("SELECT sequence FROM merchants ORDER BY sequence").fetch_all(&owner).await?;
    ensure!(sequences == [1, 1, 1], "{sequences:?}");
    world.remove().await
}
