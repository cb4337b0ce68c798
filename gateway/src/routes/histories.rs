//! `/api/v1/orders/{id}/histories`: what happened to an order's status.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_ingest::access::AccessError;
use qafila_ingest::order_histories::{History, HistoryError, OrderOf};
use qafila_ingest::salla::budget::Urgency;
use qafila_ingest::salla::client::SallaError;
use qafila_projections::oltp::orders;
use serde::Serialize;
use utoipa::ToSchema;

use super::sync::not_connected;
use super::{Answer, numbered, present_store};
use crate::app::App;
use crate::auth::reading::Scope;
use crate::call::{Call, json};
use crate::opening::open;
use crate::problem::{Code, Problem};

/// A person waits no longer for Salla.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// What happened to an order's status.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoriesBody {
    /// Oldest first.
    entries: Vec<HistoryEntryBody>,
    /// When Salla was asked, UTC.
    as_of: DateTime<Utc>,
    /// False where the order has changed since, and Salla could not be asked again at the moment.
    is_current: bool,
}

/// A change of an order's status.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntryBody {
    /// UTC; null where Salla does not say.
    at: Option<DateTime<Utc>>,
    /// Name of the status, as the store calls it.
    status: Option<String>,
    /// What was noted beside it; null where nothing was, or where it was erased.
    note: Option<String>,
}

/// What happened to an order's status: fetched from Salla when somebody asks first, and again once the order has changed.
#[utoipa::path(get, operation_id = "getOrderHistories", path = "/api/v1/orders/{id}/histories", tag = "orders",
    security(("bearer" = []), ("merchantKey" = [])), params(("id" = i64, Path, description = "Salla's id")),
    responses((status = 200, body = HistoriesBody)))]
pub async fn show(app: Arc<App>, call: Call, id: String) -> Answer {
    let reader = app.reader(&call, Scope::Lists).await?;
    let merchant = reader.merchant_id;
    let unknown = || Problem::new(Code::UnknownOrder);
    let order_id = numbered(&id).ok_or_else(unknown)?;
    let store_id = present_store(&app, merchant).await?.ok_or_else(unknown)?;
    let order = orders::find(&app.query_pool, merchant, store_id, order_id).await?.ok_or_else(unknown)?.order;
    // A change that lies ahead of our clock has happened.
    let changed_at = order.salla_updated_at.unwrap_or(order.created_at).min(Utc::now());
    let (customer_id, status) = (order.customer_id, order.status_slug);
    let of = OrderOf { merchant, store_id, order_id, customer_id, changed_at, status };
    let kept = app.order_histories.kept(&of).await?;
    let (history, is_current) = match kept {
        Some(kept) if kept.is_fresh(&of, Utc::now()) => (kept, true),
        kept => match fetched(&app, of, reader.is_key).await {
            Ok(fetched) => (fetched, true),
            Err(problem) => (kept.ok_or(problem)?, false),
        },
    };
    let mut entries = history.entries;
    open(&*app.keys, reader, entries.iter_mut().map(|entry| &mut entry.note).collect()).await?;
    let entries = entries.into_iter().map(|entry| HistoryEntryBody {
        at: entry.at,
        status: entry.status,
        note: entry.note,
    });
    let body = HistoriesBody { entries: entries.collect(), as_of: history.as_of, is_current };
    Ok(json(StatusCode::OK, &body))
}

async fn fetched(app: &App, of: OrderOf, is_key: bool) -> Result<History, Problem> {
    let merchant = app.merchants.load(&of.merchant.to_string()).await;
    let (merchant, _) = merchant.map_err(|error| Problem::unavailable("event store", &error))?;
    // The read model may still show the store that was connected before.
    let connection = merchant.connection().filter(|connection| connection.store_id == of.store_id);
    let connection = connection.ok_or_else(not_connected)?;
    // What a person waits for may use all of the store's calls; a tool leaves some.
    let urgency = if is_key { Urgency::Background } else { Urgency::Urgent };
    let (merchant, order_id) = (of.merchant, of.order_id);
    // It goes on where it takes longer, so that whoever asks again finds it.
    let (histories, connection) = (app.order_histories.clone(), connection.connection_id);
    let fetching = tokio::spawn(async move { histories.fetch(&of, connection, urgency).await });
    let fetched = tokio::time::timeout(MAX_WAIT, fetching).await;
    let fetched = fetched.map_err(|_| Problem::unavailable("salla", &"Salla did not answer in time"))?;
    let fetched = fetched.map_err(|error| Problem::unavailable("order history", &error))?;
    fetched.map_err(|error| match error {
        HistoryError::Database(error) => error.into(),
        HistoryError::Keys(error) => Problem::unavailable("keys", &error),
        HistoryError::Salla(SallaError::NotFound) => Problem::new(Code::UnknownOrder),
        HistoryError::Salla(SallaError::Access(access)) if access.needs_merchant().is_some() => {
            Problem::new(Code::ReauthorisationNeeded)
        }
        HistoryError::Salla(SallaError::Access(AccessError::NotConnected)) => not_connected(),
        HistoryError::Salla(
            error @ (SallaError::Access(_) | SallaError::Unavailable { .. } | SallaError::Throttled),
        ) => Problem::unavailable("salla", &error),
        error @ HistoryError::Busy => Problem::unavailable("salla", &error),
        HistoryError::Salla(error) => {
            tracing::warn!(event = "order history refused", merchantId = %merchant, orderId = order_id, error = %error);
            Problem::new(Code::SallaFailed)
        }
    })
}
