//! CloudEvents 1.0 headers in Kafka's binary mode, `traceparent`, and how they are read back.

use rdkafka::message::{Header, Headers, OwnedHeaders};

use crate::millis::Millis;

/// `ce_id`: unique with `ce_source`; stable over redelivery.
pub const ID: &str = "ce_id";
/// `ce_sequence` (CloudEvents' sequence extension): an event's place in its aggregate's stream.
pub const SEQUENCE: &str = "ce_sequence";
/// `ce_subject`: what the record is about, such as an aggregate's id.
pub const SUBJECT: &str = "ce_subject";
/// `ce_type`.
pub const TYPE: &str = "ce_type";
/// A fact's revision, so that a tombstone carries it too.
pub const REVISION: &str = "revision";
/// `true` on a tombstone of a fact: the entity is gone. A record without it is no deletion.
pub const DELETED: &str = "deleted";
/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";
const SOURCE_NAME: &str = "/qafila";

/// The CloudEvents attributes of a record.
#[derive(Debug, Clone)]
pub struct CloudEvent<'a> {
    /// `ce_id`.
    pub id: &'a str,
    /// `ce_type`: the full name of the record, such as `qafila.sync.SyncRequested`.
    pub kind: &'a str,
    /// `ce_subject`: what it is about.
    pub subject: &'a str,
    /// `ce_time`.
    pub time: Millis,
}

impl CloudEvent<'_> {
    /// The headers of a record; more can be added.
    pub fn headers(&self) -> OwnedHeaders {
        let time = self.time.to_string();
        let pairs = [
            ("ce_specversion", "1.0"),
            (ID, self.id),
            (TYPE, self.kind),
            ("ce_source", SOURCE_NAME),
            (SUBJECT, self.subject),
            ("ce_time", &time),
            ("content-type", "application/avro"),
        ];
        pairs
            .into_iter()
            .fold(OwnedHeaders::new_with_capacity(12), |headers, (key, value)| with(headers, key, value))
    }
}

/// Adds one text header.
pub fn with(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}

/// The text of header `key`, where it is there and is text.
pub fn text<'h, H: Headers>(headers: &'h H, key: &str) -> Option<&'h str> {
    headers.iter().find(|h| h.key == key).and_then(|h| h.value).and_then(|v| std::str::from_utf8(v).ok())
}

/// The whole number in header `key`.
pub fn number<H: Headers>(headers: &H, key: &str) -> Option<i64> {
    text(headers, key)?.parse().ok()
}
