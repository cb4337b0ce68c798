//! The park: events of an aggregate of which an earlier one was set aside wait here, in order, until that one is retried or dropped
//! (ARCHITECTURE §7.3). Only sequences need it: observations converge in whatever order they come.

use qafila_schemas::dead_letter::header;
use qafila_schemas::headers;
use qafila_schemas::reader::RawRecord;
use qafila_schemas::writer::{Outgoing, Placed};
use rdkafka::message::{Headers, OwnedHeaders};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};

#[derive(FromRow)]
struct Parked {
    record_id: i64,
    topic: String,
    key: String,
    value: Option<Vec<u8>>,
    headers: Json<Vec<(String, String)>>,
}

impl Parked {
    fn released(self, consumer: &str) -> Outgoing {
        let Self { topic, key, value, headers, .. } = self;
        let headers =
            headers.0.iter().fold(OwnedHeaders::new(), |all, (key, value)| headers::with(all, key, value));
        Outgoing { topic, key, value, headers: released(headers, consumer) }
    }
}

/// Has the entity wait from now on.
pub(super) async fn close(
    connection: &mut PgConnection,
    consumer: &str,
    entity: &str,
    cause: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO parked_entities (consumer, entity, cause) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
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

/// Lets an entity go: `write` is given what waits, in order, and returns once Kafka has it; then nobody waits any more.
pub async fn open<E, F>(
    pool: &PgPool,
    consumer: &str,
    entity: &str,
    write: impl FnOnce(Vec<Outgoing>) -> F,
) -> Result<usize, E>
where
    E: From<sqlx::Error>,
    F: Future<Output = Result<(), E>>,
{
    let mut transaction = pool.begin().await?;
    sqlx::query("SELECT 1 FROM parked_entities WHERE consumer = $1 AND entity = $2 FOR UPDATE")
        .bind(consumer)
        .bind(entity)
        .execute(&mut *transaction)
        .await?;
    let mut rows: Vec<Parked> = sqlx::query_as(
        "DELETE FROM parked_records WHERE consumer = $1 AND entity = $2 RETURNING record_id, topic, key, value, headers",
    )
    .bind(consumer)
    .bind(entity)
    .fetch_all(&mut *transaction)
    .await?;
    rows.sort_by_key(|row| row.record_id);
    let count = rows.len();
    let records = rows.into_iter().map(|row| row.released(consumer)).collect();
    write(records).await?;
    sqlx::query("DELETE FROM parked_entities WHERE consumer = $1 AND entity = $2")
        .bind(consumer)
        .bind(entity)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(count)
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
