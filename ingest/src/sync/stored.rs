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

/// A row that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRow {
    /// Salla's id.
    pub salla_id: i64,
    /// Since when it is known to be deleted; none where it is not.
    pub deleted_at: Option<DateTime<Utc>>,
    /// When it was created, where known.
    pub created_at: Option<DateTime<Utc>>,
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
    /// All rows of a range, deleted ones too, and those of `ids` wherever they are.
    async fn rows(&self, range: Range<'_>, ids: &[i64]) -> Result<Vec<StoredRow>, StoredError>;

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
