//! What can be read around a webhook's data (FACTS §7): of which store it is, and which event. Nothing here can fail: what cannot
//! be read is taken all the same, and whoever maps it tells what is wrong.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

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

#[derive(Deserialize)]
struct Outside<'a> {
    #[serde(default, borrow)]
    event: Option<Loose<'a>>,
    #[serde(default, borrow)]
    merchant: Option<Loose<'a>>,
}

/// Salla writes numbers as texts at times.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose<'a> {
    Number(i64),
    Text(#[serde(borrow)] Cow<'a, str>),
    Other(IgnoredAny),
}

impl Envelope {
    /// Reads what can be read.
    pub(super) fn read(body: &[u8]) -> Self {
        let Ok(outside) = serde_json::from_slice::<Outside>(body) else { return Self::default() };
        let event = match outside.event {
            Some(Loose::Text(name)) if name.len() <= LONGEST_EVENT => name.into_owned(),
            _ => String::new(),
        };
        let store_id = match outside.merchant {
            Some(Loose::Number(id)) => Some(id),
            Some(Loose::Text(id)) => id.trim().parse().ok(),
            Some(Loose::Other(IgnoredAny)) | None => None,
        };
        Self { store_id, event }
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
            (r#"{"event":{"name":"x"},"merchant":1.5}"#, Envelope::default()),
            (r#"{"event":null,"merchant":"many"}"#, Envelope::default()),
            ("[1]", Envelope::default()),
            ("no JSON", Envelope::default()),
            ("", Envelope::default()),
            (long.as_str(), envelope(Some(1), "")),
        ] {
            assert_eq!(Envelope::read(body.as_bytes()), expected, "{body}");
        }
    }
}
