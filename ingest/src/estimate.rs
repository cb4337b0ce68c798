//! What an import would cost, before it is started: calls, minutes until dashboards are useful, hours until complete (FACTS §6, §10).

use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use qafila_schemas::ids::ConnectionId;

use crate::salla::budget::Urgency;
use crate::salla::client::{SallaApi, SallaClient, SallaError};
use crate::sync::plan;

/// Part of the allowed rate that an import uses.
const USED: f64 = 0.97;
const CALLS_AN_ORDER: i64 = 2;
/// A person waits no longer for the number of customers.
const CUSTOMERS_WITHIN: Duration = Duration::from_millis(1_500);

/// What an import would cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Orders of the window.
    pub orders: i64,
    /// Customers; none where their budget, which all stores share, is used up at the moment.
    pub customers: Option<i64>,
    /// Products.
    pub products: i64,
    /// Calls of Salla's API.
    pub calls: i64,
    /// Calls a minute that Salla lets this store make; none where it does not say.
    pub calls_per_minute: Option<u32>,
    /// Until every order is known with its total, status and date; none where the rate is unknown.
    pub minutes_until_useful: Option<f64>,
    /// Until details and items of every order are known, too.
    pub hours_until_complete: Option<f64>,
}

/// Estimates imports by asking Salla for counts.
#[derive(Clone)]
pub struct Estimator {
    salla: Arc<SallaApi>,
}

impl Estimator {
    /// Asks through `salla`.
    pub fn new(salla: Arc<SallaApi>) -> Self {
        Self { salla }
    }

    /// The import of these days of a connected store.
    pub async fn estimate(
        &self,
        connection: ConnectionId,
        store_id: i64,
        from: NaiveDate,
        until: NaiveDate,
    ) -> Result<Estimate, SallaError> {
        let client = self.salla.store(connection, store_id, Urgency::Urgent);
        let days = [("from_date", from.to_string()), ("to_date", until.to_string())];
        let orders = count(&client, "orders", &days).await?;
        let counting = count(&client, "customers", &[]);
        let customers = tokio::time::timeout(CUSTOMERS_WITHIN, counting).await.ok().transpose()?;
        let products = count(&client, "products", &[]).await?;
        let config = client.config();
        let pages = |rows: i64, per_page: u32| (rows + i64::from(per_page) - 1) / i64::from(per_page);
        // A slice ends with a page that is not full and is counted once more; what has no dates is read twice.
        let slices =
            plan::slices(from, until).iter().filter(|slice| slice.resource == "orders").count() as i64;
        let order_lists = pages(orders, config.orders_per_page) + 2 * slices;
        let product_lists = 2 * pages(products, config.others_per_page).max(1);
        let customer_lists = 2 * pages(customers.unwrap_or(0), config.others_per_page).max(1);
        let calls = order_lists + product_lists + customer_lists + CALLS_AN_ORDER * orders;
        let calls_per_minute = client.per_minute();
        let rate = calls_per_minute.map(|calls| f64::from(calls) * USED);
        // Ten minutes hold the whole customers budget.
        let customer_minutes = customer_lists as f64 * 10.0 / f64::from(config.customers_per_window);
        Ok(Estimate {
            orders,
            customers,
            products,
            calls,
            calls_per_minute,
            minutes_until_useful: rate.map(|rate| (order_lists + product_lists) as f64 / rate),
            hours_until_complete: rate.map(|rate| (calls as f64 / rate).max(customer_minutes) / 60.0),
        })
    }
}

async fn count(client: &SallaClient, resource: &str, query: &[(&str, String)]) -> Result<i64, SallaError> {
    let mut asked = vec![("page", "1".to_owned()), ("per_page", "1".to_owned())];
    asked.extend(query.iter().cloned());
    Ok(client.page(resource, &asked).await?.total)
}
