//! Recomputes the digests by which people are looked up. This is due when the rules for phone numbers or names change ([`SPELLING`]), or when the
//! currency of the store changes, because that decides the country of a number without a country code. It reads the stored rows. Older
//! digests stay until the key of their subject is destroyed: a search computes its digest by the present rules, so it does not find them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::sealed::{Contact, KeyStore, KeyStoreError, SubjectKey, key_id};
use sqlx::{FromRow, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::mapping::market::Market;
use crate::mapping::phones::{Phone, SPELLING, phone};
use crate::sync::stored::StoredError;

const POLL_INTERVAL: Duration = Duration::from_secs(10);
const AFTER_A_FAILURE: Duration = Duration::from_secs(60);
const MAX_CONNECTIONS: i64 = 100;
const PAGE: i64 = 500;
/// Where contacts stand that people are looked up by.
const RESOURCES: [&str; 2] = ["customers", "orders"];

/// Phone, e-mail address and names of a row, sealed.
#[derive(Debug, Clone)]
pub struct SealedContacts {
    /// Salla's id of the row.
    pub salla_id: i64,
    /// Phone.
    pub phone: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// First and last name, or the whole one.
    pub names: Vec<Option<String>>,
}

/// The port on the read models (ARCHITECTURE §2). The root joins it to them.
#[async_trait]
pub trait ContactsView: Send + Sync {
    /// Contacts in a store's `customers` or `orders`, in the order of their ids from behind `after`.
    async fn sealed_contacts(
        &self,
        merchant: MerchantId,
        store_id: i64,
        resource: &str,
        after: Option<i64>,
        limit: i64,
    ) -> Result<Vec<SealedContacts>, StoredError>;
}

/// Why the digests of a store were not recomputed; what was done stays, and all is done again later.
#[derive(Debug, thiserror::Error)]
pub enum SpellingError {
    /// The connections cannot be read.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The rows cannot be read.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// The keys cannot be read, or the digests not be written.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
}

/// A connection whose store's contacts were spelt otherwise.
#[derive(Debug, Clone, FromRow)]
struct Due {
    connection_id: Uuid,
    merchant_id: Uuid,
    store_id: i64,
    store_currency: Option<String>,
    spelling: String,
}

/// Recomputes digests. Where it takes longer than its pause, a second process may repeat the work; the result is the same.
pub struct ContactSpelling {
    /// The ingest role's.
    pub pool: PgPool,
    /// Keys, and where digests are kept.
    pub keys: Arc<dyn KeyStore>,
    /// What is stored.
    pub stored: Arc<dyn ContactsView>,
}

impl ContactSpelling {
    /// Runs until `shutdown`.
    pub async fn keep(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let done = tokio::select! {
                done = self.recompute_due() => done,
                () = shutdown.cancelled() => return,
            };
            let pause = match done {
                Ok(MAX_CONNECTIONS) => continue,
                Ok(_) => POLL_INTERVAL,
                Err(error) => {
                    tracing::warn!(event = "failed to recompute digests of contacts", error = %error);
                    AFTER_A_FAILURE
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    /// Does a portion of what is due; says of how many connections. One that fails stops no other, and is tried again after a growing pause.
    async fn recompute_due(&self) -> Result<i64, sqlx::Error> {
        let due: Vec<Due> = sqlx::query_as(
            "UPDATE salla_connections c SET contacts_tries = contacts_tries + 1,
                 contacts_due_at = now() + least(interval '1 day', interval '1 minute' * 2 ^ least(contacts_tries, 11))
             FROM (
                 SELECT connection_id, $1 || ':' || coalesce(store_currency, '') AS spelling FROM salla_connections
                 WHERE contacts_spelling IS DISTINCT FROM $1 || ':' || coalesce(store_currency, '') AND contacts_due_at <= now()
                 ORDER BY contacts_due_at LIMIT $2 FOR UPDATE SKIP LOCKED) d
             WHERE c.connection_id = d.connection_id
             RETURNING c.connection_id, c.merchant_id, c.store_id, c.store_currency, d.spelling",
        )
        .bind(SPELLING.to_string())
        .bind(MAX_CONNECTIONS)
        .fetch_all(&self.pool)
        .await?;
        let found = due.len() as i64;
        for due in due {
            let (id, store_id) = (due.connection_id, due.store_id);
            if let Err(error) = self.recompute_and_note(due).await {
                tracing::warn!(event = "failed to recompute digests of contacts", connectionId = %id, storeId = store_id, error = %error);
            }
        }
        Ok(found)
    }

    async fn recompute_and_note(&self, due: Due) -> Result<(), SpellingError> {
        let market = Market::of_currency(due.store_currency.as_deref());
        let rows = self.recompute(MerchantId(due.merchant_id), due.store_id, market).await?;
        sqlx::query("UPDATE salla_connections SET contacts_spelling = $2, contacts_tries = 0 WHERE connection_id = $1")
            .bind(due.connection_id)
            .bind(&due.spelling)
            .execute(&self.pool)
            .await?;
        if rows > 0 {
            let connection = due.connection_id;
            tracing::info!(event = "digests of contacts recomputed", connectionId = %connection, storeId = due.store_id, rows);
        }
        Ok(())
    }

    /// Recomputes what the contacts of a store, which sells in `market`, are looked up by; says of how many rows.
    pub async fn recompute(
        &self,
        merchant: MerchantId,
        store_id: i64,
        market: Market,
    ) -> Result<usize, SpellingError> {
        let mut rows = 0;
        for resource in RESOURCES {
            let mut after = None;
            loop {
                let page = self.stored.sealed_contacts(merchant, store_id, resource, after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.salla_id);
                rows += page.len();
                self.remember(merchant, market, &page).await?;
            }
        }
        Ok(rows)
    }

    async fn remember(
        &self,
        merchant: MerchantId,
        market: Market,
        page: &[SealedContacts],
    ) -> Result<(), SpellingError> {
        let sealed =
            page.iter().flat_map(|row| [&row.phone, &row.email].into_iter().chain(&row.names)).flatten();
        let mut ids: Vec<i64> = sealed.filter_map(|text| key_id(text)).collect();
        ids.sort_unstable();
        ids.dedup();
        let keys = self.keys_of(merchant, &ids).await?;
        let contacts: Vec<(i64, Contact)> =
            page.iter().flat_map(|row| contacts(row, &keys, market.country())).collect();
        if !contacts.is_empty() {
            self.keys.remember(merchant, &contacts).await?;
        }
        Ok(())
    }

    /// The keys that can be read. A damaged one is of its subject alone.
    async fn keys_of(
        &self,
        merchant: MerchantId,
        ids: &[i64],
    ) -> Result<HashMap<i64, SubjectKey>, KeyStoreError> {
        match self.keys.keys_for_opening(merchant, ids).await {
            Err(KeyStoreError::Seal(_)) => {}
            known => return known,
        }
        let (mut keys, mut damaged) = (HashMap::new(), None);
        for id in ids {
            match self.keys.keys_for_opening(merchant, &[*id]).await {
                Ok(known) => keys.extend(known),
                Err(KeyStoreError::Seal(error)) => {
                    tracing::warn!(event = "subject key not readable", merchantId = %merchant, subjectKeyId = id, error = %error);
                    damaged = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        // Where none can be read, it is the merchant's key, or ours, that does not open them.
        match damaged {
            Some(error) if keys.is_empty() => Err(error.into()),
            _ => Ok(keys),
        }
    }
}

/// What a row's person is looked up by, each beside the id of its key. Nothing of whom was erased.
fn contacts(row: &SealedContacts, keys: &HashMap<i64, SubjectKey>, country: &str) -> Vec<(i64, Contact)> {
    let open = |sealed: &Option<String>| {
        let sealed = sealed.as_deref()?;
        let id = key_id(sealed)?;
        Some((id, keys.get(&id)?.open(sealed)?))
    };
    let known = open(&row.phone).and_then(|(id, text)| match phone(country, None, &text)? {
        Phone::Known(number) => Some((id, Contact::Phone(number))),
        Phone::Text(_) => None,
    });
    let email = open(&row.email).map(|(id, text)| (id, Contact::email(&text)));
    let names = row.names.iter().filter_map(open);
    let words = names
        .flat_map(|(id, name)| Contact::name_words(&name).map(move |word| (id, word)).collect::<Vec<_>>());
    known.into_iter().chain(email).chain(words).collect()
}

#[cfg(test)]
mod tests {
    use qafila_schemas::envelope::Key;

    use super::*;

    #[test]
    fn a_stored_text_is_a_number_of_the_stores_country_and_whom_nobody_can_open_claims_nothing() {
        let key = SubjectKey::Live { id: 7, key: Key::new([1; 32]) };
        let row = |phone: &str| SealedContacts {
            salla_id: 1,
            phone: Some(key.seal(phone)),
            email: Some(key.seal(" Sara@Example.com")),
            names: vec![],
        };
        let keys = HashMap::from([(7, key.clone())]);
        let email = (7, Contact::Email("sara@example.com".into()));
        let found = |phone: &str, country: &str| contacts(&row(phone), &keys, country);
        assert!(found("50000017", "SA") == [email.clone()], "no number of Saudi Arabia");
        assert!(found("50000017", "KW") == [(7, Contact::Phone("+96550000017".into())), email.clone()]);
        assert!(found("+966500000017", "KW") == [(7, Contact::Phone("+966500000017".into())), email]);
        assert!(contacts(&row("0500000017"), &HashMap::new(), "SA").is_empty());
        let named =
            SealedContacts { names: vec![Some(key.seal("سارة أ. القحطاني")), None], ..row("") };
        let words = ["ساره", "القحطاني"].map(|word| (7, Contact::NameWord(word.into())));
        assert!(contacts(&named, &keys, "SA")[1..] == words, "a single letter finds nobody");
        let erased = HashMap::from([(7, SubjectKey::Erased { id: 7 })]);
        assert!(contacts(&row("0500000017"), &erased, "SA").is_empty());
    }
}
