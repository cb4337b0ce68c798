//! Exports: ClickHouse's facts as files. [`report`] says what is in them, [`file`] makes one, [`worker`] sees an export through
//! under its lease, [`store`] keeps the files, and this file runs the role.

mod arrival;
mod csv_file;
pub mod file;
pub mod filters;
pub mod links;
mod manifest;
mod ndjson_file;
mod output;
mod parquet_file;
mod personal;
pub mod report;
pub mod rows;
mod steps;
pub mod store;
pub mod work;
mod worker;
mod xlsx_file;

use std::sync::Arc;
use std::time::Duration;

use qafila_aggregates::commands::{CommandError, Commands};
use qafila_aggregates::export::{Export, ExportCommand};
use qafila_schemas::catalogue::EXPORT_EVENTS;
use qafila_schemas::dead_letter::DeadLetters;
use qafila_schemas::events::ExportEventDecoders;
use qafila_schemas::sealed::KeyStore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::file::Maker;
use self::store::{ExportStore, StoreError};
use self::work::{Feed, WorkStore};
pub use self::worker::{Limits, MOST_TRIES};
use crate::oltp::events::follow_events;
use crate::oltp::{OltpRole, ProjectionError};

const WORK: &str = "export_work";
/// How long work may wait for a free worker to look.
const GLANCE: Duration = Duration::from_millis(250);
const CLEAN_EVERY: Duration = Duration::from_secs(1);
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// No link works so long after a file was written, so what is older was left behind by a crash.
const LEFT_BEHIND: Duration = Duration::from_secs(48 * 3_600);

/// What the role needs.
#[derive(Clone)]
pub struct ExportRole {
    /// Postgres, Kafka and registry.
    pub oltp: OltpRole,
    /// Commands to exports.
    pub exports: Commands<Export>,
    /// Facts.
    pub clickhouse: clickhouse::Client,
    /// Keys of personal fields.
    pub keys: Arc<dyn KeyStore>,
    /// Where files go.
    pub store: ExportStore,
    /// What an export may take.
    pub limits: Limits,
}

/// Makes and removes files until `shutdown`.
pub async fn run(role: ExportRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    let worker_name = format!("{}/{}", role.oltp.slot, std::process::id());
    let work = WorkStore::new(role.oltp.pool.clone(), worker_name, role.limits.per_merchant);
    let kafka = role.oltp.contract.kafka.clone();
    let worker = worker::Worker {
        work: work.clone(),
        exports: role.exports.clone(),
        maker: Maker { clickhouse: role.clickhouse, keys: role.keys, store: role.store.clone() },
        dead_letters: DeadLetters::new(role.oltp.contract.writer()?, "export"),
        kafka,
        limits: role.limits,
    };
    let cleaner = Cleaner { work, exports: role.exports, store: role.store };
    let slot = role.oltp.slot.clone();
    let feeding =
        follow_events::<ExportEventDecoders>(role.oltp, WORK, &EXPORT_EVENTS, Feed, shutdown.clone());
    let working = async {
        take_work(worker, &slot, shutdown.clone()).await;
        Ok(())
    };
    let cleaning = async {
        cleaner.keep(shutdown.clone()).await;
        Ok(())
    };
    tokio::try_join!(feeding, working, cleaning).map(drop)
}

/// Takes work while there is room for it; at the end lets go of what is under way.
async fn take_work(worker: worker::Worker, slot: &str, shutdown: CancellationToken) {
    while let Err(error) = worker.work.inherit(slot).await {
        tracing::warn!(event = "exports of the process before not inherited", error = %error);
        if pause(GLANCE, &shutdown).await {
            return;
        }
    }
    let mut running = JoinSet::new();
    loop {
        while running.try_join_next().is_some() {}
        let leased = if running.len() < worker.limits.per_process {
            worker.work.lease().await.unwrap_or_else(|error| {
                tracing::warn!(event = "no export taken", error = %error);
                None
            })
        } else {
            None
        };
        match leased {
            Some(leased) => {
                let (worker, shutdown) = (worker.clone(), shutdown.clone());
                running.spawn(async move { worker.run(leased, shutdown).await });
            }
            None => {
                if pause(GLANCE, &shutdown).await {
                    break;
                }
            }
        }
    }
    while running.join_next().await.is_some() {}
}

/// Ends links whose time is over, and removes files that nobody may have any more.
struct Cleaner {
    work: WorkStore,
    exports: Commands<Export>,
    store: ExportStore,
}

impl Cleaner {
    async fn keep(&self, shutdown: CancellationToken) {
        let mut swept: Option<std::time::Instant> = None;
        loop {
            if let Err(error) = self.clean().await {
                tracing::warn!(event = "export files not removed", error = %error);
            }
            if swept.is_none_or(|at| at.elapsed() > SWEEP_EVERY) {
                swept = Some(std::time::Instant::now());
                if let Err(error) = self.sweep().await {
                    tracing::warn!(event = "old export files not removed", error = %error);
                }
            }
            if pause(CLEAN_EVERY, &shutdown).await {
                return;
            }
        }
    }

    async fn clean(&self) -> Result<(), CleanError> {
        for over in self.work.expired().await? {
            match self.exports.execute(&over.job().to_string(), ExportCommand::Expire).await {
                // A clock of ours is ahead of another: the next look will do.
                Ok(_) | Err(CommandError::Refused(_)) => {}
                Err(error) => return Err(CleanError::Command(error.to_string())),
            }
        }
        // Files that cannot be removed keep nobody else's.
        let mut failed = Ok(());
        for over in self.work.to_clean().await? {
            match self.store.remove(over.merchant(), over.job()).await {
                Ok(()) => self.work.cleaned(&over).await?,
                Err(error) => failed = Err(error.into()),
            }
        }
        failed
    }

    async fn sweep(&self) -> Result<(), CleanError> {
        self.store.remove_older(LEFT_BEHIND).await?;
        Ok(self.work.prune().await?)
    }
}

#[derive(Debug, thiserror::Error)]
enum CleanError {
    #[error("read models: {0}")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Command(String),
}

/// Waits; true where the process stops.
async fn pause(time: Duration, shutdown: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(time) => false,
        () = shutdown.cancelled() => true,
    }
}
