//! Batched reading of topics.
//!
//! One thread of its own polls, decodes and gathers; batches leave it over a bounded channel together with
//! what is needed to finish them: the offsets they cover and the group's metadata taken when they were polled
//! (never later: a former owner with fresh metadata would be let through, ARCHITECTURE §5).
//!
//! Every rebalance starts a new assignment epoch; a batch of an older epoch is dropped by its owner and read
//! again from the committed offsets, so effects must be idempotent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::dead_letter::{Cause, DeadLetter};
use crate::kafka::KafkaConfig;
use crate::registry::{Registry, RegistryError};
use crate::writer::Placed;

const IDLE_POLL: Duration = Duration::from_millis(100);
/// How long a full channel is waited for before the partitions are paused (pausing discards what was fetched).
const PATIENCE: Duration = Duration::from_secs(2);
const BROKER_CALL: Duration = Duration::from_secs(10);
const REGISTRY_PAUSE: Duration = Duration::from_secs(1);
const BATCHES_UNDER_WAY: usize = 2;

/// Why reading stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The consumer could not be made or failed for good.
    #[error("Kafka consumer: {0}")]
    Kafka(#[from] KafkaError),
    /// The thread that polls could not be started.
    #[error("polling thread: {0}")]
    Thread(#[from] std::io::Error),
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
    /// Where offsets are kept.
    pub offsets: OffsetKeeper,
}

/// Turns messages into items.
pub trait Decode: Send + 'static {
    /// What a message becomes.
    type Item: Send + 'static;
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
    /// The item.
    pub value: T,
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

/// What a reader is assigned at the moment. Clones follow the same reader.
#[derive(Clone)]
pub struct Assignment {
    shared: Arc<Shared>,
    consumer: Arc<BaseConsumer<Context>>,
}

struct Shared {
    epoch: AtomicU64,
    rewind: AtomicBool,
    ready: AtomicBool,
}

impl<T: Send + 'static> Reader<T> {
    /// Subscribes and starts the polling thread.
    pub fn start<D: Decode<Item = T>>(
        kafka: &KafkaConfig,
        registry: &Registry,
        config: ReaderConfig,
        decode: D,
    ) -> Result<Self, ReadError> {
        let shared = Arc::new(Shared {
            epoch: AtomicU64::new(0),
            rewind: AtomicBool::new(false),
            ready: AtomicBool::new(false),
        });
        let context = Context {
            shared: Arc::clone(&shared),
            keeper: config.offsets.clone(),
            unplaced: Mutex::new(None),
        };
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
            .set("fetch.wait.max.ms", "50")
            .set("fetch.error.backoff.ms", "100")
            .set("queued.max.messages.kbytes", "16384")
            .set("queued.min.messages", "20000")
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
            runtime: Handle::current(),
            sender,
            stop: stop.clone(),
            config,
            topics,
            decode,
        };
        std::thread::Builder::new().name(format!("poll-{group}")).spawn(move || poller.run())?;
        Ok(Self { batches, assignment: Assignment { shared, consumer }, stop })
    }

    /// The next batch of the present assignment; `None` once the reader has stopped.
    pub async fn next(&mut self) -> Option<Batch<T>> {
        loop {
            let batch = self.batches.recv().await?;
            if self.assignment.is_current(&batch) {
                return Some(batch);
            }
        }
    }

    /// What this reader is assigned, to finish its batches with.
    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }
}

impl Assignment {
    /// Whether the partitions of the batch are still ours and were not rewound since.
    pub fn is_current<T>(&self, batch: &Batch<T>) -> bool {
        !self.shared.rewind.load(Ordering::Acquire)
            && batch.epoch == self.shared.epoch.load(Ordering::Acquire)
    }

    /// Whether partitions have been assigned at least once.
    pub fn is_ready(&self) -> bool {
        self.shared.ready.load(Ordering::Acquire)
    }

    /// Commits the batch's offsets on the brokers, after its effect. A refusal is logged and means that it
    /// will be read again.
    pub fn commit<T>(&self, batch: &Batch<T>) {
        if let Err(error) = self.consumer.commit(&batch.next_offsets(), CommitMode::Async) {
            tracing::warn!(event = "offset commit failed", error = %error);
        }
    }

    /// Drops everything under way and reads again from the committed offsets. The polling thread alone begins the
    /// new epoch, when it goes back: a batch of the new epoch never holds records polled before.
    pub fn rewind(&self) {
        self.shared.rewind.store(true, Ordering::Release);
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

struct Context {
    shared: Arc<Shared>,
    keeper: OffsetKeeper,
    /// Partitions that are ours although we could not read where to start them.
    unplaced: Mutex<Option<TopicPartitionList>>,
}

impl ClientContext for Context {}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        code: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        self.shared.epoch.fetch_add(1, Ordering::AcqRel);
        *self.unplaced() = None;
        let assigned = code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let outcome = if assigned {
            self.shared.ready.store(true, Ordering::Release);
            self.position(partitions).and_then(|()| consumer.assign(partitions))
        } else {
            consumer.unassign()
        };
        tracing::debug!(event = "rebalanced", partitions = partitions.count(), code = ?code);
        if let Err(error) = outcome {
            tracing::error!(event = "rebalance failed", error = %error);
            // They stay ours; the polling thread tries again to place them.
            if assigned {
                *self.unplaced() = Some(partitions.clone());
            }
            self.shared.rewind.store(true, Ordering::Release);
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            metrics::counter!("qafila_offset_commits_refused_total").increment(1);
            tracing::warn!(event = "offset commit refused", error = %error);
        }
    }
}

impl Context {
    fn unplaced(&self) -> std::sync::MutexGuard<'_, Option<TopicPartitionList>> {
        self.unplaced.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Fills in where to start, for readers that keep their offsets themselves.
    fn position(&self, partitions: &mut TopicPartitionList) -> KafkaResult<()> {
        let OffsetKeeper::Store(store) = &self.keeper else { return Ok(()) };
        let asked: Vec<(String, i32)> =
            partitions.elements().iter().map(|p| (p.topic().to_owned(), p.partition())).collect();
        let offsets = store.next_offsets(&asked).map_err(|reason| {
            tracing::error!(event = "offsets unreadable", reason);
            KafkaError::ConsumerCommit(RDKafkaErrorCode::Fail)
        })?;
        for ((topic, partition), offset) in asked.iter().zip(offsets) {
            partitions.set_partition_offset(
                topic,
                *partition,
                offset.map_or(Offset::Beginning, Offset::Offset),
            )?;
        }
        Ok(())
    }
}

struct Poller<D: Decode> {
    consumer: Arc<BaseConsumer<Context>>,
    shared: Arc<Shared>,
    registry: Registry,
    runtime: Handle,
    sender: mpsc::Sender<Batch<D::Item>>,
    stop: CancellationToken,
    config: ReaderConfig,
    topics: Vec<String>,
    decode: D,
}

/// A batch that is being gathered.
struct Gathering<T> {
    batch: Batch<T>,
    bytes: usize,
    records: usize,
    since: Instant,
    spans: BTreeMap<(usize, i32), (i64, i64)>,
}

impl<D: Decode> Poller<D> {
    fn run(mut self) {
        let mut gathering: Option<Gathering<D::Item>> = None;
        while !self.stop.is_cancelled() {
            if self.shared.rewind.load(Ordering::Acquire) {
                gathering = None;
                self.shared.epoch.fetch_add(1, Ordering::AcqRel);
                self.shared.rewind.store(false, Ordering::Release);
                self.rewind();
            }
            let wait = gathering
                .as_ref()
                .map_or(IDLE_POLL, |g| self.config.max_age.saturating_sub(g.since.elapsed()).min(IDLE_POLL));
            let consumer = Arc::clone(&self.consumer);
            match consumer.poll(wait) {
                Some(Ok(message)) => self.take(&message, &mut gathering),
                Some(Err(error)) => self.complain(&error),
                None => {}
            }
            if gathering.as_ref().is_some_and(|g| self.is_due(g))
                && let Some(due) = gathering.take()
                && !self.hand_over(due)
            {
                break;
            }
        }
    }

    fn is_due(&self, gathering: &Gathering<D::Item>) -> bool {
        gathering.records >= self.config.max_records
            || gathering.bytes >= self.config.max_bytes
            || gathering.since.elapsed() >= self.config.max_age
    }

    fn take(&mut self, message: &BorrowedMessage<'_>, gathering: &mut Option<Gathering<D::Item>>) {
        let Some(outcome) = self.decode_known(message) else { return };
        // A rebalance inside the poll may have made what was gathered stale.
        let epoch = self.shared.epoch.load(Ordering::Acquire);
        if gathering.as_ref().is_some_and(|g| g.batch.epoch != epoch) {
            *gathering = None;
        }
        let gathering = gathering.get_or_insert_with(|| Gathering::new(epoch));
        let topic = self.topics.iter().position(|t| t == message.topic()).unwrap_or_default();
        let placed = Placed { partition: message.partition(), offset: message.offset() };
        gathering.cover(topic, placed);
        gathering.records += 1;
        gathering.bytes += message.payload().map_or(0, <[u8]>::len);
        match outcome {
            Decoded::Item(value) => gathering.batch.items.push(Item { topic, placed, value }),
            Decoded::Bad(cause) => gathering.batch.bad.push(dead_letter(message, placed, cause)),
            Decoded::Ignored | Decoded::UnknownSchema(_) => {}
        }
    }

    /// Decodes, fetching schemas as needed. A registry that is down stops the reader here until it is back.
    fn decode_known(&mut self, message: &BorrowedMessage<'_>) -> Option<Decoded<D::Item>> {
        loop {
            let schema_id = match self.decode.decode(message) {
                Decoded::UnknownSchema(id) => id,
                outcome => return Some(outcome),
            };
            match self.runtime.block_on(self.registry.learn(schema_id)) {
                Ok(()) => {}
                Err(RegistryError::Codec(error)) => {
                    return Some(Decoded::Bad(undecodable(&error.to_string())));
                }
                Err(error @ RegistryError::Call { .. }) => {
                    metrics::counter!("qafila_registry_failures_total").increment(1);
                    tracing::warn!(event = "schema not available", schema_id, error = %error);
                    if self.stop.is_cancelled() {
                        return None;
                    }
                    self.runtime.block_on(tokio::time::sleep(REGISTRY_PAUSE));
                }
            }
        }
    }

    /// Hands a batch over; while there is no room the partitions are paused and polling goes on, or the
    /// group would evict us. False once nobody listens.
    fn hand_over(&self, mut due: Gathering<D::Item>) -> bool {
        due.batch.spans = due.spans(&self.topics);
        due.batch.group = self.consumer.group_metadata();
        let sender = self.sender.clone();
        let mut paused = false;
        loop {
            let room = self.runtime.block_on(async {
                tokio::select! {
                    () = self.stop.cancelled() => Err(()),
                    room = tokio::time::timeout(PATIENCE, sender.reserve()) => Ok(room),
                }
            });
            match room {
                Ok(Ok(Ok(permit))) => {
                    permit.send(due.batch);
                    if paused {
                        self.set_paused(false);
                    }
                    return true;
                }
                Ok(Err(_)) => {
                    if !paused {
                        metrics::counter!("qafila_reader_pauses_total", "group" => self.config.group.clone())
                            .increment(1);
                        self.set_paused(true);
                        paused = true;
                    }
                    match self.consumer.poll(Duration::ZERO) {
                        // A rebalance has brought partitions that are not paused. The record cannot be put back,
                        // so everything is read again from the committed offsets.
                        Some(Ok(_)) => self.shared.rewind.store(true, Ordering::Release),
                        Some(Err(error)) => self.complain(&error),
                        None => {}
                    }
                    let stale = due.batch.epoch != self.shared.epoch.load(Ordering::Acquire);
                    if stale || self.shared.rewind.load(Ordering::Acquire) {
                        self.set_paused(false);
                        return true;
                    }
                }
                Ok(Ok(Err(_))) | Err(()) => return false,
            }
        }
    }

    fn set_paused(&self, paused: bool) {
        let outcome = self.consumer.assignment().and_then(|partitions| {
            if paused { self.consumer.pause(&partitions) } else { self.consumer.resume(&partitions) }
        });
        if let Err(error) = outcome {
            tracing::warn!(event = "pausing failed", paused, error = %error);
        }
    }

    /// Goes back to the committed offsets.
    fn rewind(&self) {
        let context = self.consumer.context();
        let unplaced = context.unplaced().clone();
        let outcome = unplaced.map_or_else(|| self.consumer.assignment(), Ok).and_then(|assigned| {
            let mut committed = match &self.config.offsets {
                OffsetKeeper::Broker => self.consumer.committed_offsets(assigned, BROKER_CALL)?,
                OffsetKeeper::Store(_) => assigned,
            };
            context.position(&mut committed)?;
            self.consumer.assign(&committed)?;
            *context.unplaced() = None;
            Ok(())
        });
        if let Err(error) = outcome {
            tracing::warn!(event = "rewinding failed", error = %error);
            self.shared.rewind.store(true, Ordering::Release);
            self.runtime.block_on(tokio::time::sleep(REGISTRY_PAUSE));
        }
    }

    fn complain(&self, error: &KafkaError) {
        metrics::counter!("qafila_reader_errors_total", "group" => self.config.group.clone()).increment(1);
        tracing::warn!(event = "polling failed", group = self.config.group, error = %error);
    }
}

impl<T> Gathering<T> {
    fn new(epoch: u64) -> Self {
        let batch = Batch { items: Vec::new(), bad: Vec::new(), spans: Vec::new(), group: None, epoch };
        Self { batch, bytes: 0, records: 0, since: Instant::now(), spans: BTreeMap::new() }
    }

    fn cover(&mut self, topic: usize, placed: Placed) {
        self.spans
            .entry((topic, placed.partition))
            .and_modify(|(_, last)| *last = placed.offset)
            .or_insert((placed.offset, placed.offset));
    }

    fn spans(&self, topics: &[String]) -> Vec<Span> {
        self.spans
            .iter()
            .map(|(&(topic, partition), &(first, last))| Span {
                topic: topics[topic].clone(),
                partition,
                first,
                last,
            })
            .collect()
    }
}

/// The cause of a record whose bytes cannot be read.
pub fn undecodable(detail: &str) -> Cause {
    Cause { code: "undecodable", detail: detail.to_owned(), path: None, merchant: None }
}

fn dead_letter(message: &BorrowedMessage<'_>, placed: Placed, cause: Cause) -> DeadLetter {
    DeadLetter {
        topic: message.topic().to_owned(),
        position: Some(placed),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: message.headers().map(rdkafka::message::BorrowedHeaders::detach),
        cause,
    }
}
