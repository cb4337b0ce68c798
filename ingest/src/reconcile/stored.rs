//! What the reconciliation needs to know of what is stored: its port on the read models (ARCHITECTURE §2). The root joins it to them.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use qafila_schemas::ids::MerchantId;
use qafila_schemas::records::observation::Observation;

use crate::sync::stored::StoredError;

/// How an observation relates to what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing is stored under its key.
    New,
    /// The row would be another.
    Differs,
    /// The row would be the same, and waits for a read.
    Awaited,
    /// A list shows what the row says is deleted.
    Buried,
    /// The row would be the same.
    Same,
}

/// Answers from the read models.
#[async_trait]
pub trait ComparedView: Send + Sync {
    /// Compares each observation with the row of its key.
    async fn compare(&self, observations: Vec<Observation>) -> Result<Vec<Comparison>, StoredError>;

    /// Orders that are there, by day of creation in Asia/Riyadh, earliest first.
    async fn orders_by_day(
        &self,
        merchant: MerchantId,
        store_id: i64,
    ) -> Result<Vec<(NaiveDate, i64)>, StoredError>;

    /// Ids of a resource that are there and that nothing was seen of since `before`.
    async fn unseen(
        &self,
        merchant: MerchantId,
        store_id: i64,
        resource: &str,
        before: DateTime<Utc>,
    ) -> Result<Vec<i64>, StoredError>;
}
