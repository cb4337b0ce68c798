//! `/api/v1/reports/…`: figures from ClickHouse.

mod asked;
mod compared;
mod figures;
pub mod freshness;
pub mod groups;
pub mod hours;
pub(crate) mod occasions;
mod points;
pub mod product;
pub mod rankings;
pub mod sharing;
pub mod summary;
pub mod trend;

use chrono::{DateTime, Utc};
use qafila_projections::olap::reports::{ReportError, Reports};
use qafila_projections::oltp::completeness;
use qafila_schemas::ids::MerchantId;
use serde::Serialize;
use utoipa::ToSchema;

use super::present_store;
use crate::app::App;
use crate::problem::{Code, Problem};
use crate::values::CompletenessCause;
use asked::{Asked, WindowBody};

/// What every report says of itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReportHeadBody {
    window: WindowBody,
    /// When the newest of its orders came; null where there are none.
    as_of: Option<DateTime<Utc>>,
    /// Nothing is missing from here on; null where that is from the first order, or not known.
    complete_from: Option<DateTime<Utc>>,
    /// Nothing is missing up to here; null until known.
    complete_to: Option<DateTime<Utc>>,
    /// Why `completeTo` stands still; null where it moves.
    #[schema(value_type = Option<CompletenessCause>)]
    complete_cause: Option<String>,
}

/// The merchant's present store and what is known of its data.
struct Source<'a> {
    reports: Reports<'a>,
    /// Salla's id.
    store: i64,
    /// ISO 4217.
    currency: String,
    as_of: Option<DateTime<Utc>>,
    complete: Option<completeness::Complete>,
}

impl<'a> Source<'a> {
    /// 412 without a store.
    async fn of(app: &'a App, merchant: MerchantId) -> Result<Self, Problem> {
        let store = present_store(app, merchant).await?;
        let store = store.ok_or_else(|| Problem::new(Code::NotConnected))?;
        let currency = app.connector.market(merchant).await?.currency().code;
        let reports = Reports::of(&app.clickhouse, merchant, store, &currency);
        let complete = completeness::of(&app.query_pool, merchant, store, "orders").await?;
        let as_of = app.freshness.of(merchant, store, &reports).await.map_err(unavailable)?;
        Ok(Self { reports, store, currency, as_of, complete })
    }

    fn head(&self, asked: &Asked) -> ReportHeadBody {
        let known = self.complete.as_ref();
        ReportHeadBody {
            window: asked.body(),
            as_of: self.as_of,
            complete_from: known.and_then(|known| known.from),
            complete_to: known.map(|known| known.to),
            complete_cause: known.and_then(|known| known.cause.clone()),
        }
    }
}

fn unavailable(error: ReportError) -> Problem {
    Problem::unavailable("clickhouse", &error)
}
