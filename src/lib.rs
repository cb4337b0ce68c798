//! Joining the crates: configuration, roles, operator commands (ARCHITECTURE §2). No domain logic.

pub mod command;
pub mod config;
pub mod logging;
pub mod migrate;
pub mod roles;
