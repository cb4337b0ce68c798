//! What a reader is assigned: every rebalance and every rewind begins a new epoch, and only batches of the present
//! epoch may be finished.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use super::portions::Portions;
use super::watch::Fetched;
use super::{Batch, OffsetKeeper};

/// What a reader is assigned at the moment. Clones follow the same reader.
#[derive(Clone)]
pub struct Assignment {
    shared: Arc<Shared>,
    consumer: Arc<BaseConsumer<Context>>,
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) epoch: AtomicU64,
    pub(super) rewind: AtomicBool,
    pub(super) paused: AtomicBool,
    pub(super) fatal: Mutex<Option<KafkaError>>,
    portions: Mutex<Portions>,
    age: Mutex<Option<Duration>>,
    ready: AtomicBool,
}

impl Shared {
    /// What is left of a limit of a batch.
    pub(super) fn portion(&self, limit: usize) -> usize {
        self.portions().of(limit)
    }

    /// How old the first record of a batch may be, where that was said since the start.
    pub(super) fn age(&self) -> Option<Duration> {
        *self.age.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn portions(&self) -> MutexGuard<'_, Portions> {
        self.portions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Assignment {
    pub(super) fn new(shared: Arc<Shared>, consumer: Arc<BaseConsumer<Context>>) -> Self {
        Self { shared, consumer }
    }

    /// Whether the partitions of the batch are still ours and were not rewound since.
    pub fn is_current<T>(&self, batch: &Batch<T>) -> bool {
        !self.shared.rewind.load(Ordering::Acquire)
            && batch.epoch == self.shared.epoch.load(Ordering::Acquire)
    }

    pub(super) fn why_ended(&self) -> String {
        let fatal = self.shared.fatal.lock().unwrap_or_else(PoisonError::into_inner);
        fatal.as_ref().map_or_else(|| "the polling thread panicked".to_owned(), ToString::to_string)
    }

    /// Whether partitions have been assigned at least once.
    pub fn is_ready(&self) -> bool {
        self.shared.ready.load(Ordering::Acquire)
    }

    /// Whether reading waits because nobody takes its batches.
    pub fn is_paused(&self) -> bool {
        self.shared.paused.load(Ordering::Acquire)
    }

    /// Commits the batch's offsets on the brokers, after its effect. A refusal is logged and means that it
    /// will be read again.
    pub fn commit<T>(&self, batch: &Batch<T>) {
        if let Err(error) = self.consumer.commit(&batch.next_offsets(), CommitMode::Async) {
            tracing::warn!(event = "offset commit failed", error = %error);
        }
    }

    /// Makes the next batches half as large: the effect of this one took too long.
    pub fn halve_batches(&self) {
        self.shared.portions().halve();
    }

    /// From now on a batch leaves when its first record is so old, whatever the configuration says.
    pub fn set_batch_age(&self, age: Duration) {
        *self.shared.age.lock().unwrap_or_else(PoisonError::into_inner) = Some(age);
    }

    /// Says that the effect of a batch came about: halved batches grow again after some.
    pub fn finished_batch(&self) {
        self.shared.portions().finished();
    }

    /// Drops everything under way and reads again from the committed offsets. The polling thread alone begins the
    /// new epoch, when it goes back: a batch of the new epoch never holds records polled before.
    pub fn rewind(&self) {
        self.shared.rewind.store(true, Ordering::Release);
    }
}

/// Rebalances wait for it.
const BROKER_CALL: Duration = Duration::from_secs(5);

pub(super) struct Context {
    shared: Arc<Shared>,
    keeper: OffsetKeeper,
    /// Partitions that are ours although we could not read where to start them.
    unplaced: Mutex<Option<TopicPartitionList>>,
    /// How far librdkafka has fetched, where it has told since the last look.
    fetched: Mutex<Option<Fetched>>,
}

impl ClientContext for Context {
    fn stats(&self, statistics: Statistics) {
        *self.fetched.lock().unwrap_or_else(PoisonError::into_inner) = Some(Fetched::of(&statistics));
    }
}

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
            self.replace(consumer, partitions)
        } else {
            self.let_go(consumer)
        };
        tracing::info!(event = "rebalanced", partitions = partitions.count(), assigned);
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
    pub(super) fn new(shared: Arc<Shared>, keeper: OffsetKeeper) -> Self {
        Self { shared, keeper, unplaced: Mutex::new(None), fetched: Mutex::new(None) }
    }

    /// How far librdkafka has fetched, once each time it tells.
    pub(super) fn take_fetched(&self) -> Option<Fetched> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn unplaced(&self) -> MutexGuard<'_, Option<TopicPartitionList>> {
        self.unplaced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `partitions` in place of what is held. In a rebalance nothing is, most often; but where the topics' metadata changes while
    /// partitions are being assigned, librdkafka joins again without taking them away first.
    pub(super) fn replace(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &mut TopicPartitionList,
    ) -> KafkaResult<()> {
        if consumer.assignment()?.count() > 0 {
            self.let_go(consumer)?;
        }
        self.begin(consumer, partitions)
    }

    /// Reads `partitions` from where they are to be started.
    fn begin(&self, consumer: &BaseConsumer<Self>, partitions: &mut TopicPartitionList) -> KafkaResult<()> {
        self.position(consumer, partitions)?;
        consumer.assign(partitions)
    }

    /// Lets all partitions go, none of them paused: a pause would outlive the assignment, and whoever came back would be silent.
    ///
    /// It is ended here, when librdkafka has stopped them and starts nothing, and not when they are assigned again: to resume then
    /// races with librdkafka's own thread, which starts them. Each takes a version and then queues; what comes late is dropped, and
    /// a partition whose start was dropped is never read (confluentinc/librdkafka#5591). Nor is a resume from before trusted: the
    /// rebalance pauses partitions itself, and the same race may have dropped it.
    fn let_go(&self, consumer: &BaseConsumer<Self>) -> KafkaResult<()> {
        let held = consumer.assignment();
        let gone = consumer.unassign();
        self.shared.paused.store(false, Ordering::Release);
        if let Err(error) = held.and_then(|held| consumer.resume(&held)) {
            tracing::warn!(event = "resuming failed", error = %error);
        }
        gone
    }

    /// Holds all partitions until [`resume`](Self::resume).
    pub(super) fn pause(&self, consumer: &BaseConsumer<Self>) -> KafkaResult<()> {
        self.shared.paused.store(true, Ordering::Release);
        consumer.assignment().and_then(|partitions| consumer.pause(&partitions))
    }

    /// Ends a pause, if there is one that no rebalance has ended.
    pub(super) fn resume(&self, consumer: &BaseConsumer<Self>) -> KafkaResult<()> {
        if !self.shared.paused.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        consumer.assignment().and_then(|partitions| consumer.resume(&partitions))
    }

    /// Fills in where to start, for readers that keep their offsets themselves.
    fn position(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &mut TopicPartitionList,
    ) -> KafkaResult<()> {
        let OffsetKeeper::Store(store) = &self.keeper else { return Ok(()) };
        let asked: Vec<(String, i32)> =
            partitions.elements().iter().map(|p| (p.topic().to_owned(), p.partition())).collect();
        let unreadable = |reason: String| {
            tracing::error!(event = "offsets unreadable", reason);
            KafkaError::ConsumerCommit(RDKafkaErrorCode::Fail)
        };
        let offsets = store.next_offsets(&asked).map_err(unreadable)?;
        for ((topic, partition), mut offset) in asked.iter().zip(offsets) {
            // Where brokers do not answer what is kept is right most likely; reading finds out.
            let end = consumer.fetch_watermarks(topic, *partition, BROKER_CALL).ok().map(|(_, end)| end);
            if let Some(end) = end.filter(|end| offset.is_some_and(|next| next > *end)) {
                metrics::counter!("qafila_reader_lost_tails_total", "topic" => topic.clone()).increment(1);
                tracing::error!(
                    event = "topic has lost its tail",
                    topic,
                    partition,
                    end,
                    read_to = offset,
                    advice = "stop the relay, start all other roles, then publish again: qafila relay republish --help"
                );
                store.lower(topic, *partition, end).map_err(unreadable)?;
                offset = Some(end);
            }
            partitions.set_partition_offset(
                topic,
                *partition,
                offset.map_or(Offset::Beginning, Offset::Offset),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::message::{BorrowedMessage, Message, OwnedHeaders};
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;

    use super::*;
    use crate::kafka::KafkaConfig;
    use crate::reader::{Decode, Decoded, Reader, ReaderConfig};
    use crate::registry::Registry;
    use crate::writer::{Outgoing, TopicWriter};

    const TOPIC: &str = "texts";
    const PATIENCE: Duration = Duration::from_secs(90);

    struct Text;

    impl Decode for Text {
        type Item = String;

        fn decode(&mut self, message: &BorrowedMessage<'_>) -> Decoded<String> {
            Decoded::Item(String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned())
        }
    }

    async fn write(kafka: &KafkaConfig, text: &str) {
        let (topic, value) = (TOPIC.to_owned(), Some(text.as_bytes().to_vec()));
        let record = Outgoing { topic, key: "key".into(), value, headers: OwnedHeaders::new() };
        TopicWriter::new(kafka, 0).expect("a writer").write_all(vec![record]).await.expect("written");
    }

    /// Reads until `last` comes; nothing is committed.
    async fn read_to(reader: &mut Reader<String>, last: &str) -> Vec<String> {
        let mut texts = vec![];
        while texts.last().is_none_or(|text| text != last) {
            let batch =
                tokio::time::timeout(PATIENCE, reader.next()).await.expect("in time").expect("a batch");
            texts.extend(batch.items.into_iter().map(|item| item.value));
        }
        texts
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_partition_that_librdkafka_leaves_unread_without_a_word_is_read_anew() {
        let cluster: MockCluster<DefaultProducerContext> = MockCluster::new(1).expect("a cluster");
        cluster.create_topic(TOPIC, 1, 1).expect("a topic");
        let kafka = KafkaConfig::at(&cluster.bootstrap_servers());
        let registry = Registry::new("http://127.0.0.1:1").expect("an address");
        let config = ReaderConfig {
            group: "readers".into(),
            slot: "one".into(),
            topics: vec![TOPIC.into()],
            max_records: 10,
            max_bytes: 1 << 20,
            max_age: Duration::from_millis(20),
            fetch_min_bytes: 1,
            offsets: OffsetKeeper::Broker,
        };
        write(&kafka, "first").await;
        let mut reader = Reader::start(&kafka, &registry, config, Text).expect("a reader");
        assert_eq!(read_to(&mut reader, "first").await, ["first"]);

        // As silent as a start that was dropped: nothing is fetched, and the reader knows of no pause.
        let consumer = &reader.assignment.consumer;
        consumer.pause(&consumer.assignment().expect("an assignment")).expect("paused");
        write(&kafka, "second").await;
        assert_eq!(read_to(&mut reader, "second").await, ["first", "second"], "from the committed offset");
    }
}
