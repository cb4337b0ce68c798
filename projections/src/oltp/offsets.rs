//! Offsets kept with the rows they led to.

use qafila_schemas::reader::{OffsetStore, Span};
use sqlx::{PgConnection, PgPool, Row};
use tokio::runtime::Handle;

/// Offsets of one projection in `projection_offsets`.
pub struct ProjectionOffsets {
    pool: PgPool,
    runtime: Handle,
    projection: &'static str,
}

impl ProjectionOffsets {
    /// Offsets of `projection`; must be made within the runtime.
    pub fn new(pool: PgPool, projection: &'static str) -> Self {
        Self { pool, runtime: Handle::current(), projection }
    }
}

impl OffsetStore for ProjectionOffsets {
    fn next_offsets(&self, partitions: &[(String, i32)]) -> Result<Vec<Option<i64>>, String> {
        let read = async {
            let rows = sqlx::query(
                "SELECT topic, partition, next_offset FROM projection_offsets WHERE projection = $1",
            )
            .bind(self.projection)
            .fetch_all(&self.pool)
            .await?;
            let stored = rows
                .iter()
                .map(|row| Ok(((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?)))
                .collect::<Result<std::collections::HashMap<(String, i32), i64>, sqlx::Error>>()?;
            Ok::<_, sqlx::Error>(partitions.iter().map(|p| stored.get(p).copied()).collect())
        };
        self.runtime.block_on(read).map_err(|error| error.to_string())
    }
}

/// Moves the offsets past `spans` within the caller's transaction. False where they are already beyond the start of one:
/// then nothing of the batch may be applied, and it has to be read again.
pub async fn advance(
    connection: &mut PgConnection,
    projection: &str,
    spans: &[Span],
) -> Result<bool, sqlx::Error> {
    for span in spans {
        let moved = sqlx::query(
            "INSERT INTO projection_offsets AS known (projection, topic, partition, next_offset) VALUES ($1, $2, $3, $4)
             ON CONFLICT (projection, topic, partition) DO UPDATE SET next_offset = $4 WHERE known.next_offset <= $5",
        )
        .bind(projection)
        .bind(&span.topic)
        .bind(span.partition)
        .bind(span.last + 1)
        .bind(span.first)
        .execute(&mut *connection)
        .await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}
