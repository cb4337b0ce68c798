//! The contract on Kafka (ARCHITECTURE §2, §3): the topic catalogue, the Avro schemas and their Rust
//! types, typed writing and batched reading of topics, and the format of sealed personal fields; and the catalogue of what the system says to
//! people ([`words`]).
//!
//! This room knows Kafka and the schema registry. It never knows a database or an HTTP route.

pub mod amount;
pub mod catalogue;
pub mod codec;
pub mod contract;
pub mod dead_letter;
pub mod envelope;
pub mod events;
pub mod exchange;
pub mod follower;
pub mod headers;
pub mod ids;
pub mod kafka;
pub mod millis;
pub mod open_set;
pub mod reader;
pub mod records;
pub mod registry;
pub mod sealed;
pub mod spelling;
pub mod topics;
pub mod words;
pub mod writer;
