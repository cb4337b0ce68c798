//! What a report is asked for: days of a time zone, width of points, rows, comparison.

use chrono::{Days, NaiveDate, Utc};
use chrono_tz::Tz;
use qafila_projections::olap::reports::{Granularity, Window, start_of_day};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::rules::Broken;
use crate::call::Call;
use crate::problem::Problem;

const DEFAULT_DAYS: u64 = 30;
/// Five years by day are 1,827 points; more is a mistake.
const MOST_DAYS: i64 = 1_830;
const DEFAULT_ROWS: u32 = 10;
const MOST_ROWS: u32 = 100;

/// A window as asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WindowBody {
    /// First day.
    #[schema(value_type = String)]
    from: NaiveDate,
    /// Last day, included.
    #[schema(value_type = String)]
    to: NaiveDate,
    timezone: String,
}

/// What a report was asked for.
pub(super) struct Asked {
    from: NaiveDate,
    to: NaiveDate,
    /// Time zone of its days.
    pub(super) zone: Tz,
    /// Width of a point.
    pub(super) granularity: Granularity,
    /// As it was asked for.
    pub(super) granularity_name: String,
    /// Rows of each currency, at most.
    pub(super) limit: u32,
    compare: bool,
}

impl Asked {
    /// Reads the parameters of a report that has those of `known`; everything that is wrong is named.
    pub(super) fn read(call: &Call, known: &[&str]) -> Result<Self, Problem> {
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
        let limit = match get("limit").map(str::parse) {
            None => DEFAULT_ROWS,
            Some(Ok(limit)) if (1..=MOST_ROWS).contains(&limit) => limit,
            Some(_) => {
                broken.add("limit", format!("must be 1 to {MOST_ROWS}"));
                DEFAULT_ROWS
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
            Ok(Self { from, to, zone, granularity, granularity_name, limit, compare })
        } else {
            Err(Problem::invalid(broken.0))
        }
    }

    /// The window.
    pub(super) fn window(&self) -> Window {
        between(self.from, self.to, self.zone)
    }

    /// The window of the same length just before, where it is compared with.
    pub(super) fn previous(&self) -> Option<Window> {
        let length = u64::try_from((self.to - self.from).num_days() + 1).ok()?;
        let from = self.from.checked_sub_days(Days::new(length))?;
        self.compare.then(|| between(from, self.from.pred_opt().unwrap_or(self.from), self.zone))
    }

    /// The window as answers tell it.
    pub(super) fn body(&self) -> WindowBody {
        WindowBody { from: self.from, to: self.to, timezone: self.zone.name().to_owned() }
    }
}

/// From the start of one day to the end of another.
fn between(from: NaiveDate, to: NaiveDate, zone: Tz) -> Window {
    Window { from: start_of_day(from, zone), until: start_of_day(to.succ_opt().unwrap_or(to), zone) }
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
