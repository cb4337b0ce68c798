//! Salla's value shapes (FACTS §3, §5): ids as numbers or text, money, PHP dates, and empty objects spelt `[]`.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime, TimeZone, Utc};
use qafila_schemas::amount::{Amount, from_json_text};
use qafila_schemas::millis::Millis;
use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Asia/Riyadh: UTC+3 all year.
pub fn riyadh() -> FixedOffset {
    FixedOffset::east_opt(3 * 3600).expect("three hours are a valid offset")
}

/// A number, or a text that is one.
pub fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    struct Id;
    impl Visitor<'_> for Id {
        type Value = i64;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a whole number")
        }
        fn visit_i64<E: Error>(self, id: i64) -> Result<i64, E> {
            Ok(id)
        }
        fn visit_u64<E: Error>(self, id: u64) -> Result<i64, E> {
            i64::try_from(id).map_err(|_| E::custom("a number beyond 63 bits"))
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
            text.trim().parse().map_err(|_| E::custom("a text that is no whole number"))
        }
    }
    deserializer.deserialize_any(Id)
}

/// An optional number; `null`, an empty text, an empty list and anything else that is no number are absent.
pub fn optional_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let raw = <Box<RawValue>>::deserialize(deserializer)?;
    let text = raw.get().trim_matches('"').trim();
    Ok(text.parse().ok())
}

/// An optional object or list that PHP may spell `[]`, `{}`, `""` or `null` when it is empty.
pub fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let raw = <Box<RawValue>>::deserialize(deserializer)?;
    let text: String = raw.get().chars().filter(|c| !c.is_whitespace()).collect();
    if matches!(text.as_str(), "null" | "[]" | "{}" | "\"\"") {
        return Ok(None);
    }
    serde_json::from_str(raw.get()).map(Some).map_err(D::Error::custom)
}

/// An optional text; empty and the word "null" are absent, numbers are read as text.
pub fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let raw = <Box<RawValue>>::deserialize(deserializer)?;
    let text = match raw.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(raw.get()).map_err(D::Error::custom)?,
        Some(b'0'..=b'9' | b'-') => raw.get().to_owned(),
        _ => return Ok(None),
    };
    let text = text.trim();
    Ok((!text.is_empty() && text != "null").then(|| text.to_owned()))
}

/// A decimal that may be spelt as a number or a text; read from its exact digits, never through a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(pub Amount);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <Box<RawValue>>::deserialize(deserializer)?;
        from_json_text(raw.get()).map(Self).map_err(D::Error::custom)
    }
}

/// `{"amount": 302.5, "currency": "SAR"}`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Money {
    /// Major units.
    pub amount: Number,
    /// ISO 4217.
    pub currency: String,
}

/// PHP's date object, or the same as plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhpDate(pub Millis);

#[derive(Deserialize)]
struct DateObject {
    date: String,
    #[serde(default)]
    timezone: Option<String>,
}

impl<'de> Deserialize<'de> for PhpDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <Box<RawValue>>::deserialize(deserializer)?;
        let (text, zone) = if raw.get().starts_with('"') {
            (serde_json::from_str(raw.get()).map_err(D::Error::custom)?, None)
        } else {
            let object: DateObject = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
            (object.date, object.timezone)
        };
        instant(&text, zone.as_deref())
            .map(|at| Self(at.into()))
            .ok_or_else(|| D::Error::custom("not a date"))
    }
}

/// Years in which something can have happened at a store; beyond them a date is a mistake, and no database of ours
/// need hold it.
pub(super) const YEARS: std::ops::RangeInclusive<i32> = 1900..=2200;

/// Reads `YYYY-MM-DD HH:MM:SS[.ffffff]` in its zone; without one, or with one unknown to us, Asia/Riyadh.
pub fn instant(text: &str, zone: Option<&str>) -> Option<DateTime<Utc>> {
    any_instant(text, zone).filter(|at| YEARS.contains(&at.year()))
}

fn any_instant(text: &str, zone: Option<&str>) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    let local = NaiveDateTime::parse_from_str(text.trim(), "%Y-%m-%d %H:%M:%S%.f").ok()?;
    match zone.and_then(|name| name.parse::<chrono_tz::Tz>().ok()) {
        Some(zone) => zone.from_local_datetime(&local).earliest().map(|at| at.to_utc()),
        None => riyadh().from_local_datetime(&local).single().map(|at| at.to_utc()),
    }
}

/// ISO 4217 in capitals.
pub fn currency(code: &str) -> String {
    code.trim().to_ascii_uppercase()
}

/// E.164 from Salla's number without country code and its code with or without `+`; from a whole number as is.
pub fn phone(code: Option<&str>, number: Option<&str>) -> Option<String> {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let number = digits(number?);
    if number.is_empty() {
        return None;
    }
    let code = digits(code.unwrap_or_default());
    Some(format!("+{code}{}", number.trim_start_matches('0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_their_zone_and_in_riyadh_without_one() {
        let date = |json: &str| serde_json::from_str::<PhpDate>(json).map(|d| d.0.to_string()).ok();
        let object = r#"{"date":"2022-06-16 14:48:20.000000","timezone_type":3,"timezone":"Asia/Riyadh"}"#;
        assert_eq!(date(object).as_deref(), Some("2022-06-16T11:48:20.000Z"));
        assert_eq!(date("\"2022-04-05 15:09:18\"").as_deref(), Some("2022-04-05T12:09:18.000Z"));
        let utc = r#"{"date":"2022-06-16 14:48:20","timezone":"UTC"}"#;
        assert_eq!(date(utc).as_deref(), Some("2022-06-16T14:48:20.000Z"));
        assert_eq!(date("\"2022-04-05T15:09:18Z\"").as_deref(), Some("2022-04-05T15:09:18.000Z"));
        assert_eq!(date("\"soon\""), None);
        assert_eq!(date("\"9999-12-31 00:00:00\""), None);
    }

    #[test]
    fn amounts_are_exact_whether_numbers_or_texts() {
        let read = |json: &str| serde_json::from_str::<Number>(json).map(|n| n.0.to_string()).ok();
        assert_eq!(read("39.46").as_deref(), Some("39.4600"));
        assert_eq!(read("\"15.00\"").as_deref(), Some("15.0000"));
        assert_eq!(read("0.1").as_deref(), Some("0.1000"));
        assert_eq!(read("\"لا\""), None);
        assert_eq!(read("0.12345"), None, "what does not fit is refused, not rounded");
    }

    #[test]
    fn phones_become_e164_however_salla_splits_them() {
        assert_eq!(phone(Some("+966"), Some("501724227")).as_deref(), Some("+966501724227"));
        assert_eq!(phone(Some("967"), Some("777777777")).as_deref(), Some("+967777777777"));
        assert_eq!(phone(None, Some("+96652318526")).as_deref(), Some("+96652318526"));
        assert_eq!(phone(Some("966"), None), None);
    }
}
