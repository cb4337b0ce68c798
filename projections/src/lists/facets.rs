//! Values that a list is filtered by, each with how many rows have it.

use qafila_schemas::ids::MerchantId;
use sqlx::{FromRow, PgPool};

use super::List;
use crate::oltp::scope::for_merchant;

/// Values of one filter, at most.
const MAX_VALUES: i64 = 100;

/// A value of a filter.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct FacetCount {
    /// Name of the filter.
    pub field: String,
    /// Value.
    pub value: String,
    /// As the store names it, where it does.
    pub label: Option<String>,
    /// Rows that have it.
    pub rows: i64,
}

/// The values of a list's filters, those with most rows first, at most 100 of each. `pool` is the query role's.
pub async fn of(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    list: List,
) -> Result<Vec<FacetCount>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    sqlx::query_as(
        "SELECT field, value, label, rows FROM (
             SELECT field, value, label, rows, row_number() OVER (PARTITION BY field ORDER BY rows DESC, value) AS place
             FROM list_facets WHERE merchant_id = $1 AND store_id = $2 AND list = $3 AND rows > 0) AS f
         WHERE place <= $4 ORDER BY field, place",
    )
    .bind(merchant.0)
    .bind(store_id)
    .bind(list.name())
    .bind(MAX_VALUES)
    .fetch_all(&mut *scope)
    .await
}
