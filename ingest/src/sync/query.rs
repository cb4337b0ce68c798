//! How Salla's lists are asked for a slice: which days, which status, and into what a slice falls that is too long for its deep pages.

use std::sync::Arc;

use chrono::NaiveDate;
use tokio::sync::OnceCell;

use super::plan::{self, Slice, Window};
use crate::salla::client::{Page, SallaClient, SallaError};

/// Days that lie before and after everything.
const BEFORE_ALL: &str = "1990-01-01";
const AFTER_ALL: &str = "2190-01-01";

/// Asks a store's lists for slices.
#[derive(Clone)]
pub struct SliceLists {
    client: SallaClient,
    /// First and last day of what is read.
    span: Window,
    /// Names of the bounds of a customer's creation, once they are known.
    customer_dates: Arc<OnceCell<(&'static str, &'static str)>>,
}

impl SliceLists {
    /// Lists as `client` sees them; slices of orders end with `span`.
    pub fn new(client: SallaClient, span: Window) -> Self {
        Self { client, span, customer_dates: Arc::default() }
    }

    /// A page of the slice `name`, from 1.
    pub async fn page(
        &self,
        resource: &str,
        name: &str,
        number: i32,
        per_page: u32,
    ) -> Result<Page, SallaError> {
        let mut query = vec![("page", number.to_string()), ("per_page", per_page.to_string())];
        if let Some(window) = self.order_days(resource, name) {
            query.push(("sort_by", "created_at-asc".into()));
            query.extend(order_days(window.asked()));
        }
        query.extend(plan::status(name).map(|status| ("status", status.to_owned())));
        if let Some(window) = plan::created(name) {
            let (from, to) = self.customer_dates().await?;
            let (earlier, later) = window.asked();
            let is_first = plan::is_earliest(window);
            query.push((from, if is_first { BEFORE_ALL.to_owned() } else { earlier.to_string() }));
            // Customers come while we read: the last part has no end.
            let is_last = window.last >= self.span.last;
            query.push((to, if is_last { AFTER_ALL.to_owned() } else { later.to_string() }));
        }
        self.client.page(resource, &query).await
    }

    /// Smaller slices, where one of `total` rows is too long for deep pages; none where it is not, or cannot be split, or where
    /// Salla ignores what a part asks for: then each part is the whole again, and so are its parts.
    pub async fn parts(&self, resource: &str, name: &str, total: i64) -> Result<Vec<Slice>, SallaError> {
        if self.client.config().shows(resource, total) {
            return Ok(vec![]);
        }
        let parts = plan::split(resource, name, self.span.first, self.span.last);
        for part in &parts {
            // More may have come since, but never as many as another part has.
            if self.count(resource, &part.name).await? < total {
                return Ok(parts);
            }
        }
        if !parts.is_empty() {
            tracing::warn!(event = "Salla ignores a filter", resource, slice = name, total);
        }
        Ok(vec![])
    }

    /// Rows of the slice `name`, as the source counts them.
    pub async fn count(&self, resource: &str, name: &str) -> Result<i64, SallaError> {
        Ok(self.page(resource, name, 1, 1).await?.total)
    }

    /// The days of creation of a slice of orders.
    pub fn order_days(&self, resource: &str, name: &str) -> Option<Window> {
        (resource == "orders").then(|| plan::days(name, self.span.first, self.span.last)).flatten()
    }

    /// Names of the bounds of creation: Salla's page describes them the wrong way round (FACTS §4.4), so both are tried with days
    /// that hold everything.
    async fn customer_dates(&self) -> Result<(&'static str, &'static str), SallaError> {
        let names = self.customer_dates.get_or_try_init(|| async {
            let mut query = vec![("page", "1".to_owned()), ("per_page", "1".to_owned())];
            let all = self.client.page("customers", &query).await?.total;
            query.extend([("date_from", BEFORE_ALL.to_owned()), ("date_to", AFTER_ALL.to_owned())]);
            let found = self.client.page("customers", &query).await?.total;
            // The counts are of two moments, and the wrong way round finds nothing at all.
            let meant = found.saturating_mul(2) >= all;
            Ok(if meant { ("date_from", "date_to") } else { ("date_to", "date_from") })
        });
        names.await.copied()
    }
}

/// Bounds of creation, as a list of orders takes them.
pub(crate) fn order_days((from, to): (NaiveDate, NaiveDate)) -> [(&'static str, String); 2] {
    [("from_date", from.to_string()), ("to_date", to.to_string())]
}
