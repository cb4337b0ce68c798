//! Housekeeping: rows that are of no use any more are deleted in small batches, table by table, as `docs/retention.md` states. Each room states
//! its own tables.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

/// Rows that a statement deletes at most: its locks are held for a moment only.
const BATCH: i64 = 1_000;
const BETWEEN_BATCHES: Duration = Duration::from_millis(100);
/// Of one table in one round; the rest has its turn an hour later.
const MAX_BATCHES: u32 = 500;
const INTERVAL: Duration = Duration::from_secs(3_600);
/// Not at once: a process that starts has better things to do.
const FIRST: Duration = Duration::from_secs(60);

/// What is deleted of one table.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Table.
    pub table: &'static str,
    /// Which rows are of no use any more: a condition of a `SELECT` from the table, which is called `t`.
    pub over: &'static str,
}

impl Retention {
    /// Deletes a batch; says how many rows.
    async fn delete(&self, pool: &PgPool) -> Result<u64, sqlx::Error> {
        let Self { table, over } = self;
        let delete = format!(
            "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT t.ctid FROM {table} t WHERE {over} LIMIT $1 FOR UPDATE SKIP LOCKED))"
        );
        Ok(sqlx::query(&delete).bind(BATCH).execute(pool).await?.rows_affected())
    }

    async fn delete_all(&self, pool: &PgPool) -> Result<u64, sqlx::Error> {
        let mut deleted = 0;
        for _ in 0..MAX_BATCHES {
            let batch = self.delete(pool).await?;
            deleted += batch;
            if batch < BATCH as u64 {
                break;
            }
            tokio::time::sleep(BETWEEN_BATCHES).await;
        }
        Ok(deleted)
    }
}

/// Deletes what is over of `tables` once; says of each how many rows. One table that fails keeps no other from its turn.
pub async fn tidy(pool: &PgPool, tables: &[Retention]) -> Vec<(&'static str, u64)> {
    let mut deleted = Vec::new();
    for retention in tables {
        match retention.delete_all(pool).await {
            Ok(rows) => {
                metrics::counter!("qafila_rows_deleted_total", "table" => retention.table).increment(rows);
                deleted.push((retention.table, rows));
            }
            Err(error) => {
                metrics::counter!("qafila_housekeeping_failures_total", "table" => retention.table)
                    .increment(1);
                tracing::warn!(event = "failed to delete old rows", table = retention.table, error = %error);
            }
        }
    }
    deleted
}

/// Deletes every hour until `shutdown`.
pub async fn keep(pool: PgPool, tables: &'static [Retention], shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + FIRST, INTERVAL);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Some(deleted) = shutdown.run_until_cancelled(tidy(&pool, tables)).await {
            let deleted: Vec<String> = deleted
                .into_iter()
                .filter(|(_, rows)| *rows > 0)
                .map(|(table, rows)| format!("{table} {rows}"))
                .collect();
            if !deleted.is_empty() {
                tracing::info!(event = "old rows deleted", rows = deleted.join(", "));
            }
        }
    }
}
