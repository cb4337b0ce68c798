//! The Export aggregate: one report file that somebody asked for, from the request to its end.

mod command;
mod event;
mod state;
#[cfg(test)]
mod tests;

use qafila_schemas::ids::{JobId, MerchantId};
use uuid::Uuid;

pub use command::{ExportCommand, RequestExport, StoredFile};
pub use event::ExportEvent;
pub use state::{COMPRESSIONS, DELIMITERS, Export, ExportError, ExportStatus, FORMATS, FileThere, REPORTS};

/// The export that a merchant asked for under an `Idempotency-Key`: the same key is the same export.
pub fn job_id(merchant: MerchantId, idempotency_key: &str) -> JobId {
    JobId(Uuid::new_v5(&merchant.0, format!("qafila export {idempotency_key}").as_bytes()))
}
