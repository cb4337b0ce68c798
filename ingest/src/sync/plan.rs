//! Slices of a run: today, then months of orders, newest first; customers and products whole. A slice that is too large for
//! Salla's deep pages is split (FACTS §4).

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeZone, Utc};

use crate::salla::shapes::values::riyadh;

/// Statuses that the products list can be asked for (FACTS §4.5).
const PRODUCT_STATUSES: [&str; 3] = ["sale", "out", "hidden"];

/// What a slice of customers by creation begins with.
const CREATED: &str = "created=";
/// Rows of a page that may be of days that were not asked for before the list is said to ignore the days.
const FEW_STRAYS: usize = 20;

/// No store at Salla is older.
const EARLIEST: (i32, u32, u32) = (2010, 1, 1);

/// One slice of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// `orders`, `customers` or `products`.
    pub resource: String,
    /// `YYYY-MM`, `YYYY-MM-DD..YYYY-MM-DD`, `created=YYYY-MM-DD..YYYY-MM-DD`, `status=…` or `all`.
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
    /// The days to ask Salla for: two more on each side, because nobody says whether its bounds are included, nor where its days
    /// begin (FACTS §4.1, §5).
    pub fn asked(self) -> (NaiveDate, NaiveDate) {
        (
            self.first.checked_sub_days(Days::new(2)).unwrap_or(self.first),
            self.last.checked_add_days(Days::new(2)).unwrap_or(self.last),
        )
    }

    /// Where `day` lies: before the slice (-1), in it (0), after it (1).
    pub fn side(self, day: NaiveDate) -> i16 {
        i16::from(day > self.last) - i16::from(day < self.first)
    }

    /// Whether `day` is one that Salla is asked for.
    fn is_asked_for(self, day: NaiveDate) -> bool {
        let (first, last) = self.asked();
        (first..=last).contains(&day)
    }

    /// From the first instant of its first day up to the first instant after its last.
    pub fn span(self) -> (DateTime<Utc>, DateTime<Utc>) {
        (midnight(self.first), midnight(self.last.succ_opt().unwrap_or(self.last)))
    }

    fn name(self) -> String {
        format!("{}..{}", self.first, self.last)
    }

    /// The later and the earlier half; none of a single day.
    pub fn halves(self) -> Option<[Self; 2]> {
        if self.first >= self.last {
            return None;
        }
        let half = (self.last - self.first).num_days() / 2;
        let middle = self.first.checked_add_signed(chrono::Duration::days(half))?;
        Some([Self { first: middle.succ_opt()?, last: self.last }, Self { first: self.first, last: middle }])
    }
}

/// Side of a row that does not tell its day: every slice that it might belong to lists it.
pub const UNDATED: i16 = 2;
/// Side of a row of another day than was asked for: the slice of its day need not list it.
pub const STRAY: i16 = 3;

/// Where the rows of a page of the slice `window` lie, by the days that they tell: as [`Window::side`], [`UNDATED`] or [`STRAY`]. Where many
/// are of other days Salla ignores the days, and each is listed by its own slice.
pub fn sides(window: Window, run: Window, days: &[Option<NaiveDate>]) -> Vec<i16> {
    let is_stray = |day: NaiveDate| !window.is_asked_for(day);
    let strays = days.iter().flatten().filter(|day| is_stray(**day)).count();
    // One slice for all days is asked for where Salla ignores them: what lies before is not of the run.
    let are_few = window != run && (strays <= FEW_STRAYS || strays * 2 <= days.len());
    let side = |day: NaiveDate| if are_few && is_stray(day) { STRAY } else { window.side(day) };
    days.iter().map(|day| day.map_or(UNDATED, side)).collect()
}

/// The first instant of a day in Asia/Riyadh.
pub fn midnight(day: NaiveDate) -> DateTime<Utc> {
    let local = day.and_time(chrono::NaiveTime::MIN);
    riyadh().from_local_datetime(&local).single().map_or_else(|| local.and_utc(), |at| at.to_utc())
}

/// All slices of a run, in the order in which they are worked on. The last day is one by itself: it still moves.
pub fn slices(from: NaiveDate, until: NaiveDate) -> Vec<Slice> {
    let orders = |name: String| Slice { resource: "orders".into(), name };
    let mut all = vec![Slice { resource: "products".into(), name: "all".into() }];
    all.push(orders(Window { first: until, last: until }.name()));
    let mut month = until.with_day(1).unwrap_or(until);
    if let Some(yesterday) = until.pred_opt().filter(|day| *day >= month && *day >= from) {
        all.push(orders(Window { first: month.max(from), last: yesterday }.name()));
    }
    while let Some(previous) = month.checked_sub_months(Months::new(1)) {
        month = previous;
        if month < from.with_day(1).unwrap_or(from) {
            break;
        }
        all.push(orders(month.format("%Y-%m").to_string()));
    }
    all.push(Slice { resource: "customers".into(), name: "all".into() });
    all
}

/// All orders of a run as one slice.
pub fn whole(from: NaiveDate, until: NaiveDate) -> Slice {
    Slice { resource: "orders".into(), name: Window { first: from, last: until }.name() }
}

/// The days of the slice `name` that lie in the run's window; none for a slice that is not of days.
pub fn days(name: &str, from: NaiveDate, until: NaiveDate) -> Option<Window> {
    let (first, last) = if let Some((first, last)) = name.split_once("..") {
        (first.parse().ok()?, last.parse().ok()?)
    } else {
        let first: NaiveDate = format!("{name}-01").parse().ok()?;
        (first, first.checked_add_months(Months::new(1))?.pred_opt()?)
    };
    Some(Window { first: first.max(from), last: last.min(until) })
}

/// The days of creation that a slice of customers asks for.
pub fn created(name: &str) -> Option<Window> {
    let (first, last) = name.strip_prefix(CREATED)?.split_once("..")?;
    Some(Window { first: first.parse().ok()?, last: last.parse().ok()? })
}

/// Whether a part of the customers is the first of all.
pub fn is_earliest(window: Window) -> bool {
    let (year, month, day) = EARLIEST;
    NaiveDate::from_ymd_opt(year, month, day).is_some_and(|earliest| window.first <= earliest)
}

/// The status that a slice of products asks for.
pub fn status(name: &str) -> Option<&str> {
    name.strip_prefix("status=")
}

/// The slices that a too large one falls into; none where it cannot be split.
pub fn split(resource: &str, name: &str, from: NaiveDate, until: NaiveDate) -> Vec<Slice> {
    let slice = |name: String| Slice { resource: resource.to_owned(), name };
    let halves = |window: Window| window.halves().into_iter().flatten();
    match (resource, name) {
        ("products", "all") => {
            PRODUCT_STATUSES.iter().map(|status| slice(format!("status={status}"))).collect()
        }
        ("customers", _) => {
            let (year, month, day) = EARLIEST;
            let whole = NaiveDate::from_ymd_opt(year, month, day).map(|first| Window { first, last: until });
            let window = if name == "all" { whole } else { created(name) };
            window
                .into_iter()
                .flat_map(halves)
                .map(|half| slice(format!("{CREATED}{}", half.name())))
                .collect()
        }
        ("orders", _) => {
            days(name, from, until).into_iter().flat_map(halves).map(|half| slice(half.name())).collect()
        }
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day of the test")
    }

    fn windows(slices: &[Slice], from: NaiveDate, until: NaiveDate) -> Vec<Window> {
        slices.iter().filter_map(|s| days(&s.name, from, until)).collect()
    }

    fn assert_covered_once(windows: &[Window], from: NaiveDate, until: NaiveDate) {
        for day in from.iter_days().take_while(|d| *d <= until) {
            assert_eq!(windows.iter().filter(|w| w.side(day) == 0).count(), 1, "{day}");
        }
        assert!(windows.iter().all(|w| w.first >= from && w.last <= until));
    }

    #[test]
    fn a_row_of_another_day_than_was_asked_for_is_read_where_it_is_listed_unless_days_are_ignored() {
        let (run, month) = (
            Window { first: day("2025-11-28"), last: day("2026-11-28") },
            Window { first: day("2026-03-01"), last: day("2026-03-31") },
        );
        let told = |days: &[&str]| -> Vec<Option<NaiveDate>> {
            days.iter().map(|text| (!text.is_empty()).then(|| day(text))).collect()
        };
        let of = |page: &[&str]| sides(month, run, &told(page));
        assert_eq!(of(&["2026-03-01", "2026-02-28", "2026-04-02", ""]), [0, -1, 1, UNDATED]);
        assert_eq!(of(&["2026-03-01", "2026-06-05", "2019-01-01"]), [0, STRAY, STRAY]);
        assert_eq!(of(&["2026-06-05"]), [STRAY], "alone on its page");
        let all_of_the_store = ["2026-06-05"; 60];
        assert_eq!(of(&all_of_the_store), [1; 60], "Salla ignores the days");
        assert_eq!(sides(run, run, &told(&["2019-01-01"])), [-1], "before the depth of the import");
    }

    #[test]
    fn every_day_of_the_window_lies_in_exactly_one_slice() {
        for (from, until) in
            [("2024-11-21", "2026-11-21"), ("2024-11-01", "2026-11-01"), ("2026-11-20", "2026-11-21")]
        {
            let (from, until) = (day(from), day(until));
            assert_covered_once(&windows(&slices(from, until), from, until), from, until);
        }
    }

    #[test]
    fn newest_slices_come_first_and_two_days_are_asked_for_on_each_side() {
        let slices = slices(day("2026-09-05"), day("2026-11-21"));
        let names: Vec<&str> = slices.iter().map(|s| s.name.as_str()).collect();
        let orders = ["2026-11-21..2026-11-21", "2026-11-01..2026-11-20", "2026-10", "2026-09"];
        assert_eq!(names, [&["all"][..], &orders, &["all"]].concat());
        let september = days("2026-09", day("2026-09-05"), day("2026-11-21")).expect("a month");
        assert_eq!(september.asked(), (day("2026-09-03"), day("2026-10-02")));
        assert_eq!(september.span().0.to_rfc3339(), "2026-09-04T21:00:00+00:00");
    }

    #[test]
    fn a_slice_falls_into_parts_that_cover_it_and_a_single_day_into_none() {
        let (from, until) = (day("2026-09-05"), day("2026-11-21"));
        let halves = split("orders", "2026-09", from, until);
        assert_covered_once(&windows(&halves, from, until), day("2026-09-05"), day("2026-09-30"));
        assert!(split("orders", "2026-09-07..2026-09-07", from, until).is_empty());
        let customers = split("customers", "all", from, until);
        let windows: Vec<_> = customers.iter().filter_map(|s| created(&s.name)).collect();
        assert_covered_once(&windows, day("2010-01-01"), until);
        assert_eq!(split("customers", &customers[0].name, from, until).len(), 2);
        let statuses: Vec<_> = split("products", "all", from, until).into_iter().map(|s| s.name).collect();
        assert_eq!(statuses, ["status=sale", "status=out", "status=hidden"]);
        assert_eq!(status("status=out"), Some("out"));
    }
}
