//! Drives the whole system from outside, over HTTP and its stores: the demo, end-to-end tests, benches, torture.

pub mod bench;
pub mod contract;
pub mod deliveries;
pub mod gate;
pub mod mailbox;
pub mod many_orders;
pub mod many_rows;
pub mod merchant;
pub mod nights;
pub mod record;
pub mod samples;
pub mod shared_world;
pub mod torture;
pub mod totals;
pub mod waiting;
pub mod world;
