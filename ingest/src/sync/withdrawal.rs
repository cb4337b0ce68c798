//! Runs of connections that have ended: whatever became of them, nobody can go on with them, so their jobs are cancelled. That a merchant
//! disconnected the store, or connected another, is no failure of an import.

use std::sync::Arc;
use std::time::Duration;

use qafila_aggregates::commands::CommandError;
use qafila_aggregates::sync_job::{SyncJobCommand, SyncJobError};
use qafila_schemas::ids::{JobId, RunId};
use tokio_util::sync::CancellationToken;

use super::{Stop, Tools};

const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Cancels jobs until `shutdown`.
pub(super) async fn run(tools: Arc<Tools>, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        if let Err(error) = withdraw_all(&tools).await {
            tracing::warn!(event = "failed to cancel imports of ended connections", error = %error);
        }
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// One that cannot be cancelled does not keep the others.
async fn withdraw_all(tools: &Tools) -> Result<(), Stop> {
    for (run, job) in tools.work.without_connection().await.map_err(Stop::ours)? {
        if let Err(error) = withdraw(tools, run, job).await {
            tracing::warn!(event = "failed to cancel the import of an ended connection", runId = %run, error = %error);
        }
    }
    Ok(())
}

/// Cancels the job of a run whose connection has ended.
async fn withdraw(tools: &Tools, run: RunId, job: JobId) -> Result<(), Stop> {
    let cancel = SyncJobCommand::Cancel { requested_by: None };
    match tools.jobs.execute(&job.to_string(), cancel).await {
        Ok(_) => {
            tracing::info!(event = "import of an ended connection cancelled", jobId = %job, runId = %run);
        }
        // It has completed meanwhile.
        Err(CommandError::Refused(SyncJobError::NotRunning)) => {}
        Err(error) => return Err(Stop::ours(error)),
    }
    tools.work.withdrawn(run).await.map_err(Stop::ours)
}
