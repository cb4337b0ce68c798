//! What surrounds the data of every webhook (FACTS §7).

use qafila_schemas::millis::Millis;
use serde_json::value::RawValue;

use super::super::{Document, Unmappable};
use crate::salla::shapes::instants;
use crate::salla::shapes::reading::{Notes, Reading, Said};

/// A webhook, taken apart.
#[derive(Debug)]
pub struct Envelope {
    /// Name of the event.
    pub event: String,
    /// Salla's id of the store.
    pub merchant: i64,
    /// When it happened, in whole seconds; none where that cannot be read.
    pub created_at: Option<Millis>,
    /// What happened.
    pub data: Box<RawValue>,
}

impl Envelope {
    /// Takes a body apart. What names event, store or data is needed; without a time it is news all the same.
    pub fn read(body: &str) -> Result<Self, Unmappable> {
        let document = Document::read(body);
        let notes = Notes::default();
        let envelope = document.object(&notes)?;
        let missing =
            |name: &str, reason: &str| Unmappable { path: format!("/{name}"), reason: reason.into() };
        let Said::Value(event) = envelope.text("event") else {
            return Err(missing("event", "no name of an event"));
        };
        let Said::Value(merchant) = envelope.id("merchant") else {
            return Err(missing("merchant", "no whole number above 0"));
        };
        let data = envelope.raw("data").and_then(|raw| RawValue::from_string(raw.to_owned()).ok());
        let data = data.ok_or_else(|| missing("data", "nothing that happened"))?;
        let created_at = match envelope.raw("created_at").map(instants::read) {
            Some(Reading::Value(at)) => Some(at),
            _ => None,
        };
        Ok(Self { event, merchant, created_at, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_time_is_read_and_without_one_the_event_is_read_all_the_same() {
        let read = |time: &str| {
            let body = format!(r#"{{"event":"x","merchant":1,"created_at":{time},"data":{{}}}}"#);
            Envelope::read(&body).expect("an envelope").created_at.map(|at| at.to_string())
        };
        for time in [
            "\"Sun Jun 26 2022 12:21:48 GMT+0300\"",
            "\"2022-06-26 12:21:48\"",
            "\"2022-06-26T09:21:48.000000Z\"",
        ] {
            assert_eq!(read(time).as_deref(), Some("2022-06-26T09:21:48.000Z"), "{time}");
        }
        for time in ["\"\"", "\"yesterday\"", "1656235308", "null", "{}", "true"] {
            assert_eq!(read(time), None, "{time}");
        }
    }

    #[test]
    fn what_is_missing_around_the_data_is_named() {
        let fault = |body: &str| Envelope::read(body).map(drop).expect_err("it is refused").path;
        assert_eq!(fault(r#"{"event":"x","merchant":"a","data":{}}"#), "/merchant");
        assert_eq!(fault(r#"{"merchant":1,"data":{}}"#), "/event");
        assert_eq!(fault(r#"{"event":"x","merchant":1}"#), "/data");
        assert_eq!(fault("[]"), "");
        assert!(
            Envelope::read(r#"{"event":"x","merchant":"17","created_at":"2022-06-26 12:21:48","data":[]}"#)
                .is_ok()
        );
    }
}
