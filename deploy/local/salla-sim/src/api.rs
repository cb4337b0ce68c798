//! The merchant API under `/admin/v2`: tokens, scopes, limits and faults first, then the resource.

use chrono::{NaiveDate, Utc};
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use crate::faults::Mishap;
use crate::limits::Standing;
use crate::server::{Answer, Call, Parameters, cut, hang, json_answer, plain};
use crate::shapes;
use crate::state::{Sim, World};
use crate::store::{Order, Store, riyadh};
use crate::switches::OversizedPage;
use crate::webhooks;

const DEFAULT_PER_PAGE: usize = 15;

/// Answers one call.
pub async fn answer(sim: &Sim, call: &Call) -> Answer {
    let path = call.path.trim_start_matches("/admin/v2").trim_end_matches('/').to_owned();
    let (answer, standing, mishap, hang_seconds) = {
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
            (too_many(world), standing, None, 0.0)
        } else {
            let mishap = world.faults.draw(&mut world.dice);
            let hang_seconds = world.faults.timeout_seconds;
            (route(world, store, &scope, &path, call), standing, mishap, hang_seconds)
        }
    };
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
        (&Method::GET, ["orders"]) => order_list(world, store, &call.query),
        (&Method::GET, ["orders", "statuses"]) => json_answer(StatusCode::OK, &shapes::ORDER_STATUSES),
        (&Method::GET, ["orders", "items"]) => {
            let id = call.query.number("order_id").unwrap_or_default();
            with_order(world, store, id, shapes::order_items)
        }
        (&Method::GET, ["orders", id]) => {
            with_order(world, store, id.parse().unwrap_or_default(), shapes::order_details)
        }
        (&Method::GET, ["customers"]) => {
            let Some(store) = world.stores.get(&store) else { return not_found() };
            list(world, &call.query, world.switches.others_per_page, &store.customers, |c| {
                shapes::customer(c, false)
            })
        }
        (&Method::GET, ["customers", id]) => {
            let found =
                world.stores.get(&store).and_then(|s| s.customers.iter().find(|c| c.id.to_string() == *id));
            found.map_or_else(not_found, |c| success(shapes::customer(c, true)))
        }
        (&Method::GET, ["products"]) => {
            let Some(store) = world.stores.get(&store) else { return not_found() };
            let status = call.query.get("status");
            let rows: Vec<_> =
                store.products.iter().filter(|p| status.is_none_or(|s| s == p.status)).collect();
            list(world, &call.query, world.switches.others_per_page, &rows, |p| shapes::product(p))
        }
        (&Method::GET, ["products", id]) => {
            let found =
                world.stores.get(&store).and_then(|s| s.products.iter().find(|p| p.id.to_string() == *id));
            found.map_or_else(not_found, |p| success(shapes::product(p)))
        }
        (&Method::GET, ["carts", "abandoned"]) => {
            list(world, &call.query, world.switches.others_per_page, &[(); 0], |()| json!({}))
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

fn order_list(world: &mut World, store_id: u64, query: &Parameters) -> Answer {
    world.order_lists += 1;
    if world.faults.arrival_every > 0
        && world.order_lists.is_multiple_of(world.faults.arrival_every)
        && let Some(store) = world.stores.get_mut(&store_id)
    {
        store.place_order(Utc::now(), u64::from(world.order_lists));
    }
    let Some(store) = world.stores.get(&store_id) else { return not_found() };
    let day = |name: &str| query.get(name).map(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d"));
    let (from, to) = match (day("from_date").transpose(), day("to_date").transpose()) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(_), _) => return invalid("from_date", "صيغة التاريخ غير صحيحة"),
        (_, Err(_)) => return invalid("to_date", "صيغة التاريخ غير صحيحة"),
    };
    let inclusive = world.switches.inclusive_dates;
    let within = |order: &Order| {
        let day = order.created_at.with_timezone(&riyadh()).date_naive();
        from.is_none_or(|f| if inclusive { day >= f } else { day > f })
            && to.is_none_or(|t| if inclusive { day <= t } else { day < t })
    };
    // Orders are kept by creation, so a window is a range.
    let mut rows: Vec<&Order> = store.orders.iter().filter(|o| within(o)).collect();
    let default = if world.switches.newest_first { "created_at-desc" } else { "created_at-asc" };
    let (field, direction) =
        query.get("sort_by").unwrap_or(default).rsplit_once('-').unwrap_or(("created_at", "desc"));
    match field {
        "created_at" => {}
        "updated_at" => rows.sort_by_key(|o| o.updated_at),
        "id" => rows.sort_by_key(|o| o.id),
        "total" => rows.sort_by_key(|o| o.total),
        _ => return invalid("sort_by", "قيمة الترتيب غير صحيحة"),
    }
    if direction == "desc" {
        rows.reverse();
    }
    list(world, query, world.switches.orders_per_page, &rows, |order| shapes::order_row(store, order))
}

fn list<T>(
    world: &World,
    query: &Parameters,
    maximum: usize,
    rows: &[T],
    shape: impl Fn(&T) -> Value,
) -> Answer {
    let asked = query.number("per_page").unwrap_or(DEFAULT_PER_PAGE).max(1);
    let page: usize = query.number("page").unwrap_or(1).max(1);
    if asked > maximum && world.switches.oversized_page == OversizedPage::Refuse {
        return invalid("per_page", "العدد أكبر من المسموح");
    }
    let per_page = asked.min(maximum);
    let deepest = world.switches.deep_page_rows;
    if deepest > 0 && page * per_page > deepest {
        return invalid("page", "رقم الصفحة أكبر من المسموح");
    }
    let first = (page - 1) * per_page;
    let shown: Vec<Value> = rows
        .iter()
        .enumerate()
        .skip(first)
        .take(per_page)
        .map(|(index, row)| {
            let mut value = shape(row);
            if world.faults.spoils(index) {
                value["total"] = json!({"amount": "لا شيء", "currency": "SAR"});
                value["price"] = json!({"amount": "لا شيء", "currency": "SAR"});
                value["updated_at"] =
                    json!({"date": "قبل قليل", "timezone_type": 3, "timezone": "Asia/Riyadh"});
            }
            value
        })
        .collect();
    let pages = rows.len().div_ceil(per_page);
    let links = match world.switches.links {
        1 => json!([]),
        2 => json!({"next": null}),
        3 => json!({"next": format!("http://api.salla.dev/admin/v2/x?page={}", page + 1)}),
        _ => json!({}),
    };
    json_answer(
        StatusCode::OK,
        &json!({
            "status": 200,
            "success": true,
            "data": shown,
            "pagination": {
                "count": shown.len(),
                "total": rows.len(),
                "perPage": per_page,
                "currentPage": page,
                "totalPages": pages,
                "links": links,
            },
        }),
    )
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
