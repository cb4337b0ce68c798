//! Events of the Export aggregate.

use serde::{Deserialize, Serialize};

use super::avro_record;
use crate::ids::{JobId, MerchantId, UserId};
use crate::millis::Millis;

/// A report file was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportRequested {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// The export: a UUID.
    pub job_id: JobId,
    /// Report: 'sales-trend', 'order-status', 'top-products', 'orders', 'order-items', 'customers', 'products', 'carts';
    /// an open set.
    pub report_type: String,
    /// File format: 'csv', 'xlsx', 'ndjson', 'parquet'; an open set.
    pub format: String,
    /// Filters as a JSON object; holds no personal value.
    pub filters: String,
    /// Language of the header row: 'ar' or 'en'.
    pub locale: String,
    /// Salla's id of the store it is about; null where the request did not name one.
    #[serde(default)]
    pub store_id: Option<i64>,
    /// Compression of the file: 'gzip', 'zstd'; null for none; an open set.
    #[serde(default)]
    pub compression: Option<String>,
    /// Whether a CSV file begins with the byte order mark of UTF-8; null where the file is no CSV.
    #[serde(default)]
    pub byte_order_mark: Option<bool>,
    /// What stands between the cells of a CSV file: ',', ';' or a tab; null where the file is no CSV.
    #[serde(default)]
    pub delimiter: Option<String>,
    /// Whether a CSV cell that a spreadsheet would take for a formula begins with an apostrophe; null where the file is no CSV.
    #[serde(default)]
    pub formula_guard: Option<bool>,
    /// Whether personal fields are in the file, opened; null where the report has none.
    #[serde(default)]
    pub personal_data: Option<bool>,
    /// Whether a mail is wanted when it is ready or has failed; null where the settings of whoever asked decide.
    #[serde(default)]
    pub mail: Option<bool>,
    /// Who asked for it. A user id (UUID); null where nobody asked.
    #[serde(default)]
    pub requested_by: Option<UserId>,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub requested_at: Millis,
}
avro_record!(ExportRequested, "../../avsc/ExportRequested.avsc");

/// A worker took the export under its lease; the first act under every lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportTakenOver {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// The export: a UUID.
    pub job_id: JobId,
    /// Lease epoch of the worker that acted; grows with every take-over. 0 before the first.
    pub epoch: i64,
    /// Name of the worker.
    pub worker: String,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub taken_over_at: Millis,
}
avro_record!(ExportTakenOver, "../../avsc/ExportTakenOver.avsc");

/// The file is whole and stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportCompleted {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// The export: a UUID.
    pub job_id: JobId,
    /// Lease epoch of the worker that acted; grows with every take-over. 0 before the first.
    pub epoch: i64,
    /// Rows in the file, without its header.
    pub rows: i64,
    /// Size of the file in bytes.
    pub bytes: i64,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// From when on everything of the store was there when the file was begun. Milliseconds since the Unix epoch,
    /// UTC; null where that is from the first, or was not known.
    #[serde(default)]
    pub complete_from: Option<Millis>,
    /// Up to when everything of the store was there when the file was begun. Milliseconds since the Unix epoch,
    /// UTC; null where that was not known, as before the import has ended.
    #[serde(default)]
    pub complete_to: Option<Millis>,
    /// Orders of the file whose lines and customers had not come when it was begun; null where the report does not
    /// show them.
    #[serde(default)]
    pub orders_without_details: Option<i64>,
    /// When the link stops working. Milliseconds since the Unix epoch, UTC.
    pub expires_at: Millis,
    /// Who asked for it. A user id (UUID); null where nobody asked.
    #[serde(default)]
    pub requested_by: Option<UserId>,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub completed_at: Millis,
}
avro_record!(ExportCompleted, "../../avsc/ExportCompleted.avsc");

/// The export ended without a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportFailed {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// The export: a UUID.
    pub job_id: JobId,
    /// Lease epoch of the worker that acted; grows with every take-over. 0 before the first.
    pub epoch: i64,
    /// Why, as a stable code; an open set.
    pub cause: String,
    /// What the user can do about it.
    pub advice: String,
    /// Who asked for it. A user id (UUID); null where nobody asked.
    #[serde(default)]
    pub requested_by: Option<UserId>,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub failed_at: Millis,
}
avro_record!(ExportFailed, "../../avsc/ExportFailed.avsc");

/// The link was revoked and the file removed on request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportRevoked {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// The export: a UUID.
    pub job_id: JobId,
    /// Who revoked it. A user id (UUID); null where nobody asked.
    #[serde(default)]
    pub requested_by: Option<UserId>,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub revoked_at: Millis,
}
avro_record!(ExportRevoked, "../../avsc/ExportRevoked.avsc");

/// The file was removed after its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportExpired {
    /// Merchant this record belongs to: a UUID in its canonical text form; the key of the record or
    /// the first part of it.
    pub merchant_id: MerchantId,
    /// The export: a UUID.
    pub job_id: JobId,
    /// When it happened. Milliseconds since the Unix epoch, UTC.
    pub expired_at: Millis,
}
avro_record!(ExportExpired, "../../avsc/ExportExpired.avsc");
