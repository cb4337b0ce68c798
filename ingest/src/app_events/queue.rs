//! App events that wait to be decided, in table `app_events`: they may need Salla's answer, and nobody else waits for that.

use std::time::Duration;

use chrono::{DateTime, Utc};
use qafila_schemas::envelope::{OperatorKeys, SealError, Wrapped};
use qafila_schemas::millis::Millis;
use serde_json::value::RawValue;
use sqlx::{FromRow, PgPool};

/// Whoever decides an event does so for less than this; then another may.
pub(super) const CLAIMED_FOR: Duration = Duration::from_secs(60);
/// Of the pause after which one that does not open is tried again: to some hours.
const MAX_DOUBLINGS: i32 = 8;
const KEPT_FOR: &str = "400 days";

/// Why an event is not on the queue, or cannot be taken from it.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The database.
    #[error("app events: {0}")]
    Database(#[from] sqlx::Error),
    /// Keys.
    #[error("app events: {0}")]
    Seal(#[from] SealError),
}

/// An app event as it came.
#[derive(Debug)]
pub struct Arrived<'d> {
    /// Topic, partition and offset of its first delivery.
    pub position: &'d str,
    /// Salla's id of the store.
    pub store_id: i64,
    /// Name.
    pub event: &'d str,
    /// When it happened, as it says.
    pub created_at: Millis,
    /// When it reached us.
    pub received_at: Millis,
    /// Its data.
    pub data: &'d RawValue,
}

/// An event that is to be decided.
#[derive(Debug)]
pub struct Open {
    /// Number on the queue.
    pub event_id: i64,
    /// Salla's id of the store.
    pub store_id: i64,
    /// Name.
    pub event: String,
    /// When it happened, as it says.
    pub created_at: DateTime<Utc>,
    /// When it reached us.
    pub received_at: DateTime<Utc>,
    /// Its data.
    pub data: Box<RawValue>,
    /// Tries before this one.
    pub tries: i32,
    /// What the last one found.
    pub doubt: Option<String>,
}

#[derive(FromRow)]
struct Row {
    event_id: i64,
    store_id: i64,
    event: String,
    created_at: DateTime<Utc>,
    received_at: DateTime<Utc>,
    position: String,
    key_id: String,
    data: Option<Vec<u8>>,
    tries: i32,
    doubt: Option<String>,
}

/// The queue.
#[derive(Clone)]
pub struct AppEventQueue {
    pool: PgPool,
    keys: OperatorKeys,
}

impl AppEventQueue {
    /// A queue behind `pool`, the ingest role's, whose data is sealed under `keys`.
    pub fn new(pool: PgPool, keys: OperatorKeys) -> Self {
        Self { pool, keys }
    }

    /// Puts an event on the queue, once however often it is told.
    pub async fn put(&self, arrived: &Arrived<'_>) -> Result<(), QueueError> {
        let sealed = self.keys.wrap(&context(arrived.position), arrived.data.get().as_bytes())?;
        sqlx::query(
            "INSERT INTO app_events (position, store_id, event, created_at, received_at, key_id, data)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (position) DO NOTHING",
        )
        .bind(arrived.position)
        .bind(arrived.store_id)
        .bind(arrived.event)
        .bind(arrived.created_at.to_utc())
        .bind(arrived.received_at.to_utc())
        .bind(&sealed.key_id)
        .bind(&sealed.bytes)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Takes at most `limit` events that are due.
    pub async fn claim(&self, limit: usize) -> Result<Vec<Open>, QueueError> {
        let rows: Vec<Row> = sqlx::query_as(
            "UPDATE app_events SET due_at = now() + $1, tries = tries + 1
             WHERE event_id IN (SELECT event_id FROM app_events WHERE outcome IS NULL AND due_at <= now()
                 ORDER BY event_id LIMIT $2 FOR UPDATE SKIP LOCKED)
             RETURNING event_id, store_id, event, created_at, received_at, position, key_id, data, tries - 1 AS tries, doubt",
        )
        .bind(CLAIMED_FOR)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        let mut open = Vec::with_capacity(rows.len());
        for row in rows {
            let wrapped = Wrapped { key_id: row.key_id, bytes: row.data.unwrap_or_default() };
            // One that does not open must not keep the others.
            let data = match self.keys.unwrap(&context(&row.position), &wrapped) {
                Ok(plain) => String::from_utf8_lossy(&plain).into_owned(),
                Err(error) => {
                    tracing::error!(event = "app event does not open", eventId = row.event_id, error = %error);
                    self.unopened(&row.event, row.event_id, row.tries, &error.to_string()).await?;
                    continue;
                }
            };
            let data = RawValue::from_string(data).unwrap_or_default();
            let Row { event_id, store_id, event, created_at, received_at, tries, doubt, .. } = row;
            open.push(Open { event_id, store_id, event, created_at, received_at, data, tries, doubt });
        }
        open.sort_by_key(|event| event.event_id);
        Ok(open)
    }

    /// An event whose data does not open, because the operator's key is gone: it is tried again ever later, in case the key comes back.
    async fn unopened(&self, event: &str, event_id: i64, tries: i32, error: &str) -> Result<(), QueueError> {
        let pause = CLAIMED_FOR * 2_u32.pow(tries.clamp(0, MAX_DOUBLINGS).cast_unsigned());
        self.again(event_id, pause, &format!("{event} does not open: {error}")).await
    }

    /// An event is decided: its data is wiped.
    pub async fn decided(&self, event_id: i64, outcome: &str) -> Result<(), QueueError> {
        sqlx::query(
            "UPDATE app_events SET outcome = $2, decided_at = now(), data = NULL WHERE event_id = $1",
        )
        .bind(event_id)
        .bind(outcome)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// An event is looked at again after `pause`, because of `doubt`.
    pub async fn again(&self, event_id: i64, pause: Duration, doubt: &str) -> Result<(), QueueError> {
        sqlx::query("UPDATE app_events SET due_at = now() + $2, doubt = $3 WHERE event_id = $1")
            .bind(event_id)
            .bind(pause)
            .bind(doubt)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Forgets what was decided long ago.
    pub async fn forget(&self) -> Result<(), QueueError> {
        sqlx::query(&format!("DELETE FROM app_events WHERE decided_at < now() - interval '{KEPT_FOR}'"))
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

fn context(position: &str) -> Vec<u8> {
    format!("app event:{position}").into_bytes()
}
