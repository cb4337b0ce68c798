//! Everything built from Kafka (ARCHITECTURE §2): [`oltp`], Postgres read models, the merge of observations and
//! the fact topics; [`lists`], what lists are filtered and sorted by; [`olap`], facts in ClickHouse and the reports over them; [`notify`], what people are told; [`export`], facts as files; [`audit`], what each place
//! holds of a day, so that they can be compared.
//!
//! One file per read model: its table, how records fold into it, how it is queried. This room accepts no command.

pub mod audit;
pub mod export;
pub mod lists;
pub mod notify;
pub mod olap;
pub mod oltp;
pub mod retention;
