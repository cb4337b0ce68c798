//! A simulator of Salla (FACTS.md): the authorize page, tokens, the merchant API with its limits, webhooks
//! out, and faults on demand. A seed decides everything; what FACTS §11 calls unknown is a switch.

pub mod admin;
pub mod api;
pub mod catalogue;
pub mod faults;
pub mod lies;
pub mod limits;
pub mod lists;
pub mod lively;
pub mod oauth;
pub mod odd;
pub mod server;
pub mod shapes;
pub mod state;
pub mod store;
pub mod switches;
pub mod webhooks;
