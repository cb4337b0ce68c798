//! `/api/v1/sync/estimate`: what an import would cost, from the store's counts and plan.

use std::sync::Arc;
use std::time::Duration;

use chrono::{Months, Utc};
use http::StatusCode;
use qafila_ingest::access::AccessError;
use qafila_ingest::salla::client::SallaError;
use qafila_ingest::salla::shapes::values::riyadh;
use qafila_schemas::words::rule::Rule;
use serde::Serialize;
use utoipa::ToSchema;

use super::not_connected;
use crate::app::App;
use crate::call::{Call, json};
use crate::problem::{Code, Problem};
use crate::routes::Answer;
use crate::values::DepthInMonths;

/// A person does not wait longer for an estimate.
const MAX_ESTIMATE: Duration = Duration::from_secs(10);

/// What an import would cost.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EstimateBody {
    depth_in_months: i32,
    orders: i64,
    /// Null where it cannot be told at the moment; the calls for them are then not counted.
    customers: Option<i64>,
    products: i64,
    /// Calls of Salla's API.
    calls: i64,
    /// Calls a minute that Salla lets the store make; null where it does not say.
    calls_per_minute: Option<u32>,
    /// Until every order is known with total, status and date; null where the rate is unknown.
    minutes_until_useful: Option<f64>,
    /// Until details and items of every order are known, too.
    hours_until_complete: Option<f64>,
}

/// What an import would cost, from the store's counts and plan.
#[utoipa::path(get, operation_id = "estimateImport", path = "/api/v1/sync/estimate", tag = "sync", security(("bearer" = [])),
    params(("depthInMonths" = DepthInMonths, Query)),
    responses((status = 200, body = EstimateBody)))]
pub async fn estimate(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let parameters = call.parameters();
    let depth_in_months = match parameters.as_slice() {
        [(name, value)] if name == "depthInMonths" => match value.as_str() {
            "12" => 12,
            "24" => 24,
            _ => return Err(Problem::invalid_field("depthInMonths", Rule::one_of(&["12", "24"]))),
        },
        _ => {
            return Err(Problem::invalid_field("depthInMonths", Rule::one_of(&["12", "24"])));
        }
    };
    let merchant = app.merchants.load(&identity.merchant_id.to_string()).await;
    let (merchant, _) = merchant.map_err(|e| Problem::unavailable("event store", &e))?;
    let connection = merchant.connection().ok_or_else(not_connected)?;
    let until = Utc::now().with_timezone(&riyadh()).date_naive();
    let from = until.checked_sub_months(Months::new(depth_in_months)).unwrap_or(until);
    let asked = app.estimator.estimate(connection.connection_id, connection.store_id, from, until);
    let estimate = tokio::time::timeout(MAX_ESTIMATE, asked)
        .await
        .map_err(|_| Problem::unavailable("salla", &"Salla did not answer in time"))?
        .map_err(|error| match error {
            SallaError::Access(access) if access.needs_merchant().is_some() => Problem::new(Code::ReauthorisationNeeded),
            SallaError::Access(AccessError::NotConnected) => not_connected(),
            SallaError::Access(_) | SallaError::Unavailable { .. } | SallaError::Throttled => Problem::unavailable("salla", &error),
            error => {
                tracing::warn!(event = "estimate refused", merchantId = %identity.merchant_id, error = %error);
                Problem::new(Code::SallaFailed)
            }
        })?;
    let body = EstimateBody {
        depth_in_months: i32::try_from(depth_in_months).unwrap_or_default(),
        orders: estimate.orders,
        customers: estimate.customers,
        products: estimate.products,
        calls: estimate.calls,
        calls_per_minute: estimate.calls_per_minute,
        minutes_until_useful: estimate.minutes_until_useful,
        hours_until_complete: estimate.hours_until_complete,
    };
    Ok(json(StatusCode::OK, &body))
}
