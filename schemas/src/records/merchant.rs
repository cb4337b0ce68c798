//! Events of the Merchant aggregate.

use serde::{Deserialize, Serialize};

use super::avro_record;
use crate::ids::{ConnectionId, MerchantId, UserId};
use crate::millis::Millis;

/// A merchant registered with Qafila. The person and their e-mail address are not in this event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MerchantRegistered {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Name of the store as the merchant typed it.
    pub store_name: String,
    /// Language of the merchant: 'ar' or 'en'.
    pub locale: String,
    /// User who registered: a UUID.
    pub registered_by: UserId,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub registered_at: Millis,
}
avro_record!(MerchantRegistered, "../../avsc/MerchantRegistered.avsc");

/// The merchant changed the name shown for the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MerchantRenamed {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// New name.
    pub store_name: String,
    /// Who renamed it. A user id (UUID); null where nobody asked.
    #[serde(default)]
    pub requested_by: Option<UserId>,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub renamed_at: Millis,
}
avro_record!(MerchantRenamed, "../../avsc/MerchantRenamed.avsc");

/// A Salla store was connected to the merchant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreConnected {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Connection of the merchant to the store: a UUID; reconnecting makes a new one.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// Name of the store at Salla.
    pub store_name: String,
    /// Public address of the store; null where Salla gave none.
    #[serde(default)]
    pub store_domain: Option<String>,
    /// Salla's plan of the store, as Salla spells it; decides the rate limit.
    #[serde(default)]
    pub store_plan: Option<String>,
    /// Scopes that Salla granted.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Who connected it. A user id (UUID); null where nobody asked.
    #[serde(default)]
    pub requested_by: Option<UserId>,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub connected_at: Millis,
}
avro_record!(StoreConnected, "../../avsc/StoreConnected.avsc");

/// The connection to the store ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreDisconnected {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Connection of the merchant to the store: a UUID; reconnecting makes a new one.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// Why: 'requested', 'uninstalled', 'replaced'; an open set.
    pub reason: String,
    /// Who disconnected it. A user id (UUID); null where nobody asked.
    #[serde(default)]
    pub requested_by: Option<UserId>,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub disconnected_at: Millis,
}
avro_record!(StoreDisconnected, "../../avsc/StoreDisconnected.avsc");

/// Salla accepts our access no longer, or soon will not: only the merchant can authorise us again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReauthorisationNeeded {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Connection of the merchant to the store: a UUID; reconnecting makes a new one.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// Which pair of tokens: grows with every refresh and authorisation of the connection.
    pub generation: i64,
    /// Why, as a stable code: 'refresh_answer_lost', 'access_refused'; an open set.
    pub cause: String,
    /// What the merchant can do about it.
    pub advice: String,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub needed_at: Millis,
}
avro_record!(ReauthorisationNeeded, "../../avsc/ReauthorisationNeeded.avsc");

/// The merchant authorised us again for the same connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRestored {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Connection of the merchant to the store: a UUID; reconnecting makes a new one.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// Which pair of tokens: grows with every refresh and authorisation of the connection.
    pub generation: i64,
    /// Plan of the store at Salla; null where unknown.
    #[serde(default)]
    pub store_plan: Option<String>,
    /// Scopes that Salla granted.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Who authorised it. A user id (UUID); null where nobody asked.
    #[serde(default)]
    pub requested_by: Option<UserId>,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub restored_at: Millis,
}
avro_record!(AccessRestored, "../../avsc/AccessRestored.avsc");
