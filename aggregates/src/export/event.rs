//! What happened to an export.

use cqrs_es::DomainEvent;
use qafila_schemas::records::export as x;
use serde::{Deserialize, Serialize};

/// An event of the Export aggregate; each is a record of `qafila.export.events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is documented where the record is")]
pub enum ExportEvent {
    ExportRequested(x::ExportRequested),
    ExportTakenOver(x::ExportTakenOver),
    ExportCompleted(x::ExportCompleted),
    ExportFailed(x::ExportFailed),
    ExportRevoked(x::ExportRevoked),
    ExportExpired(x::ExportExpired),
}

impl DomainEvent for ExportEvent {
    fn event_type(&self) -> String {
        match self {
            Self::ExportRequested(_) => "ExportRequested",
            Self::ExportTakenOver(_) => "ExportTakenOver",
            Self::ExportCompleted(_) => "ExportCompleted",
            Self::ExportFailed(_) => "ExportFailed",
            Self::ExportRevoked(_) => "ExportRevoked",
            Self::ExportExpired(_) => "ExportExpired",
        }
        .into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}
