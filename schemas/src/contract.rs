//! The contract as one process uses it: where Kafka is, what the registry knows, and an encoder for each
//! record of each topic.

use std::sync::{Arc, OnceLock};

use crate::catalogue::Topic;
use crate::codec::Encoder;
use crate::kafka::KafkaConfig;
use crate::records::AvroRecord;
use crate::registry::{Registry, RegistryError};
use crate::writer::{TopicWriter, WriteError};

/// How long records of the shared writer wait for others, ms.
const SHARED_LINGER_MS: u32 = 5;

/// Kafka and the registry, together. Clones share what was learnt.
#[derive(Clone)]
pub struct Contract {
    /// Where Kafka is.
    pub kafka: KafkaConfig,
    /// The schema registry.
    pub registry: Registry,
    shared_writer: Arc<OnceLock<TopicWriter>>,
}

impl Contract {
    /// Of the Kafka and the registry that this process uses.
    pub fn new(kafka: KafkaConfig, registry: Registry) -> Self {
        Self { kafka, registry, shared_writer: Arc::default() }
    }

    /// The writer that everything shares whose records nobody waits for within milliseconds: a producer has threads and connections of its
    /// own, which cost even while nothing is written.
    pub fn writer(&self) -> Result<TopicWriter, WriteError> {
        if let Some(writer) = self.shared_writer.get() {
            return Ok(writer.clone());
        }
        // Where two come at once, one of their writers is dropped.
        let writer = TopicWriter::new(&self.kafka, SHARED_LINGER_MS)?;
        Ok(self.shared_writer.get_or_init(|| writer).clone())
    }

    /// An encoder for `T` on `topic`; registers the schema where it is not yet.
    pub async fn encoder<T: AvroRecord>(&self, topic: &Topic) -> Result<Encoder<T>, RegistryError> {
        let full_name = topic
            .records
            .iter()
            .find(|record| record.name == T::NAME)
            .map_or(T::NAME, |record| record.full_name);
        self.registry.encoder(&topic.subject(&self.kafka.topic(topic.name), full_name)).await
    }
}
