//! The ledger of destroyed keys.

use serde::{Deserialize, Serialize};

use super::avro_record;
use crate::ids::{MerchantId, UserId};
use crate::millis::Millis;

/// A destroyed key: what was sealed for the subject stays silent for ever. Applied again after a
/// restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Subject: '<store id>:customer:<salla id>', or 'order' or 'cart' in the place of 'customer'.
    pub subject: String,
    /// Id of the destroyed key.
    pub key_id: i64,
    /// Who erased. A user id (UUID); null where nobody asked.
    #[serde(default)]
    pub requested_by: Option<UserId>,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub erased_at: Millis,
}
avro_record!(Erasure, "../../avsc/Erasure.avsc");
