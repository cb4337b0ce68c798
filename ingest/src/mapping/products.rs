//! Rows of `GET /products` and `/products/{id}` (FACTS §4.5).

use qafila_schemas::amount::Amount;
use qafila_schemas::open_set::Entity;
use qafila_schemas::records::observation::{ProductCore, ProductObservation};
use serde::Deserialize;

use super::values::{Money, Number, PhpDate, currency, id, lenient, optional_id, optional_text};
use super::{Provenance, Unmappable, Unsealed, observation, read};

#[derive(Deserialize)]
struct Row {
    #[serde(deserialize_with = "id")]
    id: i64,
    name: String,
    #[serde(default, deserialize_with = "optional_text")]
    sku: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "optional_text")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    price: Option<Money>,
    #[serde(default, deserialize_with = "lenient")]
    regular_price: Option<Money>,
    #[serde(default, deserialize_with = "lenient")]
    sale_price: Option<Money>,
    #[serde(default, deserialize_with = "lenient")]
    cost_price: Option<Number>,
    #[serde(default, deserialize_with = "optional_id")]
    quantity: Option<i64>,
    #[serde(default)]
    unlimited_quantity: Option<bool>,
    #[serde(default)]
    is_available: Option<bool>,
    #[serde(default, deserialize_with = "optional_id")]
    sold_quantity: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    brand: Option<Named>,
    #[serde(default, deserialize_with = "lenient")]
    categories: Option<Vec<Named>>,
    #[serde(default)]
    updated_at: Option<PhpDate>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Maps one product.
pub fn from_row(row: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    let row: Row = read(row)?;
    let code = row.price.as_ref().or(row.regular_price.as_ref()).map(|price| currency(&price.currency));
    let amount = |money: Option<Money>| money.map(|money| money.amount.0);
    let core = ProductCore {
        name: row.name,
        sku: row.sku,
        kind: row.kind,
        status: row.status,
        price: amount(row.price),
        regular_price: amount(row.regular_price),
        // Salla writes 0 where there is no sale.
        sale_price: amount(row.sale_price).filter(|price| *price != Amount::ZERO),
        cost_price: row.cost_price.map(|cost| cost.0),
        currency: code,
        quantity: row.quantity.filter(|_| row.unlimited_quantity != Some(true)),
        unlimited_quantity: row.unlimited_quantity,
        is_available: row.is_available,
        sold_quantity: row.sold_quantity,
        brand: row.brand.map(|brand| brand.name),
        categories: row.categories.unwrap_or_default().into_iter().map(|category| category.name).collect(),
        salla_updated_at: row.updated_at.map(|date| date.0),
    };
    let mut seen = observation(provenance, Entity::Product, row.id);
    seen.product = Some(Box::new(ProductObservation { created_at: None, core: Some(core) }));
    Ok(Unsealed { observation: seen, subject: None })
}
