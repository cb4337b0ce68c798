//! Projections of aggregate events: an event is applied only if its sequence is the next one; repeats are
//! dropped; rows and offsets move in one transaction. What cannot be applied (a gap before it, a value Postgres
//! refuses) is set aside, so that one aggregate never stops the others of its partition (ARCHITECTURE §7.3).

use std::sync::Arc;
use std::time::Duration;

use qafila_schemas::catalogue::{EXPORT_EVENTS, MERCHANT_EVENTS, SYNC_JOB_EVENTS, Topic};
use qafila_schemas::dead_letter::{Cause, DeadLetter, DeadLetters};
use qafila_schemas::events::{
    DecodeEvents, EventDecoders, EventRecord, ExportEventDecoders, MerchantEventDecoders,
    SyncJobEventDecoders,
};
use qafila_schemas::reader::{Batch, Item, OffsetKeeper, Reader, ReaderConfig};
use sqlx::{Acquire, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::offsets::{self, ProjectionOffsets};
use super::{OltpRole, ProjectionError, exports, merchants, park, sync_jobs};

const PAUSE: Duration = Duration::from_millis(300);

/// Folds one record into a read model, within the batch's transaction.
pub(crate) trait Fold<T>: Send + Sync + 'static {
    /// Applies `record`.
    fn fold(
        &self,
        connection: &mut PgConnection,
        record: &T,
    ) -> impl Future<Output = Result<(), ProjectionError>> + Send;

    /// Locks the rows that a batch's records change, in one order for all who change them: two that lock in the order of their records
    /// would wait for each other. Nothing where nobody else changes them.
    fn lock(
        &self,
        _connection: &mut PgConnection,
        _records: &[&T],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send {
        std::future::ready(Ok(()))
    }

    /// What later records wait behind, in order, where this one is set aside; nothing where their order does not matter.
    fn waits_behind(&self, _record: &T) -> Option<Uuid> {
        None
    }
}

/// How the events of one type of aggregate change its read model, which has the sequence applied last in its
/// column `sequence`.
pub(super) trait EventFold<E>: Send + Sync + 'static {
    /// Table.
    const TABLE: &'static str;
    /// Its column of the aggregate's id.
    const ID: &'static str;

    /// Applies the event that comes next.
    fn apply(
        &self,
        connection: &mut PgConnection,
        aggregate: Uuid,
        event: &E,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

/// Keeps the events of each aggregate in sequence.
struct InSequence<F>(F);

impl<E: Send + Sync, F: EventFold<E>> Fold<EventRecord<E>> for InSequence<F> {
    async fn fold(
        &self,
        connection: &mut PgConnection,
        record: &EventRecord<E>,
    ) -> Result<(), ProjectionError> {
        let aggregate = record.aggregate_id;
        let at: Option<i64> =
            sqlx::query_scalar(&format!("SELECT sequence FROM {} WHERE {} = $1", F::TABLE, F::ID))
                .bind(aggregate)
                .fetch_optional(&mut *connection)
                .await?;
        let at = at.unwrap_or(0);
        if record.sequence <= at {
            return Ok(());
        }
        if record.sequence > at + 1 {
            return Err(ProjectionError::Gap { aggregate, at, given: record.sequence });
        }
        if let Some(event) = &record.event {
            self.0.apply(connection, aggregate, event).await?;
        }
        sqlx::query(&format!("UPDATE {} SET sequence = $2 WHERE {} = $1", F::TABLE, F::ID))
            .bind(aggregate)
            .bind(record.sequence)
            .execute(connection)
            .await?;
        Ok(())
    }

    async fn lock(
        &self,
        connection: &mut PgConnection,
        records: &[&EventRecord<E>],
    ) -> Result<(), sqlx::Error> {
        let ids: Vec<Uuid> = records.iter().map(|record| record.aggregate_id).collect();
        lock_rows(connection, F::TABLE, F::ID, &ids).await
    }

    fn waits_behind(&self, record: &EventRecord<E>) -> Option<Uuid> {
        Some(record.aggregate_id)
    }
}

/// Locks rows of a read model by their ids, in the order of the ids.
pub(super) async fn lock_rows(
    connection: &mut PgConnection,
    table: &str,
    id: &str,
    ids: &[Uuid],
) -> Result<(), sqlx::Error> {
    sqlx::query(&format!("SELECT FROM {table} WHERE {id} = ANY($1) ORDER BY {id} FOR UPDATE"))
        .bind(ids)
        .execute(connection)
        .await
        .map(drop)
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

/// Builds `exports`.
pub async fn run_exports(role: OltpRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    run_events::<ExportEventDecoders, _>(role, "exports", &EXPORT_EVENTS, exports::Exports, shutdown).await
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
    F: EventFold<D::Event>,
{
    follow_events::<D>(role, projection, topic, InSequence(fold), shutdown).await
}

/// Folds the events of a topic, in the order of each aggregate.
pub(crate) async fn follow_events<D>(
    role: OltpRole,
    projection: &'static str,
    topic: &Topic,
    fold: impl Fold<EventRecord<D::Event>>,
    shutdown: CancellationToken,
) -> Result<(), ProjectionError>
where
    D: EventDecoders,
    D::Event: Sync,
{
    let config = ReaderConfig {
        group: format!("qafila-projection-{projection}"),
        slot: role.slot.clone(),
        topics: vec![topic.name.into()],
        max_records: 500,
        max_bytes: 4 << 20,
        max_age: Duration::from_millis(2),
        fetch_min_bytes: 1,
        offsets: OffsetKeeper::Store(Arc::new(ProjectionOffsets::new(role.pool.clone(), projection))),
    };
    let decode = DecodeEvents(D::new(&role.contract.registry)?);
    let reader = Reader::start(&role.contract.kafka, &role.contract.registry, config, decode)?;
    let dead_letters = DeadLetters::new(role.contract.writer()?, projection);
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
            batch = reader.next() => batch?,
            () = shutdown.cancelled() => return Ok(()),
        };
        if let Err(error) = apply(pool, projection, &mut batch, &fold, &dead_letters).await {
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
    batch: &mut Batch<T>,
    fold: &impl Fold<T>,
    dead_letters: &DeadLetters,
) -> Result<(), ProjectionError> {
    let mut transaction = pool.begin().await?;
    if !offsets::advance(&mut transaction, projection, &batch.spans).await? {
        // A batch under way was committed after a rebalance had read its offsets. Dropping this one would skip what
        // it holds beyond them, so everything is read again from where they are now.
        transaction.rollback().await?;
        return Err(ProjectionError::Overtaken);
    }
    let records: Vec<&T> = batch.items.iter().map(|item| &item.value).collect();
    fold.lock(&mut transaction, &records).await?;
    for item in &mut batch.items {
        let entity = fold.waits_behind(&item.value).map(|entity| entity.to_string());
        if let (Some(entity), Some(record)) = (&entity, &item.record)
            && park::take(&mut transaction, projection, entity, item.placed, record).await?
        {
            continue;
        }
        let mut savepoint = transaction.begin().await?;
        match fold.fold(&mut savepoint, &item.value).await {
            Ok(()) => savepoint.commit().await?,
            Err(error) => {
                savepoint.rollback().await?;
                if let (Some(entity), Some(record), ProjectionError::Gap { .. }) =
                    (&entity, &item.record, &error)
                    && park::take_back(&mut transaction, projection, entity, item.placed, record).await?
                {
                    continue;
                }
                let letter = set_aside(item, error)?;
                if let Some(entity) = entity {
                    park::close(&mut transaction, projection, &entity, letter.cause.code).await?;
                }
                batch.bad.push(letter);
            }
        }
    }
    dead_letters.write(std::mem::take(&mut batch.bad)).await?;
    Ok(transaction.commit().await?)
}

/// The dead letter of a record that will never apply; the error back where trying again may help.
fn set_aside<T>(item: &mut Item<T>, error: ProjectionError) -> Result<DeadLetter, ProjectionError> {
    let code = match &error {
        ProjectionError::Gap { .. } => "out_of_sequence",
        error if error.is_data_error() => "unprojectable",
        _ => return Err(error),
    };
    let Some(record) = item.record.take() else { return Err(error) };
    tracing::warn!(event = "record set aside", topic = record.topic, offset = item.placed.offset, error = %error);
    let merchant = record.merchant().map(|id| id.to_string());
    let cause = Cause { code, detail: error.to_string(), path: None, merchant };
    Ok(record.into_dead_letter(item.placed, cause))
}
