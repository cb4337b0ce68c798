//! Of which time the data of reports is. It is asked for before the figures, so that these have at least what came until then; an answer that is
//! half a second old is still true.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use qafila_projections::olap::reports::{ReportError, Reports};
use qafila_schemas::ids::MerchantId;

const KEPT_FOR: Duration = Duration::from_millis(500);
/// Stores that are remembered; beyond that the memory starts anew.
const MAX_STORES: usize = 10_000;

/// When the newest order of each store came, as it was a moment ago.
#[derive(Default)]
pub struct Freshness(Mutex<HashMap<(MerchantId, i64), (Instant, Option<DateTime<Utc>>)>>);

impl Freshness {
    /// When the newest order of a store came; none where there are none.
    pub async fn of(
        &self,
        merchant: MerchantId,
        store: i64,
        reports: &Reports<'_>,
    ) -> Result<Option<DateTime<Utc>>, ReportError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(merchant, store)).copied();
        if let Some((_, as_of)) = known.filter(|(asked, _)| asked.elapsed() < KEPT_FOR) {
            return Ok(as_of);
        }
        let asked = Instant::now();
        let as_of = reports.as_of().await?;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_STORES {
            all.clear();
        }
        all.insert((merchant, store), (asked, as_of));
        Ok(as_of)
    }
}
