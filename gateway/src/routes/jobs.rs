//! `/api/jobs/sync/…`: imports started and watched by other services, each with a key of its own.

use std::sync::Arc;

use http::StatusCode;
use qafila_projections::oltp::{merchants, sync_jobs};
use qafila_schemas::ids::MerchantId;
use qafila_schemas::words::rule::Rule;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Answer;
use super::sync;
use super::sync::status::SyncStatusBody;
use crate::app::App;
use crate::call::{Call, json, with_header};
use crate::problem::Problem;
use crate::values::{JobDepth, SyncStatus};
use crate::wait;

/// Which merchant's history, and how much of it.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InitiateBody {
    /// UUID.
    #[schema(format = Uuid)]
    merchant_id: String,
    #[schema(value_type = JobDepth)]
    depth: String,
}

/// The job that was started.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InitiatedBody {
    #[schema(format = Uuid)]
    job_id: String,
    /// Wait for it with `Prefer: wait`.
    position: String,
}

/// Where a merchant's import stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobStatusBody {
    #[schema(value_type = SyncStatus)]
    status: String,
    /// 0 to 100; below 100 until the import has completed.
    progress_percentage: f64,
}

/// Starts an import for a merchant.
#[utoipa::path(post, operation_id = "initiateSyncJob", path = "/api/jobs/sync/initiate", tag = "jobs", security(("apiKey" = [])), request_body = InitiateBody,
    responses((status = 202, body = InitiatedBody)))]
pub async fn initiate(app: Arc<App>, call: Call) -> Answer {
    let caller = app.api_keys.identify(&call)?;
    let body: InitiateBody = call.json()?;
    let merchant = merchant_id("/merchantId", &body.merchant_id)?;
    let depth_in_months = match body.depth.as_str() {
        "12m" => 12,
        "24m" => 24,
        _ => return Err(Problem::invalid_field("/depth", Rule::one_of(&["12m", "24m"]))),
    };
    let accepted = sync::start(&app, merchant, depth_in_months, None).await?;
    tracing::info!(event = "sync requested by a service", caller, merchantId = %merchant, jobId = accepted.job_id);
    let body = InitiatedBody { job_id: accepted.job_id, position: accepted.position };
    Ok(json(StatusCode::ACCEPTED, &body))
}

/// Where a merchant's import stands.
#[utoipa::path(get, operation_id = "getSyncJobStatus", path = "/api/jobs/sync/status", tag = "jobs", security(("apiKey" = [])),
    params(("merchantId" = Uuid, Query), ("prefer" = Option<String>, Header, description = "`wait=2`: seconds to wait for the position"),
        ("x-qafila-position" = Option<String>, Header, description = "Position a command answered with")),
    responses((status = 200, body = JobStatusBody)))]
pub async fn status(app: Arc<App>, call: Call) -> Answer {
    app.api_keys.identify(&call)?;
    let parameters = call.parameters();
    let [(name, value)] = parameters.as_slice() else {
        return Err(Problem::invalid_field("merchantId", Rule::required()));
    };
    if name != "merchantId" {
        return Err(Problem::invalid_field(name, Rule::unknown_parameter()));
    }
    let merchant = merchant_id("merchantId", value)?;
    let applied = wait::for_position(&app, &call, merchant).await?;
    if merchants::find(&app.query_pool, merchant).await?.is_none() {
        return Err(sync::unknown_merchant());
    }
    let view = sync_jobs::latest(&app.query_pool, merchant).await?;
    let shown =
        view.map_or_else(SyncStatusBody::not_started, |view| SyncStatusBody::of(view, call.language()));
    let body = JobStatusBody { status: shown.status, progress_percentage: shown.progress_percentage };
    let answer = json(StatusCode::OK, &body);
    Ok(if applied { with_header(answer, "preference-applied", "wait") } else { answer })
}

fn merchant_id(pointer: &str, text: &str) -> Result<MerchantId, Problem> {
    text.parse().map_err(|_| Problem::invalid_field(pointer, Rule::uuid()))
}
