//! Why a role of ingest could not start, or had to end.

use qafila_schemas::reader::ReadError;
use qafila_schemas::registry::RegistryError;
use qafila_schemas::writer::WriteError;

/// What ends a role; everything else is tried again.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// Kafka, writing.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Kafka, reading.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The schema registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}
