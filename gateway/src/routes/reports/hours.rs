//! `/api/v1/reports/by-hour`: orders by weekday and hour.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use http::StatusCode;
use qafila_projections::olap::hours::Hour;
use qafila_schemas::amount::Amount;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::Asked;
use super::{ReportHeadBody, Source, unavailable};
use crate::app::App;
use crate::auth::reading::Scope;
use crate::call::{Call, json};
use crate::money::MoneyBody;
use crate::routes::Answer;
use crate::values::ComparisonName;

/// Orders by weekday and hour.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoursBody {
    #[serde(flatten)]
    head: ReportHeadBody,
    /// All 168 hours of a week for each currency.
    hours: Vec<HourBody>,
    /// The days that were asked to compare with; null where none were.
    previous: Option<PreviousHoursBody>,
}

/// Orders of an hour of a weekday.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HourBody {
    /// 0 is Sunday.
    weekday: u8,
    /// 0 to 23, in the report's time zone.
    hour: u8,
    /// Orders, whatever became of them.
    orders: u64,
    /// Orders that count as sales.
    sales_count: u64,
    sales: MoneyBody,
}

/// Hours of the days that a report is compared with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviousHoursBody {
    /// First day.
    from: NaiveDate,
    /// Last day, included.
    to: NaiveDate,
    hours: Vec<HourBody>,
}

/// Orders by weekday and hour.
#[utoipa::path(get, operation_id = "getSalesByHour", path = "/api/v1/reports/by-hour", tag = "reports", security(("bearer" = []), ("merchantKey" = [])),
    params(("from" = Option<NaiveDate>, Query, description = "First day; 30 days before `to` where absent"),
        ("to" = Option<NaiveDate>, Query, description = "Last day, included; today where absent"),
        ("timezone" = Option<String>, Query, description = "An IANA time zone; Asia/Riyadh where absent"),
        ("compare" = Option<ComparisonName>, Query, description = "Days that these are compared with")),
    responses((status = 200, body = HoursBody)))]
pub async fn by_hour(app: Arc<App>, call: Call) -> Answer {
    let reader = app.reader(&call, Scope::Reports).await?;
    let asked = Asked::read(&call, &["from", "to", "timezone", "compare"])?;
    let source = Source::of(&app, reader.merchant_id).await?;
    let read = |window| source.reports.hours(window, asked.zone.name());
    let now = read(asked.window()).await.map_err(unavailable)?;
    let compared = asked.compared();
    let before = match compared {
        Some(days) => read(days.window).await.map_err(unavailable)?,
        None => vec![],
    };
    let mut currencies: BTreeSet<String> =
        now.iter().chain(&before).map(|hour| hour.currency.clone()).collect();
    currencies.insert(source.currency.clone());
    let previous = compared.map(|days| PreviousHoursBody {
        from: days.from,
        to: days.to,
        hours: week(before, &currencies),
    });
    let hours = week(now, &currencies);
    Ok(json(StatusCode::OK, &HoursBody { head: source.head(&asked), hours, previous }))
}

/// All hours of a week, those without orders too.
fn week(found: Vec<Hour>, currencies: &BTreeSet<String>) -> Vec<HourBody> {
    let mut known: BTreeMap<(String, u8, u8), Hour> =
        found.into_iter().map(|hour| ((hour.currency.clone(), hour.weekday, hour.hour), hour)).collect();
    let mut all = vec![];
    for currency in currencies {
        for (weekday, hour) in (0..7).flat_map(|weekday| (0..24).map(move |hour| (weekday, hour))) {
            let found = known.remove(&(currency.clone(), weekday, hour));
            let (orders, sales_count, sales) =
                found.map_or((0, 0, Amount::ZERO), |hour| (hour.orders, hour.sales_count, hour.sales));
            all.push(HourBody { weekday, hour, orders, sales_count, sales: MoneyBody::new(sales, currency) });
        }
    }
    all
}
