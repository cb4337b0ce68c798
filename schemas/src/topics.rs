//! Creating the topics of the catalogue and their dead letters, registering their schemas, and telling what differs.

use std::collections::HashMap;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigSource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataPartition;
use rdkafka::types::RDKafkaErrorCode;

use crate::catalogue::{Cleanup, TOPICS, Topic, dead_letter_topic};
use crate::kafka::{KafkaConfig, LARGEST_RECORD};
use crate::registry::{FULL_TRANSITIVE, Registry, RegistryError};

const DAY_MS: u64 = 86_400_000;
/// A reader of a compacted topic that was away longer must rebuild (ARCHITECTURE §3).
const TOMBSTONES_KEPT_MS: u64 = 30 * DAY_MS;
const COMPACTED_WITHIN_MS: u64 = 7 * DAY_MS;
const DEAD_LETTER_PARTITIONS: i32 = 3;
const DEADLINE: Duration = Duration::from_secs(30);
const MIN_IN_SYNC: &str = "min.insync.replicas";

/// Why the topics are not as the catalogue says.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// Kafka could not be reached or refused.
    #[error("Kafka at QAFILA_KAFKA_BROKERS, topics: {0}")]
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

/// Makes every topic that is missing, has every topic acknowledge what at least two brokers have, and registers every schema, which stays
/// compatible from then on. Safe to repeat. `replication` is the number of copies of each partition.
pub async fn apply(kafka: &KafkaConfig, registry: &Registry, replication: i32) -> Result<(), TopicError> {
    create(kafka, replication).await?;
    set_in_sync(kafka, replication).await?;
    for topic in TOPICS {
        let name = kafka.topic(topic.name);
        for record in topic.records {
            let subject = topic.subject(&name, record.full_name);
            registry.register(&subject, record.name, record.schema).await?;
            registry.require_full_transitive(&subject).await?;
        }
    }
    Ok(())
}

async fn create(kafka: &KafkaConfig, replication: i32) -> Result<(), TopicError> {
    let admin: AdminClient<DefaultClientContext> = kafka.client().create()?;
    let plans = plans(kafka, replication);
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

/// Alters topics that acknowledge with fewer brokers than they should. What else was set of a topic is kept: Kafka takes all settings of
/// a topic together.
async fn set_in_sync(kafka: &KafkaConfig, replication: i32) -> Result<(), TopicError> {
    let admin: AdminClient<DefaultClientContext> = kafka.client().create()?;
    let plans = plans(kafka, replication);
    let asked: Vec<ResourceSpecifier<'_>> =
        plans.iter().map(|plan| ResourceSpecifier::Topic(&plan.name)).collect();
    let options = AdminOptions::new().request_timeout(Some(DEADLINE));
    let partitions = partitions(kafka).await?;
    let mut changes: Vec<(&str, HashMap<String, String>)> = Vec::new();
    for (plan, answer) in plans.iter().zip(admin.describe_configs(&asked, &options).await?) {
        let told = answer.map_err(|code| TopicError::Refused { topic: plan.name.clone(), code })?;
        // More than there are copies would refuse every record; of a topic just made the brokers may not tell them yet.
        let copies = partitions.get(&plan.name).and_then(|found| i32::try_from(found.copies).ok());
        let Some(copies) = copies.filter(|copies| *copies > 0) else { continue };
        let wanted = in_sync(replication.min(copies)).to_string();
        if told.get(MIN_IN_SYNC).and_then(|entry| entry.value.as_ref()) == Some(&wanted) {
            continue;
        }
        let set_before = told.entries.into_iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
        let mut settings: HashMap<String, String> =
            set_before.filter_map(|entry| Some((entry.name, entry.value?))).collect();
        settings.insert(MIN_IN_SYNC.into(), wanted);
        changes.push((&plan.name, settings));
    }
    if changes.is_empty() {
        return Ok(());
    }
    let altered: Vec<AlterConfig<'_>> = changes
        .iter()
        .map(|(topic, settings)| {
            settings.iter().fold(AlterConfig::new(ResourceSpecifier::Topic(topic)), |config, (key, value)| {
                config.set(key, value)
            })
        })
        .collect();
    for (outcome, (topic, _)) in admin.alter_configs(&altered, &options).await?.into_iter().zip(&changes) {
        outcome.map_err(|(_, code)| TopicError::Refused { topic: (*topic).to_owned(), code })?;
    }
    Ok(())
}

/// How many brokers must have a record before it is acknowledged: where there are two copies or more, the loss of one broker loses
/// nothing that was acknowledged.
fn in_sync(replication: i32) -> i32 {
    replication.min(2)
}

/// Schemas of this version that are not registered, by subject.
pub async fn missing_schemas(kafka: &KafkaConfig, registry: &Registry) -> Result<Vec<String>, TopicError> {
    let mut missing = Vec::new();
    for topic in TOPICS {
        for (subject, schema) in topic.schemas(&kafka.topic(topic.name)) {
            if !registry.knows(&subject, schema).await? {
                missing.push(subject);
            }
        }
    }
    Ok(missing)
}

/// Subjects of which a later schema may break readers, each with its compatibility.
pub async fn lax_subjects(kafka: &KafkaConfig, registry: &Registry) -> Result<Vec<String>, TopicError> {
    let mut lax = Vec::new();
    for topic in TOPICS {
        for (subject, _) in topic.schemas(&kafka.topic(topic.name)) {
            let level = registry.compatibility(&subject).await?;
            if level != FULL_TRANSITIVE {
                lax.push(format!("{subject} ({level})"));
            }
        }
    }
    Ok(lax)
}

/// What differs on the brokers from what the catalogue says, in words; `replication` copies of each partition are wanted, at least.
pub async fn faults(kafka: &KafkaConfig, replication: i32) -> Result<Vec<String>, TopicError> {
    let plans = plans(kafka, replication);
    let partitions = partitions(kafka).await?;
    let admin: AdminClient<DefaultClientContext> = kafka.client().create()?;
    let (existing, missing): (Vec<&Plan>, Vec<&Plan>) =
        plans.iter().partition(|plan| partitions.contains_key(&plan.name));
    let mut faults: Vec<String> = missing.iter().map(|plan| format!("{} is missing", plan.name)).collect();
    if existing.is_empty() {
        return Ok(faults);
    }
    let asked: Vec<ResourceSpecifier<'_>> =
        existing.iter().map(|plan| ResourceSpecifier::Topic(&plan.name)).collect();
    let options = AdminOptions::new().request_timeout(Some(DEADLINE));
    let answers = admin.describe_configs(&asked, &options).await?;
    for (plan, answer) in existing.iter().zip(answers) {
        if let Some(found) = partitions.get(&plan.name) {
            if Some(found.count) != usize::try_from(plan.partitions).ok() {
                faults.push(format!("{} has not {} partitions", plan.name, plan.partitions));
            }
            if Some(found.copies) < usize::try_from(replication).ok() {
                faults.push(format!("{} has {} copies, not {replication}", plan.name, found.copies));
            }
        }
        let told = match answer {
            Ok(told) => told,
            Err(error) => {
                faults.push(format!("{}: its settings cannot be read: {error}", plan.name));
                continue;
            }
        };
        for (key, wanted) in &plan.settings {
            let value = told.get(key).and_then(|entry| entry.value.clone());
            if value.as_ref() != Some(wanted) {
                faults.push(format!("{}: {key} is {}, not {wanted}", plan.name, value.unwrap_or_default()));
            }
        }
    }
    Ok(faults)
}

/// Partitions of every topic on the brokers, by its name there.
async fn partitions(kafka: &KafkaConfig) -> Result<HashMap<String, Partitions>, KafkaError> {
    let client = kafka.client();
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = client.create()?;
        let metadata = consumer.fetch_metadata(None, DEADLINE)?;
        let topics = metadata.topics().iter();
        Ok(topics.map(|topic| (topic.name().to_owned(), Partitions::of(topic.partitions()))).collect())
    });
    asked.await.map_err(|_| KafkaError::Canceled)?
}

fn plans(kafka: &KafkaConfig, replication: i32) -> Vec<Plan> {
    TOPICS.iter().flat_map(|topic| Plan::with_dead_letters(kafka, topic, replication)).collect()
}

/// Partitions of a topic, as the brokers tell.
struct Partitions {
    count: usize,
    /// Of the one that has the fewest.
    copies: usize,
}

impl Partitions {
    fn of(partitions: &[MetadataPartition]) -> Self {
        let copies = partitions.iter().map(|partition| partition.replicas().len()).min();
        Self { count: partitions.len(), copies: copies.unwrap_or_default() }
    }
}

/// One topic as it is asked for.
struct Plan {
    name: String,
    partitions: i32,
    settings: Vec<(&'static str, String)>,
}

impl Plan {
    fn with_dead_letters(kafka: &KafkaConfig, topic: &Topic, replication: i32) -> [Self; 2] {
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
            settings.push((MIN_IN_SYNC, in_sync(replication).to_string()));
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
