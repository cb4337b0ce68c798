//! From `qafila.sync-job.events` to rows of work: a request opens a run with its slices, an end closes it. The
//! offsets move in the same transaction.

use std::sync::Arc;
use std::time::Duration;

use qafila_schemas::catalogue::SYNC_JOB_EVENTS;
use qafila_schemas::contract::Contract;
use qafila_schemas::dead_letter::DeadLetters;
use qafila_schemas::events::{
    DecodeEvents, EventDecoders, EventRecord, SyncJobEventDecoders, SyncJobEventRecord,
};
use qafila_schemas::ids::RunId;
use qafila_schemas::reader::{Batch, OffsetKeeper, OffsetStore, Reader, ReaderConfig};
use qafila_schemas::records::sync::SyncRequested;
use qafila_schemas::writer::TopicWriter;
use sqlx::{PgConnection, PgPool, Row};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::plan;
use crate::role_error::RoleError;

const PAUSE: Duration = Duration::from_millis(500);

/// Runs until `shutdown`.
pub async fn run(
    pool: PgPool,
    contract: Contract,
    writer: TopicWriter,
    slot: String,
    shutdown: CancellationToken,
) -> Result<(), RoleError> {
    let config = ReaderConfig {
        group: "qafila-ingest-sync".into(),
        slot,
        topics: vec![SYNC_JOB_EVENTS.name.into()],
        max_records: 500,
        max_bytes: 4 << 20,
        max_age: Duration::from_millis(5),
        fetch_min_bytes: 1,
        offsets: OffsetKeeper::Store(Arc::new(Offsets { pool: pool.clone(), runtime: Handle::current() })),
    };
    let decode = DecodeEvents(SyncJobEventDecoders::new(&contract.registry)?);
    let mut reader = Reader::start(&contract.kafka, &contract.registry, config, decode)?;
    let dead_letters = DeadLetters::new(writer, "ingest-sync");
    loop {
        let mut batch = tokio::select! {
            batch = reader.next() => batch?,
            () = shutdown.cancelled() => return Ok(()),
        };
        let outcome = match dead_letters.write(std::mem::take(&mut batch.bad)).await {
            Ok(()) => match apply(&pool, &batch).await {
                Ok(true) => Ok(()),
                Ok(false) => Err("the stored offsets have moved past this batch".to_owned()),
                Err(error) => Err(error.to_string()),
            },
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = outcome {
            tracing::warn!(event = "sync feed interrupted", error);
            reader.assignment().rewind();
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Applies a batch, and moves the offsets past it; false where they are already beyond the start of one of its spans: then nothing is
/// applied, and it is read again.
async fn apply(pool: &PgPool, batch: &Batch<EventRecord<SyncJobEventRecord>>) -> Result<bool, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    for item in &batch.items {
        if let Some(event) = &item.value.event {
            apply_event(&mut transaction, item.value.sequence, event).await?;
        }
    }
    for span in &batch.spans {
        let moved = sqlx::query(
            "INSERT INTO ingest_offsets AS known (topic, partition, next_offset) VALUES ($1, $2, $3)
             ON CONFLICT (topic, partition) DO UPDATE SET next_offset = $3 WHERE known.next_offset <= $4",
        )
        .bind(&span.topic)
        .bind(span.partition)
        .bind(span.last + 1)
        .bind(span.first)
        .execute(&mut *transaction)
        .await?;
        if moved.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(false);
        }
    }
    transaction.commit().await.map(|()| true)
}

async fn apply_event(
    connection: &mut PgConnection,
    sequence: i64,
    event: &SyncJobEventRecord,
) -> Result<(), sqlx::Error> {
    match event {
        SyncJobEventRecord::Requested(e) => open_run(connection, sequence, e).await,
        // Ids that it has read are deleted by the housekeeping, in batches: they may be millions.
        SyncJobEventRecord::Completed(e) => {
            set_state(connection, sequence, e.run_id, "ended").await.map(drop)
        }
        SyncJobEventRecord::Failed(e) => set_state(connection, sequence, e.run_id, "ended").await.map(drop),
        SyncJobEventRecord::Cancelled(e) => {
            set_state(connection, sequence, e.run_id, "ended").await.map(drop)
        }
        SyncJobEventRecord::Resumed(e) => resume(connection, sequence, e.run_id).await,
        SyncJobEventRecord::TakenOver(_)
        | SyncJobEventRecord::SliceImported(_)
        | SyncJobEventRecord::Paused(_) => Ok(()),
    }
}

async fn open_run(
    connection: &mut PgConnection,
    sequence: i64,
    e: &SyncRequested,
) -> Result<(), sqlx::Error> {
    let opened = sqlx::query(
        "INSERT INTO sync_runs (run_id, job_id, merchant_id, connection_id, store_id, from_day, until_day, requested_at, sequence)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (run_id) DO NOTHING",
    )
    .bind(e.run_id.0)
    .bind(e.job_id.0)
    .bind(e.merchant_id.0)
    .bind(e.connection_id.0)
    .bind(e.store_id)
    .bind(e.from_day)
    .bind(e.until_day)
    .bind(e.requested_at.to_utc())
    .bind(sequence)
    .execute(&mut *connection)
    .await?;
    if opened.rows_affected() == 0 {
        // Told twice: its slices may have been split or joined meanwhile.
        return Ok(());
    }
    for (ordinal, slice) in (0_i32..).zip(plan::slices(e.from_day, e.until_day)) {
        sqlx::query(
            "INSERT INTO sync_slices (run_id, resource, slice, ordinal) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(e.run_id.0)
        .bind(&slice.resource)
        .bind(&slice.name)
        .bind(ordinal)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Opens a run again; what could not be read is tried once more.
async fn resume(connection: &mut PgConnection, sequence: i64, run: RunId) -> Result<(), sqlx::Error> {
    if !set_state(connection, sequence, run, "open").await? {
        return Ok(());
    }
    for statement in [
        "UPDATE sync_runs SET tries = 0, waits_for = NULL WHERE run_id = $1",
        "UPDATE sync_slices SET scan = scan + 1, scan_began_at = NULL, next_page = 1, first_total = NULL, seen = 0, imported = 0,
             skipped = 0, finished_at = NULL, reported_at = NULL WHERE run_id = $1 AND finished_at IS NOT NULL AND skipped > 0",
        // What could not be read, and what was written and perhaps set aside since.
        "DELETE FROM sync_seen WHERE run_id = $1 AND slice = 'hydration'",
        "UPDATE sync_hydrations SET done = done - skipped, skipped = 0, round = 1, cursor_created = NULL, cursor_id = NULL,
             finished_at = NULL WHERE run_id = $1",
    ] {
        sqlx::query(statement).bind(run.0).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Opens or ends a run, unless a later event has decided; true where it did.
async fn set_state(
    connection: &mut PgConnection,
    sequence: i64,
    run: RunId,
    state: &str,
) -> Result<bool, sqlx::Error> {
    let changed = sqlx::query(
        "UPDATE sync_runs SET state = $2, sequence = $3, not_before = now(), ended_at = CASE WHEN $2 = 'ended' THEN now() END
         WHERE run_id = $1 AND sequence < $3",
    )
    .bind(run.0)
    .bind(state)
    .bind(sequence)
    .execute(connection)
    .await?;
    Ok(changed.rows_affected() == 1)
}

struct Offsets {
    pool: PgPool,
    runtime: Handle,
}

impl OffsetStore for Offsets {
    fn next_offsets(&self, partitions: &[(String, i32)]) -> Result<Vec<Option<i64>>, String> {
        let read = async {
            let mut found = Vec::with_capacity(partitions.len());
            for (topic, partition) in partitions {
                let row =
                    sqlx::query("SELECT next_offset FROM ingest_offsets WHERE topic = $1 AND partition = $2")
                        .bind(topic)
                        .bind(partition)
                        .fetch_optional(&self.pool)
                        .await?;
                found.push(row.map(|row| row.try_get(0)).transpose()?);
            }
            Ok::<_, sqlx::Error>(found)
        };
        self.runtime.block_on(read).map_err(|error| error.to_string())
    }

    fn lower(&self, topic: &str, partition: i32, next: i64) -> Result<(), String> {
        let lowered =
            sqlx::query("UPDATE ingest_offsets SET next_offset = $3 WHERE topic = $1 AND partition = $2");
        let lowered = lowered.bind(topic).bind(partition).bind(next);
        self.runtime.block_on(lowered.execute(&self.pool)).map(drop).map_err(|error| error.to_string())
    }
}
