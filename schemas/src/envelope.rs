//! Sealing of whole bodies (raw webhooks, rows that did not map) and wrapping of keys.
//!
//! A body is sealed with AES-256-GCM under a data key per process and hour; the data key travels beside it,
//! wrapped by the operator's key (ARCHITECTURE §3). Sealing needs no database.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::headers;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use rdkafka::message::{Headers, OwnedHeaders};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Header in which the wrapped data key of a sealed body travels, base64.
pub const DATA_KEY_HEADER: &str = "qafila_data_key";
/// Header that names the operator's key which wraps it.
pub const KEY_ID_HEADER: &str = "qafila_key_id";
/// What a mail may tell its reader alone is sealed under this, by whoever writes the mail.
pub const MAIL_SECRET: &[u8] = b"mail secret";
const DATA_KEY_LIFE: Duration = Duration::from_secs(3600);

/// Why something is not sealed or not opened. Never says what was inside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key list is not usable.
    #[error("operator keys must be `id:base64 of 32 bytes`, comma separated, the current one first: {0}")]
    BadKeys(&'static str),
    /// Sealed under a key that this process was not given.
    #[error("sealed under operator key {0:?}, which is not configured")]
    UnknownKey(String),
    /// Changed, cut, or sealed for something else.
    #[error("sealed bytes do not open: changed, cut, or sealed under another key")]
    NotAuthentic,
    /// No randomness.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
}

/// A 256-bit key that hides itself from `Debug` and is wiped when dropped.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// A key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A random key.
    pub fn random() -> Result<Self, SealError> {
        Ok(Self::new(random_bytes()?))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals `plain`, bound to `context`; nonce first, tag last.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        seal(&self.cipher(), random_bytes()?, context, plain)
    }

    /// Opens what [`seal`](Self::seal) made for the same `context`.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError::NotAuthentic)?;
        let mut bytes = Zeroizing::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.cipher().open_in_place(nonce, Aad::from(context), &mut bytes);
        let length = opened.map_err(|_| SealError::NotAuthentic)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }

    /// AES-256-GCM with this key.
    fn cipher(&self) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM, self.bytes()).expect("a key of 32 bytes fits AES-256");
        LessSafeKey::new(key)
    }
}

/// Seals `plain` under a nonce that no other text has under the same key; nonce first, tag last.
fn seal(
    cipher: &LessSafeKey,
    nonce: [u8; NONCE_LEN],
    context: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, SealError> {
    let mut bytes = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(plain);
    let tag = cipher
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context),
            &mut bytes[NONCE_LEN..],
        )
        .map_err(|_| SealError::NotAuthentic)?;
    bytes.extend_from_slice(tag.as_ref());
    Ok(bytes)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

fn random_bytes<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).map_err(|_| SealError::NoRandomness)?;
    Ok(bytes)
}

/// The operator's keys: the current one seals, all of them open.
#[derive(Debug, Clone)]
pub struct OperatorKeys {
    current: String,
    keys: BTreeMap<String, Key>,
}

/// Bytes sealed under one of the operator's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// Which key.
    pub key_id: String,
    /// Nonce, ciphertext, tag.
    pub bytes: Vec<u8>,
}

impl OperatorKeys {
    /// Reads `id:base64,id:base64`; the first is current.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let mut current = None;
        let mut keys = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (id, encoded) = part.split_once(':').ok_or(SealError::BadKeys("no colon after an id"))?;
            let bytes = STANDARD.decode(encoded).map_err(|_| SealError::BadKeys("a key is not base64"))?;
            let bytes =
                <[u8; 32]>::try_from(bytes).map_err(|_| SealError::BadKeys("a key is not 32 bytes"))?;
            if id.is_empty() || keys.insert(id.to_owned(), Key::new(bytes)).is_some() {
                return Err(SealError::BadKeys("ids must be present and differ"));
            }
            current.get_or_insert_with(|| id.to_owned());
        }
        Ok(Self { current: current.ok_or(SealError::BadKeys("at least one key is needed"))?, keys })
    }

    /// Whether what names this key can be opened.
    pub fn has(&self, id: &str) -> bool {
        self.keys.contains_key(id)
    }

    /// Seals `plain` under the current key, bound to `context` (what it is and whose).
    pub fn wrap(&self, context: &[u8], plain: &[u8]) -> Result<Wrapped, SealError> {
        Ok(Wrapped { key_id: self.current.clone(), bytes: self.key(&self.current)?.seal(context, plain)? })
    }

    /// Opens what [`wrap`](Self::wrap) made, under whichever configured key.
    pub fn unwrap(&self, context: &[u8], wrapped: &Wrapped) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.key(&wrapped.key_id)?.open(context, &wrapped.bytes)
    }

    /// Opens a wrapped 256-bit key.
    pub fn unwrap_key(&self, context: &[u8], wrapped: &Wrapped) -> Result<Key, SealError> {
        let bytes = self.unwrap(context, wrapped)?;
        <[u8; 32]>::try_from(bytes.as_slice()).map(Key::new).map_err(|_| SealError::NotAuthentic)
    }

    fn key(&self, id: &str) -> Result<&Key, SealError> {
        self.keys.get(id).ok_or_else(|| SealError::UnknownKey(id.to_owned()))
    }
}

/// A body that was sealed, with what is needed to open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBody {
    /// Nonce, ciphertext, tag.
    pub bytes: Vec<u8>,
    /// The data key, wrapped; many bodies share it.
    pub data_key: Arc<WrappedDataKey>,
}

/// A data key that travels beside the bodies that it seals.
#[derive(Debug, PartialEq, Eq)]
pub struct WrappedDataKey {
    wrapped: Wrapped,
    /// As the header spells it, base64.
    text: String,
}

impl WrappedDataKey {
    fn new(wrapped: Wrapped) -> Self {
        Self { text: STANDARD.encode(&wrapped.bytes), wrapped }
    }

    /// The operator's key that wraps it.
    pub fn operator_key_id(&self) -> &str {
        &self.wrapped.key_id
    }
}

impl SealedBody {
    /// Adds the headers that it is opened with.
    #[must_use]
    pub fn with_headers(&self, headers: OwnedHeaders) -> OwnedHeaders {
        let headers = headers::with(headers, KEY_ID_HEADER, self.data_key.operator_key_id());
        headers::with(headers, DATA_KEY_HEADER, &self.data_key.text)
    }

    /// A body with the headers it came with; nothing where one is missing or damaged.
    pub fn read<H: Headers>(bytes: Vec<u8>, headers: &H) -> Option<Self> {
        let key_id = headers::text(headers, KEY_ID_HEADER)?.to_owned();
        let key = STANDARD.decode(headers::text(headers, DATA_KEY_HEADER)?).ok()?;
        Some(Self { bytes, data_key: Arc::new(WrappedDataKey::new(Wrapped { key_id, bytes: key })) })
    }
}

/// Seals bodies under a data key per process and hour.
pub struct BodySealer {
    keys: OperatorKeys,
    purpose: &'static [u8],
    data_key: RwLock<Option<Arc<DataKey>>>,
}

/// A data key in use. No nonce repeats under it: they are counted, and the key never leaves this process but wrapped.
struct DataKey {
    made: Instant,
    cipher: LessSafeKey,
    wrapped: Arc<WrappedDataKey>,
    sealed: AtomicU64,
}

impl BodySealer {
    /// A sealer for one `purpose`; what one purpose sealed, another does not open.
    pub fn new(keys: OperatorKeys, purpose: &'static str) -> Self {
        Self { keys, purpose: purpose.as_bytes(), data_key: RwLock::new(None) }
    }

    /// Seals one body.
    pub fn seal(&self, body: &[u8]) -> Result<SealedBody, SealError> {
        let data_key = self.data_key()?;
        let mut nonce = [0; NONCE_LEN];
        let number = data_key.sealed.fetch_add(1, Ordering::Relaxed);
        nonce[NONCE_LEN - size_of::<u64>()..].copy_from_slice(&number.to_be_bytes());
        let bytes = seal(&data_key.cipher, nonce, self.purpose, body)?;
        Ok(SealedBody { bytes, data_key: Arc::clone(&data_key.wrapped) })
    }

    /// Opens one body, whoever sealed it for this purpose.
    pub fn open(&self, body: &SealedBody) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.keys.unwrap_key(self.purpose, &body.data_key.wrapped)?.open(self.purpose, &body.bytes)
    }

    fn data_key(&self) -> Result<Arc<DataKey>, SealError> {
        let in_use = |slot: &Option<Arc<DataKey>>| {
            slot.as_ref().filter(|key| key.made.elapsed() < DATA_KEY_LIFE).map(Arc::clone)
        };
        let known = in_use(&self.data_key.read().unwrap_or_else(PoisonError::into_inner));
        if let Some(known) = known {
            return Ok(known);
        }
        let mut slot = self.data_key.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = in_use(&slot) {
            return Ok(known);
        }
        let key = Key::random()?;
        let fresh = Arc::new(DataKey {
            made: Instant::now(),
            cipher: key.cipher(),
            wrapped: Arc::new(WrappedDataKey::new(self.keys.wrap(self.purpose, key.bytes())?)),
            sealed: AtomicU64::new(0),
        });
        *slot = Some(Arc::clone(&fresh));
        Ok(fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> OperatorKeys {
        OperatorKeys::parse(text).expect("keys of the test")
    }

    fn encoded(byte: u8) -> String {
        STANDARD.encode([byte; 32])
    }

    #[test]
    fn a_rotated_operator_key_still_opens_what_it_sealed() {
        let old = keys(&format!("a:{}", encoded(1)));
        let both = keys(&format!("b:{},a:{}", encoded(2), encoded(1)));
        let wrapped = old.wrap(b"token", b"secret").expect("sealed");
        assert_eq!(both.unwrap(b"token", &wrapped).expect("opened").as_slice(), b"secret");
        assert_eq!(both.wrap(b"token", b"x").expect("sealed").key_id, "b");
        let new = both.wrap(b"token", b"x").expect("sealed");
        assert_eq!(old.unwrap(b"token", &new), Err(SealError::UnknownKey("b".into())));
    }

    #[test]
    fn a_body_opens_only_for_its_purpose_and_unchanged() {
        let ring = keys(&format!("a:{}", encoded(1)));
        let webhooks = BodySealer::new(ring.clone(), "webhook");
        let rows = BodySealer::new(ring, "row");
        let mut sealed = webhooks.seal(b"body").expect("sealed");
        assert_eq!(webhooks.open(&sealed).expect("opened").as_slice(), b"body");
        assert_eq!(rows.open(&sealed), Err(SealError::NotAuthentic));
        sealed.bytes[13] ^= 1;
        assert_eq!(webhooks.open(&sealed), Err(SealError::NotAuthentic));
    }

    #[test]
    fn no_two_bodies_are_sealed_under_the_same_nonce() {
        let sealer = BodySealer::new(keys(&format!("a:{}", encoded(1))), "webhook");
        let nonces: std::collections::HashSet<Vec<u8>> =
            (0..1_000).map(|_| sealer.seal(b"body").expect("sealed").bytes[..NONCE_LEN].to_vec()).collect();
        assert_eq!(nonces.len(), 1_000);
    }

    #[test]
    fn a_body_is_opened_with_the_headers_that_travel_beside_it() {
        let sealer = BodySealer::new(keys(&format!("a:{}", encoded(1))), "webhook");
        let sealed = sealer.seal(b"body").expect("sealed");
        let headers = sealed.with_headers(OwnedHeaders::new());
        let read = SealedBody::read(sealed.bytes.clone(), &headers).expect("both headers");
        assert_eq!(sealer.open(&read).expect("opened").as_slice(), b"body");
        assert!(SealedBody::read(sealed.bytes, &OwnedHeaders::new()).is_none());
    }

    #[test]
    fn unusable_operator_keys_are_refused_by_rule() {
        for bad in ["", "a", "a:??", "a:AAAA", &format!("a:{0},a:{0}", encoded(1))] {
            assert!(matches!(OperatorKeys::parse(bad), Err(SealError::BadKeys(_))), "{bad:?}");
        }
    }
}
