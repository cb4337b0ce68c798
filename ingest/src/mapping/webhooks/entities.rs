//! Events of orders, products and customers: the same models as in answers of the API, and parts of them.

use qafila_schemas::open_set::{Entity, Kind};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::values::id;
use super::super::{Provenance, Unmappable, Unsealed, customers, order_details, products, read};

/// Names an entity, whatever else is there.
#[derive(Deserialize)]
struct Named {
    #[serde(deserialize_with = "id")]
    id: i64,
}

/// What `map` makes of it, or else that the entity changed.
fn or_stale(
    data: &str,
    provenance: &Provenance,
    entity: Entity,
    map: impl FnOnce() -> Option<Unsealed>,
) -> Result<Unsealed, Unmappable> {
    let named: Named = read(data)?;
    Ok(map().unwrap_or_else(|| Unsealed::of_kind(provenance, entity, named.id, Kind::Stale)))
}

fn deleted(data: &str, provenance: &Provenance, entity: Entity) -> Result<Unsealed, Unmappable> {
    let named: Named = read(data)?;
    Ok(Unsealed::of_kind(provenance, entity, named.id, Kind::Deleted))
}

/// An order, whole where its items are.
pub(super) fn order(data: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    or_stale(data, provenance, Entity::Order, || {
        let items = order_details::items_within(data)?;
        order_details::whole(data, items.get(), provenance).ok()
    })
}

/// The id of `order.status.updated` is that of an entry of the history; the order is inside (FACTS §8).
pub(super) fn order_of_history(data: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    #[derive(Deserialize)]
    struct Entry {
        order: Box<RawValue>,
    }
    let entry: Entry = read(data)?;
    order(entry.order.get(), provenance)
        .map_err(|error| Unmappable { path: format!("/order{}", error.path), ..error })
}

pub(super) fn order_deleted(data: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    deleted(data, provenance, Entity::Order)
}

pub(super) fn product(data: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    or_stale(data, provenance, Entity::Product, || products::from_row(data, provenance).ok())
}

/// Only id, SKU and the part that changed, in a model of its own (FACTS §8): the product is fetched.
pub(super) fn product_part(data: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    or_stale(data, provenance, Entity::Product, || None)
}

pub(super) fn product_deleted(data: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    deleted(data, provenance, Entity::Product)
}

pub(super) fn customer(data: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    or_stale(data, provenance, Entity::Customer, || {
        customers::from_row(data, provenance).ok().filter(customers::names_somebody)
    })
}
