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

/// How reports read: nothing in a key can change, so FINAL within a partition is right (ARCHITECTURE §5).
pub(super) const SETTINGS: &str = "SETTINGS do_not_merge_across_partitions_select_final = 1";

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
    /// What is in the sales.
    pub contains: SaleParts,
    /// The sales in the currency of the store.
    pub in_store: InStoreCurrency,
}

impl Figures {
    /// Nothing, in a currency.
    pub fn none(currency: &str) -> Self {
        Self {
            currency: currency.to_owned(),
            orders: 0,
            sales_count: 0,
            sales: Amount::ZERO,
            waiting_count: 0,
            waiting: Amount::ZERO,
            cancelled_count: 0,
            cancelled: Amount::ZERO,
            returned_count: 0,
            returned: Amount::ZERO,
            contains: SaleParts::default(),
            in_store: InStoreCurrency::default(),
        }
    }
}

/// What is in the totals of sales, as far as Salla says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SaleParts {
    /// Tax.
    pub tax: Amount,
    /// Shipping.
    pub shipping: Amount,
    /// Fees for cash on delivery.
    pub cash_on_delivery: Amount,
    /// Discounts, which the totals are without.
    pub discount: Amount,
    /// Sales whose tax and shipping are known.
    pub known_of: u64,
}

/// Sales in the currency of the store, by Salla's exchange rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InStoreCurrency {
    /// Sum of the totals that the rates tell.
    pub sales: Amount,
    /// Sales that they do not tell.
    pub without_rate: u64,
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
    currency: String,
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
    sales_tax: String,
    sales_shipping: String,
    sales_fees: String,
    sales_discount: String,
    parts_known: u64,
    in_store: String,
    without_rate: u64,
}

/// An order's total in the currency of the store, `{base:String}`; NULL where no rate tells it.
const IN_STORE: &str =
    "multiIf(currency = {base:String}, total, base_currency = {base:String}, base_total, NULL)";

impl<'c> Reports<'c> {
    /// Reports of `merchant`'s store, and of nobody else: a merchant who reconnects to another store never sees two mixed.
    /// `currency` is the store's, ISO 4217.
    pub fn of(client: &'c Client, merchant: MerchantId, store: i64, currency: &str) -> Self {
        Self { client, merchant, store, currency: currency.to_owned() }
    }

    /// When a fact of the store's orders was loaded last; none where there are none.
    pub async fn as_of(&self) -> Result<Option<DateTime<Utc>>, ReportError> {
        let sql = "SELECT toUnixTimestamp64Milli(max(loaded_at)) FROM orders
            WHERE merchant_id = {merchant:UUID} AND store_id = {store:Int64} HAVING count() > 0";
        let found: Vec<i64> = lines(self.of_store(sql)).await?;
        Ok(found.first().copied().and_then(DateTime::from_timestamp_millis))
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
                 countIf({IS_RETURNED}) AS returned_count, toString(sumIf(ifNull(total, 0), {IS_RETURNED})) AS returned,
                 toString(sumIf(ifNull(tax, 0), {IS_SALE})) AS sales_tax, toString(sumIf(ifNull(shipping_cost, 0), {IS_SALE})) AS sales_shipping,
                 toString(sumIf(ifNull(cash_on_delivery, 0), {IS_SALE})) AS sales_fees,
                 toString(sumIf(ifNull(discount, 0), {IS_SALE})) AS sales_discount,
                 countIf({IS_SALE} AND isNotNull(tax) AND isNotNull(shipping_cost)) AS parts_known,
                 toString(sumIf(ifNull({IN_STORE}, 0), {IS_SALE})) AS in_store,
                 countIf({IS_SALE} AND isNotNull(total) AND isNull({IN_STORE})) AS without_rate
             FROM orders FINAL
             WHERE {OF_WINDOW}
             GROUP BY start, currency
             ORDER BY start, orders DESC, currency
             {SETTINGS}"
        );
        let query = self.over(&sql, window).param("base", &self.currency);
        let query = if sql.contains("{zone:String}") { query.param("zone", zone) } else { query };
        lines(query).await
    }

    /// A query about the store's `{merchant:UUID}`, `{store:Int64}`.
    fn of_store(&self, sql: &str) -> Query {
        self.client.query(sql).param("merchant", self.merchant.to_string()).param("store", self.store)
    }

    /// A query about the store's `{merchant:UUID}`, `{store:Int64}` and a window of `{from:Int64}` to `{until:Int64}`, ms.
    pub(super) fn over(&self, sql: &str, window: Window) -> Query {
        self.of_store(sql)
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

/// A sum of ten-thousandths that ClickHouse spells; it may be longer than any amount.
pub(super) fn amount_of(mantissa: &str) -> Result<Amount, ReportError> {
    let amount = mantissa.parse().ok().and_then(|mantissa| Amount::from_mantissa(mantissa).ok());
    amount.ok_or_else(|| ReportError::TooLarge(mantissa.to_owned()))
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
            contains: SaleParts {
                tax: amount(&self.sales_tax)?,
                shipping: amount(&self.sales_shipping)?,
                cash_on_delivery: amount(&self.sales_fees)?,
                discount: amount(&self.sales_discount)?,
                known_of: self.parts_known,
            },
            in_store: InStoreCurrency { sales: amount(&self.in_store)?, without_rate: self.without_rate },
            currency: self.currency,
            orders: self.orders,
            sales_count: self.sales_count,
            waiting_count: self.waiting_count,
            cancelled_count: self.cancelled_count,
            returned_count: self.returned_count,
        })
    }
}
