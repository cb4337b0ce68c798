//! `/api/v1/reports/summary`: figures of a window, and how they changed.

use std::sync::Arc;

use chrono::NaiveDate;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::Asked;
use super::figures::{ChangeBody, FiguresBody, StoreTotalBody};
use super::{ReportHeadBody, Source, unavailable};
use crate::app::App;
use crate::auth::reading::Scope;
use crate::call::{Call, json};
use crate::routes::Answer;
use crate::values::ComparisonName;

/// Figures of a window.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SummaryBody {
    #[serde(flatten)]
    head: ReportHeadBody,
    /// By currency, most orders first.
    figures: Vec<FiguresBody>,
    /// Sales of all currencies together.
    total: StoreTotalBody,
    /// The days that were asked to compare with; null where none were.
    previous: Option<PreviousSummaryBody>,
}

/// Figures of the days that a summary is compared with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousSummaryBody {
    /// First day.
    from: NaiveDate,
    /// Last day, included.
    to: NaiveDate,
    figures: Vec<FiguresBody>,
    total: StoreTotalBody,
    /// From these days to those of the report, for each currency of both.
    changes: Vec<ChangeBody>,
}

/// Figures of a window, and how they changed.
#[utoipa::path(get, operation_id = "getSummary", path = "/api/v1/reports/summary", tag = "reports", security(("bearer" = []), ("merchantKey" = [])),
    params(("from" = Option<NaiveDate>, Query, description = "First day; 30 days before `to` where absent"),
        ("to" = Option<NaiveDate>, Query, description = "Last day, included; today where absent"),
        ("timezone" = Option<String>, Query, description = "An IANA time zone; Asia/Riyadh where absent"),
        ("compare" = Option<ComparisonName>, Query, description = "Days that these are compared with")),
    responses((status = 200, body = SummaryBody)))]
pub async fn summary(app: Arc<App>, call: Call) -> Answer {
    let reader = app.reader(&call, Scope::Reports).await?;
    let asked = Asked::read(&call, &["from", "to", "timezone", "compare"])?;
    let source = Source::of(&app, reader.merchant_id).await?;
    let now = source.reports.summary(asked.window()).await.map_err(unavailable)?;
    let bodies = |figures: Vec<_>| figures.into_iter().map(FiguresBody::from).collect();
    let previous = match asked.compared() {
        Some(days) => {
            let before = source.reports.summary(days.window).await.map_err(unavailable)?;
            Some(PreviousSummaryBody {
                from: days.from,
                to: days.to,
                total: StoreTotalBody::of(&before, &source.currency),
                changes: ChangeBody::all(&now, &before),
                figures: bodies(before),
            })
        }
        None => None,
    };
    let body = SummaryBody {
        head: source.head(&asked),
        total: StoreTotalBody::of(&now, &source.currency),
        figures: bodies(now),
        previous,
    };
    Ok(json(StatusCode::OK, &body))
}
