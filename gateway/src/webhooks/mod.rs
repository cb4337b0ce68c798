//! Salla's webhooks on their way in (ARCHITECTURE §5): verified over the bytes as they came, sealed, written to
//! `salla.webhooks.raw`, and answered only once Kafka has them. Nothing else happens in the request, and no database is needed.

mod envelope;
mod verify;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;
use qafila_ingest::webhooks::packing::{self, PackingError};
use qafila_schemas::catalogue::WEBHOOKS_RAW;
use qafila_schemas::codec::{CodecError, Encoder};
use qafila_schemas::contract::Contract;
use qafila_schemas::envelope::{BodySealer, OperatorKeys, SealError};
use qafila_schemas::headers::CloudEvent;
use qafila_schemas::millis::Millis;
use qafila_schemas::records::ByteBuf;
use qafila_schemas::records::webhook::{RawWebhook, SEALED_FOR};
use qafila_schemas::registry::RegistryError;
use qafila_schemas::writer::{Outgoing, Placed, TopicWriter, WriteError};
use ring::digest::{SHA256, digest};
use tokio::sync::OnceCell;
use uuid::Uuid;

use envelope::Envelope;
pub use verify::{Forged, Strategy, WebhookSecrets, WebhookVerifier};

/// Salla waits 30 s (FACTS §7) and tries again; whoever waits longer for Kafka answers nobody.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(10);

/// What comes within so long shares a request to Kafka; each one by itself costs more than it waits. In a sweep from 1 to 5 under
/// `make bench` no other made more, and waits were among the shortest.
const LINGER_MS: u32 = 3;
/// Bytes of a record beside its body; a buffer that grows is copied again and again.
const LONGEST_BESIDE: usize = 320;
/// A failure says so long that webhooks cannot be taken, where none comes to tell otherwise: longer than Salla takes to send again, so
/// that a store with few webhooks does not look well between two that failed.
const BELIEVED_FOR: Duration = Duration::from_secs(15 * 60);

/// Why a webhook was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// Not Salla's.
    #[error(transparent)]
    Forged(#[from] Forged),
    /// Packed in a way that nobody could read later.
    #[error(transparent)]
    Packed(#[from] PackingError),
    /// It may or may not be on the topic; Salla has to send it again.
    #[error(transparent)]
    Unwritten(#[from] WriteError),
    /// The registry has not told the schema's id yet.
    #[error("the registry has not told the id of the webhooks' schema yet")]
    NotReady,
    /// The registry does not tell the schema's id.
    #[error("the schema of webhooks: {0}")]
    Registry(#[from] RegistryError),
    /// Our own record cannot be made.
    #[error("the record: {0}")]
    Encode(#[from] CodecError),
    /// No randomness, or no usable key.
    #[error("sealing: {0}")]
    Seal(#[from] SealError),
}

/// Takes webhooks.
pub struct WebhookIntake {
    verifier: WebhookVerifier,
    sealer: BodySealer,
    writer: TopicWriter,
    contract: Contract,
    topic: String,
    encoder: OnceCell<Encoder<RawWebhook>>,
    /// When a webhook could not be written, since the last one that could.
    failing_since: Mutex<Option<Instant>>,
}

impl WebhookIntake {
    /// Takes what `verifier` takes and seals it under `keys`.
    pub fn new(
        contract: Contract,
        keys: OperatorKeys,
        verifier: WebhookVerifier,
    ) -> Result<Self, WriteError> {
        Ok(Self {
            verifier,
            sealer: BodySealer::new(keys, SEALED_FOR),
            writer: TopicWriter::for_sealed(&contract.kafka, LINGER_MS, ACKNOWLEDGED_WITHIN)?,
            topic: contract.kafka.topic(WEBHOOKS_RAW.name),
            contract,
            encoder: OnceCell::new(),
            failing_since: Mutex::new(None),
        })
    }

    /// Learns the schema's id; before that no webhook is taken.
    pub async fn warm_up(&self) -> Result<(), NotTaken> {
        self.encoder.get_or_try_init(|| self.contract.encoder(&WEBHOOKS_RAW)).await?;
        Ok(())
    }

    /// Returns once every replica has the webhook.
    pub async fn take(&self, headers: &HeaderMap, body: &[u8]) -> Result<Placed, NotTaken> {
        let verified = self.verified(headers, body)?;
        let record = self.record(verified, body)?;
        let written = self.writer.try_write(record).await;
        self.note(written.is_ok());
        Ok(written?)
    }

    /// Whether webhooks can be taken, as far as the last ones tell.
    pub fn is_able(&self) -> bool {
        let failing = *self.failing_since.lock().unwrap_or_else(PoisonError::into_inner);
        self.encoder.get().is_some() && failing.is_none_or(|since| since.elapsed() > BELIEVED_FOR)
    }

    fn note(&self, written: bool) {
        let mut failing = self.failing_since.lock().unwrap_or_else(PoisonError::into_inner);
        *failing = (!written).then(Instant::now);
    }

    /// How a webhook is Salla's, its envelope, and the hash of what was signed. A proxy may have packed what was signed; what is packed is read before it is
    /// accepted, so that nothing is acknowledged that nobody can read.
    fn verified(&self, headers: &HeaderMap, body: &[u8]) -> Result<Verified, NotTaken> {
        if !packing::is_packed(body) {
            let strategy = self.verifier.verify(headers, body)?;
            return Ok(Verified { strategy, envelope: Envelope::read(body), sha256: sha256(body) });
        }
        let as_it_came = self.verifier.verify(headers, body);
        if let Err(forged) = as_it_came
            && forged != Forged::WrongSignature
        {
            return Err(forged.into());
        }
        let unpacked =
            packing::unpack(body).map_err(|error| as_it_came.err().map_or(error.into(), NotTaken::Forged))?;
        // Packed again it has other bytes, and is the same event all the same.
        let (strategy, signed) = match as_it_came {
            Ok(Strategy::Signature) => (Strategy::Signature, body),
            Ok(strategy) => (strategy, &unpacked[..]),
            Err(_) => (self.verifier.verify(headers, &unpacked)?, &unpacked[..]),
        };
        Ok(Verified { strategy, envelope: Envelope::read(&unpacked), sha256: sha256(signed) })
    }

    fn record(&self, verified: Verified, body: &[u8]) -> Result<Outgoing, NotTaken> {
        let received_at = Millis::now();
        let Verified { strategy, envelope, sha256: body_sha256 } = verified;
        let sealed = self.sealer.seal(body)?;
        // Without a store nothing tells which webhooks belong together: they are spread.
        let key = envelope.store_id.map_or_else(|| body_sha256.clone(), |id| id.to_string());
        let id = Uuid::now_v7().to_string();
        let event =
            CloudEvent { id: &id, kind: WEBHOOKS_RAW.records[0].full_name, subject: &key, time: received_at };
        let headers = sealed.with_headers(event.headers());
        let webhook = RawWebhook {
            store_id: envelope.store_id,
            event: envelope.event,
            strategy: strategy.name().to_owned(),
            body_sha256,
            body: ByteBuf(sealed.bytes),
            key_id: sealed.data_key.operator_key_id().to_owned(),
            received_at,
        };
        let mut value = Vec::with_capacity(webhook.body.0.len() + LONGEST_BESIDE);
        self.encoder()?.encode(&webhook, &mut value)?;
        Ok(Outgoing { topic: self.topic.clone(), key, value: Some(value), headers })
    }

    /// Nobody waits for the registry: Salla sends again.
    fn encoder(&self) -> Result<&Encoder<RawWebhook>, NotTaken> {
        self.encoder.get().ok_or(NotTaken::NotReady)
    }
}

/// What is known of a webhook that is Salla's.
struct Verified {
    strategy: Strategy,
    envelope: Envelope,
    /// Hash of the bytes that were signed, lower-case hex.
    sha256: String,
}

fn sha256(bytes: &[u8]) -> String {
    digits(digest(&SHA256, bytes).as_ref())
}

/// A hash as text. `hex::encode` makes it digit by digit, which takes as long as sealing.
fn digits(hash: &[u8]) -> String {
    let mut digits = vec![0; 2 * hash.len()];
    hex::encode_to_slice(hash, &mut digits).expect("two digits a byte");
    String::from_utf8(digits).expect("digits are ASCII")
}
