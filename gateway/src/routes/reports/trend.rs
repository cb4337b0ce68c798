//! `/api/v1/reports/sales-trend`: figures by day, week or month.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;
use http::StatusCode;
use qafila_projections::olap::reports::{Figures, Point};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{Asked, Width};
use super::figures::FiguresBody;
use super::occasions::{self, OccasionBody};
use super::points;
use super::{ReportHeadBody, Source, unavailable};
use crate::app::App;
use crate::auth::reading::Scope;
use crate::call::{Call, json};
use crate::routes::Answer;
use crate::values::{ComparisonName, GranularityName};

/// A trend.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrendBody {
    #[serde(flatten)]
    head: ReportHeadBody,
    #[schema(value_type = GranularityName)]
    granularity: &'static str,
    /// One of each currency for every part of the window up to today, by time, then by currency.
    points: Vec<PointBody>,
    /// The days that were asked to compare with; null where none were.
    previous: Option<PreviousTrendBody>,
    /// Occasions within the window.
    occasions: Vec<OccasionBody>,
}

/// A point of a trend.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PointBody {
    /// First day of the point in the report's time zone.
    from: NaiveDate,
    figures: FiguresBody,
}

/// Points of the days that a trend is compared with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousTrendBody {
    /// First day.
    from: NaiveDate,
    /// Last day, included.
    to: NaiveDate,
    points: Vec<PointBody>,
}

/// Figures by day, week or month; a point without orders is 0.
#[utoipa::path(get, operation_id = "getSalesTrend", path = "/api/v1/reports/sales-trend", tag = "reports", security(("bearer" = []), ("merchantKey" = [])),
    params(("from" = Option<NaiveDate>, Query, description = "First day; 30 days before `to` where absent"),
        ("to" = Option<NaiveDate>, Query, description = "Last day, included; today where absent"),
        ("timezone" = Option<String>, Query, description = "An IANA time zone; Asia/Riyadh where absent"),
        ("compare" = Option<ComparisonName>, Query, description = "Days that these are compared with"),
        ("granularity" = Option<GranularityName>, Query, description = "Width of a point; a day where absent")),
    responses((status = 200, body = TrendBody)))]
pub async fn sales_trend(app: Arc<App>, call: Call) -> Answer {
    let reader = app.reader(&call, Scope::Reports).await?;
    let asked = Asked::read(&call, &["from", "to", "timezone", "compare", "granularity"])?;
    let source = Source::of(&app, reader.merchant_id).await?;
    let width = asked.granularity.unwrap_or(Width::DAY);
    let read = |window| source.reports.sales_trend(window, width.granularity, asked.zone.name());
    let now = read(asked.window()).await.map_err(unavailable)?;
    let compared = asked.compared();
    let before = match compared {
        Some(days) => read(days.window).await.map_err(unavailable)?,
        None => vec![],
    };
    // A currency of either part has its points in both, so that they can be drawn over each other.
    let mut currencies: BTreeSet<String> =
        now.iter().chain(&before).map(|point| point.figures.currency.clone()).collect();
    currencies.insert(source.currency.clone());
    let (from, to) = asked.days();
    let starts = |from, to| points::starts(from, to, asked.today(), width.granularity);
    let previous = compared.map(|days| PreviousTrendBody {
        from: days.from,
        to: days.to,
        points: filled(before, &starts(days.from, days.to), &currencies, asked.zone),
    });
    let body = TrendBody {
        head: source.head(&asked),
        granularity: width.name,
        points: filled(now, &starts(from, to), &currencies, asked.zone),
        previous,
        occasions: occasions::between(from, to),
    };
    Ok(json(StatusCode::OK, &body))
}

/// The points with those that have no orders, by time, then by currency.
fn filled(
    found: Vec<Point>,
    starts: &[NaiveDate],
    currencies: &BTreeSet<String>,
    zone: Tz,
) -> Vec<PointBody> {
    let mut all: BTreeMap<(NaiveDate, String), Figures> = starts
        .iter()
        .flat_map(|start| {
            currencies.iter().map(|currency| ((*start, currency.clone()), Figures::none(currency)))
        })
        .collect();
    for Point { from, figures } in found {
        all.insert((from.with_timezone(&zone).date_naive(), figures.currency.clone()), figures);
    }
    all.into_iter().map(|((from, _), figures)| PointBody { from, figures: figures.into() }).collect()
}
