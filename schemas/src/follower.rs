//! How far a consumer group has come on a topic, looked at from outside. Every call blocks: for a thread of its own.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};

use crate::catalogue::Topic;
use crate::kafka::KafkaConfig;

const LOOK_EVERY: Duration = Duration::from_millis(250);
const CALL: Duration = Duration::from_secs(5);

/// A consumer group that follows a topic, looked at from outside.
pub struct Follower {
    consumer: BaseConsumer,
    topic: String,
    partitions: i32,
}

impl Follower {
    /// The `group`, named without the prefix of a test.
    pub fn of(kafka: &KafkaConfig, topic: Topic, group: &str) -> Result<Self, KafkaError> {
        let consumer = kafka
            .client()
            .set("group.id", kafka.topic(group))
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            // An empty partition is told at once.
            .set("fetch.wait.max.ms", "10")
            .create()?;
        Ok(Self { consumer, topic: kafka.topic(topic.name), partitions: topic.partitions })
    }

    /// Where each partition ends.
    pub fn ends(&self) -> Result<Vec<i64>, KafkaError> {
        (0..self.partitions)
            .map(|partition| Ok(self.consumer.fetch_watermarks(&self.topic, partition, CALL)?.1))
            .collect()
    }

    /// Where each partition ended at `instant`.
    pub fn at(&self, instant: DateTime<Utc>) -> Result<Vec<i64>, KafkaError> {
        let mut wanted = TopicPartitionList::new();
        for partition in 0..self.partitions {
            let millis = Offset::Offset(instant.timestamp_millis() + 1);
            wanted.add_partition_offset(&self.topic, partition, millis)?;
        }
        let found = self.consumer.offsets_for_times(wanted, CALL)?;
        let ends = self.ends()?;
        let of_partition =
            |partition: i32| found.find_partition(&self.topic, partition).map(|it| it.offset());
        Ok((0..)
            .zip(ends)
            .map(|(partition, end)| match of_partition(partition) {
                Some(Offset::Offset(offset)) => offset,
                _ => end,
            })
            .collect())
    }

    /// Whether the group has read up to `places` before `deadline`.
    pub fn comes_to(&self, places: &[i64], deadline: Instant) -> Result<bool, KafkaError> {
        loop {
            if self.has_come_to(places)? {
                return Ok(true);
            }
            if Instant::now() + LOOK_EVERY > deadline {
                return Ok(false);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Whether nothing before `places` is left to be read by the group. Offsets alone do not tell: the marks of transactions, and
    /// what was aborted, take some, too.
    pub fn has_come_to(&self, places: &[i64]) -> Result<bool, KafkaError> {
        let mut all = TopicPartitionList::new();
        all.add_partition_range(&self.topic, 0, self.partitions - 1);
        let mut rest = TopicPartitionList::new();
        for known in self.consumer.committed_offsets(all, CALL)?.elements() {
            let end = places.get(known.partition() as usize).copied().unwrap_or_default();
            match known.offset() {
                Offset::Offset(offset) if offset >= end => {}
                _ if end == 0 => {}
                Offset::Offset(offset) => {
                    rest.add_partition_offset(&self.topic, known.partition(), Offset::Offset(offset))?;
                }
                _ => rest.add_partition_offset(&self.topic, known.partition(), Offset::Beginning)?,
            }
        }
        let mut open: HashSet<i32> = rest.elements().iter().map(TopicPartitionListElem::partition).collect();
        self.consumer.assign(&rest)?;
        let looked_at = self.read_on(places, &mut open);
        self.consumer.unassign()?;
        looked_at
    }

    /// Reads what is left of the partitions in `open`; false at the first record before its place.
    fn read_on(&self, places: &[i64], open: &mut HashSet<i32>) -> Result<bool, KafkaError> {
        let until = Instant::now() + CALL;
        while !open.is_empty() {
            if Instant::now() > until {
                return Ok(false);
            }
            match self.consumer.poll(LOOK_EVERY) {
                None => {}
                Some(Ok(record)) => {
                    let (partition, offset) = (record.partition(), record.offset());
                    if places.get(partition as usize).is_some_and(|end| offset < *end) {
                        return Ok(false);
                    }
                    open.remove(&partition);
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    open.remove(&partition);
                }
                Some(Err(error)) => return Err(error),
            }
        }
        Ok(true)
    }
}
