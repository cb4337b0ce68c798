//! Read models in Postgres, each built from its topic, with its offsets in the same transaction or, for the
//! merge, in the Kafka transaction that publishes the facts.

pub mod carts;
pub mod completeness;
pub mod customers;
pub mod events;
pub mod exports;
pub(crate) mod follow;
pub mod merchants;
pub mod merge;
pub mod offsets;
pub mod orders;
pub mod park;
pub mod products;
pub mod reconciliations;
mod records;
pub mod scope;
pub mod stored;
pub mod sync_job_runs;
pub mod sync_jobs;

use std::time::Duration;

use qafila_schemas::contract::Contract;
use qafila_schemas::reader::ReadError;
use qafila_schemas::registry::RegistryError;
use qafila_schemas::writer::WriteError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A batch that takes longer hangs on something: it is begun anew. Longer than a statement may take.
pub(crate) const A_BATCH_TAKES: Duration = Duration::from_secs(90);

/// Why a projection stopped; it tries again unless it could not even start.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// Postgres.
    #[error("read models: {0}")]
    Database(#[from] sqlx::Error),
    /// Kafka, reading.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Kafka, writing.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Kafka, the transaction around facts and offsets.
    #[error("publishing facts: {0}")]
    Publish(#[from] KafkaError),
    /// The schema registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A record of ours does not fit its schema.
    #[error(transparent)]
    Codec(#[from] qafila_schemas::codec::CodecError),
    /// Rows of a batch were changed by somebody else, again and again.
    #[error("rows of a batch keep changing under the merge: another process merges the same partitions")]
    Contended,
    /// Rows of a list could not be made: a bug of ours.
    #[error("making the rows of a list: {0}")]
    Rows(String),
    /// The thread that publishes facts has panicked.
    #[error("the thread that publishes facts has ended")]
    PublisherEnded,
    /// The database vanished without a word, or is too slow for so much: it is tried again with less.
    #[error("a batch did not end within {A_BATCH_TAKES:?}")]
    TooSlow,
    /// The stored offsets are beyond the batch: it is read again from there.
    #[error("the stored offsets have moved past this batch")]
    Overtaken,
    /// An aggregate's next event is missing.
    #[error("{aggregate} is at sequence {at} and was given {given}: an event is missing")]
    Gap {
        /// Aggregate id.
        aggregate: Uuid,
        /// Sequence applied last.
        at: i64,
        /// Sequence that came.
        given: i64,
    },
}

impl ProjectionError {
    /// Whether it is the record that cannot be applied, and trying it again at once changes nothing.
    fn costs_its_record(&self) -> bool {
        matches!(self, Self::Gap { .. }) || self.is_data_error()
    }

    /// Whether Kafka took longer than a transaction may take: its coordinator then fences off the producer.
    fn is_too_slow(&self) -> bool {
        let Self::Publish(error) = self else { return false };
        matches!(
            error.rdkafka_error_code(),
            Some(
                RDKafkaErrorCode::OperationTimedOut
                    | RDKafkaErrorCode::MessageTimedOut
                    | RDKafkaErrorCode::RequestTimedOut
                    | RDKafkaErrorCode::InvalidProducerEpoch
                    | RDKafkaErrorCode::Fenced
                    | RDKafkaErrorCode::InvalidTransactionalState
            )
        )
    }

    /// Whether the database refuses a value (SQLSTATE class 22), or one that is too large for it (class 54), or holds a row that cannot be
    /// read, so that trying again changes nothing.
    pub(crate) fn is_data_error(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(refusal)) => {
                refusal.code().is_some_and(|code| code.starts_with("22") || code.starts_with("54"))
            }
            Self::Database(sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. }) => true,
            _ => false,
        }
    }
}

/// What the role needs.
#[derive(Clone)]
pub struct OltpRole {
    /// The projection role's pool.
    pub pool: PgPool,
    /// Kafka and registry.
    pub contract: Contract,
    /// Stable slot of this process.
    pub slot: String,
    /// How old a list Salla may serve; decides which of two observations wins.
    pub list_cache_window: Duration,
}

/// Runs all read models until `shutdown`.
pub async fn run(role: OltpRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    tokio::try_join!(
        merge::run(role.clone(), shutdown.clone()),
        merge::resolution::run(role.clone(), shutdown.clone()),
        events::run_merchants(role.clone(), shutdown.clone()),
        events::run_sync_jobs(role.clone(), shutdown.clone()),
        events::run_exports(role.clone(), shutdown.clone()),
        sync_jobs::run_progress(role.clone(), shutdown.clone()),
        completeness::run(role.clone(), shutdown.clone()),
        reconciliations::run(role, shutdown),
    )?;
    Ok(())
}
