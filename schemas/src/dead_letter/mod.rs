//! Dead letters: the untouched record plus why, where and how often it failed (ARCHITECTURE §7.3).

mod letter;

use rdkafka::message::{Header, OwnedHeaders};

pub use letter::{Letter, LetterId, each_letter};

use crate::catalogue::dead_letter_topic;
use crate::millis::Millis;
use crate::writer::{Outgoing, Placed, TopicWriter, WriteError};

/// Headers of a dead letter, beside those the record came with.
pub mod header {
    /// Stable code of the cause.
    pub const CAUSE: &str = "qafila_dlq_cause";
    /// What is wrong, for a person. Never a personal value.
    pub const DETAIL: &str = "qafila_dlq_detail";
    /// JSON pointer to the bad field, where there is one.
    pub const PATH: &str = "qafila_dlq_path";
    /// Who gave up.
    pub const CONSUMER: &str = "qafila_dlq_consumer";
    /// Topic, partition and offset of the record's first delivery.
    pub const POSITION: &str = "qafila_dlq_position";
    /// How often it was tried.
    pub const ATTEMPTS: &str = "qafila_dlq_attempts";
    /// When it first failed.
    pub const FIRST_FAILED: &str = "qafila_dlq_first_failed";
    /// Merchant it belongs to, where that could be read.
    pub const MERCHANT: &str = "qafila_dlq_merchant";
    /// `<resource>:<Salla's id>` of the entity it is about, where that could be read.
    pub const ENTITY: &str = "qafila_dlq_entity";
    /// All that a failure adds anew; the entity stays with the record.
    pub const WHY: [&str; 8] = [CAUSE, DETAIL, PATH, CONSUMER, POSITION, ATTEMPTS, FIRST_FAILED, MERCHANT];
    /// On a record that is tried again: the consumer that had given it up, or had it wait, and may take it out of turn.
    pub const RELEASED: &str = "qafila_dlq_released";
}

/// Why a record was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Stable code, such as `undecodable` or `unmappable`.
    pub code: &'static str,
    /// What is wrong and where, without a personal value.
    pub detail: String,
    /// JSON pointer to the bad field.
    pub path: Option<String>,
    /// Merchant, where known.
    pub merchant: Option<String>,
}

/// A record that cannot be processed, exactly as it came.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Source topic, as named on the brokers.
    pub topic: String,
    /// Partition and offset; `None` where it never was on the topic (a row of an API page).
    pub position: Option<Placed>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Headers it came with.
    pub headers: Option<OwnedHeaders>,
    /// Why.
    pub cause: Cause,
}

/// Writes dead letters for one consumer.
#[derive(Clone)]
pub struct DeadLetters {
    writer: TopicWriter,
    consumer: &'static str,
}

impl DeadLetters {
    /// Dead letters given up by `consumer`.
    pub fn new(writer: TopicWriter, consumer: &'static str) -> Self {
        Self { writer, consumer }
    }

    /// Writes all and waits until they are acknowledged; only then may offsets move past them.
    pub async fn write(&self, letters: Vec<DeadLetter>) -> Result<(), WriteError> {
        if letters.is_empty() {
            return Ok(());
        }
        for letter in &letters {
            metrics::counter!("qafila_dead_letters_total", "consumer" => self.consumer, "cause" => letter.cause.code)
                .increment(1);
            tracing::warn!(
                event = "record dead-lettered",
                consumer = self.consumer,
                topic = letter.topic,
                cause = letter.cause.code,
                detail = letter.cause.detail,
                path = letter.cause.path.as_deref(),
                merchantId = letter.cause.merchant.as_deref(),
            );
        }
        let records = letters.into_iter().map(|letter| self.outgoing(letter)).collect();
        self.writer.write_all(records).await.map(drop)
    }

    fn outgoing(&self, letter: DeadLetter) -> Outgoing {
        // One that was tried again keeps where and when it failed first.
        let (first_position, first_failed, attempts, kept) = letter::earlier(letter.headers);
        let here = letter.position.map(|p| format!("{}:{}:{}", letter.topic, p.partition, p.offset));
        let position = first_position.or(here);
        let first_failed = first_failed.unwrap_or_else(|| Millis::now().to_string());
        let attempts = (attempts + 1).to_string();
        let headers = [
            (header::CAUSE, Some(letter.cause.code)),
            (header::DETAIL, Some(letter.cause.detail.as_str())),
            (header::PATH, letter.cause.path.as_deref()),
            (header::MERCHANT, letter.cause.merchant.as_deref()),
            (header::CONSUMER, Some(self.consumer)),
            (header::POSITION, position.as_deref()),
            (header::ATTEMPTS, Some(attempts.as_str())),
            (header::FIRST_FAILED, Some(first_failed.as_str())),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some(Header { key, value: Some(value?) }))
        .fold(kept, OwnedHeaders::insert);
        Outgoing {
            topic: dead_letter_topic(&letter.topic),
            key: letter.key.map(|k| String::from_utf8_lossy(&k).into_owned()).unwrap_or_default(),
            value: letter.value,
            headers,
        }
    }
}
