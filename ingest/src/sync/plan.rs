//! Slices of a run: months of orders, newest first; customers and products whole.

use chrono::{Datelike, Days, Months, NaiveDate};

/// One slice of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// `orders`, `customers` or `products`.
    pub resource: String,
    /// `YYYY-MM` or `all`.
    pub name: String,
}

/// First and last day of orders in a slice, both included, in Asia/Riyadh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First.
    pub first: NaiveDate,
    /// Last.
    pub last: NaiveDate,
}

impl Window {
    /// The days to ask Salla for: a day more on each side, because nobody says whether its bounds are included
    /// (FACTS §4.1).
    pub fn asked(self) -> (NaiveDate, NaiveDate) {
        (
            self.first.checked_sub_days(Days::new(1)).unwrap_or(self.first),
            self.last.checked_add_days(Days::new(1)).unwrap_or(self.last),
        )
    }

    /// Whether `day` belongs to the slice.
    pub fn contains(self, day: NaiveDate) -> bool {
        (self.first..=self.last).contains(&day)
    }
}

/// All slices of a run, in the order in which they are worked on.
pub fn slices(from: NaiveDate, until: NaiveDate) -> Vec<Slice> {
    let mut all = vec![Slice { resource: "products".into(), name: "all".into() }];
    let mut month = until.with_day(1).unwrap_or(until);
    while month >= from.with_day(1).unwrap_or(from) {
        all.push(Slice { resource: "orders".into(), name: month.format("%Y-%m").to_string() });
        let Some(previous) = month.checked_sub_months(Months::new(1)) else { break };
        month = previous;
    }
    all.push(Slice { resource: "customers".into(), name: "all".into() });
    all
}

/// The days of the month `name` that lie in the run's window.
pub fn days(name: &str, from: NaiveDate, until: NaiveDate) -> Option<Window> {
    let first: NaiveDate = format!("{name}-01").parse().ok()?;
    let last = first.checked_add_months(Months::new(1))?.pred_opt()?;
    Some(Window { first: first.max(from), last: last.min(until) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day of the test")
    }

    #[test]
    fn every_day_of_the_window_lies_in_exactly_one_slice() {
        let (from, until) = (day("2024-11-21"), day("2026-11-21"));
        let slices = slices(from, until);
        let months: Vec<Window> = slices.iter().filter_map(|s| days(&s.name, from, until)).collect();
        assert_eq!(months.len(), 25);
        for day in from.iter_days().take_while(|d| *d <= until) {
            assert_eq!(months.iter().filter(|m| m.contains(day)).count(), 1, "{day}");
        }
        assert!(months.iter().all(|m| m.first >= from && m.last <= until));
    }

    #[test]
    fn newest_months_come_first_and_a_day_is_asked_for_on_each_side() {
        let slices = slices(day("2026-09-05"), day("2026-11-21"));
        let names: Vec<&str> = slices.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["all", "2026-11", "2026-10", "2026-09", "all"]);
        let september = days("2026-09", day("2026-09-05"), day("2026-11-21")).expect("a month");
        assert_eq!(september.asked(), (day("2026-09-04"), day("2026-10-01")));
    }
}
