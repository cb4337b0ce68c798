//! Reports: figures from ClickHouse, given per currency, for one merchant.
//!
//! What is no [sale](super::standing) is counted apart. Every query reads with FINAL, so each order counts
//! once, and none can be built without its merchant.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use clickhouse::query::Query;
use clickhouse::{Client, Row, RowOwned, RowRead};
use qafila_schemas::amount::Amount;
use qafila_schemas::ids::MerchantId;
use serde::Deserialize;

use super::standing::{IS_CANCELLED, IS_RETURNED, IS_SALE, IS_WAITING};

/// The currency of an order; empty where nobody knows it.
pub(super) const CURRENCY: &str = "ifNull(toString(currency), '')";
/// The orders of a window that a report is about.
pub(super) const OF_WINDOW: &str = "merchant_id = {merchant:UUID} AND store_id = {store:Int64}
    AND created_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND created_at < fromUnixTimestamp64Milli({until:Int64}, 'UTC')";

/// A report takes milliseconds; nobody waits longer than this for one.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// ClickHouse.
    #[error("ClickHouse: {0}")]
    ClickHouse(#[from] clickhouse::error::Error),
    /// No answer in time.
    #[error("ClickHouse did not answer within {}s", DEADLINE.as_secs())]
    Slow,
    /// A figure does not fit `decimal(18,4)`.
    #[error("a sum does not fit: {0}")]
    TooLarge(String),
}

/// A window of time, end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From.
    pub from: DateTime<Utc>,
    /// Until.
    pub until: DateTime<Utc>,
}

/// When a day of a zone begins: at midnight, or, where summer time begins at midnight, at the first time that day has.
pub fn start_of_day(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    (0..=12)
        .find_map(|quarters| {
            zone.from_local_datetime(&(midnight + TimeDelta::minutes(15 * quarters))).earliest()
        })
        .map_or_else(|| midnight.and_utc(), |at| at.to_utc())
}

/// Width of a point of a trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// A day.
    Day,
    /// A week from Sunday, as weeks begin in Saudi Arabia.
    Week,
    /// A month.
    Month,
}

impl Granularity {
    /// The start of the point that `created_at` lies in, in the report's time zone.
    pub(crate) fn start(self) -> &'static str {
        match self {
            Self::Day => "toStartOfDay(created_at, {zone:String})",
            Self::Week => "toDateTime(toStartOfWeek(created_at, 0, {zone:String}), {zone:String})",
            Self::Month => "toDateTime(toStartOfMonth(created_at, {zone:String}), {zone:String})",
        }
    }
}

/// Figures of one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// ISO 4217.
    pub currency: String,
    /// Orders, whatever became of them.
    pub orders: u64,
    /// Orders that count as sales.
    pub sales_count: u64,
    /// Sum of their totals.
    pub sales: Amount,
    /// Orders whose payment is awaited: no sales yet.
    pub waiting_count: u64,
    /// Sum of their totals.
    pub waiting: Amount,
    /// Cancelled orders.
    pub cancelled_count: u64,
    /// Sum of their totals.
    pub cancelled: Amount,
    /// Orders that were returned, or are on their way back.
    pub returned_count: u64,
    /// Sum of their totals.
    pub returned: Amount,
}

/// A point of a trend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Start of the point.
    pub from: DateTime<Utc>,
    /// Its figures.
    pub figures: Figures,
}

/// Reports of one merchant.
pub struct Reports<'c> {
    client: &'c Client,
    merchant: MerchantId,
    store: i64,
}

#[derive(Row, Deserialize)]
struct Line {
    start: i64,
    currency: String,
    orders: u64,
    sales_count: u64,
    sales: String,
    waiting_count: u64,
    waiting: String,
    cancelled_count: u64,
    cancelled: String,
    returned_count: u64,
    returned: String,
}

impl<'c> Reports<'c> {
    /// Reports of `merchant`'s store, and of nobody else: a merchant who reconnects to another store never sees two mixed.
    pub fn of(client: &'c Client, merchant: MerchantId, store: i64) -> Self {
        Self { client, merchant, store }
    }

    /// Figures of a window, by currency.
    pub async fn summary(&self, window: Window) -> Result<Vec<Figures>, ReportError> {
        let lines = self.lines("toDateTime(0, 'UTC')", window, "UTC").await?;
        lines.into_iter().map(Line::figures).collect()
    }

    /// Figures of a window by day, week or month of a time zone (an IANA name), and by currency; empty points are left
    /// out.
    pub async fn sales_trend(
        &self,
        window: Window,
        granularity: Granularity,
        zone: &str,
    ) -> Result<Vec<Point>, ReportError> {
        let lines = self.lines(granularity.start(), window, zone).await?;
        lines
            .into_iter()
            .map(|line| {
                let from = DateTime::from_timestamp(line.start, 0).unwrap_or_default();
                Ok(Point { from, figures: line.figures()? })
            })
            .collect()
    }

    async fn lines(&self, start: &str, window: Window, zone: &str) -> Result<Vec<Line>, ReportError> {
        let sql = format!(
            "SELECT toInt64(toUnixTimestamp({start})) AS start, {CURRENCY} AS currency, count() AS orders,
                 countIf({IS_SALE}) AS sales_count, toString(sumIf(ifNull(total, 0), {IS_SALE})) AS sales,
                 countIf({IS_WAITING}) AS waiting_count, toString(sumIf(ifNull(total, 0), {IS_WAITING})) AS waiting,
                 countIf({IS_CANCELLED}) AS cancelled_count, toString(sumIf(ifNull(total, 0), {IS_CANCELLED})) AS cancelled,
                 countIf({IS_RETURNED}) AS returned_count, toString(sumIf(ifNull(total, 0), {IS_RETURNED})) AS returned
             FROM orders FINAL
             WHERE {OF_WINDOW}
             GROUP BY start, currency
             ORDER BY start, orders DESC, currency
             SETTINGS do_not_merge_across_partitions_select_final = 1"
        );
        let query = self.over(&sql, window);
        let query = if sql.contains("{zone:String}") { query.param("zone", zone) } else { query };
        lines(query).await
    }

    /// A query about the store's `{merchant:UUID}`, `{store:Int64}` and a window of `{from:Int64}` to `{until:Int64}`, ms.
    pub(super) fn over(&self, sql: &str, window: Window) -> Query {
        self.client
            .query(sql)
            .param("merchant", self.merchant.to_string())
            .param("store", self.store)
            .param("from", window.from.timestamp_millis())
            .param("until", window.until.timestamp_millis())
    }
}

/// All lines of a query, within the time that somebody waits.
pub(super) async fn lines<L>(query: Query) -> Result<Vec<L>, ReportError>
where
    L: RowOwned + RowRead,
{
    tokio::time::timeout(DEADLINE, query.fetch_all::<L>())
        .await
        .map_err(|_| ReportError::Slow)?
        .map_err(Into::into)
}

/// A sum that ClickHouse spells.
pub(super) fn amount(text: &str) -> Result<Amount, ReportError> {
    text.parse().map_err(|_| ReportError::TooLarge(text.to_owned()))
}

impl Line {
    fn figures(self) -> Result<Figures, ReportError> {
        Ok(Figures {
            sales: amount(&self.sales)?,
            waiting: amount(&self.waiting)?,
            cancelled: amount(&self.cancelled)?,
            returned: amount(&self.returned)?,
            currency: self.currency,
            orders: self.orders,
            sales_count: self.sales_count,
            waiting_count: self.waiting_count,
            cancelled_count: self.cancelled_count,
            returned_count: self.returned_count,
        })
    }
}
