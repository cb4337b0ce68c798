//! Joins ingest's ports on the read models, of sync, hydration and reconciliation, to the functions that answer them: neither crate names the other
//! (ARCHITECTURE §2).

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use qafila_ingest::contact_spelling::{ContactsView, SealedContacts};
use qafila_ingest::hydration::{StaleEntity, StaleView, Unread};
use qafila_ingest::reconcile::stored::{ComparedView, Comparison};
use qafila_ingest::sync::stored::{
    LeftOut, Range, StoredCounts, StoredError, StoredRow, StoredView, ThinOrder,
};
use qafila_projections::oltp::merge::compare::{self, compare};
use qafila_projections::oltp::merge::register::Rules;
use qafila_projections::oltp::stored;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::records::observation::Observation;
use sqlx::PgPool;

/// The read models, behind the projection role's pool.
pub struct ReadModels {
    /// Pool.
    pub pool: PgPool,
    /// How old a list Salla may serve; decides which of two observations wins.
    pub list_cache_window: Duration,
}

#[async_trait]
impl StoredView for ReadModels {
    async fn not_stored(&self, range: Range<'_>, ids: &[i64]) -> Result<Vec<i64>, StoredError> {
        let Range { merchant_id, store_id, resource, .. } = range;
        stored::not_stored(&self.pool, merchant_id, store_id, resource, ids).await.map_err(failed)
    }

    async fn deleted(&self, range: Range<'_>, ids: &[i64]) -> Result<Vec<i64>, StoredError> {
        let Range { merchant_id, store_id, resource, .. } = range;
        stored::deleted(&self.pool, merchant_id, store_id, resource, ids).await.map_err(failed)
    }

    async fn left_out(&self, range: Range<'_>, listed: &[i64], limit: i64) -> Result<LeftOut, StoredError> {
        let Range { merchant_id, store_id, resource, created } = range;
        let found =
            stored::left_out(&self.pool, merchant_id, store_id, resource, created, listed, limit).await;
        let (rows, total) = found.map_err(failed)?;
        let row = |(salla_id, created_at)| StoredRow { salla_id, created_at };
        Ok(LeftOut { rows: rows.into_iter().map(row).collect(), total })
    }

    async fn news_since(
        &self,
        range: Range<'_>,
        since: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<(i64, DateTime<Utc>)>, StoredError> {
        let Range { merchant_id, store_id, resource, created } = range;
        let found =
            stored::news_since(&self.pool, merchant_id, store_id, resource, created, since, limit).await;
        found.map_err(failed)
    }

    async fn counts(&self, range: Range<'_>, since: DateTime<Utc>) -> Result<StoredCounts, StoredError> {
        let Range { merchant_id, store_id, resource, created } = range;
        let counts = stored::counts(&self.pool, merchant_id, store_id, resource, created, since).await;
        let (there, deleted) = counts.map_err(failed)?;
        Ok(StoredCounts { there, deleted })
    }

    async fn thin_orders(
        &self,
        range: Range<'_>,
        before: Option<ThinOrder>,
        limit: i64,
    ) -> Result<Vec<ThinOrder>, StoredError> {
        let Some(created) = range.created else { return Err(no_span()) };
        let before = before.map(|order| (order.created_at, order.order_id));
        let rows =
            stored::thin_orders(&self.pool, range.merchant_id, range.store_id, created, before, limit).await;
        let order = |(order_id, created_at, was_read)| ThinOrder { order_id, created_at, was_read };
        Ok(rows.map_err(failed)?.into_iter().map(order).collect())
    }

    async fn count_thin_orders(&self, range: Range<'_>) -> Result<i64, StoredError> {
        let Some(created) = range.created else { return Err(no_span()) };
        stored::count_thin_orders(&self.pool, range.merchant_id, range.store_id, created)
            .await
            .map_err(failed)
    }
}

#[async_trait]
impl ContactsView for ReadModels {
    async fn sealed_contacts(
        &self,
        merchant: MerchantId,
        store_id: i64,
        resource: &str,
        after: Option<i64>,
        limit: i64,
    ) -> Result<Vec<SealedContacts>, StoredError> {
        let rows = stored::sealed_contacts(&self.pool, merchant, store_id, resource, after, limit).await;
        let contacts = |(salla_id, phone, email, names)| SealedContacts { salla_id, phone, email, names };
        Ok(rows.map_err(failed)?.into_iter().map(contacts).collect())
    }
}

#[async_trait]
impl StaleView for ReadModels {
    async fn stale(&self, stores: &[(MerchantId, i64, i64)]) -> Result<Vec<StaleEntity>, StoredError> {
        let rows = stored::stale(&self.pool, stores).await.map_err(failed)?;
        let entity = |row: stored::StaleRow| StaleEntity {
            merchant_id: MerchantId(row.merchant_id),
            store_id: row.store_id,
            resource: resource(&row.resource),
            salla_id: row.salla_id,
            created_at: row.created_at,
            stale_since: row.stale_since,
            was_read: row.was_read,
        };
        Ok(rows.into_iter().map(entity).collect())
    }

    async fn unread(
        &self,
        stores: &[(MerchantId, i64)],
        before: DateTime<Utc>,
    ) -> Result<Vec<Unread>, StoredError> {
        let rows = stored::unread(&self.pool, stores, before).await.map_err(failed)?;
        let unread = |(store_id, name, for_long): (_, String, _)| Unread {
            store_id,
            resource: resource(&name),
            for_long,
        };
        Ok(rows.into_iter().map(unread).collect())
    }
}

fn resource(name: &str) -> &'static str {
    match name {
        "orders" => "orders",
        "customers" => "customers",
        _ => "products",
    }
}

#[async_trait]
impl ComparedView for ReadModels {
    async fn compare(&self, observations: Vec<Observation>) -> Result<Vec<Comparison>, StoredError> {
        let window = i64::try_from(self.list_cache_window.as_millis()).unwrap_or(i64::MAX);
        let compared = compare(&self.pool, Rules { list_cache_window_ms: window }, observations).await;
        let comparison = |one| match one {
            compare::Comparison::New => Comparison::New,
            compare::Comparison::Differs => Comparison::Differs,
            compare::Comparison::Awaited => Comparison::Awaited,
            compare::Comparison::Buried => Comparison::Buried,
            compare::Comparison::Same => Comparison::Same,
        };
        Ok(compared.map_err(failed)?.into_iter().map(comparison).collect())
    }

    async fn orders_by_day(
        &self,
        merchant: MerchantId,
        store_id: i64,
    ) -> Result<Vec<(NaiveDate, i64)>, StoredError> {
        stored::orders_by_day(&self.pool, merchant, store_id).await.map_err(failed)
    }

    async fn unseen(
        &self,
        merchant: MerchantId,
        store_id: i64,
        resource: &str,
        before: DateTime<Utc>,
    ) -> Result<Vec<i64>, StoredError> {
        stored::unseen(&self.pool, merchant, store_id, resource, before).await.map_err(failed)
    }
}

fn failed(error: sqlx::Error) -> StoredError {
    StoredError(error.to_string())
}

fn no_span() -> StoredError {
    StoredError("orders are asked for by a span of creation".into())
}
