//! `/api/v1/reconciliations`: what each night's comparison with Salla found.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_projections::oltp::reconciliations::{self, RunView};
use qafila_schemas::words::Language;
use qafila_schemas::words::cause::OF_RECONCILIATION;
use serde::Serialize;
use utoipa::ToSchema;

use super::Answer;
use crate::app::App;
use crate::call::{Call, json};
use crate::page::PageRequest;
use crate::values::{ReconciliationCause, ResourceName};

/// A page of runs, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReconciliationsBody {
    items: Vec<ReconciliationBody>,
    /// Give it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// What a run found of one resource.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReconciliationBody {
    #[schema(format = Uuid)]
    run_id: String,
    #[schema(value_type = ResourceName)]
    resource: String,
    /// Changes from here on were looked at, UTC.
    window_from: DateTime<Utc>,
    window_to: DateTime<Utc>,
    summary: ReconciledRowsBody,
    /// Null where it got to its end.
    #[schema(value_type = Option<ReconciliationCause>)]
    cause: Option<String>,
    /// What to do about it, in the language of `Accept-Language`; null where it got to its end.
    advice: Option<String>,
    started_at: DateTime<Utc>,
    finished_at: DateTime<Utc>,
}

/// Rows by what became of them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReconciledRowsBody {
    /// Read and compared.
    fetched: i64,
    /// Missing here until then.
    created: i64,
    /// Different, or gone at Salla.
    updated: i64,
    unchanged: i64,
    /// Could not be understood.
    skipped: i64,
    /// Could not be read.
    failed: i64,
}

/// The merchant's reconciliation runs.
#[utoipa::path(get, operation_id = "listReconciliations", path = "/api/v1/reconciliations", tag = "sync", security(("bearer" = [])),
    params(("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 20 where absent")),
    responses((status = 200, body = ReconciliationsBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let page = PageRequest::<String>::only(&call)?;
    let (wanted, cursor) = (page.wanted(), page.cursor.clone());
    let mut found = reconciliations::list(&app.query_pool, identity.merchant_id, cursor, wanted).await?;
    let next_cursor = page.cut(&mut found, |run| (run.started_at, run.place()));
    let items = found.into_iter().map(|run| body(run, call.language())).collect();
    Ok(json(StatusCode::OK, &ReconciliationsBody { items, next_cursor }))
}

fn body(run: RunView, language: Language) -> ReconciliationBody {
    ReconciliationBody {
        run_id: run.run_id.to_string(),
        advice: run.cause.as_deref().and_then(|cause| OF_RECONCILIATION.advice(language, cause)),
        resource: run.resource,
        window_from: run.window_from,
        window_to: run.window_to,
        summary: ReconciledRowsBody {
            fetched: run.fetched,
            created: run.created,
            updated: run.updated,
            unchanged: run.unchanged,
            skipped: run.skipped,
            failed: run.failed,
        },
        cause: run.cause,
        started_at: run.started_at,
        finished_at: run.finished_at,
    }
}
