//! Publishing facts and committing the observations' offsets as one Kafka transaction (ARCHITECTURE §5): a
//! process that lost its partitions, or was frozen and thawed, cannot leave an older revision behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use qafila_schemas::kafka::KafkaConfig;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

const TRANSACTION_TIMEOUT_MS: &str = "5000";
const CALL: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_micros(500);
const START: Duration = Duration::from_secs(30);

/// One fact, ready to send.
#[derive(Debug)]
pub struct FactRecord {
    /// Topic on the brokers.
    pub topic: Arc<str>,
    /// `<merchant id>:<store id>:<salla id>`
    pub key: String,
    /// Value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers; the revision is among them.
    pub headers: OwnedHeaders,
}

/// A transactional producer. Its calls block: use it on a thread of its own.
pub struct FactProducer {
    producer: ThreadedProducer<DefaultProducerContext>,
}

impl FactProducer {
    /// Starts it; a producer with the same `transactional_id` that still lives elsewhere is fenced off.
    pub fn start(kafka: &KafkaConfig, transactional_id: &str) -> Result<Self, KafkaError> {
        let producer: ThreadedProducer<DefaultProducerContext> = kafka
            .producer(5)
            .set("transactional.id", transactional_id)
            .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS)
            .set("delivery.timeout.ms", "4500")
            .set("request.timeout.ms", "4000")
            .create()?;
        producer.init_transactions(START)?;
        Ok(Self { producer })
    }

    /// Publishes `facts` and commits `offsets` under the group's metadata of the batch they came from: both or
    /// neither. After an error this producer is not to be used again.
    pub fn publish(
        &self,
        facts: Vec<FactRecord>,
        offsets: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
    ) -> Result<(), KafkaError> {
        self.producer.begin_transaction()?;
        let outcome = self.send_all(facts).and_then(|()| {
            self.wait_until_delivered();
            self.producer.send_offsets_to_transaction(offsets, group, CALL)?;
            self.producer.commit_transaction(CALL)
        });
        if outcome.is_err() {
            // What cannot be aborted times out on the broker; this producer is dropped either way.
            if let Err(error) = self.producer.abort_transaction(CALL) {
                tracing::debug!(event = "transaction not aborted", error = %error);
            }
        }
        outcome
    }

    /// Waits here, because rdkafka's own flush, which a commit begins with, takes 100 ms whenever anything is under way.
    /// What is not delivered in time fails the commit.
    fn wait_until_delivered(&self) {
        let deadline = Instant::now() + CALL;
        while self.producer.in_flight_count() > 0 && Instant::now() < deadline {
            std::thread::sleep(GLANCE);
        }
    }

    fn send_all(&self, facts: Vec<FactRecord>) -> Result<(), KafkaError> {
        for fact in facts {
            let mut record = BaseRecord::<str, [u8]>::to(&fact.topic).key(&fact.key).headers(fact.headers);
            if let Some(value) = &fact.value {
                record = record.payload(value);
            }
            loop {
                match self.producer.send(record) {
                    Ok(()) => break,
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                        record = again;
                        std::thread::yield_now();
                    }
                    Err((error, _)) => return Err(error),
                }
            }
        }
        Ok(())
    }
}
