//! Personal fields (ARCHITECTURE §3): sealed once, in the mapper, and opened only for the merchant who owns
//! them.
//!
//! Sealed text is `pii:1:<key id>:<base64>`, by AES-256-GCM-SIV with a fixed nonce under a key per subject:
//! equal stays equal, so merging and "unchanged" still work. After an erasure it is `pii:1:<key id>:erased`.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use aes_gcm_siv::aead::{Aead, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::hmac;

use crate::envelope::Key;
use crate::ids::MerchantId;
use crate::spelling;

const PREFIX: &str = "pii:1:";
const ERASED: &str = "erased";
/// One subject's key seals few, short texts; determinism is the point (equal stays equal).
const NONCE: [u8; 12] = [0; 12];
/// The merchant's key wraps others; look-ups have one that is derived from it.
const LOOK_UP: &[u8] = b"qafila equality look-up";

/// Words of a name that somebody is found by, at most.
const MAX_NAME_WORDS: usize = 8;

/// Whose personal data a field is. Nobody says that Salla's ids differ across stores, so a subject is of one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// Salla's id of the store.
    pub store_id: i64,
    /// Who, within the store.
    pub id: SubjectId,
}

/// A person as a store knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectId {
    /// A customer, by Salla's id.
    Customer(i64),
    /// An order whose customer is not known, by Salla's id.
    Order(i64),
    /// A cart whose customer is not known, by Salla's id.
    Cart(i64),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store_id, id } = self;
        match id {
            SubjectId::Customer(id) => write!(f, "{store_id}:customer:{id}"),
            SubjectId::Order(id) => write!(f, "{store_id}:order:{id}"),
            SubjectId::Cart(id) => write!(f, "{store_id}:cart:{id}"),
        }
    }
}

impl FromStr for Subject {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (store_id, of_store) = text.split_once(':').ok_or(())?;
        let (kind, id) = of_store.split_once(':').ok_or(())?;
        let id = id.parse().map_err(|_| ())?;
        let id = match kind {
            "customer" => SubjectId::Customer(id),
            "order" => SubjectId::Order(id),
            "cart" => SubjectId::Cart(id),
            _ => return Err(()),
        };
        Ok(Self { store_id: store_id.parse().map_err(|_| ())?, id })
    }
}

/// What a person is looked up by, spelt in one way.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Contact {
    /// An e-mail address.
    Email(String),
    /// A phone number, E.164.
    Phone(String),
    /// A word of a name, as [`spelling`](crate::spelling) spells it.
    NameWord(String),
}

impl Contact {
    /// An address, whatever its case.
    pub fn email(text: &str) -> Self {
        Self::Email(text.trim().to_lowercase())
    }

    /// The words of a name. A single letter finds nobody.
    pub fn name_words(name: &str) -> impl Iterator<Item = Self> {
        spelling::words(name)
            .into_iter()
            .filter(|word| word.chars().count() > 1)
            .take(MAX_NAME_WORDS)
            .map(Self::NameWord)
    }
}

/// The key of a merchant's look-ups.
pub struct LookUpKey(hmac::Key);

impl LookUpKey {
    /// Derived from the merchant's key; once a batch will do.
    pub fn of(merchant_key: &Key) -> Self {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, merchant_key.bytes()), LOOK_UP);
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    /// What is stored in a contact's place: equal for equal contacts of a merchant, and nothing without the merchant's key.
    pub fn digest(&self, contact: &Contact) -> [u8; 32] {
        let text = match contact {
            Contact::Email(address) => format!("email:{address}"),
            Contact::Phone(number) => format!("phone:{number}"),
            Contact::NameWord(word) => format!("name:{word}"),
        };
        hmac::sign(&self.0, text.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
    }
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email(_) => "Email(hidden)",
            Self::Phone(_) => "Phone(hidden)",
            Self::NameWord(_) => "NameWord(hidden)",
        })
    }
}

/// The key of a subject, or the fact that it is no more.
#[derive(Debug, Clone)]
pub enum SubjectKey {
    /// Seals and opens.
    Live {
        /// Id of the key, in every text it sealed.
        id: i64,
        /// The key.
        key: Key,
    },
    /// Destroyed: everything of this subject stays silent.
    Erased {
        /// Id of the key that was destroyed.
        id: i64,
    },
}

/// Why the key store gave no keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// It could not be reached; try again.
    #[error("key store: {0}")]
    Unavailable(String),
    /// The stored keys of these subjects are damaged; those of others are not.
    #[error("the stored keys of {} subjects are damaged", .0.len())]
    Damaged(Vec<Subject>),
    /// A merchant's key does not open under the operator's keys.
    #[error("key store: {0}")]
    Seal(#[from] crate::envelope::SealError),
}

/// Where subject keys are kept. `ingest/keys` keeps them in Postgres.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// The keys of `subjects`, made and committed where there were none. Never a new key for an erased subject, nor for one whose key is
    /// damaged: [`KeyStoreError::Damaged`] names all of those.
    async fn keys_for_sealing(
        &self,
        merchant: MerchantId,
        subjects: &[Subject],
    ) -> Result<HashMap<Subject, SubjectKey>, KeyStoreError>;

    /// The keys with these ids that belong to `merchant`; ids of other merchants, and damaged keys, are left out.
    async fn keys_for_opening(
        &self,
        merchant: MerchantId,
        key_ids: &[i64],
    ) -> Result<HashMap<i64, SubjectKey>, KeyStoreError>;

    /// Lets contacts be looked up, each beside the id of its subject's key.
    async fn remember(&self, merchant: MerchantId, contacts: &[(i64, Contact)]) -> Result<(), KeyStoreError>;

    /// People of a store who have or had all of `contacts`, newest keys first, at most `limit`. People who were erased are not found.
    async fn subjects_with(
        &self,
        merchant: MerchantId,
        store_id: i64,
        contacts: &[Contact],
        limit: i64,
    ) -> Result<Vec<Subject>, KeyStoreError>;
}

impl SubjectKey {
    /// Its id; none once it was destroyed.
    pub fn live_id(&self) -> Option<i64> {
        match self {
            Self::Live { id, .. } => Some(*id),
            Self::Erased { .. } => None,
        }
    }

    /// Seals one personal text; of an erased subject only the silence remains.
    pub fn seal(&self, plain: &str) -> String {
        match self {
            Self::Erased { id } => format!("{PREFIX}{id}:{ERASED}"),
            Self::Live { id, key } => {
                let cipher = Aes256GcmSiv::new(key.bytes().into());
                let sealed = cipher
                    .encrypt(
                        Nonce::from_slice(&NONCE),
                        Payload { msg: plain.as_bytes(), aad: &id.to_be_bytes() },
                    )
                    .expect("AES-GCM-SIV seals any text shorter than 64 GiB");
                format!("{PREFIX}{id}:{}", STANDARD_NO_PAD.encode(sealed))
            }
        }
    }

    /// Opens a sealed text; `None` where it was erased or does not belong to this key.
    pub fn open(&self, sealed: &str) -> Option<String> {
        let Self::Live { id, key } = self else { return None };
        let (key_id, body) = split(sealed)?;
        if key_id != *id || body == ERASED {
            return None;
        }
        let bytes = STANDARD_NO_PAD.decode(body).ok()?;
        let plain = Aes256GcmSiv::new(key.bytes().into())
            .decrypt(Nonce::from_slice(&NONCE), Payload { msg: &bytes, aad: &id.to_be_bytes() })
            .ok()?;
        String::from_utf8(plain).ok()
    }
}

/// The key id of a sealed text; `None` for a text that is not sealed.
pub fn key_id(sealed: &str) -> Option<i64> {
    split(sealed).map(|(id, _)| id)
}

/// Whether this is the silence an erasure leaves.
pub fn is_erased(sealed: &str) -> bool {
    split(sealed).is_some_and(|(_, body)| body == ERASED)
}

fn split(sealed: &str) -> Option<(i64, &str)> {
    let (id, body) = sealed.strip_prefix(PREFIX)?.split_once(':')?;
    Some((id.parse().ok()?, body))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_subject_is_of_one_store_and_is_read_as_it_is_written() {
        for id in [SubjectId::Customer(5), SubjectId::Order(5), SubjectId::Cart(-5)] {
            let [one, other] = [7, 8].map(|store_id| Subject { store_id, id });
            assert_eq!(one.to_string().parse(), Ok(one));
            assert_ne!(one.to_string(), other.to_string());
        }
        for text in ["customer:5", "7:customer", "7:nobody:5", "x:customer:5", ""] {
            assert_eq!(text.parse::<Subject>(), Err(()), "{text}");
        }
    }

    fn key(id: i64, byte: u8) -> SubjectKey {
        SubjectKey::Live { id, key: Key::new([byte; 32]) }
    }

    proptest! {
        #[test]
        fn equal_stays_equal_and_only_its_key_opens_it(text in ".{0,64}") {
            let sealed = key(7, 1).seal(&text);
            prop_assert_eq!(&sealed, &key(7, 1).seal(&text));
            prop_assert_eq!(key(7, 1).open(&sealed), Some(text));
            prop_assert_eq!(key(7, 2).open(&sealed), None);
            prop_assert_eq!(key(8, 1).open(&sealed), None);
        }
    }

    #[test]
    fn an_erased_subject_falls_silent_and_is_never_sealed_anew() {
        let erased = SubjectKey::Erased { id: 7 };
        let silence = erased.seal("أحمد");
        assert_eq!(silence, "pii:1:7:erased");
        assert!(is_erased(&silence));
        assert_eq!(key_id(&silence), Some(7));
        assert_eq!(erased.open(&key(7, 1).seal("أحمد")), None);
        assert_eq!(key(7, 1).open(&silence), None);
    }
}
