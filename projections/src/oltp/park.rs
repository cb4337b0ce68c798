//! The park: events of an aggregate of which an earlier one was set aside wait here, in order, until that one is retried or dropped
//! (ARCHITECTURE §7.3). Only sequences need it: observations converge in whatever order they come.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use qafila_schemas::dead_letter::header;
use qafila_schemas::headers;
use qafila_schemas::reader::RawRecord;
use qafila_schemas::writer::{Outgoing, Placed};
use rdkafka::message::{Headers, OwnedHeaders};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};

/// A consumer that runs applies what was let go within that.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

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

/// Parks a record where its entity waits; false where it does not, or where this very record was let go. Holds the entity's row, so that
/// nobody lets it go meanwhile.
pub(super) async fn take(
    connection: &mut PgConnection,
    consumer: &str,
    entity: &str,
    placed: Placed,
    record: &RawRecord,
) -> Result<bool, sqlx::Error> {
    if is_released(record, consumer) {
        return Ok(false);
    }
    put(connection, consumer, entity, placed, record).await
}

/// Parks a record that was let go and that an earlier one is still missing for; false where its entity does not wait.
pub(super) async fn take_back(
    connection: &mut PgConnection,
    consumer: &str,
    entity: &str,
    placed: Placed,
    record: &RawRecord,
) -> Result<bool, sqlx::Error> {
    Ok(is_released(record, consumer) && put(connection, consumer, entity, placed, record).await?)
}

async fn put(
    connection: &mut PgConnection,
    consumer: &str,
    entity: &str,
    placed: Placed,
    record: &RawRecord,
) -> Result<bool, sqlx::Error> {
    let waits: Option<i32> =
        sqlx::query_scalar("SELECT 1 FROM parked_entities WHERE consumer = $1 AND entity = $2 FOR SHARE")
            .bind(consumer)
            .bind(entity)
            .fetch_optional(&mut *connection)
            .await?;
    if waits.is_none() {
        return Ok(false);
    }
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
    Ok(true)
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

/// Lets an entity go. `write` is given what waits, in order, and says once Kafka has it where it stands; `first` goes before it. The
/// entity stays closed until the consumer has applied that, because later records that stand before it on the topic must wait, too;
/// what comes to wait meanwhile follows.
pub async fn open<E, F>(
    pool: &PgPool,
    consumer: &str,
    entity: &str,
    first: Outgoing,
    mut write: impl FnMut(Vec<Outgoing>) -> F,
) -> Result<Opened, E>
where
    E: From<sqlx::Error>,
    F: Future<Output = Result<Vec<Placed>, E>>,
{
    let closed = closed_at(pool, consumer, entity).await?;
    let (mut records, mut freed, mut has_written) = (vec![first], 0, false);
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
        let topic = records[0].topic.clone();
        let placed = write(std::mem::take(&mut records)).await?;
        transaction.commit().await?;
        has_written = true;
        if !followed(pool, consumer, &topic, &placed).await? {
            return Ok(Opened::NotFollowed);
        }
    }
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

fn is_released(record: &RawRecord, consumer: &str) -> bool {
    record.headers.as_ref().and_then(|h| headers::text(h, header::RELEASED)) == Some(consumer)
}

fn texts(headers: Option<&OwnedHeaders>) -> Vec<(String, String)> {
    let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    headers.map(|h| h.iter().map(|h| (h.key.to_owned(), text(h.value))).collect()).unwrap_or_default()
}
