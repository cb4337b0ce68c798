//! The polling thread of a reader: it polls, decodes, gathers batches and hands them over.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::assignment::{Context, Shared};
use super::unknown_schemas::UnknownSchemas;
use super::watch::{Fetched, Watch};
use super::{Batch, Decode, Decoded, Item, OffsetKeeper, RawRecord, ReaderConfig, Span, undecodable};
use crate::catalogue::TOPICS;
use crate::dead_letter::Cause;
use crate::registry::{Registry, RegistryError};
use crate::writer::Placed;

const IDLE_POLL: Duration = Duration::from_millis(100);
/// How long a full channel is waited for before the partitions are paused (pausing discards what was fetched).
const PATIENCE: Duration = Duration::from_secs(2);
const BROKER_CALL: Duration = Duration::from_secs(10);
/// For a call that may as well fail: polling waits for it.
const GLANCE: Duration = Duration::from_secs(2);
/// So many looks in a row that saw nothing are told.
const BLIND_LOOKS: u32 = 4;
const COMPLAINT_EVERY: Duration = Duration::from_secs(10);
const REGISTRY_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Poller<D: Decode> {
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) shared: Arc<Shared>,
    pub(super) registry: Registry,
    pub(super) unknown_schemas: UnknownSchemas,
    pub(super) runtime: Handle,
    pub(super) sender: mpsc::Sender<Batch<D::Item>>,
    pub(super) stop: CancellationToken,
    pub(super) config: ReaderConfig,
    pub(super) topics: Vec<String>,
    pub(super) decode: D,
    /// An outage is told once in a while, not with every poll.
    pub(super) silent_until: Cell<Option<Instant>>,
    pub(super) watch: Watch,
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
    pub(super) fn run(mut self) {
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
                .map_or(IDLE_POLL, |g| self.max_age().saturating_sub(g.since.elapsed()).min(IDLE_POLL));
            let consumer = Arc::clone(&self.consumer);
            let polled = consumer.poll(wait);
            // What was gathered before a rebalance, which happens inside a poll, is nobody's: to wait with it would pause partitions
            // that are being started.
            let epoch = self.shared.epoch.load(Ordering::Acquire);
            gathering = gathering.filter(|g| g.batch.epoch == epoch);
            match polled {
                Some(Ok(message)) => {
                    self.take(&message, gathering.get_or_insert_with(|| Gathering::new(epoch)));
                }
                Some(Err(error)) if self.is_fatal(&error) => break,
                Some(Err(_)) | None => {}
            }
            if let Some(fetched) = self.consumer.context().take_fetched() {
                self.look(fetched);
            }
            if gathering.as_ref().is_some_and(|g| self.is_due(g))
                && let Some(due) = gathering.take()
                && !self.hand_over(due)
            {
                break;
            }
        }
    }

    /// Takes all partitions anew where one of them is not read.
    fn look(&mut self, fetched: Fetched) {
        let group = self.config.group.clone();
        let ends = match self.ends() {
            Ok(ends) => ends,
            // Brokers that do not answer are not read from either.
            Err(error) => {
                if self.watch.see_nothing().is_multiple_of(BLIND_LOOKS) {
                    tracing::warn!(event = "partitions not watched", group, error = %error);
                }
                return;
            }
        };
        let found = self.watch.look(self.shared.epoch.load(Ordering::Acquire), fetched, &ends);
        for (topic, partition) in found.unread {
            metrics::counter!("qafila_reader_unread_partitions_total", "group" => group.clone()).increment(1);
            tracing::error!(event = "partition not read", group, topic, partition, revived = found.revive);
        }
        if found.revive {
            self.shared.rewind.store(true, Ordering::Release);
        }
    }

    /// Where the partitions that are assigned end, for one who reads what is committed.
    fn ends(&self) -> KafkaResult<TopicPartitionList> {
        let mut assigned = self.consumer.assignment()?;
        if assigned.count() == 0 {
            return Ok(assigned);
        }
        assigned.set_all_offsets(Offset::End)?;
        self.consumer.offsets_for_times(assigned, GLANCE)
    }

    fn max_age(&self) -> Duration {
        self.shared.age().unwrap_or(self.config.max_age)
    }

    fn is_due(&self, gathering: &Gathering<D::Item>) -> bool {
        gathering.records >= self.shared.portion(self.config.max_records)
            || gathering.bytes >= self.shared.portion(self.config.max_bytes)
            || gathering.since.elapsed() >= self.max_age()
    }

    fn take(&mut self, message: &BorrowedMessage<'_>, gathering: &mut Gathering<D::Item>) {
        let began = Instant::now();
        let Some(outcome) = self.decode_known(message) else { return };
        // A schema was waited for: what was gathered waits no longer for that.
        if began.elapsed() > self.max_age() {
            gathering.since = Instant::now();
        }
        let topic = self.topics.iter().position(|t| t == message.topic()).unwrap_or_default();
        let placed = Placed { partition: message.partition(), offset: message.offset() };
        gathering.cover(topic, placed);
        gathering.records += 1;
        gathering.bytes += message.payload().map_or(0, <[u8]>::len);
        match outcome {
            Decoded::Item(value) => {
                self.unknown_schemas.has_read();
                let record = D::KEEPS_RECORDS.then(|| Box::new(RawRecord::of(message)));
                gathering.batch.items.push(Item { topic, placed, record, value });
            }
            Decoded::Bad(cause) => {
                gathering.batch.bad.push(RawRecord::of(message).into_dead_letter(placed, cause));
            }
            Decoded::UnknownSchema(schema_id) => {
                self.unknown_schemas.give_up((topic, placed.partition, placed.offset));
                gathering
                    .batch
                    .bad
                    .push(RawRecord::of(message).into_dead_letter(placed, unknown_schema(schema_id)));
            }
            Decoded::Ignored => {}
        }
    }

    /// Decodes, fetching schemas as needed. A registry that is down stops the reader here until it is back. One that answers and does not
    /// know the schema does so for the grace period, and as long as it does not know our own schemas either; none once we are to stop.
    fn decode_known(&mut self, message: &BorrowedMessage<'_>) -> Option<Decoded<D::Item>> {
        loop {
            let schema_id = match self.decode.decode(message) {
                Decoded::UnknownSchema(id) => id,
                outcome => return Some(outcome),
            };
            if self.unknown_schemas.is_given_up(schema_id, Instant::now()) {
                return Some(Decoded::UnknownSchema(schema_id));
            }
            let error = match self.runtime.block_on(self.registry.learn(schema_id)) {
                Ok(()) => {
                    self.unknown_schemas.forget(Some(schema_id));
                    continue;
                }
                Err(RegistryError::Codec(error)) => {
                    return Some(Decoded::Bad(undecodable(&error.to_string())));
                }
                Err(error) => error,
            };
            let is_unknown = matches!(error, RegistryError::UnknownSchema(_));
            if is_unknown
                && self.unknown_schemas.is_over(schema_id, Instant::now())
                && self.is_our_registry(message.topic())
            {
                self.unknown_schemas.give_up_schema(schema_id, Instant::now());
                return Some(Decoded::UnknownSchema(schema_id));
            }
            metrics::counter!("qafila_registry_failures_total").increment(1);
            tracing::warn!(event = "schema not available", schema_id, topic = message.topic(),
                partition = message.partition(), offset = message.offset(), error = %error);
            if self.stop.is_cancelled() {
                return None;
            }
            self.pause();
        }
    }

    /// Whether the registry knows all schemas that we may write to a topic.
    fn is_our_registry(&self, topic: &str) -> bool {
        let place = self.topics.iter().position(|name| name == topic);
        let name = place.and_then(|place| self.config.topics.get(place));
        let Some(known) = TOPICS.iter().find(|known| Some(known.name) == name.map(String::as_str)) else {
            return false;
        };
        let knows_all = async {
            for (subject, schema) in known.schemas(topic) {
                if !self.registry.knows(&subject, schema).await? {
                    return Ok(false);
                }
            }
            Ok::<_, RegistryError>(true)
        };
        self.runtime.block_on(knows_all).unwrap_or(false)
    }

    /// Hands a batch over; while there is no room the partitions are paused and polling goes on, or the
    /// group would evict us. False once nobody listens.
    fn hand_over(&mut self, mut due: Gathering<D::Item>) -> bool {
        if !self.unknown_schemas.may_leave(due.batch.items.len()) {
            metrics::counter!("qafila_reader_unknown_schema_batches_total", "group" => self.config.group.clone())
                .increment(1);
            tracing::error!(
                event = "no record of a batch has a schema that the registry knows",
                group = self.config.group,
                records = due.records
            );
            self.unknown_schemas.forget(None);
            self.shared.rewind.store(true, Ordering::Release);
            return true;
        }
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
                    self.resume();
                    return true;
                }
                Ok(Err(_)) => {
                    if !paused {
                        metrics::counter!("qafila_reader_pauses_total", "group" => self.config.group.clone())
                            .increment(1);
                        tracing::info!(event = "reading paused", group = self.config.group);
                        if let Err(error) = self.consumer.context().pause(&self.consumer) {
                            tracing::warn!(event = "pausing failed", error = %error);
                        }
                        paused = true;
                        self.watch.hold_up();
                    }
                    match self.consumer.poll(Duration::ZERO) {
                        // A rebalance has brought partitions that are not paused. The record cannot be put back,
                        // so everything is read again from the committed offsets.
                        Some(Ok(_)) => self.shared.rewind.store(true, Ordering::Release),
                        Some(Err(error)) if self.is_fatal(&error) => return false,
                        Some(Err(_)) | None => {}
                    }
                    let stale = due.batch.epoch != self.shared.epoch.load(Ordering::Acquire);
                    if stale || self.shared.rewind.load(Ordering::Acquire) {
                        self.resume();
                        return true;
                    }
                }
                Ok(Ok(Err(_))) | Err(()) => return false,
            }
        }
    }

    fn resume(&self) {
        if let Err(error) = self.consumer.context().resume(&self.consumer) {
            tracing::warn!(event = "resuming failed", error = %error);
        }
    }

    /// Waits for somebody who is down. The timer is made within the runtime: this thread is none of its own.
    fn pause(&self) {
        self.runtime.block_on(async { tokio::time::sleep(REGISTRY_PAUSE).await });
    }

    /// Goes back to the committed offsets.
    fn rewind(&self) {
        let context = self.consumer.context();
        let unplaced = context.unplaced().clone();
        let outcome = unplaced.map_or_else(|| self.consumer.assignment(), Ok).and_then(|assigned| {
            // They stay ours, whatever fails between letting them go and placing them.
            *context.unplaced() = Some(assigned.clone());
            let mut committed = match &self.config.offsets {
                OffsetKeeper::Broker => self.consumer.committed_offsets(assigned, BROKER_CALL)?,
                OffsetKeeper::Store(_) => assigned,
            };
            context.replace(&self.consumer, &mut committed)?;
            *context.unplaced() = None;
            Ok(())
        });
        if let Err(error) = outcome {
            tracing::warn!(event = "rewinding failed", error = %error);
            self.shared.rewind.store(true, Ordering::Release);
            self.pause();
        }
    }

    /// Reports an error, and says whether this consumer is finished: librdkafka never recovers from a fatal one, such as
    /// being fenced off by another process with the same slot.
    fn is_fatal(&self, error: &KafkaError) -> bool {
        metrics::counter!("qafila_reader_errors_total", "group" => self.config.group.clone()).increment(1);
        let silent = self.silent_until.get().is_some_and(|until| Instant::now() < until);
        if !silent {
            tracing::warn!(event = "polling failed", group = self.config.group, error = %error);
            self.silent_until.set(Some(Instant::now() + COMPLAINT_EVERY));
        }
        if has_lost_the_coordinator(error) {
            self.shared.rewind.store(true, Ordering::Release);
        }
        let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_))
            || self.consumer.client().fatal_error().is_some();
        if fatal {
            *self.shared.fatal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
        fatal
    }
}

/// Partitions that were just assigned may have been waiting for their offsets from a coordinator that is none any more: librdkafka
/// tells us, but never asks again (confluentinc/librdkafka#5586).
fn has_lost_the_coordinator(error: &KafkaError) -> bool {
    let code = error.rdkafka_error_code();
    matches!(code, Some(RDKafkaErrorCode::NotCoordinator | RDKafkaErrorCode::CoordinatorNotAvailable))
}

/// The cause of a record whose schema nobody knows.
fn unknown_schema(schema_id: u32) -> Cause {
    let detail = format!("the schema registry knows no schema {schema_id}");
    Cause { code: "unknown_schema", detail, path: None, merchant: None }
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
