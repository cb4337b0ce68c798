//! `/api/v1/reports/…`: figures from ClickHouse.

use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;
use http::StatusCode;
use qafila_projections::olap::reports::{Figures, Granularity, Reports, Window};
use qafila_projections::oltp::{completeness, merchants};
use qafila_schemas::amount::Amount;
use qafila_schemas::ids::MerchantId;
use serde::Serialize;
use utoipa::ToSchema;

use super::Answer;
use crate::app::App;
use crate::auth::rules::Broken;
use crate::call::{Call, json};
use crate::money::MoneyBody;
use crate::problem::Problem;

const DEFAULT_DAYS: u64 = 30;
/// Five years by day are 1,827 points; more is a mistake.
const MOST_DAYS: i64 = 1_830;

/// Figures of one currency.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FiguresBody {
    currency: String,
    /// Orders, whatever became of them.
    orders: u64,
    /// Orders that count as sales: not cancelled, not returned.
    sales_count: u64,
    sales: MoneyBody,
    average_sale: Option<MoneyBody>,
    cancelled_count: u64,
    cancelled: MoneyBody,
    returned_count: u64,
    returned: MoneyBody,
}

/// A window as asked for.
#[derive(Debug, Serialize, ToSchema)]
pub struct WindowBody {
    /// First day.
    #[schema(value_type = String)]
    from: NaiveDate,
    /// Last day, included.
    #[schema(value_type = String)]
    to: NaiveDate,
    timezone: String,
}

/// A summary.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SummaryBody {
    window: WindowBody,
    figures: Vec<FiguresBody>,
    /// The window of the same length just before, where `compare=previous` was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Vec<FiguresBody>>,
    as_of: DateTime<Utc>,
    /// Nothing is missing up to here; null until known.
    complete_to: Option<DateTime<Utc>>,
}

/// A point of a trend.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PointBody {
    /// First day of the point in the report's time zone.
    #[schema(value_type = String)]
    from: NaiveDate,
    figures: FiguresBody,
}

/// A trend.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrendBody {
    window: WindowBody,
    granularity: String,
    points: Vec<PointBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Vec<PointBody>>,
    as_of: DateTime<Utc>,
    /// Nothing is missing up to here; null until known.
    complete_to: Option<DateTime<Utc>>,
}

/// Figures of a window.
#[utoipa::path(get, path = "/api/v1/reports/summary", tag = "reports", security(("bearer" = [])),
    params(("from" = Option<String>, Query), ("to" = Option<String>, Query), ("timezone" = Option<String>, Query), ("compare" = Option<String>, Query)),
    responses((status = 200, body = SummaryBody), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub async fn summary(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let asked = Asked::read(&call, &["from", "to", "timezone", "compare"])?;
    let (reports, complete_to) = of_store(&app, identity.merchant_id).await?;
    let as_of = Utc::now();
    let figures = reports.summary(asked.window()).await.map_err(unavailable)?;
    let previous = match asked.previous() {
        Some(window) => Some(reports.summary(window).await.map_err(unavailable)?),
        None => None,
    };
    let bodies = |figures: Vec<Figures>| figures.into_iter().map(FiguresBody::from).collect();
    let body = SummaryBody {
        window: asked.body(),
        figures: bodies(figures),
        previous: previous.map(bodies),
        as_of,
        complete_to,
    };
    Ok(json(StatusCode::OK, &body))
}

/// Figures by day, week or month.
#[utoipa::path(get, path = "/api/v1/reports/sales-trend", tag = "reports", security(("bearer" = [])),
    params(("from" = Option<String>, Query), ("to" = Option<String>, Query), ("timezone" = Option<String>, Query),
        ("granularity" = Option<String>, Query), ("compare" = Option<String>, Query)),
    responses((status = 200, body = TrendBody), (status = 401, body = Problem), (status = 422, body = Problem)))]
pub async fn sales_trend(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let asked = Asked::read(&call, &["from", "to", "timezone", "compare", "granularity"])?;
    let (reports, complete_to) = of_store(&app, identity.merchant_id).await?;
    let as_of = Utc::now();
    let zone = asked.zone.name();
    let points = reports.sales_trend(asked.window(), asked.granularity, zone).await.map_err(unavailable)?;
    let previous = match asked.previous() {
        Some(window) => {
            Some(reports.sales_trend(window, asked.granularity, zone).await.map_err(unavailable)?)
        }
        None => None,
    };
    let bodies = |points: Vec<qafila_projections::olap::reports::Point>| {
        points
            .into_iter()
            .map(|p| PointBody {
                from: p.from.with_timezone(&asked.zone).date_naive(),
                figures: p.figures.into(),
            })
            .collect()
    };
    let body = TrendBody {
        window: asked.body(),
        granularity: asked.granularity_name.clone(),
        points: bodies(points),
        previous: previous.map(bodies),
        as_of,
        complete_to,
    };
    Ok(json(StatusCode::OK, &body))
}

/// Reports of the merchant's present store, and up to when its orders are complete. Without a store there is nothing yet,
/// and no store has the number 0.
async fn of_store(app: &App, merchant: MerchantId) -> Result<(Reports<'_>, Option<DateTime<Utc>>), Problem> {
    let store = merchants::find(&app.query_pool, merchant).await?.and_then(|known| known.store_id);
    let store = store.unwrap_or(0);
    let complete_to = completeness::complete_to(&app.query_pool, merchant, store, "orders").await?;
    Ok((Reports::of(&app.clickhouse, merchant, store), complete_to))
}

/// What a report was asked for.
struct Asked {
    from: NaiveDate,
    to: NaiveDate,
    zone: Tz,
    granularity: Granularity,
    granularity_name: String,
    compare: bool,
}

impl Asked {
    fn read(call: &Call, known: &[&str]) -> Result<Self, Problem> {
        let mut broken = Broken::default();
        let parameters = call.parameters();
        for (index, (name, _)) in parameters.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                broken.add(name, "is not a parameter of this report".into());
            } else if parameters[..index].iter().any(|(before, _)| before == name) {
                broken.add(name, "is given twice".into());
            }
        }
        let get = |name: &str| parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let zone = broken.check("timezone", zone(get("timezone"))).unwrap_or(Tz::Asia__Riyadh);
        let today = Utc::now().with_timezone(&zone).date_naive();
        let to = broken.check("to", day(get("to"), today)).unwrap_or(today);
        let month_before = to.checked_sub_days(Days::new(DEFAULT_DAYS - 1)).unwrap_or(to);
        let from = broken.check("from", day(get("from"), month_before)).unwrap_or(to);
        if from > to {
            broken.add("from", "must not be after `to`".into());
        } else if (to - from).num_days() >= MOST_DAYS {
            broken.add("from", format!("a report covers at most {MOST_DAYS} days"));
        }
        let granularity_name = get("granularity").unwrap_or("day").to_owned();
        let granularity = match granularity_name.as_str() {
            "day" => Granularity::Day,
            "week" => Granularity::Week,
            "month" => Granularity::Month,
            _ => {
                broken.add("granularity", "must be day, week or month".into());
                Granularity::Day
            }
        };
        let compare = match get("compare") {
            None => false,
            Some("previous") => true,
            Some(_) => {
                broken.add("compare", "must be `previous`".into());
                false
            }
        };
        if broken.0.is_empty() {
            Ok(Self { from, to, zone, granularity, granularity_name, compare })
        } else {
            Err(Problem::invalid(broken.0))
        }
    }

    fn window(&self) -> Window {
        between(self.from, self.to, self.zone)
    }

    fn previous(&self) -> Option<Window> {
        let length = u64::try_from((self.to - self.from).num_days() + 1).ok()?;
        let from = self.from.checked_sub_days(Days::new(length))?;
        self.compare.then(|| between(from, self.from.pred_opt().unwrap_or(self.from), self.zone))
    }

    fn body(&self) -> WindowBody {
        WindowBody { from: self.from, to: self.to, timezone: self.zone.name().to_owned() }
    }
}

/// From the start of one day to the end of another.
fn between(from: NaiveDate, to: NaiveDate, zone: Tz) -> Window {
    let start = |day: NaiveDate| {
        let midnight = day.and_hms_opt(0, 0, 0).unwrap_or_default();
        zone.from_local_datetime(&midnight).earliest().map_or_else(|| midnight.and_utc(), |at| at.to_utc())
    };
    Window { from: start(from), until: start(to.succ_opt().unwrap_or(to)) }
}

fn zone(text: Option<&str>) -> Result<Tz, String> {
    text.map_or(Ok(Tz::Asia__Riyadh), |name| {
        name.parse().map_err(|_| "must be an IANA time zone such as Asia/Riyadh".into())
    })
}

fn day(text: Option<&str>, default: NaiveDate) -> Result<NaiveDate, String> {
    let in_range = |day: &NaiveDate| (2000..=2100).contains(&chrono::Datelike::year(day));
    match text.map(str::parse::<NaiveDate>) {
        None => Ok(default),
        Some(Ok(day)) if in_range(&day) => Ok(day),
        Some(Ok(_)) => Err("must be a day from 2000-01-01 to 2100-12-31".into()),
        Some(Err(_)) => Err("must be a day such as 2026-03-31".into()),
    }
}

impl From<Figures> for FiguresBody {
    fn from(f: Figures) -> Self {
        let money = |amount: Amount| MoneyBody::new(amount, &f.currency);
        let average = i64::try_from(f.sales_count).ok().filter(|n| *n > 0).map(|n| f.sales.mantissa() / n);
        Self {
            orders: f.orders,
            sales_count: f.sales_count,
            sales: money(f.sales),
            average_sale: average.and_then(|mantissa| Amount::from_mantissa(mantissa).ok()).map(money),
            cancelled_count: f.cancelled_count,
            cancelled: money(f.cancelled),
            returned_count: f.returned_count,
            returned: money(f.returned),
            currency: f.currency,
        }
    }
}

fn unavailable(error: qafila_projections::olap::reports::ReportError) -> Problem {
    Problem::unavailable("clickhouse", &error)
}
