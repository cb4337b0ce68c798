//! `/api/v1/carts`: what customers left behind.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_projections::lists::List;
use qafila_projections::lists::find::SortKey;
use qafila_projections::oltp::carts::{self, Cart};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, numbered, present_store};
use crate::app::App;
use crate::auth::reading::Scope;
use crate::call::{Call, json};
use crate::listing::{FacetsBody, Found, Listing, TotalBody, in_order};
use crate::money::MoneyBody;
use crate::opening::open;
use crate::people;
use crate::problem::{Code, Problem};
use crate::values::{CartCreatedFrom, CartSort};

/// A page of carts.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CartsBody {
    items: Vec<CartBody>,
    /// Give it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
    /// How many there are; null where it was not asked for.
    total: Option<TotalBody>,
}

/// An abandoned cart.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CartBody {
    /// Salla's id.
    id: i64,
    /// When it was made, UTC.
    created_at: DateTime<Utc>,
    #[schema(value_type = CartCreatedFrom)]
    created_at_from: String,
    /// When it changed last, UTC; null where Salla does not say.
    updated_at: Option<DateTime<Utc>>,
    /// `active`, `purchased`, …; values may be added; null where Salla did not say.
    status: Option<String>,
    total: Option<MoneyBody>,
    sub_total: Option<MoneyBody>,
    discount: Option<MoneyBody>,
    customer: CartCustomerBody,
    coupon_code: Option<String>,
    /// Where the customer can go on; carries a token.
    checkout_url: Option<String>,
    lines: Vec<CartLineBody>,
}

/// Whose cart it is; what is unknown or erased is null.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CartCustomerBody {
    id: Option<i64>,
    name: Option<String>,
    /// E.164.
    phone: Option<String>,
    email: Option<String>,
    city: Option<String>,
}

/// One line of a cart.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CartLineBody {
    product_id: Option<i64>,
    /// A decimal number as text; null where it could not be read.
    quantity: Option<String>,
}

/// The list.
const CARTS: Listing = Listing {
    list: List::Carts,
    filters: &[
        "status",
        "city",
        "customerId",
        "productId",
        "amountFrom",
        "amountTo",
        "email",
        "phone",
        "name",
    ],
    sorts: &[("createdAt", SortKey::Created), ("total", SortKey::Amount)],
};

/// What customers left behind.
#[utoipa::path(get, operation_id = "listCarts", path = "/api/v1/carts", tag = "carts", security(("bearer" = []), ("merchantKey" = [])),
    params(("status" = Option<Vec<String>>, Query, description = "Only of one of these statuses, such as `active` or `purchased`"),
        ("city" = Option<Vec<String>>, Query, description = "Only of one of these cities"),
        ("customerId" = Option<i64>, Query, description = "Only of this customer"),
        ("productId" = Option<i64>, Query, description = "Only with this product"),
        ("amountFrom" = Option<String>, Query, description = "Total at least so much, a decimal number"),
        ("amountTo" = Option<String>, Query, description = "Total at most so much"),
        ("email" = Option<String>, Query, description = "Only of whoever has or had exactly this address"),
        ("phone" = Option<String>, Query, description = "Only of whoever has or had this number; without a country code it is of the store's country"),
        ("name" = Option<String>, Query, description = "Only of whoever has or had all of these words in their name"),
        ("from" = Option<NaiveDate>, Query, description = "First day"),
        ("to" = Option<NaiveDate>, Query, description = "Last day, included"),
        ("timezone" = Option<String>, Query, description = "An IANA time zone of these days; Asia/Riyadh where absent"),
        ("sort" = Option<CartSort>, Query, description = "Newest first where absent"),
        ("count" = Option<bool>, Query, description = "Whether to count all rows, exactly up to 10,000"),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 20 where absent")),
    responses((status = 200, body = CartsBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Answer {
    let reader = app.reader(&call, Scope::Lists).await?;
    let merchant = reader.merchant_id;
    let market = people::market(&app, merchant, &call).await?;
    let Some((store, mut asked)) = CARTS.asked(&app, &call, market, reader).await? else {
        return Ok(json(StatusCode::OK, &CartsBody::default()));
    };
    let Found { ids, next_cursor, total } = CARTS.find(&app, merchant, store, &mut asked).await?;
    let found = carts::by_ids(&app.query_pool, merchant, store, &ids).await?;
    let mut found = in_order(&ids, found, |cart| cart.cart_id);
    open(&*app.keys, reader, found.iter_mut().flat_map(personal).collect()).await?;
    let items = found.into_iter().map(body).collect();
    Ok(json(StatusCode::OK, &CartsBody { items, next_cursor, total }))
}

/// Values that carts can be filtered by, each with how many carts have it.
#[utoipa::path(get, operation_id = "listCartFacets", path = "/api/v1/carts/facets", tag = "carts", security(("bearer" = []), ("merchantKey" = [])),
    responses((status = 200, body = FacetsBody)))]
pub async fn facets(app: Arc<App>, call: Call) -> Answer {
    CARTS.facets(&app, &call).await
}

/// One cart.
#[utoipa::path(get, operation_id = "getCart", path = "/api/v1/carts/{id}", tag = "carts", security(("bearer" = []), ("merchantKey" = [])),
    params(("id" = i64, Path, description = "Salla's id")),
    responses((status = 200, body = CartBody)))]
pub async fn show(app: Arc<App>, call: Call, id: String) -> Answer {
    let reader = app.reader(&call, Scope::Lists).await?;
    let merchant = reader.merchant_id;
    let mut found = match (numbered(&id), present_store(&app, merchant).await?) {
        (Some(id), Some(store)) => carts::by_ids(&app.query_pool, merchant, store, &[id]).await?,
        _ => vec![],
    };
    let mut cart = found.pop().ok_or_else(|| Problem::new(Code::UnknownCart))?;
    open(&*app.keys, reader, personal(&mut cart).into_iter().collect()).await?;
    Ok(json(StatusCode::OK, &body(cart)))
}

fn personal(cart: &mut Cart) -> [&mut Option<String>; 4] {
    [&mut cart.customer_name, &mut cart.customer_phone, &mut cart.customer_email, &mut cart.checkout_url]
}

fn body(cart: Cart) -> CartBody {
    let currency = cart.currency.unwrap_or_default();
    let money = |amount: Option<Decimal>| amount.map(|amount| MoneyBody::new(amount, &currency));
    CartBody {
        id: cart.cart_id,
        created_at: cart.created_at,
        created_at_from: cart.created_at_from,
        updated_at: cart.salla_updated_at,
        status: cart.status,
        total: money(cart.total),
        sub_total: money(cart.sub_total),
        discount: money(cart.discount),
        customer: CartCustomerBody {
            id: cart.customer_id,
            name: cart.customer_name,
            phone: cart.customer_phone,
            email: cart.customer_email,
            city: cart.city,
        },
        coupon_code: cart.coupon_code,
        checkout_url: cart.checkout_url,
        lines: cart
            .lines
            .0
            .into_iter()
            .map(|line| CartLineBody {
                product_id: line.product_id,
                quantity: line.quantity.map(|q| q.to_string()),
            })
            .collect(),
    }
}
