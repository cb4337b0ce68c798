//! The SyncJob aggregate: the import of one connection's history, run by run, under leases.

mod command;
mod event;
mod state;
#[cfg(test)]
mod tests;

use qafila_schemas::ids::{ConnectionId, JobId};
use uuid::Uuid;

pub use command::{Lease, SliceReport, StartRun, SyncJobCommand};
pub use event::SyncJobEvent;
pub use state::{SyncJob, SyncJobError, SyncStatus};

/// The one job of a connection: its id is derived, so nobody has to look it up.
pub fn job_id(connection: ConnectionId) -> JobId {
    JobId(Uuid::new_v5(&connection.0, b"qafila sync job"))
}
