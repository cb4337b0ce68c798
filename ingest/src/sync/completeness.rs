//! What may be said about a store after a run: complete from here to there, per resource (`qafila.completeness`).

use chrono::{DateTime, Utc};
use qafila_schemas::catalogue::COMPLETENESS;
use qafila_schemas::headers::CloudEvent;
use qafila_schemas::ids::ConnectionId;
use qafila_schemas::millis::Millis;
use qafila_schemas::records::sync::{Completeness, ResourceCompleteness};
use qafila_schemas::writer::Outgoing;
use sqlx::PgPool;

use super::work::LeasedRun;
use super::{Stop, Tools, plan};

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

/// The table.
#[derive(Clone)]
pub struct CompletenessStore {
    pool: PgPool,
}

impl CompletenessStore {
    /// Completeness behind `pool`.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
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

/// States it on `qafila.completeness`; returns once Kafka has it. Repeating it says the same.
pub async fn state(tools: &Tools, run: &LeasedRun, complete: &[Complete]) -> Result<(), Stop> {
    let resources = tools.completeness.extend(run.connection_id, complete).await.map_err(Stop::ours)?;
    let stated_at = Millis::now();
    let statement = Completeness {
        merchant_id: run.merchant_id,
        connection_id: run.connection_id,
        store_id: run.store_id,
        resources,
        stated_at,
    };
    let key = run.merchant_id.to_string();
    let id = format!("{key}:completeness:{}", stated_at.0);
    let event =
        CloudEvent { id: &id, kind: COMPLETENESS.records[0].full_name, subject: &key, time: stated_at };
    let record = Outgoing {
        topic: tools.contract.kafka.topic(COMPLETENESS.name),
        headers: event.headers(),
        value: Some(tools.statements.encode_to_vec(&statement).map_err(Stop::ours)?),
        key,
    };
    tools.writer.write_all(vec![record]).await.map(drop).map_err(Stop::ours)
}
