//! `/api/v1/products`: the merchant's products.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_projections::oltp::products::{self, Product, ProductFilter};
use qafila_schemas::words::rule::Rule;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, numbered, present_store};
use crate::app::App;
use crate::call::{Call, json};
use crate::money::MoneyBody;
use crate::page::PageRequest;
use crate::problem::{Code, Problem};

const LONGEST_TEXT: usize = 100;

/// A page of products, newest ids first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductsBody {
    items: Vec<ProductBody>,
    /// Give it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// A product.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductBody {
    /// Salla's id.
    id: i64,
    /// When it was made, UTC; null where Salla does not say.
    created_at: Option<DateTime<Utc>>,
    /// When it changed last, UTC.
    updated_at: Option<DateTime<Utc>>,
    name: Option<String>,
    sku: Option<String>,
    /// `product`, `service`, `digital`, …; values may be added.
    kind: Option<String>,
    /// `sale`, `out`, `hidden`, …; values may be added.
    status: Option<String>,
    price: Option<MoneyBody>,
    regular_price: Option<MoneyBody>,
    sale_price: Option<MoneyBody>,
    /// What it costs the merchant.
    cost_price: Option<MoneyBody>,
    /// Units in stock; null where Salla does not say, or where stock is not counted.
    quantity: Option<i64>,
    unlimited_quantity: Option<bool>,
    is_available: Option<bool>,
    sold_quantity: Option<i64>,
    brand: Option<String>,
    categories: Vec<String>,
}

/// The merchant's products.
#[utoipa::path(get, operation_id = "listProducts", path = "/api/v1/products", tag = "products", security(("bearer" = [])),
    params(("status" = Option<String>, Query, description = "Only of this status"),
        ("sku" = Option<String>, Query, description = "Only with exactly this SKU"),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 20 where absent")),
    responses((status = 200, body = ProductsBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Answer {
    let merchant = app.access_tokens.identify(&call)?.merchant_id;
    let (mut page, mut filter) = (PageRequest::default(), ProductFilter::default());
    for (name, value) in call.parameters() {
        if page.take(&name, &value)? {
            continue;
        }
        let wanted = match name.as_str() {
            "status" => &mut filter.status,
            "sku" => &mut filter.sku,
            other => return Err(Problem::invalid_field(other, Rule::unknown_parameter())),
        };
        if !(1..=LONGEST_TEXT).contains(&value.len()) {
            return Err(Problem::invalid_field(&name, Rule::length(1, 100)));
        }
        *wanted = Some(value);
    }
    let behind = page.cursor.map(|(_, id)| id);
    let mut found = match present_store(&app, merchant).await? {
        Some(store) => {
            products::list(&app.query_pool, merchant, store, &filter, behind, page.wanted()).await?
        }
        None => vec![],
    };
    let next_cursor = page.cut(&mut found, |product| (DateTime::UNIX_EPOCH, product.product_id));
    let items = found.into_iter().map(ProductBody::from).collect();
    Ok(json(StatusCode::OK, &ProductsBody { items, next_cursor }))
}

/// One product.
#[utoipa::path(get, operation_id = "getProduct", path = "/api/v1/products/{id}", tag = "products", security(("bearer" = [])),
    params(("id" = i64, Path, description = "Salla's id")),
    responses((status = 200, body = ProductBody)))]
pub async fn show(app: Arc<App>, call: Call, id: String) -> Answer {
    let merchant = app.access_tokens.identify(&call)?.merchant_id;
    let found = match (numbered(&id), present_store(&app, merchant).await?) {
        (Some(id), Some(store)) => products::find(&app.query_pool, merchant, store, id).await?,
        _ => None,
    };
    let found = found.ok_or_else(|| Problem::new(Code::UnknownProduct))?;
    Ok(json(StatusCode::OK, &ProductBody::from(found)))
}

impl From<Product> for ProductBody {
    fn from(product: Product) -> Self {
        let currency = product.currency.unwrap_or_default();
        let money = |amount: Option<Decimal>| amount.map(|amount| MoneyBody::new(amount, &currency));
        Self {
            id: product.product_id,
            created_at: product.created_at,
            updated_at: product.salla_updated_at,
            name: product.name,
            sku: product.sku,
            kind: product.kind,
            status: product.status,
            price: money(product.price),
            regular_price: money(product.regular_price),
            sale_price: money(product.sale_price),
            cost_price: money(product.cost_price),
            quantity: product.quantity,
            unlimited_quantity: product.unlimited_quantity,
            is_available: product.is_available,
            sold_quantity: product.sold_quantity,
            brand: product.brand,
            categories: product.categories,
        }
    }
}
