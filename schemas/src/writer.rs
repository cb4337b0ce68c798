//! Typed writing of topics: an idempotent producer with a bound on what is under way, and an answer only
//! after every replica has the record.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::future::try_join_all;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer};
use tokio::sync::Semaphore;

use crate::kafka::KafkaConfig;

/// Bytes that may be under way at once; a caller beyond that waits or is told [`WriteError::Saturated`].
const MOST_BYTES: usize = 32 << 20;
/// Bytes that one call has under way at once.
const PORTION: u32 = 8 << 20;
/// What a record costs beside its payload.
const RECORD_OVERHEAD: usize = 256;

/// Why a record is not on its topic, as far as we know.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Too much is under way; answer the caller, try later.
    #[error("Kafka is slower than its writers: {MOST_BYTES} bytes are under way")]
    Saturated,
    /// The broker did not acknowledge. The record may still appear.
    #[error("Kafka did not acknowledge: {0}")]
    Kafka(#[from] KafkaError),
    /// The producer is gone.
    #[error("the producer was closed before it learnt what became of a record")]
    Closed,
}

/// A record on its way to a topic.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Name on the brokers.
    pub topic: String,
    /// Key, plain UTF-8.
    pub key: String,
    /// Value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers.
    pub headers: OwnedHeaders,
}

/// Where a record landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// Writes records and waits for their acknowledgement. Clones share one producer.
#[derive(Clone)]
pub struct TopicWriter {
    config: Arc<ClientConfig>,
    producer: Arc<RwLock<FutureProducer>>,
    room: Arc<Semaphore>,
}

impl TopicWriter {
    /// A writer; `linger_ms` as in [`KafkaConfig::producer`].
    pub fn new(kafka: &KafkaConfig, linger_ms: u32) -> Result<Self, WriteError> {
        Self::of(kafka.producer(linger_ms))
    }

    /// A writer of sealed records, which do not compress, that gives one up after `deadline`. For the path of a request, where nobody
    /// waits longer.
    pub fn for_sealed(kafka: &KafkaConfig, linger_ms: u32, deadline: Duration) -> Result<Self, WriteError> {
        let mut config = kafka.producer(linger_ms);
        // One attempt must not use up the whole deadline.
        config
            .set("compression.type", "none")
            .set("delivery.timeout.ms", deadline.as_millis().to_string())
            .set("request.timeout.ms", (deadline / 2).as_millis().to_string());
        Self::of(config)
    }

    fn of(config: ClientConfig) -> Result<Self, WriteError> {
        let producer = Arc::new(RwLock::new(config.create()?));
        Ok(Self { config: Arc::new(config), producer, room: Arc::new(Semaphore::new(MOST_BYTES)) })
    }

    fn producer(&self) -> FutureProducer {
        self.producer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An idempotent producer that has lost its sequence takes no record any more: another takes its place.
    fn replace_if_finished(&self, error: WriteError) -> WriteError {
        let mut producer = self.producer.write().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, reason)) = producer.client().fatal_error() {
            tracing::error!(event = "producer replaced", code = %code, reason);
            match self.config.create() {
                Ok(fresh) => *producer = fresh,
                Err(error) => tracing::error!(event = "producer not replaced", error = %error),
            }
        }
        error
    }

    /// Writes one record, or says at once that there is no room. For the path of a request.
    pub async fn try_write(&self, record: Outgoing) -> Result<Placed, WriteError> {
        let _room = self.room.try_acquire_many(cost(&record)).map_err(|_| WriteError::Saturated)?;
        let Outgoing { topic, key, value, headers } = record;
        let delivery = self.producer().send_result(outgoing(&topic, &key, value.as_deref(), headers));
        let placed = match delivery {
            Ok(delivery) => placed(delivery).await,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                return Err(WriteError::Saturated);
            }
            Err((error, _)) => Err(error.into()),
        };
        placed.map_err(|error| self.replace_if_finished(error))
    }

    /// Writes all records and waits until each is acknowledged; waits for room. The order per key is kept.
    pub async fn write_all(&self, records: Vec<Outgoing>) -> Result<Vec<Placed>, WriteError> {
        let mut placed = Vec::with_capacity(records.len());
        let mut records = records.into_iter().peekable();
        while records.peek().is_some() {
            let portion = self.write_portion(&mut records).await;
            placed.append(&mut portion.map_err(|error| self.replace_if_finished(error))?);
        }
        Ok(placed)
    }

    /// Writes as many records as a portion of the room holds. The room is taken at once: callers that each hold a part and
    /// wait for more would wait for one another for ever.
    async fn write_portion(
        &self,
        records: &mut std::iter::Peekable<std::vec::IntoIter<Outgoing>>,
    ) -> Result<Vec<Placed>, WriteError> {
        let (mut portion, mut bytes) = (Vec::new(), 0);
        while let Some(record) = records.next_if(|next| portion.is_empty() || bytes + cost(next) <= PORTION) {
            bytes += cost(&record);
            portion.push(record);
        }
        let _room = self.room.acquire_many(bytes).await.map_err(|_| WriteError::Closed)?;
        let mut deliveries = Vec::with_capacity(portion.len());
        for record in portion {
            // The send is made here, in order; only the wait for its answer runs beside the others.
            let delivery = self.start(record).await?;
            deliveries.push(placed(delivery));
        }
        try_join_all(deliveries).await
    }

    /// Waits until nothing is under way.
    pub async fn flush(&self, deadline: Duration) -> Result<(), WriteError> {
        let producer = self.producer();
        tokio::task::spawn_blocking(move || producer.flush(deadline))
            .await
            .map_err(|_| WriteError::Closed)?
            .map_err(WriteError::from)
    }

    /// Hands the record to librdkafka; its own queue being full is waited out briefly, in order.
    async fn start(&self, record: Outgoing) -> Result<DeliveryFuture, WriteError> {
        let Outgoing { topic, key, value, headers } = record;
        let mut attempt = outgoing(&topic, &key, value.as_deref(), headers);
        loop {
            match self.producer().send_result(attempt) {
                Ok(delivery) => return Ok(delivery),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                    attempt = again;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }
}

fn outgoing<'r>(
    topic: &'r str,
    key: &'r str,
    value: Option<&'r [u8]>,
    headers: OwnedHeaders,
) -> FutureRecord<'r, str, [u8]> {
    let record = FutureRecord::to(topic).key(key).headers(headers);
    match value {
        Some(value) => record.payload(value),
        None => record,
    }
}

async fn placed(delivery: DeliveryFuture) -> Result<Placed, WriteError> {
    let delivery = delivery.await.map_err(|_| WriteError::Closed)?;
    delivery.map(|d| Placed { partition: d.partition, offset: d.offset }).map_err(|(error, _)| error.into())
}

fn cost(record: &Outgoing) -> u32 {
    let bytes = record.key.len() + record.value.as_ref().map_or(0, Vec::len) + RECORD_OVERHEAD;
    u32::try_from(bytes.min(MOST_BYTES)).unwrap_or(u32::MAX)
}
