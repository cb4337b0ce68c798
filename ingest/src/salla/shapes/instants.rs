//! Instants as Salla spells them: PHP's date object with its three kinds of zone, texts with and without zone, JavaScript's spelling.
//!
//! A zone that is named but not known to us makes a date unreadable; it is never taken for another zone.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use qafila_schemas::millis::Millis;

use super::reading::{Notes, Object, Reading};
use super::values::{is_nothing, latin_digits, riyadh, scalar};

/// Years in which something can have happened at a store; beyond them a date is a mistake (a Hijri year, say), and no database of ours
/// need hold it.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=2200;

/// Where a date without a zone is meant.
#[derive(Debug, Clone, Copy)]
enum Zone {
    Offset(FixedOffset),
    Named(Tz),
}

/// Reads a date: an object `{date, timezone_type, timezone}`, or a text.
pub fn read(json: &str) -> Reading<Millis> {
    if is_nothing(json) || json == "false" {
        return Reading::Empty;
    }
    let notes = Notes::default();
    let (text, zone) = match Object::parse(json, String::new(), &notes) {
        Some(object) => {
            let zone = match object.raw("timezone") {
                Some(raw) if !is_nothing(raw) && !raw.starts_with('"') => return Reading::Odd,
                Some(raw) if !is_nothing(raw) => {
                    match object.text("timezone").value().map(|name| zone(&name)) {
                        Some(Some(zone)) => Some(zone),
                        _ => return Reading::Odd,
                    }
                }
                _ => None,
            };
            match object.raw("date") {
                Some(raw) if !is_nothing(raw) => (scalar(raw).filter(|_| raw.starts_with('"')), zone),
                Some(_) => return Reading::Empty,
                None => return Reading::Odd,
            }
        }
        // A bare number is no date: nobody says what it counts.
        None => (scalar(json).filter(|_| json.starts_with('"')), None),
    };
    let Some(text) = text.map(|text| latin_digits(text.trim())) else { return Reading::Odd };
    if is_no_date(&text) {
        return Reading::Empty;
    }
    instant(&text, zone).map_or(Reading::Odd, |at| Reading::Value(at.into()))
}

/// Reads a text; without a zone it is of Asia/Riyadh.
pub fn of_text(text: &str) -> Option<DateTime<Utc>> {
    instant(&latin_digits(text.trim()), None)
}

/// What databases write where there is no date.
fn is_no_date(text: &str) -> bool {
    text.is_empty() || text == "null" || text.starts_with("0000-00-00") || text.starts_with("-0001-11-30")
}

fn instant(text: &str, zone: Option<Zone>) -> Option<DateTime<Utc>> {
    any_instant(text, zone).filter(|at| YEARS.contains(&at.year()))
}

fn any_instant(text: &str, zone: Option<Zone>) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    if let Some(local) = local(text) {
        return in_zone(local, zone);
    }
    // JavaScript adds the name of the zone in brackets.
    let spelt = text.split(" (").next().unwrap_or(text);
    if let Ok(at) = DateTime::parse_from_str(spelt, "%a %b %d %Y %H:%M:%S GMT%z") {
        return Some(at.to_utc());
    }
    // A zone of its own behind the time: 2022-06-16 14:48:20 +03:00, 2022-06-16T14:48:20+0300
    let at = text.get(11..)?.find(['+', '-', ' ', 'Z'])? + 11;
    let (time, own) = text.split_at(at);
    in_zone(local(time)?, Some(self::zone(own.trim())?))
}

fn local(text: &str) -> Option<NaiveDateTime> {
    let day_alone = || text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN));
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]
        .into_iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(day_alone)
}

fn in_zone(local: NaiveDateTime, zone: Option<Zone>) -> Option<DateTime<Utc>> {
    match zone {
        None => riyadh().from_local_datetime(&local).single().map(|at| at.to_utc()),
        Some(Zone::Offset(offset)) => offset.from_local_datetime(&local).single().map(|at| at.to_utc()),
        Some(Zone::Named(zone)) => zone.from_local_datetime(&local).earliest().map(|at| at.to_utc()),
    }
}

/// A zone as PHP names it: an offset (type 1), an abbreviation (type 2), an identifier (type 3).
fn zone(name: &str) -> Option<Zone> {
    if name.starts_with(['+', '-']) {
        return offset(name).map(Zone::Offset);
    }
    if let Some(offset) = abbreviation(name) {
        return Some(Zone::Offset(offset));
    }
    // GMT+0300
    if let Some(rest) = name.strip_prefix("GMT").or_else(|| name.strip_prefix("UTC")) {
        return offset(rest).map(Zone::Offset);
    }
    name.parse().ok().map(Zone::Named)
}

/// `+03:00`, `+0300`, `+03`.
fn offset(text: &str) -> Option<FixedOffset> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits: String = text.get(1..)?.chars().filter(|c| *c != ':').collect();
    if digits.len() < 2 || digits.len() > 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) =
        if digits.len() > 2 { digits.split_at(digits.len() - 2) } else { (digits.as_str(), "0") };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60).then(|| FixedOffset::east_opt(sign * (hours * 3_600 + minutes * 60)))?
}

/// Abbreviations that PHP writes and that mean one thing there; one that means several (IST, BST, CST of China) is not among them.
fn abbreviation(name: &str) -> Option<FixedOffset> {
    let hours = match name.to_ascii_uppercase().as_str() {
        "Z" | "UTC" | "GMT" | "WET" => 0,
        "CET" | "WEST" => 1,
        "CEST" | "EET" => 2,
        "EEST" | "MSK" => 3,
        "PKT" => 5,
        "JST" | "KST" => 9,
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" | "AKDT" => -8,
        "AKST" => -9,
        "HST" => -10,
        _ => return None,
    };
    FixedOffset::east_opt(hours * 3_600)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(json: &str) -> String {
        match read(json) {
            Reading::Value(at) => at.to_string(),
            Reading::Empty => "none".into(),
            Reading::Odd => "odd".into(),
        }
    }

    fn object(date: &str, kind: u8, zone: &str) -> String {
        format!(r#"{{"date":"{date}","timezone_type":{kind},"timezone":"{zone}"}}"#)
    }

    #[test]
    fn dates_are_read_in_their_zone_and_in_riyadh_without_one() {
        let at = "2022-06-16 14:48:20.000000";
        for (kind, zone, expected) in [
            (3, "Asia/Riyadh", "2022-06-16T11:48:20.000Z"),
            (3, "UTC", "2022-06-16T14:48:20.000Z"),
            (1, "+00:00", "2022-06-16T14:48:20.000Z"),
            (1, "+03:00", "2022-06-16T11:48:20.000Z"),
            (1, "-04:30", "2022-06-16T19:18:20.000Z"),
            (2, "Z", "2022-06-16T14:48:20.000Z"),
            (2, "EDT", "2022-06-16T18:48:20.000Z"),
            (2, "utc", "2022-06-16T14:48:20.000Z"),
            (2, "XQT", "odd"),
            (3, "Asia/Atlantis", "odd"),
            (1, "+99:99", "odd"),
        ] {
            assert_eq!(date(&object(at, kind, zone)), expected, "{zone}");
        }
        for (text, expected) in [
            ("2022-04-05 15:09:18", "2022-04-05T12:09:18.000Z"),
            ("2022-04-05T15:09:18Z", "2022-04-05T15:09:18.000Z"),
            ("2022-04-05T15:09:18", "2022-04-05T12:09:18.000Z"),
            ("2022-04-05T15:09:18+0300", "2022-04-05T12:09:18.000Z"),
            ("2022-04-05 15:09:18 +03:00", "2022-04-05T12:09:18.000Z"),
            ("2022-04-05 15:09:18 UTC", "2022-04-05T15:09:18.000Z"),
            ("2022-04-05 15:09", "2022-04-05T12:09:00.000Z"),
            ("2022-04-05", "2022-04-04T21:00:00.000Z"),
            ("Sun Jun 26 2022 12:21:48 GMT+0300", "2022-06-26T09:21:48.000Z"),
            ("Sun Jun 26 2022 12:21:48 GMT+0300 (Arabian Standard Time)", "2022-06-26T09:21:48.000Z"),
            ("٢٠٢٢-٠٤-٠٥ ١٥:٠٩:١٨", "2022-04-05T12:09:18.000Z"),
            ("0000-00-00 00:00:00", "none"),
            ("-0001-11-30 00:00:00.000000", "none"),
            ("", "none"),
            ("soon", "odd"),
            ("9999-12-31 00:00:00", "odd"),
            ("1443-11-17 14:48:20", "odd"),
            ("2022-04-05 15:09:18 XQT", "odd"),
            ("Sun Jun 26 2022 12:21:48", "odd"),
            ("05/04/2022", "odd"),
        ] {
            assert_eq!(date(&format!("\"{text}\"")), expected, "{text}");
        }
        assert_eq!(date(r#"{"date":"2022-06-16 14:48:20"}"#), "2022-06-16T11:48:20.000Z");
        assert_eq!(date(r#"{"date":null,"timezone":"Asia/Riyadh"}"#), "none");
        for odd in [
            "631152000",
            "true",
            "[1]",
            r#"{"timezone":"UTC"}"#,
            r#"{"date":17}"#,
            r#"{"date":"2022-06-16","timezone":5}"#,
        ] {
            assert_eq!(date(odd), "odd", "{odd}");
        }
    }
}
