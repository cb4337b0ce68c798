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

    fn lower(&self, topic: &str, partition: i32, next: i64) -> Result<(), String> {
        let lowered = sqlx::query(
            "UPDATE projection_offsets SET next_offset = $4 WHERE projection = $1 AND topic = $2 AND partition = $3",
        );
        let lowered = lowered.bind(self.projection).bind(topic).bind(partition).bind(next);
        self.runtime.block_on(lowered.execute(&self.pool)).map(drop).map_err(|error| error.to_string())
    }
}

/// Moves the offsets past `spans` within the caller's transaction. False where they are already beyond the start of one:
/// then nothing of the batch may be applied, and it has to be read again.
pub async fn advance(
    connection: &mut PgConnection,
    projection: &str,
    spans: &[Span],
) -> Result<bool, sqlx::Error> {
    // Every caller takes the rows in one order.
    let mut spans: Vec<&Span> = spans.iter().collect();
    spans.sort_unstable_by_key(|span| (&span.topic, span.partition));
    let moved = sqlx::query(
        "INSERT INTO projection_offsets AS known (projection, topic, partition, next_offset)
         SELECT $1, s.topic, s.partition, s.next FROM unnest($2::text[], $3::int[], $4::bigint[]) AS s (topic, partition, next)
         ON CONFLICT (projection, topic, partition) DO UPDATE SET next_offset = EXCLUDED.next_offset
         WHERE known.next_offset <= (SELECT s.first FROM unnest($2::text[], $3::int[], $5::bigint[]) AS s (topic, partition, first)
             WHERE s.topic = known.topic AND s.partition = known.partition)",
    )
    .bind(projection)
    .bind(spans.iter().map(|span| span.topic.as_str()).collect::<Vec<_>>())
    .bind(spans.iter().map(|span| span.partition).collect::<Vec<_>>())
    .bind(spans.iter().map(|span| span.last + 1).collect::<Vec<_>>())
    .bind(spans.iter().map(|span| span.first).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(moved.rows_affected() == spans.len() as u64)
}
