//! `/api/v1/salla/…`: connecting a store.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_ingest::connect::{Applicant, ConnectError, ConnectedStore};
use qafila_ingest::salla::oauth::OAuthError;
use qafila_schemas::words::rule::Rule;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::reply::Response;

use super::Answer;
use super::me::StoreBody;
use crate::app::App;
use crate::call::{Call, json};
use crate::problem::{Code, Problem};

const LONGEST: usize = 4_096;

/// Where to send the merchant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationBody {
    #[schema(value_type = url::Url)]
    authorization_url: String,
    expires_at: DateTime<Utc>,
}

/// What Salla sent back with the browser: a code, or an error.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallbackBody {
    state: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    error: Option<String>,
    /// Salla sends the scopes with the code; they are not needed.
    #[serde(default, rename = "scope")]
    _scope: Option<serde_json::Value>,
}

/// The store that is now connected.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectedBody {
    store: StoreBody,
    /// Wait for it with `Prefer: wait`.
    position: String,
}

/// Issues a single-use state of 10 minutes.
#[utoipa::path(get, operation_id = "getAuthorizationUrl", path = "/api/v1/salla/auth/url", tag = "salla", security(("bearer" = [])), responses(
    (status = 200, body = AuthorizationBody)))]
pub async fn authorization_url(app: Arc<App>, call: Call) -> Answer {
    let applicant = applicant(&app, &call).await?;
    let (url, expires_at) = app.connector.authorization_url(applicant).await.map_err(problem)?;
    Ok(json(StatusCode::OK, &AuthorizationBody { authorization_url: url.to_string(), expires_at }))
}

/// Finishes an authorisation.
#[utoipa::path(post, operation_id = "finishAuthorization", path = "/api/v1/salla/auth/callback", tag = "salla", security(("bearer" = [])), request_body = CallbackBody, responses(
    (status = 200, body = ConnectedBody)))]
pub async fn callback(app: Arc<App>, call: Call) -> Answer {
    let applicant = applicant(&app, &call).await?;
    let body: CallbackBody = call.json()?;
    for (pointer, text) in
        [("/state", Some(&body.state)), ("/code", body.code.as_ref()), ("/error", body.error.as_ref())]
    {
        if text.is_some_and(|t| t.is_empty() || t.len() > LONGEST) {
            return Err(Problem::invalid_field(pointer, Rule::length(1, LONGEST as i64)));
        }
    }
    let code = match (body.code, body.error) {
        (Some(code), None) => code,
        (None, Some(error)) => {
            return Err(problem(app.connector.denied(applicant, &body.state, &error).await));
        }
        _ => return Err(Problem::invalid_field("/code", Rule::code_or_error())),
    };
    let connected = app.connector.callback(applicant, &code, &body.state).await.map_err(problem)?;
    Ok(answer(connected))
}

/// An authorisation that waits for a yes.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfirmBody {
    state: String,
}

/// Puts the store of an authorisation that was answered with `other-store` in the place of the one that is connected; within 10 minutes.
#[utoipa::path(post, operation_id = "confirmOtherStore", path = "/api/v1/salla/auth/confirm", tag = "salla", security(("bearer" = [])), request_body = ConfirmBody, responses(
    (status = 200, body = ConnectedBody)))]
pub async fn confirm(app: Arc<App>, call: Call) -> Answer {
    let applicant = applicant(&app, &call).await?;
    let body: ConfirmBody = call.json()?;
    if body.state.is_empty() || body.state.len() > LONGEST {
        return Err(Problem::invalid_field("/state", Rule::length(1, LONGEST as i64)));
    }
    let connected = app.connector.confirm(applicant, &body.state).await.map_err(problem)?;
    Ok(answer(connected))
}

/// The link of a mail.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimBody {
    /// What stands behind `#token=` in the link.
    token: String,
    /// Whether the store may take the place of another one that is connected; without it that is answered with `other-store`.
    #[serde(default)]
    replaces: bool,
}

/// Connects a store that installed the app from Salla, by the link that was mailed to whoever installed it.
#[utoipa::path(post, operation_id = "claimStore", path = "/api/v1/salla/claim", tag = "salla", security(("bearer" = [])), request_body = ClaimBody, responses(
    (status = 200, body = ConnectedBody)))]
pub async fn claim(app: Arc<App>, call: Call) -> Answer {
    let applicant = applicant(&app, &call).await?;
    let body: ClaimBody = call.json()?;
    if body.token.is_empty() || body.token.len() > LONGEST {
        return Err(Problem::invalid_field("/token", Rule::length(1, LONGEST as i64)));
    }
    let connected = app.connector.claim(applicant, &body.token, body.replaces).await.map_err(problem)?;
    Ok(answer(connected))
}

/// A disconnection on its way.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisconnectedBody {
    /// Wait for it with `Prefer: wait`.
    position: String,
}

/// Disconnects the store: tokens are wiped, work stops, what was imported stays. The store is free for another account
/// after 30 days.
#[utoipa::path(delete, operation_id = "disconnectStore", path = "/api/v1/salla/connection", tag = "salla", security(("bearer" = [])), responses(
    (status = 202, body = DisconnectedBody)))]
pub async fn disconnect(app: Arc<App>, call: Call) -> Answer {
    let applicant = applicant(&app, &call).await?;
    let position = app.connector.disconnect(applicant).await.map_err(problem)?;
    Ok(json(StatusCode::ACCEPTED, &DisconnectedBody { position }))
}

fn answer(connected: ConnectedStore) -> Response {
    let ConnectedStore { store, position, .. } = connected;
    let store = StoreBody { id: store.store_id, name: store.name, domain: store.domain, plan: store.plan };
    json(StatusCode::OK, &ConnectedBody { store, position })
}

async fn applicant(app: &App, call: &Call) -> Result<Applicant, Problem> {
    let identity = app.identify_for_command(call).await?;
    Ok(Applicant { user_id: identity.user_id, merchant_id: identity.merchant_id })
}

fn problem(error: ConnectError) -> Problem {
    let code = match error {
        ConnectError::StateRefused => Code::StateRefused,
        ConnectError::LinkSpent => Code::ClaimSpent,
        ConnectError::StateUnknown => Code::StateUnknown,
        ConnectError::Denied(_) => Code::AccessDenied,
        ConnectError::StoreTaken => Code::StoreTaken,
        ConnectError::OtherStore { current, new } => {
            return Problem::new(Code::OtherStore).with("current", current.name).with("new", new.name);
        }
        ConnectError::NotConnected => Code::NothingConnected,
        ConnectError::Salla(OAuthError::Refused(_) | OAuthError::Unclear(_)) => Code::SallaFailed,
        ConnectError::Salla(OAuthError::NotSent(_)) => Code::SallaUnreachable,
        ConnectError::Unavailable(cause) => return Problem::unavailable("connecting a store", &cause),
    };
    Problem::new(code)
}
