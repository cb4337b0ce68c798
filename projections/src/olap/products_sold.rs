//! What was sold of products: rankings, and one product over time. As with [all reports](super::reports), orders that are no sales count for
//! nothing, and figures are given per currency.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use qafila_schemas::amount::Amount;
use serde::Deserialize;

use super::reports::{Granularity, OF_WINDOW, ReportError, Reports, SETTINGS, Window, amount_of, lines};
use super::standing::IS_SALE;

/// Key of the line that stands for the lines of an order that have not come.
const NOT_KNOWN: i64 = i64::MIN;

/// What was sold of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductSales {
    /// Salla's id; below 0 where the lines do not tell it: then they were put together by SKU, else by name.
    pub key: i64,
    /// ISO 4217.
    pub currency: String,
    /// Orders with it.
    pub orders: u64,
    /// Units.
    pub quantity: Amount,
    /// Sum of its lines.
    pub sales: Amount,
}

impl ProductSales {
    /// Salla's id; none where the lines do not tell it.
    pub fn product_id(&self) -> Option<i64> {
        (self.key > 0).then_some(self.key)
    }
}

/// What was sold of a product in a part of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductPoint {
    /// Start of the point.
    pub from: DateTime<Utc>,
    /// What was sold.
    pub sold: ProductSales,
}

/// Sales, and how many orders are missing from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold<T> {
    /// What was sold.
    pub sold: Vec<T>,
    /// Sales of the window whose lines have not come: they are in no figure.
    pub orders_without_lines: u64,
}

/// How lines call a product.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ProductNames {
    /// As in [`ProductSales::key`].
    pub key: i64,
    /// SKU as the newest line has it; may be empty.
    pub sku: String,
    /// Name as the newest line has it.
    pub name: String,
}

#[derive(Row, Deserialize)]
struct Line {
    start: i64,
    key: i64,
    currency: String,
    orders: u64,
    quantity: String,
    sales: String,
}

impl Reports<'_> {
    /// The products that sold most, at most `limit` of each currency.
    pub async fn top_products(&self, window: Window, limit: u32) -> Result<Sold<ProductSales>, ReportError> {
        let sql = sold("toInt64(0)", "1", "LIMIT {limit:UInt32} BY cur, is_known");
        Ok(Sold::of(lines(self.over(&sql, window).param("limit", limit)).await?)?.of_products())
    }

    /// What was sold of these products, by their keys.
    pub async fn sales_of_products(
        &self,
        window: Window,
        keys: Vec<i64>,
    ) -> Result<Vec<ProductSales>, ReportError> {
        let sql = sold("toInt64(0)", "key IN {keys:Array(Int64)}", "");
        Ok(Sold::of(lines(self.over(&sql, window).param("keys", keys)).await?)?.of_products().sold)
    }

    /// What was sold of one product by day, week or month of a time zone, and by currency; points without sales are left out.
    pub async fn product_points(
        &self,
        window: Window,
        product: i64,
        granularity: Granularity,
        zone: &str,
    ) -> Result<Sold<ProductPoint>, ReportError> {
        let start = format!("toInt64(toUnixTimestamp({}))", granularity.start());
        let sql = sold(&start, "key IN ({product:Int64}, {none:Int64})", "");
        let query =
            self.over(&sql, window).param("product", product).param("zone", zone).param("none", NOT_KNOWN);
        Sold::of(lines(query).await?)
    }

    /// How lines of a window call these products, by their keys.
    pub async fn names_of_products(
        &self,
        window: Window,
        keys: Vec<i64>,
    ) -> Result<Vec<ProductNames>, ReportError> {
        // Lines that have not come have one key, whatever number of names: they are left out before arrays are joined.
        let sql = format!(
            "SELECT key, ifNull(argMaxIf(sku, created_at, isNotNull(sku)), '') AS sku,
                 ifNull(argMaxIf(name, created_at, isNotNull(name)), '') AS name
             FROM (SELECT created_at, sold_key, lines_sku, lines_name FROM orders FINAL
                 WHERE {OF_WINDOW} AND lines_complete = 1
                   AND hasAny(sold_key, {{keys:Array(Int64)}}))
             ARRAY JOIN sold_key AS key, lines_sku AS sku, lines_name AS name
             WHERE key IN {{keys:Array(Int64)}} GROUP BY key {SETTINGS}"
        );
        lines(self.over(&sql, window).param("keys", keys)).await
    }
}

/// Sales by the start of a point, by product and currency, of the lines that `these` holds of; most first.
fn sold(start: &str, these: &str, limit: &str) -> String {
    format!(
        "SELECT start, key, reinterpretAsString(cur) AS currency, orders, toString(quantity) AS quantity, toString(sales) AS sales FROM (
             SELECT {start} AS start, key, currency_key AS cur, sum(first) AS orders, sum(toInt128(units)) AS quantity, sum(toInt128(line_sales)) AS sales,
                 key != {NOT_KNOWN} AS is_known
             FROM orders FINAL
             ARRAY JOIN sold_key AS key, sold_first AS first, sold_units AS units, sold_for AS line_sales
             WHERE {OF_WINDOW} AND {IS_SALE} AND {these}
             GROUP BY start, key, cur
             ORDER BY start, cur, is_known, sales DESC, key
             {limit}) AS sold
         ORDER BY start, currency, sold.sales DESC, key {SETTINGS}"
    )
}

impl Sold<ProductPoint> {
    fn of(found: Vec<Line>) -> Result<Self, ReportError> {
        let (missing, known): (Vec<Line>, Vec<Line>) =
            found.into_iter().partition(|line| line.key == NOT_KNOWN);
        let sold = known.into_iter().map(|line| {
            Ok(ProductPoint {
                from: DateTime::from_timestamp(line.start, 0).unwrap_or_default(),
                sold: ProductSales {
                    key: line.key,
                    currency: line.currency,
                    orders: line.orders,
                    quantity: amount_of(&line.quantity)?,
                    sales: amount_of(&line.sales)?,
                },
            })
        });
        let orders_without_lines = missing.iter().map(|line| line.orders).sum();
        Ok(Self { sold: sold.collect::<Result<_, ReportError>>()?, orders_without_lines })
    }

    fn of_products(self) -> Sold<ProductSales> {
        let sold = self.sold.into_iter().map(|point| point.sold).collect();
        Sold { sold, orders_without_lines: self.orders_without_lines }
    }
}
