//! Stores, by connection.

use serde::{Deserialize, Serialize};

use super::avro_record;
use crate::ids::{ConnectionId, MerchantId};
use crate::millis::Millis;

/// Which store a connection is of: what a reader of facts needs to name it. The key is the connection. It stays when the
/// connection ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreOfConnection {
    /// Merchant: a UUID in its canonical text form.
    pub merchant_id: MerchantId,
    /// Connection of the merchant to the store: a UUID; reconnecting makes a new one. The key of the record.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// Name of the store at Salla.
    pub store_name: String,
    /// Public address of the store; null where Salla gave none.
    #[serde(default)]
    pub store_domain: Option<String>,
    /// Salla's plan of the store, as Salla spells it; null where Salla gave none.
    #[serde(default)]
    pub store_plan: Option<String>,
    /// Currency of the store, ISO 4217; null where Salla gave none.
    #[serde(default)]
    pub currency: Option<String>,
    /// IANA time zone in which the days of the store's reports are counted.
    pub zone: String,
    /// When the connection was made. Milliseconds since the Unix epoch, UTC.
    pub current_since: Millis,
    /// When the connection ended. Milliseconds since the Unix epoch, UTC; null while it is the current one.
    #[serde(default)]
    pub current_until: Option<Millis>,
    /// When this was stated. Milliseconds since the Unix epoch, UTC.
    pub stated_at: Millis,
}
avro_record!(StoreOfConnection, "../../avsc/StoreOfConnection.avsc");
