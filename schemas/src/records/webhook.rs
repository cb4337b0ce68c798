//! Raw webhooks, sealed.

use serde::{Deserialize, Serialize};

use super::ByteBuf;
use super::avro_record;
use crate::millis::Millis;

/// Purpose under which bodies are sealed (see [`BodySealer`](crate::envelope::BodySealer)).
pub const SEALED_FOR: &str = "webhook";

/// The exact bytes of a webhook that Salla signed, sealed. The data key travels wrapped in the
/// header qafila_data_key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawWebhook {
    /// Salla's id of the store as the envelope says; null where it could not be read.
    #[serde(default)]
    pub store_id: Option<i64>,
    /// Event name of the envelope; empty where it could not be read.
    pub event: String,
    /// How it was verified: 'signature', 'token' or 'none'.
    pub strategy: String,
    /// SHA-256 of the body, lower-case hex.
    pub body_sha256: String,
    /// The body: AES-256-GCM under a data key per process and hour; nonce first, tag last.
    pub body: ByteBuf,
    /// Key id of the operator's key that wraps the data key.
    pub key_id: String,
    /// When the request arrived. Milliseconds since the Unix epoch, UTC.
    pub received_at: Millis,
}
avro_record!(RawWebhook, "../../avsc/RawWebhook.avsc");
