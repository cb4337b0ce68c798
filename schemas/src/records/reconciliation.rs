//! Runs of the nightly reconciliation.

use serde::{Deserialize, Serialize};

use super::avro_record;
use crate::ids::{ConnectionId, MerchantId, RunId};
use crate::millis::Millis;

/// One run of the nightly comparison of a store with what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconciliationRun {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Connection of the merchant to the store: a UUID; reconnecting makes a new one.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// The run: a UUID.
    pub run_id: RunId,
    /// Resource: 'orders', 'customers', 'products'; an open set.
    pub resource: String,
    /// Start of the window that was compared. Milliseconds since the Unix epoch, UTC.
    pub window_from: Millis,
    /// End of the window that was compared. Milliseconds since the Unix epoch, UTC.
    pub window_to: Millis,
    /// Rows read.
    pub fetched: i64,
    /// Rows that were missing here.
    pub created: i64,
    /// Rows that differed.
    pub updated: i64,
    /// Rows that agreed.
    pub unchanged: i64,
    /// Rows that did not map.
    pub skipped: i64,
    /// Rows that could not be read.
    pub failed: i64,
    /// Why the run failed, as a stable code; null where it did not.
    #[serde(default)]
    pub cause: Option<String>,
    /// When it began. Milliseconds since the Unix epoch, UTC.
    pub started_at: Millis,
    /// When it ended. Milliseconds since the Unix epoch, UTC.
    pub finished_at: Millis,
}
avro_record!(ReconciliationRun, "../../avsc/ReconciliationRun.avsc");
