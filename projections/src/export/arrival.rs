//! Whether ClickHouse has everything that a store's completeness was stated about: the statement says what was read and stored, and
//! facts reach ClickHouse a moment later, or much later where it was down.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use qafila_schemas::catalogue::{OBSERVATIONS, Topic};
use qafila_schemas::follower::Follower;
use qafila_schemas::kafka::KafkaConfig;
use rdkafka::error::KafkaError;

use super::report::Report;
use crate::olap::carts::CartRow;
use crate::olap::customers::CustomerRow;
use crate::olap::load::FactRow;
use crate::olap::orders::OrderRow;
use crate::olap::products::ProductRow;
use crate::oltp::merge;

/// Facts take a second; a file does not wait longer for what is held up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits a moment for ClickHouse to have all facts, of what `report` is made from, that come from observations before `stated_at`.
/// False where it has not. Blocks: for a thread of its own.
pub(super) fn wait(
    kafka: &KafkaConfig,
    report: Report,
    stated_at: DateTime<Utc>,
) -> Result<bool, KafkaError> {
    let deadline = Instant::now() + PATIENCE;
    let merge = Follower::of(kafka, OBSERVATIONS, merge::GROUP)?;
    let told = merge.at(stated_at)?;
    if !merge.comes_to(&told, deadline)? {
        return Ok(false);
    }
    // The merge publishes the facts of a batch in one transaction with its offsets: all are there now.
    let (topic, group) = loader(report);
    let loader = Follower::of(kafka, topic, group)?;
    let published = loader.ends()?;
    loader.comes_to(&published, deadline)
}

fn loader(report: Report) -> (Topic, &'static str) {
    match report {
        Report::SalesTrend
        | Report::Orders
        | Report::OrderItems
        | Report::OrderStatus
        | Report::TopProducts => (OrderRow::TOPIC, OrderRow::GROUP),
        Report::Customers => (CustomerRow::TOPIC, CustomerRow::GROUP),
        Report::Products => (ProductRow::TOPIC, ProductRow::GROUP),
        Report::Carts => (CartRow::TOPIC, CartRow::GROUP),
    }
}
