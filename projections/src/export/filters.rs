//! What an export is narrowed to: checked when it is asked for, and read again by the worker from the event.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use qafila_schemas::words::rule::Rule;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::report::Report;
use crate::olap::reports::{Granularity, start_of_day};

const LONGEST_STATUS: usize = 100;

/// Filters of an export. Days are those of the time zone; both ends are included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Filters {
    /// First day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<NaiveDate>,
    /// Last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<NaiveDate>,
    /// Zone of the days, and of times in a CSV file: an IANA name.
    pub timezone: Tz,
    /// `day`, `week` or `month`: width of a point of a trend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granularity: Option<String>,
    /// Salla's slug of a status of orders, or a status of products.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Salla's id of a customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<i64>,
}

/// A filter that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFilter {
    /// Its name.
    pub name: String,
    /// The rule.
    pub rule: Rule,
}

impl Filters {
    /// Reads the filters of an export of `report`; everything that is wrong is named.
    pub fn check(report: Report, given: &Map<String, Value>) -> Result<Self, Vec<BadFilter>> {
        let mut bad = vec![];
        for name in given.keys() {
            if !report.filters().contains(&name.as_str()) {
                bad.push(BadFilter { name: name.clone(), rule: Rule::unknown_filter(report.filters()) });
            }
        }
        let mut take = |name: &str, check: fn(&Value) -> Result<Value, Rule>| {
            let value = given.get(name).filter(|value| !value.is_null())?;
            check(value).map_err(|rule| bad.push(BadFilter { name: name.to_owned(), rule })).ok()
        };
        let checked: Map<String, Value> = [
            ("from", take("from", day)),
            ("to", take("to", day)),
            ("timezone", take("timezone", zone).or_else(|| Some(Tz::Asia__Riyadh.name().into()))),
            ("granularity", take("granularity", granularity)),
            ("status", take("status", status)),
            ("customerId", take("customerId", id)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
        let filters = serde_json::from_value::<Self>(Value::Object(checked));
        match filters {
            Ok(filters) if filters.from.zip(filters.to).is_some_and(|(from, to)| from > to) => {
                bad.push(BadFilter { name: "from".into(), rule: Rule::not_after("to") });
                Err(bad)
            }
            Ok(filters) if bad.is_empty() => Ok(filters),
            Ok(_) => Err(bad),
            Err(_) => {
                bad.push(BadFilter { name: String::new(), rule: Rule::wrong_type("object") });
                Err(bad)
            }
        }
    }

    /// As the event keeps them: fields in order, nothing that was not asked for.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("days, names and numbers are JSON")
    }

    /// From the start of the first day to the end of the last.
    pub fn window(&self) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let start = |day| start_of_day(day, self.timezone);
        (self.from.map(start), self.to.map(|day| start(day.succ_opt().unwrap_or(day))))
    }

    /// Width of a point of a trend.
    pub fn width(&self) -> Granularity {
        match self.granularity.as_deref() {
            Some("week") => Granularity::Week,
            Some("month") => Granularity::Month,
            _ => Granularity::Day,
        }
    }
}

fn text(value: &Value) -> Result<&str, Rule> {
    value.as_str().ok_or_else(|| Rule::wrong_type("string"))
}

fn day(value: &Value) -> Result<Value, Rule> {
    let day: NaiveDate = text(value)?.parse().map_err(|_| Rule::day())?;
    if (2000..=2100).contains(&day.year()) {
        Ok(day.to_string().into())
    } else {
        Err(Rule::day_range("2000-01-01", "2100-12-31"))
    }
}

fn zone(value: &Value) -> Result<Value, Rule> {
    let zone: Tz = text(value)?.parse().map_err(|_| Rule::time_zone())?;
    Ok(zone.name().into())
}

fn granularity(value: &Value) -> Result<Value, Rule> {
    let name = text(value)?;
    let known = matches!(name, "day" | "week" | "month");
    if known { Ok(name.into()) } else { Err(Rule::one_of(&["day", "week", "month"])) }
}

fn status(value: &Value) -> Result<Value, Rule> {
    let slug = text(value)?;
    let fits = (1..=LONGEST_STATUS).contains(&slug.chars().count()) && !slug.chars().any(char::is_control);
    if fits { Ok(slug.into()) } else { Err(Rule::length(1, LONGEST_STATUS as i64)) }
}

fn id(value: &Value) -> Result<Value, Rule> {
    let id = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    id.map(Into::into).ok_or_else(Rule::id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(report: Report, given: Value) -> Result<Filters, Vec<BadFilter>> {
        Filters::check(report, given.as_object().expect("an object"))
    }

    #[test]
    fn every_bad_filter_is_named_with_its_rule() {
        let bad = check(
            Report::Orders,
            json!({"from": "31.3.2026", "to": 5, "timezone": "Mars/Olympus", "granularity": "day", "customerId": "x"}),
        )
        .expect_err("all are bad");
        let mut names: Vec<_> = bad.iter().map(|bad| bad.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["customerId", "from", "granularity", "timezone", "to"]);
        let bad =
            check(Report::Orders, json!({"from": "2026-04-01", "to": "2026-03-31"})).expect_err("from > to");
        assert_eq!(bad[0].name, "from");
    }

    #[test]
    fn the_worker_reads_what_was_asked_and_days_are_those_of_the_zone() {
        let asked =
            check(Report::Orders, json!({"to": "2026-03-31", "from": "2026-03-01", "status": "delivered"}))
                .expect("good filters");
        let again: Value = serde_json::from_str(&asked.to_json()).expect("JSON");
        assert_eq!(check(Report::Orders, again), Ok(asked.clone()));
        let (from, until) = asked.window();
        assert_eq!(from.map(|at| at.to_rfc3339()).as_deref(), Some("2026-02-28T21:00:00+00:00"));
        assert_eq!(until.map(|at| at.to_rfc3339()).as_deref(), Some("2026-03-31T21:00:00+00:00"));
        let cairo = json!({"from": "2026-04-24", "timezone": "Africa/Cairo"});
        let (from, _) = check(Report::Orders, cairo).expect("good filters").window();
        assert_eq!(
            from.map(|at| at.to_rfc3339()).as_deref(),
            Some("2026-04-23T22:00:00+00:00"),
            "no midnight that day"
        );
        assert_eq!(check(Report::Products, json!({})).expect("none").window(), (None, None));
    }
}
