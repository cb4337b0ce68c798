//! What of an entity is compared beside the figures of a sheet: its parts by name, as one text each. Personal fields are not among them:
//! the source has them in clear.

use std::collections::BTreeMap;

use qafila_schemas::amount::Amount;
use qafila_schemas::records::fact::{CartFact, CustomerFact, OrderFact, ProductFact};
use qafila_schemas::records::observation::{Observation, OrderLine};

/// Parts by name. One that is not here is not known, and not compared; one that is empty is known to be empty.
pub type Parts = BTreeMap<&'static str, String>;

/// The lines of an order, in their order.
pub const LINES: &str = "lines";
/// The products of the lines, as far as they were found.
pub const LINE_PRODUCTS: &str = "products of lines";

/// Parts of which all are known.
pub(super) fn known(pairs: impl IntoIterator<Item = (&'static str, Option<String>)>) -> Parts {
    pairs.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()
}

/// Parts of which those that are there are known.
fn said(pairs: impl IntoIterator<Item = (&'static str, Option<String>)>) -> Parts {
    pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// An amount as every place writes it.
pub(super) fn amount(amount: Option<Amount>) -> Option<String> {
    amount.map(|amount| amount.to_string())
}

/// One line: SKU, units, price of a unit and total.
pub(super) fn line(
    sku: Option<&str>,
    quantity: Option<Amount>,
    unit_price: Option<Amount>,
    total: Option<Amount>,
) -> String {
    let text = |value: Option<Amount>| amount(value).unwrap_or_else(|| "?".into());
    format!("{} × {} at {} = {}", sku.unwrap_or("?"), text(quantity), text(unit_price), text(total))
}

pub(super) fn lines(lines: &[OrderLine]) -> String {
    let one = |l: &OrderLine| line(l.sku.as_deref(), l.quantity, l.unit_price, l.total);
    lines.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// Products of lines, as far as they were found.
pub(super) fn line_products(products: impl IntoIterator<Item = Option<i64>>) -> String {
    let one = |product: Option<i64>| product.map_or_else(|| "?".to_owned(), |id| id.to_string());
    products.into_iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Of an order on its topic, or in Postgres.
pub(super) fn of_order(fact: &OrderFact) -> Parts {
    known([
        ("sub_total", amount(fact.sub_total)),
        ("shipping_cost", amount(fact.shipping_cost)),
        ("cash_on_delivery", amount(fact.cash_on_delivery)),
        ("tax", amount(fact.tax)),
        ("discount", amount(fact.discount)),
        ("payment_method", fact.payment_method.clone()),
        ("channel", fact.channel.clone()),
        ("customer", fact.customer_id.map(|id| id.to_string())),
        ("city", fact.city.clone()),
        ("country", fact.country_code.clone()),
        ("exchange_rate", fact.exchange_rate.clone()),
        (LINES, Some(lines(&fact.lines))),
        (LINE_PRODUCTS, Some(line_products(fact.lines.iter().map(|line| line.product_id)))),
    ])
}

/// Of a product on its topic.
pub(super) fn of_product(fact: &ProductFact) -> Parts {
    known([
        ("name", fact.name.clone()),
        ("sku", fact.sku.clone()),
        ("status", fact.status.clone()),
        ("price", amount(fact.price)),
    ])
}

/// Of a customer on its topic.
pub(super) fn of_customer(fact: &CustomerFact) -> Parts {
    known([("city", fact.city.clone()), ("country", fact.country_code.clone())])
}

/// Of a cart on its topic.
pub(super) fn of_cart(fact: &CartFact) -> Parts {
    known([
        ("status", fact.status.clone()),
        ("total", amount(fact.total)),
        ("currency", fact.currency.clone()),
        ("customer", fact.customer_id.map(|id| id.to_string())),
        ("coupon", fact.coupon_code.clone()),
    ])
}

/// What a source says of an order, a product or a customer: what it leaves out is not known.
pub fn of_source(observation: &Observation) -> Parts {
    if let Some(order) = observation.order.as_deref() {
        let whole = order.lines.as_deref().filter(|_| order.lines_complete);
        return said([
            ("sub_total", amount(order.sub_total)),
            ("shipping_cost", amount(order.shipping_cost)),
            ("cash_on_delivery", amount(order.cash_on_delivery)),
            ("tax", amount(order.tax)),
            ("discount", amount(order.discount)),
            ("payment_method", order.payment_method.clone()),
            ("channel", order.channel.clone()),
            ("customer", order.customer_id.map(|id| id.to_string())),
            ("city", order.city.clone()),
            ("country", order.country_code.clone()),
            ("exchange_rate", order.exchange_rate.clone()),
            (LINES, whole.map(lines)),
        ]);
    }
    if let Some(product) = observation.product.as_deref() {
        return said([
            ("name", product.name.clone()),
            ("sku", product.sku.clone()),
            ("status", product.status.clone()),
            ("price", amount(product.price)),
        ]);
    }
    let customer = observation.customer.as_deref();
    customer.map_or_else(Parts::new, |customer| {
        said([("city", customer.city.clone()), ("country", customer.country_code.clone())])
    })
}

/// What `ours` has otherwise than `theirs`, in words; of what both know.
pub(super) fn told(ours: &Parts, theirs: &Parts) -> Vec<String> {
    let pairs = theirs.iter().filter_map(|(name, theirs)| Some((name, ours.get(name)?, theirs)));
    pairs
        .filter(|(_, ours, theirs)| ours != theirs)
        .map(|(name, ours, theirs)| format!("{name} {ours:?} instead of {theirs:?}"))
        .collect()
}
