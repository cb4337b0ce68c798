//! Subject keys in Postgres: the [`KeyStore`] (ARCHITECTURE §3).
//!
//! A key is made in a committed transaction of its own before anything sealed with it leaves; only committed keys
//! are cached, for use within 30 s of reading. An erased subject never gets a new key.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use qafila_schemas::envelope::{Key, OperatorKeys, Wrapped};
use qafila_schemas::ids::MerchantId;
use qafila_schemas::sealed::{Contact, KeyStore, KeyStoreError, LookUpKey, Subject, SubjectKey};
use sqlx::{PgPool, Row};

use crate::contacts::Contacts;

const CACHED_FOR: Duration = Duration::from_secs(30);
/// About 10 MB of keys; beyond that the cache starts anew.
const MOST_CACHED: usize = 50_000;

/// Subject keys behind the ingest role's pool.
pub struct PostgresKeys {
    pool: PgPool,
    operator: OperatorKeys,
    merchants: Cache<MerchantId, Key>,
    contacts: Contacts,
    subjects: Cache<(MerchantId, Subject), SubjectKey>,
}

impl PostgresKeys {
    /// Keys in `pool`, wrapped by the operator's keys.
    pub fn new(pool: PgPool, operator: OperatorKeys) -> Self {
        let contacts = Contacts::new(pool.clone());
        Self { pool, operator, merchants: Cache::default(), contacts, subjects: Cache::default() }
    }

    async fn merchant_key(&self, merchant: MerchantId) -> Result<Key, KeyStoreError> {
        if let Some(key) = self.merchants.get(&merchant) {
            return Ok(key);
        }
        let read_at = Instant::now();
        let context = merchant_context(merchant);
        let fresh = self.operator.wrap(&context, Key::random()?.bytes())?;
        sqlx::query("INSERT INTO merchant_keys (merchant_id, key_id, wrapped) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(merchant.0)
            .bind(&fresh.key_id)
            .bind(&fresh.bytes)
            .execute(&self.pool)
            .await
            .map_err(unavailable)?;
        let row = sqlx::query("SELECT key_id, wrapped FROM merchant_keys WHERE merchant_id = $1")
            .bind(merchant.0)
            .fetch_one(&self.pool)
            .await
            .map_err(unavailable)?;
        let wrapped = Wrapped {
            key_id: row.try_get(0).map_err(unavailable)?,
            bytes: row.try_get(1).map_err(unavailable)?,
        };
        let key = self.operator.unwrap_key(&context, &wrapped)?;
        self.merchants.put(merchant, key.clone(), read_at);
        Ok(key)
    }

    /// Makes what is missing, one statement, committed before it returns.
    async fn make(&self, merchant: MerchantId, key: &Key, subjects: &[Subject]) -> Result<(), KeyStoreError> {
        let mut names = Vec::with_capacity(subjects.len());
        let mut wrapped = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let name = subject.to_string();
            wrapped.push(key.seal(&subject_context(merchant, &name), Key::random()?.bytes())?);
            names.push(name);
        }
        sqlx::query(
            "INSERT INTO subject_keys (merchant_id, subject, wrapped)
             SELECT $1, subject, wrapped FROM unnest($2::text[], $3::bytea[]) AS fresh (subject, wrapped)
             ON CONFLICT (merchant_id, subject) DO NOTHING",
        )
        .bind(merchant.0)
        .bind(&names)
        .bind(&wrapped)
        .execute(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    async fn read(
        &self,
        merchant: MerchantId,
        key: &Key,
        subjects: &[Subject],
    ) -> Result<HashMap<Subject, SubjectKey>, KeyStoreError> {
        let by_name: HashMap<String, Subject> = subjects.iter().map(|s| (s.to_string(), *s)).collect();
        let names: Vec<&String> = by_name.keys().collect();
        let read_at = Instant::now();
        let rows = sqlx::query(
            "SELECT subject, subject_key_id, wrapped FROM subject_keys WHERE merchant_id = $1 AND subject = ANY($2)",
        )
        .bind(merchant.0)
        .bind(&names)
        .fetch_all(&self.pool)
        .await
        .map_err(unavailable)?;
        let (mut found, mut damaged) = (HashMap::with_capacity(rows.len()), Vec::new());
        for row in rows {
            let name: String = row.try_get(0).map_err(unavailable)?;
            let id: i64 = row.try_get(1).map_err(unavailable)?;
            let wrapped: Option<Vec<u8>> = row.try_get(2).map_err(unavailable)?;
            let Some(subject) = by_name.get(&name) else { continue };
            let Some(subject_key) = open_key(merchant, key, &name, id, wrapped) else {
                damaged.push(*subject);
                continue;
            };
            self.subjects.put((merchant, *subject), subject_key.clone(), read_at);
            found.insert(*subject, subject_key);
        }
        if damaged.is_empty() { Ok(found) } else { Err(KeyStoreError::Damaged(damaged)) }
    }
}

#[async_trait]
impl KeyStore for PostgresKeys {
    async fn keys_for_sealing(
        &self,
        merchant: MerchantId,
        subjects: &[Subject],
    ) -> Result<HashMap<Subject, SubjectKey>, KeyStoreError> {
        let mut found = HashMap::with_capacity(subjects.len());
        let mut missing = Vec::new();
        for subject in subjects {
            match self.subjects.get(&(merchant, *subject)) {
                Some(key) => drop(found.insert(*subject, key)),
                None => missing.push(*subject),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let key = self.merchant_key(merchant).await?;
        found.extend(self.read(merchant, &key, &missing).await?);
        missing.retain(|subject| !found.contains_key(subject));
        if !missing.is_empty() {
            self.make(merchant, &key, &missing).await?;
            found.extend(self.read(merchant, &key, &missing).await?);
        }
        Ok(found)
    }

    async fn keys_for_opening(
        &self,
        merchant: MerchantId,
        key_ids: &[i64],
    ) -> Result<HashMap<i64, SubjectKey>, KeyStoreError> {
        let key = self.merchant_key(merchant).await?;
        let rows = sqlx::query(
            "SELECT subject, subject_key_id, wrapped FROM subject_keys
             WHERE merchant_id = $1 AND subject_key_id = ANY($2)",
        )
        .bind(merchant.0)
        .bind(key_ids)
        .fetch_all(&self.pool)
        .await
        .map_err(unavailable)?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            let name: String = row.try_get(0).map_err(unavailable)?;
            let id: i64 = row.try_get(1).map_err(unavailable)?;
            let wrapped = row.try_get(2).map_err(unavailable)?;
            found.extend(open_key(merchant, &key, &name, id, wrapped).map(|opened| (id, opened)));
        }
        Ok(found)
    }

    async fn remember(&self, merchant: MerchantId, contacts: &[(i64, Contact)]) -> Result<(), KeyStoreError> {
        let key = self.merchant_key(merchant).await?;
        let look_up = LookUpKey::of(&key);
        let digests = contacts.iter().map(|(id, contact)| (*id, look_up.digest(contact))).collect();
        self.contacts.remember(merchant, digests).await.map_err(unavailable)
    }

    async fn subjects_with(
        &self,
        merchant: MerchantId,
        store_id: i64,
        contacts: &[Contact],
        limit: i64,
    ) -> Result<Vec<Subject>, KeyStoreError> {
        let look_up = LookUpKey::of(&self.merchant_key(merchant).await?);
        let digests: Vec<_> = contacts.iter().map(|contact| look_up.digest(contact)).collect();
        self.contacts.find(merchant, store_id, &digests, limit).await.map_err(unavailable)
    }
}

/// A subject's key; none where what is stored does not open under the merchant's key, which is told.
fn open_key(
    merchant: MerchantId,
    key: &Key,
    name: &str,
    id: i64,
    wrapped: Option<Vec<u8>>,
) -> Option<SubjectKey> {
    let Some(wrapped) = wrapped else { return Some(SubjectKey::Erased { id }) };
    let opened = key.open(&subject_context(merchant, name), &wrapped).ok();
    let Some(bytes) = opened.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok()) else {
        metrics::counter!("qafila_damaged_subject_keys_total").increment(1);
        tracing::error!(event = "subject key is damaged", merchantId = %merchant, subjectKeyId = id);
        return None;
    };
    Some(SubjectKey::Live { id, key: Key::new(bytes) })
}

fn merchant_context(merchant: MerchantId) -> Vec<u8> {
    format!("merchant key:{merchant}").into_bytes()
}

fn subject_context(merchant: MerchantId, subject: &str) -> Vec<u8> {
    format!("subject key:{merchant}:{subject}").into_bytes()
}

fn unavailable(error: sqlx::Error) -> KeyStoreError {
    KeyStoreError::Unavailable(error.to_string())
}

/// Values with the instant they were read at.
struct Cache<K, V>(Mutex<HashMap<K, (Instant, V)>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: std::hash::Hash + Eq, V: Clone> Cache<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        let cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cached.get(key).filter(|(read_at, _)| read_at.elapsed() < CACHED_FOR).map(|(_, value)| value.clone())
    }

    fn put(&self, key: K, value: V, read_at: Instant) {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= MOST_CACHED {
            cached.clear();
        }
        cached.insert(key, (read_at, value));
    }
}
