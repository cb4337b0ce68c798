//! Rows of `GET /orders` (FACTS §4.1): thin, without items' ids and prices, without update time.

use qafila_schemas::amount::Amount;
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::Entity;
use qafila_schemas::records::observation::{
    OrderAmounts, OrderHeader, OrderItems, OrderLine, OrderObservation, OrderStatus,
};
use qafila_schemas::sealed::Subject;
use serde::Deserialize;

use super::values::{Money, Number, PhpDate, currency, id, lenient, optional_id, optional_text};
use super::{Provenance, Unmappable, Unsealed, observation, read};

#[derive(Deserialize)]
struct Row {
    #[serde(deserialize_with = "id")]
    id: i64,
    #[serde(default, deserialize_with = "optional_id")]
    reference_id: Option<i64>,
    total: Money,
    #[serde(default)]
    date: Option<PhpDate>,
    status: Status,
    #[serde(default, deserialize_with = "optional_text")]
    payment_method: Option<String>,
    #[serde(default)]
    is_pending_payment: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    items: Option<Vec<Item>>,
}

#[derive(Deserialize)]
pub(super) struct Status {
    #[serde(default, deserialize_with = "optional_id")]
    pub(super) id: Option<i64>,
    pub(super) slug: String,
    #[serde(default, deserialize_with = "optional_text")]
    pub(super) name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) customized: Option<Customized>,
}

#[derive(Deserialize)]
pub(super) struct Customized {
    #[serde(default, deserialize_with = "optional_text")]
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    name: String,
    quantity: Number,
}

/// When a row says that its order was placed, for telling slices apart; nothing where it does not map.
pub fn created_at(row: &str) -> Option<Millis> {
    #[derive(Deserialize)]
    struct Dated {
        date: PhpDate,
    }
    serde_json::from_str::<Dated>(row).ok().map(|dated| dated.date.0)
}

/// Maps one row of the list.
pub fn from_list(row: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    let row: Row = read(row)?;
    let lines = row
        .items
        .map(|items| OrderItems { complete: false, lines: items.into_iter().map(thin_line).collect() });
    let order = OrderObservation {
        reference_id: row.reference_id,
        created_at: row.date.map(|date| date.0),
        header: row.payment_method.map(|payment_method| OrderHeader { payment_method }),
        status: Some(OrderStatus {
            status_id: row.status.id,
            slug: row.status.slug,
            name: row.status.name,
            custom_name: row.status.customized.and_then(|custom| custom.name),
            is_pending_payment: row.is_pending_payment,
        }),
        amounts: Some(OrderAmounts { total: row.total.amount.0, currency: currency(&row.total.currency) }),
        breakdown: None,
        details: None,
        items: lines,
    };
    let mut seen = observation(provenance, Entity::Order, row.id);
    seen.order = Some(Box::new(order));
    Ok(Unsealed { observation: seen, subject: Some(Subject::Order(row.id)) })
}

fn thin_line(item: Item) -> OrderLine {
    let none: Option<Amount> = None;
    OrderLine {
        line_id: None,
        product_id: None,
        name: item.name,
        sku: None,
        quantity: item.quantity.0,
        unit_price: none,
        discount: none,
        tax: none,
        total: none,
        options: None,
    }
}
