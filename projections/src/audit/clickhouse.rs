//! The sheet of the facts in ClickHouse.

use std::collections::BTreeMap;

use clickhouse::error::Error;
use clickhouse::{Client, Row, RowOwned, RowRead};
use qafila_schemas::amount::Amount;
use serde::Deserialize;

use super::parts::{self, LINE_PRODUCTS, LINES, Parts};
use super::{OrderEntry, Scope, Sheet};

#[derive(Row, Deserialize)]
struct Order {
    order_id: i64,
    total: Option<String>,
    currency: Option<String>,
    status_slug: Option<String>,
    sub_total: Option<String>,
    shipping_cost: Option<String>,
    cash_on_delivery: Option<String>,
    tax: Option<String>,
    discount: Option<String>,
    payment_method: Option<String>,
    channel: Option<String>,
    customer_id: Option<i64>,
    city: Option<String>,
    country_code: Option<String>,
    exchange_rate: Option<String>,
    skus: Vec<Option<String>>,
    quantities: Vec<Option<String>>,
    unit_prices: Vec<Option<String>>,
    totals: Vec<Option<String>>,
    products: Vec<Option<i64>>,
}

#[derive(Row, Deserialize)]
struct Product {
    product_id: i64,
    name: Option<String>,
    sku: Option<String>,
    status: Option<String>,
    price: Option<String>,
}

#[derive(Row, Deserialize)]
struct Customer {
    customer_id: i64,
    city: Option<String>,
    country_code: Option<String>,
}

#[derive(Row, Deserialize)]
struct Cart {
    cart_id: i64,
    status: Option<String>,
    total: Option<String>,
    currency: Option<String>,
    customer_id: Option<i64>,
    coupon_code: Option<String>,
}

/// Reads it.
pub async fn sheet(client: &Client, scope: Scope) -> Result<Sheet, Error> {
    let of_day = " AND toDate(created_at, 'Asia/Riyadh') = {day:Date}";
    let orders = "order_id, toString(total) AS total, toString(currency) AS currency, toString(status_slug) AS status_slug,
        toString(sub_total) AS sub_total, toString(shipping_cost) AS shipping_cost, toString(cash_on_delivery) AS cash_on_delivery,
        toString(tax) AS tax, toString(discount) AS discount, toString(payment_method) AS payment_method, toString(channel) AS channel,
        customer_id, toString(city) AS city, toString(country_code) AS country_code, toString(exchange_rate) AS exchange_rate, lines_sku AS skus,
        arrayMap(x -> toString(x), lines_quantity) AS quantities, arrayMap(x -> toString(x), lines_unit_price) AS unit_prices,
        arrayMap(x -> toString(x), lines_total) AS totals, lines_product_id AS products";
    let mut sheet = Sheet::default();
    for order in rows::<Order>(client, scope, "orders", orders, of_day).await? {
        sheet.orders.insert(order.order_id, entry(&order)?);
    }
    let products = "product_id, toString(name) AS name, toString(sku) AS sku, toString(status) AS status, toString(price) AS price";
    for product in rows::<Product>(client, scope, "products", products, "").await? {
        let price = parts::amount(amount(product.price.as_deref())?);
        let parts =
            [("name", product.name), ("sku", product.sku), ("status", product.status), ("price", price)];
        sheet.products.insert(product.product_id, parts::known(parts));
    }
    let customers = "customer_id, toString(city) AS city, toString(country_code) AS country_code";
    for customer in rows::<Customer>(client, scope, "customers", customers, "").await? {
        let parts = parts::known([("city", customer.city), ("country", customer.country_code)]);
        sheet.customers.insert(customer.customer_id, parts);
    }
    let carts = "cart_id, toString(status) AS status, toString(total) AS total, toString(currency) AS currency, customer_id,
        toString(coupon_code) AS coupon_code";
    let mut found = BTreeMap::new();
    for cart in rows::<Cart>(client, scope, "carts", carts, "").await? {
        let parts = parts::known([
            ("status", cart.status),
            ("total", parts::amount(amount(cart.total.as_deref())?)),
            ("currency", cart.currency),
            ("customer", cart.customer_id.map(|id| id.to_string())),
            ("coupon", cart.coupon_code),
        ]);
        found.insert(cart.cart_id, parts);
    }
    sheet.carts = Some(found);
    Ok(sheet)
}

/// The store's rows of a table.
async fn rows<T: RowOwned + RowRead>(
    client: &Client,
    scope: Scope,
    table: &str,
    columns: &str,
    more: &str,
) -> Result<Vec<T>, Error> {
    let sql = format!(
        "SELECT {columns} FROM {table} FINAL WHERE merchant_id = {{merchant:UUID}} AND store_id = {{store:Int64}}{more}"
    );
    let query = client.query(&sql);
    let query = query.param("merchant", scope.merchant_id.to_string()).param("store", scope.store_id);
    query.param("day", scope.day.to_string()).fetch_all().await
}

fn entry(order: &Order) -> Result<OrderEntry, Error> {
    let mut lines = Vec::with_capacity(order.skus.len());
    let values = order.quantities.iter().zip(&order.unit_prices).zip(&order.totals);
    for (sku, ((quantity, price), total)) in order.skus.iter().zip(values) {
        let (quantity, price) = (amount(quantity.as_deref())?, amount(price.as_deref())?);
        lines.push(parts::line(sku.as_deref(), quantity, price, amount(total.as_deref())?));
    }
    let mut parts: Parts = parts::known([
        ("payment_method", order.payment_method.clone()),
        ("channel", order.channel.clone()),
        ("customer", order.customer_id.map(|id| id.to_string())),
        ("city", order.city.clone()),
        ("country", order.country_code.clone()),
        ("exchange_rate", order.exchange_rate.clone()),
        (LINES, Some(lines.join("; "))),
        (LINE_PRODUCTS, Some(parts::line_products(order.products.iter().copied()))),
    ]);
    for (name, value) in [
        ("sub_total", &order.sub_total),
        ("shipping_cost", &order.shipping_cost),
        ("cash_on_delivery", &order.cash_on_delivery),
        ("tax", &order.tax),
        ("discount", &order.discount),
    ] {
        parts.insert(name, parts::amount(amount(value.as_deref())?).unwrap_or_default());
    }
    Ok(OrderEntry {
        total: amount(order.total.as_deref())?,
        currency: order.currency.clone().unwrap_or_default(),
        status: order.status_slug.clone().unwrap_or_default(),
        parts,
    })
}

fn amount(text: Option<&str>) -> Result<Option<Amount>, Error> {
    text.map(str::parse).transpose().map_err(|error| Error::Custom(format!("an amount: {error}")))
}
