//! Joining the crates: configuration, roles, operator commands (ARCHITECTURE §2). No domain logic.

pub mod command;
pub mod config;
pub mod dlq;
pub mod doctor;
pub mod logging;
pub mod migrate;
pub mod preflight;
pub mod reconcile;
pub mod republish;
pub mod roles;
pub mod stored;
pub mod verify;
pub mod wiring;

/// The allocator of every binary that links this crate. Batches of observations are allocated on the polling thread and freed
/// on others, where glibc's allocator spends an eighth of the merge.
#[global_allocator]
pub static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
