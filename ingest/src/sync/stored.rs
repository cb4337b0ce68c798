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
    /// Known to be deleted.
    pub deleted: bool,
    /// When it was created, where known.
    pub created_at: Option<DateTime<Utc>>,
}

/// An order of which only the thin row of a list is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThinOrder {
    /// Salla's id.
    pub order_id: i64,
    /// When it was placed.
    pub created_at: DateTime<Utc>,
}

/// Answers from the read models.
#[async_trait]
pub trait StoredView: Send + Sync {
    /// All rows of a range, deleted ones too.
    async fn rows(&self, range: Range<'_>) -> Result<Vec<StoredRow>, StoredError>;

    /// Orders of a range of which no details were read yet, newest first, from before `before`.
    async fn thin_orders(
        &self,
        range: Range<'_>,
        before: Option<ThinOrder>,
        limit: i64,
    ) -> Result<Vec<ThinOrder>, StoredError>;

    /// How many orders of a range have no details yet.
    async fn count_thin_orders(&self, range: Range<'_>) -> Result<i64, StoredError>;
}
