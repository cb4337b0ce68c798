//! `/api/v1/carts`: what customers left behind.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_projections::oltp::carts::{self, Cart};
use qafila_schemas::words::rule::Rule;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, present_store};
use crate::app::App;
use crate::call::{Call, json};
use crate::money::MoneyBody;
use crate::opening::open;
use crate::page::PageRequest;
use crate::problem::Problem;
use crate::values::CartCreatedFrom;

const LONGEST_STATUS: usize = 50;

/// A page of carts, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CartsBody {
    items: Vec<CartBody>,
    /// Give it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
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

/// The merchant's abandoned carts.
#[utoipa::path(get, operation_id = "listCarts", path = "/api/v1/carts", tag = "carts", security(("bearer" = [])),
    params(("status" = Option<String>, Query, description = "Only carts of this status"),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 20 where absent")),
    responses((status = 200, body = CartsBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let (mut page, mut status) = (PageRequest::default(), None);
    for (name, value) in call.parameters() {
        if page.take(&name, &value)? {
            continue;
        }
        match name.as_str() {
            "status" if (1..=LONGEST_STATUS).contains(&value.len()) => status = Some(value),
            "status" => return Err(Problem::invalid_field("status", Rule::length(1, 50))),
            other => return Err(Problem::invalid_field(other, Rule::unknown_parameter())),
        }
    }
    let merchant = identity.merchant_id;
    let mut found = match present_store(&app, merchant).await? {
        Some(store) => {
            let (status, wanted) = (status.as_deref(), page.wanted());
            carts::list(&app.query_pool, merchant, store, status, page.cursor, wanted).await?
        }
        None => vec![],
    };
    let next_cursor = page.cut(&mut found, |cart| (cart.created_at, cart.cart_id));
    open(&*app.keys, merchant, found.iter_mut().flat_map(personal).collect()).await?;
    let items = found.into_iter().map(body).collect();
    Ok(json(StatusCode::OK, &CartsBody { items, next_cursor }))
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
