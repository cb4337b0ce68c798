//! The days that a report is compared with.

use chrono::{Datelike, Days, Months, NaiveDate};
use icu_calendar::Date;
use icu_calendar::cal::hijri::UmmAlQura;
use icu_calendar::cal::{Hijri, Iso};
use icu_calendar::options::{DateFromFieldsOptions, Overflow};
use icu_calendar::types::DateFields;
use qafila_projections::olap::reports::Window;

/// Which days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Those just before: as many whole months where these are whole months, else as many days.
    Previous,
    /// The same days of the last year.
    LastYear,
    /// The same days of the last year of the Umm al-Qura calendar: Ramadan with Ramadan.
    HijriLastYear,
}

impl Comparison {
    /// Names of all, as they are asked for.
    pub(super) const NAMES: [&str; 3] = ["previous", "last-year", "hijri-last-year"];

    /// By its name.
    pub(super) fn named(name: &str) -> Option<Self> {
        let place = Self::NAMES.iter().position(|known| *known == name)?;
        [Self::Previous, Self::LastYear, Self::HijriLastYear].get(place).copied()
    }

    /// First and last day that these are compared with.
    pub(super) fn days(self, from: NaiveDate, to: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
        match self {
            Self::Previous => days_before(from, to),
            Self::LastYear => {
                let year = Months::new(12);
                let (first, last) = (from.checked_sub_months(year)?, to.checked_sub_months(year)?);
                let are_whole_months = from.day() == 1 && to.succ_opt()?.day() == 1;
                Some((first, if are_whole_months { end_of_month(last)? } else { last }))
            }
            Self::HijriLastYear => {
                let first = hijri_year_before(from)?;
                // As many days: a month of another year may have one less.
                let length = u64::try_from((to - from).num_days()).ok()?;
                Some((first, first.checked_add_days(Days::new(length))?))
            }
        }
    }
}

/// Days that a report is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compared {
    /// First day.
    pub(super) from: NaiveDate,
    /// Last day, included.
    pub(super) to: NaiveDate,
    /// From the start of the first to the end of the last.
    pub(super) window: Window,
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

fn end_of_month(day: NaiveDate) -> Option<NaiveDate> {
    day.with_day(1)?.checked_add_months(Months::new(1))?.pred_opt()
}

/// The same day of the Hijri year before; the last of its month where that month is shorter.
fn hijri_year_before(day: NaiveDate) -> Option<NaiveDate> {
    let hijri = to_hijri(day)?;
    from_hijri(hijri.0 - 1, hijri.1, hijri.2)
}

/// Year, month and day of the Umm al-Qura calendar.
pub(super) fn to_hijri(day: NaiveDate) -> Option<(i32, u8, u8)> {
    let iso =
        Date::try_new_iso(day.year(), u8::try_from(day.month()).ok()?, u8::try_from(day.day()).ok()?).ok()?;
    let hijri = iso.to_calendar(Hijri::new_umm_al_qura());
    Some((hijri.year().extended_year(), hijri.month().ordinal, hijri.day_of_month().0))
}

/// A day of the Umm al-Qura calendar; the last of its month where that is shorter.
pub(super) fn from_hijri(year: i32, month: u8, day: u8) -> Option<NaiveDate> {
    let mut fields = DateFields::default();
    fields.extended_year = Some(year);
    fields.ordinal_month = Some(month);
    fields.day = Some(day);
    let mut options = DateFromFieldsOptions::default();
    options.overflow = Some(Overflow::Constrain);
    let calendar: Hijri<UmmAlQura> = Hijri::new_umm_al_qura();
    let iso = Date::try_from_fields(fields, options, calendar).ok()?.to_calendar(Iso);
    NaiveDate::from_ymd_opt(
        iso.year().extended_year(),
        iso.month().ordinal.into(),
        iso.day_of_month().0.into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn whole_months_are_compared_with_whole_months_and_other_days_with_as_many() {
        for (from, to, before_from, before_to) in [
            ("2026-03-01", "2026-03-31", "2026-02-01", "2026-02-28"),
            ("2026-01-01", "2026-03-31", "2025-10-01", "2025-12-31"),
            ("2026-01-01", "2026-12-31", "2025-01-01", "2025-12-31"),
            ("2026-03-01", "2026-03-30", "2026-01-30", "2026-02-28"),
            ("2026-03-08", "2026-03-14", "2026-03-01", "2026-03-07"),
            ("2026-03-05", "2026-03-05", "2026-03-04", "2026-03-04"),
        ] {
            let expected = Some((day(before_from), day(before_to)));
            assert_eq!(Comparison::Previous.days(day(from), day(to)), expected, "{from} to {to}");
        }
    }

    #[test]
    fn the_last_year_has_the_same_days_and_the_hijri_one_the_same_of_umm_al_qura() {
        let last = |from, to| Comparison::LastYear.days(day(from), day(to));
        assert_eq!(last("2026-03-01", "2026-03-31"), Some((day("2025-03-01"), day("2025-03-31"))));
        assert_eq!(
            last("2025-02-01", "2025-02-28"),
            Some((day("2024-02-01"), day("2024-02-29"))),
            "a whole month"
        );
        assert_eq!(last("2024-02-29", "2024-02-29"), Some((day("2023-02-28"), day("2023-02-28"))));
        // Ramadan 1447 began on 18 February 2026, Ramadan 1446 on 1 March 2025.
        assert_eq!(to_hijri(day("2026-02-18")), Some((1447, 9, 1)));
        assert_eq!(to_hijri(day("2025-03-01")), Some((1446, 9, 1)));
        let hijri = Comparison::HijriLastYear.days(day("2026-02-18"), day("2026-03-19"));
        assert_eq!(hijri, Some((day("2025-03-01"), day("2025-03-30"))));
    }
}
