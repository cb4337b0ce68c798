//! Running commands: load, decide, append, and again where another append was faster.
//!
//! This is our own loop over cqrs-es' public parts; its `execute` would run queries that a crash loses and
//! does not tell the sequence (TECHNIQUES §E.2).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::PersistedEventStore;
use cqrs_es::{Aggregate, AggregateError, EventStore};
use postgres_es::PostgresEventRepository;
use rand::Rng;
use sqlx::PgPool;

use crate::position::Position;
use crate::wake::Wake;

const MOST_ATTEMPTS: u32 = 12;

/// Why a command did not happen.
#[derive(Debug, thiserror::Error)]
pub enum CommandError<E: std::error::Error> {
    /// The aggregate refused: a rule, which the user can act on.
    #[error(transparent)]
    Refused(E),
    /// Others kept changing the same aggregate; nothing was done, try again.
    #[error("the same {aggregate_type} was changed by others {MOST_ATTEMPTS} times in a row")]
    Contended {
        /// Aggregate type.
        aggregate_type: &'static str,
    },
    /// The event store could not be used; whether an append happened is known by asking again.
    #[error("event store: {0}")]
    Store(String),
}

/// What a command did.
#[derive(Debug, Clone)]
pub struct Committed<E> {
    /// Where the stream stands now.
    pub position: Position,
    /// What was appended; empty where the command had already happened.
    pub events: Vec<E>,
}

/// Runs commands of one aggregate type. Clones share everything.
pub struct Commands<A: Aggregate> {
    store: Arc<PersistedEventStore<PostgresEventRepository, A>>,
    services: Arc<A::Services>,
    wake: Wake,
}

impl<A: Aggregate> Clone for Commands<A> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), services: Arc::clone(&self.services), wake: self.wake.clone() }
    }
}

impl<A> Commands<A>
where
    A: Aggregate,
    A::Command: Clone,
{
    /// Commands over the event store behind `pool`.
    pub fn new(pool: PgPool, services: A::Services, wake: Wake) -> Self {
        let repository = PostgresEventRepository::new(pool);
        Self {
            store: Arc::new(PersistedEventStore::new_event_store(repository)),
            services: Arc::new(services),
            wake,
        }
    }

    /// Runs one command against the aggregate `id`.
    pub async fn execute(
        &self,
        id: &str,
        command: A::Command,
    ) -> Result<Committed<A::Event>, CommandError<A::Error>> {
        for attempt in 0..MOST_ATTEMPTS {
            match self.attempt(id, command.clone()).await {
                Err(AggregateError::AggregateConflict) => pause(attempt).await,
                Err(AggregateError::UserError(refusal)) => return Err(CommandError::Refused(refusal)),
                Err(error) => return Err(CommandError::Store(error.to_string())),
                Ok(committed) => {
                    if !committed.events.is_empty() {
                        self.wake.after_commit();
                    }
                    return Ok(committed);
                }
            }
        }
        metrics::counter!("qafila_commands_contended_total", "aggregate" => A::TYPE).increment(1);
        Err(CommandError::Contended { aggregate_type: A::TYPE })
    }

    /// The aggregate as it stands, and its sequence.
    pub async fn load(&self, id: &str) -> Result<(A, i64), CommandError<A::Error>> {
        let context = self.store.load_aggregate(id).await.map_err(|e| CommandError::Store(e.to_string()))?;
        Ok((context.aggregate, i64::try_from(context.current_sequence).unwrap_or(i64::MAX)))
    }

    async fn attempt(
        &self,
        id: &str,
        command: A::Command,
    ) -> Result<Committed<A::Event>, AggregateError<A::Error>> {
        let mut context = self.store.load_aggregate(id).await?;
        let before = context.current_sequence;
        let sink = EventSink::default();
        context.aggregate.handle(command, &self.services, &sink).await.map_err(AggregateError::UserError)?;
        let events = sink.collect().await;
        let sequence = if events.is_empty() {
            before
        } else {
            let appended = self.store.commit(events.clone(), context, HashMap::new()).await?;
            appended.last().map_or(before, |envelope| envelope.sequence)
        };
        let position = Position {
            aggregate_type: A::TYPE.to_owned(),
            aggregate_id: id.to_owned(),
            sequence: i64::try_from(sequence).unwrap_or(i64::MAX),
        };
        Ok(Committed { position, events })
    }
}

async fn pause(attempt: u32) {
    metrics::counter!("qafila_command_conflicts_total").increment(1);
    let ceiling = 2_u64.pow(attempt.min(7));
    let millis = rand::rng().random_range(0..=ceiling);
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
