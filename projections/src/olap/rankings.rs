//! Reports that rank: products, statuses of orders, and customers of a window. As with [all reports](super::reports), orders that
//! are no sales count for nothing but the statuses, and figures are given per currency.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use qafila_schemas::amount::Amount;
use serde::Deserialize;

use super::reports::{CURRENCY, OF_WINDOW, ReportError, Reports, Window, amount, lines};
use super::standing::IS_SALE;

/// What was sold of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductSales {
    /// Salla's id; none where the lines do not tell it.
    pub product_id: Option<i64>,
    /// SKU as the newest line has it; may be empty.
    pub sku: String,
    /// Name as the newest line has it.
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    /// Orders with it.
    pub orders: u64,
    /// Units.
    pub quantity: Amount,
    /// Sum of its lines.
    pub sales: Amount,
}

/// Orders of one status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCount {
    /// Salla's slug.
    pub slug: String,
    /// Name as the newest order has it, in the store's language.
    pub name: String,
    /// ISO 4217.
    pub currency: String,
    /// Orders.
    pub orders: u64,
    /// Sum of their totals.
    pub total: Amount,
}

/// How many customers bought, by currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerCounts {
    /// ISO 4217.
    pub currency: String,
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
    /// Name as the newest order has it: sealed; empty where none tells it.
    pub name: String,
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
struct ProductLine {
    product_id: i64,
    sku: String,
    name: String,
    currency: String,
    orders: u64,
    quantity: String,
    sales: String,
}

#[derive(Row, Deserialize)]
struct StatusLine {
    slug: String,
    name: String,
    currency: String,
    orders: u64,
    total: String,
}

#[derive(Row, Deserialize)]
struct CountsLine {
    currency: String,
    customers: u64,
    new_customers: u64,
    new_sales: String,
    returning_sales: String,
    unknown_sales: String,
}

#[derive(Row, Deserialize)]
struct CustomerLine {
    customer_id: i64,
    name: String,
    currency: String,
    orders: u64,
    sales: String,
    last_order: i64,
}

/// What a line was sold for; where Salla does not say, its units at their price.
const LINE_SALES: &str = "ifNull(line_total, toDecimal64(toDecimal128(ifNull(line_price, 0), 4) * toDecimal128(ifNull(line_quantity, 0), 4), 4))";
const SETTINGS: &str = "SETTINGS do_not_merge_across_partitions_select_final = 1";

impl Reports<'_> {
    /// The products that sold most, at most `limit` of each currency: by product, and where nobody knows it by SKU, else by name. Orders
    /// whose lines have not come are left out.
    pub async fn top_products(&self, window: Window, limit: u32) -> Result<Vec<ProductSales>, ReportError> {
        let sql = format!(
            "SELECT ifNull(product, 0) AS product_id, ifNull(argMaxIf(line_sku, created_at, isNotNull(line_sku)), '') AS sku,
                 ifNull(argMaxIf(line_name, created_at, isNotNull(line_name)), '') AS name,
                 {CURRENCY} AS currency, uniqExact(order_id) AS orders, toString(sum(ifNull(line_quantity, 0))) AS quantity,
                 toString(sum({LINE_SALES})) AS sales
             FROM orders FINAL
             ARRAY JOIN lines_product_id AS product, lines_name AS line_name, lines_sku AS line_sku, lines_quantity AS line_quantity,
                 lines_unit_price AS line_price, lines_total AS line_total
             WHERE {OF_WINDOW} AND {IS_SALE} AND lines_complete = 1
             GROUP BY product, if(isNotNull(product), '', ifNull(line_sku, ifNull(line_name, ''))) AS told, currency
             ORDER BY currency, sum({LINE_SALES}) DESC, product_id, told
             LIMIT {{limit:UInt32}} BY currency {SETTINGS}"
        );
        let found: Vec<ProductLine> = lines(self.over(&sql, window).param("limit", limit)).await?;
        let product = |line: ProductLine| {
            Ok(ProductSales {
                product_id: (line.product_id != 0).then_some(line.product_id),
                sku: line.sku,
                name: line.name,
                currency: line.currency,
                orders: line.orders,
                quantity: amount(&line.quantity)?,
                sales: amount(&line.sales)?,
            })
        };
        found.into_iter().map(product).collect()
    }

    /// Sales of a window whose lines are not known yet: no ranking of products counts them.
    pub async fn orders_without_lines(&self, window: Window) -> Result<u64, ReportError> {
        let sql = format!(
            "SELECT count() FROM orders FINAL WHERE {OF_WINDOW} AND {IS_SALE} AND lines_complete = 0 {SETTINGS}"
        );
        let counted: Vec<u64> = lines(self.over(&sql, window)).await?;
        Ok(counted.first().copied().unwrap_or_default())
    }

    /// Orders by status, most frequent first.
    pub async fn order_status(&self, window: Window) -> Result<Vec<StatusCount>, ReportError> {
        let sql = format!(
            "SELECT ifNull(toString(status_slug), '') AS slug, ifNull(argMaxIf(status_name, created_at, isNotNull(status_name)), '') AS name,
                 {CURRENCY} AS currency, count() AS orders, toString(sum(ifNull(total, 0))) AS total
             FROM orders FINAL WHERE {OF_WINDOW}
             GROUP BY slug, currency ORDER BY orders DESC, slug, currency {SETTINGS}"
        );
        let found: Vec<StatusLine> = lines(self.over(&sql, window)).await?;
        let status = |line: StatusLine| {
            Ok(StatusCount {
                slug: line.slug,
                name: line.name,
                currency: line.currency,
                orders: line.orders,
                total: amount(&line.total)?,
            })
        };
        found.into_iter().map(status).collect()
    }

    /// New and returning customers of a window; new is who had not bought before it. Of what was before `complete_from` nothing is known, so
    /// nobody is new whose first order lies before it.
    pub async fn customer_counts(
        &self,
        window: Window,
        complete_from: Option<DateTime<Utc>>,
    ) -> Result<Vec<CustomerCounts>, ReportError> {
        let known_from = complete_from.map_or(window.from, |from| from.max(window.from));
        let before = "created_at < fromUnixTimestamp64Milli({known:Int64}, 'UTC')";
        let sql = format!(
            "SELECT {CURRENCY} AS currency, uniqExactIf(assumeNotNull(customer_id), isNotNull(customer_id)) AS customers,
                 uniqExactIf(assumeNotNull(customer_id), is_new) AS new_customers,
                 toString(sumIf(ifNull(total, 0), is_new)) AS new_sales,
                 toString(sumIf(ifNull(total, 0), isNotNull(customer_id) AND NOT is_new)) AS returning_sales,
                 toString(sumIf(ifNull(total, 0), isNull(customer_id))) AS unknown_sales
             FROM (
                 SELECT currency, customer_id, total, isNotNull(customer_id) AND NOT ({before}) AND customer_id NOT IN (
                     SELECT assumeNotNull(customer_id) FROM orders FINAL
                     WHERE merchant_id = {{merchant:UUID}} AND store_id = {{store:Int64}} AND isNotNull(customer_id)
                       AND {before} AND {IS_SALE}) AS is_new
                 FROM orders FINAL WHERE {OF_WINDOW} AND {IS_SALE})
             GROUP BY currency ORDER BY currency {SETTINGS}"
        );
        let query = self.over(&sql, window).param("known", known_from.timestamp_millis());
        let found: Vec<CountsLine> = lines(query).await?;
        let counts = |line: CountsLine| {
            Ok(CustomerCounts {
                currency: line.currency,
                customers: line.customers,
                new_customers: line.new_customers,
                new_sales: amount(&line.new_sales)?,
                returning_sales: amount(&line.returning_sales)?,
                unknown_sales: amount(&line.unknown_sales)?,
            })
        };
        found.into_iter().map(counts).collect()
    }

    /// The customers who bought most, at most `limit` of each currency.
    pub async fn top_customers(&self, window: Window, limit: u32) -> Result<Vec<CustomerSales>, ReportError> {
        let sql = format!(
            "SELECT assumeNotNull(customer_id) AS customer_id, ifNull(argMaxIf(customer_name, created_at, isNotNull(customer_name)), '') AS name,
                 {CURRENCY} AS currency, count() AS orders, toString(sum(ifNull(total, 0))) AS sales,
                 toUnixTimestamp64Milli(max(created_at)) AS last_order
             FROM orders FINAL
             WHERE {OF_WINDOW} AND {IS_SALE} AND isNotNull(orders.customer_id)
             GROUP BY customer_id, currency
             ORDER BY currency, sum(ifNull(total, 0)) DESC, customer_id
             LIMIT {{limit:UInt32}} BY currency {SETTINGS}"
        );
        let found: Vec<CustomerLine> = lines(self.over(&sql, window).param("limit", limit)).await?;
        let customer = |line: CustomerLine| {
            Ok(CustomerSales {
                customer_id: line.customer_id,
                name: line.name,
                currency: line.currency,
                orders: line.orders,
                sales: amount(&line.sales)?,
                last_order_at: DateTime::from_timestamp_millis(line.last_order).unwrap_or_default(),
            })
        };
        found.into_iter().map(customer).collect()
    }
}
