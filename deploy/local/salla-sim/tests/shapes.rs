//! The simulator serves Salla's documented shapes exactly: every sample field by field.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{NaiveDate, Utc};
use salla_sim::shapes;
use salla_sim::store::{Plan, Store};
use salla_sim::switches::Switches;
use serde_json::Value;

fn sample(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).expect("a sample")).expect("JSON")
}

fn store() -> Store {
    let plan = Plan { orders: 200, ..Plan::default() };
    Store::generate(&plan, NaiveDate::from_ymd_opt(2026, 11, 1).expect("a day"))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Same fields of the same kinds; `null` and empty arrays stand for anything.
fn differences(path: &str, ours: &Value, theirs: &Value, optional: &[&str], found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let here = format!("{path}/{name}");
                match (a.get(name), b.get(name)) {
                    (Some(x), Some(y)) => differences(&here, x, y, optional, found),
                    _ if optional.contains(&name.as_str()) => {}
                    (None, _) => found.push(format!("{here} is missing")),
                    (_, None) => found.push(format!("{here} is ours alone")),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            if let (Some(x), Some(y)) = (a.first(), b.first()) {
                differences(&format!("{path}/0"), x, y, optional, found);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (a, b) if kind(a) == kind(b) => {}
        (a, b) => found.push(format!("{path} is a {}, not a {}", kind(a), kind(b))),
    }
}

fn assert_same(ours: &Value, theirs: &Value, optional: &[&str]) {
    let mut found = Vec::new();
    differences("", ours, theirs, optional, &mut found);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn lists_details_and_items_have_the_documented_fields() {
    let store = store();
    let order = &store.orders[0];
    assert_same(
        &shapes::order_row(&store, order),
        &sample("orders.list.json")["data"][0],
        &["exchange_rate"],
    );
    assert_same(
        &shapes::order_details(&store, order, false),
        &sample("order.details.light.json")["data"],
        &[],
    );
    assert_same(&shapes::order_items(&store, order), &sample("order.items.list.json")["data"], &[]);
    assert_same(
        &shapes::customer(&store.customers[0], false),
        &sample("customers.list.json")["data"][0],
        &[],
    );
    assert_same(&shapes::customer(&store.customers[0], true), &sample("customer.details.json")["data"], &[]);
    assert_same(
        &shapes::product(&store.products[0]),
        &sample("product.details.json")["data"],
        &["unlimited_quantity"],
    );
    assert_same(
        &shapes::user_info(&store, &Switches::default()),
        &sample("oauth.userinfo.response.json"),
        &[],
    );
}

#[test]
fn webhooks_have_the_documented_fields() {
    let (store, switches, now) = (store(), Switches::default(), Utc::now());
    let order = &store.orders[0];
    let (data, branch) = shapes::order_webhook(&store, order);
    let created =
        shapes::webhook("order.created", store.id, now, data, Some(("pickup_branch", branch)), &switches);
    // The webhook's customer and items are the list's, which name a few more fields than this sample.
    assert_same(
        &created,
        &sample("webhook.order.created.json"),
        &["first_name", "last_name", "mobile_code", "gender", "updated_at"],
    );
    let status = shapes::status_webhook(&store, order);
    let status = shapes::webhook("order.status.updated", store.id, now, status, None, &switches);
    assert_same(&status, &sample("webhook.order.status.updated.json"), &[]);
    let customer = shapes::customer_webhook(&store.customers[0]);
    let customer = shapes::webhook("customer.created", store.id, now, customer, None, &switches);
    assert_same(&customer, &sample("webhook.customer.created.derived.json"), &[]);
    let product = shapes::product_webhook(&store.products[0]);
    let product = shapes::webhook("product.created", store.id, now, product, None, &switches);
    assert_same(&product, &sample("webhook.product.created.json"), &[]);
}

#[test]
fn signatures_agree_with_the_published_vectors() {
    use base64::Engine as _;
    for vector in sample("webhook.signature.vectors.json")["vectors"].as_array().expect("vectors") {
        let Some(wanted) = vector["headers"]["X-Salla-Signature"].as_str() else { continue };
        let encoded = vector["body_base64"].as_str().expect("a body");
        let body = base64::engine::general_purpose::STANDARD.decode(encoded).expect("base64");
        let valid = vector["should_verify"].as_bool().unwrap_or(true);
        let signed = salla_sim::webhooks::sign(vector["secret"].as_str().expect("a secret"), &body);
        assert_eq!(signed == wanted, valid, "{}", vector["name"]);
    }
}
