//! Everything that comes from Salla (ARCHITECTURE §2, §5): the API client, OAuth and the token vault, subject
//! keys, the anti-corruption mapping, and the history sync.
//!
//! This room writes observations and commands. It never writes a read model.

pub mod access;
pub mod app_events;
pub mod connect;
pub mod contact_spelling;
mod contacts;
pub mod drafts;
pub mod estimate;
pub mod hydration;
pub mod keys;
pub mod mapping;
pub mod observations;
pub mod order_histories;
pub mod owners;
pub mod reconcile;
pub mod refused_rows;
pub mod repair;
pub mod retention;
pub mod role_error;
pub mod salla;
pub mod source_sheet;
pub mod store_currency;
pub mod stores;
pub mod subscriptions;
pub mod sync;
pub mod vault;
pub mod webhooks;
