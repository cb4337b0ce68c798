//! The sheet of the read models in Postgres.

use qafila_schemas::amount::Amount;
use qafila_schemas::records::observation::OrderLine;
use rust_decimal::Decimal;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgPool, Row};

use super::parts::{self, LINE_PRODUCTS, LINES, Parts};
use super::{OrderEntry, Scope, Sheet};

const IS_THERE: &str =
    "merchant_id = $1 AND store_id = $2 AND coalesce(deleted_at <= read_at, deleted_at IS NULL)";

/// Reads it; `pool` is the projection role's.
pub async fn sheet(pool: &PgPool, scope: Scope) -> Result<Sheet, sqlx::Error> {
    let query = format!(
        "SELECT order_id, total, currency, status_slug, sub_total, shipping_cost, cash_on_delivery, tax, discount, payment_method,
             channel, customer_id, city, country_code, exchange_rate, lines
         FROM orders WHERE {IS_THERE} AND created_at >= $3 AND created_at < $4"
    );
    let orders = sqlx::query(&query)
        .bind(scope.merchant_id.0)
        .bind(scope.store_id)
        .bind(scope.span.0)
        .bind(scope.span.1)
        .fetch_all(pool)
        .await?;
    let mut sheet = Sheet::default();
    for row in orders {
        sheet.orders.insert(row.try_get("order_id")?, order(&row)?);
    }
    for row in rows(pool, scope, "products", "product_id, name, sku, status, price").await? {
        let parts = parts::known([
            ("name", row.try_get("name")?),
            ("sku", row.try_get("sku")?),
            ("status", row.try_get("status")?),
            ("price", parts::amount(amount(&row, "price")?)),
        ]);
        sheet.products.insert(row.try_get("product_id")?, parts);
    }
    for row in rows(pool, scope, "customers", "customer_id, city, country_code").await? {
        let parts = parts::known([("city", row.try_get("city")?), ("country", row.try_get("country_code")?)]);
        sheet.customers.insert(row.try_get("customer_id")?, parts);
    }
    let mut carts = std::collections::BTreeMap::new();
    for row in
        rows(pool, scope, "carts", "cart_id, status, total, currency, customer_id, coupon_code").await?
    {
        let parts = parts::known([
            ("status", row.try_get("status")?),
            ("total", parts::amount(amount(&row, "total")?)),
            ("currency", row.try_get("currency")?),
            ("customer", id(&row, "customer_id")?),
            ("coupon", row.try_get("coupon_code")?),
        ]);
        carts.insert(row.try_get("cart_id")?, parts);
    }
    sheet.carts = Some(carts);
    Ok(sheet)
}

/// The store's rows that are there.
async fn rows(pool: &PgPool, scope: Scope, table: &str, columns: &str) -> Result<Vec<PgRow>, sqlx::Error> {
    let query = format!("SELECT {columns} FROM {table} WHERE {IS_THERE}");
    sqlx::query(&query).bind(scope.merchant_id.0).bind(scope.store_id).fetch_all(pool).await
}

fn order(row: &PgRow) -> Result<OrderEntry, sqlx::Error> {
    let lines: Json<Vec<OrderLine>> = row.try_get("lines")?;
    let mut parts: Parts = parts::known([
        ("payment_method", row.try_get("payment_method")?),
        ("channel", row.try_get("channel")?),
        ("customer", id(row, "customer_id")?),
        ("city", row.try_get("city")?),
        ("country", row.try_get("country_code")?),
        ("exchange_rate", row.try_get("exchange_rate")?),
        (LINES, Some(parts::lines(&lines))),
        (LINE_PRODUCTS, Some(parts::line_products(lines.iter().map(|line| line.product_id)))),
    ]);
    for name in ["sub_total", "shipping_cost", "cash_on_delivery", "tax", "discount"] {
        parts.insert(name, parts::amount(amount(row, name)?).unwrap_or_default());
    }
    Ok(OrderEntry {
        total: amount(row, "total")?,
        currency: row.try_get::<Option<String>, _>("currency")?.unwrap_or_default(),
        status: row.try_get::<Option<String>, _>("status_slug")?.unwrap_or_default(),
        parts,
    })
}

fn amount(row: &PgRow, column: &str) -> Result<Option<Amount>, sqlx::Error> {
    let amount: Option<Decimal> = row.try_get(column)?;
    amount.map(Amount::try_from).transpose().map_err(|e| sqlx::Error::Decode(e.into()))
}

fn id(row: &PgRow, column: &str) -> Result<Option<String>, sqlx::Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(|id| id.to_string()))
}
