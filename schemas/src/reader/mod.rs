//! Batched reading of topics.
//!
//! One thread of its own polls, decodes and gathers; batches leave it over a bounded channel together with
//! what is needed to finish them: the offsets they cover and the group's metadata taken when they were polled
//! (never later: a former owner with fresh metadata would be let through, ARCHITECTURE §5).
//!
//! Every rebalance starts a new assignment epoch; a batch of an older epoch is dropped by its owner and read
//! again from the committed offsets, so effects must be idempotent.

mod assignment;
mod poll;
mod portions;
mod unknown_schemas;
mod watch;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Message, OwnedHeaders};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use assignment::Assignment;
use assignment::{Context, Shared};
use poll::Poller;
use unknown_schemas::UnknownSchemas;
use watch::{AHEAD_KIB, AHEAD_RECORDS, LOOK_EVERY, Watch};

use crate::catalogue::TOPICS;
use crate::dead_letter::{Cause, DeadLetter};
use crate::ids::MerchantId;
use crate::kafka::KafkaConfig;
use crate::registry::Registry;
use crate::writer::Placed;

const BATCHES_UNDER_WAY: usize = 2;
/// A fetch waits so long at the broker, unless enough bytes end the wait before. A partition that is assigned meanwhile waits for its end.
const FETCH_WAIT_MS: &str = "250";

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The consumer could not be made or failed for good.
    #[error("Kafka consumer: {0}")]
    Kafka(#[from] KafkaError),
    /// The thread that polls could not be started.
    #[error("polling thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The polling thread has ended: the consumer failed for good (another process uses the same slot), or it panicked.
    #[error("reading has stopped: {0}. Does another process run with the same QAFILA_SLOT?")]
    Stopped(String),
}

/// Where a group's offsets are kept.
#[derive(Clone)]
pub enum OffsetKeeper {
    /// On the brokers; committed after the effect.
    Broker,
    /// With the effect, in the reader's own store.
    Store(Arc<dyn OffsetStore>),
}

/// Offsets kept in the same transaction as the effect. Called on the polling thread; may block briefly.
pub trait OffsetStore: Send + Sync {
    /// The next offset to read of each partition; `None` where nothing was read yet.
    fn next_offsets(&self, partitions: &[(String, i32)]) -> Result<Vec<Option<i64>>, String>;

    /// Keeps `next` as the next offset to read of a partition, whatever is kept: the topic has lost its tail.
    fn lower(&self, topic: &str, partition: i32, next: i64) -> Result<(), String>;
}

/// What a reader reads, and in which portions.
#[derive(Clone)]
pub struct ReaderConfig {
    /// Consumer group, without the prefix of a test.
    pub group: String,
    /// Stable slot of this process (static membership, ARCHITECTURE §7.5).
    pub slot: String,
    /// Topics of the catalogue, without prefix.
    pub topics: Vec<String>,
    /// A batch leaves when it has so many records …
    pub max_records: usize,
    /// … or so many bytes of values …
    pub max_bytes: usize,
    /// … or its first record is so old.
    pub max_age: Duration,
    /// A fetch waits at the broker for so many bytes, [`FETCH_WAIT_MS`] at most: many save requests, 1 saves time.
    pub fetch_min_bytes: usize,
    /// Where offsets are kept.
    pub offsets: OffsetKeeper,
}

/// Turns messages into items.
pub trait Decode: Send + 'static {
    /// What a message becomes.
    type Item: Send + 'static;
    /// Whether an item brings its record along, so that its owner can still set it aside. It costs a copy.
    const KEEPS_RECORDS: bool = false;
    /// Decodes one message.
    fn decode(&mut self, message: &BorrowedMessage<'_>) -> Decoded<Self::Item>;
}

/// What became of a message.
pub enum Decoded<T> {
    /// An item.
    Item(T),
    /// Nothing to do, but its offset counts.
    Ignored,
    /// Its schema has to be fetched first.
    UnknownSchema(u32),
    /// It will never be an item.
    Bad(Cause),
}

/// An item and where it stood.
#[derive(Debug)]
pub struct Item<T> {
    /// Index into [`ReaderConfig::topics`].
    pub topic: usize,
    /// Where on the topic.
    pub placed: Placed,
    /// The record it was, where [`Decode::KEEPS_RECORDS`] says so.
    pub record: Option<Box<RawRecord>>,
    /// The item.
    pub value: T,
}

/// A record as it came.
#[derive(Debug, Clone)]
pub struct RawRecord {
    /// Name on the brokers.
    pub topic: String,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Headers.
    pub headers: Option<OwnedHeaders>,
}

impl RawRecord {
    fn of(message: &BorrowedMessage<'_>) -> Self {
        Self {
            topic: message.topic().to_owned(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message.headers().map(BorrowedHeaders::detach),
        }
    }

    /// The merchant it belongs to, where the topic's keys begin with the merchant's id.
    pub fn merchant(&self) -> Option<MerchantId> {
        let topic = TOPICS.iter().find(|topic| self.topic.ends_with(topic.name))?;
        if !topic.key.trim_start_matches('<').starts_with("merchant id") {
            return None;
        }
        let key = std::str::from_utf8(self.key.as_deref()?).ok()?;
        key.split(':').next()?.parse().ok()
    }

    /// Sets it aside.
    pub fn into_dead_letter(self, placed: Placed, cause: Cause) -> DeadLetter {
        let Self { topic, key, value, headers } = self;
        DeadLetter { topic, position: Some(placed), key, value, headers, cause }
    }
}

/// The offsets of one partition that a batch covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Name on the brokers.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// First offset.
    pub first: i64,
    /// Last offset.
    pub last: i64,
}

/// A portion of the topics, in order per partition.
pub struct Batch<T> {
    /// Items that decoded.
    pub items: Vec<Item<T>>,
    /// Records that did not; they must be dead-lettered before the offsets move.
    pub bad: Vec<DeadLetter>,
    /// What the batch covers.
    pub spans: Vec<Span>,
    /// Group metadata of the moment it was polled.
    pub group: Option<ConsumerGroupMetadata>,
    epoch: u64,
}

impl<T> Batch<T> {
    /// The offsets to commit: one past the last of each partition.
    pub fn next_offsets(&self) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for span in &self.spans {
            // Only a negative special offset can be refused, and `last` was read from a message.
            let _ = list.add_partition_offset(&span.topic, span.partition, Offset::Offset(span.last + 1));
        }
        list
    }
}

/// The receiving end of a reader.
pub struct Reader<T> {
    batches: mpsc::Receiver<Batch<T>>,
    assignment: Assignment,
    stop: CancellationToken,
}

impl<T: Send + 'static> Reader<T> {
    /// Subscribes and starts the polling thread.
    pub fn start<D: Decode<Item = T>>(
        kafka: &KafkaConfig,
        registry: &Registry,
        config: ReaderConfig,
        decode: D,
    ) -> Result<Self, ReadError> {
        let shared = Arc::new(Shared::default());
        let context = Context::new(Arc::clone(&shared), config.offsets.clone());
        let group = kafka.topic(&config.group);
        let instance = format!("{group}-{}", config.slot);
        let consumer: BaseConsumer<Context> = kafka
            .client()
            .set("group.id", &group)
            .set("group.instance.id", &instance)
            .set("client.id", &instance)
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "1000")
            .set("max.poll.interval.ms", "120000")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", FETCH_WAIT_MS)
            .set("fetch.min.bytes", config.fetch_min_bytes.to_string())
            .set("fetch.error.backoff.ms", "100")
            .set("queued.max.messages.kbytes", AHEAD_KIB.to_string())
            .set("queued.min.messages", AHEAD_RECORDS.to_string())
            .set("statistics.interval.ms", LOOK_EVERY.as_millis().to_string())
            .create_with_context(context)?;
        let topics: Vec<String> = config.topics.iter().map(|t| kafka.topic(t)).collect();
        consumer.subscribe(&topics.iter().map(String::as_str).collect::<Vec<_>>())?;
        let consumer = Arc::new(consumer);
        let stop = CancellationToken::new();
        let (sender, batches) = mpsc::channel(BATCHES_UNDER_WAY);
        let poller = Poller {
            consumer: Arc::clone(&consumer),
            shared: Arc::clone(&shared),
            registry: registry.clone(),
            unknown_schemas: UnknownSchemas::new(registry.unknown_schema_grace()),
            runtime: Handle::current(),
            sender,
            stop: stop.clone(),
            config,
            topics,
            decode,
            silent_until: Cell::new(None),
            watch: Watch::default(),
        };
        std::thread::Builder::new().name(format!("poll-{group}")).spawn(move || poller.run())?;
        Ok(Self { batches, assignment: Assignment::new(shared, consumer), stop })
    }

    /// The next batch of the present assignment. An error is final: this reader will never read again.
    pub async fn next(&mut self) -> Result<Batch<T>, ReadError> {
        loop {
            let Some(batch) = self.batches.recv().await else {
                return Err(ReadError::Stopped(self.assignment.why_ended()));
            };
            if self.assignment.is_current(&batch) {
                return Ok(batch);
            }
        }
    }

    /// What this reader is assigned, to finish its batches with.
    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The cause of a record whose bytes cannot be read.
pub fn undecodable(detail: &str) -> Cause {
    Cause { code: "undecodable", detail: detail.to_owned(), path: None, merchant: None }
}
