//! `/_sim/…`: making stores, asking for totals, faults, switches and webhooks. Not part of Salla.

use chrono::{NaiveDate, Utc};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::server::{Answer, Call, json_answer};
use crate::shapes;
use crate::state::Sim;
use crate::store::{Plan, Store, riyadh};
use crate::webhooks::emit;

/// Answers one call of a harness.
pub fn answer(sim: &Sim, call: &Call) -> Answer {
    let segments: Vec<&str> = call.path.trim_start_matches("/_sim/").split('/').collect();
    let outcome = match (&call.method, segments.as_slice()) {
        (&Method::GET, ["health"]) => Ok(json!({"status": "ok"})),
        (&Method::POST, ["stores"]) => body(call).map(|plan: Plan| make_store(sim, &plan)),
        (&Method::GET, ["stores", id, "totals"]) => totals(sim, id, call),
        (&Method::POST, ["stores", id, "orders"]) => arrive(sim, id, call),
        (&Method::POST, ["stores", id, "status"]) => change_status(sim, id, call),
        (&Method::POST, ["stores", id, "expire-tokens"]) => store_id(id).map(|id| {
            sim.world().grants.expire_store(id);
            json!({})
        }),
        (&Method::POST, ["stores", id, "uninstall"]) => store_id(id).map(|id| {
            sim.world().grants.revoke_store(id);
            let body = shapes::webhook(
                "app.uninstalled",
                id,
                Utc::now(),
                json!({"id": 1, "store_type": "demo"}),
                None,
                &sim.world().switches,
            );
            json!({"sent": emit(sim, id, "app.uninstalled", &body)})
        }),
        (&Method::PUT, ["faults"]) => body(call).map(|faults| {
            sim.world().faults = faults;
            json!({})
        }),
        (&Method::PUT, ["stores", id, "lies"]) => store_id(id).and_then(|id| {
            let lies = body(call)?;
            sim.world().lies.insert(id, lies);
            Ok(json!({}))
        }),
        (&Method::PUT, ["switches"]) => body(call).map(|switches| {
            sim.world().switches = switches;
            json!({})
        }),
        (&Method::GET, ["switches"]) => Ok(json!(sim.world().switches)),
        (&Method::PUT, ["app-url"]) => body(call).map(|url: String| {
            sim.world().webhooks.app_url = Some(url);
            json!({})
        }),
        (&Method::GET, ["counters"]) => {
            let world = sim.world();
            Ok(json!({
                "callsAllowed": world.limits.allowed,
                "callsRefused": world.limits.refused,
                "refreshes": world.grants.refreshes,
                "refreshReuses": world.grants.reuses,
                "refreshAnswersLost": world.grants.lost_answers,
                "webhooksDelivered": world.webhooks.delivered,
                "webhooksLost": world.webhooks.lost,
            }))
        }
        _ => Err("no such route of the simulator".to_owned()),
    };
    match outcome {
        Ok(value) => json_answer(StatusCode::OK, &value),
        Err(reason) => json_answer(StatusCode::BAD_REQUEST, &json!({"error": reason})),
    }
}

fn make_store(sim: &Sim, plan: &Plan) -> Value {
    let store = Store::generate(plan, Utc::now().with_timezone(&riyadh()).date_naive());
    let made = json!({"id": store.id, "name": store.name, "orders": store.orders.len()});
    sim.world().stores.insert(store.id, store);
    made
}

fn totals(sim: &Sim, id: &str, call: &Call) -> Result<Value, String> {
    let day = |name: &str, default: NaiveDate| {
        call.query
            .get(name)
            .map_or(Ok(default), |text| text.parse().map_err(|_| format!("{name} must be YYYY-MM-DD")))
    };
    let (from, until) = (day("from", NaiveDate::MIN)?, day("until", NaiveDate::MAX)?);
    let world = sim.world();
    let store = world.stores.get(&store_id(id)?).ok_or("no such store")?;
    Ok(json!(store.totals(from, until)))
}

#[derive(Deserialize)]
struct Arrivals {
    count: u32,
}

fn arrive(sim: &Sim, id: &str, call: &Call) -> Result<Value, String> {
    let (id, Arrivals { count }) = (store_id(id)?, body(call)?);
    let mut made = Vec::new();
    for _ in 0..count {
        let (order, message) = {
            let mut world = sim.world();
            let switches = world.switches.clone();
            let store = world.stores.get_mut(&id).ok_or("no such store")?;
            let now = Utc::now();
            let order = store.place_order(now).id;
            let order_ref = store.order(order).ok_or("the order vanished")?;
            let (data, branch) = shapes::order_webhook(store, order_ref);
            (
                order,
                shapes::webhook("order.created", id, now, data, Some(("pickup_branch", branch)), &switches),
            )
        };
        emit(sim, id, "order.created", &message);
        made.push(order);
    }
    Ok(json!({"orders": made}))
}

#[derive(Deserialize)]
struct StatusChange {
    order: u64,
    slug: String,
}

fn change_status(sim: &Sim, id: &str, call: &Call) -> Result<Value, String> {
    let (id, StatusChange { order, slug }) = (store_id(id)?, body(call)?);
    let message = {
        let mut world = sim.world();
        let switches = world.switches.clone();
        let store = world.stores.get_mut(&id).ok_or("no such store")?;
        let now = Utc::now();
        store.set_status(order, &slug, now).ok_or("no such order or status")?;
        let changed = store.order(order).ok_or("the order vanished")?;
        shapes::webhook(
            "order.status.updated",
            id,
            now,
            shapes::status_webhook(store, changed),
            None,
            &switches,
        )
    };
    Ok(json!({"sent": emit(sim, id, "order.status.updated", &message)}))
}

fn store_id(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "a store id is a number".to_owned())
}

fn body<'c, T: Deserialize<'c>>(call: &'c Call) -> Result<T, String> {
    serde_json::from_slice(&call.body).map_err(|error| format!("body: {error}"))
}
