//! The Merchant aggregate: one business on Qafila and its connection to a Salla store.

mod command;
mod event;
mod state;
#[cfg(test)]
mod tests;

pub use command::{MerchantCommand, StoreDetails};
pub use event::MerchantEvent;
pub use state::{ACCESS_ENDS_SOON, Merchant, MerchantError};
