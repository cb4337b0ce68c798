//! What surrounds the data of every webhook (FACTS §7).

use chrono::{DateTime, Datelike};
use qafila_schemas::millis::Millis;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::super::values::{YEARS, id, instant};
use super::super::{Unmappable, read};

/// A webhook, taken apart.
#[derive(Debug, Deserialize)]
pub struct Envelope {
    /// Name of the event.
    pub event: String,
    /// Salla's id of the store.
    #[serde(deserialize_with = "id")]
    pub merchant: i64,
    /// When it happened, in whole seconds.
    pub created_at: EventTime,
    /// What happened.
    pub data: Box<RawValue>,
}

impl Envelope {
    /// Takes a body apart.
    pub fn read(body: &str) -> Result<Self, Unmappable> {
        read(body)
    }
}

/// A time as webhooks spell it: like JavaScript, like SQL without a zone (then Asia/Riyadh is assumed), or ISO 8601.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTime(pub Millis);

impl<'de> Deserialize<'de> for EventTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        event_time(text.trim()).map(Self).ok_or_else(|| D::Error::custom("a text that is no time"))
    }
}

fn event_time(text: &str) -> Option<Millis> {
    // JavaScript adds the name of the zone in brackets.
    let like_javascript = text.split(" (").next().unwrap_or(text);
    let spelt = DateTime::parse_from_str(like_javascript, "%a %b %d %Y %H:%M:%S GMT%z").ok();
    let spelt = spelt.map(|at| at.to_utc()).filter(|at| YEARS.contains(&at.year()));
    spelt.or_else(|| instant(text, None)).map(Millis::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_time_is_read_and_one_without_a_zone_is_of_riyadh() {
        let read = |text: &str| event_time(text).map(|at| at.to_string());
        let expected = Some("2022-06-26T09:21:48.000Z".to_owned());
        for text in [
            "Sun Jun 26 2022 12:21:48 GMT+0300",
            "Sun Jun 26 2022 12:21:48 GMT+0300 (Arabian Standard Time)",
            "Sun Jun 26 2022 09:21:48 GMT+0000",
            "2022-06-26 12:21:48",
            "2022-06-26T12:21:48+03:00",
            "2022-06-26T09:21:48Z",
            "2022-06-26T09:21:48.000000Z",
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        for text in [
            "Sun Jun 26 +262000 12:21:48 GMT+0300",
            "",
            "yesterday",
            "1656235308",
            "Sun Jun 26 2022 12:21:48",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_missing_around_the_data_is_named() {
        let fault = |body: &str| Envelope::read(body).map(drop).expect_err("it is refused");
        assert_eq!(fault(r#"{"event":"x","merchant":1,"created_at":"soon","data":{}}"#).path, "/created_at");
        assert_eq!(
            fault(r#"{"event":"x","merchant":"a","created_at":"2022-06-26 12:21:48","data":{}}"#).path,
            "/merchant"
        );
        assert!(fault(r#"{"merchant":1}"#).reason.contains("event"));
        assert!(
            Envelope::read(r#"{"event":"x","merchant":"17","created_at":"2022-06-26 12:21:48","data":[]}"#)
                .is_ok()
        );
    }
}
