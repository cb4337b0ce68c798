//! Whose a store is: whoever has a live connection to it.

use std::collections::{BTreeSet, HashMap};

use sqlx::PgPool;

use crate::mapping::{Owner, OwnerRow};

/// In words of its own for each question, so that naming stores uses their index.
const LIVE: &str = "SELECT merchant_id, connection_id, store_id, store_currency FROM salla_connections WHERE wiped_at IS NULL";
/// Of a store that has two live connections for a moment the later counts.
const LATER_WINS: &str = "ORDER BY connected_at";

/// The owners of all connected stores, by store.
pub async fn all(pool: &PgPool) -> Result<HashMap<i64, Owner>, sqlx::Error> {
    let query = format!("{LIVE} {LATER_WINS}");
    let rows: Vec<OwnerRow> = sqlx::query_as(&query).fetch_all(pool).await?;
    Ok(rows.into_iter().map(owner).collect())
}

/// The owners of `stores`, by store; a store without one is left out.
pub async fn of(pool: &PgPool, stores: BTreeSet<i64>) -> Result<HashMap<i64, Owner>, sqlx::Error> {
    let query = format!("{LIVE} AND store_id = ANY($1) {LATER_WINS}");
    let stores: Vec<i64> = stores.into_iter().collect();
    let rows: Vec<OwnerRow> = sqlx::query_as(&query).bind(&stores).fetch_all(pool).await?;
    Ok(rows.into_iter().map(owner).collect())
}

fn owner(row: OwnerRow) -> (i64, Owner) {
    let owner = Owner::of_row(row);
    (owner.store_id, owner)
}
