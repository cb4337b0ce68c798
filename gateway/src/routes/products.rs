//! `/api/v1/products`: the merchant's products.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_ingest::mapping::market::Market;
use qafila_projections::lists::List;
use qafila_projections::lists::find::SortKey;
use qafila_projections::oltp::products::{self, Product};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::reports::product::{RecentSalesBody, recent_sales};
use super::{Answer, numbered, present_store};
use crate::app::App;
use crate::auth::reading::Scope;
use crate::call::{Call, json};
use crate::listing::{FacetsBody, Found, Listing, TotalBody, in_order};
use crate::money::MoneyBody;
use crate::problem::{Code, Problem};
use crate::values::ProductSort;

/// A page of products.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductsBody {
    items: Vec<ProductBody>,
    /// Give it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
    /// How many there are; null where it was not asked for.
    total: Option<TotalBody>,
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
    /// Address (https) of the main image, at Salla; null where there is none.
    image: Option<String>,
    categories: Vec<String>,
}

/// A product, and what was sold of it lately.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductWithSalesBody {
    #[serde(flatten)]
    product: ProductBody,
    /// Null where the reports do not answer now.
    recent_sales: Option<RecentSalesBody>,
}

/// The list.
const PRODUCTS: Listing = Listing {
    list: List::Products,
    filters: &["status", "kind", "brand", "category", "sku", "q", "amountFrom", "amountTo"],
    sorts: &[("createdAt", SortKey::Created), ("price", SortKey::Amount), ("soldQuantity", SortKey::Units)],
};

/// The merchant's products.
#[utoipa::path(get, operation_id = "listProducts", path = "/api/v1/products", tag = "products", security(("bearer" = []), ("merchantKey" = [])),
    params(("status" = Option<Vec<String>>, Query, description = "Only of one of these statuses"),
        ("kind" = Option<Vec<String>>, Query, description = "Only of one of these kinds"),
        ("brand" = Option<Vec<String>>, Query, description = "Only of one of these brands"),
        ("category" = Option<Vec<String>>, Query, description = "Only in one of these categories"),
        ("sku" = Option<String>, Query, description = "Only with exactly this SKU, its own or a variant's"),
        ("q" = Option<String>, Query, description = "Only with words that begin with all of these, among its name, brand and SKUs"),
        ("amountFrom" = Option<String>, Query, description = "Price at least so much, a decimal number"),
        ("amountTo" = Option<String>, Query, description = "Price at most so much"),
        ("from" = Option<NaiveDate>, Query, description = "Made on this day or later"),
        ("to" = Option<NaiveDate>, Query, description = "Made on this day or before"),
        ("timezone" = Option<String>, Query, description = "An IANA time zone of these days; Asia/Riyadh where absent"),
        ("sort" = Option<ProductSort>, Query, description = "Newest first where absent"),
        ("count" = Option<bool>, Query, description = "Whether to count all rows, exactly up to 10,000"),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 20 where absent")),
    responses((status = 200, body = ProductsBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Answer {
    let reader = app.reader(&call, Scope::Lists).await?;
    let merchant = reader.merchant_id;
    let Some((store, mut asked)) = PRODUCTS.asked(&app, &call, Market::default(), reader).await? else {
        return Ok(json(StatusCode::OK, &ProductsBody::default()));
    };
    let Found { ids, next_cursor, total } = PRODUCTS.find(&app, merchant, store, &mut asked).await?;
    let found = products::by_ids(&app.query_pool, merchant, store, &ids).await?;
    let found = in_order(&ids, found, |product| product.product_id);
    let items = found.into_iter().map(ProductBody::from).collect();
    Ok(json(StatusCode::OK, &ProductsBody { items, next_cursor, total }))
}

/// Values that products can be filtered by, each with how many products have it.
#[utoipa::path(get, operation_id = "listProductFacets", path = "/api/v1/products/facets", tag = "products",
    security(("bearer" = []), ("merchantKey" = [])), responses((status = 200, body = FacetsBody)))]
pub async fn facets(app: Arc<App>, call: Call) -> Answer {
    PRODUCTS.facets(&app, &call).await
}

/// One product.
#[utoipa::path(get, operation_id = "getProduct", path = "/api/v1/products/{id}", tag = "products", security(("bearer" = []), ("merchantKey" = [])),
    params(("id" = i64, Path, description = "Salla's id")),
    responses((status = 200, body = ProductWithSalesBody)))]
pub async fn show(app: Arc<App>, call: Call, id: String) -> Answer {
    let reader = app.reader(&call, Scope::Lists).await?;
    let merchant = reader.merchant_id;
    let (Some(id), Some(store)) = (numbered(&id), present_store(&app, merchant).await?) else {
        return Err(Problem::new(Code::UnknownProduct));
    };
    let found = products::find(&app.query_pool, merchant, store, id).await?;
    let product = ProductBody::from(found.ok_or_else(|| Problem::new(Code::UnknownProduct))?);
    let recent_sales = recent_sales(&app, merchant, store, id).await;
    Ok(json(StatusCode::OK, &ProductWithSalesBody { product, recent_sales }))
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
            image: product.image,
            categories: product.categories,
        }
    }
}
