//! What can be read around a webhook's data (FACTS §7): of which store it is, and which event. Nothing here can fail: what cannot
//! be read is taken all the same, and whoever maps it tells what is wrong.

use std::borrow::Cow;
use std::fmt;

use qafila_ingest::salla::shapes::reading::Reading;
use qafila_ingest::salla::shapes::values::raw_id;
use qafila_ingest::webhooks::packing::{utf16, without_mark};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Salla's longest name has fewer than 40 letters.
const LONGEST_EVENT: usize = 100;

/// The outside of a webhook.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Envelope {
    /// Salla's id of the store.
    pub store_id: Option<i64>,
    /// Name of the event; empty where it could not be read.
    pub event: String,
}

/// A name, where it is one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Other(IgnoredAny),
}

impl Envelope {
    /// Reads what can be read, and no further than where both are known: they stand first, and the data behind them is long.
    pub(super) fn read(body: &[u8]) -> Self {
        let mut envelope = Self::default();
        let text = utf16(body);
        let body = text.as_ref().map_or_else(|| without_mark(body), |text| text.as_bytes());
        let mut json = serde_json::Deserializer::from_slice(body);
        // An error says that reading ended, with whatever was found.
        let _ = Outside(&mut envelope).deserialize(&mut json);
        envelope
    }
}

/// Fills an envelope on the way through a body.
struct Outside<'e>(&'e mut Envelope);

impl<'de> DeserializeSeed<'de> for Outside<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Outside<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let (mut event_seen, mut store_seen) = (false, false);
        while let Some(name) = fields.next_key::<Cow<'de, str>>()? {
            match name.as_ref() {
                "event" => {
                    event_seen = true;
                    if let Loose::Text(name) = fields.next_value()?
                        && name.len() <= LONGEST_EVENT
                    {
                        self.0.event = name.into_owned();
                    }
                }
                "merchant" => {
                    store_seen = true;
                    let said = raw_id(fields.next_value::<&RawValue>()?.get());
                    self.0.store_id = if let Reading::Value(id) = said { Some(id) } else { None };
                }
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
            if event_seen && store_seen {
                return Err(A::Error::custom("both are known"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_and_event_are_read_whatever_else_is_there_and_whatever_is_not() {
        let envelope = |store_id, event: &str| Envelope { store_id, event: event.into() };
        let long = format!(r#"{{"event":"{}","merchant":1}}"#, "x".repeat(101));
        for (body, expected) in [
            (
                r#"{"event":"order.created","merchant":1305146709,"data":{"id":[]}}"#,
                envelope(Some(1_305_146_709), "order.created"),
            ),
            (r#"{"merchant":"1305146709","event":"a\u002eb"}"#, envelope(Some(1_305_146_709), "a.b")),
            (r#"{"event":"a","merchant":7.0}"#, envelope(Some(7), "a")),
            (r#"{"event":"a","merchant":"٧"}"#, envelope(Some(7), "a")),
            (r#"{"event":{"name":"x"},"merchant":1.5}"#, Envelope::default()),
            (r#"{"event":null,"merchant":"many"}"#, Envelope::default()),
            (r#"{"event":"a","merchant":7,"data":{"cut"#, envelope(Some(7), "a")),
            (r#"{"data":{"event":"b","merchant":8},"event":"a","merchant":7}"#, envelope(Some(7), "a")),
            ("\u{feff}{\"event\":\"a\",\"merchant\":7}", envelope(Some(7), "a")),
            ("[1]", Envelope::default()),
            ("no JSON", Envelope::default()),
            ("", Envelope::default()),
            (long.as_str(), envelope(Some(1), "")),
        ] {
            assert_eq!(Envelope::read(body.as_bytes()), expected, "{body}");
        }
    }
}
