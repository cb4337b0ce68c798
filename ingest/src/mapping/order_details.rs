//! Answers of `GET /orders/{id}` and `GET /orders/items` (FACTS §4.2, §4.3): together they are a whole order.

use qafila_schemas::amount::Amount;
use qafila_schemas::open_set::Entity;
use qafila_schemas::records::observation::{
    OrderAmounts, OrderBreakdown, OrderDetails, OrderHeader, OrderItems, OrderLine, OrderObservation,
    OrderStatus,
};
use qafila_schemas::sealed::Subject;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::orders::Status;
use super::values::{Money, Number, PhpDate, currency, id, lenient, optional_id, optional_text, phone};
use super::{Provenance, Unmappable, Unsealed, observation, read};

#[derive(Deserialize)]
struct Details {
    #[serde(deserialize_with = "id")]
    id: i64,
    #[serde(default, deserialize_with = "optional_id")]
    reference_id: Option<i64>,
    #[serde(default)]
    date: Option<PhpDate>,
    #[serde(default)]
    updated_at: Option<PhpDate>,
    #[serde(default, deserialize_with = "optional_text")]
    source: Option<String>,
    status: Status,
    #[serde(default, deserialize_with = "optional_text")]
    payment_method: Option<String>,
    #[serde(default)]
    is_pending_payment: Option<bool>,
    amounts: Amounts,
    #[serde(default, deserialize_with = "lenient")]
    receiver: Option<Receiver>,
    #[serde(default, deserialize_with = "lenient")]
    shipping: Option<Shipping>,
    #[serde(default, deserialize_with = "lenient")]
    customer: Option<Customer>,
}

#[derive(Deserialize)]
struct Amounts {
    #[serde(default, deserialize_with = "lenient")]
    sub_total: Option<Money>,
    #[serde(default, deserialize_with = "lenient")]
    shipping_cost: Option<Money>,
    #[serde(default, deserialize_with = "lenient")]
    cash_on_delivery: Option<Money>,
    #[serde(default, deserialize_with = "lenient")]
    tax: Option<Tax>,
    #[serde(default, deserialize_with = "lenient")]
    discounts: Option<Vec<Discount>>,
    total: Money,
}

#[derive(Deserialize)]
struct Tax {
    #[serde(default, deserialize_with = "lenient")]
    amount: Option<Money>,
}

#[derive(Deserialize)]
struct Discount {
    #[serde(default, deserialize_with = "lenient")]
    discount: Option<Number>,
}

/// Webhooks and full answers have the receiver here.
#[derive(Deserialize)]
struct Shipping {
    #[serde(default, deserialize_with = "lenient")]
    receiver: Option<Receiver>,
}

#[derive(Deserialize)]
struct Receiver {
    #[serde(default, deserialize_with = "optional_text")]
    name: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    email: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    phone: Option<String>,
}

/// The customer inside an order or a cart.
#[derive(Deserialize)]
pub(super) struct Customer {
    #[serde(deserialize_with = "id")]
    pub(super) id: i64,
    #[serde(default, deserialize_with = "optional_text")]
    name: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    first_name: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    last_name: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    mobile: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    mobile_code: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    email: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    pub(super) city: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    country_code: Option<String>,
}

impl Customer {
    /// Details and webhooks name it in one piece or in two.
    pub(super) fn full_name(&self) -> Option<String> {
        let parts: Vec<&str> =
            [&self.first_name, &self.last_name].into_iter().flatten().map(String::as_str).collect();
        self.name.clone().or((!parts.is_empty()).then(|| parts.join(" ")))
    }

    /// E.164.
    pub(super) fn phone(&self) -> Option<String> {
        phone(self.mobile_code.as_deref(), self.mobile.as_deref())
    }

    pub(super) fn email(&self) -> Option<String> {
        self.email.as_ref().map(|email| email.to_lowercase())
    }
}

#[derive(Deserialize)]
struct Item {
    #[serde(default, deserialize_with = "optional_id")]
    id: Option<i64>,
    name: String,
    #[serde(default, deserialize_with = "optional_text")]
    sku: Option<String>,
    quantity: Number,
    #[serde(default, deserialize_with = "lenient")]
    amounts: Option<ItemAmounts>,
    #[serde(default, deserialize_with = "lenient")]
    product: Option<Product>,
    #[serde(default, deserialize_with = "optional_id")]
    product_id: Option<i64>,
    #[serde(default, deserialize_with = "optional_text")]
    notes: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    options: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct ItemAmounts {
    #[serde(default, deserialize_with = "lenient")]
    price_without_tax: Option<Money>,
    #[serde(default, deserialize_with = "lenient")]
    total_discount: Option<Money>,
    #[serde(default, deserialize_with = "lenient")]
    tax: Option<Tax>,
    #[serde(default, deserialize_with = "lenient")]
    total: Option<Money>,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default, deserialize_with = "optional_id")]
    id: Option<i64>,
}

/// The items inside a details answer, where it holds them: the call for them is then not needed (FACTS §4.2).
pub fn items_within(details: &str) -> Option<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Holder {
        #[serde(default, deserialize_with = "lenient")]
        items: Option<Box<RawValue>>,
    }
    let items = serde_json::from_str::<Holder>(details).ok()?.items?;
    serde_json::from_str::<Vec<Item>>(items.get())
        .is_ok_and(|items| items.iter().all(is_whole))
        .then_some(items)
}

/// Whether an item says what the items endpoint would.
fn is_whole(item: &Item) -> bool {
    item.id.is_some() && item.amounts.is_some()
}

/// Maps an order of which everything was read.
pub fn whole(details: &str, items: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    let mut order: Details = read(details)?;
    let items: Vec<Item> = read(items).map_err(|e| Unmappable { path: format!("/items{}", e.path), ..e })?;
    let order_id = order.id;
    let subject = match &order.customer {
        Some(customer) => Subject::Customer(customer.id),
        None => Subject::Order(order_id),
    };
    let receiver = order.receiver.or(order.shipping.and_then(|shipping| shipping.receiver));
    let seen_order = OrderObservation {
        reference_id: order.reference_id,
        created_at: order.date.map(|date| date.0),
        header: order.payment_method.take().map(|payment_method| OrderHeader { payment_method }),
        status: Some(status(order.status, order.is_pending_payment)),
        breakdown: Some(breakdown(&order.amounts)?),
        amounts: Some(OrderAmounts {
            total: order.amounts.total.amount.0,
            currency: currency(&order.amounts.total.currency),
        }),
        details: Some(parties(order.customer, receiver, order.source, order.updated_at)),
        items: Some(OrderItems { complete: true, lines: items.into_iter().map(line).collect() }),
    };
    let mut seen = observation(provenance, Entity::Order, order_id);
    seen.order = Some(Box::new(seen_order));
    Ok(Unsealed { observation: seen, subject: Some(subject) })
}

fn status(status: Status, is_pending_payment: Option<bool>) -> OrderStatus {
    OrderStatus {
        status_id: status.id,
        slug: status.slug,
        name: status.name,
        custom_name: status.customized.and_then(|custom| custom.name),
        is_pending_payment,
    }
}

/// As Salla says it; the total is never recomputed (FACTS §4.2).
fn breakdown(amounts: &Amounts) -> Result<OrderBreakdown, Unmappable> {
    let amount = |money: &Option<Money>| money.as_ref().map(|money| money.amount.0);
    let mut listed = amounts.discounts.iter().flatten().filter_map(|d| d.discount.map(|n| n.0));
    let discount = listed.try_fold(Amount::ZERO, Amount::checked_add).ok_or_else(|| Unmappable {
        path: "/amounts/discounts".into(),
        reason: "together they are more than an amount can be".into(),
    })?;
    Ok(OrderBreakdown {
        sub_total: amount(&amounts.sub_total),
        shipping_cost: amount(&amounts.shipping_cost),
        cash_on_delivery: amount(&amounts.cash_on_delivery),
        tax: amounts.tax.as_ref().and_then(|tax| amount(&tax.amount)),
        discount: amounts.discounts.as_ref().map(|_| discount),
    })
}

fn parties(
    customer: Option<Customer>,
    receiver: Option<Receiver>,
    channel: Option<String>,
    updated_at: Option<PhpDate>,
) -> OrderDetails {
    let mut details =
        OrderDetails { channel, salla_updated_at: updated_at.map(|date| date.0), ..OrderDetails::default() };
    if let Some(customer) = customer {
        details.customer_id = Some(customer.id);
        details.customer_name = customer.full_name();
        details.customer_phone = customer.phone();
        details.customer_email = customer.email();
        details.city = customer.city;
        details.country_code = customer.country_code.map(|code| code.to_ascii_uppercase());
    }
    if let Some(receiver) = receiver {
        details.receiver_name = receiver.name;
        details.receiver_phone = phone(None, receiver.phone.as_deref());
        details.receiver_email = receiver.email.map(|email| email.to_lowercase());
    }
    details
}

fn line(item: Item) -> OrderLine {
    let amounts = item.amounts;
    let amount = |pick: fn(&ItemAmounts) -> Option<&Money>| {
        amounts.as_ref().and_then(pick).map(|money| money.amount.0)
    };
    OrderLine {
        line_id: item.id,
        product_id: item.product.and_then(|product| product.id).or(item.product_id),
        name: item.name,
        sku: item.sku,
        quantity: item.quantity.0,
        unit_price: amount(|a| a.price_without_tax.as_ref()),
        discount: amount(|a| a.total_discount.as_ref()),
        tax: amount(|a| a.tax.as_ref().and_then(|tax| tax.amount.as_ref())),
        total: amount(|a| a.total.as_ref()),
        options: free_text(item.options.as_deref(), item.notes.as_deref()),
    }
}

/// What the customer chose and wrote, as JSON; may hold anything, so it is sealed.
fn free_text(options: Option<&RawValue>, notes: Option<&str>) -> Option<String> {
    if options.is_none() && notes.is_none() {
        return None;
    }
    /// Written as it came: what is nested too deep for a `Value` is text all the same.
    #[derive(Serialize)]
    struct FreeText<'t> {
        options: Option<&'t RawValue>,
        notes: Option<&'t str>,
    }
    serde_json::to_string(&FreeText { options, notes }).ok()
}

#[cfg(test)]
mod tests {
    use qafila_schemas::ids::{ConnectionId, MerchantId};
    use qafila_schemas::millis::Millis;
    use qafila_schemas::open_set::Source;
    use serde_json::Value;

    use super::*;

    fn provenance() -> Provenance {
        Provenance {
            merchant_id: MerchantId::generate(),
            connection_id: ConnectionId::generate(),
            store_id: 7,
            source: Source::Details,
            observed_at: Millis(1),
        }
    }

    fn data(sample: &str) -> String {
        let value: Value = serde_json::from_str(sample).expect("a sample is JSON");
        value["data"].to_string()
    }

    #[test]
    fn details_and_items_of_the_documentation_make_a_whole_order() {
        let details = data(include_str!("../../../deploy/local/salla-sim/samples/order.details.light.json"));
        let items = data(include_str!("../../../deploy/local/salla-sim/samples/order.items.list.json"));
        let whole = whole(&details, &items, &provenance()).expect("the samples map");
        assert_eq!(whole.subject, Some(Subject::Customer(1_473_353_380)));
        let order = whole.observation.order.expect("an order");
        let breakdown = order.breakdown.expect("amounts");
        let text = |amount: Option<Amount>| amount.map(|a| a.to_string());
        assert_eq!(text(breakdown.tax).as_deref(), Some("39.4600"));
        assert_eq!(text(breakdown.discount).as_deref(), Some("15.0000"));
        assert_eq!(text(order.amounts.map(|a| a.total)).as_deref(), Some("302.5000"));
        let parties = order.details.expect("customer and receiver");
        assert_eq!(parties.customer_name.as_deref(), Some("أحمد Conn"));
        assert_eq!(parties.customer_phone.as_deref(), Some("+966501724227"));
        assert_eq!(parties.receiver_phone.as_deref(), Some("+966501724227"));
        let items = order.items.expect("items");
        assert!(items.complete);
        assert_eq!(items.lines[0].sku.as_deref(), Some("sam-ssd-256g"));
        assert!(items.lines[0].options.as_ref().is_some_and(|text| text.contains("256G")));
    }

    #[test]
    fn items_inside_details_are_used_only_where_they_are_whole() {
        let items = data(include_str!("../../../deploy/local/salla-sim/samples/order.items.list.json"));
        assert!(items_within(&format!("{{\"items\":{items}}}")).is_some());
        assert!(items_within(r#"{"items":[{"name":"x","quantity":1}]}"#).is_none(), "thin");
        assert!(items_within(r#"{"id":1}"#).is_none());
        assert!(items_within(r#"{"items":[]}"#).is_none(), "PHP spells nothing so, too");
    }

    #[test]
    fn options_of_any_depth_and_discounts_of_any_size_do_no_harm() {
        let details = data(include_str!("../../../deploy/local/salla-sim/samples/order.details.light.json"));
        let deep = format!("{}1e999{}", "[".repeat(500), "]".repeat(500));
        let items = format!(r#"[{{"name":"x","quantity":1,"options":{deep},"notes":"\\ud83d"}}]"#);
        whole(&details, &items, &provenance()).expect("text is text");
        let mut order: Value = serde_json::from_str(&details).expect("JSON");
        order["amounts"]["discounts"] =
            serde_json::json!([{"discount": "99999999999999"}, {"discount": "99999999999999"}]);
        let refusal = whole(&order.to_string(), "[]", &provenance()).expect_err("too much");
        assert_eq!(refusal.path, "/amounts/discounts");
    }

    #[test]
    fn a_bad_item_is_named_with_its_path() {
        let details = data(include_str!("../../../deploy/local/salla-sim/samples/order.details.light.json"));
        let refusal = whole(&details, r#"[{"name":"x","quantity":"many"}]"#, &provenance());
        assert_eq!(refusal.expect_err("no number").path, "/items/0/quantity");
    }
}
