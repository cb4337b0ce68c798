//! How this process reaches Kafka: brokers, a topic prefix and properties passed to librdkafka as they are.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;

/// Largest record, bytes: more than the largest answer of Salla that is read, so that no row of one is too large to be kept.
pub const LARGEST_RECORD: u32 = 20 << 20;

/// Where Kafka is.
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    /// `host:port`, comma separated.
    pub brokers: String,
    /// Put before every topic name and consumer group; empty in production, one per test.
    pub prefix: String,
    /// More librdkafka properties, such as `security.protocol`.
    pub properties: BTreeMap<String, String>,
}

impl KafkaConfig {
    /// Brokers without prefix or properties.
    pub fn at(brokers: &str) -> Self {
        Self { brokers: brokers.to_owned(), prefix: String::new(), properties: BTreeMap::new() }
    }

    /// Name on the brokers of a topic of the catalogue.
    pub fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Properties every client starts from.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("socket.nagle.disable", "true")
            .set("log_level", "4");
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config
    }

    /// An idempotent producer that waits for all replicas. `linger_ms` is 0 on a request's path, 5 to 20 for bulk.
    pub fn producer(&self, linger_ms: u32) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.max.bytes", LARGEST_RECORD.to_string())
            .set("compression.type", "lz4")
            .set("linger.ms", linger_ms.to_string())
            .set("delivery.timeout.ms", "30000")
            .set("request.timeout.ms", "10000")
            .set("queue.buffering.max.messages", "200000")
            .set("queue.buffering.max.kbytes", "65536");
        config
    }
}
