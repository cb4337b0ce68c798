//! Whose a store is: whoever has a live connection to it.

use std::collections::{BTreeSet, HashMap};

use qafila_schemas::ids::{ConnectionId, MerchantId};
use sqlx::PgPool;

use crate::mapping::Owner;

/// The owners of all connected stores, by store.
pub async fn all(pool: &PgPool) -> Result<HashMap<i64, Owner>, sqlx::Error> {
    let rows: Vec<(i64, uuid::Uuid, uuid::Uuid)> = sqlx::query_as(
        "SELECT store_id, merchant_id, connection_id FROM salla_connections WHERE wiped_at IS NULL ORDER BY connected_at",
    )
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(owner).collect())
}

/// The owners of `stores`, by store; a store without one is left out.
pub async fn of(pool: &PgPool, stores: BTreeSet<i64>) -> Result<HashMap<i64, Owner>, sqlx::Error> {
    let stores: Vec<i64> = stores.into_iter().collect();
    let rows: Vec<(i64, uuid::Uuid, uuid::Uuid)> = sqlx::query_as(
        "SELECT store_id, merchant_id, connection_id FROM salla_connections
         WHERE store_id = ANY($1) AND wiped_at IS NULL ORDER BY connected_at",
    )
    .bind(&stores)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(owner).collect())
}

fn owner((store_id, merchant, connection): (i64, uuid::Uuid, uuid::Uuid)) -> (i64, Owner) {
    let (merchant_id, connection_id) = (MerchantId(merchant), ConnectionId(connection));
    (store_id, Owner { merchant_id, connection_id, store_id })
}
