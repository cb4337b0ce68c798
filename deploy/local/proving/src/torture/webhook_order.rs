//! `webhook_order`: what Salla's samples of events, pages and details tell of one entity, in whatever order it arrives, merged one by one into
//! Postgres: the row is always the same, and no field that was told is lost. One run is one order of one sequence; there are 20 orders of
//! each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};
use qafila_ingest::mapping::market::Market;
use qafila_ingest::mapping::webhooks::{Envelope, Topic, observe, topic};
use qafila_ingest::mapping::{Owner, Unsealed, customers, orders, products};
use qafila_projections::oltp::OltpRole;
use qafila_projections::oltp::merge::Merger;
use qafila_schemas::contract::Contract;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Entity, Kind, Source};
use qafila_schemas::records::observation::Observation;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};
use sqlx::PgPool;

use super::RunOutcome;
use crate::samples::sample;
use crate::world::World;

/// Orders of arrival of each sequence.
pub const ORDERS_OF_ARRIVAL: u64 = 20;
/// Sequences of a whole run of the scenario.
pub const SEQUENCES: u64 = 2_000;
const WINDOW: Duration = Duration::from_secs(900);
const MINUTE: i64 = 60_000;
/// 2026-11-01, when sequences begin.
const EPOCH: i64 = 1_793_491_200_000;
const STORE: i64 = 1_305_146_709;

/// Where the runs happen.
pub struct WebhookOrder {
    world: World,
    merger: Merger,
    pool: PgPool,
    merchant: MerchantId,
    connections: [ConnectionId; 2],
    /// The sequence that was merged last, and what is wrong with each of its orders.
    merged: Option<(u64, Vec<Option<String>>)>,
}

impl WebhookOrder {
    /// Makes a world whose Qafila is not started: the merge is called by itself.
    pub async fn prepare() -> Result<Self> {
        let world = World::make("torture_order").await?;
        let pool = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let role = OltpRole {
            pool: pool.clone(),
            contract: Contract::new(world.kafka()?, world.registry()?),
            slot: "torture".into(),
            list_cache_window: WINDOW,
        };
        let merger = Merger::new(&role).await?;
        let connections = [ConnectionId::generate(), ConnectionId::generate()];
        Ok(Self { world, merger, pool, merchant: MerchantId::generate(), connections, merged: None })
    }

    /// The run of `seed`: one order of arrival of one sequence. All orders of a sequence are merged side by side.
    pub async fn run(&mut self, seed: u64) -> Result<RunOutcome> {
        let (sequence, order) = (seed / ORDERS_OF_ARRIVAL, seed % ORDERS_OF_ARRIVAL);
        if self.merged.as_ref().is_none_or(|(merged, _)| *merged != sequence) {
            self.merged = Some((sequence, self.merge(sequence).await?));
        }
        let (_, faults) = self.merged.as_ref().context("just merged")?;
        let fault = faults.get(usize::try_from(order)?).cloned().flatten();
        if let Some(fault) = &fault {
            println!("  seed {seed}: {fault}");
        }
        Ok(RunOutcome { wrong: fault.is_some(), ..RunOutcome::default() })
    }

    async fn merge(&self, sequence: u64) -> Result<Vec<Option<String>>> {
        let mut dice = ChaCha8Rng::seed_from_u64(sequence);
        let entity = [Entity::Order, Entity::Customer, Entity::Product, Entity::Cart];
        let entity = entity.choose(&mut dice).context("four of them")?.clone();
        let count = dice.random_range(3..=9);
        let first_id = i64::try_from(sequence * ORDERS_OF_ARRIVAL)? + 1;
        // Each order of arrival has an entity of its own; what is told of it is the same.
        let told: Vec<Vec<Observation>> = (0..ORDERS_OF_ARRIVAL as i64)
            .map(|order| {
                let mut same = dice.clone();
                self.told(&entity, first_id + order, count, &mut same)
            })
            .collect::<Result<_>>()?;
        let length = told[0].len();
        let mut arrivals: Vec<Vec<usize>> = Vec::new();
        for order in 0..ORDERS_OF_ARRIVAL {
            let mut places: Vec<usize> = (0..length).collect();
            if order > 0 {
                places.shuffle(&mut dice);
            }
            // Some come again.
            places.extend((0..dice.random_range(0..3)).map(|_| dice.random_range(0..length)));
            arrivals.push(places);
        }
        for step in 0..arrivals.iter().map(Vec::len).max().unwrap_or_default() {
            let due = arrivals.iter().zip(&told);
            let due = due.filter_map(|(places, told)| Some(told[*places.get(step)?].clone()));
            self.merger.merge(due).await?;
        }
        let mut faults = Vec::new();
        let mut expected: Option<Value> = None;
        for order in 0..ORDERS_OF_ARRIVAL as i64 {
            let row = self.row(&entity, first_id + order).await?;
            let expected = expected.get_or_insert_with(|| row.clone());
            let told = &told[usize::try_from(order)?];
            faults.push(difference(expected, &row).or_else(|| lost(told, &row)));
        }
        Ok(faults)
    }

    /// What is told of the entity `id`, in the order in which it happened.
    fn told(
        &self,
        entity: &Entity,
        id: i64,
        count: usize,
        dice: &mut ChaCha8Rng,
    ) -> Result<Vec<Observation>> {
        let mut told = Vec::new();
        for _ in 0..count {
            // Steps of five minutes make instants meet, in one second and within the cache window.
            let at = Millis(EPOCH + dice.random_range(0..24) * 5 * MINUTE);
            let connection = self.connections[usize::from(at.0 > EPOCH + 60 * MINUTE)];
            let owner = Owner {
                merchant_id: self.merchant,
                connection_id: connection,
                store_id: STORE,
                market: Market::default(),
            };
            told.extend(one(entity, owner, id, at, dice)?.into_iter().map(Unsealed::into_clear));
        }
        Ok(told)
    }

    async fn row(&self, entity: &Entity, id: i64) -> Result<Value> {
        let (table, column) = match entity {
            Entity::Order => ("orders", "order_id"),
            Entity::Customer => ("customers", "customer_id"),
            Entity::Product => ("products", "product_id"),
            _ => ("carts", "cart_id"),
        };
        let row: Option<String> = sqlx::query_scalar(&format!(
            "SELECT (to_jsonb(r) - '{column}' - 'revision')::text FROM {table} r WHERE merchant_id = $1 AND {column} = $2"
        ))
        .bind(self.merchant.0)
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map_or(Ok(Value::Null), |row| serde_json::from_str(&row))?)
    }

    /// Removes the world.
    pub async fn finish(self) -> Result<()> {
        self.pool.close().await;
        self.world.remove().await
    }
}

/// One thing that is told: an event, a page, details, that it is gone, or news.
fn one(entity: &Entity, owner: Owner, id: i64, at: Millis, dice: &mut ChaCha8Rng) -> Result<Vec<Unsealed>> {
    let details = owner.provenance(Source::Details, at);
    let list = owner.provenance(Source::List, at.minus(WINDOW.as_millis() as i64));
    if *entity != Entity::Cart && dice.random_bool(0.1) {
        let kind = if dice.random_bool(0.5) { Kind::Deleted } else { Kind::Stale };
        return Ok(vec![Unsealed::of_kind(&details, entity.clone(), id, kind)]);
    }
    let webhooks: &[&str] = match entity {
        Entity::Order => {
            &["order.created", "order.updated.derived", "order.status.updated", "order.shipment.cancelled"]
        }
        Entity::Customer => &["customer.created.derived", "customer.login"],
        Entity::Product => &["product.created", "product.price.updated", "product.deleted.derived"],
        _ => &["abandoned.cart", "abandoned.cart.status.changed"],
    };
    let is_read = *entity != Entity::Cart && dice.random_bool(0.5);
    if !is_read {
        let name = webhooks.choose(dice).context("an event")?;
        let mut body = sample(&format!("webhook.{name}.json"));
        let data = if *name == "order.status.updated" { "/data/order" } else { "/data" };
        vary(body.pointer_mut(data).context("data")?, id, dice);
        body["created_at"] = json!(at.to_utc().format("%Y-%m-%dT%H:%M:%SZ").to_string());
        let envelope = Envelope::read(&body.to_string())?;
        let Topic::Entity(what) = topic(&envelope.event) else { anyhow::bail!("{name} is not used") };
        return Ok(observe(what, &envelope, owner, Millis(at.0 + 900))?);
    }
    let is_list = dice.random_bool(0.5);
    let seen = match entity {
        Entity::Order if is_list => {
            let mut row = sample("orders.list.json")["data"][0].take();
            vary(&mut row, id, dice);
            orders::from_list(&row.to_string(), &list)?
        }
        Entity::Order => {
            let mut order = sample("order.details.light.json")["data"].take();
            let mut items = sample("order.items.list.json")["data"].take();
            vary(&mut order, id, dice);
            items[0]["quantity"] = json!(dice.random_range(1..4));
            orders::whole(&order.to_string(), &items.to_string(), &details)?
        }
        Entity::Customer => {
            let mut row = sample("customers.list.json")["data"][0].take();
            vary(&mut row, id, dice);
            customers::from_row(&row.to_string(), if is_list { &list } else { &details })?
        }
        _ => {
            let mut row = sample("product.details.json")["data"].take();
            vary(&mut row, id, dice);
            products::from_row(&row.to_string(), if is_list { &list } else { &details })?
        }
    };
    Ok(vec![seen])
}

/// Gives a document the id, leaves some of its fields out, empties some, and changes others.
fn vary(document: &mut Value, id: i64, dice: &mut ChaCha8Rng) {
    let Some(fields) = document.as_object_mut() else { return };
    // In the order of names, or a seed would not say what happens.
    let names: BTreeSet<String> = fields.keys().cloned().collect();
    for name in names {
        match dice.random_range(0..20) {
            0..3 => drop(fields.remove(&name)),
            3 => drop(fields.insert(name, Value::Null)),
            4 => drop(fields.insert(name, json!([true]))),
            _ => {}
        }
    }
    let statuses = [(566_146_469, "under_review"), (1_298_199_463, "completed"), (525_144_736, "canceled")];
    if fields.get("status").is_some_and(Value::is_object) {
        let (number, slug) = statuses[dice.random_range(0..statuses.len())];
        let mut status = json!({"id": number, "slug": slug, "name": slug});
        if dice.random_bool(0.5) {
            status["customized"] = json!({"id": 1, "name": format!("own {slug}")});
        }
        fields.insert("status".into(), status);
    }
    for (name, value) in [
        ("total", json!({"amount": dice.random_range(1..5), "currency": "SAR"})),
        ("quantity", json!(dice.random_range(0..3))),
        ("city", json!(format!("city {}", dice.random_range(0..2)))),
        ("email", json!(format!("{}@example.com", dice.random_range(0..2)))),
    ] {
        if let Some(field) = fields.get_mut(name) {
            *field = value;
        }
    }
    if let Some(customer) = fields.get_mut("customer").and_then(Value::as_object_mut) {
        customer.insert("id".into(), json!(dice.random_range(0..3)));
        if dice.random_bool(0.3) {
            customer.remove("email");
        }
    }
    fields.insert("id".into(), json!(id));
}

fn difference(expected: &Value, row: &Value) -> Option<String> {
    if expected == row {
        return None;
    }
    let empty = Map::new();
    let (expected, row) = (expected.as_object().unwrap_or(&empty), row.as_object().unwrap_or(&empty));
    let names: Vec<String> = expected
        .keys()
        .chain(row.keys())
        .filter(|name| expected.get(*name) != row.get(*name))
        .map(|name| format!("{name} is {:?} and {:?}", expected.get(name), row.get(name)))
        .collect();
    Some(format!("another order ends in another row: {}", names.join(", ")))
}

/// A field that was told, of which no source says that there is none, and that the row does not have.
fn lost(told: &[Observation], row: &Value) -> Option<String> {
    let (mut known, mut emptied) = (BTreeMap::new(), Vec::new());
    for observation in told {
        emptied.extend(observation.empty.iter().cloned());
        let said = [
            serde_json::to_value(&observation.order).ok(),
            serde_json::to_value(&observation.customer).ok(),
            serde_json::to_value(&observation.product).ok(),
            serde_json::to_value(&observation.cart).ok(),
        ];
        for (name, value) in said.into_iter().flatten().filter_map(|one| one.as_object().cloned()).flatten() {
            if value == json!([]) {
                emptied.push(name.clone());
            }
            let is_told = !value.is_null() && value != json!([]) && value != json!(false);
            if is_told {
                known.insert(name, value);
            }
        }
    }
    // Whose contact it is may have changed; then it is another's. A cart's city is its customer's.
    let is_cart = told.iter().any(|observation| observation.cart.is_some());
    let contacts = ["customer_name", "customer_phone", "customer_email"];
    let is_contact = |name: &str| contacts.contains(&name) || is_cart && name == "city";
    let customer_of = |observation: &Observation| {
        let of_order = observation.order.as_ref().map(|order| order.customer_id);
        of_order.or_else(|| observation.cart.as_ref().map(|cart| cart.customer_id))
    };
    let customers: Vec<_> = told.iter().filter_map(customer_of).collect();
    let one_customer =
        customers.windows(2).all(|pair| pair[0] == pair[1]) && !emptied.iter().any(|e| e == "customer_id");
    let mut lost = known.keys().filter(|name| !emptied.contains(name));
    let is_lost = |name: &&String| {
        let value = row.get(name.as_str()).unwrap_or(&Value::Null);
        (value.is_null() || *value == json!([])) && (one_customer || !is_contact(name))
    };
    lost.find(is_lost).map(|name| format!("{name} was told and is lost"))
}
