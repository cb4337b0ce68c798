//! `/api/v1/sync/runs`: every import of the merchant's connections.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_projections::oltp::sync_job_runs::{self, RunView};
use qafila_schemas::words::Language;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::status::{SyncedStoreBody, causes};
use crate::app::App;
use crate::call::{Call, json};
use crate::page::PageRequest;
use crate::routes::Answer;
use crate::values::{SyncCause, SyncStatus};

/// A page of imports, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncRunsBody {
    items: Vec<SyncRunBody>,
    /// Give it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// An import.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncRunBody {
    run_id: Uuid,
    /// The same for all imports of a connection.
    job_id: Uuid,
    connection_id: Uuid,
    store: SyncedStoreBody,
    #[schema(value_type = SyncStatus)]
    status: String,
    /// Why it waits or has failed; null otherwise.
    #[schema(value_type = Option<SyncCause>)]
    cause: Option<String>,
    /// What to do about it, in the language of `Accept-Language`.
    advice: Option<String>,
    depth_in_months: i32,
    requested_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    /// When it was completed, failed or cancelled.
    ended_at: Option<DateTime<Utc>>,
    /// What was imported; null until it has completed.
    imported: Option<ImportedBody>,
}

/// Rows of an import that has completed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedBody {
    orders: i64,
    customers: i64,
    products: i64,
    /// Rows that could not be read; they are kept.
    skipped: i64,
}

/// All imports of the merchant's connections, those of earlier stores too.
#[utoipa::path(get, operation_id = "listSyncRuns", path = "/api/v1/sync/runs", tag = "sync", security(("bearer" = [])),
    params(("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 20 where absent")),
    responses((status = 200, body = SyncRunsBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Answer {
    let merchant = app.access_tokens.identify(&call)?.merchant_id;
    let page = PageRequest::<Uuid>::only(&call)?;
    let mut found = sync_job_runs::list(&app.query_pool, merchant, page.cursor, page.wanted()).await?;
    let next_cursor = page.cut(&mut found, |run| (run.requested_at, run.run_id));
    let items = found.into_iter().map(|run| SyncRunBody::of(run, call.language())).collect();
    Ok(json(StatusCode::OK, &SyncRunsBody { items, next_cursor }))
}

impl SyncRunBody {
    fn of(run: RunView, language: Language) -> Self {
        let advice = run.cause.as_deref().and_then(|cause| causes(&run.status).advice(language, cause));
        let counts = (run.orders, run.customers, run.products, run.skipped);
        let imported = match counts {
            (Some(orders), Some(customers), Some(products), Some(skipped)) => {
                Some(ImportedBody { orders, customers, products, skipped })
            }
            _ => None,
        };
        Self {
            run_id: run.run_id,
            job_id: run.job_id,
            connection_id: run.connection_id,
            store: SyncedStoreBody::new(run.store_id, run.store_name),
            status: run.status,
            advice: advice.or(run.advice),
            cause: run.cause,
            depth_in_months: run.depth_in_months,
            requested_at: run.requested_at,
            started_at: run.started_at,
            ended_at: run.ended_at,
            imported,
        }
    }
}
