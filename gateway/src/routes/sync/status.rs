//! `/api/v1/sync/status`: where the import of the merchant's present store stands.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_projections::oltp::sync_jobs::{self, SyncStatusView};
use qafila_schemas::words::Language;
use qafila_schemas::words::cause::{Causes, OF_FAILED_SYNC, OF_PAUSED_SYNC};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::call::{Call, json, with_header};
use crate::routes::Answer;
use crate::values::{PhaseName, ResourceName, SyncCause, SyncStatus, WaitsFor};
use crate::wait;

/// Where the import stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncStatusBody {
    #[schema(format = Uuid)]
    job_id: Option<String>,
    #[schema(format = Uuid)]
    run_id: Option<String>,
    /// The connection that it reads through.
    #[schema(format = Uuid)]
    connection_id: Option<String>,
    /// The store that it is of; null before any import was asked for.
    store: Option<SyncedStoreBody>,
    #[schema(value_type = SyncStatus)]
    pub(in crate::routes) status: String,
    depth_in_months: Option<i32>,
    /// 0 to 100; below 100 until the import has completed.
    pub(in crate::routes) progress_percentage: f64,
    phases: Vec<PhaseBody>,
    rate_per_minute: Option<f64>,
    eta_seconds: Option<i64>,
    started_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
    paused_until: Option<DateTime<Utc>>,
    /// What has to happen before it goes on; null where it waits for nothing.
    #[schema(value_type = Option<WaitsFor>)]
    waits_for: Option<&'static str>,
    /// Why it waits or has failed; null otherwise.
    #[schema(value_type = Option<SyncCause>)]
    cause: Option<String>,
    /// What to do about it, in the language of `Accept-Language`.
    advice: Option<String>,
}

/// The store of an import.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncedStoreBody {
    /// Salla's id.
    id: i64,
    /// Name that it had when it was connected last; null where that is not known.
    name: Option<String>,
}

impl SyncedStoreBody {
    pub(super) fn new(id: i64, name: Option<String>) -> Self {
        Self { id, name }
    }
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
    let answer = json(
        StatusCode::OK,
        &view.map_or_else(SyncStatusBody::not_started, |view| SyncStatusBody::of(view, call.language())),
    );
    Ok(if applied { with_header(answer, "preference-applied", "wait") } else { answer })
}

impl SyncStatusBody {
    /// Before any import was asked for.
    pub(in crate::routes) fn not_started() -> Self {
        Self {
            job_id: None,
            run_id: None,
            connection_id: None,
            store: None,
            status: "not_started".into(),
            depth_in_months: None,
            progress_percentage: 0.0,
            phases: vec![],
            rate_per_minute: None,
            eta_seconds: None,
            started_at: None,
            completed_at: None,
            paused_until: None,
            waits_for: None,
            cause: None,
            advice: None,
        }
    }
}

impl SyncStatusBody {
    /// With its advice in `language`.
    pub(in crate::routes) fn of(view: SyncStatusView, language: Language) -> Self {
        let advice = view.cause.as_deref().and_then(|cause| causes(&view.status).advice(language, cause));
        Self {
            job_id: Some(view.job_id.to_string()),
            run_id: Some(view.run_id.to_string()),
            connection_id: view.connection_id.map(|id| id.to_string()),
            store: view.store_id.map(|id| SyncedStoreBody::new(id, view.store_name)),
            waits_for: waits_for(&view.status, view.cause.as_deref()),
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

/// The family that a cause is of.
pub(super) fn causes(status: &str) -> Causes {
    if status == "failed" { OF_FAILED_SYNC } else { OF_PAUSED_SYNC }
}

/// What has to happen before an import goes on.
fn waits_for(status: &str, cause: Option<&str>) -> Option<&'static str> {
    match (status, cause) {
        ("requested", _) => Some("turn"),
        ("paused", Some("access_refused" | "refresh_answer_lost")) => Some("merchant"),
        ("paused", Some("salla_blocks_us" | "source_disagrees")) => Some("salla"),
        ("paused", _) => Some("qafila"),
        _ => None,
    }
}

/// Share of the calls done that the import needs, because they take its time; one decimal; 100 only when the import has
/// completed, 0 while their number is unknown.
pub(in crate::routes) fn percentage(status: &str, calls: Option<(i64, i64)>) -> f64 {
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

    #[test]
    fn every_cause_of_a_pause_says_what_the_import_waits_for() {
        for cause in OF_PAUSED_SYNC.codes() {
            let waits_for = waits_for("paused", Some(cause));
            assert!(waits_for.is_some(), "{cause}");
            let needs_merchant = ["access_refused", "refresh_answer_lost"].contains(cause);
            assert_eq!(waits_for == Some("merchant"), needs_merchant, "{cause}");
        }
        assert_eq!(waits_for("requested", None), Some("turn"));
        for status in ["running", "completed", "failed", "cancelled"] {
            assert_eq!(waits_for(status, Some("salla_unavailable")), None);
        }
    }
}
