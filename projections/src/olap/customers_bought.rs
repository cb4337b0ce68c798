//! What customers bought: how many are new, and who bought most. As with [all reports](super::reports), orders that are no sales count for
//! nothing, and figures are given per currency.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use qafila_schemas::amount::Amount;
use serde::Deserialize;

use super::reports::{CURRENCY, OF_WINDOW, ReportError, Reports, SETTINGS, Window, amount, lines};
use super::standing::IS_SALE;

/// Customers of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customers {
    /// By currency, and over all currencies.
    pub counts: Vec<CustomerCounts>,
    /// By currency, those who bought most first.
    pub top: Vec<CustomerSales>,
}

/// How many customers bought, by currency, and over all currencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerCounts {
    /// ISO 4217; none of the row over all currencies, whose sales mean nothing.
    pub currency: Option<String>,
    /// Customers who bought.
    pub customers: u64,
    /// Those of them who had not bought before the window.
    pub new_customers: u64,
    /// Sales to these.
    pub new_sales: Amount,
    /// Sales to the others.
    pub returning_sales: Amount,
    /// Sales of orders that name no customer.
    pub unknown_sales: Amount,
}

/// What a customer bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerSales {
    /// Salla's id.
    pub customer_id: i64,
    /// ISO 4217.
    pub currency: String,
    /// Orders that count as sales.
    pub orders: u64,
    /// Sum of their totals.
    pub sales: Amount,
    /// When the newest of them was made.
    pub last_order_at: DateTime<Utc>,
}

#[derive(Row, Deserialize)]
struct CountsLine {
    is_of_all: u8,
    currency: String,
    customers: u64,
    new_customers: u64,
    new_sales: String,
    returning_sales: String,
    unknown_sales: String,
}

#[derive(Row, Deserialize)]
struct GroupLine {
    currency: String,
    customers: u64,
    new_customers: u64,
    new_sales: String,
    returning_sales: String,
    unknown_sales: String,
    /// Sales, customer, orders, last order in ms.
    top: Vec<(String, i64, u64, i64)>,
}

#[derive(Row, Deserialize)]
struct CustomerLine {
    customer_id: i64,
    currency: String,
    orders: u64,
    sales: String,
    last_order: i64,
}

impl Reports<'_> {
    /// New and returning customers of a window, and at most `limit` of each currency who bought most. New is who had not bought before the
    /// window. Of what was before `complete_from` nothing is known, so nobody is new whose first order lies before it.
    pub async fn customers(
        &self,
        window: Window,
        complete_from: Option<DateTime<Utc>>,
        limit: u32,
    ) -> Result<Customers, ReportError> {
        let known_from = complete_from.map_or(window.from, |from| from.max(window.from));
        let sql = by_customer();
        let query =
            self.over(&sql, window).param("known", known_from.timestamp_millis()).param("limit", limit);
        let found: Vec<GroupLine> = lines(query).await?;
        // Who is new in one currency may have bought in another before.
        let is_of_one = found.len() <= 1;
        let (mut counts, mut top) = (vec![], vec![]);
        for group in found {
            for (sales, customer_id, orders, last) in group.top {
                top.push(CustomerSales {
                    customer_id,
                    currency: group.currency.clone(),
                    orders,
                    sales: amount(&sales)?,
                    last_order_at: DateTime::from_timestamp_millis(last).unwrap_or_default(),
                });
            }
            let of_currency = CustomerCounts {
                currency: Some(group.currency),
                customers: group.customers,
                new_customers: group.new_customers,
                new_sales: amount(&group.new_sales)?,
                returning_sales: amount(&group.returning_sales)?,
                unknown_sales: amount(&group.unknown_sales)?,
            };
            counts.push(CustomerCounts { currency: None, ..of_currency.clone() });
            counts.push(of_currency);
        }
        let has_sales = |count: &CustomerCounts| count.customers > 0 || count.unknown_sales != Amount::ZERO;
        if is_of_one {
            counts.retain(has_sales);
        } else {
            counts = self.customer_counts(window, known_from).await?;
        }
        Ok(Customers { counts, top })
    }

    /// New and returning customers over all currencies.
    async fn customer_counts(
        &self,
        window: Window,
        known_from: DateTime<Utc>,
    ) -> Result<Vec<CustomerCounts>, ReportError> {
        let before = "created_at < fromUnixTimestamp64Milli({known:Int64}, 'UTC')";
        let sql = format!(
            "SELECT toUInt8(grouping(code)) AS is_of_all, code AS currency, uniqExactIf(assumeNotNull(customer_id), isNotNull(customer_id)) AS customers,
                 uniqExactIf(assumeNotNull(customer_id), is_new) AS new_customers,
                 toString(sumIf(ifNull(total, 0), is_new)) AS new_sales,
                 toString(sumIf(ifNull(total, 0), isNotNull(customer_id) AND NOT is_new)) AS returning_sales,
                 toString(sumIf(ifNull(total, 0), isNull(customer_id))) AS unknown_sales
             FROM (
                 SELECT {CURRENCY} AS code, customer_id, total, isNotNull(customer_id) AND NOT ({before}) AND customer_id NOT IN (
                     SELECT assumeNotNull(customer_id) FROM orders FINAL
                     WHERE merchant_id = {{merchant:UUID}} AND store_id = {{store:Int64}} AND isNotNull(customer_id)
                       AND {before} AND {IS_SALE}) AS is_new
                 FROM orders FINAL WHERE {OF_WINDOW} AND {IS_SALE})
             GROUP BY GROUPING SETS ((code), ()) ORDER BY is_of_all, code {SETTINGS}, force_grouping_standard_compatibility = 1"
        );
        let query = self.over(&sql, window).param("known", known_from.timestamp_millis());
        let found: Vec<CountsLine> = lines(query).await?;
        let counts = |line: CountsLine| {
            Ok(CustomerCounts {
                currency: (line.is_of_all == 0).then_some(line.currency),
                customers: line.customers,
                new_customers: line.new_customers,
                new_sales: amount(&line.new_sales)?,
                returning_sales: amount(&line.returning_sales)?,
                unknown_sales: amount(&line.unknown_sales)?,
            })
        };
        found.into_iter().map(counts).collect()
    }

    /// What these customers bought.
    pub async fn sales_to_customers(
        &self,
        window: Window,
        ids: Vec<i64>,
    ) -> Result<Vec<CustomerSales>, ReportError> {
        let sql = format!(
            "SELECT assumeNotNull(customer_id) AS customer_id, {CURRENCY} AS currency, count() AS orders, toString(sum(ifNull(total, 0))) AS sales,
                 toUnixTimestamp64Milli(max(created_at)) AS last_order
             FROM orders FINAL
             WHERE {OF_WINDOW} AND {IS_SALE} AND orders.customer_id IN {{ids:Array(Int64)}}
             GROUP BY customer_id, currency {SETTINGS}"
        );
        let found: Vec<CustomerLine> = lines(self.over(&sql, window).param("ids", ids)).await?;
        found.into_iter().map(CustomerSales::try_from).collect()
    }
}

/// One row of each currency that the store ever sold in. All is told by one pass over the orders up to the end of the window: by customer and
/// currency first, which takes most of the time.
fn by_customer() -> String {
    format!(
        "SELECT reinterpretAsString(cur) AS currency, countIf(customer != 0 AND orders > 0) AS customers,
             countIf(customer != 0 AND orders > 0 AND is_new) AS new_customers, toString(sumIf(sales, customer != 0 AND is_new)) AS new_sales,
             toString(sumIf(sales, customer != 0 AND NOT is_new)) AS returning_sales, toString(sumIf(sales, customer = 0)) AS unknown_sales,
             arrayMap(one -> (toString(one.1), -one.2, one.3, toUnixTimestamp64Milli(one.4)), arraySlice(arrayPartialReverseSort(
                 {{limit:UInt32}}, groupArrayIf((sales, -customer, orders, last), customer != 0 AND orders > 0)), 1, {{limit:UInt32}})) AS top
         FROM (
             SELECT ifNull(customer_id, 0) AS customer, currency_key AS cur, countIf(is_inside) AS orders,
                 sumIf(ifNull(total, 0), is_inside) AS sales, maxIf(created_at, is_inside) AS last,
                 min(created_at) >= fromUnixTimestamp64Milli({{known:Int64}}, 'UTC') AS is_new
             FROM (
                 SELECT customer_id, currency_key, total, created_at, created_at >= fromUnixTimestamp64Milli({{from:Int64}}, 'UTC') AS is_inside
                 FROM orders FINAL
                 WHERE merchant_id = {{merchant:UUID}} AND store_id = {{store:Int64}}
                   AND created_at < fromUnixTimestamp64Milli({{until:Int64}}, 'UTC') AND {IS_SALE})
             GROUP BY customer, cur)
         GROUP BY cur ORDER BY currency {SETTINGS}"
    )
}

impl TryFrom<CustomerLine> for CustomerSales {
    type Error = ReportError;

    fn try_from(line: CustomerLine) -> Result<Self, ReportError> {
        Ok(Self {
            customer_id: line.customer_id,
            currency: line.currency,
            orders: line.orders,
            sales: amount(&line.sales)?,
            last_order_at: DateTime::from_timestamp_millis(line.last_order).unwrap_or_default(),
        })
    }
}
