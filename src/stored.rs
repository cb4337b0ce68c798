//! Joins the sync's port on the read models to the functions that answer it: neither crate names the other
//! (ARCHITECTURE §2).

use async_trait::async_trait;
use qafila_ingest::hydration::{StaleEntity, StaleView};
use qafila_ingest::sync::stored::{Range, StoredError, StoredRow, StoredView, ThinOrder};
use qafila_projections::oltp::stored;
use qafila_schemas::ids::MerchantId;
use sqlx::PgPool;

/// The read models, behind the projection role's pool.
pub struct ReadModels {
    /// Pool.
    pub pool: PgPool,
}

#[async_trait]
impl StoredView for ReadModels {
    async fn rows(&self, range: Range<'_>, ids: &[i64]) -> Result<Vec<StoredRow>, StoredError> {
        let Range { merchant_id, store_id, resource, created } = range;
        let rows = stored::rows(&self.pool, merchant_id, store_id, resource, created, ids).await;
        let row = |(salla_id, deleted_at, created_at)| StoredRow { salla_id, deleted_at, created_at };
        Ok(rows.map_err(failed)?.into_iter().map(row).collect())
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
impl StaleView for ReadModels {
    async fn stale(&self, stores: &[i64], per_store: i64) -> Result<Vec<StaleEntity>, StoredError> {
        let rows = stored::stale(&self.pool, stores, per_store).await.map_err(failed)?;
        let entity = |row: stored::StaleRow| StaleEntity {
            merchant_id: MerchantId(row.merchant_id),
            store_id: row.store_id,
            resource: match row.resource.as_str() {
                "orders" => "orders",
                "customers" => "customers",
                _ => "products",
            },
            salla_id: row.salla_id,
            stale_since: row.stale_since,
            was_read: row.was_read,
        };
        Ok(rows.into_iter().map(entity).collect())
    }
}

fn failed(error: sqlx::Error) -> StoredError {
    StoredError(error.to_string())
}

fn no_span() -> StoredError {
    StoredError("orders are asked for by a span of creation".into())
}
