//! The merge: observations → rows in Postgres → facts on Kafka (ARCHITECTURE §5). This is what stands in for CDC.
//!
//! Two stages overlap: while one batch's facts are published, the next one is merged. A batch is merged in
//! transactions side by side; then the present rows of every key in it are published, changed or not, because a crash may have
//! come between. Whatever fails, the reader goes back to the committed offsets, and merging again changes nothing.

pub mod cart;
pub mod compare;
pub mod contacts;
pub mod customer;
pub mod fields;
pub mod ledger;
pub mod lines;
pub mod order;
pub mod product;
pub mod publish;
pub mod register;
pub mod resolution;
pub mod row;
pub mod table;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use qafila_aggregates::wake::{STALE, Wake};
use qafila_schemas::catalogue::OBSERVATIONS;
use qafila_schemas::codec::{Decoder, Encoder, split_header};
use qafila_schemas::contract::Contract;
use qafila_schemas::dead_letter::{Cause, DeadLetter, DeadLetters};
use qafila_schemas::headers::{self, CloudEvent};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::Entity;
use qafila_schemas::reader::{
    Assignment, Batch, Decode, Decoded, Item, OffsetKeeper, Reader, ReaderConfig, undecodable,
};
use qafila_schemas::records::observation::Observation;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use sqlx::{PgConnection, PgPool};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{A_BATCH_TAKES, OltpRole, ProjectionError};
use cart::Cart;
use customer::Customer;
use order::Order;
use product::Product;
use publish::{FactProducer, FactRecord};
use register::Rules;
use row::{Key, MergedRow, key_of};

/// Consumer group.
pub const GROUP: &str = "qafila-merge";
const BATCH_RECORDS: usize = 5_000;
/// Transactions a batch is merged in, side by side.
const PARTS: usize = 2;
const PAUSE: Duration = Duration::from_millis(300);

/// Runs until `shutdown`.
pub async fn run(role: OltpRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    let merger = Arc::new(Merger::new(&role).await?);
    let wake = Wake::start(role.pool.clone(), STALE, shutdown.clone());
    let config = ReaderConfig {
        group: GROUP.into(),
        slot: role.slot.clone(),
        topics: vec![OBSERVATIONS.name.into()],
        max_records: BATCH_RECORDS,
        max_bytes: 16 << 20,
        // Each batch is a Kafka transaction, whose cost is the same for one record and for thousands.
        max_age: Duration::from_millis(80),
        fetch_min_bytes: 1,
        offsets: OffsetKeeper::Broker,
    };
    let decode = DecodeObservations(role.contract.registry.decoder()?);
    let mut reader = Reader::start(&role.contract.kafka, &role.contract.registry, config, decode)?;
    let assignment = reader.assignment().clone();
    let (merged, publisher) = start_publisher(&role, Arc::clone(&merger), assignment.clone());
    let dead_letters = DeadLetters::new(role.contract.writer()?, "merge");
    let mut careful = false;
    let ended = loop {
        let mut batch = tokio::select! {
            batch = reader.next() => match batch { Ok(batch) => batch, Err(error) => break Err(error.into()) },
            () = shutdown.cancelled() => break Ok(()),
        };
        let items = std::mem::take(&mut batch.items);
        let is_careful = std::mem::take(&mut careful);
        let merging = tokio::time::timeout(A_BATCH_TAKES, async {
            if is_careful {
                merger.merge_one_by_one(items, &mut batch.bad).await
            } else {
                merger.merge(items.into_iter().map(|item| item.value)).await
            }
        });
        let merging = merging.await.unwrap_or(Err(ProjectionError::TooSlow));
        let outcome = match merging {
            Ok(rows) => {
                wake.after_commit_of(rows.stale_stores());
                dead_letters.write(std::mem::take(&mut batch.bad)).await.map(|()| rows).map_err(Into::into)
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(rows) => {
                if merged.send(MergedBatch { batch, rows }).await.is_err() {
                    break Err(ProjectionError::PublisherEnded);
                }
            }
            Err(error) => {
                metrics::counter!("qafila_projection_failures_total", "projection" => "merge").increment(1);
                tracing::warn!(event = "merge interrupted", error = %error);
                // Postgres refuses a value: the next try finds out which record holds it.
                careful = error.is_data_error();
                if !careful {
                    // What is too much for a slow database at once may be done in parts.
                    assignment.halve_batches();
                }
                assignment.rewind();
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    drop(merged);
    // The thread ends once its channel is closed.
    match tokio::task::spawn_blocking(move || publisher.join()).await {
        Ok(Ok(())) => ended,
        Ok(Err(_)) | Err(_) => Err(ProjectionError::PublisherEnded),
    }
}

/// A batch whose rows are durable and whose facts are to be published.
struct MergedBatch {
    batch: Batch<Observation>,
    rows: Rows,
}

/// The second stage, on a thread of its own because Kafka's transaction calls block.
fn start_publisher(
    role: &OltpRole,
    merger: Arc<Merger>,
    assignment: Assignment,
) -> (mpsc::Sender<MergedBatch>, std::thread::JoinHandle<()>) {
    let (sender, mut receiver) = mpsc::channel::<MergedBatch>(1);
    let kafka = role.contract.kafka.clone();
    let transactional_id = format!("{}-{}", kafka.topic(GROUP), role.slot);
    let thread = std::thread::spawn(move || {
        let mut producer: Option<FactProducer> = None;
        while let Some(merged) = receiver.blocking_recv() {
            if !assignment.is_current(&merged.batch) {
                continue;
            }
            let ready = producer.take().map_or_else(|| FactProducer::start(&kafka, &transactional_id), Ok);
            let published = ready.map_err(ProjectionError::from).and_then(|ready| {
                publish(&merger, &ready, merged)?;
                Ok(ready)
            });
            match published {
                Ok(ready) => {
                    producer = Some(ready);
                    assignment.finished_batch();
                }
                Err(error) => {
                    if error.is_too_slow() {
                        assignment.halve_batches();
                    }
                    metrics::counter!("qafila_projection_failures_total", "projection" => "facts")
                        .increment(1);
                    tracing::warn!(event = "facts not published", error = %error);
                    assignment.rewind();
                    std::thread::park_timeout(PAUSE);
                }
            }
        }
    });
    (sender, thread)
}

fn publish(merger: &Merger, producer: &FactProducer, merged: MergedBatch) -> Result<(), ProjectionError> {
    let MergedBatch { batch, rows } = merged;
    let Some(group) = &batch.group else {
        let reason = "no group metadata when the batch was polled".into();
        return Err(KafkaError::Subscription(reason).into());
    };
    let facts = merger.facts(rows)?;
    let count = facts.len() as u64;
    producer.publish(facts, &batch.next_offsets(), group)?;
    metrics::counter!("qafila_facts_published_total").increment(count);
    Ok(())
}

/// Merges batches into Postgres and turns rows into facts.
pub struct Merger {
    pool: PgPool,
    rules: Rules,
    observations_topic: String,
    observations: Encoder<Observation>,
    orders: FactTopic<Order>,
    customers: FactTopic<Customer>,
    products: FactTopic<Product>,
    carts: FactTopic<Cart>,
}

impl Merger {
    /// Registers the schemas of the facts.
    pub async fn new(role: &OltpRole) -> Result<Self, ProjectionError> {
        let window = i64::try_from(role.list_cache_window.as_millis()).unwrap_or(i64::MAX);
        Ok(Self {
            pool: role.pool.clone(),
            rules: Rules { list_cache_window_ms: window },
            observations_topic: role.contract.kafka.topic(OBSERVATIONS.name),
            observations: role.contract.encoder(&OBSERVATIONS).await?,
            orders: FactTopic::new(&role.contract).await?,
            customers: FactTopic::new(&role.contract).await?,
            products: FactTopic::new(&role.contract).await?,
            carts: FactTopic::new(&role.contract).await?,
        })
    }

    /// Merges observations and returns the rows of every key among them.
    ///
    /// A batch is merged in [`PARTS`] transactions side by side, each with keys of its own: while Postgres works on
    /// one, we work on the other. Rows are whole either way, and what a failure leaves merged is merged again with
    /// the batch, because its offsets move only with its facts.
    pub async fn merge(
        &self,
        observations: impl Iterator<Item = Observation>,
    ) -> Result<Rows, ProjectionError> {
        let mut parts: [Part; PARTS] = Default::default();
        for observation in observations {
            parts[part_of(observation.salla_id)].take(observation);
        }
        let mut rows = Rows::default();
        for merged in join_all(parts.into_iter().map(|part| self.merge_part(part))).await {
            rows.append(merged?);
        }
        Ok(rows)
    }

    async fn merge_part(&self, part: Part) -> Result<Rows, ProjectionError> {
        if part.is_empty() {
            return Ok(Rows::default());
        }
        let mut transaction = self.pool.begin().await?;
        // Products first: lines of orders are looked up among them.
        let products = merge_rows(&mut transaction, part.products, self.rules).await?;
        resolution::name_products(&mut transaction, &products).await?;
        let rows = Rows {
            orders: merge_rows(&mut transaction, part.orders, self.rules).await?,
            customers: merge_rows(&mut transaction, part.customers, self.rules).await?,
            products,
            carts: merge_rows(&mut transaction, part.carts, self.rules).await?,
        };
        resolution::await_products(&mut transaction, &rows.orders).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    /// Merges each observation in a transaction of its own, so that one that Postgres refuses is set aside among
    /// `bad` and the others go on.
    async fn merge_one_by_one(
        &self,
        items: Vec<Item<Observation>>,
        bad: &mut Vec<DeadLetter>,
    ) -> Result<Rows, ProjectionError> {
        let mut rows = Rows::default();
        for item in items {
            match self.merge(std::iter::once(item.value.clone())).await {
                Ok(more) => rows.append(more),
                Err(error) if error.is_data_error() => bad.push(self.refused(&item, &error)?),
                Err(error) => return Err(error),
            }
        }
        Ok(rows)
    }

    fn refused(
        &self,
        item: &Item<Observation>,
        error: &ProjectionError,
    ) -> Result<DeadLetter, ProjectionError> {
        let observation = &item.value;
        let key = format!("{}:{}:{}", observation.merchant_id, observation.entity, observation.salla_id);
        Ok(DeadLetter {
            topic: self.observations_topic.clone(),
            position: Some(item.placed),
            key: Some(key.into_bytes()),
            value: Some(self.observations.encode_to_vec(observation)?),
            headers: None,
            cause: Cause {
                code: "unmergeable",
                detail: error.to_string(),
                path: None,
                merchant: Some(observation.merchant_id.to_string()),
            },
        })
    }

    /// The facts of merged rows.
    pub fn facts(&self, rows: Rows) -> Result<Vec<FactRecord>, ProjectionError> {
        let mut facts = Vec::with_capacity(rows.len());
        self.orders.records(rows.orders, self.rules, &mut facts)?;
        self.customers.records(rows.customers, self.rules, &mut facts)?;
        self.products.records(rows.products, self.rules, &mut facts)?;
        self.carts.records(rows.carts, self.rules, &mut facts)?;
        Ok(facts)
    }
}

/// Merged rows of a batch.
#[derive(Default)]
pub struct Rows {
    orders: Vec<Order>,
    customers: Vec<Customer>,
    products: Vec<Product>,
    carts: Vec<Cart>,
}

impl Rows {
    /// Adds rows of later observations; of a key that comes again the later row is published last.
    fn append(&mut self, more: Self) {
        self.orders.extend(more.orders);
        self.customers.extend(more.customers);
        self.products.extend(more.products);
        self.carts.extend(more.carts);
    }

    /// Stores with rows that have to be read.
    fn stale_stores(&self) -> BTreeSet<i64> {
        let orders = self.orders.iter().map(MergedRow::base);
        let all = orders.chain(self.customers.iter().map(MergedRow::base));
        let all = all.chain(self.products.iter().map(MergedRow::base));
        all.filter(|base| base.is_stale()).map(|base| base.key.1).collect()
    }

    fn len(&self) -> usize {
        self.orders.len() + self.customers.len() + self.products.len() + self.carts.len()
    }
}

/// Observations by key, each key's in the order of arrival.
type Grouped = HashMap<Key, Vec<Observation>>;

/// The observations of a batch that one transaction merges.
#[derive(Default)]
struct Part {
    orders: Grouped,
    customers: Grouped,
    products: Grouped,
    carts: Grouped,
}

impl Part {
    fn take(&mut self, observation: Observation) {
        let grouped = match observation.entity {
            Entity::Order => &mut self.orders,
            Entity::Customer => &mut self.customers,
            Entity::Product => &mut self.products,
            Entity::Cart => &mut self.carts,
            // An entity of a later version is not ours.
            Entity::Other(_) => return,
        };
        grouped.entry(key_of(&observation)).or_default().push(observation);
    }

    fn is_empty(&self) -> bool {
        let all = [&self.orders, &self.customers, &self.products, &self.carts];
        all.into_iter().all(HashMap::is_empty)
    }
}

/// The part that merges a row: all observations of a row are in one.
fn part_of(salla_id: i64) -> usize {
    salla_id.rem_euclid(PARTS as i64) as usize
}

/// Folds, stores what changed under new revisions, and returns the rows of all keys. Fails where a row was changed
/// by somebody else meanwhile: then the batch is read and merged again.
async fn merge_rows<R: MergedRow>(
    connection: &mut PgConnection,
    grouped: Grouped,
    rules: Rules,
) -> Result<Vec<R>, ProjectionError> {
    if grouped.is_empty() {
        return Ok(vec![]);
    }
    let keys: Vec<Key> = grouped.keys().copied().collect();
    let mut known: HashMap<Key, R> = table::load(connection, &keys).await?;
    let mut folded = Vec::with_capacity(keys.len());
    for (key, observations) in grouped {
        let Some(mut row) = known.remove(&key).or_else(|| observations.first().map(R::new_for)) else {
            continue;
        };
        let previous = row.base().revision;
        let mut differs = false;
        for observation in observations {
            differs |= row.fold(observation, rules);
        }
        folded.push((row, previous, differs));
    }
    let products = resolution::products_of(connection, folded.iter().map(|(row, _, _)| row)).await?;
    let mut rows = Vec::with_capacity(folded.len());
    let mut changed = Vec::new();
    for (mut row, previous, mut differs) in folded {
        let (merchant, store, _) = row.base().key;
        differs |= row.resolve(&|sku| products.get(&(merchant, store, sku.to_owned())).copied());
        if differs {
            row.remember(rules);
            changed.push((rows.len(), previous));
        } else if previous == 0 {
            // A request to publish a row that does not exist makes none.
            continue;
        }
        rows.push(row);
    }
    let revisions: Vec<i64> =
        sqlx::query_scalar("SELECT nextval('fact_revision') FROM generate_series(1, $1)")
            .bind(changed.len() as i64)
            .fetch_all(&mut *connection)
            .await?;
    for ((index, _), revision) in changed.iter().zip(revisions) {
        rows[*index].base_mut().revision = revision;
    }
    let to_store: Vec<(i64, &R)> =
        changed.iter().map(|(index, previous)| (*previous, &rows[*index])).collect();
    if table::store(connection, &to_store).await? { Ok(rows) } else { Err(ProjectionError::Contended) }
}

/// Where one kind of row is published.
struct FactTopic<R: MergedRow> {
    topic: Arc<str>,
    encoder: Encoder<R::Fact>,
}

impl<R: MergedRow> FactTopic<R> {
    async fn new(contract: &Contract) -> Result<Self, ProjectionError> {
        let topic = contract.kafka.topic(R::TOPIC.name).into();
        Ok(Self { topic, encoder: contract.encoder(&R::TOPIC).await? })
    }

    fn records(&self, rows: Vec<R>, rules: Rules, into: &mut Vec<FactRecord>) -> Result<(), ProjectionError> {
        let now = Millis::now();
        for row in rows {
            let ((merchant, store, salla_id), revision) = (row.base().key, row.base().revision);
            let is_deleted = row.base().is_deleted();
            let value = if is_deleted {
                None
            } else {
                match row.into_fact(rules) {
                    // Not published until its creation is known.
                    None => continue,
                    Some(fact) => Some(self.encoder.encode_to_vec(&fact)?),
                }
            };
            let key = format!("{merchant}:{store}:{salla_id}");
            let id = format!("{}:{key}:{revision}", R::TABLE);
            let event = CloudEvent { id: &id, kind: R::TOPIC.records[0].full_name, subject: &key, time: now };
            let mut headers = headers::with(event.headers(), headers::REVISION, &revision.to_string());
            if is_deleted {
                headers = headers::with(headers, headers::DELETED, "true");
            }
            into.push(FactRecord { topic: Arc::clone(&self.topic), key, value, headers });
        }
        Ok(())
    }
}

struct DecodeObservations(Decoder<Observation>);

impl Decode for DecodeObservations {
    type Item = Observation;

    fn decode(&mut self, message: &BorrowedMessage<'_>) -> Decoded<Observation> {
        let Some(bytes) = message.payload() else { return Decoded::Ignored };
        match self.0.decode(bytes) {
            Ok(Some(observation)) => Decoded::Item(observation),
            Ok(None) => Decoded::UnknownSchema(split_header(bytes).map(|(id, _)| id).unwrap_or_default()),
            Err(error) => Decoded::Bad(undecodable(&error.to_string())),
        }
    }
}
