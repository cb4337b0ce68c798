//! Orders, as rows of `GET /orders` (thin), as answers of `GET /orders/{id}` and `GET /orders/items`, and inside webhooks (FACTS §4, §8).

use qafila_schemas::amount::Amount;
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::Entity;
use qafila_schemas::records::observation::{OrderLine, OrderObservation};
use qafila_schemas::sealed::SubjectId;
use serde::Serialize;
use serde_json::value::RawValue;

use super::people::{Person, country_code, email, phone_text};
use super::{
    Document, Provenance, Unmappable, Unsealed, addresses, creation, document_id, row_currency, statuses,
};
use crate::salla::shapes::amounts::{Currency, Money};
use crate::salla::shapes::reading::{Notes, Object, Reading, Said, objects, rows};

/// When a row says that its order was placed, for telling slices apart; nothing where it does not say.
pub fn created_at(row: &str) -> Option<Millis> {
    let notes = Notes::default();
    creation(&Object::parse(row, String::new(), &notes)?, "date")
}

/// Maps one row of the list: its lines are thin.
pub fn from_list(row: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    Order { lines: Lines::Thin, provenance }.map(row)
}

/// Maps the two answers of which everything is read.
pub fn whole(details: &str, items: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    let items = super::without_nul(items.trim());
    Order { lines: Lines::Beside(&items), provenance }.map(details)
}

/// Maps an order with its items inside, as webhooks have it; where they are not whole, nothing is said of them.
pub(super) fn within(order: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    Order { lines: Lines::Within, provenance }.map(order)
}

/// The items inside a details answer, where it holds them whole: the call for them is then not needed (FACTS §4.2).
pub fn items_within(details: &str) -> Option<Box<RawValue>> {
    let notes = Notes::default();
    let order = Object::parse(details, String::new(), &notes)?;
    let (items, all) = order.objects("items").value()?;
    (all && items.iter().all(is_whole)).then(|| RawValue::from_string(order.raw("items")?.to_owned()).ok())?
}

/// Whether an item says what the items endpoint would.
fn is_whole(item: &Object<'_, '_>) -> bool {
    item.id("id").value().is_some() && item.object("amounts").value().is_some()
}

/// Where the lines of an order are read from.
enum Lines<'a> {
    /// From the row itself: name and quantity.
    Thin,
    /// From the order itself, where they are whole.
    Within,
    /// From another answer.
    Beside(&'a str),
}

struct Order<'a> {
    lines: Lines<'a>,
    provenance: &'a Provenance,
}

impl Order<'_> {
    fn map(&self, text: &str) -> Result<Unsealed, Unmappable> {
        let document = Document::read(text);
        let notes = Notes::default();
        let order = document.object(&notes)?;
        let order_id = document_id(&order)?;
        let (mut seen, mut empty) = (OrderObservation::default(), Vec::new());
        seen.reference_id = order.whole("reference_id").value();
        seen.created_at = creation(&order, "date");
        seen.salla_updated_at = order.instant("updated_at").value();
        say(order.text("payment_method"), "payment_method", &mut seen.payment_method, &mut empty);
        say(order.text("source"), "channel", &mut seen.channel, &mut empty);
        say(order.flag("is_pending_payment"), "is_pending_payment", &mut seen.is_pending_payment, &mut empty);
        seen.admin_url = addresses::admin_url(&order);
        statuses::read(&order, &mut seen, &mut empty);
        let currency = self.amounts(&order, &mut seen, &mut empty);
        say(order.exchange_rate(), "exchange_rate", &mut seen.exchange_rate, &mut empty);
        let customer = self.people(&order, &mut seen, &mut empty);
        self.lines(&order, &notes, currency.as_ref(), &mut seen);
        let is_draft = order.flag("draft").value();
        drop(order);
        let mut observation = super::observation(self.provenance, Entity::Order, order_id);
        observation.order = Some(Box::new(seen));
        let subject = customer.map_or(SubjectId::Order(order_id), SubjectId::Customer);
        let noted = Unsealed::noted(observation, Some(subject), empty, notes);
        Ok(Unsealed { is_draft, ..noted.with_currency(currency.as_ref()) })
    }

    /// As Salla says it; the total is never recomputed (FACTS §4.2). Says what the amounts are of.
    fn amounts(
        &self,
        order: &Object<'_, '_>,
        seen: &mut OrderObservation,
        empty: &mut Vec<String>,
    ) -> Option<Currency> {
        let around = self.provenance.market.currency_of(order);
        let amounts = order.object("amounts").value();
        let money =
            |name: &str| amounts.as_ref().map_or(Said::Nothing, |amounts| amounts.money(name, &around));
        let total = money("total").or(|| order.money("total", &around));
        let parts = [money("sub_total"), money("shipping_cost"), money("cash_on_delivery")];
        let tax = amounts.as_ref().map_or(Said::Nothing, |amounts| tax(amounts, &around));
        let currency = row_currency([&total].into_iter().chain(&parts).chain([&tax]), &around);
        seen.currency = currency.as_ref().map(|currency| currency.code.clone());
        seen.total = total.value().map(|money| money.amount);
        let [sub_total, shipping, on_delivery] = parts.map(|said| said.map(|money| money.amount));
        say(sub_total, "sub_total", &mut seen.sub_total, empty);
        say(shipping, "shipping_cost", &mut seen.shipping_cost, empty);
        say(on_delivery, "cash_on_delivery", &mut seen.cash_on_delivery, empty);
        say(tax.map(|money| money.amount), "tax", &mut seen.tax, empty);
        seen.discount = amounts.as_ref().and_then(|amounts| discount(amounts, &around));
        currency
    }

    /// Customer and receiver; says whose personal data they are, where that is known.
    fn people(
        &self,
        order: &Object<'_, '_>,
        seen: &mut OrderObservation,
        empty: &mut Vec<String>,
    ) -> Option<i64> {
        let country = self.provenance.market.country();
        let shipping = order.object("shipping").value();
        let address = shipping.as_ref().and_then(|shipping| shipping.object("address").value());
        let (mut city, mut country_said) = (Said::Nothing, Said::Nothing);
        match Person::read(order, "customer", country) {
            Said::Value(customer) => {
                say(customer.id, "customer_id", &mut seen.customer_id, empty);
                say(customer.name, "customer_name", &mut seen.customer_name, empty);
                say(customer.phone, "customer_phone", &mut seen.customer_phone, empty);
                say(customer.email, "customer_email", &mut seen.customer_email, empty);
                (city, country_said) = (customer.city, customer.country_code);
            }
            Said::Empty => empty.push("customer_id".into()),
            Said::Nothing => {}
        }
        let of_address = address.as_ref();
        let city_there = of_address.map_or(Said::Nothing, |address| address.text("city"));
        let country_there = of_address.map_or(Said::Nothing, country_code);
        say(of_two_places(city, city_there), "city", &mut seen.city, empty);
        say(of_two_places(country_said, country_there), "country_code", &mut seen.country_code, empty);
        let receiver = order
            .object("receiver")
            .or(|| shipping.as_ref().map_or(Said::Nothing, |shipping| shipping.object("receiver")));
        if let Said::Value(receiver) = receiver {
            say(receiver.text("name"), "receiver_name", &mut seen.receiver_name, empty);
            say(
                phone_text(&receiver, "phone", None, country),
                "receiver_phone",
                &mut seen.receiver_phone,
                empty,
            );
            say(email(&receiver), "receiver_email", &mut seen.receiver_email, empty);
        }
        seen.customer_id
    }

    fn lines(
        &self,
        order: &Object<'_, '_>,
        notes: &Notes,
        currency: Option<&Currency>,
        seen: &mut OrderObservation,
    ) {
        let currency = currency.cloned().unwrap_or_else(|| self.provenance.market.currency());
        let (items, all) = match self.lines {
            Lines::Thin | Lines::Within => match order.objects("items") {
                Said::Value(items) => items,
                Said::Empty | Said::Nothing => return,
            },
            Lines::Beside(items) => match rows(items) {
                Reading::Value(rows) => objects(&rows, "/items", notes),
                // Only a list says that there are none.
                Reading::Empty if items.trim_start().starts_with(['[', '{']) => (Vec::new(), true),
                Reading::Empty | Reading::Odd => {
                    order.note("items");
                    return;
                }
            },
        };
        let is_complete = match self.lines {
            Lines::Thin => false,
            Lines::Within => items.iter().all(is_whole),
            Lines::Beside(_) => true,
        };
        // A list of which a part cannot be read would take lines away.
        if !all || matches!(self.lines, Lines::Within) && !is_complete {
            return;
        }
        seen.lines_complete = is_complete;
        seen.lines = Some(items.iter().map(|item| line(item, &currency)).collect());
    }
}

/// Puts what was said where it belongs.
pub(super) fn say<T>(said: Said<T>, name: &str, into: &mut Option<T>, empty: &mut Vec<String>) {
    match said {
        Said::Value(value) => *into = Some(value),
        Said::Empty => empty.push(name.to_owned()),
        Said::Nothing => {}
    }
}

/// `{"percent": "15.00", "amount": {…}}`, or the amount alone.
fn tax(amounts: &Object<'_, '_>, currency: &Currency) -> Said<Money> {
    match amounts.raw("tax").filter(|raw| raw.starts_with('{')).map(|_| amounts.object("tax")) {
        Some(Said::Value(tax)) if tax.has("percent") || !tax.has("currency") => tax.money("amount", currency),
        _ => amounts.money("tax", currency),
    }
}

/// What two places say of one thing. It is empty only where both say so: a source that leaves one of them out does not know.
fn of_two_places<T>(first: Said<T>, second: Said<T>) -> Said<T> {
    match (first, second) {
        (Said::Value(value), _) | (_, Said::Value(value)) => Said::Value(value),
        (Said::Empty, Said::Empty) => Said::Empty,
        _ => Said::Nothing,
    }
}

/// The sum of what is listed; none where a part of it cannot be read, for then the sum is not known.
fn discount(amounts: &Object<'_, '_>, currency: &Currency) -> Option<Amount> {
    let (listed, mut all) = match amounts.objects("discounts") {
        Said::Value(listed) => listed,
        Said::Empty => (Vec::new(), true),
        Said::Nothing => return None,
    };
    let mut sum = Amount::ZERO;
    for one in &listed {
        match one.money("discount", currency) {
            Said::Value(money) => {
                if let Some(more) = sum.checked_add(money.amount) {
                    sum = more;
                } else {
                    amounts.note("discounts");
                    return None;
                }
            }
            Said::Empty => {}
            Said::Nothing => all &= !one.has("discount"),
        }
    }
    all.then_some(sum)
}

/// Whether a text names an article: 0 is what stores write that have no SKUs.
pub(super) fn is_sku(text: &str) -> bool {
    text.bytes().any(|b| b != b'0')
}

fn line(item: &Object<'_, '_>, currency: &Currency) -> OrderLine {
    let amounts = item.object("amounts").value();
    let amount = |name: &str| {
        amounts.as_ref().and_then(|amounts| amounts.money(name, currency).value()).map(|money| money.amount)
    };
    let within = item.object("product").value();
    let product_id =
        within.and_then(|product| product.id("id").value()).or_else(|| item.id("product_id").value());
    OrderLine {
        line_id: item.id("id").value(),
        product_found_by: product_id.map(|_| "line".to_owned()),
        product_id,
        name: item.text("name").value(),
        sku: item.text("sku").value().filter(|sku| is_sku(sku)),
        quantity: item.decimal("quantity").value(),
        unit_price: amount("price_without_tax"),
        discount: amount("total_discount"),
        tax: amounts.as_ref().and_then(|amounts| tax(amounts, currency).value()).map(|money| money.amount),
        total: amount("total"),
        options: free_text(item),
    }
}

/// What the customer chose and wrote, as JSON; may hold anything, so it is sealed.
fn free_text(item: &Object<'_, '_>) -> Option<String> {
    /// Written as it came: what is nested too deep for a `Value` is text all the same.
    #[derive(Serialize)]
    struct FreeText<'t> {
        options: Option<&'t RawValue>,
        notes: Option<&'t str>,
    }
    let options = item.raw("options").filter(|raw| !crate::salla::shapes::values::is_empty_object(raw));
    let options = options.and_then(|raw| serde_json::from_str::<&RawValue>(raw).ok());
    let notes = item.text("notes").value();
    if options.is_none() && notes.is_none() {
        return None;
    }
    serde_json::to_string(&FreeText { options, notes: notes.as_deref() }).ok()
}

#[cfg(test)]
mod tests {
    use qafila_schemas::open_set::Source;
    use serde_json::{Value, json};

    use super::super::testing::provenance;
    use super::*;

    fn data(sample: &str) -> Value {
        let value: Value = serde_json::from_str(sample).expect("a sample is JSON");
        value["data"].clone()
    }

    fn details() -> Value {
        data(include_str!("../../../deploy/local/salla-sim/samples/order.details.light.json"))
    }

    fn items() -> Value {
        data(include_str!("../../../deploy/local/salla-sim/samples/order.items.list.json"))
    }

    fn read(details: &Value, items: &Value) -> Unsealed {
        whole(&details.to_string(), &items.to_string(), &provenance(Source::Details)).expect("it maps")
    }

    fn order(details: &Value, items: &Value) -> OrderObservation {
        *read(details, items).observation.order.expect("an order")
    }

    #[test]
    fn details_and_items_of_the_documentation_make_a_whole_order() {
        let whole = read(&details(), &items());
        assert_eq!(whole.subject_id, Some(SubjectId::Customer(1_473_353_380)));
        assert_eq!(whole.observation.unreadable, [""; 0]);
        let order = whole.observation.order.expect("an order");
        let text = |amount: Option<Amount>| amount.map(|a| a.to_string());
        assert_eq!(text(order.tax).as_deref(), Some("39.4600"));
        assert_eq!(text(order.discount).as_deref(), Some("15.0000"));
        assert_eq!(text(order.total).as_deref(), Some("302.5000"));
        assert_eq!(order.customer_name.as_deref(), Some("أحمد Conn"));
        assert_eq!(order.customer_phone.as_deref(), Some("+966501724227"));
        assert_eq!(order.receiver_phone.as_deref(), Some("+966501724227"));
        assert!(order.lines_complete);
        let lines = order.lines.expect("lines");
        assert_eq!(lines[0].sku.as_deref(), Some("sam-ssd-256g"));
        assert!(lines[0].options.as_ref().is_some_and(|text| text.contains("256G")));
        let page = "https://s.salla.sa/orders/order/wRK4mBzAZN081YbbX3dal23kYrbxqP7j";
        assert_eq!(order.admin_url.as_deref(), Some(page));
    }

    #[test]
    fn items_inside_details_are_used_only_where_they_are_whole() {
        let with = |items: &Value| items_within(&json!({"id": 1, "items": items}).to_string());
        assert!(with(&items()).is_some());
        assert!(with(&json!([{"name": "x", "quantity": 1}])).is_none(), "thin");
        assert!(with(&json!([])).is_none(), "PHP spells nothing so, too");
        assert!(items_within(r#"{"id":1}"#).is_none());
    }

    #[test]
    fn options_of_any_depth_and_discounts_of_any_size_do_no_harm() {
        let deep = format!("{}1e999{}", "[".repeat(500), "]".repeat(500));
        let items = format!(r#"[{{"name":"x","quantity":1,"options":{deep},"notes":"\ud83d"}}]"#);
        let seen = whole(&details().to_string(), &items, &provenance(Source::Details)).expect("text is text");
        let lines = seen.observation.order.and_then(|order| order.lines).expect("lines");
        assert!(lines[0].options.as_ref().is_some_and(|text| text.contains('\u{fffd}')), "half an emoji");
        let mut details = details();
        details["amounts"]["discounts"] =
            json!([{"discount": "99999999999999"}, {"discount": "99999999999999"}]);
        assert_eq!(order(&details, &json!([])).discount, None);
    }

    #[test]
    fn only_a_list_says_that_an_order_has_no_items() {
        let lines = |items: &str| {
            let seen = whole(&details().to_string(), items, &provenance(Source::Details)).expect("an order");
            seen.observation.order.expect("an order").lines
        };
        for none in ["[]", "{}", " [ ] "] {
            assert_eq!(lines(none), Some(vec![]), "{none}");
        }
        for unsaid in ["null", "\"\"", "false", "0"] {
            assert_eq!(lines(unsaid), None, "{unsaid}");
        }
    }

    #[test]
    fn a_machines_epoch_is_no_creation() {
        let mut details = details();
        details["date"] = json!("1970-01-01 03:00:00");
        let seen = read(&details, &items());
        assert_eq!(seen.observation.order.and_then(|order| order.created_at), None);
        assert_eq!(seen.observation.unreadable, ["/date"]);
    }

    #[test]
    fn an_odd_amount_costs_that_amount_alone() {
        for (way, value, expected) in [
            ("/amounts/total", json!(302.5), Some("302.5000")),
            (
                "/amounts/total",
                json!({"amount": 302.499_999_999_999_94, "currency": "SAR"}),
                Some("302.5000"),
            ),
            ("/amounts/total", json!({"amount": null, "currency": "SAR"}), None),
            ("/amounts/total", json!(true), None),
            ("/amounts", Value::Null, None),
            ("/amounts", json!("many"), None),
            ("/amounts/discounts", json!([{"discount": "1,250.00"}]), Some("302.5000")),
        ] {
            let mut details = details();
            *details.pointer_mut(way).expect("it is there") = value.clone();
            let order = order(&details, &items());
            assert_eq!(order.total.map(|a| a.to_string()).as_deref(), expected, "{way} {value}");
            assert_eq!(order.status_slug.as_deref(), Some("completed"), "{way} {value}");
        }
    }

    #[test]
    fn a_currency_is_assumed_only_where_neither_the_order_nor_an_amount_names_one() {
        let read = |order: Value| {
            let seen = within(&order.to_string(), &provenance(Source::Webhook)).expect("it maps");
            let order = seen.observation.order.expect("an order");
            (order.currency.unwrap_or_default(), seen.observation.assumed)
        };
        let assumed = vec!["currency".to_owned()];
        let usd = json!({"amount": 5, "currency": "USD"});
        for (order, expected) in [
            (json!({"id": 1, "total": 5}), ("SAR", assumed.clone())),
            (json!({"id": 1, "amounts": {"total": {"amount": 5}}}), ("SAR", assumed)),
            (json!({"id": 1, "total": 5, "currency": "KWD"}), ("KWD", vec![])),
            (json!({"id": 1, "currency": "KWD"}), ("KWD", vec![])),
            (json!({"id": 1, "total": usd, "currency": "KWD"}), ("USD", vec![])),
            (json!({"id": 1, "amounts": {"total": 5, "sub_total": usd}}), ("USD", vec![])),
            (json!({"id": 1, "status": {"slug": "paid"}}), ("", vec![])),
        ] {
            assert_eq!(read(order.clone()), (expected.0.to_owned(), expected.1), "{order}");
        }
    }

    #[test]
    fn a_guest_is_no_customer_and_sealed_under_the_order() {
        for id in [json!(0), Value::Null, json!(""), json!("0"), json!(false)] {
            let mut details = details();
            details["customer"] =
                json!({"id": id, "first_name": "ضيف", "mobile": "500000021", "mobile_code": "+966"});
            let seen = read(&details, &items());
            assert_eq!(seen.subject_id, Some(SubjectId::Order(seen.salla_id())), "{id}");
            assert!(seen.observation.empty.contains(&"customer_id".to_owned()));
            let order = seen.observation.order.expect("an order");
            assert_eq!((order.customer_id, order.customer_phone.as_deref()), (None, Some("+966500000021")));
        }
    }

    #[test]
    fn what_is_left_out_empties_nothing() {
        let mut details = details();
        details["customer"] = json!({"id": 5, "first_name": "a", "city": "", "country_code": ""});
        details.as_object_mut().expect("an object").remove("shipping");
        let empty = read(&details, &items()).observation.empty;
        assert!(!empty.iter().any(|name| name == "city" || name == "country_code"), "{empty:?}");
        details["shipping"] = json!({"address": {"city": "", "country_code": null}});
        let empty = read(&details, &items()).observation.empty;
        assert!(empty.iter().any(|name| name == "city"), "both places say so: {empty:?}");
        details["customer"] = json!({"first_name": "a"});
        let seen = read(&details, &items());
        assert!(!seen.observation.empty.contains(&"customer_id".to_owned()), "an id that is left out");
    }

    #[test]
    fn an_odd_item_costs_that_field_alone_and_a_keyed_list_is_a_list() {
        let keyed = json!({"0": {"id": 1, "name": "x", "quantity": "many"}, "2": {"id": 2, "name": "y", "quantity": "2.5"}});
        let seen = read(&details(), &keyed);
        assert_eq!(seen.observation.unreadable, ["/items/0/quantity"]);
        let lines = seen.observation.order.and_then(|order| order.lines).expect("lines");
        let quantities: Vec<_> = lines.iter().map(|line| line.quantity.map(|q| q.to_string())).collect();
        assert_eq!(quantities, [None, Some("2.5000".to_owned())]);
    }
}
