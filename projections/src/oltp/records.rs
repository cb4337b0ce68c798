//! Projections of topics that have one record type: each record is folded in the order of its partition, rows and offsets move in one
//! transaction.

use std::sync::Arc;
use std::time::Duration;

use qafila_schemas::catalogue::Topic;
use qafila_schemas::codec::{Decoder, split_header};
use qafila_schemas::dead_letter::DeadLetters;
use qafila_schemas::reader::{Decode, Decoded, OffsetKeeper, Reader, ReaderConfig, undecodable};
use qafila_schemas::records::AvroRecord;
use rdkafka::message::{BorrowedMessage, Message};
use tokio_util::sync::CancellationToken;

use super::follow::{Fold, follow};
use super::offsets::ProjectionOffsets;
use super::{OltpRole, ProjectionError};

const BATCH_AGE: Duration = Duration::from_millis(50);

/// Folds the records of `topic` until `shutdown`.
pub(super) async fn follow_records<T: AvroRecord>(
    role: OltpRole,
    projection: &'static str,
    topic: &Topic,
    fold: impl Fold<T>,
    shutdown: CancellationToken,
) -> Result<(), ProjectionError> {
    let config = ReaderConfig {
        group: format!("qafila-projection-{projection}"),
        slot: role.slot.clone(),
        topics: vec![topic.name.into()],
        max_records: 500,
        max_bytes: 4 << 20,
        max_age: BATCH_AGE,
        fetch_min_bytes: 1,
        offsets: OffsetKeeper::Store(Arc::new(ProjectionOffsets::new(role.pool.clone(), projection))),
    };
    let decode = DecodeRecords(role.contract.registry.decoder()?);
    let reader = Reader::start(&role.contract.kafka, &role.contract.registry, config, decode)?;
    let dead_letters = DeadLetters::new(role.contract.writer()?, projection);
    follow(&role.pool, projection, reader, dead_letters, fold, shutdown).await
}

struct DecodeRecords<T>(Decoder<T>);

impl<T: AvroRecord> Decode for DecodeRecords<T> {
    type Item = T;
    const KEEPS_RECORDS: bool = true;

    fn decode(&mut self, message: &BorrowedMessage<'_>) -> Decoded<T> {
        let Some(bytes) = message.payload() else { return Decoded::Ignored };
        match self.0.decode(bytes) {
            Ok(Some(record)) => Decoded::Item(record),
            Ok(None) => Decoded::UnknownSchema(split_header(bytes).map(|(id, _)| id).unwrap_or_default()),
            Err(error) => Decoded::Bad(undecodable(&error.to_string())),
        }
    }
}
