//! Dead letters as they stand on their topics, for whoever looks at them or lets them be tried again.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::{Offset, TopicPartitionList};

use super::header;
use crate::catalogue::{TOPICS, Topic, dead_letter_topic};
use crate::headers;
use crate::kafka::KafkaConfig;
use crate::writer::Outgoing;

const BROKER: Duration = Duration::from_secs(10);
/// Nothing new within so long, though the end was not reached: the broker is gone.
const SILENCE: Duration = Duration::from_secs(20);

/// Where a dead letter stands: `<topic without prefix>:<partition>:<offset>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId {
    /// Source topic of the catalogue.
    pub topic: String,
    /// Partition of its dead-letter topic.
    pub partition: i32,
    /// Offset there.
    pub offset: i64,
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.topic, self.partition, self.offset)
    }
}

impl FromStr for LetterId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed =
            || format!("{text:?} is no dead letter: topic:partition:offset, as `qafila dlq list` shows it");
        let mut parts = text.rsplitn(3, ':');
        let (offset, partition, topic) = (parts.next(), parts.next(), parts.next());
        Ok(Self {
            topic: topic
                .filter(|t| TOPICS.iter().any(|known| known.name == *t))
                .ok_or_else(malformed)?
                .to_owned(),
            partition: partition.and_then(|p| p.parse().ok()).ok_or_else(malformed)?,
            offset: offset.and_then(|o| o.parse().ok()).ok_or_else(malformed)?,
        })
    }
}

/// A dead letter.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Where it stands.
    pub id: LetterId,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value as it came; bodies and rows are sealed.
    pub value: Option<Vec<u8>>,
    /// Headers that it came with and those that tell why it is here.
    pub headers: OwnedHeaders,
    /// When it was set aside, ms since the epoch.
    pub at: i64,
}

impl Letter {
    fn of(topic: &str, message: &BorrowedMessage<'_>) -> Self {
        Self {
            id: LetterId {
                topic: topic.to_owned(),
                partition: message.partition(),
                offset: message.offset(),
            },
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message.headers().map(rdkafka::message::BorrowedHeaders::detach).unwrap_or_default(),
            at: message.timestamp().to_millis().unwrap_or_default(),
        }
    }

    /// The text of one of the [headers](header) that tell why it is here.
    pub fn header(&self, name: &str) -> Option<&str> {
        headers::text(&self.headers, name)
    }

    /// Key as text.
    pub fn key_text(&self) -> String {
        String::from_utf8_lossy(self.key.as_deref().unwrap_or_default()).into_owned()
    }

    /// The record as it may be tried again on its topic: as it came, with the place of its first delivery and how often it failed.
    pub fn to_record(&self, kafka: &KafkaConfig) -> Outgoing {
        Outgoing {
            topic: kafka.topic(&self.id.topic),
            key: self.key_text(),
            value: self.value.clone(),
            headers: self.headers.clone(),
        }
    }
}

/// Reads the dead letters of a topic of the catalogue from the earliest that is kept to the last one there is now. It blocks.
pub fn each_letter(
    kafka: &KafkaConfig,
    topic: &Topic,
    mut see: impl FnMut(Letter),
) -> Result<(), KafkaError> {
    let name = dead_letter_topic(&kafka.topic(topic.name));
    let consumer: BaseConsumer = kafka
        .client()
        .set("group.id", "qafila-dlq")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .create()?;
    let mut assignment = TopicPartitionList::new();
    let mut left = 0;
    let metadata = consumer.fetch_metadata(Some(&name), BROKER)?;
    let partitions = metadata.topics().first().map_or(0, |t| t.partitions().len());
    let mut ends = std::collections::HashMap::new();
    for partition in 0..i32::try_from(partitions).unwrap_or_default() {
        let (first, next) = consumer.fetch_watermarks(&name, partition, BROKER)?;
        if next > first {
            assignment.add_partition_offset(&name, partition, Offset::Offset(first))?;
            ends.insert(partition, next);
            left += 1;
        }
    }
    consumer.assign(&assignment)?;
    let mut heard = Instant::now();
    while left > 0 {
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                let end = ends.get(&message.partition()).copied().unwrap_or_default();
                if message.offset() < end {
                    see(Letter::of(topic.name, &message));
                }
                if message.offset() + 1 >= end && ends.remove(&message.partition()).is_some() {
                    left -= 1;
                }
            }
            Some(Err(error)) if heard.elapsed() > SILENCE => return Err(error),
            None if heard.elapsed() > SILENCE => return Err(KafkaError::NoMessageReceived),
            Some(Err(_)) | None => {}
        }
    }
    Ok(())
}

/// What an earlier failure left among the headers of a record that was tried again: the place of its first delivery, when it first
/// failed, how often; and the headers without any of it.
pub(super) fn earlier(headers: Option<OwnedHeaders>) -> (Option<String>, Option<String>, u32, OwnedHeaders) {
    let Some(headers) = headers else { return (None, None, 0, OwnedHeaders::new()) };
    let text = |name: &str| headers::text(&headers, name).map(str::to_owned);
    let attempts = text(header::ATTEMPTS).and_then(|n| n.parse().ok()).unwrap_or_default();
    let kept = headers
        .iter()
        .filter(|h| !header::WHY.contains(&h.key))
        .fold(OwnedHeaders::new(), |kept, h| kept.insert(Header { key: h.key, value: h.value }));
    (text(header::POSITION), text(header::FIRST_FAILED), attempts, kept)
}
