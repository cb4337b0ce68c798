//! Creating the topics of the catalogue and their dead letters, and registering their schemas.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use crate::catalogue::{Cleanup, TOPICS, Topic, dead_letter_topic};
use crate::kafka::{KafkaConfig, LARGEST_RECORD};
use crate::registry::{Registry, RegistryError};

const DAY_MS: u64 = 86_400_000;
/// A reader of a compacted topic that was away longer must rebuild (ARCHITECTURE §3).
const TOMBSTONES_KEPT_MS: u64 = 30 * DAY_MS;
const COMPACTED_WITHIN_MS: u64 = 7 * DAY_MS;
const DEAD_LETTER_PARTITIONS: i32 = 3;
const DEADLINE: Duration = Duration::from_secs(30);

/// Why the topics are not as the catalogue says.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// Kafka could not be reached or refused.
    #[error("Kafka at QAFILA_KAFKA_BROKERS, creating topics: {0}")]
    Kafka(#[from] KafkaError),
    /// One topic could not be made.
    #[error("topic {topic}: {code} (copies of each partition: QAFILA_KAFKA_REPLICATION)")]
    Refused {
        /// Its name on the brokers.
        topic: String,
        /// What the broker said.
        code: RDKafkaErrorCode,
    },
    /// A schema could not be registered.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Makes every topic that is missing and registers every schema. Safe to repeat.
/// `replication` is the number of copies of each partition.
pub async fn apply(kafka: &KafkaConfig, registry: &Registry, replication: i32) -> Result<(), TopicError> {
    create(kafka, replication).await?;
    for topic in TOPICS {
        let name = kafka.topic(topic.name);
        for record in topic.records {
            registry.register(&topic.subject(&name, record.full_name), record.name, record.schema).await?;
        }
    }
    Ok(())
}

async fn create(kafka: &KafkaConfig, replication: i32) -> Result<(), TopicError> {
    let admin: AdminClient<DefaultClientContext> = kafka.client().create()?;
    let plans: Vec<Plan> = TOPICS.iter().flat_map(|topic| Plan::with_dead_letters(kafka, topic)).collect();
    let topics: Vec<NewTopic<'_>> = plans.iter().map(|plan| plan.new_topic(replication)).collect();
    let options = AdminOptions::new().operation_timeout(Some(DEADLINE)).request_timeout(Some(DEADLINE));
    for outcome in admin.create_topics(&topics, &options).await? {
        match outcome {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(TopicError::Refused { topic, code }),
        }
    }
    Ok(())
}

/// One topic as it is asked for.
struct Plan {
    name: String,
    partitions: i32,
    settings: Vec<(&'static str, String)>,
}

impl Plan {
    fn with_dead_letters(kafka: &KafkaConfig, topic: &Topic) -> [Self; 2] {
        let name = kafka.topic(topic.name);
        let mut settings = match topic.cleanup {
            Cleanup::Delete { days } => delete_after(days),
            Cleanup::Compact => vec![
                ("cleanup.policy", "compact".into()),
                ("delete.retention.ms", TOMBSTONES_KEPT_MS.to_string()),
                ("max.compaction.lag.ms", COMPACTED_WITHIN_MS.to_string()),
            ],
        };
        let mut dead_letters = Self {
            name: dead_letter_topic(&name),
            partitions: DEAD_LETTER_PARTITIONS,
            settings: delete_after(topic.dead_letter_days()),
        };
        for settings in [&mut settings, &mut dead_letters.settings] {
            settings.push(("max.message.bytes", LARGEST_RECORD.to_string()));
        }
        [Self { name, partitions: topic.partitions, settings }, dead_letters]
    }

    fn new_topic(&self, replication: i32) -> NewTopic<'_> {
        self.settings.iter().fold(
            NewTopic::new(&self.name, self.partitions, TopicReplication::Fixed(replication)),
            |topic, (key, value)| topic.set(key, value),
        )
    }
}

fn delete_after(days: u32) -> Vec<(&'static str, String)> {
    vec![("cleanup.policy", "delete".into()), ("retention.ms", (u64::from(days) * DAY_MS).to_string())]
}
