//! The merchant API under `/admin/v2`: tokens, scopes, limits and faults first, then the resource.

use chrono::Utc;
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use crate::faults::Mishap;
use crate::limits::Standing;
use crate::server::{Answer, Call, cut, hang, json_answer, plain};
use crate::state::{Sim, World};
use crate::store::{Order, Store};
use crate::webhooks;
use crate::{lists, odd, shapes};

/// Answers one call.
pub async fn answer(sim: &Sim, call: &Call) -> Answer {
    let path = call.path.trim_start_matches("/admin/v2").trim_end_matches('/').to_owned();
    let (answer, standing, mishap, hang_seconds, event) = {
        let mut world = sim.world();
        let Some((store, scope)) = call.token.as_deref().and_then(|t| world.grants.store_of(t)) else {
            return unauthorized("The access token is invalid");
        };
        let scope = scope.to_owned();
        let plan = world.stores.get(&store).map(|s| s.plan.clone()).unwrap_or_default();
        let now = Utc::now().timestamp_millis() as f64 / 1000.0;
        let world = &mut *world;
        let standing = world.limits.call(store, &plan, path.starts_with("/customers"), now, &world.switches);
        if standing.retry_after.is_some() {
            (too_many(world), standing, None, 0.0, None)
        } else {
            let mishap = world.faults.draw(&mut world.dice);
            let hang_seconds = world.faults.timeout_seconds;
            let event = world.stir(store, &path).map(|event| (store, event));
            (route(world, store, &scope, &path, call), standing, mishap, hang_seconds, event)
        }
    };
    if let Some((store, (kind, body))) = event {
        webhooks::emit(sim, store, kind, &body);
    }
    let answer = match mishap {
        None => answer,
        Some(Mishap::Cut) => cut(answer).await,
        Some(Mishap::Hang) => hang(hang_seconds).await,
        Some(Mishap::TooMany) => too_many(&sim.world()),
        Some(Mishap::ServerError { status, json }) => server_error(status, json),
    };
    with_limits(answer, standing, mishap)
}

fn route(world: &mut World, store: u64, scope: &str, path: &str, call: &Call) -> Answer {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let needed = match segments[0] {
        "orders" => "orders.read",
        "customers" => "customers.read",
        "products" => "products.read",
        "carts" => "carts.read",
        "webhooks" => "webhooks.read",
        _ => "",
    };
    let granted = |scope_name: &str| scope_name == needed || scope_name == format!("{needed}_write");
    if !needed.is_empty() && !scope.split(' ').any(granted) {
        return unauthorized(&format!(
            "The access token should have access to one of those scopes: {needed}"
        ));
    }
    match (&call.method, segments.as_slice()) {
        (&Method::GET, ["orders"]) => lists::orders(world, store, &call.query),
        (&Method::GET, ["orders", "statuses"]) => json_answer(StatusCode::OK, &shapes::ORDER_STATUSES),
        (&Method::GET, ["orders", "items"]) => {
            let id = call.query.number("order_id").unwrap_or_default();
            with_order(world, store, id, |store, order| {
                odd::items_of(store, order.id, shapes::order_items(store, order))
            })
        }
        (&Method::GET, ["orders", id, "histories"]) => {
            let found = world.stores.get(&store).and_then(|s| s.order(id.parse().ok()?));
            found.map_or_else(not_found, |order| json_answer(StatusCode::OK, &shapes::order_histories(order)))
        }
        (&Method::GET, ["orders", id]) => {
            let full = world.switches.full_details;
            let shape = |store: &Store, order: &Order| {
                odd::order_of(store, order.id, shapes::order_details(store, order, full))
            };
            with_order(world, store, id.parse().unwrap_or_default(), shape)
        }
        (&Method::GET, ["customers"]) => lists::customers(world, store, &call.query),
        (&Method::GET, ["customers", id]) => {
            let found = world
                .stores
                .get(&store)
                .and_then(|s| Some((s, s.customers.iter().find(|c| !c.gone && c.id.to_string() == *id)?)));
            found.map_or_else(not_found, |(store, c)| {
                success(odd::customer_of(store, shapes::customer(c, true)))
            })
        }
        (&Method::GET, ["products"]) => lists::products(world, store, &call.query),
        (&Method::GET, ["products", id]) => {
            let found = world
                .stores
                .get(&store)
                .and_then(|s| Some((s, s.products.iter().find(|p| !p.gone && p.id.to_string() == *id)?)));
            found.map_or_else(not_found, |(store, p)| success(odd::product_of(store, shapes::product(p))))
        }
        (&Method::GET, ["carts", "abandoned"]) => lists::nothing(world, &call.query),
        (&Method::GET, ["store", "info"]) if world.switches.store_info_fails => {
            json_answer(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": 503, "success": false}))
        }
        (&Method::GET, ["store", "info"]) => {
            let mut info = shapes::STORE_INFO.clone();
            if let Some(store) = world.stores.get(&store) {
                info["data"]["id"] = json!(store.id);
                info["data"]["name"] = json!(store.name);
                info["data"]["plan"] = json!(store.plan);
            }
            json_answer(StatusCode::OK, &info)
        }
        (_, ["webhooks", ..]) => webhooks::api(world, store, &segments[1..], call),
        _ => not_found(),
    }
}

fn with_order(world: &World, store: u64, id: u64, shape: impl Fn(&Store, &Order) -> Value) -> Answer {
    let found = world.stores.get(&store).and_then(|s| Some((s, s.order(id)?)));
    found.map_or_else(not_found, |(store, order)| success(shape(store, order)))
}

/// 200 with Salla's envelope.
pub fn success(data: Value) -> Answer {
    json_answer(StatusCode::OK, &json!({"status": 200, "success": true, "data": data}))
}

/// 401 with Salla's envelope.
pub fn unauthorized(message: &str) -> Answer {
    json_answer(
        StatusCode::UNAUTHORIZED,
        &json!({"status": 401, "success": false, "error": {"code": "Unauthorized", "message": message}}),
    )
}

/// 404 with Salla's envelope.
pub fn not_found() -> Answer {
    json_answer(
        StatusCode::NOT_FOUND,
        &json!({"success": false, "status": 404, "error": {"code": 404, "message": "The content you are trying to access is no longer available"}}),
    )
}

/// 422 for one field.
pub fn invalid(field: &str, message: &str) -> Answer {
    json_answer(
        StatusCode::UNPROCESSABLE_ENTITY,
        &json!({"status": 422, "success": false, "error": {"code": "error", "message": "alert.invalid_fields", "fields": {field: [message]}}}),
    )
}

fn too_many(world: &World) -> Answer {
    if !world.switches.too_many_envelope {
        return plain(StatusCode::TOO_MANY_REQUESTS, "Too Many Attempts.");
    }
    json_answer(
        StatusCode::TOO_MANY_REQUESTS,
        &json!({"status": 429, "success": false, "error": {"code": "too_many_requests", "message": "Rate limit exceeded."}}),
    )
}

fn server_error(status: u16, json: bool) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if json {
        let body = json!({"status": status.as_u16(), "success": false, "error": {"code": "server_error", "message": "خطأ"}});
        json_answer(status, &body)
    } else {
        plain(status, "upstream connect error")
    }
}

fn with_limits(mut answer: Answer, standing: Standing, mishap: Option<Mishap>) -> Answer {
    let headers = answer.headers_mut();
    if let Some(limit) = standing.limit {
        headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(standing.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(standing.reset));
    }
    let forced = (mishap == Some(Mishap::TooMany)).then_some(1);
    if let Some(seconds) = standing.retry_after.or(forced) {
        headers.insert("retry-after", HeaderValue::from(seconds));
    }
    answer
}
