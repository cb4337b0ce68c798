//! From stored events to Avro records on the `.events` topics.

use std::collections::HashMap;

use qafila_schemas::catalogue::{EXPORT_EVENTS, MERCHANT_EVENTS, SYNC_JOB_EVENTS, Topic};
use qafila_schemas::codec::{CodecError, Encoder};
use qafila_schemas::contract::Contract;
use qafila_schemas::dead_letter::{Cause, DeadLetter, DeadLetters};
use qafila_schemas::headers::{self, CloudEvent};
use qafila_schemas::kafka::KafkaConfig;
use qafila_schemas::records::{AvroRecord, export as x, merchant as m, sync as s};
use qafila_schemas::registry::RegistryError;
use qafila_schemas::writer::{Outgoing, TopicWriter, WriteError};
use serde_json::value::RawValue;

use super::outbox::StoredEvent;

/// Why events were not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Kafka.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The schema registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Why one event cannot become a record.
#[derive(Debug, thiserror::Error)]
enum Unpublishable {
    #[error("events of type {0} have no record")]
    UnknownType(String),
    #[error("payload: {0}")]
    Payload(#[from] serde_json::Error),
    #[error(transparent)]
    Codec(#[from] CodecError),
}

type Encode = Box<dyn Fn(&str) -> Result<Vec<u8>, Unpublishable> + Send + Sync>;

struct EventType {
    topic: String,
    full_name: &'static str,
    encode: Encode,
}

/// Publishes events with the idempotent producer.
pub struct Publisher {
    types: HashMap<(&'static str, &'static str), EventType>,
    kafka: KafkaConfig,
    writer: TopicWriter,
    dead_letters: DeadLetters,
}

impl Publisher {
    /// Registers the schemas of all events and starts a producer.
    pub async fn start(contract: &Contract) -> Result<Self, PublishError> {
        let writer = TopicWriter::new(&contract.kafka, 0)?;
        let mut types = HashMap::new();
        macro_rules! events {
            ($aggregate:literal, $topic:expr, $($record:ty),+) => {
                $(types.insert(($aggregate, <$record>::NAME), event_type::<$record>(contract, &$topic).await?);)+
            };
        }
        events!(
            "merchant",
            MERCHANT_EVENTS,
            m::MerchantRegistered,
            m::MerchantRenamed,
            m::StoreConnected,
            m::StoreDisconnected,
            m::ReauthorisationNeeded,
            m::AccessRestored
        );
        events!(
            "sync-job",
            SYNC_JOB_EVENTS,
            s::SyncRequested,
            s::SyncTakenOver,
            s::SliceImported,
            s::SyncPaused,
            s::SyncResumed,
            s::SyncCompleted,
            s::SyncFailed,
            s::SyncCancelled
        );
        events!(
            "export",
            EXPORT_EVENTS,
            x::ExportRequested,
            x::ExportTakenOver,
            x::ExportCompleted,
            x::ExportFailed,
            x::ExportRevoked,
            x::ExportExpired
        );
        Ok(Self {
            types,
            kafka: contract.kafka.clone(),
            dead_letters: DeadLetters::new(writer.clone(), "relay"),
            writer,
        })
    }

    /// Publishes all and waits until every one is acknowledged. One that cannot become a record goes to the
    /// dead letters; it must not stop the others.
    pub async fn publish(&self, events: &[StoredEvent]) -> Result<(), PublishError> {
        let mut records = Vec::with_capacity(events.len());
        let mut letters = Vec::new();
        for event in events {
            match self.record(event) {
                Ok(record) => records.push(record),
                Err(error) => letters.push(self.dead_letter(event, &error)),
            }
        }
        self.writer.write_all(records).await?;
        Ok(self.dead_letters.write(letters).await?)
    }

    fn record(&self, event: &StoredEvent) -> Result<Outgoing, Unpublishable> {
        let known = self
            .types
            .get(&(event.aggregate_type.as_str(), event.event_type.as_str()))
            .ok_or_else(|| Unpublishable::UnknownType(event.event_type.clone()))?;
        let tagged: HashMap<&str, &RawValue> = serde_json::from_str(&event.payload)?;
        let inner = tagged.values().next().map_or("null", |raw| raw.get());
        #[derive(serde::Deserialize)]
        struct Key {
            merchant_id: String,
        }
        let Key { merchant_id } = serde_json::from_str(inner)?;
        let id = format!("{}:{}:{}", event.aggregate_type, event.aggregate_id, event.sequence);
        let cloud_event = CloudEvent {
            id: &id,
            kind: known.full_name,
            subject: &event.aggregate_id,
            time: event.stored_at,
        };
        let headers = headers::with(cloud_event.headers(), headers::SEQUENCE, &event.sequence.to_string());
        Ok(Outgoing {
            topic: known.topic.clone(),
            key: merchant_id,
            value: Some((known.encode)(inner)?),
            headers,
        })
    }

    fn dead_letter(&self, event: &StoredEvent, error: &Unpublishable) -> DeadLetter {
        let topic = match event.aggregate_type.as_str() {
            "merchant" => MERCHANT_EVENTS,
            "export" => EXPORT_EVENTS,
            _ => SYNC_JOB_EVENTS,
        };
        DeadLetter {
            topic: self.kafka.topic(topic.name),
            position: None,
            key: Some(event.aggregate_id.clone().into_bytes()),
            value: Some(event.payload.clone().into_bytes()),
            headers: None,
            cause: Cause { code: "unpublishable", detail: error.to_string(), path: None, merchant: None },
        }
    }
}

async fn event_type<T: AvroRecord>(contract: &Contract, topic: &Topic) -> Result<EventType, PublishError> {
    let encoder: Encoder<T> = contract.encoder(topic).await?;
    let full_name = topic.records.iter().find(|r| r.name == T::NAME).map_or(T::NAME, |r| r.full_name);
    Ok(EventType {
        topic: contract.kafka.topic(topic.name),
        full_name,
        encode: Box::new(move |json| {
            let event: T = serde_json::from_str(json)?;
            Ok(encoder.encode_to_vec(&event)?)
        }),
    })
}
