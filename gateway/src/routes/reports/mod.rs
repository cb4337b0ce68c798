//! `/api/v1/reports/…`: figures from ClickHouse.

mod asked;
pub mod rankings;

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use http::StatusCode;
use qafila_projections::olap::reports::{Figures, Reports};
use qafila_projections::oltp::completeness;
use qafila_schemas::amount::Amount;
use qafila_schemas::ids::MerchantId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, present_store};
use crate::app::App;
use crate::call::{Call, json};
use crate::money::MoneyBody;
use crate::problem::Problem;
use crate::values::{Comparison, CompletenessCause, GranularityName};
use asked::{Asked, WindowBody};

/// Figures of one currency.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FiguresBody {
    currency: String,
    /// Orders, whatever became of them.
    orders: u64,
    /// Orders that count as sales: their status is known, their payment is not awaited, and they are neither cancelled nor returned nor on
    /// their way back.
    sales_count: u64,
    sales: MoneyBody,
    average_sale: Option<MoneyBody>,
    /// Orders whose payment is awaited: no sales yet.
    waiting_for_payment_count: u64,
    waiting_for_payment: MoneyBody,
    cancelled_count: u64,
    cancelled: MoneyBody,
    /// Orders that were returned, or are on their way back.
    returned_count: u64,
    returned: MoneyBody,
}

/// Figures of a window, by currency.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SummaryBody {
    window: WindowBody,
    figures: Vec<FiguresBody>,
    /// The days just before, where `compare=previous` was asked: whole months before whole months, else as many days; null otherwise.
    previous: Option<PreviousSummaryBody>,
    as_of: DateTime<Utc>,
    #[serde(flatten)]
    complete: CompleteBody,
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

/// A point of a trend.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PointBody {
    /// First day of the point in the report's time zone.
    from: NaiveDate,
    figures: FiguresBody,
}

/// A trend.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrendBody {
    window: WindowBody,
    #[schema(value_type = GranularityName)]
    granularity: String,
    points: Vec<PointBody>,
    /// The days just before, where `compare=previous` was asked: whole months before whole months, else as many days; null otherwise.
    previous: Option<PreviousTrendBody>,
    as_of: DateTime<Utc>,
    #[serde(flatten)]
    complete: CompleteBody,
}

/// Figures of a window.
#[utoipa::path(get, operation_id = "getSummary", path = "/api/v1/reports/summary", tag = "reports", security(("bearer" = [])),
    params(("from" = Option<NaiveDate>, Query), ("to" = Option<NaiveDate>, Query), ("timezone" = Option<String>, Query), ("compare" = Option<Comparison>, Query)),
    responses((status = 200, body = SummaryBody)))]
pub async fn summary(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let asked = Asked::read(&call, &["from", "to", "timezone", "compare"])?;
    let (reports, complete) = of_store(&app, identity.merchant_id).await?;
    let as_of = Utc::now();
    let figures = reports.summary(asked.window()).await.map_err(unavailable)?;
    let bodies = |figures: Vec<Figures>| figures.into_iter().map(FiguresBody::from).collect();
    let previous = match asked.previous() {
        Some(days) => {
            let figures = reports.summary(days.window()).await.map_err(unavailable)?;
            Some(PreviousSummaryBody { from: days.from, to: days.to, figures: bodies(figures) })
        }
        None => None,
    };
    let body = SummaryBody { window: asked.body(), figures: bodies(figures), previous, as_of, complete };
    Ok(json(StatusCode::OK, &body))
}

/// Figures by day, week or month.
#[utoipa::path(get, operation_id = "getSalesTrend", path = "/api/v1/reports/sales-trend", tag = "reports", security(("bearer" = [])),
    params(("from" = Option<NaiveDate>, Query), ("to" = Option<NaiveDate>, Query), ("timezone" = Option<String>, Query),
        ("granularity" = Option<GranularityName>, Query), ("compare" = Option<Comparison>, Query)),
    responses((status = 200, body = TrendBody)))]
pub async fn sales_trend(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let asked = Asked::read(&call, &["from", "to", "timezone", "compare", "granularity"])?;
    let (reports, complete) = of_store(&app, identity.merchant_id).await?;
    let as_of = Utc::now();
    let zone = asked.zone.name();
    let points = reports.sales_trend(asked.window(), asked.granularity, zone).await.map_err(unavailable)?;
    let bodies = |points: Vec<qafila_projections::olap::reports::Point>| {
        points
            .into_iter()
            .map(|p| PointBody {
                from: p.from.with_timezone(&asked.zone).date_naive(),
                figures: p.figures.into(),
            })
            .collect()
    };
    let previous = match asked.previous() {
        Some(days) => {
            let found =
                reports.sales_trend(days.window(), asked.granularity, zone).await.map_err(unavailable)?;
            Some(PreviousTrendBody { from: days.from, to: days.to, points: bodies(found) })
        }
        None => None,
    };
    let body = TrendBody {
        window: asked.body(),
        granularity: asked.granularity_name.clone(),
        points: bodies(points),
        previous,
        as_of,
        complete,
    };
    Ok(json(StatusCode::OK, &body))
}

/// Of which time the orders of a store are complete; all null where that is not known.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompleteBody {
    /// Nothing is missing from here on; null where that is from the first order, or not known.
    complete_from: Option<DateTime<Utc>>,
    /// Nothing is missing up to here; null until known.
    complete_to: Option<DateTime<Utc>>,
    /// Why `completeTo` stands still; null where it moves.
    #[schema(value_type = Option<CompletenessCause>)]
    complete_cause: Option<String>,
}

/// Reports of the merchant's present store, and of which time its orders are complete. Without a store there is nothing yet,
/// and no store has the number 0.
async fn of_store(app: &App, merchant: MerchantId) -> Result<(Reports<'_>, CompleteBody), Problem> {
    let store = present_store(app, merchant).await?.unwrap_or(0);
    let known = completeness::of(&app.query_pool, merchant, store, "orders").await?;
    let complete = known.map_or_else(CompleteBody::default, |known| CompleteBody {
        complete_from: known.from,
        complete_to: Some(known.to),
        complete_cause: known.cause,
    });
    Ok((Reports::of(&app.clickhouse, merchant, store), complete))
}

impl From<Figures> for FiguresBody {
    fn from(f: Figures) -> Self {
        let money = |amount: Amount| MoneyBody::new(amount, &f.currency);
        let average = i64::try_from(f.sales_count).ok().filter(|n| *n > 0);
        let average = average.map(|count| rounded(f.sales.mantissa(), count));
        Self {
            orders: f.orders,
            sales_count: f.sales_count,
            sales: money(f.sales),
            average_sale: average.and_then(|mantissa| Amount::from_mantissa(mantissa).ok()).map(money),
            waiting_for_payment_count: f.waiting_count,
            waiting_for_payment: money(f.waiting),
            cancelled_count: f.cancelled_count,
            cancelled: money(f.cancelled),
            returned_count: f.returned_count,
            returned: money(f.returned),
            currency: f.currency,
        }
    }
}

/// A share of a sum, to the nearest ten-thousandth; halves away from zero, as money is rounded.
fn rounded(sum: i64, count: i64) -> i64 {
    let (whole, rest) = (sum / count, sum % count);
    if rest.unsigned_abs() * 2 >= count.unsigned_abs() { whole + sum.signum() } else { whole }
}

fn unavailable(error: qafila_projections::olap::reports::ReportError) -> Problem {
    Problem::unavailable("clickhouse", &error)
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn an_average_is_rounded_to_the_nearest_and_halves_away_from_zero() {
        assert_eq!([rounded(20, 3), rounded(10, 4), rounded(10, 3), rounded(-10, 4)], [7, 3, 3, -3]);
    }
}
