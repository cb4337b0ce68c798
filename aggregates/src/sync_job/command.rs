//! What can be asked of a sync job, by users and by workers.

use chrono::NaiveDate;
use qafila_schemas::ids::{ConnectionId, MerchantId, RunId, UserId};
use qafila_schemas::millis::Millis;

/// Under which lease a worker acts; a stale one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The run it works on.
    pub run_id: RunId,
    /// Epoch of its lease.
    pub epoch: i64,
}

/// What became of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceReport {
    /// `orders`, `customers` or `products`.
    pub resource: String,
    /// A month `YYYY-MM`, or `all`.
    pub slice: String,
    /// Rows the source said there are.
    pub total: i64,
    /// Rows that became observations.
    pub imported: i64,
    /// Rows that did not map.
    pub skipped: i64,
}

/// What a new run is to read, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartRun {
    /// Merchant.
    pub merchant_id: MerchantId,
    /// Connection.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// Id of the new run.
    pub run_id: RunId,
    /// 12 or 24.
    pub depth_in_months: i32,
    /// Today in Asia/Riyadh.
    pub today: NaiveDate,
    /// Who asks.
    pub requested_by: Option<UserId>,
}

/// A command; repeating one that has happened does nothing.
#[derive(Debug, Clone)]
pub enum SyncJobCommand {
    /// Starts a run.
    Start(StartRun),
    /// A worker takes the run: the first act under every lease.
    TakeOver {
        /// Its lease.
        lease: Lease,
        /// Its name.
        worker: String,
        /// The run gets further, or may: otherwise one that is paused stays so, however often it is tried, and no event is appended.
        goes_on: bool,
    },
    /// A slice has been read to its end.
    ReportSlice {
        /// Lease of the worker.
        lease: Lease,
        /// The slice.
        report: SliceReport,
    },
    /// The run waits.
    Pause {
        /// Lease of the worker.
        lease: Lease,
        /// Stable code.
        cause: String,
        /// What the user can do.
        advice: Option<String>,
        /// When it goes on by itself.
        until: Option<Millis>,
    },
    /// The worker goes on after a pause.
    Resume {
        /// Lease of the worker.
        lease: Lease,
    },
    /// Every slice has been reported, and every order's details were read.
    Complete {
        /// Lease of the worker.
        lease: Lease,
        /// Orders whose details and items were read.
        hydrated: i64,
        /// Of them those that did not map.
        hydration_skipped: i64,
    },
    /// The run cannot go on.
    Fail {
        /// Lease of the worker.
        lease: Lease,
        /// Stable code.
        cause: String,
        /// What the user can do.
        advice: String,
    },
    /// A user resumes a failed or paused run.
    Restart {
        /// Who asks.
        requested_by: Option<UserId>,
    },
    /// A user stops the run.
    Cancel {
        /// Who asks.
        requested_by: Option<UserId>,
    },
}
