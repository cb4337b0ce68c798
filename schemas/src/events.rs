//! Reading the `.events` topics: several record types on one topic, told apart by `ce_type`.

use rdkafka::message::{BorrowedMessage, Message};
use uuid::Uuid;

use crate::codec::{CodecError, Decoder, split_header};
use crate::headers;
use crate::reader::{Decode, Decoded, undecodable};
use crate::records::AvroRecord;
use crate::records::{export as x, merchant as m, sync as s};
use crate::registry::{Registry, RegistryError};

/// An event with its place in its aggregate's stream.
#[derive(Debug, Clone)]
pub struct EventRecord<E> {
    /// Id of the aggregate.
    pub aggregate_id: Uuid,
    /// Its sequence; apply it only if it is the next one.
    pub sequence: i64,
    /// The event; `None` where this version does not know its type (its position still counts).
    pub event: Option<E>,
}

/// Decoders of all record types of one topic.
pub trait EventDecoders: Sized + Send + 'static {
    /// What they decode to.
    type Event: Send + 'static;
    /// Decoders that share the registry's cache.
    fn new(registry: &Registry) -> Result<Self, RegistryError>;
    /// Decodes a record of type `kind`; `Ok(None)` for a type unknown here, `Err(None)` where its schema has
    /// to be fetched first.
    fn decode(&mut self, kind: &str, bytes: &[u8]) -> Result<Option<Self::Event>, Option<CodecError>>;
}

macro_rules! event_set {
    ($(#[$doc:meta])* $event:ident, $decoders:ident { $($variant:ident($record:ty) = $field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "each is documented where the record is")]
        pub enum $event {
            $($variant($record),)+
        }

        #[doc = concat!("Decoders of [`", stringify!($event), "`].")]
        pub struct $decoders {
            $($field: Decoder<$record>,)+
        }

        impl EventDecoders for $decoders {
            type Event = $event;

            fn new(registry: &Registry) -> Result<Self, RegistryError> {
                Ok(Self { $($field: registry.decoder()?,)+ })
            }

            fn decode(&mut self, kind: &str, bytes: &[u8]) -> Result<Option<$event>, Option<CodecError>> {
                let name = kind.rsplit('.').next().unwrap_or_default();
                $(if name == <$record>::NAME {
                    return match self.$field.decode(bytes) {
                        Ok(Some(record)) => Ok(Some($event::$variant(record))),
                        Ok(None) => Err(None),
                        Err(error) => Err(Some(error)),
                    };
                })+
                Ok(None)
            }
        }
    };
}

event_set! {
    /// A record of `qafila.merchant.events`.
    MerchantEventRecord, MerchantEventDecoders {
        Registered(m::MerchantRegistered) = registered,
        Renamed(m::MerchantRenamed) = renamed,
        StoreConnected(m::StoreConnected) = connected,
        StoreDisconnected(m::StoreDisconnected) = disconnected,
        ReauthorisationNeeded(m::ReauthorisationNeeded) = reauthorisation_needed,
        AccessRestored(m::AccessRestored) = access_restored,
    }
}

event_set! {
    /// A record of `qafila.sync-job.events`.
    SyncJobEventRecord, SyncJobEventDecoders {
        Requested(s::SyncRequested) = requested,
        TakenOver(s::SyncTakenOver) = taken_over,
        SliceImported(s::SliceImported) = slice_imported,
        Paused(s::SyncPaused) = paused,
        Resumed(s::SyncResumed) = resumed,
        Completed(s::SyncCompleted) = completed,
        Failed(s::SyncFailed) = failed,
        Cancelled(s::SyncCancelled) = cancelled,
    }
}

event_set! {
    /// A record of `qafila.export.events`.
    ExportEventRecord, ExportEventDecoders {
        Requested(x::ExportRequested) = requested,
        TakenOver(x::ExportTakenOver) = taken_over,
        Completed(x::ExportCompleted) = completed,
        Failed(x::ExportFailed) = failed,
        Revoked(x::ExportRevoked) = revoked,
        Expired(x::ExportExpired) = expired,
    }
}

/// [`Decode`] for an `.events` topic.
pub struct DecodeEvents<D>(pub D);

impl<D: EventDecoders> Decode for DecodeEvents<D> {
    type Item = EventRecord<D::Event>;
    const KEEPS_RECORDS: bool = true;

    fn decode(&mut self, message: &BorrowedMessage<'_>) -> Decoded<Self::Item> {
        let Some((headers, bytes)) = message.headers().zip(message.payload()) else {
            return Decoded::Bad(undecodable("an event needs a value and CloudEvents headers"));
        };
        let kind = headers::text(headers, headers::TYPE).unwrap_or_default();
        let Some(aggregate_id) = headers::text(headers, headers::SUBJECT).and_then(|id| id.parse().ok())
        else {
            return Decoded::Bad(undecodable(
                "an event needs its aggregate's id, a UUID, in the header ce_subject",
            ));
        };
        let Some(sequence) = headers::number(headers, headers::SEQUENCE) else {
            return Decoded::Bad(undecodable("an event needs the header ce_sequence"));
        };
        match self.0.decode(kind, bytes) {
            Ok(event) => Decoded::Item(EventRecord { aggregate_id, sequence, event }),
            Err(None) => Decoded::UnknownSchema(split_header(bytes).map(|(id, _)| id).unwrap_or_default()),
            Err(Some(error)) => Decoded::Bad(undecodable(&error.to_string())),
        }
    }
}
