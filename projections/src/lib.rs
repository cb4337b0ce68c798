//! Everything built from Kafka (ARCHITECTURE §2): [`oltp`], Postgres read models, the merge of observations and
//! the fact topics; [`olap`], facts in ClickHouse and the reports over them; [`notify`], what people are told.
//!
//! One file per read model: its table, how records fold into it, how it is queried. This room accepts no command.

pub mod notify;
pub mod olap;
pub mod oltp;
