//! Orders of a window by status, city, payment method or channel, and how each of these went over time.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use qafila_schemas::amount::Amount;
use serde::Deserialize;

use super::reports::{
    CURRENCY, Granularity, OF_WINDOW, ReportError, Reports, SETTINGS, Window, amount, lines,
};
use super::standing::IS_SALE;

/// Groups of a report, at most: a page shows few of them, and puts the others together.
const MAX_GROUPS: u32 = 10_000;

/// What orders are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Salla's slug of the status.
    Status,
    /// City of the customer, as Salla names it.
    City,
    /// Payment method, as Salla spells it.
    Payment,
    /// Where the order was placed.
    Channel,
}

impl Dimension {
    /// What an order is grouped by; empty where it is not known.
    fn key(self) -> &'static str {
        match self {
            Self::Status => "ifNull(toString(status_slug), '')",
            Self::City => "ifNull(toString(city), '')",
            Self::Payment => "ifNull(toString(payment_method), '')",
            Self::Channel => "ifNull(toString(channel), '')",
        }
    }

    /// What people call the group, as the newest order has it; empty where its key is its name.
    fn name(self) -> &'static str {
        match self {
            Self::Status => "ifNull(argMaxIf(status_name, created_at, isNotNull(status_name)), '')",
            Self::City | Self::Payment | Self::Channel => "''",
        }
    }
}

/// Figures of the orders of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What they were grouped by; empty where it is not known.
    pub key: String,
    /// What people call it; empty where its key is its name.
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    /// Figures.
    pub figures: GroupFigures,
}

/// Figures of a group, or of a part of its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GroupFigures {
    /// Orders, whatever became of them.
    pub orders: u64,
    /// Sum of their totals.
    pub total: Amount,
    /// Orders that count as sales.
    pub sales_count: u64,
    /// Sum of their totals.
    pub sales: Amount,
}

/// Figures of a group in a part of the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPoint {
    /// What it was grouped by.
    pub key: String,
    /// ISO 4217.
    pub currency: String,
    /// Start of the point.
    pub from: DateTime<Utc>,
    /// Figures.
    pub figures: GroupFigures,
}

#[derive(Row, Deserialize)]
struct GroupLine {
    key: String,
    name: String,
    currency: String,
    start: i64,
    orders: u64,
    total_sum: String,
    sales_count: u64,
    sales: String,
}

impl GroupLine {
    fn figures(&self) -> Result<GroupFigures, ReportError> {
        Ok(GroupFigures {
            orders: self.orders,
            total: amount(&self.total_sum)?,
            sales_count: self.sales_count,
            sales: amount(&self.sales)?,
        })
    }
}

impl Reports<'_> {
    /// The groups of a window by currency, most orders first.
    pub async fn groups(&self, dimension: Dimension, window: Window) -> Result<Vec<Group>, ReportError> {
        let sql = format!(
            "SELECT {} AS key, {} AS name, {CURRENCY} AS currency, toInt64(0) AS start, {}
             FROM orders FINAL WHERE {OF_WINDOW}
             GROUP BY key, currency ORDER BY orders DESC, key, currency LIMIT {MAX_GROUPS} {SETTINGS}",
            dimension.key(),
            dimension.name(),
            figures(),
        );
        let found: Vec<GroupLine> = lines(self.over(&sql, window)).await?;
        let group = |line: GroupLine| {
            let figures = line.figures()?;
            Ok(Group { key: line.key, name: line.name, currency: line.currency, figures })
        };
        found.into_iter().map(group).collect()
    }

    /// How these groups went by day, week or month of a time zone; points without orders are left out.
    pub async fn group_points(
        &self,
        dimension: Dimension,
        keys: Vec<String>,
        window: Window,
        granularity: Granularity,
        zone: &str,
    ) -> Result<Vec<GroupPoint>, ReportError> {
        let key = dimension.key();
        let sql = format!(
            "SELECT {key} AS key, '' AS name, {CURRENCY} AS currency, toInt64(toUnixTimestamp({})) AS start, {}
             FROM orders FINAL WHERE {OF_WINDOW} AND {key} IN {{keys:Array(String)}}
             GROUP BY key, currency, start ORDER BY start, key, currency {SETTINGS}",
            granularity.start(),
            figures(),
        );
        let query = self.over(&sql, window).param("keys", keys).param("zone", zone);
        let found: Vec<GroupLine> = lines(query).await?;
        let point = |line: GroupLine| {
            let figures = line.figures()?;
            let from = DateTime::from_timestamp(line.start, 0).unwrap_or_default();
            Ok(GroupPoint { key: line.key, currency: line.currency, from, figures })
        };
        found.into_iter().map(point).collect()
    }
}

/// Figures of a group, as columns.
fn figures() -> String {
    format!(
        "count() AS orders, toString(sum(ifNull(total, 0))) AS total_sum, countIf({IS_SALE}) AS sales_count,
             toString(sumIf(ifNull(total, 0), {IS_SALE})) AS sales"
    )
}
