//! Facts in ClickHouse, and the reports over them.

pub mod carts;
pub mod client;
pub mod customers;
pub mod customers_bought;
pub mod groups;
pub mod hours;
pub mod load;
pub mod orders;
pub mod pace;
pub mod products;
pub mod products_sold;
pub mod reports;
pub mod standing;

use qafila_schemas::contract::Contract;
use tokio_util::sync::CancellationToken;

use crate::oltp::ProjectionError;

/// A batch leaves when it has so many rows, or at its [age](pace).
pub const BATCH_ROWS: usize = 20_000;

/// What the role needs.
#[derive(Clone)]
pub struct OlapRole {
    /// ClickHouse.
    pub clickhouse: clickhouse::Client,
    /// Kafka and registry.
    pub contract: Contract,
    /// Stable slot of this process.
    pub slot: String,
}

/// Loads all fact topics until `shutdown`.
pub async fn run(role: OlapRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    tokio::try_join!(
        load::run::<orders::OrderRow>(role.clone(), shutdown.clone()),
        load::run::<customers::CustomerRow>(role.clone(), shutdown.clone()),
        load::run::<products::ProductRow>(role.clone(), shutdown.clone()),
        load::run::<carts::CartRow>(role, shutdown),
    )?;
    Ok(())
}
