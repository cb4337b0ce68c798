//! Salla's JSON, field by field as in its documentation (`samples/`).
//!
//! Long shapes are made from the sample itself with the values replaced, so no field is forgotten.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::catalogue::{CITIES, STATUSES};
use crate::store::{Customer, Line, Order, Product, Store, riyadh};
use crate::switches::Switches;

macro_rules! sample {
    ($file:literal) => {
        LazyLock::new(|| {
            serde_json::from_str(include_str!(concat!("../samples/", $file))).expect("a sample is JSON")
        })
    };
}

static ORDER_DETAILS: LazyLock<Value> = sample!("order.details.light.json");
static PRODUCT_DETAILS: LazyLock<Value> = sample!("product.details.json");
static ORDER_WEBHOOK: LazyLock<Value> = sample!("webhook.order.created.json");
static STATUS_WEBHOOK: LazyLock<Value> = sample!("webhook.order.status.updated.json");
static CUSTOMER_WEBHOOK: LazyLock<Value> = sample!("webhook.customer.created.derived.json");
static PRODUCT_WEBHOOK: LazyLock<Value> = sample!("webhook.product.created.json");
/// `GET /store/info`.
pub static STORE_INFO: LazyLock<Value> = sample!("store.info.json");
/// `GET /orders/statuses`.
pub static ORDER_STATUSES: LazyLock<Value> = sample!("order.statuses.list.json");
/// `GET /webhooks/events`.
pub static WEBHOOK_EVENTS: LazyLock<Value> = sample!("webhooks.events.list.json");
static USER_INFO: LazyLock<Value> = sample!("oauth.userinfo.response.json");

/// Money in major units: a whole number where it is whole, else a decimal.
pub fn amount(hundredths: i64) -> Value {
    if hundredths % 100 == 0 { json!(hundredths / 100) } else { json!(hundredths as f64 / 100.0) }
}

fn money(hundredths: i64, currency: &str) -> Value {
    json!({"amount": amount(hundredths), "currency": currency})
}

/// PHP's date object in Riyadh.
pub fn date(at: DateTime<Utc>) -> Value {
    let local = at.with_timezone(&riyadh()).format("%Y-%m-%d %H:%M:%S%.6f").to_string();
    json!({"date": local, "timezone_type": 3, "timezone": "Asia/Riyadh"})
}

fn plain_date(at: DateTime<Utc>) -> String {
    at.with_timezone(&riyadh()).format("%Y-%m-%d %H:%M:%S").to_string()
}

fn status(order: &Order) -> Value {
    let (id, slug, name) = STATUSES[order.status];
    json!({"id": id, "name": name, "slug": slug, "customized": {"id": id + 1, "name": name}})
}

/// A row of `GET /orders`.
pub fn order_row(store: &Store, order: &Order) -> Value {
    let items: Vec<Value> = order
        .lines
        .iter()
        .map(|line| {
            json!({
                "name": store.products[line.product].name,
                "quantity": line.quantity,
                "thumbnail": format!("https://cdn.example.com/p/{}.jpg", store.products[line.product].id),
            })
        })
        .collect();
    let mut row = json!({
        "id": order.id,
        "reference_id": order.reference_id,
        "total": money(order.total, order.currency),
        "date": date(order.created_at),
        "status": status(order),
        "can_cancel": false,
        "can_reorder": true,
        "payment_method": order.payment_method,
        "is_pending_payment": STATUSES[order.status].1 == "payment_pending",
        "pending_payment_ends_at": 0,
        "features": {"digitalable": false, "shippable": true, "has_suspicious_alert": false},
        "items": items,
    });
    if order.currency != "SAR" {
        row["exchange_rate"] =
            json!({"base_currency": "SAR", "exchange_currency": order.currency, "rate": 0.266_592});
    }
    row
}

fn order_customer(store: &Store, order: &Order, into: &mut Value) {
    let customer = &store.customers[order.customer];
    into["id"] = json!(customer.id);
    into["first_name"] = json!(customer.first_name);
    into["last_name"] = json!(customer.last_name);
    into["mobile"] = json!(customer.mobile);
    into["mobile_code"] = json!("+966");
    into["email"] = json!(customer.email);
    into["gender"] = json!(customer.gender);
    into["city"] = json!(CITIES[customer.city]);
    into["updated_at"] = date(customer.updated_at);
}

fn set_amounts(order: &Order, into: &mut Value) {
    let currency = order.currency;
    into["sub_total"] = money(order.sub_total, currency);
    into["shipping_cost"] = money(order.shipping, currency);
    into["cash_on_delivery"] = money(order.cod_fee, currency);
    into["tax"] = json!({"percent": "15.00", "amount": money(order.tax, currency)});
    into["total"] = money(order.total, currency);
    let text = format!("{}.{:02}", order.discount / 100, order.discount % 100);
    let mut listed = into["discounts"].take();
    match listed.get_mut(0) {
        Some(first) if order.discount > 0 => {
            first["discount"] = json!(text);
            into["discounts"] = json!([first.take()]);
        }
        _ => into["discounts"] = json!([]),
    }
}

/// `GET /orders/{id}`: light, or full, which alone tells drafts (FACTS §4.2).
pub fn order_details(store: &Store, order: &Order, full: bool) -> Value {
    let mut details = ORDER_DETAILS["data"].clone();
    details["id"] = json!(order.id);
    details["checkout_id"] = json!(order.id + 1);
    details["reference_id"] = json!(order.reference_id);
    details["urls"]["admin"] = json!(format!("/orders/order/{:x}", order.id));
    details["date"] = date(order.created_at);
    details["updated_at"] = date(order.updated_at);
    details["status"] = status(order);
    details["payment_method"] = json!(order.payment_method);
    details["currency"] = json!(order.currency);
    details["is_pending_payment"] = json!(STATUSES[order.status].1 == "payment_pending");
    set_amounts(order, &mut details["amounts"]);
    order_customer(store, order, &mut details["customer"]);
    details["receiver"] = receiver(store, order);
    if full {
        details["draft"] = json!(order.is_draft);
        details["items"] = order_items(store, order);
    }
    details
}

fn item(store: &Store, order: &Order, index: usize, line: &Line) -> Value {
    let product = &store.products[line.product];
    let net = line.price * i64::from(line.quantity);
    json!({
        "id": order.id * 10 + index as u64,
        "name": product.name,
        "sku": product.sku,
        "quantity": line.quantity,
        "currency": order.currency,
        "weight": 0.51,
        "weight_label": "٥١٠ جم",
        "amounts": {
            "price_without_tax": money(line.price, order.currency),
            "total_discount": money(0, order.currency),
            "tax": {"percent": "15.00", "amount": money(net * 15 / 100, order.currency)},
            "total": money(net, order.currency),
        },
        "notes": "",
        "options": [],
        "images": [],
        "codes": [],
        "files": [],
        "reservations": [],
    })
}

/// `GET /orders/items?order_id=`.
pub fn order_items(store: &Store, order: &Order) -> Value {
    order.lines.iter().enumerate().map(|(index, line)| item(store, order, index, line)).collect()
}

/// The whole answer of `GET /orders/{id}/histories`, newest first: how it was placed, and its present status.
pub fn order_histories(order: &Order) -> Value {
    let entry = |number: u64, status: usize, at: DateTime<Utc>, note: &str| json!({"id": order.id * 10 + number, "status": STATUSES[status].2, "note": note, "created_at": date(at)});
    let placed = entry(1, 0, order.created_at, "تم إنشاء الطلب");
    let present = entry(2, order.status, order.updated_at, "تم تحديث الطلب");
    json!({
        "status": 200,
        "success": true,
        "data": [present, placed],
        "pagination": {"count": 2, "total": 2, "perPage": 50, "currentPage": 1, "totalPages": 1, "links": []},
    })
}

/// A row of `GET /customers`, and `GET /customers/{id}`.
pub fn customer(customer: &Customer, details: bool) -> Value {
    let mut shape = json!({
        "id": customer.id,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "mobile": customer.mobile,
        "mobile_code": "966",
        "email": customer.email,
        "urls": {"customer": "https://store.example.com/profile", "admin": "https://store.example.com/profiley"},
        "avatar": "https://cdn.example.com/avatar.webp",
        "gender": customer.gender,
        "city": CITIES[customer.city],
        "country": "السعودية",
        "location": format!("شارع رقم {}", customer.id % 90),
        "updated_at": date(customer.updated_at),
        "groups": [11_323_141],
    });
    if details {
        shape["country_code"] = json!("sa");
    }
    shape
}

/// A row of `GET /products`, and `GET /products/{id}`.
pub fn product(product: &Product) -> Value {
    let mut shape = PRODUCT_DETAILS["data"].clone();
    set_product(product, &mut shape);
    shape
}

fn set_product(product: &Product, shape: &mut Value) {
    let price = money(product.price, "SAR");
    shape["id"] = json!(product.id);
    shape["name"] = json!(product.name);
    shape["sku"] = json!(product.sku);
    shape["status"] = json!(product.status);
    shape["quantity"] = json!(product.quantity);
    shape["unlimited_quantity"] = json!(false);
    shape["is_available"] = json!(product.status == "sale");
    shape["main_image"] = json!(format!("https://cdn.example.com/p/{}.jpg", product.id));
    for field in ["price", "taxed_price", "pre_tax_price", "regular_price"] {
        shape[field] = price.clone();
    }
    shape["updated_at"] = json!(plain_date(product.updated_at));
    shape["skus"] = json!([]);
    shape["options"] = json!([]);
}

/// `GET /oauth2/user/info`.
pub fn user_info(store: &Store, switches: &Switches) -> Value {
    let mut info = USER_INFO.clone();
    info["data"]["email"] = json!(format!("owner{}@store.example", store.id));
    let merchant = &mut info["data"]["merchant"];
    merchant["id"] = json!(store.id);
    merchant["name"] = json!(store.name);
    merchant["plan"] = json!(store.plan);
    merchant["domain"] = json!(format!("https://salla.sa/store-{}", store.id));
    if switches.user_info_envelope {
        return info;
    }
    info["data"].take()
}

/// The body of a webhook: its envelope around `data`.
pub fn webhook(
    event: &str,
    store: u64,
    at: DateTime<Utc>,
    data: Value,
    extra: Option<(&str, Value)>,
    switches: &Switches,
) -> Value {
    let local = at.with_timezone(&riyadh());
    let created_at = match switches.webhook_time {
        1 => local.format("%Y-%m-%d %H:%M:%S").to_string(),
        2 => local.to_rfc3339(),
        _ => local.format("%a %b %d %Y %H:%M:%S GMT%z").to_string(),
    };
    let mut envelope = Map::new();
    envelope.insert("event".into(), json!(event));
    envelope.insert("merchant".into(), json!(store));
    envelope.insert("created_at".into(), json!(created_at));
    envelope.insert("data".into(), data);
    if let Some((name, value)) = extra {
        envelope.insert(name.into(), value);
    }
    Value::Object(envelope)
}

fn receiver(store: &Store, order: &Order) -> Value {
    let customer = &store.customers[order.customer];
    json!({
        "name": format!("{} {}", customer.first_name, customer.last_name),
        "email": customer.email,
        "phone": format!("966{}", customer.mobile),
    })
}

/// `data` and `pickup_branch` of `order.created` and its siblings.
pub fn order_webhook(store: &Store, order: &Order) -> (Value, Value) {
    let mut data = ORDER_WEBHOOK["data"].clone();
    data["id"] = json!(order.id);
    data["reference_id"] = json!(order.reference_id);
    data["date"] = date(order.created_at);
    data["status"] = status(order);
    data["payment_method"] = json!(order.payment_method);
    data["currency"] = json!(order.currency);
    set_amounts(order, &mut data["amounts"]);
    order_customer(store, order, &mut data["customer"]);
    data["shipping"]["receiver"] = receiver(store, order);
    let template = data["items"][0].take();
    let items: Vec<Value> = order
        .lines
        .iter()
        .enumerate()
        .map(|(index, line)| {
            let mut shape = template.clone();
            let Value::Object(ours) = item(store, order, index, line) else { return shape };
            for (key, value) in ours {
                if shape.get(&key).is_some() {
                    shape[key] = value;
                }
            }
            if let Some(product) = shape.get_mut("product") {
                product["id"] = json!(store.products[line.product].id);
                product["name"] = json!(store.products[line.product].name);
            }
            shape
        })
        .collect();
    data["items"] = Value::Array(items);
    (data, ORDER_WEBHOOK["pickup_branch"].clone())
}

/// `data` of `order.status.updated`: the history entry, not the order.
pub fn status_webhook(store: &Store, order: &Order) -> Value {
    let mut data = STATUS_WEBHOOK["data"].clone();
    let (id, slug, name) = STATUSES[order.status];
    data["id"] = json!(order.id + 5);
    data["status"] = json!(name);
    data["created_at"] = date(order.updated_at);
    let inner = &mut data["order"];
    inner["id"] = json!(order.id);
    inner["reference_id"] = json!(order.reference_id);
    inner["date"] = date(order.created_at);
    inner["status"] = json!({"id": id, "name": name, "slug": slug});
    inner["payment_method"] = json!(order.payment_method);
    inner["currency"] = json!(order.currency);
    inner["total"] = money(order.total, order.currency);
    set_amounts(order, &mut inner["amounts"]);
    let customer = &store.customers[order.customer];
    inner["customer"]["id"] = json!(customer.id);
    inner["customer"]["name"] = json!(format!("{} {}", customer.first_name, customer.last_name));
    inner["customer"]["mobile"] = json!(format!("+966{}", customer.mobile));
    inner["customer"]["email"] = json!(customer.email);
    inner["customer"]["city"] = json!(CITIES[customer.city]);
    inner["shipping"]["receiver"] = receiver(store, order);
    inner["shipping"]["address"]["city"] = json!(CITIES[customer.city]);
    let template = inner["items"][0].take();
    let items = order.lines.iter().enumerate().map(|(index, line)| {
        let mut shape = template.clone();
        let own = item(store, order, index, line);
        for name in ["id", "name", "sku", "quantity", "amounts"] {
            shape[name] = own[name].clone();
        }
        shape["product_id"] = json!(store.products[line.product].id);
        shape
    });
    inner["items"] = items.collect();
    data
}

/// `data` of `customer.created` and its siblings.
pub fn customer_webhook(customer: &Customer) -> Value {
    let mut data = CUSTOMER_WEBHOOK["data"].clone();
    data["id"] = json!(customer.id);
    data["first_name"] = json!(customer.first_name);
    data["last_name"] = json!(customer.last_name);
    data["mobile"] = json!(customer.mobile);
    data["email"] = json!(customer.email);
    data["updated_at"] = date(customer.updated_at);
    data
}

/// `data` of `product.created` and its siblings with the whole product.
pub fn product_webhook(product: &Product) -> Value {
    let mut data = PRODUCT_WEBHOOK["data"].clone();
    set_product(product, &mut data);
    if let Some(data) = data.as_object_mut()
        && PRODUCT_WEBHOOK["data"].get("unlimited_quantity").is_none()
    {
        data.remove("unlimited_quantity");
    }
    data
}
