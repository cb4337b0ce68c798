//! What happened to an order's status (FACTS: `GET /orders/{id}/histories`): fetched when somebody asks for it, and kept until the order changes.
//! Its notes are what the shop wrote about a person, so they are sealed as the rest of the order is.

mod under_way;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;
use qafila_schemas::sealed::{KeyStore, KeyStoreError, Subject, SubjectId};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::types::Json;
use under_way::{Turn, UnderWay};

use crate::mapping::without_nul;
use crate::salla::budget::Urgency;
use crate::salla::client::{SallaApi, SallaClient, SallaError};
use crate::salla::shapes::reading::{Notes, Object};

const PER_PAGE: u32 = 50;
/// An order whose status changed more often shows its newest entries.
const MAX_PAGES: u32 = 4;
/// Salla may answer with what it knew so long ago.
const CACHED_FOR: TimeDelta = TimeDelta::minutes(15);
/// A fetch that somebody else began is waited for this long.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// An entry of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Salla's id of the entry.
    pub id: Option<i64>,
    /// When it happened; none where that cannot be read.
    pub at: Option<DateTime<Utc>>,
    /// Name of the status, as the store calls it.
    pub status: Option<String>,
    /// What was noted beside it: sealed.
    pub note: Option<String>,
}

/// A history, and when Salla was asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Oldest first.
    pub entries: Vec<HistoryEntry>,
    /// When Salla was asked.
    pub as_of: DateTime<Utc>,
    /// Slug of the status that the order had then, as far as we knew.
    pub status: Option<String>,
}

/// Which order, and whose.
#[derive(Debug, Clone)]
pub struct OrderOf {
    /// Merchant.
    pub merchant: MerchantId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// Salla's id of the order.
    pub order_id: i64,
    /// Salla's id of its customer, where it is known.
    pub customer_id: Option<i64>,
    /// When it changed last, as far as we know.
    pub changed_at: DateTime<Utc>,
    /// Slug of its status, where it is known. Not every source of a change tells when it happened.
    pub status: Option<String>,
}

/// Why there is no history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// What is kept cannot be read or written.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Salla does not give it.
    #[error(transparent)]
    Salla(#[from] SallaError),
    /// Its notes cannot be sealed.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// As many histories of the store are being fetched as may be at once, or somebody else's fetch of this one has brought nothing: try again.
    #[error("too many histories of this store are being fetched")]
    Busy,
}

/// Fetches histories and keeps them, behind the ingest role's pool.
#[derive(Clone)]
pub struct OrderHistories {
    salla: Arc<SallaApi>,
    keys: Arc<dyn KeyStore>,
    pool: PgPool,
    under_way: UnderWay,
}

impl OrderHistories {
    /// Asks through `salla`, keeps in `pool`.
    pub fn new(salla: Arc<SallaApi>, keys: Arc<dyn KeyStore>, pool: PgPool) -> Self {
        Self { salla, keys, pool, under_way: UnderWay::default() }
    }

    /// The history that is kept, if any.
    pub async fn kept(&self, of: &OrderOf) -> Result<Option<History>, sqlx::Error> {
        let kept: Option<(DateTime<Utc>, Json<Vec<HistoryEntry>>, Option<String>)> = sqlx::query_as(
            "SELECT fetched_at, entries, status FROM order_histories WHERE merchant_id = $1 AND store_id = $2 AND order_id = $3",
        )
        .bind(of.merchant.0)
        .bind(of.store_id)
        .bind(of.order_id)
        .fetch_optional(&self.pool)
        .await?;
        Ok(kept.map(|(as_of, Json(entries), status)| History { entries, as_of, status }))
    }

    /// Asks Salla, and keeps the answer. Where somebody fetches it already, theirs is waited for.
    pub async fn fetch(
        &self,
        of: &OrderOf,
        connection: ConnectionId,
        urgency: Urgency,
    ) -> Result<History, HistoryError> {
        let asked_at = Millis::now().to_utc();
        let _held = match self.under_way.enter((of.merchant, of.store_id), of.order_id, urgency) {
            Turn::First(held) => held,
            Turn::Second(mut first) => {
                // Its end is told by an error: nothing is ever sent.
                let _ended = tokio::time::timeout(MAX_WAIT, first.changed()).await;
                let kept = self.kept(of).await?;
                return kept
                    .filter(|kept| kept.as_of > asked_at - CACHED_FOR && kept.status == of.status)
                    .ok_or(HistoryError::Busy);
            }
            Turn::TooMany => return Err(HistoryError::Busy),
        };
        let client = self.salla.store(connection, of.store_id, urgency);
        let as_of = Millis::now().to_utc();
        let mut entries = read(&client, of.order_id).await?;
        if entries.iter().any(|entry| entry.note.is_some()) {
            self.seal(of, &mut entries).await?;
        }
        sqlx::query(
            "INSERT INTO order_histories AS kept (merchant_id, store_id, order_id, fetched_at, entries, status) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (merchant_id, store_id, order_id) DO UPDATE SET fetched_at = $4, entries = $5, status = $6 WHERE kept.fetched_at < $4",
        )
        .bind(of.merchant.0)
        .bind(of.store_id)
        .bind(of.order_id)
        .bind(as_of)
        .bind(Json(&entries))
        .bind(&of.status)
        .execute(&self.pool)
        .await?;
        Ok(History { entries, as_of, status: of.status.clone() })
    }

    async fn seal(&self, of: &OrderOf, entries: &mut [HistoryEntry]) -> Result<(), KeyStoreError> {
        let id = of.customer_id.map_or(SubjectId::Order(of.order_id), SubjectId::Customer);
        let subject = Subject { store_id: of.store_id, id };
        let keys = self.keys.keys_for_sealing(of.merchant, &[subject]).await?;
        let key = keys
            .get(&subject)
            .ok_or_else(|| KeyStoreError::Unavailable("no key for an order's notes".into()))?;
        for entry in entries {
            entry.note = entry.note.as_deref().map(|note| key.seal(note));
        }
        Ok(())
    }
}

impl History {
    /// Whether it is of a time when the order was as it is now, Salla's memory allowed for.
    pub fn is_fresh(&self, of: &OrderOf, now: DateTime<Utc>) -> bool {
        let is_of_its_time = self.as_of > of.changed_at + CACHED_FOR
            || now < self.as_of + CACHED_FOR && self.as_of > of.changed_at;
        is_of_its_time && self.status == of.status
    }
}

async fn read(client: &SallaClient, order_id: i64) -> Result<Vec<HistoryEntry>, SallaError> {
    let path = format!("orders/{order_id}/histories");
    let mut entries = vec![];
    for page in 1..=MAX_PAGES {
        let found =
            client.page(&path, &[("page", page.to_string()), ("per_page", PER_PAGE.to_string())]).await?;
        entries.extend(found.rows.iter().filter_map(|row| entry(row.get())));
        if !found.has_next {
            break;
        }
    }
    entries.sort_by_key(|entry| (entry.at, entry.id));
    entries.dedup();
    Ok(entries)
}

/// None of what is no object; a field that cannot be read is absent.
fn entry(row: &str) -> Option<HistoryEntry> {
    let notes = Notes::default();
    let row = without_nul(row);
    let row = Object::parse(&row, String::new(), &notes)?;
    let within = || row.object("status").value().and_then(|status| status.text("name").value());
    Some(HistoryEntry {
        id: row.id("id").value(),
        at: row.instant("created_at").value().map(Millis::to_utc),
        status: row.text("status").value().or_else(within),
        note: row.text("note").value(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_as_salla_documents_it_and_an_odd_field_costs_itself_alone() {
        let sample = include_str!("../../../deploy/local/salla-sim/samples/order.histories.list.json");
        let sample: serde_json::Value = serde_json::from_str(sample).expect("JSON");
        let first = entry(&sample["data"][0].to_string()).expect("an entry");
        assert_eq!(first.id, Some(213_320_125));
        assert_eq!(first.status.as_deref(), Some("تم التنفيذ"));
        assert_eq!(first.at.map(|at| at.to_rfc3339()).as_deref(), Some("2020-04-02T15:59:47+00:00"));
        assert!(first.note.is_some());
        let odd = entry(r#"{"id":"x","status":{"name":"جديد"},"note":null,"created_at":"soon"}"#)
            .expect("an entry");
        assert_eq!(odd, HistoryEntry { id: None, at: None, status: Some("جديد".into()), note: None });
        assert_eq!(entry("7"), None);
        let nul = entry(r#"{"id":1,"status":"a\u0000b"}"#).expect("an entry");
        assert_eq!(nul.status.as_deref(), Some("ab"), "Postgres holds no NUL");
    }

    #[test]
    fn a_history_is_fresh_until_the_order_changes_and_salla_may_have_told_an_old_one() {
        let at = |minute: i64| DateTime::from_timestamp(minute * 60, 0).expect("a time");
        let of = |minute, status: &str| OrderOf {
            merchant: MerchantId::default(),
            store_id: 1,
            order_id: 2,
            customer_id: None,
            changed_at: at(minute),
            status: Some(status.into()),
        };
        let changed = |minute| of(minute, "shipped");
        let history = History { entries: vec![], as_of: at(100), status: Some("shipped".into()) };
        assert!(history.is_fresh(&changed(80), at(10_000)));
        assert!(!history.is_fresh(&changed(101), at(102)), "it changed since");
        assert!(
            history.is_fresh(&changed(99), at(110)) && !history.is_fresh(&changed(99), at(116)),
            "it had just changed"
        );
        assert!(
            !history.is_fresh(&of(80, "delivered"), at(10_000)),
            "its status is another, whenever that came"
        );
    }
}
