//! What a reader is assigned: every rebalance and every rewind begins a new epoch, and only batches of the present
//! epoch may be finished.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

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
    ready: AtomicBool,
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

    /// Drops everything under way and reads again from the committed offsets. The polling thread alone begins the
    /// new epoch, when it goes back: a batch of the new epoch never holds records polled before.
    pub fn rewind(&self) {
        self.shared.rewind.store(true, Ordering::Release);
    }
}

pub(super) struct Context {
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
            self.replace(consumer, partitions)
        } else {
            self.let_go(consumer)
        };
        tracing::info!(event = "rebalanced", partitions = partitions.count(), code = ?code);
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
        Self { shared, keeper, unplaced: Mutex::new(None) }
    }

    pub(super) fn unplaced(&self) -> MutexGuard<'_, Option<TopicPartitionList>> {
        self.unplaced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes `partitions` in place of what is held. Most often nothing is; but where the topics' metadata changes while partitions
    /// are being assigned, librdkafka joins again without taking them away first.
    fn replace(&self, consumer: &BaseConsumer<Self>, partitions: &mut TopicPartitionList) -> KafkaResult<()> {
        if consumer.assignment()?.count() > 0 {
            self.let_go(consumer)?;
        }
        self.begin(consumer, partitions)
    }

    /// Reads `partitions` from where they are to be started.
    pub(super) fn begin(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &mut TopicPartitionList,
    ) -> KafkaResult<()> {
        self.position(partitions)?;
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
