//! Liveness, readiness per dependency, Prometheus.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use super::Answer;
use crate::app::App;
use crate::call::{Call, json};
use crate::values::{DependencyStatus, HealthStatus};

/// Health of the process.
#[derive(Serialize, ToSchema)]
pub struct HealthBody {
    #[schema(value_type = HealthStatus)]
    status: &'static str,
    /// By name; none where only the process was asked for.
    #[schema(value_type = std::collections::HashMap<String, DependencyStatus>)]
    dependencies: BTreeMap<&'static str, &'static str>,
}

/// The process can answer; says nothing of what it depends on, so that an outage elsewhere restarts nobody.
#[utoipa::path(get, operation_id = "getLiveness", path = "/health/live", tag = "operations", responses((status = 200, body = HealthBody)))]
pub async fn live(_app: Arc<App>, _call: Call) -> Answer {
    Ok(json(StatusCode::OK, &HealthBody { status: "live", dependencies: BTreeMap::new() }))
}

/// Whether the process should get traffic, by dependency. Faults are in the log and the metrics, not here.
#[utoipa::path(get, operation_id = "getReadiness", path = "/health/ready", tag = "operations", responses((status = 200, body = HealthBody), (status = 503, body = HealthBody)))]
pub async fn ready(app: Arc<App>, _call: Call) -> Answer {
    let all = app.health.all();
    let mut dependencies: BTreeMap<_, _> =
        all.iter().map(|(name, fault)| (*name, if fault.is_none() { "up" } else { "down" })).collect();
    let ready = dependencies.len() == 3 && dependencies.values().all(|state| *state == "up");
    // Not of readiness: whoever cannot take webhooks, as before the registry has answered, can still do all else.
    dependencies.insert("webhooks", if app.webhooks.is_able() { "up" } else { "down" });
    let (status, word) =
        if ready { (StatusCode::OK, "ready") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    Ok(json(status, &HealthBody { status: word, dependencies }))
}

/// Prometheus' text format.
#[utoipa::path(get, operation_id = "getMetrics", path = "/metrics", tag = "operations", responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn metrics(app: Arc<App>, _call: Call) -> Answer {
    let mut response = Response::new(app.metrics.render().into());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4"));
    Ok(response)
}
