//! What is in each report file: its columns, their headings in both languages, and the query that gives them.

use clickhouse::Client;
use clickhouse::query::Query;
use qafila_schemas::ids::MerchantId;

use super::filters::Filters;
use crate::olap::standing::{IS_CANCELLED, IS_RETURNED, IS_SALE, IS_WAITING};
use crate::oltp::completeness::Complete;

/// A report that can be exported (API.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// Sales by day, week or month.
    SalesTrend,
    /// One row an order.
    Orders,
    /// One row a line of an order.
    OrderItems,
    /// One row a customer.
    Customers,
    /// One row a product.
    Products,
    /// One row an abandoned cart.
    Carts,
    /// Orders by status.
    OrderStatus,
    /// What was sold, by product, most first.
    TopProducts,
}

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Integer,
    /// Text; empty is absent.
    Text,
    /// `decimal(18,4)`: money, whose currency is a column of its own, or a quantity.
    Decimal,
    /// An instant, to the millisecond.
    Time,
    /// Yes or no.
    Boolean,
}

impl Kind {
    /// Its name in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Text => "text",
            Self::Decimal => "decimal(18,4)",
            Self::Time => "timestamp(ms, UTC)",
            Self::Boolean => "boolean",
        }
    }
}

/// A column of a report.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    /// Name in NDJSON and Parquet, and in the manifest.
    pub name: &'static str,
    /// What its cells are.
    pub kind: Kind,
    /// Heading in English.
    pub english: &'static str,
    /// Heading in Arabic.
    pub arabic: &'static str,
    /// Its cells are personal, so they are sealed where they are stored.
    pub is_personal: bool,
    sql: &'static str,
}

const fn column(
    name: &'static str,
    kind: Kind,
    sql: &'static str,
    english: &'static str,
    arabic: &'static str,
) -> Column {
    Column { name, kind, english, arabic, is_personal: false, sql }
}

const fn personal(
    name: &'static str,
    sql: &'static str,
    english: &'static str,
    arabic: &'static str,
) -> Column {
    Column { name, kind: Kind::Text, english, arabic, is_personal: true, sql }
}

use Kind::{Boolean, Decimal, Integer, Text, Time};

static ORDERS: [Column; 25] = [
    column("orderId", Integer, "order_id", "Order id", "معرّف الطلب"),
    column("number", Integer, "reference_id", "Order number", "رقم الطلب"),
    column("createdAt", Time, "created_at", "Created", "تاريخ الإنشاء"),
    column("status", Text, "status_slug", "Status", "الحالة"),
    column("statusName", Text, "ifNull(custom_status_name, status_name)", "Status name", "اسم الحالة"),
    column("total", Decimal, "total", "Total", "الإجمالي"),
    column("currency", Text, "currency", "Currency", "العملة"),
    column("subTotal", Decimal, "sub_total", "Subtotal", "المجموع الفرعي"),
    column("shippingCost", Decimal, "shipping_cost", "Shipping", "الشحن"),
    column("cashOnDelivery", Decimal, "cash_on_delivery", "Cash on delivery fee", "رسوم الدفع عند الاستلام"),
    column("tax", Decimal, "tax", "Tax", "الضريبة"),
    column("discount", Decimal, "discount", "Discount", "الخصم"),
    column("paymentMethod", Text, "payment_method", "Payment method", "طريقة الدفع"),
    column("channel", Text, "channel", "Channel", "القناة"),
    column("city", Text, "city", "City", "المدينة"),
    column("countryCode", Text, "country_code", "Country", "الدولة"),
    column("units", Decimal, "arraySum(arrayMap(q -> ifNull(q, 0), lines_quantity))", "Units", "عدد القطع"),
    column("customerId", Integer, "customer_id", "Customer id", "معرّف العميل"),
    column("updatedAt", Time, "salla_updated_at", "Last change", "آخر تحديث"),
    personal("customerName", "customer_name", "Customer name", "اسم العميل"),
    personal("customerPhone", "customer_phone", "Customer phone", "جوال العميل"),
    personal("customerEmail", "customer_email", "Customer e-mail", "بريد العميل"),
    personal("receiverName", "receiver_name", "Receiver name", "اسم المستلم"),
    personal("receiverPhone", "receiver_phone", "Receiver phone", "جوال المستلم"),
    personal("receiverEmail", "receiver_email", "Receiver e-mail", "بريد المستلم"),
];

static ORDER_ITEMS: [Column; 15] = [
    column("orderId", Integer, "order_id", "Order id", "معرّف الطلب"),
    column("number", Integer, "reference_id", "Order number", "رقم الطلب"),
    column("createdAt", Time, "created_at", "Created", "تاريخ الإنشاء"),
    column("status", Text, "status_slug", "Status", "الحالة"),
    column("line", Integer, "line", "Line", "السطر"),
    column("lineId", Integer, "line_id", "Line id", "معرّف السطر"),
    column("productId", Integer, "line_product_id", "Product id", "معرّف المنتج"),
    column("sku", Text, "line_sku", "SKU", "رمز المنتج"),
    column("name", Text, "line_name", "Product", "المنتج"),
    column("quantity", Decimal, "line_quantity", "Quantity", "الكمية"),
    column("unitPrice", Decimal, "line_unit_price", "Unit price", "سعر الوحدة"),
    column("discount", Decimal, "line_discount", "Discount", "الخصم"),
    column("tax", Decimal, "line_tax", "Tax", "الضريبة"),
    column("total", Decimal, "line_total", "Line total", "إجمالي السطر"),
    column("currency", Text, "currency", "Currency", "العملة"),
];

static CUSTOMERS: [Column; 13] = [
    column("customerId", Integer, "customer_id", "Customer id", "معرّف العميل"),
    column("createdAt", Time, "created_at", "Created", "تاريخ الإنشاء"),
    column("gender", Text, "gender", "Gender", "الجنس"),
    column("city", Text, "city", "City", "المدينة"),
    column("countryCode", Text, "country_code", "Country", "الدولة"),
    column("currency", Text, "currency", "Currency", "العملة"),
    column("updatedAt", Time, "salla_updated_at", "Last change", "آخر تحديث"),
    personal("firstName", "first_name", "First name", "الاسم الأول"),
    personal("lastName", "last_name", "Last name", "اسم العائلة"),
    personal("phone", "phone", "Phone", "الجوال"),
    personal("email", "email", "E-mail", "البريد الإلكتروني"),
    personal("birthday", "birthday", "Birthday", "تاريخ الميلاد"),
    personal("location", "location", "Address", "العنوان"),
];

static PRODUCTS: [Column; 18] = [
    column("productId", Integer, "product_id", "Product id", "معرّف المنتج"),
    column("name", Text, "name", "Name", "الاسم"),
    column("sku", Text, "sku", "SKU", "رمز المنتج"),
    column("kind", Text, "kind", "Kind", "النوع"),
    column("status", Text, "status", "Status", "الحالة"),
    column("price", Decimal, "price", "Price", "السعر"),
    column("regularPrice", Decimal, "regular_price", "Regular price", "السعر الأساسي"),
    column("salePrice", Decimal, "sale_price", "Sale price", "سعر التخفيض"),
    column("costPrice", Decimal, "cost_price", "Cost price", "سعر التكلفة"),
    column("currency", Text, "currency", "Currency", "العملة"),
    column("quantity", Integer, "quantity", "Quantity", "الكمية"),
    column("unlimitedQuantity", Boolean, "unlimited_quantity", "Unlimited quantity", "كمية غير محدودة"),
    column("isAvailable", Boolean, "is_available", "Available", "متاح"),
    column("soldQuantity", Integer, "sold_quantity", "Sold", "الكمية المباعة"),
    column("brand", Text, "brand", "Brand", "العلامة التجارية"),
    column("categories", Text, "arrayStringConcat(categories, ', ')", "Categories", "التصنيفات"),
    column("createdAt", Time, "created_at", "Created", "تاريخ الإنشاء"),
    column("updatedAt", Time, "salla_updated_at", "Last change", "آخر تحديث"),
];

static CARTS: [Column; 16] = [
    column("cartId", Integer, "cart_id", "Cart id", "معرّف السلة"),
    column("createdAt", Time, "created_at", "Created", "تاريخ الإنشاء"),
    column("status", Text, "status", "Status", "الحالة"),
    column("total", Decimal, "total", "Total", "الإجمالي"),
    column("currency", Text, "currency", "Currency", "العملة"),
    column("subTotal", Decimal, "sub_total", "Subtotal", "المجموع الفرعي"),
    column("discount", Decimal, "discount", "Discount", "الخصم"),
    column("couponCode", Text, "coupon_code", "Coupon", "كود الخصم"),
    column("units", Decimal, "arraySum(arrayMap(q -> ifNull(q, 0), lines_quantity))", "Units", "عدد القطع"),
    column("city", Text, "city", "City", "المدينة"),
    column("customerId", Integer, "customer_id", "Customer id", "معرّف العميل"),
    column("updatedAt", Time, "salla_updated_at", "Last change", "آخر تحديث"),
    personal("customerName", "customer_name", "Customer name", "اسم العميل"),
    personal("customerPhone", "customer_phone", "Customer phone", "جوال العميل"),
    personal("customerEmail", "customer_email", "Customer e-mail", "بريد العميل"),
    personal("checkoutUrl", "checkout_url", "Checkout link", "رابط إكمال الطلب"),
];

static ORDER_STATUS: [Column; 6] = [
    column("status", Text, "status_slug", "Status", "الحالة"),
    column("statusName", Text, "newest_name", "Status name", "اسم الحالة"),
    column("currency", Text, "currency", "Currency", "العملة"),
    column("orders", Integer, "orders_count", "Orders", "الطلبات"),
    column("total", Decimal, "total_sum", "Total", "الإجمالي"),
    column("sales", Decimal, "sales_sum", "Sales total", "إجمالي المبيعات"),
];

static TOP_PRODUCTS: [Column; 7] = [
    column("productId", Integer, "if(key > 0, key, NULL)", "Product id", "معرّف المنتج"),
    column("sku", Text, "newest_sku", "SKU", "رمز المنتج"),
    column("name", Text, "newest_name", "Product", "المنتج"),
    column("currency", Text, "currency", "Currency", "العملة"),
    column("orders", Integer, "orders_count", "Orders", "الطلبات"),
    column("quantity", Decimal, "toDecimal128(units_sum, 4) / 10000", "Quantity", "الكمية"),
    column("sales", Decimal, "toDecimal128(sales_sum, 4) / 10000", "Sales total", "إجمالي المبيعات"),
];

static SALES_TREND: [Column; 11] = [
    // The first day of a point, in the zone asked for: a day is no instant.
    column("from", Text, "formatDateTime(point, '%Y-%m-%d', {zone:String})", "From", "من"),
    column("currency", Text, "currency", "Currency", "العملة"),
    column("orders", Integer, "orders_count", "Orders", "الطلبات"),
    column("salesCount", Integer, "sales_count", "Sales", "عدد المبيعات"),
    column("sales", Decimal, "sales_sum", "Sales total", "إجمالي المبيعات"),
    column("waitingCount", Integer, "waiting_count", "Waiting for payment", "بانتظار الدفع"),
    column("waiting", Decimal, "waiting_sum", "Waiting for payment, total", "إجمالي بانتظار الدفع"),
    column("cancelledCount", Integer, "cancelled_count", "Cancelled", "الملغاة"),
    column("cancelled", Decimal, "cancelled_sum", "Cancelled total", "إجمالي الملغاة"),
    column("returnedCount", Integer, "returned_count", "Returned", "المرتجعة"),
    column("returned", Decimal, "returned_sum", "Returned total", "إجمالي المرتجعة"),
];

impl Report {
    /// The report that API.md calls `name`.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sales-trend" => Self::SalesTrend,
            "orders" => Self::Orders,
            "order-items" => Self::OrderItems,
            "customers" => Self::Customers,
            "products" => Self::Products,
            "carts" => Self::Carts,
            "order-status" => Self::OrderStatus,
            "top-products" => Self::TopProducts,
            _ => return None,
        })
    }

    /// Its name in API.md.
    pub fn name(self) -> &'static str {
        match self {
            Self::SalesTrend => "sales-trend",
            Self::Orders => "orders",
            Self::OrderItems => "order-items",
            Self::Customers => "customers",
            Self::Products => "products",
            Self::Carts => "carts",
            Self::OrderStatus => "order-status",
            Self::TopProducts => "top-products",
        }
    }

    /// Its columns; those that are personal only where they are wanted.
    pub fn columns(self, with_personal: bool) -> Vec<&'static Column> {
        let all: &'static [Column] = match self {
            Self::SalesTrend => &SALES_TREND,
            Self::Orders => &ORDERS,
            Self::OrderItems => &ORDER_ITEMS,
            Self::Customers => &CUSTOMERS,
            Self::Products => &PRODUCTS,
            Self::Carts => &CARTS,
            Self::OrderStatus => &ORDER_STATUS,
            Self::TopProducts => &TOP_PRODUCTS,
        };
        all.iter().filter(|column| with_personal || !column.is_personal).collect()
    }

    /// What Salla calls the things that it is made from: `orders`, `customers`, `products` or `carts`.
    pub fn resource(self) -> &'static str {
        self.table()
    }

    /// Whether it has personal columns.
    pub fn is_personal(self) -> bool {
        self.columns(true).iter().any(|column| column.is_personal)
    }

    /// Names of its filters.
    pub fn filters(self) -> &'static [&'static str] {
        match self {
            Self::SalesTrend => &["from", "to", "timezone", "granularity"],
            Self::Orders => &["from", "to", "timezone", "status", "customerId"],
            Self::OrderItems | Self::Carts => &["from", "to", "timezone", "status"],
            Self::OrderStatus | Self::TopProducts => &["from", "to", "timezone"],
            // Salla does not say when most customers and products were created.
            Self::Customers => &["timezone"],
            Self::Products => &["timezone", "status"],
        }
    }

    /// The table of facts it is made from.
    fn table(self) -> &'static str {
        match self {
            Self::SalesTrend | Self::Orders | Self::OrderItems | Self::OrderStatus | Self::TopProducts => {
                "orders"
            }
            Self::Customers => "customers",
            Self::Products => "products",
            Self::Carts => "carts",
        }
    }

    /// Rows of a fact that the report would have, where that can be told without making it.
    fn rows_of_a_fact(self) -> Option<&'static str> {
        match self {
            Self::SalesTrend | Self::OrderStatus | Self::TopProducts => None,
            Self::OrderItems => Some("length(lines_quantity)"),
            Self::Orders | Self::Customers | Self::Products | Self::Carts => Some("1"),
        }
    }
}

/// A report of one store, with its filters: what the worker asks ClickHouse for.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The report.
    pub report: Report,
    /// Its columns, in order.
    pub columns: Vec<&'static Column>,
    /// Whose.
    pub merchant: MerchantId,
    /// Salla's id of the store: a merchant who connects another never sees two mixed.
    pub store: i64,
    /// Narrowed to.
    pub filters: Filters,
    /// Of which time everything of the store is known to be there; none before its import has ended.
    pub complete: Option<Complete>,
}

impl Selection {
    /// The query of all rows, in `RowBinary`, in order; ClickHouse reads it as it is asked for more.
    pub fn rows(&self, client: &Client) -> Query {
        self.bound(client, &self.sql())
    }

    /// The statement of [`rows`](Self::rows).
    pub fn sql(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| column.select()).collect();
        format!(
            "SELECT {} FROM {} {} SETTINGS do_not_merge_across_partitions_select_final = 1, optimize_read_in_order = 1,
                 max_bytes_before_external_sort = 268435456",
            columns.join(", "),
            self.source(),
            self.order()
        )
    }

    /// How far the facts of the merchant have come, by partition of their topic, and about how many rows there will be:
    /// `(topic, partition, offset, rows)`. Earlier versions of a row may be counted, too.
    pub fn extent(&self, client: &Client) -> Query {
        let rows = self.report.rows_of_a_fact().unwrap_or("0");
        let sql = format!(
            "SELECT toString(kafka_topic) AS topic, kafka_partition AS partition, max(kafka_offset) AS offset,
                 toUInt64(sumIf({rows}, is_deleted = 0 AND {})) AS estimated
             FROM {} WHERE merchant_id = {{merchant:UUID}} GROUP BY topic, partition ORDER BY topic, partition",
            self.condition(),
            self.report.table()
        );
        self.bound(client, &sql)
    }

    /// How many orders' details (lines, customers) are not known yet, where the report shows them: they come after an import.
    pub fn without_details(&self, client: &Client) -> Option<Query> {
        let sql =
            format!("SELECT count() FROM orders FINAL WHERE {} AND lines_complete = 0", self.condition());
        matches!(self.report, Report::Orders | Report::OrderItems | Report::TopProducts)
            .then(|| self.bound(client, &sql))
    }

    /// Whether [`extent`](Self::extent) tells how many rows there will be.
    pub fn is_countable(&self) -> bool {
        self.report.rows_of_a_fact().is_some()
    }

    fn source(&self) -> String {
        let condition = self.condition();
        match self.report {
            Report::SalesTrend => format!(
                "(SELECT {} AS point, currency, count() AS orders_count,
                     countIf({IS_SALE}) AS sales_count, sumIf(ifNull(total, 0), {IS_SALE}) AS sales_sum,
                     countIf({IS_WAITING}) AS waiting_count, sumIf(ifNull(total, 0), {IS_WAITING}) AS waiting_sum,
                     countIf({IS_CANCELLED}) AS cancelled_count, sumIf(ifNull(total, 0), {IS_CANCELLED}) AS cancelled_sum,
                     countIf({IS_RETURNED}) AS returned_count, sumIf(ifNull(total, 0), {IS_RETURNED}) AS returned_sum
                 FROM orders FINAL WHERE {condition} GROUP BY point, currency)",
                self.filters.width().start()
            ),
            Report::OrderItems => format!(
                "orders FINAL ARRAY JOIN arrayEnumerate(lines_quantity) AS line, lines_id AS line_id, lines_product_id AS line_product_id,
                     lines_name AS line_name, lines_sku AS line_sku, lines_quantity AS line_quantity, lines_unit_price AS line_unit_price,
                     lines_discount AS line_discount, lines_tax AS line_tax, lines_total AS line_total
                 WHERE {condition}"
            ),
            Report::OrderStatus => format!(
                "(SELECT status_slug, currency, argMaxIf(status_name, created_at, isNotNull(status_name)) AS newest_name,
                     count() AS orders_count, sum(ifNull(total, 0)) AS total_sum, sumIf(ifNull(total, 0), {IS_SALE}) AS sales_sum
                 FROM orders FINAL WHERE {condition} GROUP BY status_slug, currency)"
            ),
            // Lines that have not come have one key, whatever number of names: they are left out before arrays are joined.
            Report::TopProducts => format!(
                "(SELECT key, currency, argMaxIf(line_sku, created_at, isNotNull(line_sku)) AS newest_sku,
                     argMaxIf(line_name, created_at, isNotNull(line_name)) AS newest_name, sum(first) AS orders_count,
                     sum(toInt128(units)) AS units_sum, sum(toInt128(line_sales)) AS sales_sum
                 FROM (SELECT created_at, currency, sold_key, sold_first, sold_units, sold_for, lines_sku, lines_name
                     FROM orders FINAL WHERE {condition} AND {IS_SALE} AND lines_complete = 1)
                 ARRAY JOIN sold_key AS key, sold_first AS first, sold_units AS units, sold_for AS line_sales, lines_sku AS line_sku,
                     lines_name AS line_name
                 GROUP BY key, currency)"
            ),
            Report::Orders | Report::Customers | Report::Products | Report::Carts => {
                format!("{} FINAL WHERE {condition}", self.report.table())
            }
        }
    }

    fn order(&self) -> &'static str {
        match self.report {
            Report::SalesTrend => "ORDER BY point, currency",
            // By date, as people expect them; the rest in the order of their keys, which costs nothing.
            Report::Orders => "ORDER BY created_at, order_id",
            Report::OrderItems => "ORDER BY created_at, order_id, line",
            Report::Customers => "ORDER BY merchant_id, store_id, customer_id",
            Report::Products => "ORDER BY merchant_id, store_id, product_id",
            Report::Carts => "ORDER BY created_at, cart_id",
            Report::OrderStatus => "ORDER BY currency, orders_count DESC, status_slug",
            Report::TopProducts => "ORDER BY currency, sales_sum DESC, key",
        }
    }

    fn condition(&self) -> String {
        let mut condition = "merchant_id = {merchant:UUID} AND store_id = {store:Int64}".to_owned();
        let (from, until) = self.filters.window();
        let narrowed = [
            (from.is_some(), " AND created_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')"),
            (until.is_some(), " AND created_at < fromUnixTimestamp64Milli({until:Int64}, 'UTC')"),
            (self.filters.customer_id.is_some(), " AND customer_id = {customer:Int64}"),
        ];
        for (_, more) in narrowed.iter().filter(|(is_asked, _)| *is_asked) {
            condition.push_str(more);
        }
        if self.filters.status.is_some() {
            condition.push_str(if matches!(self.report, Report::Products | Report::Carts) {
                " AND status = {status:String}"
            } else {
                " AND status_slug = {status:String}"
            });
        }
        condition
    }

    fn bound(&self, client: &Client, sql: &str) -> Query {
        let (from, until) = self.filters.window();
        let mut query =
            client.query(sql).param("merchant", self.merchant.to_string()).param("store", self.store);
        if let Some(from) = from {
            query = query.param("from", from.timestamp_millis());
        }
        if let Some(until) = until {
            query = query.param("until", until.timestamp_millis());
        }
        if let Some(status) = &self.filters.status {
            query = query.param("status", status);
        }
        if let Some(customer) = self.filters.customer_id {
            query = query.param("customer", customer);
        }
        if sql.contains("{zone:String}") {
            query = query.param("zone", self.filters.timezone.name());
        }
        query
    }
}

impl Column {
    /// Its cells as the reader of rows expects them: text as it is, all else nullable.
    fn select(&self) -> String {
        let kind = match self.kind {
            Kind::Text => return format!("ifNull(toString({}), '') AS `c_{}`", self.sql, self.name),
            Kind::Integer => "Int64",
            Kind::Decimal => "Decimal(18, 4)",
            Kind::Time => "DateTime64(3, \\'UTC\\')",
            Kind::Boolean => "UInt8",
        };
        format!("CAST({}, 'Nullable({kind})') AS `c_{}`", self.sql, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns_are_unique_in_a_report_and_every_heading_is_in_both_languages() {
        for name in qafila_aggregates::export::REPORTS {
            let report = Report::named(name).expect("a report");
            assert_eq!(report.name(), name);
            let mut names: Vec<_> = report.columns(true).iter().map(|column| column.name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{report:?}");
            for column in report.columns(true) {
                assert!(column.english.is_ascii() && !column.arabic.is_ascii(), "{}", column.name);
            }
            assert!(report.columns(false).iter().all(|column| !column.is_personal));
        }
        assert!(Report::Orders.is_personal() && !Report::Products.is_personal());
    }
}
