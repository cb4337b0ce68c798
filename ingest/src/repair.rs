//! Repairs (ARCHITECTURE §5): observations that ask. Only the merge publishes facts, so a repair asks it to publish a row again, or has an
//! entity fetched; it never writes a fact itself.

use std::sync::Arc;

use qafila_schemas::ids::MerchantId;
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Entity, Kind, Source};
use sqlx::PgPool;

use crate::mapping::{Owner, OwnerRow, Unsealed};
use crate::observations::{ObservationError, ObservationWriter};

/// Observations written together.
const PORTION: usize = 1_000;

/// Why nothing was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The database.
    #[error("connections: {0}")]
    Database(#[from] sqlx::Error),
    /// The merchant never had the store.
    #[error("merchant {0} has never connected this store")]
    NeverConnected(MerchantId),
    /// Kafka, or keys.
    #[error(transparent)]
    Observations(#[from] ObservationError),
}

/// Whose rows are repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Of {
    /// Merchant.
    pub merchant: MerchantId,
    /// Salla's id of the store; none where only the merchant is known, whose present store it is then.
    pub store: Option<i64>,
}

/// Asks for repairs.
pub struct Repairs {
    pool: PgPool,
    observations: Arc<ObservationWriter>,
}

impl Repairs {
    /// Connections are behind `pool`, the ingest role's.
    pub fn new(pool: PgPool, observations: Arc<ObservationWriter>) -> Self {
        Self { pool, observations }
    }

    /// Asks the merge to publish rows as they are; returns once Kafka has the request.
    pub async fn publish(&self, of: Of, entity: &Entity, ids: &[i64]) -> Result<(), RepairError> {
        self.ask(of, entity, Kind::Publish, ids).await
    }

    /// Has entities fetched: they are marked stale, and hydration reads them. A cart cannot be fetched.
    pub async fn fetch(&self, of: Of, entity: &Entity, ids: &[i64]) -> Result<(), RepairError> {
        self.ask(of, entity, Kind::Stale, ids).await
    }

    async fn ask(&self, of: Of, entity: &Entity, kind: Kind, ids: &[i64]) -> Result<(), RepairError> {
        let (owner, merchant) = (self.owner(of).await?, of.merchant);
        let provenance = owner.provenance(Source::Repair, Millis::now());
        for portion in ids.chunks(PORTION) {
            let asked =
                portion.iter().map(|id| Unsealed::of_kind(&provenance, entity.clone(), *id, kind.clone()));
            self.observations.write(merchant, asked.collect()).await?;
        }
        Ok(())
    }

    /// The connection of the rows' store, or the last one it had.
    async fn owner(&self, Of { merchant, store }: Of) -> Result<Owner, RepairError> {
        let row: Option<OwnerRow> = sqlx::query_as(
            "SELECT merchant_id, connection_id, store_id, store_currency FROM salla_connections
             WHERE merchant_id = $1 AND ($2::bigint IS NULL OR store_id = $2)
             ORDER BY wiped_at IS NULL DESC, connected_at DESC LIMIT 1",
        )
        .bind(merchant.0)
        .bind(store)
        .fetch_optional(&self.pool)
        .await?;
        row.map(Owner::of_row).ok_or(RepairError::NeverConnected(merchant))
    }
}
