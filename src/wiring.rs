//! How parts are made from the configuration, for roles and for operator commands alike.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use qafila_ingest::access::{AccessTokens, RefreshTimes};
use qafila_ingest::keys::PostgresKeys;
use qafila_ingest::reconcile::Reconciliation;
use qafila_ingest::salla::budget::Budgets;
use qafila_ingest::salla::client::{SallaApi, http_client};
use qafila_schemas::contract::Contract;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::config::Config;
use crate::stored::ReadModels;

/// The role that writes read models: an import fills their tables within minutes, so a plan that was kept from when they were empty would read
/// them whole for each row.
const READ_MODELS: &str = "qafila_oltp";
const POOL: u32 = 12;
const ACQUIRE: Duration = Duration::from_secs(5);

/// A pool of one of the application's roles in Postgres.
pub fn pool(config: &Config, role: &str) -> Result<PgPool> {
    let options: PgConnectOptions = config.role_url(role).as_str().parse()?;
    // An open transaction holds back the relay's horizon for the whole cluster.
    let options = options
        .application_name(role)
        .options([("statement_timeout", "60s"), ("idle_in_transaction_session_timeout", "10s")])
        .options((role == READ_MODELS).then_some(("plan_cache_mode", "force_custom_plan")));
    Ok(PgPoolOptions::new().max_connections(POOL).acquire_timeout(ACQUIRE).connect_lazy_with(options))
}

/// Access to stores, and Salla's API with it; `pool` is the ingest role's.
pub fn salla(config: &Config, pool: &PgPool) -> Result<(AccessTokens, Arc<SallaApi>)> {
    let salla = Arc::new(config.salla.clone());
    let keys = config.operator_keys.clone();
    let access = AccessTokens::new(pool.clone(), keys, Arc::clone(&salla), RefreshTimes::default())?;
    let budgets = Budgets::new(pool.clone(), salla.minute, salla.customers_per_window);
    let api = SallaApi::new(http_client()?, salla, access.clone(), budgets);
    Ok((access, Arc::new(api)))
}

/// What is stored, as ingest asks for it.
pub fn read_models(config: &Config) -> Result<ReadModels> {
    let list_cache_window = config.salla.list_cache_window;
    Ok(ReadModels { pool: pool(config, "qafila_oltp")?, list_cache_window })
}

/// What compares stores with what is stored; `pool` is the ingest role's.
pub fn reconciliation(
    config: &Config,
    contract: &Contract,
    pool: &PgPool,
    salla: &Arc<SallaApi>,
    read_models: &Arc<ReadModels>,
    keys: Arc<PostgresKeys>,
) -> Reconciliation {
    Reconciliation {
        pool: pool.clone(),
        contract: contract.clone(),
        salla: Arc::clone(salla),
        stored: Arc::clone(read_models) as _,
        compared: Arc::clone(read_models) as _,
        keys,
        operator_keys: config.operator_keys.clone(),
        schedule: config.nights.clone(),
        cycle_nights: config.cycle_nights,
        tolerance: config.tolerance,
        worker: format!("{}/{}", config.slot, std::process::id()),
    }
}
