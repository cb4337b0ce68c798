//! `/api/v1/sync/…`: starting an import and watching it.

use std::sync::Arc;

use chrono::{DateTime, Months, Utc};
use http::StatusCode;
use qafila_aggregates::commands::CommandError;
use qafila_aggregates::sync_job::{StartRun, SyncJobCommand, SyncJobError, job_id};
use qafila_ingest::access::AccessError;
use qafila_ingest::salla::client::SallaError;
use qafila_ingest::salla::shapes::values::riyadh;
use qafila_projections::oltp::sync_jobs::{self, SyncStatusView};
use qafila_schemas::ids::{MerchantId, RunId, UserId};
use qafila_schemas::words::Language;
use qafila_schemas::words::cause::{OF_FAILED_SYNC, OF_PAUSED_SYNC};
use qafila_schemas::words::rule::Rule;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Answer;
use crate::app::App;
use crate::call::{Call, json, with_header};
use crate::problem::{Code, Problem};
use crate::wait;
use crate::values::{DepthInMonths, PhaseName, ResourceName, SyncCause, SyncStatus};

/// A person does not wait longer for an estimate.
const LONGEST_ESTIMATE: std::time::Duration = std::time::Duration::from_secs(10);

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

/// Where the import stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncStatusBody {
    #[schema(format = Uuid)]
    job_id: Option<String>,
    #[schema(format = Uuid)]
    run_id: Option<String>,
    #[schema(value_type = SyncStatus)]
    pub(super) status: String,
    depth_in_months: Option<i32>,
    /// 0 to 100; below 100 until the import has completed.
    pub(super) progress_percentage: f64,
    phases: Vec<PhaseBody>,
    rate_per_minute: Option<f64>,
    eta_seconds: Option<i64>,
    started_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
    paused_until: Option<DateTime<Utc>>,
    /// Why it waits or has failed; null otherwise.
    #[schema(value_type = Option<SyncCause>)]
    cause: Option<String>,
    /// What to do about it, in the language of `Accept-Language`.
    advice: Option<String>,
}

/// One phase of one resource.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhaseBody {
    #[schema(value_type = PhaseName)]
    name: String,
    #[schema(value_type = ResourceName)]
    resource: String,
    /// Rows read.
    done: i64,
    /// Rows in all; null where nobody has said it yet.
    total: Option<i64>,
    /// Rows that could not be read; they are kept.
    skipped: i64,
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

/// What an import would cost.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EstimateBody {
    depth_in_months: i32,
    orders: i64,
    /// Null where it cannot be told at the moment; the calls for them are then not counted.
    customers: Option<i64>,
    products: i64,
    /// Calls of Salla's API.
    calls: i64,
    /// Calls a minute that Salla lets the store make; null where it does not say.
    calls_per_minute: Option<u32>,
    /// Until every order is known with total, status and date; null where the rate is unknown.
    minutes_until_useful: Option<f64>,
    /// Until details and items of every order are known, too.
    hours_until_complete: Option<f64>,
}

/// What an import would cost, from the store's counts and plan.
#[utoipa::path(get, operation_id = "estimateImport", path = "/api/v1/sync/estimate", tag = "sync", security(("bearer" = [])),
    params(("depthInMonths" = DepthInMonths, Query)),
    responses((status = 200, body = EstimateBody)))]
pub async fn estimate(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let parameters = call.parameters();
    let depth_in_months = match parameters.as_slice() {
        [(name, value)] if name == "depthInMonths" => match value.as_str() {
            "12" => 12,
            "24" => 24,
            _ => return Err(Problem::invalid_field("depthInMonths", Rule::one_of(&["12", "24"]))),
        },
        _ => {
            return Err(Problem::invalid_field("depthInMonths", Rule::one_of(&["12", "24"])));
        }
    };
    let merchant = app.merchants.load(&identity.merchant_id.to_string()).await;
    let (merchant, _) = merchant.map_err(|e| Problem::unavailable("event store", &e))?;
    let connection = merchant.connection().ok_or_else(not_connected)?;
    let until = Utc::now().with_timezone(&riyadh()).date_naive();
    let from = until.checked_sub_months(Months::new(depth_in_months)).unwrap_or(until);
    let asked = app.estimator.estimate(connection.connection_id, connection.store_id, from, until);
    let estimate = tokio::time::timeout(LONGEST_ESTIMATE, asked)
        .await
        .map_err(|_| Problem::unavailable("salla", &"Salla did not answer in time"))?
        .map_err(|error| match error {
            SallaError::Access(access) if access.needs_merchant().is_some() => Problem::new(Code::ReauthorisationNeeded),
            SallaError::Access(AccessError::NotConnected) => not_connected(),
            SallaError::Access(_) | SallaError::Unavailable { .. } | SallaError::Throttled => Problem::unavailable("salla", &error),
            error => {
                tracing::warn!(event = "estimate refused", merchantId = %identity.merchant_id, error = %error);
                Problem::new(Code::SallaFailed)
            }
        })?;
    let body = EstimateBody {
        depth_in_months: i32::try_from(depth_in_months).unwrap_or_default(),
        orders: estimate.orders,
        customers: estimate.customers,
        products: estimate.products,
        calls: estimate.calls,
        calls_per_minute: estimate.calls_per_minute,
        minutes_until_useful: estimate.minutes_until_useful,
        hours_until_complete: estimate.hours_until_complete,
    };
    Ok(json(StatusCode::OK, &body))
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
#[utoipa::path(post, operation_id = "cancelImport", path = "/api/v1/sync/cancel", tag = "sync", security(("bearer" = [])), responses(
    (status = 202, body = ImportAcceptedBody)))]
pub async fn cancel(app: Arc<App>, call: Call) -> Answer {
    tell(&app, &call, "sync cancelled", |requested_by| SyncJobCommand::Cancel { requested_by }).await
}

/// Sends a command to the import of the merchant's present connection.
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
    let connection = merchant
        .connection()
        .ok_or_else(|| Problem::new(Code::SyncConflict).with("reason", "not-connected"))?;
    let job = job_id(connection.connection_id);
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

/// Where the import stands.
#[utoipa::path(get, operation_id = "getSyncStatus", path = "/api/v1/sync/status", tag = "sync", security(("bearer" = [])),
    params(("prefer" = Option<String>, Header, description = "`wait=2`: seconds to wait for the position"),
        ("x-qafila-position" = Option<String>, Header, description = "Position a command answered with")),
    responses(
    (status = 200, body = SyncStatusBody)))]
pub async fn status(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let applied = wait::for_position(&app, &call, identity.merchant_id).await?;
    let view = sync_jobs::latest(&app.query_pool, identity.merchant_id).await?;
    let answer = json(StatusCode::OK, &view.map_or_else(SyncStatusBody::not_started, |view| SyncStatusBody::of(view, call.language())));
    Ok(if applied { with_header(answer, "preference-applied", "wait") } else { answer })
}

impl SyncStatusBody {
    /// Before any import was asked for.
    pub(super) fn not_started() -> Self {
        Self {
            job_id: None,
            run_id: None,
            status: "not_started".into(),
            depth_in_months: None,
            progress_percentage: 0.0,
            phases: vec![],
            rate_per_minute: None,
            eta_seconds: None,
            started_at: None,
            completed_at: None,
            paused_until: None,
            cause: None,
            advice: None,
        }
    }
}

impl SyncStatusBody {
    /// With its advice in `language`.
    pub(super) fn of(view: SyncStatusView, language: Language) -> Self {
        let causes = if view.status == "failed" { OF_FAILED_SYNC } else { OF_PAUSED_SYNC };
        let advice = view.cause.as_deref().and_then(|cause| causes.advice(language, cause));
        Self {
            job_id: Some(view.job_id.to_string()),
            run_id: Some(view.run_id.to_string()),
            progress_percentage: percentage(&view.status, view.calls_done.zip(view.calls_total)),
            status: view.status,
            depth_in_months: Some(view.depth_in_months),
            phases: view
                .phases
                .into_iter()
                .map(|p| PhaseBody {
                    name: p.name,
                    resource: p.resource,
                    done: p.done,
                    total: p.total,
                    skipped: p.skipped,
                })
                .collect(),
            rate_per_minute: view.rate_per_minute,
            eta_seconds: view.eta_seconds,
            started_at: view.started_at,
            completed_at: view.completed_at,
            paused_until: view.paused_until,
            cause: view.cause,
            advice: advice.or(view.advice),
        }
    }
}

/// Share of the calls done that the import needs, because they take its time; one decimal; 100 only when the import has
/// completed, 0 while their number is unknown.
pub(super) fn percentage(status: &str, calls: Option<(i64, i64)>) -> f64 {
    if status == "completed" {
        return 100.0;
    }
    match calls {
        Some((done, total)) if total > 0 => {
            ((done as f64 / total as f64) * 1_000.0).floor().clamp(0.0, 999.0) / 10.0
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_never_complete_before_the_import_is() {
        let is = |status, calls, wanted: f64| (percentage(status, calls) - wanted).abs() < 1e-9;
        assert!(is("running", Some((10, 10)), 99.9));
        assert!(is("running", Some((1, 3)), 33.3));
        assert!(is("running", None, 0.0));
        assert!(is("completed", None, 100.0));
    }
}
