//! The history sync in two passes (ARCHITECTURE §5): lists by creation-date slices, then details and items of every order.
//!
//! [`feed`] turns requests from `qafila.sync-job.events` into work, [`work`] leases it, [`capacity`] says how many runs at a time, [`import`]
//! carries one run to its end.
//! Pass 1 is [`scan`] over [`slices`], which [`plan`] lays out; [`settle`] looks at what a scan and the source differ in, id by id, by the
//! rule of [`agreement`], and [`whole`] compares in the end; pass 2 is [`hydrate`], which reads each [order](crate::hydration::entity). Both write through [`intake`] and ask
//! [`stored`] what the read models have. [`progress`] tells how far a run is, [`completeness`] what may be said after it,
//! [`stop`] what becomes of one that stops, and [`withdrawal`] of those whose connection has ended.

pub mod agreement;
pub mod capacity;
pub mod completeness;
pub mod feed;
pub mod hydrate;
mod ignored_days;
pub mod import;
pub mod intake;
pub mod plan;
pub mod progress;
pub mod query;
pub mod scan;
mod settle;
pub mod slices;
pub mod stop;
pub mod stored;
pub mod tolerance;
pub mod whole;
mod withdrawal;
pub mod work;

use std::sync::Arc;
use std::time::Duration;

use qafila_aggregates::commands::Commands;
use qafila_aggregates::sync_job::SyncJob;
use qafila_schemas::catalogue;
use qafila_schemas::codec::Encoder;
use qafila_schemas::contract::Contract;
use qafila_schemas::envelope::OperatorKeys;
use qafila_schemas::records::sync::SyncProgress;
use qafila_schemas::sealed::KeyStore;
use qafila_schemas::writer::TopicWriter;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::drafts::Drafts;
use crate::observations::ObservationWriter;
use crate::refused_rows::RefusedRows;
use crate::role_error::RoleError;
use crate::salla::client::SallaApi;
use crate::stores;
use capacity::Capacity;
use completeness::Statements;
use hydrate::HydrationStore;
use import::Importer;
use slices::SliceStore;
pub use stop::Stop;
use stored::StoredView;
use tolerance::Tolerance;
use work::WorkStore;

const AFTER_A_FAILURE: Duration = Duration::from_secs(2);
const LOOK_FOR_WORK: Duration = Duration::from_millis(100);

/// What the sync role needs.
pub struct SyncRole {
    /// The ingest role's pool.
    pub pool: PgPool,
    /// Kafka and registry.
    pub contract: Contract,
    /// Commands to sync jobs.
    pub jobs: Commands<SyncJob>,
    /// Salla.
    pub salla: Arc<SallaApi>,
    /// What the read models have.
    pub stored: Arc<dyn StoredView>,
    /// The operator's keys.
    pub operator_keys: OperatorKeys,
    /// Keys of personal data.
    pub keys: Arc<dyn KeyStore>,
    /// How many rows may fail to map.
    pub tolerance: Tolerance,
    /// Stable slot of this process.
    pub slot: String,
}

/// What every run of this process shares.
pub struct Tools {
    /// Leases.
    pub work: WorkStore,
    /// Slices and page checkpoints.
    pub slices: SliceStore,
    /// How far pass 2 is.
    pub hydrations: HydrationStore,
    /// Which orders are drafts.
    pub drafts: Drafts,
    /// What was stated to be complete.
    pub completeness: Statements,
    /// Commands to sync jobs.
    pub jobs: Commands<SyncJob>,
    /// Salla.
    pub salla: Arc<SallaApi>,
    /// What the read models have.
    pub stored: Arc<dyn StoredView>,
    /// How many rows may fail to map.
    pub tolerance: Tolerance,
    /// Sets aside rows that do not map.
    pub refused: RefusedRows,
    /// Writes to Kafka.
    pub writer: TopicWriter,
    /// Writes observations.
    pub observations: ObservationWriter,
    /// Progress.
    pub progress: Encoder<SyncProgress>,
    /// Names of topics.
    pub contract: Contract,
}

/// Runs until `shutdown`: takes in requests and works on runs.
pub async fn run(role: SyncRole, shutdown: CancellationToken) -> Result<(), RoleError> {
    let slot = format!("{}/{}/", hostname(), role.slot);
    let worker = format!("{slot}{}", std::process::id());
    let writer = role.contract.writer()?;
    let tools = Arc::new(Tools {
        work: WorkStore::new(role.pool.clone(), worker),
        slices: SliceStore::new(role.pool.clone()),
        hydrations: HydrationStore::new(role.pool.clone()),
        drafts: Drafts::new(role.pool.clone()),
        completeness: Statements::new(role.pool.clone(), &role.contract, writer.clone()).await?,
        jobs: role.jobs,
        salla: role.salla,
        stored: role.stored,
        tolerance: role.tolerance,
        refused: RefusedRows::new(&role.contract, role.operator_keys, writer.clone(), "ingest"),
        observations: ObservationWriter::new(&role.contract, role.keys, writer.clone()).await?,
        writer,
        progress: role.contract.encoder(&catalogue::SYNC_PROGRESS).await?,
        contract: role.contract.clone(),
    });
    let stating =
        stores::run(role.pool.clone(), role.contract.clone(), tools.writer.clone(), shutdown.clone());
    let stating = async { Ok(stating.await?) };
    let feed = feed::run(role.pool, role.contract, tools.writer.clone(), role.slot, shutdown.clone());
    let work = async {
        if let Err(error) = tools.work.inherit(&slot).await {
            // They end by themselves in a moment.
            tracing::warn!(event = "leases of this slot not ended", error = %error);
        }
        tokio::join!(
            withdrawal::run(Arc::clone(&tools), shutdown.clone()),
            work_on_runs(Arc::clone(&tools), shutdown)
        );
        Ok(())
    };
    tokio::try_join!(feed, work, stating).map(drop)
}

async fn work_on_runs(tools: Arc<Tools>, shutdown: CancellationToken) {
    let (mut runs, capacity) = (JoinSet::new(), Capacity::default());
    while !shutdown.is_cancelled() {
        while runs.try_join_next().is_some() {}
        let place = capacity.place();
        let leased = if place.is_some() { tools.work.lease().await } else { Ok(None) };
        match (leased, place) {
            (Ok(Some(leased)), Some(place)) => {
                let importer = Importer::new(Arc::clone(&tools), leased, place, shutdown.child_token());
                runs.spawn(importer.run());
                continue;
            }
            (Ok(_), _) => {}
            (Err(error), _) => {
                tracing::warn!(event = "no lease", error = %error);
                tokio::time::sleep(AFTER_A_FAILURE).await;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_FOR_WORK) => {}
            () = shutdown.cancelled() => {}
        }
    }
    while runs.join_next().await.is_some() {}
}

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "host".into(), |name| name.trim().to_owned())
}
