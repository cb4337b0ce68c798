//! Orders of a window by weekday and hour of a time zone.

use clickhouse::Row;
use qafila_schemas::amount::Amount;
use serde::Deserialize;

use super::reports::{CURRENCY, OF_WINDOW, ReportError, Reports, SETTINGS, Window, amount, lines};
use super::standing::IS_SALE;

/// Orders of an hour of a weekday.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hour {
    /// 0 is Sunday, when the week begins in Saudi Arabia.
    pub weekday: u8,
    /// 0 to 23.
    pub hour: u8,
    /// ISO 4217.
    pub currency: String,
    /// Orders, whatever became of them.
    pub orders: u64,
    /// Orders that count as sales.
    pub sales_count: u64,
    /// Sum of their totals.
    pub sales: Amount,
}

#[derive(Row, Deserialize)]
struct Line {
    weekday: u8,
    hour: u8,
    currency: String,
    orders: u64,
    sales_count: u64,
    sales: String,
}

impl Reports<'_> {
    /// Orders by weekday, hour and currency; hours without orders are left out.
    pub async fn hours(&self, window: Window, zone: &str) -> Result<Vec<Hour>, ReportError> {
        let sql = format!(
            "SELECT toUInt8(toDayOfWeek(created_at, 2, {{zone:String}})) AS weekday, toUInt8(toHour(created_at, {{zone:String}})) AS hour,
                 {CURRENCY} AS currency, count() AS orders, countIf({IS_SALE}) AS sales_count,
                 toString(sumIf(ifNull(total, 0), {IS_SALE})) AS sales
             FROM orders FINAL WHERE {OF_WINDOW}
             GROUP BY weekday, hour, currency ORDER BY currency, weekday, hour {SETTINGS}"
        );
        let found: Vec<Line> = lines(self.over(&sql, window).param("zone", zone)).await?;
        let hour = |line: Line| {
            Ok(Hour {
                weekday: line.weekday,
                hour: line.hour,
                currency: line.currency,
                orders: line.orders,
                sales_count: line.sales_count,
                sales: amount(&line.sales)?,
            })
        };
        found.into_iter().map(hour).collect()
    }
}
