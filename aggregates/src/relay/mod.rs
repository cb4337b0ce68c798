//! The relay: carries events from the event store to Kafka, in order, at least once (ARCHITECTURE §4).
//!
//! It reads only below `pg_snapshot_xmin`, in `(tx, position)` order, so nothing that commits late is ever
//! skipped; waits for Kafka's acknowledgement; then moves its cursor by compare-and-set. One relay is active,
//! under an advisory lock whose session ends when its holder freezes; the others stand by.

pub mod outbox;
pub mod publisher;

use std::time::Duration;

use qafila_schemas::contract::Contract;
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use outbox::{Outbox, OutboxError, StoredEvent};
use publisher::{PublishError, Publisher};

const STANDBY: Duration = Duration::from_secs(1);
/// While behind the horizon, which passes after the notification.
const BEHIND: Duration = Duration::from_millis(5);
/// Also the ping that keeps the session of the lock alive.
const IDLE: Duration = Duration::from_secs(1);
const BATCH: i64 = 500;
/// Longer than the store may take for a statement and the session may be idle.
const ANSWERS_WITHIN: Duration = Duration::from_secs(75);

/// Why the relay stopped for now; it tries again.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The event store.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Kafka or a schema.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A database that vanished without a word is connected to anew.
    #[error("the event store did not answer within {ANSWERS_WITHIN:?}")]
    Silent,
}

/// Runs until `shutdown`: active while it holds the lock, else standing by.
/// `wake_ups` are those of [`EVENTS`](crate::wake::EVENTS).
pub async fn run(
    pool: PgPool,
    contract: Contract,
    mut wake_ups: mpsc::Receiver<String>,
    shutdown: CancellationToken,
) {
    while !shutdown.is_cancelled() {
        match active(&pool, &contract, &mut wake_ups, &shutdown).await {
            Ok(()) => {}
            Err(error) => {
                metrics::counter!("qafila_relay_failures_total").increment(1);
                tracing::warn!(event = "relay interrupted", error = %error);
            }
        }
        metrics::gauge!("qafila_relay_active").set(0.0);
        tokio::select! {
            () = tokio::time::sleep(STANDBY) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// Publishes events once more that were published before, from position `first` on, and says how many; `is_dry` only counts them. For a Kafka
/// that lost its tail: consumers drop what they have, by `ce_id` and sequence.
pub async fn republish(
    pool: &PgPool,
    contract: &Contract,
    first: i64,
    is_dry: bool,
    mut progress: impl FnMut(&StoredEvent, u64),
) -> Result<u64, RelayError> {
    let publisher = if is_dry { None } else { Some(Publisher::start(contract).await?) };
    let (mut count, mut last) = (0, None);
    loop {
        let events = outbox::published(pool, first, last.as_ref(), BATCH).await?;
        let Some(event) = events.last() else { return Ok(count) };
        if let Some(publisher) = &publisher {
            publisher.publish(&events).await?;
        }
        count += events.len() as u64;
        progress(event, count);
        last = events.into_iter().next_back();
    }
}

/// Takes the lock and relays until it is lost; returns at once where another relay holds it. The producer
/// lives no longer than the lock.
async fn active(
    pool: &PgPool,
    contract: &Contract,
    wake_ups: &mut mpsc::Receiver<String>,
    shutdown: &CancellationToken,
) -> Result<(), RelayError> {
    let Some(mut outbox) = Outbox::take_lock(pool).await? else { return Ok(()) };
    let publisher = Publisher::start(contract).await?;
    tracing::info!(event = "relay active");
    metrics::gauge!("qafila_relay_active").set(1.0);
    while !shutdown.is_cancelled() {
        let events = answered(outbox.next(BATCH)).await?;
        if !events.is_empty() {
            publish(&publisher, &mut outbox, &events).await?;
            answered(outbox.advance(&events)).await?;
            metrics::counter!("qafila_relay_events_total").increment(events.len() as u64);
            continue;
        }
        let pause = if answered(outbox.is_behind()).await? { BEHIND } else { IDLE };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            Some(_) = wake_ups.recv() => {}
            () = shutdown.cancelled() => {}
        }
    }
    Ok(())
}

/// Publishes, and keeps the session of the lock alive meanwhile: Kafka may take longer than the session may be idle. Once the
/// lock is lost this ends at once, and with it the producer and what it still holds.
async fn publish(
    publisher: &Publisher,
    outbox: &mut Outbox,
    events: &[StoredEvent],
) -> Result<(), RelayError> {
    let publishing = publisher.publish(events);
    tokio::pin!(publishing);
    loop {
        match tokio::time::timeout(IDLE, &mut publishing).await {
            Ok(published) => return Ok(published?),
            Err(_) => answered(outbox.ping()).await?,
        }
    }
}

/// What the event store answers in time. Its own limit of a statement ends with the server, or with the network.
async fn answered<T>(call: impl Future<Output = Result<T, OutboxError>>) -> Result<T, RelayError> {
    match tokio::time::timeout(ANSWERS_WITHIN, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(RelayError::Silent),
    }
}
