//! Days on which people in Saudi Arabia buy otherwise: marked on trends.

use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde::Serialize;
use utoipa::ToSchema;

use super::compared::{from_hijri, to_hijri};
use crate::values::OccasionName;

/// Days of an occasion.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct OccasionBody {
    #[schema(value_type = OccasionName)]
    name: &'static str,
    /// First day.
    from: NaiveDate,
    /// Last day, included.
    to: NaiveDate,
}

/// Occasions of the calendar of Umm al-Qura: name, month, first day, and how many days; 0 for the whole month.
const HIJRI: [(&str, u8, u8, u64); 3] =
    [("ramadan", 9, 1, 0), ("eid_al_fitr", 10, 1, 4), ("eid_al_adha", 12, 10, 4)];
/// National days: name, month, day, and the first year.
const NATIONAL: [(&str, u32, u32, i32); 3] =
    [("founding_day", 2, 22, 2022), ("flag_day", 3, 11, 2023), ("national_day", 9, 23, 2005)];

/// Names of all.
pub(crate) const NAMES: [&str; 7] =
    ["ramadan", "eid_al_fitr", "eid_al_adha", "founding_day", "flag_day", "national_day", "white_friday"];

/// The occasions that lie between these days, in part or whole, by their first day.
pub(super) fn between(from: NaiveDate, to: NaiveDate) -> Vec<OccasionBody> {
    let hijri_years = to_hijri(from).zip(to_hijri(to)).map(|(first, last)| first.0..=last.0);
    let hijri = hijri_years.into_iter().flatten().flat_map(|year| {
        HIJRI
            .into_iter()
            .filter_map(move |(name, month, day, length)| hijri_occasion(name, year, month, day, length))
    });
    let years = from.year()..=to.year();
    let national = years.clone().flat_map(|year| {
        let of_year = NATIONAL.into_iter().filter(move |(_, _, _, first)| year >= *first);
        of_year.filter_map(move |(name, month, day, _)| {
            NaiveDate::from_ymd_opt(year, month, day).map(|day| OccasionBody { name, from: day, to: day })
        })
    });
    let fridays = years.filter_map(white_friday);
    let lies_between = |occasion: &OccasionBody| occasion.from <= to && occasion.to >= from;
    let mut all: Vec<OccasionBody> = hijri.chain(national).chain(fridays).filter(lies_between).collect();
    all.sort_by_key(|occasion| (occasion.from, occasion.to));
    all
}

fn hijri_occasion(name: &'static str, year: i32, month: u8, day: u8, length: u64) -> Option<OccasionBody> {
    let from = from_hijri(year, month, day)?;
    let to = match length {
        0 => from_hijri(year, month + 1, 1)?.pred_opt()?,
        length => from.checked_add_days(Days::new(length - 1))?,
    };
    Some(OccasionBody { name, from, to })
}

/// The day after the fourth Thursday of November.
fn white_friday(year: i32) -> Option<OccasionBody> {
    let day = (23..=29)
        .filter_map(|day| NaiveDate::from_ymd_opt(year, 11, day))
        .find(|day| day.weekday() == Weekday::Fri)?;
    Some(OccasionBody { name: "white_friday", from: day, to: day })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_occasions_of_a_year_lie_where_people_keep_them() {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
        let all = between(day("2026-01-01"), day("2026-12-31"));
        let told: Vec<(&str, String, String)> =
            all.iter().map(|one| (one.name, one.from.to_string(), one.to.to_string())).collect();
        let told: Vec<(&str, &str, &str)> =
            told.iter().map(|(name, from, to)| (*name, from.as_str(), to.as_str())).collect();
        assert_eq!(
            told,
            [
                ("ramadan", "2026-02-18", "2026-03-19"),
                ("founding_day", "2026-02-22", "2026-02-22"),
                ("flag_day", "2026-03-11", "2026-03-11"),
                ("eid_al_fitr", "2026-03-20", "2026-03-23"),
                ("eid_al_adha", "2026-05-27", "2026-05-30"),
                ("national_day", "2026-09-23", "2026-09-23"),
                ("white_friday", "2026-11-27", "2026-11-27"),
            ]
        );
        let of_2029 = between(day("2029-11-01"), day("2029-11-30"));
        assert_eq!(of_2029.iter().map(|one| one.from.to_string()).collect::<Vec<_>>(), ["2029-11-23"]);
        assert_eq!(between(day("2026-03-01"), day("2026-03-02")).len(), 1, "in the middle of Ramadan");
        assert!(all.iter().all(|one| NAMES.contains(&one.name)));
    }
}
