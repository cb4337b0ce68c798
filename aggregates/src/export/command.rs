//! What can be asked of an export, by users and by workers.

use qafila_schemas::ids::{JobId, MerchantId, UserId};
use qafila_schemas::millis::Millis;

/// What is wanted, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestExport {
    /// Merchant.
    pub merchant_id: MerchantId,
    /// The export.
    pub job_id: JobId,
    /// One of [`REPORTS`](super::REPORTS).
    pub report_type: String,
    /// One of [`FORMATS`](super::FORMATS).
    pub format: String,
    /// Filters as a JSON object whose fields are in order; holds no personal value.
    pub filters: String,
    /// Language of the header row: `ar` or `en`.
    pub locale: String,
    /// Salla's id of the store it is about.
    pub store_id: i64,
    /// One of [`COMPRESSIONS`](super::COMPRESSIONS); none leaves the file as it is.
    pub compression: Option<String>,
    /// Whether a CSV file begins with the byte order mark of UTF-8, which Excel needs to read Arabic.
    pub byte_order_mark: Option<bool>,
    /// What stands between the cells of a CSV file: one of [`DELIMITERS`](super::DELIMITERS); none where it is no CSV.
    pub delimiter: Option<String>,
    /// Whether a CSV cell that a spreadsheet would take for a formula begins with an apostrophe; none where it is no CSV.
    pub formula_guard: Option<bool>,
    /// Whether personal fields are in the file, opened; none where the report has none.
    pub personal_data: Option<bool>,
    /// Whether a mail is wanted when it is ready; none where the settings of the requester decide.
    pub mail: Option<bool>,
    /// Who asks.
    pub requested_by: Option<UserId>,
}

/// A file that is whole and stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Rows, without the header.
    pub rows: i64,
    /// Size.
    pub bytes: i64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// From when on everything of the store was there when the file was begun; none where that is from the first, or was not
    /// known.
    pub complete_from: Option<Millis>,
    /// Up to when; none where that was not known.
    pub complete_to: Option<Millis>,
    /// Orders of the file whose lines and customers had not come; none where the report does not show them.
    pub orders_without_details: Option<i64>,
}

/// A command; repeating one that has happened does nothing.
#[derive(Debug, Clone)]
pub enum ExportCommand {
    /// Asks for the file.
    Request(RequestExport),
    /// A worker takes the export: the first act under every lease.
    TakeOver {
        /// Epoch of its lease.
        epoch: i64,
        /// Its name.
        worker: String,
    },
    /// The file is whole and stored.
    Complete {
        /// Epoch of the worker's lease.
        epoch: i64,
        /// The file.
        file: StoredFile,
        /// When its link stops working.
        expires_at: Millis,
    },
    /// There will be no file.
    Fail {
        /// Epoch of the worker's lease.
        epoch: i64,
        /// Stable code.
        cause: String,
        /// What the user can do.
        advice: String,
    },
    /// A user does not want it any more: it is not made, or its file is removed.
    Revoke {
        /// Who asks.
        requested_by: Option<UserId>,
    },
    /// Its time is over: the file is removed.
    Expire,
}
