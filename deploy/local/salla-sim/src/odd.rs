//! A store whose every row has odd shapes, as real stores have some: amounts as texts, bare numbers and with what floating point leaves
//! behind, dates with other zones, statuses without slug, yes and no as numbers, guests. What a row means stays the same.

use serde_json::{Value, json};

use crate::store::Store;

/// An order as the store tells it; `id` decides its shapes, so that a list and the details may differ in them, too.
pub fn order_of(store: &Store, id: u64, mut order: Value) -> Value {
    if !store.odd {
        return order;
    }
    let salt = id + u64::from(order.get("amounts").is_some());
    let pick = |of: u64| salt / 7 % of;
    order["id"] = json!(id.to_string());
    if let Some(total) = order.get_mut("total") {
        odd_money(total, salt);
    }
    if let Some(amounts) = order.get_mut("amounts") {
        odd_money(&mut amounts["total"], salt);
        odd_money(&mut amounts["sub_total"], salt + 1);
        odd_money(&mut amounts["shipping_cost"], salt + 2);
        if pick(3) == 0 {
            amounts["tax"]["amount"]["amount"] = Value::Null;
        }
    }
    odd_date(&mut order["date"], salt);
    if order.get("updated_at").is_some() {
        order["updated_at"] =
            [json!("0000-00-00 00:00:00"), json!(false), json!("")][pick(3) as usize].clone();
    }
    let (number, slug) = (order["status"]["id"].clone(), order["status"]["slug"].clone());
    order["status"] = match pick(4) {
        0 => slug,
        1 => json!({"id": number, "slug": null, "customized": false}),
        2 => json!({"id": number.to_string(), "name": "x", "customized": []}),
        _ => number,
    };
    let is_pending = order["is_pending_payment"] == json!(true);
    order["is_pending_payment"] =
        [json!(u8::from(is_pending)), json!(u8::from(is_pending).to_string())][pick(2) as usize].clone();
    if order.get("customer").is_some() && pick(3) == 0 {
        order["customer"]["id"] = [json!(0), Value::Null, json!("")][pick(9) as usize / 3].clone();
    }
    if let Some(items) = order.get("items").cloned() {
        order["items"] = items_of(store, id, items);
    }
    order
}

/// The items of an order: a list, or an object with number keys.
pub fn items_of(store: &Store, id: u64, mut items: Value) -> Value {
    if !store.odd {
        return items;
    }
    let rows = items.as_array_mut().map(std::mem::take).unwrap_or_default();
    let rows = rows.into_iter().enumerate().map(|(place, mut item)| {
        let salt = id + place as u64;
        let quantity = item["quantity"].clone();
        item["quantity"] = if salt.is_multiple_of(2) { json!(format!("{quantity}.0")) } else { quantity };
        if item.get("id").is_some() {
            item["id"] = json!(item["id"].to_string());
        }
        if let Some(amounts) = item.get_mut("amounts") {
            odd_money(&mut amounts["total"], salt);
            amounts["price_without_tax"]["amount"] = json!(86.956_521_739_13);
            amounts["tax"]["amount"]["amount"] = Value::Null;
        }
        item["name"] = json!(format!("{}\u{fffd}", item["name"].as_str().unwrap_or_default()));
        (place, item)
    });
    if id.is_multiple_of(3) {
        Value::Object(rows.map(|(place, item)| ((place * 2).to_string(), item)).collect())
    } else {
        rows.map(|(_, item)| item).collect()
    }
}

/// A customer.
pub fn customer_of(store: &Store, mut customer: Value) -> Value {
    if !store.odd {
        return customer;
    }
    let salt = customer["id"].as_u64().unwrap_or_default();
    customer["id"] = json!(salt.to_string());
    customer["mobile"] = match salt % 3 {
        0 => json!(format!("0{}", customer["mobile"])),
        1 => json!(format!("966{}", customer["mobile"])),
        _ => customer["mobile"].clone(),
    };
    customer["birthday"] = json!("0000-00-00");
    customer["groups"] = json!({"0": "11323141"});
    odd_date(&mut customer["updated_at"], salt);
    customer
}

/// A product.
pub fn product_of(store: &Store, mut product: Value) -> Value {
    if !store.odd {
        return product;
    }
    let salt = product["id"].as_u64().unwrap_or_default();
    product["id"] = json!(salt.to_string());
    odd_money(&mut product["price"], salt);
    product["sale_price"] =
        [json!({"amount": "", "currency": "SAR"}), json!(0), json!("")][(salt % 3) as usize].clone();
    product["cost_price"] = json!("1,250.00");
    product["brand"] = json!("علامة");
    product["categories"] = json!({"4": {"name": "تمور"}});
    product["quantity"] = json!(format!("{}.0", product["quantity"]));
    product["is_available"] = json!(u8::from(product["is_available"] == json!(true)));
    product["unlimited_quantity"] = json!("0");
    product["updated_at"] = json!("-0001-11-30 00:00:00");
    product
}

/// The same amount, otherwise spelt; where that needs no currency, it is left out.
fn odd_money(money: &mut Value, salt: u64) {
    let (Some(amount), Some(currency)) =
        (money["amount"].as_f64(), money["currency"].as_str().map(str::to_owned))
    else {
        return;
    };
    let hundredths = (amount * 100.0).round() as i64;
    let text = format!("{}.{:02}", thousands(hundredths / 100), hundredths % 100);
    *money = match salt % 4 {
        // A bare number is of the store's currency.
        0 if currency == "SAR" => json!(amount),
        1 if currency == "SAR" => json!(text),
        2 => json!({"amount": text, "currency": currency}),
        // Far below the smallest unit.
        _ => json!({"amount": amount + 0.000_000_000_06, "currency": currency}),
    };
}

fn thousands(units: i64) -> String {
    let digits = units.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The same instant in another zone or spelling.
fn odd_date(date: &mut Value, salt: u64) {
    let Some(local) = date["date"].as_str().map(|text| text.split('.').next().unwrap_or(text).to_owned())
    else {
        return;
    };
    *date = match salt % 3 {
        0 => json!({"date": local, "timezone_type": 1, "timezone": "+03:00"}),
        1 => json!(local),
        _ => json!(format!("{}+03:00", local.replace(' ', "T"))),
    };
}
