//! A store that never stands still: while it is read, its orders, customers and products come, change and hide, as they do in a shop that
//! is open. Each change is sent as its webhook to every subscription (FACTS §7).

use chrono::Utc;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::catalogue::STATUSES;
use crate::shapes;
use crate::store::Store;
use crate::switches::Switches;

/// How lively a store is; a chance is 0 to 1 a call of the merchant API.
#[derive(Debug, Clone, Copy)]
pub struct Lively {
    /// Before an answer of a list.
    pub in_lists: f64,
    /// Before any other answer.
    pub in_others: f64,
}

/// An event that a change makes.
pub type Event = (&'static str, Value);

impl Lively {
    /// Changes the store before a call of `path` is answered, or does not; says what webhooks tell of it.
    pub fn stir(
        self,
        store: &mut Store,
        path: &str,
        dice: &mut ChaCha8Rng,
        switches: &Switches,
    ) -> Option<Event> {
        let is_list = matches!(path, "/orders" | "/customers" | "/products");
        let chance = if is_list { self.in_lists } else { self.in_others };
        if !dice.random_bool(chance) {
            return None;
        }
        let (event, data, extra) = match dice.random_range(0..10) {
            0 | 1 => order(store, "order.created", |store, _| Some(store.place_order(Utc::now()).id), dice)?,
            2 => order(store, "order.updated", draft, dice)?,
            3 => order(store, "order.updated", publish, dice)?,
            4 | 5 => return status(store, dice, switches),
            6 => customer(store, "customer.created", dice),
            7 => customer(store, "customer.updated", dice),
            8 => product(store, "product.created", dice),
            _ => product(store, "product.updated", dice),
        };
        Some((event, shapes::webhook(event, store.id, Utc::now(), data, extra, switches)))
    }
}

/// A kind of event, its data, and what stands beside them.
type Told = (&'static str, Value, Option<(&'static str, Value)>);

fn order(
    store: &mut Store,
    event: &'static str,
    change: impl Fn(&mut Store, &mut ChaCha8Rng) -> Option<u64>,
    dice: &mut ChaCha8Rng,
) -> Option<Told> {
    let id = change(store, dice)?;
    let changed = store.order(id)?;
    let (mut data, branch) = shapes::order_webhook(store, changed);
    data["draft"] = json!(changed.is_draft);
    Some((event, data, Some(("pickup_branch", branch))))
}

/// Makes a draft of an order: it is there, and no list shows it any more.
fn draft(store: &mut Store, dice: &mut ChaCha8Rng) -> Option<u64> {
    set_draft(store, true, dice)
}

/// Publishes a draft.
fn publish(store: &mut Store, dice: &mut ChaCha8Rng) -> Option<u64> {
    set_draft(store, false, dice)
}

fn set_draft(store: &mut Store, to: bool, dice: &mut ChaCha8Rng) -> Option<u64> {
    let fitting: Vec<usize> =
        (0..store.orders.len()).filter(|index| store.orders[*index].is_draft != to).collect();
    let index = *fitting.get(dice.random_range(0..fitting.len().max(1)))?;
    let order = &mut store.orders[index];
    (order.is_draft, order.updated_at) = (to, Utc::now());
    Some(order.id)
}

fn status(store: &mut Store, dice: &mut ChaCha8Rng, switches: &Switches) -> Option<Event> {
    let id = store.orders.get(dice.random_range(0..store.orders.len().max(1)))?.id;
    let slug = STATUSES[dice.random_range(0..STATUSES.len())].1;
    let now = Utc::now();
    store.set_status(id, slug, now)?;
    let data = shapes::status_webhook(store, store.order(id)?);
    let event = "order.status.updated";
    Some((event, shapes::webhook(event, store.id, now, data, None, switches)))
}

fn customer(store: &mut Store, event: &'static str, dice: &mut ChaCha8Rng) -> Told {
    let now = Utc::now();
    let mut index = dice.random_range(0..store.customers.len());
    if event == "customer.created" {
        index = store.customers.len();
        store.add_customer(now);
    }
    let changed = &mut store.customers[index];
    changed.updated_at = now;
    (event, shapes::customer_webhook(changed), None)
}

fn product(store: &mut Store, event: &'static str, dice: &mut ChaCha8Rng) -> Told {
    let now = Utc::now();
    let mut index = dice.random_range(0..store.products.len());
    if event == "product.created" {
        index = store.products.len();
        store.add_product(now);
    }
    let changed = &mut store.products[index];
    if event == "product.updated" {
        changed.status = if changed.status == "hidden" { "sale" } else { "hidden" };
    }
    changed.updated_at = now;
    (event, shapes::product_webhook(changed), None)
}
