//! Projections of aggregate events: an event is applied only if its sequence is the next one; repeats are dropped. One that comes before
//! another of its aggregate waits until that one comes.

use std::sync::Arc;
use std::time::Duration;

use qafila_schemas::catalogue::{EXPORT_EVENTS, MERCHANT_EVENTS, SYNC_JOB_EVENTS, Topic};
use qafila_schemas::dead_letter::DeadLetters;
use qafila_schemas::events::{
    DecodeEvents, EventDecoders, EventRecord, ExportEventDecoders, MerchantEventDecoders,
    SyncJobEventDecoders,
};
use qafila_schemas::reader::{OffsetKeeper, Reader, ReaderConfig};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::follow::{Fold, Turn, follow};
use super::offsets::ProjectionOffsets;
use super::{OltpRole, ProjectionError, exports, merchants, park, sync_jobs};

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

impl<F> InSequence<F> {
    /// The sequence that was applied last to the record's aggregate.
    async fn at<E: Send + Sync>(
        &self,
        connection: &mut PgConnection,
        record: &EventRecord<E>,
    ) -> Result<i64, sqlx::Error>
    where
        F: EventFold<E>,
    {
        let at: Option<i64> =
            sqlx::query_scalar(&format!("SELECT sequence FROM {} WHERE {} = $1", F::TABLE, F::ID))
                .bind(record.aggregate_id)
                .fetch_optional(connection)
                .await?;
        Ok(at.unwrap_or(0))
    }
}

impl<E: Send + Sync, F: EventFold<E>> Fold<EventRecord<E>> for InSequence<F> {
    async fn fold(
        &self,
        connection: &mut PgConnection,
        record: &EventRecord<E>,
    ) -> Result<(), ProjectionError> {
        let (aggregate, at) = (record.aggregate_id, self.at(&mut *connection, record).await?);
        match turn(at, record.sequence) {
            Turn::Repeat => return Ok(()),
            Turn::Later => return Err(ProjectionError::Gap { aggregate, at, given: record.sequence }),
            Turn::Next => {}
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

    async fn turn(
        &self,
        connection: &mut PgConnection,
        record: &EventRecord<E>,
    ) -> Result<Turn, sqlx::Error> {
        Ok(turn(self.at(connection, record).await?, record.sequence))
    }
}

fn turn(at: i64, sequence: i64) -> Turn {
    match sequence - at {
        ..=0 => Turn::Repeat,
        1 => Turn::Next,
        _ => Turn::Later,
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
    let healing = park::heal(role.pool.clone(), projection, role.contract.writer()?, shutdown.clone());
    let following = follow_events::<D>(role, projection, topic, InSequence(fold), shutdown);
    // Healing ends at the shutdown alone, and following may end for good: whoever started us is told.
    tokio::pin!(following);
    tokio::select! {
        followed = &mut following => followed,
        () = healing => following.await,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_event_behind_the_last_one_is_next() {
        let turns = [0, 1, 3, 4, 5, 6, 90].map(|sequence| turn(4, sequence));
        let (repeat, next, later) = (Turn::Repeat, Turn::Next, Turn::Later);
        assert_eq!(turns, [repeat, repeat, repeat, repeat, next, later, later]);
    }
}
