//! The HTTP gateway (ARCHITECTURE §2, API.md): accepts commands, serves queries. It holds no business rules.

pub mod app;
pub mod auth;
pub mod call;
pub mod client_address;
pub mod days;
pub mod etag;
pub mod health;
pub mod large_bodies;
pub mod listing;
pub mod money;
pub mod opening;
pub mod page;
pub mod people;
pub mod problem;
pub mod route_names;
pub mod routes;
pub mod server;
pub mod values;
pub mod wait;
pub mod web_app;
pub mod webhooks;

pub use app::{App, GatewayRole, run};
