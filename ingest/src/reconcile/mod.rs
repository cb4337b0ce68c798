//! Reconciliation (ARCHITECTURE §5): every night each store is compared with what is stored, and only differences are published; so
//! is whatever our endpoint missed while it was down.
//!
//! [`schedule`] says when a store has its night, [`work`] leases it, [`run`] carries one run to its end: [`orders`], then products
//! and customers in [`lists`], whose [`differences`] become observations. [`catch_up`] notices when our endpoint was down. [`asked`]
//! is a run that a person wants.

pub mod asked;
pub mod catch_up;
pub mod differences;
pub mod lists;
mod newest;
pub mod orders;
pub mod run;
pub mod schedule;
pub mod stored;
pub mod summary;
pub mod work;

use std::sync::Arc;
use std::time::Duration;

use qafila_aggregates::lease;
use qafila_schemas::catalogue::RECONCILIATION_RUNS;
use qafila_schemas::codec::Encoder;
use qafila_schemas::contract::Contract;
use qafila_schemas::envelope::OperatorKeys;
use qafila_schemas::records::reconciliation::ReconciliationRun;
use qafila_schemas::sealed::KeyStore;
use qafila_schemas::writer::TopicWriter;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::run::{RESOURCES, Run, window_of};
use self::schedule::NightSchedule;
use self::stored::ComparedView;
use self::summary::{Failure, back_off};
use self::work::{LEASE, Leased, MOST_TRIES, WorkStore};
use crate::observations::ObservationWriter;
use crate::refused_rows::RefusedRows;
use crate::role_error::RoleError;
use crate::salla::client::SallaApi;
use crate::sync::completeness::{StatementError, Statements};
use crate::sync::stored::StoredView;
use crate::sync::tolerance::Tolerance;

const LOOK: Duration = Duration::from_millis(500);
/// Stores that one process works on at once. Each mostly waits for its store's rate limit.
const AT_ONCE: usize = 50;
/// How often stores are looked for that are new on the schedule.
const ENROL_EVERY: u32 = 10;

/// What reconciliation needs.
pub struct Reconciliation {
    /// The ingest role's pool.
    pub pool: PgPool,
    /// Kafka and registry.
    pub contract: Contract,
    /// Salla.
    pub salla: Arc<SallaApi>,
    /// What is stored.
    pub stored: Arc<dyn StoredView>,
    /// How observations relate to it.
    pub compared: Arc<dyn ComparedView>,
    /// Keys of personal data.
    pub keys: Arc<dyn KeyStore>,
    /// The operator's keys, for rows that do not map.
    pub operator_keys: OperatorKeys,
    /// When nights begin.
    pub schedule: NightSchedule,
    /// Nights in which every order is looked at once.
    pub cycle_nights: u32,
    /// Rows that may fail to map.
    pub tolerance: Tolerance,
    /// Name of this process among others.
    pub worker: String,
}

/// What all runs of a process share.
pub struct Tools {
    pub(crate) work: WorkStore,
    pub(crate) salla: Arc<SallaApi>,
    pub(crate) stored: Arc<dyn StoredView>,
    pub(crate) compared: Arc<dyn ComparedView>,
    pub(crate) observations: ObservationWriter,
    pub(crate) refused: RefusedRows,
    pub(crate) statements: Statements,
    pub(crate) runs: Encoder<ReconciliationRun>,
    pub(crate) writer: TopicWriter,
    pub(crate) contract: Contract,
    pub(crate) cycle_nights: u32,
    pub(crate) tolerance: Tolerance,
}

impl Reconciliation {
    /// Registers schemas and opens a writer.
    pub async fn tools(self) -> Result<(Arc<Tools>, NightSchedule), RoleError> {
        let writer = self.contract.writer()?;
        let tools = Tools {
            work: WorkStore::new(self.pool.clone(), self.worker),
            salla: self.salla,
            stored: self.stored,
            compared: self.compared,
            observations: ObservationWriter::new(&self.contract, self.keys, writer.clone()).await?,
            refused: RefusedRows::new(&self.contract, self.operator_keys, writer.clone(), "reconciliation"),
            statements: Statements::new(self.pool, &self.contract, writer.clone()).await?,
            runs: self.contract.encoder(&RECONCILIATION_RUNS).await?,
            writer,
            contract: self.contract,
            cycle_nights: self.cycle_nights,
            tolerance: self.tolerance,
        };
        Ok((Arc::new(tools), self.schedule))
    }
}

/// Looks for stores that are due, until `shutdown`.
pub async fn keep(tools: Arc<Tools>, schedule: NightSchedule, pool: PgPool, shutdown: CancellationToken) {
    let mut runs: JoinSet<()> = JoinSet::new();
    for look in 0_u32.. {
        if shutdown.is_cancelled() {
            break;
        }
        while runs.try_join_next().is_some() {}
        let claimed = async {
            if look.is_multiple_of(ENROL_EVERY) {
                take_up_returned(&tools).await?;
                tools.work.enrol(&schedule).await?;
                catch_up::spread(&pool).await?;
            }
            if runs.len() < AT_ONCE { tools.work.lease().await } else { Ok(None) }
        };
        match claimed.await {
            Ok(Some(leased)) => {
                let night = Night { tools: Arc::clone(&tools), schedule: schedule.clone(), leased };
                let stop = shutdown.clone();
                runs.spawn(async move { night.run(stop).await });
                continue;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(event = "reconciliation not looked after", error = %error),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = shutdown.cancelled() => {}
        }
    }
    // Reads may be repeated: whoever starts next goes on.
    runs.shutdown().await;
}

/// A store that comes back begins with what was complete under its earlier connection.
async fn take_up_returned(tools: &Tools) -> Result<(), sqlx::Error> {
    for owner in tools.work.returned().await? {
        match tools.statements.state(owner, &[]).await {
            Ok(()) => {
                tracing::info!(event = "store came back", merchantId = %owner.merchant_id, storeId = owner.store_id);
            }
            Err(StatementError::Database(error)) => return Err(error),
            Err(error) => {
                tracing::warn!(event = "failed to state completeness of a store that came back", error = %error);
            }
        }
    }
    Ok(())
}

/// A store's run, under a lease.
struct Night {
    tools: Arc<Tools>,
    schedule: NightSchedule,
    leased: Leased,
}

impl Night {
    async fn run(self, stop: CancellationToken) {
        let run = Run::new(Arc::clone(&self.tools), &self.leased, None);
        let outcome = tokio::select! {
            outcome = self.work(&run) => outcome,
            () = self.hold() => return,
            () = stop.cancelled() => return,
        };
        let Err(failure) = outcome else { return };
        tracing::warn!(event = "reconciliation not ended", merchantId = %run.owner.merchant_id, error = %failure);
        if matches!(failure, Failure::Lost) {
            return;
        }
        // What was found cannot be told, so that nothing is concluded: later, at a pace of its own.
        let pause = back_off(self.leased.tries, self.tools.salla.config().minute);
        if let Err(error) = self.tools.work.try_again(&self.leased, pause).await {
            tracing::warn!(event = "lease not released", error = %error);
        }
    }

    /// Renews the lease until it is lost.
    async fn hold(&self) {
        lease::hold("reconciliation", LEASE, LEASE / 5, || self.tools.work.renew(&self.leased)).await;
    }

    async fn work(&self, run: &Run) -> Result<(), Failure> {
        let (tools, leased) = (&self.tools, &self.leased);
        let window = window_of(leased, tools.salla.config().list_cache_window);
        if !leased.is_connected {
            let ended = Failure::NotConnected;
            for resource in RESOURCES {
                run.stand_still(resource, ended.cause()).await?;
            }
            run.record("orders", window, &Err(ended)).await?;
            return tools.work.dismiss(leased).await.map_err(Failure::ours);
        }
        let (mut to_repeat, mut may_pass) = (false, false);
        for resource in RESOURCES {
            if leased.resources_done.iter().any(|done| done == resource) {
                continue;
            }
            let outcome = run.nightly(leased, resource).await;
            let is_last = leased.tries >= MOST_TRIES;
            match outcome {
                Ok(summary) => {
                    run.record(resource, window, &Ok(summary)).await?;
                    tools.work.resource_done(leased, resource).await.map_err(Failure::ours)?;
                }
                Err(Failure::Lost) => return Err(Failure::Lost),
                Err(failure) => {
                    tracing::warn!(event = "reconciliation interrupted", merchantId = %run.owner.merchant_id, resource,
                        tries = leased.tries, error = %failure);
                    if !is_last && failure.may_pass() {
                        to_repeat = true;
                        continue;
                    }
                    may_pass |= failure.may_pass();
                    run.stand_still(resource, failure.cause()).await?;
                    run.record(resource, window, &Err(failure)).await?;
                    tools.work.resource_done(leased, resource).await.map_err(Failure::ours)?;
                }
            }
        }
        if to_repeat {
            let pause = back_off(leased.tries, tools.salla.config().minute);
            return tools.work.try_again(leased, pause).await.map_err(Failure::ours);
        }
        let next = self.schedule.next(run.owner.store_id, run.salla_now().to_utc());
        // What only a person can mend is recorded, and what a night could not do either is left to the nights: catching up again and
        // again would mend nothing and use up everybody's calls.
        let caught_up = leased.is_night || !may_pass;
        tools
            .work
            .end(leased, next, caught_up, tools.salla.config().list_cache_window)
            .await
            .map_err(Failure::ours)
    }
}
