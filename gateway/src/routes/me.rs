//! `/api/v1/me`: user, merchant, connection.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_projections::oltp::merchants;
use serde::Serialize;
use utoipa::ToSchema;

use super::Answer;
use super::auth::{MerchantBody, UserBody};
use crate::app::App;
use crate::call::{Call, json, with_header};
use crate::problem::Problem;
use crate::wait;

/// User, merchant and connection.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeBody {
    user: UserBody,
    merchant: MerchantBody,
    connection: Option<ConnectionBody>,
}

/// The store the merchant is connected to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionBody {
    /// UUID.
    id: String,
    store: StoreBody,
    scopes: Vec<String>,
    connected_at: DateTime<Utc>,
}

/// A Salla store.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreBody {
    /// Salla's id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Domain.
    pub domain: Option<String>,
    /// Plan.
    pub plan: Option<String>,
}

/// Who is logged in.
#[utoipa::path(get, path = "/api/v1/me", tag = "account", security(("bearer" = [])),
    params(("prefer" = Option<String>, Header, description = "`wait=2`: seconds to wait for the position"),
        ("x-qafila-position" = Option<String>, Header, description = "Position a command answered with")),
    responses(
    (status = 200, body = MeBody), (status = 401, body = Problem)))]
pub async fn show(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let applied = wait::for_position(&app, &call, identity.merchant_id).await?;
    let user = app.registration.by_id(identity.user_id).await?.ok_or_else(Problem::unauthorized)?;
    let view = merchants::find(&app.query_pool, identity.merchant_id).await?;
    let store_name = view.as_ref().map_or_else(|| user.store_name.clone(), |view| view.store_name.clone());
    let connection = view.and_then(|view| view.connection).map(|c| ConnectionBody {
        id: c.connection_id.to_string(),
        store: StoreBody { id: c.store_id, name: c.name, domain: c.domain, plan: c.plan },
        scopes: c.scopes,
        connected_at: c.connected_at,
    });
    let body = MeBody {
        user: UserBody { id: user.user_id.to_string(), email: user.email, locale: user.locale },
        merchant: MerchantBody { id: user.merchant_id.to_string(), store_name },
        connection,
    };
    let answer = json(StatusCode::OK, &body);
    Ok(if applied { with_header(answer, "preference-applied", "wait") } else { answer })
}
