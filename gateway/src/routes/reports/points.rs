//! Points of a trend: none is missing between the first day and the last, or today.

use chrono::{Datelike, Days, Months, NaiveDate};
use qafila_projections::olap::reports::Granularity;

/// The first day of the point that a day lies in; weeks begin on Sunday.
pub(super) fn start_of(day: NaiveDate, granularity: Granularity) -> NaiveDate {
    match granularity {
        Granularity::Day => day,
        Granularity::Week => {
            let since_sunday = u64::from(day.weekday().num_days_from_sunday());
            day.checked_sub_days(Days::new(since_sunday)).unwrap_or(day)
        }
        Granularity::Month => day.with_day(1).unwrap_or(day),
    }
}

/// The first days of all points from `from` to `to`; none begins after `today`.
pub(super) fn starts(
    from: NaiveDate,
    to: NaiveDate,
    today: NaiveDate,
    granularity: Granularity,
) -> Vec<NaiveDate> {
    let next = |day: &NaiveDate| match granularity {
        Granularity::Day => day.succ_opt(),
        Granularity::Week => day.checked_add_days(Days::new(7)),
        Granularity::Month => day.checked_add_months(Months::new(1)),
    };
    let last = to.min(today);
    std::iter::successors(Some(start_of(from, granularity)), next).take_while(|day| *day <= last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_point_is_missing_and_none_lies_after_today() {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
        let texts = |days: Vec<NaiveDate>| days.iter().map(ToString::to_string).collect::<Vec<_>>();
        let all = starts(day("2026-02-27"), day("2026-03-02"), day("2026-12-31"), Granularity::Day);
        assert_eq!(texts(all), ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]);
        let until_today = starts(day("2026-02-27"), day("2026-03-02"), day("2026-02-28"), Granularity::Day);
        assert_eq!(texts(until_today), ["2026-02-27", "2026-02-28"]);
        let weeks = starts(day("2026-02-27"), day("2026-03-08"), day("2026-12-31"), Granularity::Week);
        assert_eq!(texts(weeks), ["2026-02-22", "2026-03-01", "2026-03-08"], "weeks begin on Sunday");
        let months = starts(day("2026-01-31"), day("2026-03-01"), day("2026-12-31"), Granularity::Month);
        assert_eq!(texts(months), ["2026-01-01", "2026-02-01", "2026-03-01"]);
        assert!(starts(day("2026-03-01"), day("2026-03-02"), day("2026-02-28"), Granularity::Day).is_empty());
    }
}
