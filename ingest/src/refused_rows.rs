//! Rows of Salla's answers that do not map, set aside as dead letters, sealed whole: they may hold personal data anywhere.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use qafila_schemas::catalogue::OBSERVATIONS;
use qafila_schemas::contract::Contract;
use qafila_schemas::dead_letter::{Cause, DeadLetter, DeadLetters, header};
use qafila_schemas::envelope::{BodySealer, OperatorKeys, SealError};
use qafila_schemas::headers;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::writer::{TopicWriter, WriteError};
use rdkafka::message::OwnedHeaders;

use crate::mapping::Unmappable;

/// What such rows are sealed for.
pub const SEALED_FOR: &str = "unmappable row";

/// Sets rows aside.
pub struct RefusedRows {
    topic: String,
    sealer: BodySealer,
    letters: DeadLetters,
}

impl RefusedRows {
    /// Dead letters of `salla.observations`, given up by `consumer`.
    pub fn new(contract: &Contract, keys: OperatorKeys, writer: TopicWriter, consumer: &'static str) -> Self {
        Self {
            topic: contract.kafka.topic(OBSERVATIONS.name),
            sealer: BodySealer::new(keys, SEALED_FOR),
            letters: DeadLetters::new(writer, consumer),
        }
    }

    /// The dead letter of a row of `resource`; it names the entity, so that it can be fetched again.
    pub fn letter(
        &self,
        merchant: MerchantId,
        resource: &str,
        row: &str,
        error: &Unmappable,
    ) -> Result<DeadLetter, SealError> {
        let sealed = self.sealer.seal(row.as_bytes())?;
        let entity = format!("{resource}:{}", row_id(row));
        Ok(DeadLetter {
            topic: self.topic.clone(),
            position: None,
            key: Some(merchant.to_string().into_bytes()),
            headers: Some(headers::with(sealed.with_headers(OwnedHeaders::new()), header::ENTITY, &entity)),
            value: Some(sealed.bytes),
            cause: Cause {
                code: "unmappable",
                detail: error.reason.clone(),
                path: Some(error.path.clone()),
                merchant: Some(merchant.to_string()),
            },
        })
    }

    /// Returns once Kafka has them.
    pub async fn write(&self, letters: Vec<DeadLetter>) -> Result<(), WriteError> {
        self.letters.write(letters).await
    }
}

/// Salla's id of a row whatever else is wrong with it; of a row that has none a negative number made from its text.
pub fn row_id(row: &str) -> i64 {
    crate::mapping::row_id(row).unwrap_or_else(|| {
        let mut hasher = DefaultHasher::new();
        row.hash(&mut hasher);
        -i64::try_from(hasher.finish() >> 1).unwrap_or(i64::MAX).max(1)
    })
}
