//! Who somebody is: rules of input, passwords, registration in repeatable steps, sessions, access tokens, keys of services and of merchants' tools.

pub mod api_keys;
pub mod attempts;
pub mod passwords;
pub mod reading;
pub mod registration;
pub mod resets;
pub mod rules;
pub mod sessions;
mod succession;
pub mod tokens;
