//! Writing observations: sealed, encoded, and acknowledged by Kafka. The only way from ingest to `salla.observations`.

use std::sync::Arc;

use qafila_schemas::catalogue::OBSERVATIONS;
use qafila_schemas::codec::{CodecError, Encoder};
use qafila_schemas::contract::Contract;
use qafila_schemas::headers::CloudEvent;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::millis::Millis;
use qafila_schemas::records::observation::Observation;
use qafila_schemas::registry::RegistryError;
use qafila_schemas::sealed::{KeyStore, KeyStoreError};
use qafila_schemas::writer::{Outgoing, Placed, TopicWriter, WriteError};

use crate::mapping::seal::{Sealed, Unsealable, seal_all};
use crate::mapping::{Unsealed, observation_key};

/// Why observations are not on their topic, as far as we know. Writing them again is harmless.
#[derive(Debug, thiserror::Error)]
pub enum ObservationError {
    /// No keys to seal with.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// One of them does not fit its schema.
    #[error(transparent)]
    Encode(#[from] CodecError),
    /// Kafka did not acknowledge.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Seals and writes.
pub struct ObservationWriter {
    topic: String,
    encoder: Encoder<Observation>,
    keys: Arc<dyn KeyStore>,
    writer: TopicWriter,
}

impl ObservationWriter {
    /// Registers the schema.
    pub async fn new(
        contract: &Contract,
        keys: Arc<dyn KeyStore>,
        writer: TopicWriter,
    ) -> Result<Self, RegistryError> {
        let (topic, encoder) =
            (contract.kafka.topic(OBSERVATIONS.name), contract.encoder(&OBSERVATIONS).await?);
        Ok(Self { topic, encoder, keys, writer })
    }

    /// Name of the topic on the brokers.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns once Kafka has all of them, of each key in the order given, but those that could not be sealed.
    pub async fn write(
        &self,
        merchant: MerchantId,
        unsealed: Vec<Unsealed>,
    ) -> Result<Vec<Unsealable>, ObservationError> {
        let Sealed { observations, unsealable } = self.seal(merchant, unsealed).await?;
        self.write_sealed(&observations).await?;
        Ok(unsealable)
    }

    /// Seals the personal fields of a merchant's observations.
    pub async fn seal(
        &self,
        merchant: MerchantId,
        unsealed: Vec<Unsealed>,
    ) -> Result<Sealed, ObservationError> {
        Ok(seal_all(&*self.keys, merchant, unsealed).await?)
    }

    /// As [`write`](Self::write), of what was sealed before; says where each of them is.
    pub async fn write_sealed(&self, sealed: &[Observation]) -> Result<Vec<Placed>, ObservationError> {
        let records: Vec<Outgoing> = sealed.iter().map(|o| self.record(o)).collect::<Result<_, _>>()?;
        Ok(self.writer.write_all(records).await?)
    }

    fn record(&self, observation: &Observation) -> Result<Outgoing, CodecError> {
        let key = observation_key(observation);
        let id = format!("{key}:{}:{}", observation.source, observation.observed_at.0);
        let kind = OBSERVATIONS.records[0].full_name;
        let headers = CloudEvent { id: &id, kind, subject: &key, time: Millis::now() }.headers();
        let value = Some(self.encoder.encode_to_vec(observation)?);
        Ok(Outgoing { topic: self.topic.clone(), key, value, headers })
    }
}
