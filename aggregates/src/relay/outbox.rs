//! The event store as the relay reads it: a log in `(tx, position)` order below the horizon.

use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, PgPool, Row};

use qafila_schemas::millis::Millis;

/// Key of the advisory lock of the one active relay; "qafila" in ASCII.
const LOCK: i64 = 0x7161_6669_6c61;

/// Why the outbox could not be read or moved.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The database.
    #[error("event store: {0}")]
    Database(#[from] sqlx::Error),
    /// Somebody else moved the cursor: our lock was lost without our noticing.
    #[error("the relay's cursor was moved by another relay")]
    CursorMoved,
}

/// An event on its way out.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Aggregate type.
    pub aggregate_type: String,
    /// Aggregate id.
    pub aggregate_id: String,
    /// Place in the aggregate's stream, from 1.
    pub sequence: i64,
    /// Event type.
    pub event_type: String,
    /// Payload, JSON: `{"<event type>": {…}}`.
    pub payload: String,
    /// When it was appended.
    pub stored_at: Millis,
    /// Transaction, as text: xid8 has no Rust type.
    pub tx: String,
    /// Position.
    pub position: i64,
}

/// The outbox, read by the one relay that holds the lock.
pub struct Outbox {
    connection: PgConnection,
    cursor: (String, i64),
}

impl Outbox {
    /// Takes the lock, or `None` where another relay holds it.
    pub async fn take_lock(pool: &PgPool) -> Result<Option<Self>, OutboxError> {
        let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
        // A frozen holder loses its session, and with it the lock.
        sqlx::query("SET idle_session_timeout = '5s'").execute(&mut connection).await?;
        sqlx::query("SET statement_timeout = '30s'").execute(&mut connection).await?;
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut connection)
            .await?;
        if !taken {
            connection.close().await?;
            return Ok(None);
        }
        let row = sqlx::query("SELECT tx::text, position FROM relay_cursor WHERE name = 'events'")
            .fetch_one(&mut connection)
            .await?;
        Ok(Some(Self { connection, cursor: (row.try_get(0)?, row.try_get(1)?) }))
    }

    /// The next events, at most `limit`; only those that no open transaction can still precede.
    pub async fn next(&mut self, limit: i64) -> Result<Vec<StoredEvent>, OutboxError> {
        let rows = sqlx::query(
            // The order is by the number: a bare `tx` would mean the text of the list above.
            "SELECT aggregate_type, aggregate_id, sequence, event_type, payload::text, timestamp, tx::text, position
             FROM events
             WHERE (tx, position) > ($1::text::xid8, $2) AND tx < pg_snapshot_xmin(pg_current_snapshot())
             ORDER BY events.tx, events.position
             LIMIT $3",
        )
        .bind(&self.cursor.0)
        .bind(self.cursor.1)
        .bind(limit)
        .fetch_all(&mut self.connection)
        .await?;
        Ok(rows.iter().map(stored_event).collect::<Result<_, _>>()?)
    }

    /// Moves the cursor past `events`, which have been published.
    pub async fn advance(&mut self, events: &[StoredEvent]) -> Result<(), OutboxError> {
        let Some(last) = events.last() else { return Ok(()) };
        let moved = sqlx::query(
            "UPDATE relay_cursor SET tx = $1::text::xid8, position = $2
             WHERE name = 'events' AND tx = $3::text::xid8 AND position = $4",
        )
        .bind(&last.tx)
        .bind(last.position)
        .bind(&self.cursor.0)
        .bind(self.cursor.1)
        .execute(&mut self.connection)
        .await?;
        if moved.rows_affected() != 1 {
            return Err(OutboxError::CursorMoved);
        }
        self.cursor = (last.tx.clone(), last.position);
        Ok(())
    }

    /// Keeps the session of the lock alive; an error means that the lock may be lost.
    pub async fn ping(&mut self) -> Result<(), OutboxError> {
        Ok(self.connection.ping().await?)
    }

    /// Whether committed events wait above the horizon, held by an open transaction somewhere in the cluster.
    pub async fn is_behind(&mut self) -> Result<bool, OutboxError> {
        Ok(sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM events WHERE (tx, position) > ($1::text::xid8, $2))",
        )
        .bind(&self.cursor.0)
        .bind(self.cursor.1)
        .fetch_one(&mut self.connection)
        .await?)
    }
}

/// Events that were published before, from `first` (their position) on, those behind `after` (their transaction and position), at most
/// `limit`, in the order of the outbox.
pub async fn published(
    pool: &PgPool,
    first: i64,
    after: Option<&StoredEvent>,
    limit: i64,
) -> Result<Vec<StoredEvent>, OutboxError> {
    let (tx, position) = after.map_or(("0", 0), |event| (event.tx.as_str(), event.position));
    let rows = sqlx::query(
        "SELECT aggregate_type, aggregate_id, sequence, event_type, payload::text, timestamp, tx::text, position
         FROM events
         WHERE position >= $1 AND (tx, position) > ($2::text::xid8, $3)
             AND (tx, position) <= (SELECT tx, position FROM relay_cursor WHERE name = 'events')
         ORDER BY events.tx, events.position
         LIMIT $4",
    )
    .bind(first)
    .bind(tx)
    .bind(position)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(rows.iter().map(stored_event).collect::<Result<_, _>>()?)
}

fn stored_event(row: &PgRow) -> Result<StoredEvent, sqlx::Error> {
    let stored_at: chrono::DateTime<chrono::Utc> = row.try_get(5)?;
    Ok(StoredEvent {
        aggregate_type: row.try_get(0)?,
        aggregate_id: row.try_get(1)?,
        sequence: row.try_get(2)?,
        event_type: row.try_get(3)?,
        payload: row.try_get(4)?,
        stored_at: stored_at.into(),
        tx: row.try_get(6)?,
        position: row.try_get(7)?,
    })
}
