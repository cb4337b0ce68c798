//! What happened to a sync job.

use cqrs_es::DomainEvent;
use qafila_schemas::records::sync as s;
use serde::{Deserialize, Serialize};

/// An event of the SyncJob aggregate; each is a record of `qafila.sync-job.events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is documented where the record is")]
pub enum SyncJobEvent {
    SyncRequested(s::SyncRequested),
    SyncTakenOver(s::SyncTakenOver),
    SliceImported(s::SliceImported),
    SyncPaused(s::SyncPaused),
    SyncResumed(s::SyncResumed),
    SyncCompleted(s::SyncCompleted),
    SyncFailed(s::SyncFailed),
    SyncCancelled(s::SyncCancelled),
}

impl DomainEvent for SyncJobEvent {
    fn event_type(&self) -> String {
        match self {
            Self::SyncRequested(_) => "SyncRequested",
            Self::SyncTakenOver(_) => "SyncTakenOver",
            Self::SliceImported(_) => "SliceImported",
            Self::SyncPaused(_) => "SyncPaused",
            Self::SyncResumed(_) => "SyncResumed",
            Self::SyncCompleted(_) => "SyncCompleted",
            Self::SyncFailed(_) => "SyncFailed",
            Self::SyncCancelled(_) => "SyncCancelled",
        }
        .into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}
