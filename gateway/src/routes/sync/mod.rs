//! `/api/v1/sync/…`: starting an import, stopping it, and letting it go on.

pub mod estimate;
pub mod runs;
pub mod status;

use std::sync::Arc;

use chrono::Utc;
use http::StatusCode;
use qafila_aggregates::commands::CommandError;
use qafila_aggregates::sync_job::{StartRun, SyncJobCommand, SyncJobError, job_id};
use qafila_ingest::salla::shapes::values::riyadh;
use qafila_projections::oltp::sync_jobs;
use qafila_schemas::ids::{MerchantId, RunId, UserId};
use qafila_schemas::words::rule::Rule;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Answer;
use crate::app::App;
use crate::call::{Call, json};
use crate::problem::{Code, Problem};
use crate::values::DepthInMonths;

/// How far back to import.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartImportBody {
    #[schema(value_type = DepthInMonths)]
    depth_in_months: i32,
}

/// The import that was accepted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportAcceptedBody {
    #[schema(format = Uuid)]
    pub(super) job_id: String,
    #[schema(format = Uuid)]
    run_id: String,
    /// Wait for it with `Prefer: wait`.
    pub(super) position: String,
}

/// Starts a run; after an end state a new one.
#[utoipa::path(post, operation_id = "startImport", path = "/api/v1/sync/initial", tag = "sync", security(("bearer" = [])), request_body = StartImportBody, responses(
    (status = 202, body = ImportAcceptedBody)))]
pub async fn initial(app: Arc<App>, call: Call) -> Answer {
    let identity = app.identify_for_command(&call).await?;
    let body: StartImportBody = call.json()?;
    if !matches!(body.depth_in_months, 12 | 24) {
        return Err(Problem::invalid_field("/depthInMonths", Rule::one_of(&["12", "24"])));
    }
    let accepted = start(&app, identity.merchant_id, body.depth_in_months, Some(identity.user_id)).await?;
    tracing::info!(event = "sync requested", merchantId = %identity.merchant_id, jobId = accepted.job_id, runId = accepted.run_id);
    Ok(json(StatusCode::ACCEPTED, &accepted))
}

/// Starts a run for `merchant`, asked for by a user or, with `None`, by a service.
pub(super) async fn start(
    app: &App,
    merchant: MerchantId,
    depth_in_months: i32,
    requested_by: Option<UserId>,
) -> Result<ImportAcceptedBody, Problem> {
    if !app.health.is_up("kafka") {
        return Err(Problem::unavailable("kafka", &"an import needs Kafka"));
    }
    let known = app.merchants.load(&merchant.to_string()).await;
    let (known, sequence) = known.map_err(|e| Problem::unavailable("event store", &e))?;
    if sequence == 0 {
        return Err(unknown_merchant());
    }
    let connection = known.connection().ok_or_else(not_connected)?;
    let job = job_id(connection.connection_id);
    let run_id = RunId::generate();
    let start = StartRun {
        merchant_id: merchant,
        connection_id: connection.connection_id,
        store_id: connection.store_id,
        run_id,
        depth_in_months,
        today: Utc::now().with_timezone(&riyadh()).date_naive(),
        requested_by,
    };
    let committed =
        app.sync_jobs.execute(&job.to_string(), SyncJobCommand::Start(start)).await.map_err(refused)?;
    Ok(ImportAcceptedBody {
        job_id: job.to_string(),
        run_id: run_id.to_string(),
        position: committed.position.to_string(),
    })
}

/// 412.
pub(super) fn not_connected() -> Problem {
    Problem::new(Code::NotConnected)
}

/// 404.
pub(super) fn unknown_merchant() -> Problem {
    Problem::new(Code::UnknownMerchant)
}

/// Resumes an import that has failed or waits, where it stopped.
#[utoipa::path(post, operation_id = "resumeImport", path = "/api/v1/sync/restart", tag = "sync", security(("bearer" = [])), responses(
    (status = 202, body = ImportAcceptedBody)))]
pub async fn restart(app: Arc<App>, call: Call) -> Answer {
    tell(&app, &call, "sync resumed", |requested_by| SyncJobCommand::Restart { requested_by }).await
}

/// Stops an import; what it has read stays.
///
/// One of a store that was disconnected is stopped by itself, and asking for it is no error.
#[utoipa::path(post, operation_id = "cancelImport", path = "/api/v1/sync/cancel", tag = "sync", security(("bearer" = [])), responses(
    (status = 202, body = ImportAcceptedBody)))]
pub async fn cancel(app: Arc<App>, call: Call) -> Answer {
    tell(&app, &call, "sync cancelled", |requested_by| SyncJobCommand::Cancel { requested_by }).await
}

/// Sends a command to the import of the merchant's present connection, or of the last one where it has ended.
async fn tell(
    app: &App,
    call: &Call,
    event: &'static str,
    command: fn(Option<UserId>) -> SyncJobCommand,
) -> Answer {
    let identity = app.identify_for_command(call).await?;
    let command = command(Some(identity.user_id));
    let merchant = app.merchants.load(&identity.merchant_id.to_string()).await;
    let (merchant, _) = merchant.map_err(|e| Problem::unavailable("event store", &e))?;
    let present = merchant.connection().map(|connection| connection.connection_id);
    let last = match (present, &command) {
        (None, SyncJobCommand::Cancel { .. }) => {
            let latest = sync_jobs::latest(&app.query_pool, identity.merchant_id).await?;
            latest.and_then(|view| view.connection_id)
        }
        _ => None,
    };
    let not_connected = || Problem::new(Code::SyncConflict).with("reason", "not-connected");
    let job = job_id(present.or(last).ok_or_else(not_connected)?);
    let committed = app.sync_jobs.execute(&job.to_string(), command).await.map_err(refused)?;
    let (known, _) =
        app.sync_jobs.load(&job.to_string()).await.map_err(|e| Problem::unavailable("event store", &e))?;
    let body = ImportAcceptedBody {
        job_id: job.to_string(),
        run_id: known.run_id().map(|run| run.to_string()).unwrap_or_default(),
        position: committed.position.to_string(),
    };
    tracing::info!(event, merchantId = %identity.merchant_id, jobId = %job);
    Ok(json(StatusCode::ACCEPTED, &body))
}

fn refused(error: CommandError<SyncJobError>) -> Problem {
    match error {
        CommandError::Refused(SyncJobError::UnknownDepth) => {
            Problem::invalid_field("/depthInMonths", Rule::one_of(&["12", "24"]))
        }
        CommandError::Refused(refusal) => {
            let reason = match refusal {
                SyncJobError::AlreadyRunning => "already-running",
                SyncJobError::NotRunning => "not-running",
                SyncJobError::NotResumable => "not-resumable",
                SyncJobError::UnknownDepth | SyncJobError::StaleEpoch { .. } | SyncJobError::AnotherRun => {
                    "changed"
                }
            };
            Problem::new(Code::SyncConflict).with("reason", reason)
        }
        error => Problem::unavailable("event store", &error),
    }
}
