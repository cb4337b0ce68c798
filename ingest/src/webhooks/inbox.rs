//! Deliveries as they stand on `salla.webhooks.raw`: decoded and opened.

use qafila_schemas::codec::{Decoder, split_header};
use qafila_schemas::dead_letter::header::POSITION;
use qafila_schemas::envelope::{BodySealer, SealError, SealedBody};
use qafila_schemas::headers;
use qafila_schemas::millis::Millis;
use qafila_schemas::reader::{Decode, Decoded, undecodable};
use qafila_schemas::records::webhook::RawWebhook;
use rdkafka::message::{BorrowedMessage, Message};
use zeroize::Zeroizing;

use qafila_schemas::dead_letter::Cause;

use super::packing;
use crate::mapping::Unmappable;
use crate::mapping::webhooks::Envelope;

/// A webhook that was taken, opened.
pub(super) struct Delivery {
    /// Salla's id of the store, where it could be read.
    pub store_id: Option<i64>,
    /// Name of the event; empty where it could not be read.
    pub event: String,
    /// Hash of the bytes that were signed, lower-case hex.
    pub body_sha256: String,
    /// Topic, partition and offset of its first delivery.
    pub position: String,
    /// When it arrived.
    pub received_at: Millis,
    body: Result<Zeroizing<Vec<u8>>, SealError>,
}

impl Delivery {
    /// The body as text: unpacked where it was packed, without a byte order mark. What is no text in it becomes replacement characters.
    pub(super) fn body(&self) -> Result<Zeroizing<String>, Unmappable> {
        let unreadable = |reason: String| Unmappable { path: String::new(), reason };
        let body = self.body.as_ref().map_err(|error| unreadable(error.to_string()))?;
        packing::readable(body).map_err(|error| unreadable(error.to_string()))
    }

    /// Salla's id of the store: as it was read on arrival, else as the body has it.
    pub(super) fn store(&self) -> Option<i64> {
        self.store_id.or_else(|| Some(Envelope::read(&self.body().ok()?).ok()?.merchant))
    }

    /// The operator's key that is needed to open it, where this process does not have it: that is no fault of the delivery.
    pub(super) fn unknown_key(&self) -> Option<String> {
        match &self.body {
            Err(SealError::UnknownKey(key)) => Some(key.clone()),
            _ => None,
        }
    }
}

/// Opens deliveries.
pub(super) struct DecodeDeliveries {
    decoder: Decoder<RawWebhook>,
    sealer: BodySealer,
}

impl DecodeDeliveries {
    pub(super) fn new(decoder: Decoder<RawWebhook>, sealer: BodySealer) -> Self {
        Self { decoder, sealer }
    }

    fn open(&self, webhook: RawWebhook, message: &BorrowedMessage<'_>) -> Result<Delivery, Cause> {
        let unopenable = |detail: String| Cause { code: "unopenable", detail, path: None, merchant: None };
        let headers = message.headers().ok_or_else(|| unopenable("it has no headers".into()))?;
        let sealed = SealedBody::read(webhook.body.0, headers)
            .ok_or_else(|| unopenable("the headers with its data key are missing or damaged".into()))?;
        // A dead letter that is tried again brings the place it first stood at.
        let position = headers::text(headers, POSITION).map_or_else(
            || format!("{}:{}:{}", message.topic(), message.partition(), message.offset()),
            str::to_owned,
        );
        Ok(Delivery {
            store_id: webhook.store_id,
            event: webhook.event,
            body_sha256: webhook.body_sha256,
            position,
            received_at: webhook.received_at,
            body: self.sealer.open(&sealed),
        })
    }
}

impl Decode for DecodeDeliveries {
    type Item = Delivery;
    const KEEPS_RECORDS: bool = true;

    fn decode(&mut self, message: &BorrowedMessage<'_>) -> Decoded<Delivery> {
        let Some(bytes) = message.payload() else { return Decoded::Ignored };
        match self.decoder.decode(bytes) {
            Ok(Some(webhook)) => match self.open(webhook, message) {
                Ok(delivery) => Decoded::Item(delivery),
                Err(cause) => Decoded::Bad(cause),
            },
            Ok(None) => Decoded::UnknownSchema(split_header(bytes).map(|(id, _)| id).unwrap_or_default()),
            Err(error) => Decoded::Bad(undecodable(&error.to_string())),
        }
    }
}
