//! Days and time zones as parameters spell them.

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use qafila_schemas::spelling;
use qafila_schemas::words::rule::Rule;

/// A day from 2000 to 2100, `YYYY-MM-DD`.
pub fn day(text: &str) -> Result<NaiveDate, Rule> {
    let day: NaiveDate = spelling::ascii_digits(text).parse().map_err(|_| Rule::day())?;
    if (2000..=2100).contains(&day.year()) {
        Ok(day)
    } else {
        Err(Rule::day_range("2000-01-01", "2100-12-31"))
    }
}

/// A time zone of IANA.
pub fn zone(text: &str) -> Result<Tz, Rule> {
    text.parse().map_err(|_| Rule::time_zone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_may_be_typed_in_digits_of_any_script() {
        assert_eq!(day("٢٠٢٦-٠٣-٣١"), day("2026-03-31"));
        assert_eq!(day("31.3.2026"), Err(Rule::day()));
        assert_eq!(day("1999-12-31").expect_err("too early").code(), "day-range");
        assert!(zone("Asia/Riyadh").is_ok() && zone("Mars").is_err());
    }
}
