//! `/api/v1/auth/password/…`: forgotten, reset, changed.

use std::sync::Arc;

use http::StatusCode;
use qafila_schemas::words::rule::Rule;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Answer;
use super::auth::{LONGEST_PASSWORD, source};
use crate::app::App;
use crate::auth::rules;
use crate::auth::sessions::COOKIE;
use crate::call::{Call, no_content};
use crate::problem::Problem;

const LONGEST_TOKEN: usize = 100;
const MAILS_PER_ACCOUNT: i32 = 3;
const MAILS_PER_ADDRESS: i32 = 30;
const TRIES_PER_ADDRESS: i32 = 50;
const TRIES_PER_USER: i32 = 10;

/// Who forgot.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForgottenPasswordBody {
    #[schema(format = Email)]
    email: String,
}

/// A new password, by the link of a mail.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordResetBody {
    /// What stands behind `#token=` in the link.
    token: String,
    #[schema(format = Password, min_length = 12, max_length = 128)]
    password: String,
}

/// A new password, by the old one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordChangeBody {
    #[schema(format = Password)]
    current_password: String,
    #[schema(format = Password, min_length = 12, max_length = 128)]
    new_password: String,
}

/// Mails a link that sets a new password, if somebody has registered the address; the answer is the same if not.
#[utoipa::path(post, operation_id = "forgotPassword", path = "/api/v1/auth/password/forgot", tag = "auth", request_body = ForgottenPasswordBody, responses(
    (status = 202)))]
pub async fn forgot(app: Arc<App>, call: Call) -> Answer {
    let body: ForgottenPasswordBody = call.json()?;
    app.attempts.count(&format!("forgot-from:{}", source(&call)), MAILS_PER_ADDRESS).await?;
    let mut accepted = no_content();
    *accepted.status_mut() = StatusCode::ACCEPTED;
    // What is no address has no account: the answer is that of an address that nobody has.
    let Ok(email) = rules::email(&body.email) else { return Ok(accepted) };
    // Too many mails to one address annoy its owner; whoever asks need not know.
    if app.attempts.count(&format!("forgot:{email}"), MAILS_PER_ACCOUNT).await.is_ok() {
        app.resets.ask(&email).await?;
    }
    Ok(accepted)
}

/// Sets a new password with the link of a mail, and ends all sessions.
#[utoipa::path(post, operation_id = "resetPassword", path = "/api/v1/auth/password/reset", tag = "auth", request_body = PasswordResetBody, responses(
    (status = 204)))]
pub async fn reset(app: Arc<App>, call: Call) -> Answer {
    let body: PasswordResetBody = call.json()?;
    app.attempts.count(&format!("reset-from:{}", source(&call)), TRIES_PER_ADDRESS).await?;
    if body.token.is_empty() || body.token.len() > LONGEST_TOKEN {
        return Err(Problem::invalid_field("/token", Rule::length(1, LONGEST_TOKEN as i64)));
    }
    let user = app.resets.redeem(&body.token, body.password).await?;
    tracing::info!(event = "password reset", userId = %user);
    Ok(no_content())
}

/// Sets a new password, and ends the user's other sessions.
#[utoipa::path(post, operation_id = "changePassword", path = "/api/v1/auth/password/change", tag = "auth", security(("bearer" = []), ("bearer" = [], "refreshCookie" = [])), request_body = PasswordChangeBody,
    responses((status = 204)))]
pub async fn change(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let body: PasswordChangeBody = call.json()?;
    let user = identity.user_id;
    app.attempts.count(&format!("password-of:{user}"), TRIES_PER_USER).await?;
    if body.current_password.len() > LONGEST_PASSWORD {
        return Err(Problem::invalid_field("/currentPassword", Rule::wrong_password()));
    }
    app.resets.change(user, body.current_password, body.new_password, call.cookie(COOKIE)).await?;
    tracing::info!(event = "password changed", userId = %user);
    Ok(no_content())
}
