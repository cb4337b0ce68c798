//! What a report is asked for: days of a time zone, width of points, rows, comparison.

use chrono::{Days, NaiveDate, Utc};
use chrono_tz::Tz;
use qafila_projections::olap::reports::{Granularity, Window, start_of_day};
use qafila_schemas::words::rule::Rule;
use serde::Serialize;
use utoipa::ToSchema;

use super::compared::{Compared, Comparison};
use crate::auth::rules::Broken;
use crate::call::Call;
use crate::days;
use crate::problem::Problem;

const DEFAULT_DAYS: u64 = 30;
/// Five years by day are 1,827 points; more is a mistake.
const MAX_DAYS: i64 = 1_830;
const DEFAULT_ROWS: u32 = 10;
const MAX_ROWS: u32 = 100;

/// A window as asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WindowBody {
    /// First day.
    from: NaiveDate,
    /// Last day, included.
    to: NaiveDate,
    /// An IANA time zone.
    timezone: String,
}

/// Width of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Width {
    /// As answers tell it.
    pub(super) name: &'static str,
    /// As it is read.
    pub(super) granularity: Granularity,
}

impl Width {
    const NAMES: [&str; 3] = ["day", "week", "month"];
    /// A day.
    pub(super) const DAY: Self = Self { name: "day", granularity: Granularity::Day };

    fn named(name: &str) -> Option<Self> {
        let granularity = match name {
            "day" => Granularity::Day,
            "week" => Granularity::Week,
            "month" => Granularity::Month,
            _ => return None,
        };
        let name = Self::NAMES.into_iter().find(|known| *known == name)?;
        Some(Self { name, granularity })
    }
}

/// What a report was asked for.
pub(super) struct Asked {
    from: NaiveDate,
    to: NaiveDate,
    /// Time zone of its days.
    pub(super) zone: Tz,
    /// Width of a point, where one is asked for.
    pub(super) granularity: Option<Width>,
    /// Rows of each currency, at most.
    pub(super) limit: u32,
    compare: Option<Comparison>,
}

impl Asked {
    /// Reads the parameters of a report that has those of `known`; everything that is wrong is named.
    pub(super) fn read(call: &Call, known: &[&str]) -> Result<Self, Problem> {
        let mut broken = Broken::default();
        let parameters = call.parameters();
        for (index, (name, _)) in parameters.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                broken.add(name, Rule::unknown_parameter());
            } else if parameters[..index].iter().any(|(before, _)| before == name) {
                broken.add(name, Rule::repeated());
            }
        }
        let get = |name: &str| parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let zone = broken
            .check("timezone", get("timezone").map_or(Ok(Tz::Asia__Riyadh), days::zone))
            .unwrap_or(Tz::Asia__Riyadh);
        let today = Utc::now().with_timezone(&zone).date_naive();
        let to = broken.check("to", day(get("to"), today)).unwrap_or(today);
        let month_before = to.checked_sub_days(Days::new(DEFAULT_DAYS - 1)).unwrap_or(to);
        let from = broken.check("from", day(get("from"), month_before)).unwrap_or(to);
        if from > to {
            broken.add("from", Rule::not_after("to"));
        } else if (to - from).num_days() >= MAX_DAYS {
            broken.add("from", Rule::too_many_days(MAX_DAYS));
        }
        let granularity = get("granularity").map(Width::named);
        if granularity == Some(None) {
            broken.add("granularity", Rule::one_of(&Width::NAMES));
        }
        let granularity = granularity.flatten();
        let limit = match get("limit").map(str::parse) {
            None => DEFAULT_ROWS,
            Some(Ok(limit)) if (1..=MAX_ROWS).contains(&limit) => limit,
            Some(_) => {
                broken.add("limit", Rule::range(1, i64::from(MAX_ROWS)));
                DEFAULT_ROWS
            }
        };
        let compare = get("compare").map(|name| (name, Comparison::named(name)));
        if matches!(compare, Some((_, None))) {
            broken.add("compare", Rule::one_of(&Comparison::NAMES));
        }
        let compare = compare.and_then(|(_, compare)| compare);
        if broken.0.is_empty() {
            Ok(Self { from, to, zone, granularity, limit, compare })
        } else {
            Err(Problem::invalid(broken.0))
        }
    }

    /// The days of a report that nobody gave days: the last 30 of Riyadh.
    pub(super) fn of_recent_days() -> Self {
        let zone = Tz::Asia__Riyadh;
        let to = Utc::now().with_timezone(&zone).date_naive();
        let from = to.checked_sub_days(Days::new(DEFAULT_DAYS - 1)).unwrap_or(to);
        Self { from, to, zone, granularity: None, limit: DEFAULT_ROWS, compare: None }
    }

    /// The window.
    pub(super) fn window(&self) -> Window {
        between(self.from, self.to, self.zone)
    }

    /// The days that these are compared with, if any.
    pub(super) fn compared(&self) -> Option<Compared> {
        let (from, to) = self.compare?.days(self.from, self.to)?;
        Some(Compared { from, to, window: between(from, to, self.zone) })
    }

    /// First and last day.
    pub(super) fn days(&self) -> (NaiveDate, NaiveDate) {
        (self.from, self.to)
    }

    /// Today, in the time zone of the report.
    pub(super) fn today(&self) -> NaiveDate {
        Utc::now().with_timezone(&self.zone).date_naive()
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

fn day(text: Option<&str>, default: NaiveDate) -> Result<NaiveDate, Rule> {
    text.map_or(Ok(default), days::day)
}
