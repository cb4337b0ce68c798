//! The sheet of the facts in ClickHouse.

use clickhouse::{Client, Row};
use qafila_schemas::amount::Amount;
use serde::Deserialize;

use super::{OrderEntry, Scope, Sheet};

#[derive(Row, Deserialize)]
struct Order {
    order_id: i64,
    total: Option<String>,
    currency: String,
    status_slug: String,
}

/// Reads it.
pub async fn sheet(client: &Client, scope: Scope) -> Result<Sheet, clickhouse::error::Error> {
    let orders: Vec<Order> = client
        .query(
            "SELECT order_id, toString(total) AS total, ifNull(toString(currency), '') AS currency, ifNull(toString(status_slug), '') AS status_slug
             FROM orders FINAL WHERE merchant_id = {merchant:UUID} AND store_id = {store:Int64}
               AND toDate(created_at, 'Asia/Riyadh') = {day:Date}",
        )
        .param("merchant", scope.merchant_id.to_string())
        .param("store", scope.store_id)
        .param("day", scope.day.to_string())
        .fetch_all()
        .await?;
    let mut sheet = Sheet::default();
    for order in orders {
        let total: Option<Amount> = order.total.map(|text| text.parse()).transpose().map_err(|error| {
            clickhouse::error::Error::Custom(format!("total of order {}: {error}", order.order_id))
        })?;
        let (currency, status) = (order.currency, order.status_slug);
        sheet.orders.insert(order.order_id, OrderEntry { total, currency, status });
    }
    for (table, id, ids) in
        [("products", "product_id", &mut sheet.products), ("customers", "customer_id", &mut sheet.customers)]
    {
        let sql = format!(
            "SELECT {id} FROM {table} FINAL WHERE merchant_id = {{merchant:UUID}} AND store_id = {{store:Int64}}"
        );
        let query = client
            .query(&sql)
            .param("merchant", scope.merchant_id.to_string())
            .param("store", scope.store_id);
        ids.extend(query.fetch_all::<i64>().await?);
    }
    Ok(sheet)
}
