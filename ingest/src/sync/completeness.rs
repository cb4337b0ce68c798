//! What may be said about a store after a run: complete from here to there, per resource (`qafila.completeness`).

use chrono::{DateTime, Utc};
use qafila_schemas::catalogue::COMPLETENESS;
use qafila_schemas::codec::{CodecError, Encoder};
use qafila_schemas::contract::Contract;
use qafila_schemas::headers::CloudEvent;
use qafila_schemas::ids::ConnectionId;
use qafila_schemas::millis::Millis;
use qafila_schemas::records::sync::{Completeness, ResourceCompleteness};
use qafila_schemas::registry::RegistryError;
use qafila_schemas::writer::{Outgoing, TopicWriter, WriteError};
use sqlx::PgPool;

use super::plan;
use super::work::LeasedRun;
use crate::mapping::Owner;

/// Why nothing was stated, as far as we know.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The table.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The statement does not fit its schema.
    #[error(transparent)]
    Encode(#[from] CodecError),
    /// Kafka did not acknowledge.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// How far a resource is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complete {
    /// Resource.
    pub resource: &'static str,
    /// Nothing is missing from here on; none where it was read whole.
    pub from: Option<DateTime<Utc>>,
    /// Nothing is missing up to here.
    pub to: DateTime<Utc>,
}

/// States completeness: in its table first, then on `qafila.completeness`.
pub struct Statements {
    pool: PgPool,
    topic: String,
    encoder: Encoder<Completeness>,
    writer: TopicWriter,
}

impl Statements {
    /// The table is behind `pool`, the ingest role's. Registers the schema.
    pub async fn new(pool: PgPool, contract: &Contract, writer: TopicWriter) -> Result<Self, RegistryError> {
        let topic = contract.kafka.topic(COMPLETENESS.name);
        Ok(Self { pool, topic, encoder: contract.encoder(&COMPLETENESS).await?, writer })
    }

    /// Adds what is complete to what was before and states all; returns once Kafka has it. Repeating it says the same.
    pub async fn state(&self, owner: Owner, complete: &[Complete]) -> Result<(), StatementError> {
        let resources = self.extend(owner.connection_id, complete).await?;
        let stated_at = Millis::now();
        let statement = Completeness {
            merchant_id: owner.merchant_id,
            connection_id: owner.connection_id,
            store_id: owner.store_id,
            resources,
            stated_at,
        };
        let key = owner.merchant_id.to_string();
        let id = format!("{key}:completeness:{}", stated_at.0);
        let event =
            CloudEvent { id: &id, kind: COMPLETENESS.records[0].full_name, subject: &key, time: stated_at };
        let record = Outgoing {
            topic: self.topic.clone(),
            headers: event.headers(),
            value: Some(self.encoder.encode_to_vec(&statement)?),
            key,
        };
        self.writer.write_all(vec![record]).await?;
        Ok(())
    }

    /// Adds what a run has made complete to what was before, and returns all.
    async fn extend(
        &self,
        connection: ConnectionId,
        complete: &[Complete],
    ) -> Result<Vec<ResourceCompleteness>, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        for one in complete {
            sqlx::query(
                "INSERT INTO completeness AS known (connection_id, resource, complete_from, complete_to) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (connection_id, resource) DO UPDATE SET complete_from = least(known.complete_from, $3),
                     complete_to = greatest(known.complete_to, $4)",
            )
            .bind(connection.0)
            .bind(one.resource)
            .bind(one.from)
            .bind(one.to)
            .execute(&mut *transaction)
            .await?;
        }
        let all: Vec<(String, Option<DateTime<Utc>>, DateTime<Utc>)> = sqlx::query_as(
            "SELECT resource, complete_from, complete_to FROM completeness WHERE connection_id = $1 ORDER BY resource",
        )
        .bind(connection.0)
        .fetch_all(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(all
            .into_iter()
            .map(|(resource, from, to)| ResourceCompleteness {
                resource,
                complete_from: from.map(Millis::from),
                complete_to: Some(to.into()),
            })
            .collect())
    }
}

/// Orders are complete from the run's first day.
pub fn from_first_day(run: &LeasedRun) -> DateTime<Utc> {
    plan::midnight(run.from_day)
}
