//! What may be said about a store after a run: complete from here to there, per resource (`qafila.completeness`).

use chrono::{DateTime, Utc};
use qafila_schemas::catalogue::COMPLETENESS;
use qafila_schemas::codec::{CodecError, Encoder};
use qafila_schemas::contract::Contract;
use qafila_schemas::headers::{self, CloudEvent};
use qafila_schemas::ids::ConnectionId;
use qafila_schemas::millis::Millis;
use qafila_schemas::records::sync::{Completeness, ResourceCompleteness};
use qafila_schemas::registry::RegistryError;
use qafila_schemas::writer::{Outgoing, TopicWriter, WriteError};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::plan;
use super::work::LeasedRun;
use crate::mapping::Owner;

/// Completeness stands still because rows could not be read; they are tried again.
pub const ROWS_UNREAD: &str = "rows_unread";
/// It stands still because the read models are behind, or a run was interrupted.
pub const NOT_STORED_YET: &str = "not_stored_yet";
/// It stands still because some of the store's subscriptions are missing, or nobody could look at them for more than a day.
pub const WEBHOOKS_FAILING: &str = "webhooks_failing";
/// It stands still because changes of some time were neither delivered nor read: the next reconciliation reads them.
pub const CHANGES_UNREAD: &str = "changes_unread";
/// It stands still because rows of which there was news could not be read yet.
pub const NEWS_UNREAD: &str = "news_unread";

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
    /// What was read.
    pub read: Read,
    /// Nothing of that is missing up to here.
    pub to: DateTime<Utc>,
    /// Causes for which it stood still that this ends; all where there are none.
    pub takes_back: Option<&'static [&'static str]>,
}

/// What was read of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// All of it.
    Whole,
    /// What was made since then.
    Since(DateTime<Utc>),
    /// What has changed since then.
    ChangesSince(DateTime<Utc>),
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
        let mut transaction = self.pool.begin().await?;
        if !begin(&mut transaction, owner).await? {
            return Ok(());
        }
        inherit(&mut transaction, owner).await?;
        for one in complete {
            extend(&mut transaction, owner.connection_id, one).await?;
        }
        self.publish(&mut transaction, owner).await?;
        Ok(transaction.commit().await?)
    }

    /// States why a resource is not complete any further than it was; nothing where nothing was complete yet, or where another cause than those
    /// it `takes_back` was stated.
    pub async fn stand_still(
        &self,
        owner: Owner,
        resource: &str,
        cause: &str,
        takes_back: Option<&[&str]>,
    ) -> Result<(), StatementError> {
        let mut transaction = self.pool.begin().await?;
        let stands = sqlx::query(
            "UPDATE completeness SET cause = $3 WHERE connection_id = $1 AND resource = $2 AND cause IS DISTINCT FROM $3
               AND ($4::text[] IS NULL OR cause IS NULL OR cause = ANY($4))",
        )
        .bind(owner.connection_id.0)
        .bind(resource)
        .bind(cause)
        .bind(takes_back);
        if !begin(&mut transaction, owner).await? {
            return Ok(());
        }
        if stands.execute(&mut *transaction).await?.rows_affected() > 0 {
            self.publish(&mut transaction, owner).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Writes all that is known of a connection, and a tombstone for each that it has followed. Within the transaction, whose lock makes
    /// the last record the last state.
    async fn publish(&self, connection: &mut PgConnection, owner: Owner) -> Result<(), StatementError> {
        let resources = all(&mut *connection, owner.connection_id).await?;
        let followed = followed(&mut *connection, owner).await?;
        // Of one clock for all processes: the read model keeps what was stated last.
        let now: DateTime<Utc> =
            sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut *connection).await?;
        let stated_at = Millis::from(now);
        let statement = Completeness {
            merchant_id: owner.merchant_id,
            connection_id: owner.connection_id,
            store_id: owner.store_id,
            resources,
            stated_at,
        };
        let value = self.encoder.encode_to_vec(&statement)?;
        let mut records = vec![self.record(owner.connection_id, Some(value), stated_at)];
        records.extend(followed.iter().map(|connection| self.record(*connection, None, stated_at)));
        self.writer.write_all(records).await?;
        Ok(forget(connection, &followed).await?)
    }

    fn record(&self, connection: ConnectionId, value: Option<Vec<u8>>, stated_at: Millis) -> Outgoing {
        let key = connection.to_string();
        let id = format!("{key}:completeness:{}", stated_at.0);
        let event =
            CloudEvent { id: &id, kind: COMPLETENESS.records[0].full_name, subject: &key, time: stated_at };
        let headers = match value {
            Some(_) => event.headers(),
            None => headers::with(event.headers(), headers::DELETED, "true"),
        };
        Outgoing { topic: self.topic.clone(), headers, value, key }
    }
}

/// Takes the store's turn to state; false where another connection of the store has followed this one, which states nothing any more.
async fn begin(connection: &mut PgConnection, owner: Owner) -> Result<bool, sqlx::Error> {
    // The turn lasts until Kafka has answered, within its 30 s: whoever comes next must not be overtaken by an older state.
    sqlx::query("SET LOCAL idle_in_transaction_session_timeout = '60s'").execute(&mut *connection).await?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('completeness:' || $1::text, $2))")
        .bind(owner.merchant_id.0.to_string())
        .bind(owner.store_id)
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT FROM salla_connections c JOIN salla_connections later USING (merchant_id, store_id)
         WHERE c.connection_id = $1 AND c.wiped_at IS NOT NULL AND later.connected_at > c.connected_at)",
    )
    .bind(owner.connection_id.0)
    .fetch_one(connection)
    .await
}

async fn all(
    connection: &mut PgConnection,
    of: ConnectionId,
) -> Result<Vec<ResourceCompleteness>, sqlx::Error> {
    let all: Vec<(String, Option<DateTime<Utc>>, DateTime<Utc>, Option<String>)> = sqlx::query_as(
        "SELECT resource, complete_from, complete_to, cause FROM completeness WHERE connection_id = $1 ORDER BY resource",
    )
    .bind(of.0)
    .fetch_all(connection)
    .await?;
    let resource = |(resource, from, to, cause): (_, Option<DateTime<Utc>>, DateTime<Utc>, _)| {
        let (complete_from, complete_to) = (from.map(Millis::from), Some(to.into()));
        ResourceCompleteness { resource, complete_from, complete_to, cause }
    };
    Ok(all.into_iter().map(resource).collect())
}

/// Connections of the same store before this one, of which something is still stated.
async fn followed(connection: &mut PgConnection, owner: Owner) -> Result<Vec<ConnectionId>, sqlx::Error> {
    let followed: Vec<Uuid> = sqlx::query_scalar(&format!("SELECT DISTINCT k.connection_id {BEFORE}"))
        .bind(owner.connection_id.0)
        .bind(owner.merchant_id.0)
        .bind(owner.store_id)
        .fetch_all(connection)
        .await?;
    Ok(followed.into_iter().map(ConnectionId).collect())
}

async fn forget(connection: &mut PgConnection, followed: &[ConnectionId]) -> Result<(), sqlx::Error> {
    let followed: Vec<Uuid> = followed.iter().map(|connection| connection.0).collect();
    let forgetting = sqlx::query("DELETE FROM completeness WHERE connection_id = ANY($1)").bind(followed);
    forgetting.execute(connection).await.map(drop)
}

/// What was stated of the same store's connections that have ended; `$1` is the present one, `$2` the merchant, `$3` the store.
const BEFORE: &str = "FROM completeness k JOIN salla_connections c USING (connection_id)
    WHERE c.merchant_id = $2 AND c.store_id = $3 AND c.connection_id <> $1 AND c.wiped_at IS NOT NULL";

/// A new connection of a store begins with what was complete under the one before it.
async fn inherit(connection: &mut PgConnection, owner: Owner) -> Result<(), sqlx::Error> {
    sqlx::query(&format!(
        "INSERT INTO completeness (connection_id, resource, complete_from, complete_to, cause)
         SELECT DISTINCT ON (k.resource) $1, k.resource, k.complete_from, k.complete_to, k.cause {BEFORE}
         ORDER BY k.resource, k.complete_to DESC ON CONFLICT DO NOTHING"
    ))
    .bind(owner.connection_id.0)
    .bind(owner.merchant_id.0)
    .bind(owner.store_id)
    .execute(connection)
    .await
    .map(drop)
}

/// Adds what was read to what is known of a resource, which moves again.
async fn extend(
    connection: &mut PgConnection,
    of: ConnectionId,
    complete: &Complete,
) -> Result<(), sqlx::Error> {
    let known: Option<(Option<DateTime<Utc>>, DateTime<Utc>, Option<String>)> = sqlx::query_as(
        "SELECT complete_from, complete_to, cause FROM completeness WHERE connection_id = $1 AND resource = $2 FOR UPDATE",
    )
    .bind(of.0)
    .bind(complete.resource)
    .fetch_optional(&mut *connection)
    .await?;
    if let (Some((_, _, Some(cause))), Some(takes_back)) = (&known, complete.takes_back)
        && !takes_back.contains(&cause.as_str())
    {
        // Said meanwhile by others, who know when it is over.
        return Ok(());
    }
    let (from, to) = match (known.map(|(from, to, _)| (from, to)), complete.read) {
        (Some(known), read) => extended(known, read, complete.to),
        (None, Read::Whole) => (None, complete.to),
        (None, Read::Since(since)) => (Some(since), complete.to),
        // Of what was there before nothing is known.
        (None, Read::ChangesSince(_)) => return Ok(()),
    };
    sqlx::query(
        "INSERT INTO completeness (connection_id, resource, complete_from, complete_to) VALUES ($1, $2, $3, $4)
         ON CONFLICT (connection_id, resource) DO UPDATE SET complete_from = $3, complete_to = $4,
             cause = CASE WHEN completeness.complete_to = $4 THEN completeness.cause END",
    )
    .bind(of.0)
    .bind(complete.resource)
    .bind(from)
    .bind(to)
    .execute(connection)
    .await
    .map(drop)
}

type Span = (Option<DateTime<Utc>>, DateTime<Utc>);

/// What is known after reading more, up to `until`. Two spans that do not touch leave a gap that nobody has read: then the later
/// one stands where it is longer, else the one before it, and nothing is claimed of the other.
fn extended((from, to): Span, read: Read, until: DateTime<Utc>) -> Span {
    match (read, from) {
        (Read::Whole, _) => (None, until.max(to)),
        (Read::ChangesSince(since), _) => (from, if since <= to { until.max(to) } else { to }),
        (Read::Since(since), None) => (None, if since <= to { until.max(to) } else { to }),
        (Read::Since(since), Some(first)) => {
            let (touch, is_later) = (since <= to && until >= first, since > to);
            if touch && since > first {
                // Of what was made before `since`, and has changed after `to`, nothing was read.
                (Some(first), to)
            } else if touch {
                (Some(since), until.max(to))
            } else if is_later && until - since > to - first {
                (Some(since), until)
            } else {
                (from, to)
            }
        }
    }
}

/// Orders are complete from the run's first day.
pub fn from_first_day(run: &LeasedRun) -> DateTime<Utc> {
    plan::midnight(run.from_day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("a time")
    }

    #[test]
    fn a_gap_that_nobody_has_read_is_never_claimed() {
        let year = (Some(at(0)), at(365));
        assert_eq!(
            extended(year, Read::Since(at(300)), at(400)),
            year,
            "changes of the months before are unread"
        );
        assert_eq!(extended(year, Read::Since(at(0)), at(400)), (Some(at(0)), at(400)));
        assert_eq!(extended(year, Read::Since(at(390)), at(400)), year, "ten days after a gap");
        assert_eq!(
            extended(year, Read::Since(at(500)), at(900)),
            (Some(at(500)), at(900)),
            "more than before"
        );
        assert_eq!(extended(year, Read::ChangesSince(at(365)), at(400)), (Some(at(0)), at(400)));
        assert_eq!(extended(year, Read::ChangesSince(at(366)), at(400)), year, "changes of a day are unread");
        assert_eq!(extended(year, Read::Whole, at(400)), (None, at(400)));
        assert_eq!(extended((None, at(365)), Read::Since(at(390)), at(400)), (None, at(365)));
    }

    proptest! {
        #[test]
        fn what_is_claimed_was_read(from in 0_i64..100, length in 0_i64..100, since in 0_i64..300, more in 0_i64..100) {
            let (known, read) = ((at(from), at(from + length)), (at(since), at(since + more)));
            let (claimed, to) = extended((Some(known.0), known.1), Read::Since(read.0), read.1);
            let claimed = claimed.expect("it began somewhere");
            for day in claimed.timestamp()..=to.timestamp() {
                let was_read = |span: (DateTime<Utc>, DateTime<Utc>)| span.0 <= at(day) && at(day) <= span.1;
                prop_assert!(was_read(known) || was_read(read), "day {day}");
            }
        }
    }
}
