//! What the sync needs to know of what is stored: its port on the read models (ARCHITECTURE §2). The root joins it to them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use qafila_schemas::ids::MerchantId;

/// Why nothing can be said.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the read models do not answer: {0}")]
pub struct StoredError(pub String);

/// A resource of one store, and for orders a span of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<'r> {
    /// Merchant.
    pub merchant_id: MerchantId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// `orders`, `customers` or `products`.
    pub resource: &'r str,
    /// Created from here on, and before there; all where none is named.
    pub created: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// A row that is stored and there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRow {
    /// Salla's id.
    pub salla_id: i64,
    /// When it was created, where known.
    pub created_at: Option<DateTime<Utc>>,
}

/// Rows of a range that a list leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// Those that were created last.
    pub rows: Vec<StoredRow>,
    /// How many there are in all.
    pub total: i64,
}

/// Rows of a range, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoredCounts {
    /// Rows that are there.
    pub there: i64,
    /// Rows that were found to be deleted since the time that was named.
    pub deleted: i64,
}

/// An order of which only the thin row of a list is known, or which is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThinOrder {
    /// Salla's id.
    pub order_id: i64,
    /// When it was placed; of an order without a date the end of the span that was asked for.
    pub created_at: DateTime<Utc>,
    /// Its details were read once, and news came since.
    pub was_read: bool,
}

/// Answers from the read models.
#[async_trait]
pub trait StoredView: Send + Sync {
    /// Those of `ids` that are not stored, wherever in the store they would be.
    async fn not_stored(&self, range: Range<'_>, ids: &[i64]) -> Result<Vec<i64>, StoredError>;

    /// Those of `ids` that are stored as deleted, wherever in the store they are.
    async fn deleted(&self, range: Range<'_>, ids: &[i64]) -> Result<Vec<i64>, StoredError>;

    /// Rows of a range that are there and not among `listed`; at most `limit` are named.
    async fn left_out(&self, range: Range<'_>, listed: &[i64], limit: i64) -> Result<LeftOut, StoredError>;

    /// Rows of a range that are there and of which there was news since `since`, and when, by Salla's clock: the `limit` with the last news.
    async fn news_since(
        &self,
        range: Range<'_>,
        since: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<(i64, DateTime<Utc>)>, StoredError>;

    /// How many rows of a range are there, and how many were found to be deleted after `since`.
    async fn counts(&self, range: Range<'_>, since: DateTime<Utc>) -> Result<StoredCounts, StoredError>;

    /// Orders of a range of which no details were read yet, or none since there was news, newest first, from before `before`.
    async fn thin_orders(
        &self,
        range: Range<'_>,
        before: Option<ThinOrder>,
        limit: i64,
    ) -> Result<Vec<ThinOrder>, StoredError>;

    /// How many orders of a range are thin or stale.
    async fn count_thin_orders(&self, range: Range<'_>) -> Result<i64, StoredError>;
}
