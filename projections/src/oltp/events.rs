//! Projections of aggregate events: an event is applied only if its sequence is the next one; repeats are
//! dropped, a gap is an error; rows and offsets move in one transaction.

use std::sync::Arc;
use std::time::Duration;

use qafila_schemas::catalogue::{MERCHANT_EVENTS, SYNC_JOB_EVENTS, Topic};
use qafila_schemas::dead_letter::DeadLetters;
use qafila_schemas::events::{
    DecodeEvents, EventDecoders, EventRecord, MerchantEventDecoders, SyncJobEventDecoders,
};
use qafila_schemas::reader::{Batch, OffsetKeeper, Reader, ReaderConfig};
use qafila_schemas::writer::TopicWriter;
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use super::offsets::{self, ProjectionOffsets};
use super::{OltpRole, ProjectionError, merchants, sync_jobs};

const PAUSE: Duration = Duration::from_millis(300);

/// Folds one record into a read model, within the batch's transaction.
pub(super) trait Fold<T>: Send + Sync + 'static {
    /// Applies `record`.
    fn fold(
        &self,
        connection: &mut PgConnection,
        record: &T,
    ) -> impl Future<Output = Result<(), ProjectionError>> + Send;
}

/// Builds `merchants`.
pub async fn run_merchants(role: OltpRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    run_events::<MerchantEventDecoders, _>(
        role,
        "merchants",
        &MERCHANT_EVENTS,
        merchants::Merchants,
        shutdown,
    )
    .await
}

/// Builds `sync_jobs`.
pub async fn run_sync_jobs(role: OltpRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    run_events::<SyncJobEventDecoders, _>(role, "sync_jobs", &SYNC_JOB_EVENTS, sync_jobs::SyncJobs, shutdown)
        .await
}

async fn run_events<D, F>(
    role: OltpRole,
    projection: &'static str,
    topic: &Topic,
    fold: F,
    shutdown: CancellationToken,
) -> Result<(), ProjectionError>
where
    D: EventDecoders,
    D::Event: Sync,
    F: Fold<EventRecord<D::Event>>,
{
    let config = ReaderConfig {
        group: format!("qafila-projection-{projection}"),
        slot: role.slot.clone(),
        topics: vec![topic.name.into()],
        max_records: 500,
        max_bytes: 4 << 20,
        max_age: Duration::from_millis(2),
        offsets: OffsetKeeper::Store(Arc::new(ProjectionOffsets::new(role.pool.clone(), projection))),
    };
    let decode = DecodeEvents(D::new(&role.contract.registry)?);
    let reader = Reader::start(&role.contract.kafka, &role.contract.registry, config, decode)?;
    let dead_letters = DeadLetters::new(TopicWriter::new(&role.contract.kafka, 5)?, projection);
    follow(&role.pool, projection, reader, dead_letters, fold, shutdown).await
}

/// Applies batch after batch; a failure is tried again from the stored offsets.
pub(super) async fn follow<T: Send + Sync + 'static>(
    pool: &PgPool,
    projection: &'static str,
    mut reader: Reader<T>,
    dead_letters: DeadLetters,
    fold: impl Fold<T>,
    shutdown: CancellationToken,
) -> Result<(), ProjectionError> {
    loop {
        let mut batch = tokio::select! {
            batch = reader.next() => match batch { Some(batch) => batch, None => return Ok(()) },
            () = shutdown.cancelled() => return Ok(()),
        };
        let outcome = match dead_letters.write(std::mem::take(&mut batch.bad)).await {
            Ok(()) => apply(pool, projection, &batch, &fold).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = outcome {
            metrics::counter!("qafila_projection_failures_total", "projection" => projection).increment(1);
            tracing::warn!(event = "projection interrupted", projection, error = %error);
            reader.assignment().rewind();
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn apply<T: Sync>(
    pool: &PgPool,
    projection: &str,
    batch: &Batch<T>,
    fold: &impl Fold<T>,
) -> Result<(), ProjectionError> {
    let mut transaction = pool.begin().await?;
    if !offsets::advance(&mut transaction, projection, &batch.spans).await? {
        // Somebody else is further: our partitions have moved, or the batch was read twice.
        return Ok(transaction.rollback().await?);
    }
    for item in &batch.items {
        fold.fold(&mut transaction, &item.value).await?;
    }
    Ok(transaction.commit().await?)
}

/// Whether `given` is to be applied to a stream at `at` (0 before its first event).
pub(super) fn is_next(aggregate: &str, at: i64, given: i64) -> Result<bool, ProjectionError> {
    match given {
        given if given <= at => Ok(false),
        given if given == at + 1 => Ok(true),
        given => Err(ProjectionError::Gap { aggregate: aggregate.to_owned(), at, given }),
    }
}
