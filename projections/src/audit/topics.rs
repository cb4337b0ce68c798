//! The sheet of the compacted topics: the last record of every key, as an analyst who reads from the beginning has it.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use qafila_schemas::catalogue::{CARTS, CUSTOMERS, ORDERS, PRODUCTS, Topic};
use qafila_schemas::codec::{CodecError, split_header};
use qafila_schemas::kafka::KafkaConfig;
use qafila_schemas::records::AvroRecord;
use qafila_schemas::records::fact::{CartFact, CustomerFact, OrderFact, ProductFact};
use qafila_schemas::registry::{Registry, RegistryError};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::{OrderEntry, Scope, Sheet, parts};

const BROKER: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(20);

/// Why the topics cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// Kafka.
    #[error("reading {topic}: {error}")]
    Kafka {
        /// Topic.
        topic: &'static str,
        /// Why.
        error: KafkaError,
    },
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A record that is no fact.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The thread that reads has ended.
    #[error("the reading thread has ended")]
    Ended,
}

/// Reads it: every record of the four topics, since a compacted topic has no index.
pub async fn sheet(kafka: &KafkaConfig, registry: &Registry, scope: Scope) -> Result<Sheet, TopicsError> {
    let mut sheet = Sheet::default();
    for fact in facts::<OrderFact>(kafka, registry, &ORDERS, scope).await? {
        let of_day = fact.created_at.to_utc() >= scope.span.0 && fact.created_at.to_utc() < scope.span.1;
        if of_day && fact.store_id == scope.store_id {
            let parts = parts::of_order(&fact);
            let entry = OrderEntry {
                total: fact.total,
                currency: fact.currency.unwrap_or_default(),
                status: fact.status_slug.unwrap_or_default(),
                parts,
            };
            sheet.orders.insert(fact.order_id, entry);
        }
    }
    let products = facts::<ProductFact>(kafka, registry, &PRODUCTS, scope).await?;
    let products = products.iter().filter(|fact| fact.store_id == scope.store_id);
    sheet.products.extend(products.map(|fact| (fact.product_id, parts::of_product(fact))));
    let customers = facts::<CustomerFact>(kafka, registry, &CUSTOMERS, scope).await?;
    let customers = customers.iter().filter(|fact| fact.store_id == scope.store_id);
    sheet.customers.extend(customers.map(|fact| (fact.customer_id, parts::of_customer(fact))));
    let carts = facts::<CartFact>(kafka, registry, &CARTS, scope).await?;
    let carts = carts.iter().filter(|fact| fact.store_id == scope.store_id);
    sheet.carts = Some(carts.map(|fact| (fact.cart_id, parts::of_cart(fact))).collect());
    Ok(sheet)
}

/// The merchant's present facts of a topic.
async fn facts<T: AvroRecord>(
    kafka: &KafkaConfig,
    registry: &Registry,
    topic: &Topic,
    scope: Scope,
) -> Result<Vec<T>, TopicsError> {
    let (kafka, name, of) = (kafka.clone(), topic.name, format!("{}:", scope.merchant_id));
    let last = tokio::task::spawn_blocking(move || last_values(&kafka, name, &of)).await;
    let last =
        last.map_err(|_| TopicsError::Ended)?.map_err(|error| TopicsError::Kafka { topic: name, error })?;
    let mut decoder = registry.decoder::<T>()?;
    let mut facts = Vec::with_capacity(last.len());
    for value in last.into_values() {
        registry.learn(split_header(&value)?.0).await?;
        facts.extend(decoder.decode(&value)?);
    }
    Ok(facts)
}

/// The last committed value of every key that begins with `of`; keys whose last record is a tombstone are left out.
fn last_values(kafka: &KafkaConfig, topic: &str, of: &str) -> Result<HashMap<Vec<u8>, Vec<u8>>, KafkaError> {
    let name = kafka.topic(topic);
    let consumer: BaseConsumer = kafka
        .client()
        .set("group.id", "qafila-verify")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(&name), BROKER)?;
    let partitions = metadata.topics().first().map_or(0, |t| t.partitions().len());
    let mut assignment = TopicPartitionList::new();
    for partition in 0..i32::try_from(partitions).unwrap_or_default() {
        assignment.add_partition_offset(&name, partition, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    // A partition may end more than once: records come between.
    let (mut last, mut ended, mut heard) = (HashMap::new(), HashSet::new(), Instant::now());
    while ended.len() < partitions {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                let key = message.key().unwrap_or_default();
                if !key.starts_with(of.as_bytes()) {
                    continue;
                }
                match message.payload() {
                    Some(value) => drop(last.insert(key.to_vec(), value.to_vec())),
                    None => drop(last.remove(key)),
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(ended.insert(partition)),
            Some(Err(error)) if heard.elapsed() > SILENCE => return Err(error),
            None if heard.elapsed() > SILENCE => return Err(KafkaError::NoMessageReceived),
            Some(Err(_)) | None => {}
        }
    }
    Ok(last)
}
