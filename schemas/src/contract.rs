//! The contract as one process uses it: where Kafka is, what the registry knows, and an encoder for each
//! record of each topic.

use crate::catalogue::Topic;
use crate::codec::Encoder;
use crate::kafka::KafkaConfig;
use crate::records::AvroRecord;
use crate::registry::{Registry, RegistryError};

/// Kafka and the registry, together. Clones share what was learnt.
#[derive(Clone)]
pub struct Contract {
    /// Where Kafka is.
    pub kafka: KafkaConfig,
    /// The schema registry.
    pub registry: Registry,
}

impl Contract {
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
