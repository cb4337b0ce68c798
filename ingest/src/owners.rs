//! Whose a store is: whoever has a live connection to it.

use std::collections::{BTreeSet, HashMap};

use qafila_schemas::ids::{ConnectionId, MerchantId};
use sqlx::PgPool;

use crate::mapping::Owner;

/// In words of its own for each question, so that naming stores uses their index.
const LIVE: &str =
    "SELECT store_id, merchant_id, connection_id FROM salla_connections WHERE wiped_at IS NULL";
/// Of a store that has two live connections for a moment the later counts.
const LATER_WINS: &str = "ORDER BY connected_at";

type Row = (i64, uuid::Uuid, uuid::Uuid);

/// The owners of all connected stores, by store.
pub async fn all(pool: &PgPool) -> Result<HashMap<i64, Owner>, sqlx::Error> {
    let query = format!("{LIVE} {LATER_WINS}");
    let rows: Vec<Row> = sqlx::query_as(&query).fetch_all(pool).await?;
    Ok(rows.into_iter().map(owner).collect())
}

/// The owners of `stores`, by store; a store without one is left out.
pub async fn of(pool: &PgPool, stores: BTreeSet<i64>) -> Result<HashMap<i64, Owner>, sqlx::Error> {
    let query = format!("{LIVE} AND store_id = ANY($1) {LATER_WINS}");
    let stores: Vec<i64> = stores.into_iter().collect();
    let rows: Vec<Row> = sqlx::query_as(&query).bind(&stores).fetch_all(pool).await?;
    Ok(rows.into_iter().map(owner).collect())
}

fn owner((store_id, merchant, connection): Row) -> (i64, Owner) {
    let (merchant_id, connection_id) = (MerchantId(merchant), ConnectionId(connection));
    (store_id, Owner { merchant_id, connection_id, store_id })
}
