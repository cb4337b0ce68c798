//! What a report is asked for: days of a time zone, width of points, rows, comparison.

use chrono::{Datelike, Days, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use qafila_projections::olap::reports::{Granularity, Window, start_of_day};
use qafila_schemas::words::rule::Rule;
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
    from: NaiveDate,
    /// Last day, included.
    to: NaiveDate,
    /// An IANA time zone.
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
                broken.add(name, Rule::unknown_parameter());
            } else if parameters[..index].iter().any(|(before, _)| before == name) {
                broken.add(name, Rule::repeated());
            }
        }
        let get = |name: &str| parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let zone = broken.check("timezone", zone(get("timezone"))).unwrap_or(Tz::Asia__Riyadh);
        let today = Utc::now().with_timezone(&zone).date_naive();
        let to = broken.check("to", day(get("to"), today)).unwrap_or(today);
        let month_before = to.checked_sub_days(Days::new(DEFAULT_DAYS - 1)).unwrap_or(to);
        let from = broken.check("from", day(get("from"), month_before)).unwrap_or(to);
        if from > to {
            broken.add("from", Rule::not_after("to"));
        } else if (to - from).num_days() >= MOST_DAYS {
            broken.add("from", Rule::too_many_days(MOST_DAYS));
        }
        let granularity_name = get("granularity").unwrap_or("day").to_owned();
        let granularity = match granularity_name.as_str() {
            "day" => Granularity::Day,
            "week" => Granularity::Week,
            "month" => Granularity::Month,
            _ => {
                broken.add("granularity", Rule::one_of(&["day", "week", "month"]));
                Granularity::Day
            }
        };
        let limit = match get("limit").map(str::parse) {
            None => DEFAULT_ROWS,
            Some(Ok(limit)) if (1..=MOST_ROWS).contains(&limit) => limit,
            Some(_) => {
                broken.add("limit", Rule::range(1, i64::from(MOST_ROWS)));
                DEFAULT_ROWS
            }
        };
        let compare = match get("compare") {
            None => false,
            Some("previous") => true,
            Some(_) => {
                broken.add("compare", Rule::one_of(&["previous"]));
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

    /// The days just before, where they are compared with.
    pub(super) fn previous(&self) -> Option<Previous> {
        let (from, to) = days_before(self.from, self.to)?;
        self.compare.then_some(Previous { from, to, zone: self.zone })
    }

    /// The window as answers tell it.
    pub(super) fn body(&self) -> WindowBody {
        WindowBody { from: self.from, to: self.to, timezone: self.zone.name().to_owned() }
    }
}

/// Days that a window is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Previous {
    /// First day.
    pub(super) from: NaiveDate,
    /// Last day, included.
    pub(super) to: NaiveDate,
    zone: Tz,
}

impl Previous {
    /// The window.
    pub(super) fn window(&self) -> Window {
        between(self.from, self.to, self.zone)
    }
}

/// The days before these: as many whole months where these are whole months, else as many days, which for whole weeks are weeks.
fn days_before(from: NaiveDate, to: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    let after = to.succ_opt()?;
    let before = from.pred_opt()?;
    if from.day() == 1 && after.day() == 1 {
        let months = (after.year() - from.year()) * 12 + after.month() as i32 - from.month() as i32;
        return Some((from.checked_sub_months(Months::new(u32::try_from(months).ok()?))?, before));
    }
    let length = u64::try_from((after - from).num_days()).ok()?;
    Some((from.checked_sub_days(Days::new(length))?, before))
}

/// From the start of one day to the end of another.
fn between(from: NaiveDate, to: NaiveDate, zone: Tz) -> Window {
    Window { from: start_of_day(from, zone), until: start_of_day(to.succ_opt().unwrap_or(to), zone) }
}

fn zone(text: Option<&str>) -> Result<Tz, Rule> {
    text.map_or(Ok(Tz::Asia__Riyadh), |name| name.parse().map_err(|_| Rule::time_zone()))
}

fn day(text: Option<&str>, default: NaiveDate) -> Result<NaiveDate, Rule> {
    let in_range = |day: &NaiveDate| (2000..=2100).contains(&day.year());
    match text.map(str::parse::<NaiveDate>) {
        None => Ok(default),
        Some(Ok(day)) if in_range(&day) => Ok(day),
        Some(Ok(_)) => Err(Rule::day_range("2000-01-01", "2100-12-31")),
        Some(Err(_)) => Err(Rule::day()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_months_are_compared_with_whole_months_and_other_days_with_as_many() {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
        for (from, to, before_from, before_to) in [
            ("2026-03-01", "2026-03-31", "2026-02-01", "2026-02-28"),
            ("2026-01-01", "2026-03-31", "2025-10-01", "2025-12-31"),
            ("2026-01-01", "2026-12-31", "2025-01-01", "2025-12-31"),
            ("2026-03-01", "2026-03-30", "2026-01-30", "2026-02-28"),
            ("2026-03-08", "2026-03-14", "2026-03-01", "2026-03-07"),
            ("2026-03-05", "2026-03-05", "2026-03-04", "2026-03-04"),
        ] {
            let expected = Some((day(before_from), day(before_to)));
            assert_eq!(days_before(day(from), day(to)), expected, "{from} to {to}");
        }
    }
}
