//! The local stack (`make up`, `make down`, `make status`, `make reset`): Apache Kafka, PostgreSQL 16, the
//! Apicurio schema registry, the ClickHouse engine behind our HTTP front, the Salla simulator and a mail
//! catcher, as ordinary processes with their data under one git-ignored folder.
//!
//! Where the environment names a server by URL, that one is used and none is started.

pub mod downloads;
pub mod layout;
pub mod process;
pub mod secrets;
pub mod servers;
pub mod stack;
