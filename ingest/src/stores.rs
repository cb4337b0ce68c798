//! The topic `qafila.stores`: of which store each connection is. A connection whose row has changed is stated again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use qafila_schemas::catalogue::STORES;
use qafila_schemas::codec::{CodecError, Encoder};
use qafila_schemas::contract::Contract;
use qafila_schemas::headers::CloudEvent;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;
use qafila_schemas::records::store::StoreOfConnection;
use qafila_schemas::registry::RegistryError;
use qafila_schemas::writer::{Outgoing, TopicWriter, WriteError};
use sqlx::{FromRow, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Connections stated together.
const PORTION: i64 = 500;
/// Salla's stores count their days in this zone (FACTS §5).
const ZONE: &str = "Asia/Riyadh";

/// What is stated, as one text: it changes where a connection is to be stated again.
const HASH: &str =
    "md5(row(store_id, store_name, store_domain, store_plan, store_currency, connected_at, wiped_at)::text)";

#[derive(Debug, thiserror::Error)]
enum StatementError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Encode(#[from] CodecError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

#[derive(FromRow)]
struct Connection {
    connection_id: Uuid,
    merchant_id: Uuid,
    store_id: i64,
    store_name: String,
    store_domain: Option<String>,
    store_plan: Option<String>,
    store_currency: Option<String>,
    connected_at: DateTime<Utc>,
    wiped_at: Option<DateTime<Utc>>,
    hash: String,
}

/// States connections until `shutdown`; `pool` is the ingest role's. Registers the schema.
pub async fn run(
    pool: PgPool,
    contract: Contract,
    writer: TopicWriter,
    shutdown: CancellationToken,
) -> Result<(), RegistryError> {
    let encoder = contract.encoder(&STORES).await?;
    let statements = Statements { pool, encoder, topic: contract.kafka.topic(STORES.name), writer };
    while !shutdown.is_cancelled() {
        match statements.state().await {
            Ok(stated) if stated == PORTION as usize => continue,
            Ok(_) => {}
            Err(error) => {
                metrics::counter!("qafila_store_statement_failures_total").increment(1);
                tracing::warn!(event = "failed to state stores", error = %error);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = shutdown.cancelled() => {}
        }
    }
    Ok(())
}

struct Statements {
    pool: PgPool,
    encoder: Encoder<StoreOfConnection>,
    topic: String,
    writer: TopicWriter,
}

impl Statements {
    /// States what has changed; says how many connections. They are locked until Kafka has them, so that no other process states
    /// an earlier row later.
    async fn state(&self) -> Result<usize, StatementError> {
        let mut transaction = self.pool.begin().await?;
        let changed: Vec<Connection> = sqlx::query_as(&format!(
            "SELECT connection_id, merchant_id, store_id, store_name, store_domain, store_plan, store_currency, connected_at,
                 wiped_at, {HASH} AS hash
             FROM salla_connections WHERE stated IS DISTINCT FROM {HASH} ORDER BY connected_at LIMIT $1
             FOR UPDATE SKIP LOCKED"
        ))
        .bind(PORTION)
        .fetch_all(&mut *transaction)
        .await?;
        if changed.is_empty() {
            return Ok(0);
        }
        let records: Vec<Outgoing> =
            changed.iter().map(|connection| self.record(connection)).collect::<Result<_, _>>()?;
        self.writer.write_all(records).await?;
        let (ids, hashes): (Vec<Uuid>, Vec<&str>) =
            changed.iter().map(|one| (one.connection_id, one.hash.as_str())).unzip();
        sqlx::query(
            "UPDATE salla_connections c SET stated = s.hash FROM unnest($1::uuid[], $2::text[]) AS s (id, hash)
             WHERE c.connection_id = s.id",
        )
        .bind(&ids)
        .bind(&hashes)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(changed.len())
    }

    fn record(&self, connection: &Connection) -> Result<Outgoing, CodecError> {
        let stated_at = Millis::now();
        let key = connection.connection_id.to_string();
        let store = StoreOfConnection {
            merchant_id: MerchantId(connection.merchant_id),
            connection_id: ConnectionId(connection.connection_id),
            store_id: connection.store_id,
            store_name: connection.store_name.clone(),
            store_domain: connection.store_domain.clone(),
            store_plan: connection.store_plan.clone(),
            currency: connection.store_currency.clone(),
            zone: ZONE.into(),
            current_since: connection.connected_at.into(),
            current_until: connection.wiped_at.map(Millis::from),
            stated_at,
        };
        let id = format!("{key}:store:{}", stated_at.0);
        let event = CloudEvent { id: &id, kind: STORES.records[0].full_name, subject: &key, time: stated_at };
        Ok(Outgoing {
            topic: self.topic.clone(),
            headers: event.headers(),
            value: Some(self.encoder.encode_to_vec(&store)?),
            key,
        })
    }
}
