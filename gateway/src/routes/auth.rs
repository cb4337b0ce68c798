//! `/api/v1/auth/…`: register, log in, refresh, log out.

use std::sync::Arc;

use chrono::Utc;
use http::StatusCode;
use qafila_projections::oltp::merchants;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warp::reply::Response;

use super::Answer;
use crate::app::App;
use crate::auth::registration::{Application, User};
use crate::auth::rules::{self, Broken};
use crate::auth::sessions::{COOKIE, RefreshToken, clearing_cookie};
use crate::auth::tokens::{ACCESS_SECONDS, Identity};
use crate::call::{Call, json, no_content, with_header};
use crate::client_address::attempt_source;
use crate::problem::{Code, Problem};
use crate::values::Locale;

/// Beyond it nothing can be right, and hashing would cost.
pub(super) const LONGEST_PASSWORD: usize = 1_024;
const REGISTRATIONS_PER_ADDRESS: i32 = 30;
const FAILED_LOGINS_PER_ACCOUNT: i32 = 10;
const FAILED_LOGINS_PER_ADDRESS: i32 = 100;

/// Body of register.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterBody {
    /// Kept in lower case.
    #[schema(format = Email, max_length = 254)]
    email: String,
    /// At least three of lower case, upper case, digits, others; none of the most common; without the address's name.
    #[schema(format = Password, min_length = 12, max_length = 128)]
    password: String,
    #[schema(min_length = 1, max_length = 100)]
    store_name: String,
    #[schema(value_type = Locale)]
    locale: String,
}

/// Body of log-in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoginBody {
    email: String,
    password: String,
}

/// A session: the access token is in the body, the refresh token in a cookie.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionBody {
    access_token: String,
    /// Seconds.
    expires_in: i64,
    user: UserBody,
    merchant: MerchantBody,
    /// After registering: wait for it with `Prefer: wait`; null otherwise.
    position: Option<String>,
}

/// The person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserBody {
    /// UUID.
    #[schema(format = Uuid)]
    pub id: String,
    /// Address.
    pub email: String,
    /// Language of mails and notifications.
    #[schema(value_type = Locale)]
    pub locale: String,
}

/// The merchant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MerchantBody {
    /// UUID.
    #[schema(format = Uuid)]
    pub id: String,
    /// Name shown.
    pub store_name: String,
}

/// Creates user and merchant, both or neither.
#[utoipa::path(post, operation_id = "register", path = "/api/v1/auth/register", tag = "auth", request_body = RegisterBody, responses(
    (status = 201, body = SessionBody)))]
pub async fn register(app: Arc<App>, call: Call) -> Answer {
    let body: RegisterBody = call.json()?;
    let mut broken = Broken::default();
    let email = broken.check("/email", rules::email(&body.email));
    let store_name = broken.check("/storeName", rules::store_name(&body.store_name));
    let locale = broken.check("/locale", rules::locale(&body.locale));
    for rule in rules::password(&body.password, email.as_deref().unwrap_or_default()) {
        broken.add("/password", rule);
    }
    let (Some(email), Some(store_name), Some(locale), true) =
        (email, store_name, locale, broken.0.is_empty())
    else {
        return Err(Problem::invalid(broken.0));
    };
    app.attempts.count(&format!("register:{}", source(&call)), REGISTRATIONS_PER_ADDRESS).await?;
    if !app.health.is_up("kafka") {
        return Err(Problem::unavailable("kafka", &"registering needs Kafka"));
    }
    let application = Application { email, password: body.password, store_name, locale };
    let (user, position) = app.registration.register(application).await?;
    let session = app.sessions.start(user.user_id, user.password_hash()).await?.ok_or_else(wrong)?;
    session_answer(&app, StatusCode::CREATED, &user, &session, Some(position.to_string())).await
}

/// Starts a session.
#[utoipa::path(post, operation_id = "logIn", path = "/api/v1/auth/login", tag = "auth", request_body = LoginBody, responses(
    (status = 200, body = SessionBody)))]
pub async fn login(app: Arc<App>, call: Call) -> Answer {
    let body: LoginBody = call.json()?;
    let email = body.email.trim().to_lowercase();
    let account = format!("login:{email}");
    let address = format!("login-from:{}", source(&call));
    app.attempts.count(&address, FAILED_LOGINS_PER_ADDRESS).await?;
    app.attempts.count(&account, FAILED_LOGINS_PER_ACCOUNT).await?;
    let known = if body.password.len() > LONGEST_PASSWORD {
        Ok(None)
    } else {
        app.registration.log_in(&email, body.password).await
    };
    if !matches!(known, Ok(None)) {
        // No failure of theirs: it is right, or we could not tell.
        for subject in [&account, &address] {
            app.attempts.give_back(subject).await?;
        }
    }
    let Some(user) = known? else {
        tracing::warn!(event = "login failed");
        return Err(wrong());
    };
    let session = app.sessions.start(user.user_id, user.password_hash()).await?.ok_or_else(wrong)?;
    session_answer(&app, StatusCode::OK, &user, &session, None).await
}

/// Exchanges the refresh token for the next one.
#[utoipa::path(post, operation_id = "refreshSession", path = "/api/v1/auth/refresh", tag = "auth", security(("refreshCookie" = [])), responses(
    (status = 200, body = SessionBody)))]
pub async fn refresh(app: Arc<App>, call: Call) -> Answer {
    let token = call.cookie(COOKIE).ok_or_else(Problem::unauthorized)?;
    // All that may fail is read first: a token that was rotated has to reach the client.
    let owner = app.sessions.owner(token).await?.ok_or_else(Problem::unauthorized)?;
    let user = app.registration.by_id(owner).await?.ok_or_else(Problem::unauthorized)?;
    let (_, next) = app.sessions.rotate(token).await?.ok_or_else(Problem::unauthorized)?;
    session_answer(&app, StatusCode::OK, &user, &next, None).await
}

/// Ends the session.
#[utoipa::path(post, operation_id = "logOut", path = "/api/v1/auth/logout", tag = "auth", security((), ("refreshCookie" = [])), responses((status = 204)))]
pub async fn logout(app: Arc<App>, call: Call) -> Answer {
    if let Some(token) = call.cookie(COOKIE) {
        app.sessions.end(token).await?;
    }
    let answer = with_header(no_content(), "set-cookie", &clearing_cookie());
    // Browsers keep answers on disk, to ask whether they still hold.
    Ok(with_header(answer, "clear-site-data", "\"cache\""))
}

async fn session_answer(
    app: &App,
    status: StatusCode,
    user: &User,
    session: &RefreshToken,
    position: Option<String>,
) -> Result<Response, Problem> {
    let identity =
        Identity { user_id: user.user_id, merchant_id: user.merchant_id, issued_at: Utc::now().timestamp() };
    // The read model may not have it yet, or not be reached; until then it is the name that was registered.
    let known = merchants::find(&app.query_pool, user.merchant_id).await.unwrap_or_else(|error| {
        tracing::warn!(event = "failed to read the merchant's name", error = %error);
        None
    });
    let renamed = known.map(|known| known.store_name);
    let store_name = renamed.unwrap_or_else(|| user.store_name.clone());
    let body = SessionBody {
        access_token: app.access_tokens.issue(identity)?,
        expires_in: ACCESS_SECONDS,
        user: UserBody {
            id: user.user_id.to_string(),
            email: user.email.clone(),
            locale: user.locale.clone(),
        },
        merchant: MerchantBody { id: user.merchant_id.to_string(), store_name },
        position,
    };
    let cookie = session.cookie(app.insecure_cookies);
    Ok(with_header(json(status, &body), "set-cookie", &cookie))
}

/// The same words for an unknown address and a wrong password.
fn wrong() -> Problem {
    Problem::new(Code::WrongCredentials)
}

/// What attempts are counted under.
pub(super) fn source(call: &Call) -> String {
    call.client().map_or_else(|| "unknown".to_owned(), |ip| attempt_source(ip).to_string())
}
