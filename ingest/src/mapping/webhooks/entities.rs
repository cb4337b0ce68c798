//! Events of orders, products and customers: the same models as in answers of the API, and parts of them.

use qafila_schemas::open_set::{Entity, Kind};
use qafila_schemas::records::observation::Observation;

use super::super::{Document, Provenance, Unmappable, Unsealed, customers, document_id, orders, products};
use crate::salla::shapes::reading::{Notes, Said};

/// What an event tells of an entity, and whether it is to be fetched, too.
pub(super) struct Told {
    pub(super) seen: Unsealed,
    pub(super) is_part: bool,
}

fn of_kind(data: &str, provenance: &Provenance, entity: Entity, kind: Kind) -> Result<Told, Unmappable> {
    let document = Document::read(data);
    let notes = Notes::default();
    let id = document_id(&document.object(&notes)?)?;
    Ok(Told { seen: Unsealed::of_kind(provenance, entity, id, kind), is_part: true })
}

/// An order; a part of one where its items are not all there, or something of it cannot be read. A draft is fetched, too: no list shows it any
/// more, and whoever counts orders at this moment asks for what there was news of.
pub(super) fn order(data: &str, provenance: &Provenance) -> Result<Told, Unmappable> {
    let seen = orders::within(data, provenance)?;
    let order = seen.observation.order.as_ref();
    let is_part = order.is_none_or(|order| order.lines.is_none() || order.total.is_none())
        || !seen.observation.unreadable.is_empty()
        || is_of_somebody_unnamed(&seen.observation)
        || seen.is_draft == Some(true);
    Ok(Told { seen, is_part })
}

/// A customer's contact without the customer's id: whose it is, only a read tells.
fn is_of_somebody_unnamed(observation: &Observation) -> bool {
    let says_nobody = observation.empty.iter().any(|name| name == "customer_id");
    observation.order.as_ref().is_some_and(|order| {
        let contact = order.customer_name.as_ref().or(order.customer_phone.as_ref());
        !says_nobody && order.customer_id.is_none() && contact.or(order.customer_email.as_ref()).is_some()
    })
}

/// The id of `order.status.updated` is that of an entry of the history; the order is inside (FACTS §8).
pub(super) fn order_of_history(data: &str, provenance: &Provenance) -> Result<Told, Unmappable> {
    let document = Document::read(data);
    let notes = Notes::default();
    let entry = document.object(&notes)?;
    let Some(order_within) = entry.raw("order").filter(|_| matches!(entry.object("order"), Said::Value(_)))
    else {
        return Err(Unmappable {
            path: "/order".into(),
            reason: "no order in an entry of its history".into(),
        });
    };
    order(order_within, provenance)
        .map_err(|error| Unmappable { path: format!("/order{}", error.path), ..error })
}

pub(super) fn order_deleted(data: &str, provenance: &Provenance) -> Result<Told, Unmappable> {
    of_kind(data, provenance, Entity::Order, Kind::Deleted)
}

/// A product; a part of one where it has no name.
pub(super) fn product(data: &str, provenance: &Provenance) -> Result<Told, Unmappable> {
    let seen = products::from_row(data, provenance)?;
    let is_part = seen.observation.product.as_ref().is_none_or(|product| product.name.is_none())
        || !seen.observation.unreadable.is_empty();
    Ok(Told { seen, is_part })
}

/// Only id, SKU and the part that changed, in a model of its own (FACTS §8): the product is fetched.
pub(super) fn product_part(data: &str, provenance: &Provenance) -> Result<Told, Unmappable> {
    of_kind(data, provenance, Entity::Product, Kind::Stale)
}

pub(super) fn product_deleted(data: &str, provenance: &Provenance) -> Result<Told, Unmappable> {
    of_kind(data, provenance, Entity::Product, Kind::Deleted)
}

/// A customer; a part of one that names nobody.
pub(super) fn customer(data: &str, provenance: &Provenance) -> Result<Told, Unmappable> {
    let seen = customers::from_row(data, provenance)?;
    let is_part = !customers::names_somebody(&seen) || !seen.observation.unreadable.is_empty();
    Ok(Told { seen, is_part })
}
