//! The write side (ARCHITECTURE §4): Merchant, SyncJob and Export as event-sourced aggregates, the event store on
//! Postgres, and the relay that carries events to Kafka.
//!
//! Command handlers are pure decisions: time comes in through the aggregate's [`Clock`], ids through the command.

pub mod clock;
pub mod commands;
pub mod export;
pub mod housekeeping;
pub mod lease;
pub mod merchant;
pub mod position;
pub mod relay;
pub mod sync_job;
pub mod wake;

pub use clock::Clock;
pub use cqrs_es::Aggregate;
