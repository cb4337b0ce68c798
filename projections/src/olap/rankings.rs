//! Reports that rank: products and customers of a window. As with [all reports](super::reports), orders that
//! are no sales count for nothing, and figures are given per currency.

use chrono::{DateTime, Utc};
use clickhouse::Row;
use qafila_schemas::amount::Amount;
use serde::Deserialize;

use super::reports::{
    CURRENCY, Granularity, OF_WINDOW, ReportError, Reports, SETTINGS, Window, amount, lines,
};
use super::standing::IS_SALE;

/// What was sold of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductSales {
    /// Salla's id; none where the lines do not tell it.
    pub product_id: Option<i64>,
    /// What the lines were put together by where nobody knows the product: their SKU, else their name; empty otherwise.
    pub told: String,
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

/// What was sold of a product in a part of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductPoint {
    /// Start of the point.
    pub from: DateTime<Utc>,
    /// ISO 4217.
    pub currency: String,
    /// Orders with it.
    pub orders: u64,
    /// Units.
    pub quantity: Amount,
    /// Sum of its lines.
    pub sales: Amount,
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
    told: String,
    sku: String,
    name: String,
    currency: String,
    orders: u64,
    quantity: String,
    sales: String,
}

#[derive(Row, Deserialize)]
struct PointLine {
    start: i64,
    currency: String,
    orders: u64,
    quantity: String,
    sales: String,
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

/// Sales by product and currency of the lines that `these` holds of, most first.
fn products(these: &str, limit: &str) -> String {
    format!(
        "SELECT ifNull(product, 0) AS product_id, told, ifNull(argMaxIf(line_sku, created_at, isNotNull(line_sku)), '') AS sku,
             ifNull(argMaxIf(line_name, created_at, isNotNull(line_name)), '') AS name,
             {CURRENCY} AS currency, uniqExact(order_id) AS orders, toString(sum(ifNull(line_quantity, 0))) AS quantity,
             toString(sum({LINE_SALES})) AS sales
         FROM orders FINAL
         ARRAY JOIN lines_product_id AS product, lines_name AS line_name, lines_sku AS line_sku, lines_quantity AS line_quantity,
             lines_unit_price AS line_price, lines_total AS line_total
         WHERE {OF_WINDOW} AND {IS_SALE} AND lines_complete = 1 AND {these}
         GROUP BY product, if(isNotNull(product), '', ifNull(line_sku, ifNull(line_name, ''))) AS told, currency
         ORDER BY currency, sum({LINE_SALES}) DESC, product_id, told
         {limit} {SETTINGS}"
    )
}

impl TryFrom<ProductLine> for ProductSales {
    type Error = ReportError;

    fn try_from(line: ProductLine) -> Result<Self, ReportError> {
        Ok(Self {
            product_id: (line.product_id != 0).then_some(line.product_id),
            told: line.told,
            sku: line.sku,
            name: line.name,
            currency: line.currency,
            orders: line.orders,
            quantity: amount(&line.quantity)?,
            sales: amount(&line.sales)?,
        })
    }
}

impl Reports<'_> {
    /// The products that sold most, at most `limit` of each currency: by product, and where nobody knows it by SKU, else by name. Orders
    /// whose lines have not come are left out.
    pub async fn top_products(&self, window: Window, limit: u32) -> Result<Vec<ProductSales>, ReportError> {
        let sql = products("1", "LIMIT {limit:UInt32} BY currency");
        let found: Vec<ProductLine> = lines(self.over(&sql, window).param("limit", limit)).await?;
        found.into_iter().map(ProductSales::try_from).collect()
    }

    /// What was sold of these products, by their ids, or by what their lines were put together by.
    pub async fn sales_of_products(
        &self,
        window: Window,
        ids: Vec<i64>,
        told: Vec<String>,
    ) -> Result<Vec<ProductSales>, ReportError> {
        let these = "(product IN {ids:Array(Int64)} OR (isNull(product) AND ifNull(line_sku, ifNull(line_name, '')) IN {told:Array(String)}))";
        let sql = products(these, "");
        let found: Vec<ProductLine> =
            lines(self.over(&sql, window).param("ids", ids).param("told", told)).await?;
        found.into_iter().map(ProductSales::try_from).collect()
    }

    /// What was sold of one product by day, week or month of a time zone, and by currency; points without sales are left out.
    pub async fn product_points(
        &self,
        window: Window,
        product: i64,
        granularity: Granularity,
        zone: &str,
    ) -> Result<Vec<ProductPoint>, ReportError> {
        let sql = format!(
            "SELECT toInt64(toUnixTimestamp({})) AS start, {CURRENCY} AS currency, uniqExact(order_id) AS orders,
                 toString(sum(ifNull(line_quantity, 0))) AS quantity, toString(sum({LINE_SALES})) AS sales
             FROM orders FINAL
             ARRAY JOIN lines_product_id AS product, lines_quantity AS line_quantity, lines_unit_price AS line_price, lines_total AS line_total
             WHERE {OF_WINDOW} AND {IS_SALE} AND lines_complete = 1 AND product = {{product:Int64}}
             GROUP BY start, currency ORDER BY start, currency {SETTINGS}",
            granularity.start()
        );
        let query = self.over(&sql, window).param("product", product).param("zone", zone);
        let found: Vec<PointLine> = lines(query).await?;
        let point = |line: PointLine| {
            Ok(ProductPoint {
                from: DateTime::from_timestamp(line.start, 0).unwrap_or_default(),
                currency: line.currency,
                orders: line.orders,
                quantity: amount(&line.quantity)?,
                sales: amount(&line.sales)?,
            })
        };
        found.into_iter().map(point).collect()
    }

    /// Sales of a window whose lines are not known yet: no ranking of products counts them.
    pub async fn orders_without_lines(&self, window: Window) -> Result<u64, ReportError> {
        let sql = format!(
            "SELECT count() FROM orders FINAL WHERE {OF_WINDOW} AND {IS_SALE} AND lines_complete = 0 {SETTINGS}"
        );
        let counted: Vec<u64> = lines(self.over(&sql, window)).await?;
        Ok(counted.first().copied().unwrap_or_default())
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

    /// The customers who bought most, at most `limit` of each currency.
    pub async fn top_customers(&self, window: Window, limit: u32) -> Result<Vec<CustomerSales>, ReportError> {
        let sql = customers("1", "LIMIT {limit:UInt32} BY currency");
        let found: Vec<CustomerLine> = lines(self.over(&sql, window).param("limit", limit)).await?;
        found.into_iter().map(CustomerSales::try_from).collect()
    }

    /// What these customers bought.
    pub async fn sales_to_customers(
        &self,
        window: Window,
        ids: Vec<i64>,
    ) -> Result<Vec<CustomerSales>, ReportError> {
        let sql = customers("orders.customer_id IN {ids:Array(Int64)}", "");
        let found: Vec<CustomerLine> = lines(self.over(&sql, window).param("ids", ids)).await?;
        found.into_iter().map(CustomerSales::try_from).collect()
    }
}

/// Sales by customer and currency of the customers that `these` holds of, most first.
fn customers(these: &str, limit: &str) -> String {
    format!(
        "SELECT assumeNotNull(customer_id) AS customer_id, ifNull(argMaxIf(customer_name, created_at, isNotNull(customer_name)), '') AS name,
             {CURRENCY} AS currency, count() AS orders, toString(sum(ifNull(total, 0))) AS sales,
             toUnixTimestamp64Milli(max(created_at)) AS last_order
         FROM orders FINAL
         WHERE {OF_WINDOW} AND {IS_SALE} AND isNotNull(orders.customer_id) AND {these}
         GROUP BY customer_id, currency
         ORDER BY currency, sum(ifNull(total, 0)) DESC, customer_id
         {limit} {SETTINGS}"
    )
}

impl TryFrom<CustomerLine> for CustomerSales {
    type Error = ReportError;

    fn try_from(line: CustomerLine) -> Result<Self, ReportError> {
        Ok(Self {
            customer_id: line.customer_id,
            name: line.name,
            currency: line.currency,
            orders: line.orders,
            sales: amount(&line.sales)?,
            last_order_at: DateTime::from_timestamp_millis(line.last_order).unwrap_or_default(),
        })
    }
}
