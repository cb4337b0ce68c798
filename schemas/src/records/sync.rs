//! Events of the SyncJob aggregate, the progress of a running job and the completeness of a store.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::avro_record;
use crate::ids::{ConnectionId, JobId, MerchantId, RunId, UserId};
use crate::millis::Millis;

/// An import of the store’s history was asked for: a new run starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRequested {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Sync job: a UUID, one per connection.
    pub job_id: JobId,
    /// Run of the job: a UUID, new at every start.
    pub run_id: RunId,
    /// Connection of the merchant to the store: a UUID; reconnecting makes a new one.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// How far back orders are read, in months: 12 or 24.
    pub depth_in_months: i32,
    /// First day of orders that is read: 'YYYY-MM-DD' in Asia/Riyadh.
    pub from_day: NaiveDate,
    /// Last day of orders that this run lists: 'YYYY-MM-DD' in Asia/Riyadh.
    pub until_day: NaiveDate,
    /// Who asked for it. A user id (UUID); null where nobody asked.
    #[serde(default)]
    pub requested_by: Option<UserId>,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub requested_at: Millis,
}
avro_record!(SyncRequested, "../../avsc/SyncRequested.avsc");

/// A worker took the run under its lease; the first act under every lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncTakenOver {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Sync job: a UUID, one per connection.
    pub job_id: JobId,
    /// Run of the job: a UUID, new at every start.
    pub run_id: RunId,
    /// Lease epoch of the worker that acted; grows with every take-over. 0 before the first.
    pub epoch: i64,
    /// Name of the worker: host, process and slot.
    pub worker: String,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub taken_over_at: Millis,
}
avro_record!(SyncTakenOver, "../../avsc/SyncTakenOver.avsc");

/// One slice of one resource has been read to its end and every row of it is on salla.observations
/// or in its dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceImported {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Sync job: a UUID, one per connection.
    pub job_id: JobId,
    /// Run of the job: a UUID, new at every start.
    pub run_id: RunId,
    /// Lease epoch of the worker that acted; grows with every take-over. 0 before the first.
    pub epoch: i64,
    /// Resource of the slice: 'orders', 'customers', 'products'; an open set.
    pub resource: String,
    /// Slice: a month 'YYYY-MM' of orders, 'all' for a resource read whole.
    pub slice: String,
    /// Rows the source said that the slice has.
    pub total: i64,
    /// Rows that became observations.
    pub imported: i64,
    /// Rows that did not map and went to the dead letters.
    pub skipped: i64,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub imported_at: Millis,
}
avro_record!(SliceImported, "../../avsc/SliceImported.avsc");

/// The run waits and will go on by itself or when asked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncPaused {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Sync job: a UUID, one per connection.
    pub job_id: JobId,
    /// Run of the job: a UUID, new at every start.
    pub run_id: RunId,
    /// Lease epoch of the worker that acted; grows with every take-over. 0 before the first.
    pub epoch: i64,
    /// Why, as a stable code; an open set.
    pub cause: String,
    /// What the user can do; null where nothing is needed.
    #[serde(default)]
    pub advice: Option<String>,
    /// When it goes on by itself. Milliseconds since the Unix epoch, UTC; null where unknown.
    #[serde(default)]
    pub until: Option<Millis>,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub paused_at: Millis,
}
avro_record!(SyncPaused, "../../avsc/SyncPaused.avsc");

/// A paused or failed run goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncResumed {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Sync job: a UUID, one per connection.
    pub job_id: JobId,
    /// Run of the job: a UUID, new at every start.
    pub run_id: RunId,
    /// Lease epoch of the worker that acted; grows with every take-over. 0 before the first.
    pub epoch: i64,
    /// Who asked for it. A user id (UUID); null where nobody asked.
    #[serde(default)]
    pub requested_by: Option<UserId>,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub resumed_at: Millis,
}
avro_record!(SyncResumed, "../../avsc/SyncResumed.avsc");

/// Every slice of the run has been imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncCompleted {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Sync job: a UUID, one per connection.
    pub job_id: JobId,
    /// Run of the job: a UUID, new at every start.
    pub run_id: RunId,
    /// Lease epoch of the worker that acted; grows with every take-over. 0 before the first.
    pub epoch: i64,
    /// Orders imported.
    pub orders: i64,
    /// Customers imported.
    pub customers: i64,
    /// Products imported.
    pub products: i64,
    /// Rows that did not map, of all resources.
    pub skipped: i64,
    /// Orders whose details and items were read; null where not known.
    #[serde(default)]
    pub hydrated: Option<i64>,
    /// Of them those that did not map; null where not known.
    #[serde(default)]
    pub hydration_skipped: Option<i64>,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub completed_at: Millis,
}
avro_record!(SyncCompleted, "../../avsc/SyncCompleted.avsc");

/// The run ended before it was complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncFailed {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Sync job: a UUID, one per connection.
    pub job_id: JobId,
    /// Run of the job: a UUID, new at every start.
    pub run_id: RunId,
    /// Lease epoch of the worker that acted; grows with every take-over. 0 before the first.
    pub epoch: i64,
    /// Why, as a stable code; an open set.
    pub cause: String,
    /// What the user can do about it.
    pub advice: String,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub failed_at: Millis,
}
avro_record!(SyncFailed, "../../avsc/SyncFailed.avsc");

/// A user stopped the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncCancelled {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Sync job: a UUID, one per connection.
    pub job_id: JobId,
    /// Run of the job: a UUID, new at every start.
    pub run_id: RunId,
    /// Lease epoch of the worker that acted; grows with every take-over. 0 before the first.
    pub epoch: i64,
    /// Who stopped it. A user id (UUID); null where nobody asked.
    #[serde(default)]
    pub requested_by: Option<UserId>,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub cancelled_at: Millis,
}
avro_record!(SyncCancelled, "../../avsc/SyncCancelled.avsc");

/// Progress of one phase of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncPhase {
    /// Phase: 'list' or 'hydrate'; an open set.
    pub name: String,
    /// Resource: 'orders', 'customers', 'products'; an open set.
    pub resource: String,
    /// Rows done.
    pub done: i64,
    /// Rows in all; null until known.
    #[serde(default)]
    pub total: Option<i64>,
    /// Rows that did not map.
    pub skipped: i64,
}

/// Progress of a running job, at most one a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncProgress {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Sync job: a UUID, one per connection.
    pub job_id: JobId,
    /// Run of the job: a UUID, new at every start.
    pub run_id: RunId,
    /// Lease epoch of the worker that acted; grows with every take-over. 0 before the first.
    pub epoch: i64,
    /// Progress by phase and resource.
    #[serde(default)]
    pub phases: Vec<SyncPhase>,
    /// Calls of Salla's API that the run no longer needs; null where not known.
    #[serde(default)]
    pub calls_done: Option<i64>,
    /// Calls that the whole run needs, as far as it can be told; null until known.
    #[serde(default)]
    pub calls_total: Option<i64>,
    /// Calls of Salla's API a minute, over the last minutes of this worker.
    pub rate_per_minute: f64,
    /// Predicted seconds until the run is complete; null until it can be told.
    #[serde(default)]
    pub eta_seconds: Option<i64>,
    /// When a paused run goes on. Milliseconds since the Unix epoch, UTC; null where unknown.
    #[serde(default)]
    pub paused_until: Option<Millis>,
    /// When this was reported. Milliseconds since the Unix epoch, UTC.
    pub reported_at: Millis,
}
avro_record!(SyncProgress, "../../avsc/SyncProgress.avsc");

/// How far one resource is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceCompleteness {
    /// Resource: 'orders', 'customers', 'products', 'carts'; an open set.
    pub resource: String,
    /// Nothing is missing from here on. Milliseconds since the Unix epoch, UTC; null where unknown.
    #[serde(default)]
    pub complete_from: Option<Millis>,
    /// Nothing is missing up to here. Milliseconds since the Unix epoch, UTC; null where unknown.
    #[serde(default)]
    pub complete_to: Option<Millis>,
    /// Why complete_to stands still, as a stable code; null where it moves; an open set.
    #[serde(default)]
    pub cause: Option<String>,
}

/// Of which time a store is complete, per resource. The key is the connection; the record of a connection that another of
/// the same store has followed is a tombstone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completeness {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// Connection of the merchant to the store: a UUID; reconnecting makes a new one.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// By resource.
    #[serde(default)]
    pub resources: Vec<ResourceCompleteness>,
    /// When this was stated. Milliseconds since the Unix epoch, UTC.
    pub stated_at: Millis,
}
avro_record!(Completeness, "../../avsc/Completeness.avsc");
