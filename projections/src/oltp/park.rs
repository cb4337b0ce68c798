//! The park: events of an aggregate of which an earlier one was set aside or is missing wait here, in order, until that one is retried or
//! comes (ARCHITECTURE §7.3). Only sequences need it: observations converge in whatever order they come.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use qafila_schemas::dead_letter::header;
use qafila_schemas::headers;
use qafila_schemas::reader::RawRecord;
use qafila_schemas::writer::{Outgoing, Placed, TopicWriter, WriteError};
use rdkafka::message::{Headers, OwnedHeaders};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

/// A consumer that runs applies what was let go within that.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);
/// How often entities are looked for whose missing record has come.
const HEAL_INTERVAL: Duration = Duration::from_secs(5);
/// Cause of an entity whose missing record has come.
const FILLED: &str = "filled";
/// Cause of an entity that is being let go.
const OPENING: &str = "opening";
/// Cause of an entity of which another missing record came while it was being let go.
const REFILLED: &str = "opening_filled";

#[derive(FromRow)]
struct Parked {
    record_id: i64,
    topic: String,
    key: String,
    value: Option<Vec<u8>>,
    headers: Json<Vec<(String, String)>>,
}

impl Parked {
    /// Whether it was let go before and something was still missing.
    fn came_back(&self) -> bool {
        self.headers.0.iter().any(|(key, _)| key == header::RELEASED)
    }

    fn released(self, consumer: &str) -> Outgoing {
        let Self { topic, key, value, headers, .. } = self;
        let kept = headers.0.iter().filter(|(key, _)| key != header::RELEASED);
        let headers = kept.fold(OwnedHeaders::new(), |all, (key, value)| headers::with(all, key, value));
        Outgoing { topic, key, value, headers: released(headers, consumer) }
    }
}

/// Has the entity wait from now on; closing it again is told by the time.
pub(super) async fn close(
    connection: &mut PgConnection,
    consumer: &str,
    entity: &str,
    cause: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO parked_entities (consumer, entity, cause) VALUES ($1, $2, $3)
         ON CONFLICT (consumer, entity) DO UPDATE SET cause = $3, since = clock_timestamp()",
    )
    .bind(consumer)
    .bind(entity)
    .bind(cause)
    .execute(connection)
    .await
    .map(drop)
}

/// Which of `entities` wait. Holds their rows, so that nobody lets them go meanwhile.
pub(super) async fn waiting_among(
    connection: &mut PgConnection,
    consumer: &str,
    entities: HashSet<String>,
) -> Result<HashSet<String>, sqlx::Error> {
    if entities.is_empty() {
        return Ok(entities);
    }
    let waiting: Vec<String> = sqlx::query_scalar(
        "SELECT entity FROM parked_entities WHERE consumer = $1 AND entity = ANY($2) ORDER BY entity FOR SHARE",
    )
    .bind(consumer)
    .bind(entities.into_iter().collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(waiting.into_iter().collect())
}

/// Parks a record that was let go and that an earlier one is still missing for; false where its entity does not wait.
pub(super) async fn take_back(
    connection: &mut PgConnection,
    consumer: &str,
    entity: &str,
    placed: Placed,
    record: &RawRecord,
) -> Result<bool, sqlx::Error> {
    let waits = !waiting_among(connection, consumer, HashSet::from([entity.to_owned()])).await?.is_empty();
    if waits {
        put(connection, consumer, entity, placed, record).await?;
    }
    Ok(waits)
}

/// Parks a record.
pub(super) async fn put(
    connection: &mut PgConnection,
    consumer: &str,
    entity: &str,
    placed: Placed,
    record: &RawRecord,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO parked_records (consumer, entity, topic, partition, \"offset\", key, value, headers)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(consumer)
    .bind(entity)
    .bind(&record.topic)
    .bind(placed.partition)
    .bind(placed.offset)
    .bind(String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()))
    .bind(&record.value)
    .bind(Json(texts(record.headers.as_ref())))
    .execute(connection)
    .await?;
    metrics::counter!("qafila_records_parked_total", "consumer" => consumer.to_owned()).increment(1);
    Ok(())
}

/// Notes that the record came which those of an entity wait for: [`heal`] lets them go.
pub(super) async fn filled(
    connection: &mut PgConnection,
    consumer: &str,
    entity: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE parked_entities SET cause = CASE WHEN cause IN ($4, $5) THEN $5 ELSE $3 END WHERE consumer = $1 AND entity = $2",
    )
    .bind(consumer)
    .bind(entity)
    .bind(FILLED)
    .bind(OPENING)
    .bind(REFILLED)
    .execute(connection)
    .await
    .map(drop)
}

/// Records that wait, by consumer and entity.
pub async fn waiting(pool: &PgPool) -> Result<Vec<(String, String, i64)>, sqlx::Error> {
    sqlx::query_as(
        "SELECT e.consumer, e.entity, count(r.record_id) FROM parked_entities e
         LEFT JOIN parked_records r USING (consumer, entity) GROUP BY 1, 2 ORDER BY 1, 2",
    )
    .fetch_all(pool)
    .await
}

/// How letting an entity go ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// So many records that waited were applied; nobody waits any more.
    Free(usize),
    /// One was set aside again, with a dead letter of its own: those behind it wait as before.
    SetAsideAgain,
    /// An earlier one is still missing: all wait as before, what was to go first among them.
    StillMissing,
    /// Kafka has what waited, and the consumer has not applied it: the entity stays closed until somebody opens it again.
    NotFollowed,
}

/// Lets an entity go. `write` is given what waits, in the order of its sequences, and says once Kafka has it where it stands; `first` goes
/// with it. The entity stays closed until the consumer has applied that, because later records that stand before it on the topic must wait,
/// too; what comes to wait meanwhile follows.
pub async fn open<E, F>(
    pool: &PgPool,
    consumer: &str,
    entity: &str,
    first: Option<Outgoing>,
    mut write: impl FnMut(Vec<Outgoing>) -> F,
) -> Result<Opened, E>
where
    E: From<sqlx::Error>,
    F: Future<Output = Result<Vec<Placed>, E>>,
{
    let closed = closed_at(pool, consumer, entity).await?;
    let (mut records, mut freed, mut has_written) = (Vec::from_iter(first), 0, false);
    loop {
        let mut transaction = pool.begin().await?;
        lock(&mut transaction, consumer, entity).await?;
        let waiting = take_all(&mut transaction, consumer, entity).await?;
        if has_written && closed_at(&mut *transaction, consumer, entity).await? != closed {
            return Ok(Opened::SetAsideAgain);
        }
        if has_written && waiting.iter().any(Parked::came_back) {
            return Ok(Opened::StillMissing);
        }
        if records.is_empty() && waiting.is_empty() {
            reopen(&mut transaction, consumer, entity).await?;
            transaction.commit().await?;
            return Ok(Opened::Free(freed));
        }
        freed += waiting.len();
        records.extend(waiting.into_iter().map(|row| row.released(consumer)));
        records.sort_by_key(|record| headers::number(&record.headers, headers::SEQUENCE));
        let topic = records[0].topic.clone();
        let placed = write(std::mem::take(&mut records)).await?;
        transaction.commit().await?;
        has_written = true;
        if !followed(pool, consumer, &topic, &placed).await? {
            return Ok(Opened::NotFollowed);
        }
    }
}

/// Lets those entities of `consumer` go whose missing record has come, until `shutdown`.
pub(super) async fn heal(
    pool: PgPool,
    consumer: &'static str,
    writer: TopicWriter,
    shutdown: CancellationToken,
) {
    let mut ticks = tokio::time::interval(HEAL_INTERVAL);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = heal_once(&pool, consumer, &writer).await {
            tracing::warn!(event = "failed to let a parked entity go", consumer, error = %error);
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum HealError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Write(#[from] WriteError),
}

async fn heal_once(pool: &PgPool, consumer: &str, writer: &TopicWriter) -> Result<(), HealError> {
    while let Some(entity) = claim_filled(pool, consumer).await? {
        let write = |records| async { writer.write_all(records).await.map_err(HealError::from) };
        let opened = open(pool, consumer, &entity, None, write).await?;
        tracing::info!(event = "missing record has come", consumer, entity, opened = ?opened);
        if opened == Opened::StillMissing {
            sqlx::query(
                "UPDATE parked_entities SET cause = CASE cause WHEN $4 THEN $5 ELSE 'out_of_sequence' END
                 WHERE consumer = $1 AND entity = $2 AND cause IN ($3, $4)",
            )
            .bind(consumer)
            .bind(&entity)
            .bind(OPENING)
            .bind(REFILLED)
            .bind(FILLED)
            .execute(pool)
            .await?;
        }
    }
    Ok(())
}

/// An entity whose missing record has come, for one of all processes; that of one that ended meanwhile is another's a while later.
async fn claim_filled(pool: &PgPool, consumer: &str) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(
        "UPDATE parked_entities SET cause = $3, since = clock_timestamp() WHERE consumer = $1 AND entity = (
             SELECT entity FROM parked_entities WHERE consumer = $1
                 AND (cause = $2 OR cause IN ($3, $5) AND since < now() - make_interval(secs => $4))
             ORDER BY entity LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING entity",
    )
    .bind(consumer)
    .bind(FILLED)
    .bind(OPENING)
    .bind((FOLLOWED_WITHIN * 2).as_secs_f64())
    .bind(REFILLED)
    .fetch_optional(pool)
    .await
}

async fn lock(connection: &mut PgConnection, consumer: &str, entity: &str) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT 1 FROM parked_entities WHERE consumer = $1 AND entity = $2 FOR UPDATE")
        .bind(consumer)
        .bind(entity)
        .execute(connection)
        .await
        .map(drop)
}

async fn closed_at(
    executor: impl sqlx::PgExecutor<'_>,
    consumer: &str,
    entity: &str,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar("SELECT since FROM parked_entities WHERE consumer = $1 AND entity = $2")
        .bind(consumer)
        .bind(entity)
        .fetch_optional(executor)
        .await
}

async fn take_all(
    connection: &mut PgConnection,
    consumer: &str,
    entity: &str,
) -> Result<Vec<Parked>, sqlx::Error> {
    let mut rows: Vec<Parked> = sqlx::query_as(
        "DELETE FROM parked_records WHERE consumer = $1 AND entity = $2 RETURNING record_id, topic, key, value, headers",
    )
    .bind(consumer)
    .bind(entity)
    .fetch_all(connection)
    .await?;
    rows.sort_by_key(|row| row.record_id);
    Ok(rows)
}

async fn reopen(connection: &mut PgConnection, consumer: &str, entity: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM parked_entities WHERE consumer = $1 AND entity = $2")
        .bind(consumer)
        .bind(entity)
        .execute(connection)
        .await
        .map(drop)
}

/// Whether the consumer is past all of `placed` within the time it is given.
async fn followed(
    pool: &PgPool,
    consumer: &str,
    topic: &str,
    placed: &[Placed],
) -> Result<bool, sqlx::Error> {
    let deadline = Instant::now() + FOLLOWED_WITHIN;
    let (partitions, offsets): (Vec<i32>, Vec<i64>) = placed.iter().map(|p| (p.partition, p.offset)).unzip();
    loop {
        let behind: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM unnest($3::int[], $4::bigint[]) AS placed (partition, at)
             WHERE NOT EXISTS (SELECT FROM projection_offsets o WHERE o.projection = $1 AND o.topic = $2
                 AND o.partition = placed.partition AND o.next_offset > placed.at)",
        )
        .bind(consumer)
        .bind(topic)
        .bind(&partitions)
        .bind(&offsets)
        .fetch_one(pool)
        .await?;
        if behind == 0 || Instant::now() > deadline {
            return Ok(behind == 0);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Marks a record as one that `consumer` may take out of turn.
pub fn released(headers: OwnedHeaders, consumer: &str) -> OwnedHeaders {
    headers::with(headers, header::RELEASED, consumer)
}

/// Whether a record may be taken out of turn by `consumer`.
pub(super) fn is_released(record: &RawRecord, consumer: &str) -> bool {
    record.headers.as_ref().and_then(|h| headers::text(h, header::RELEASED)) == Some(consumer)
}

fn texts(headers: Option<&OwnedHeaders>) -> Vec<(String, String)> {
    let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    headers.map(|h| h.iter().map(|h| (h.key.to_owned(), text(h.value))).collect()).unwrap_or_default()
}
