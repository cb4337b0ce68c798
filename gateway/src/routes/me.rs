//! `/api/v1/me`: user, merchant, connection.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_aggregates::Aggregate;
use qafila_aggregates::merchant::{ACCESS_ENDS_SOON, Merchant, MerchantCommand};
use qafila_aggregates::position::Position;
use qafila_ingest::app_events::SubscriptionStanding;
use qafila_ingest::subscriptions::SubscriptionState;
use qafila_projections::notify::bell::kind::MAY_BE_UNWANTED;
use qafila_projections::oltp::merchants;
use qafila_schemas::words::Language;
use qafila_schemas::words::cause::{OF_CONNECTION, OF_WEBHOOKS};
use qafila_schemas::words::rule::Rule;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Answer;
use super::auth::{MerchantBody, UserBody};
use crate::app::App;
use crate::auth::rules::{self, Broken};
use crate::auth::tokens::Identity;
use crate::call::{Call, json, with_header};
use crate::problem::Problem;
use crate::values::{Access, AppKind, AppStatus, ConnectionCause, Locale, WebhooksCause, WebhooksState};
use crate::wait;

/// User, merchant and connection.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeBody {
    user: UserBody,
    merchant: MerchantBody,
    connection: Option<ConnectionBody>,
    /// By kind of notification, whether it is mailed, too.
    mail_preferences: BTreeMap<&'static str, bool>,
    /// Where support is found: an address of https or mailto; null where the operator names none.
    support_url: Option<String>,
}

/// User, merchant and connection after a change.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeChangedBody {
    #[serde(flatten)]
    me: MeBody,
    /// Wait for it with `Prefer: wait`.
    position: String,
}

/// The store the merchant is connected to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionBody {
    /// UUID.
    #[schema(format = Uuid)]
    id: String,
    store: StoreBody,
    scopes: Vec<String>,
    connected_at: DateTime<Utc>,
    #[schema(value_type = Access)]
    access: String,
    /// Why access is lost or ends soon; null where it works.
    #[schema(value_type = Option<ConnectionCause>)]
    cause: Option<String>,
    /// What to do about it, in the language of `Accept-Language`.
    advice: Option<String>,
    /// Whether the store's events reach us.
    webhooks: WebhooksBody,
    /// The store's subscription to the app at Salla; null where Salla told none.
    app: Option<AppBody>,
}

/// A store's subscription to the app, or its trial, as Salla told it last.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppBody {
    #[schema(value_type = AppKind)]
    kind: String,
    #[schema(value_type = AppStatus)]
    status: String,
    plan: Option<String>,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
}

impl From<SubscriptionStanding> for AppBody {
    fn from(said: SubscriptionStanding) -> Self {
        let SubscriptionStanding { kind, status, plan_name: plan, starts_at, ends_at } = said;
        Self { kind, status, plan, starts_at, ends_at }
    }
}

/// Subscriptions to the store's events.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhooksBody {
    #[schema(value_type = WebhooksState)]
    state: String,
    /// Events subscribed to.
    subscribed: i32,
    /// Events that Qafila uses.
    wanted: i32,
    /// When they were looked at last, UTC.
    checked_at: Option<DateTime<Utc>>,
    /// Why some are missing; null where none is.
    #[schema(value_type = Option<WebhooksCause>)]
    cause: Option<String>,
    /// What to do about it, in the language that was asked for.
    advice: Option<String>,
    /// Technical detail for support, in English.
    fault: Option<String>,
}

impl WebhooksBody {
    fn of(state: Option<SubscriptionState>, language: Language) -> Self {
        let SubscriptionState { state, subscribed, wanted, checked_at, cause, fault } =
            state.unwrap_or_else(SubscriptionState::pending);
        let advice = cause.as_deref().and_then(|cause| OF_WEBHOOKS.advice(language, cause));
        Self { state, subscribed, wanted, checked_at, cause, advice, fault }
    }
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
#[utoipa::path(get, operation_id = "getMe", path = "/api/v1/me", tag = "account", security(("bearer" = [])),
    params(("prefer" = Option<String>, Header, description = "`wait=2`: seconds to wait for the position"),
        ("x-qafila-position" = Option<String>, Header, description = "Position a command answered with")),
    responses(
    (status = 200, body = MeBody)))]
pub async fn show(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let applied = wait::for_position(&app, &call, identity.merchant_id).await?;
    let answer = json(StatusCode::OK, &body(&app, identity, call.language()).await?);
    Ok(if applied { with_header(answer, "preference-applied", "wait") } else { answer })
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MeChangeBody {
    /// Name shown, 1 to 100 characters.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    store_name: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<Locale>)]
    locale: Option<String>,
    /// By kind of notification, whether it is to be mailed, too.
    #[serde(default)]
    mail_preferences: BTreeMap<String, bool>,
}

/// Changes the name of the store, the language, or what is mailed.
#[utoipa::path(patch, operation_id = "updateMe", path = "/api/v1/me", tag = "account", security(("bearer" = [])), request_body = MeChangeBody,
    responses((status = 200, body = MeChangedBody)))]
pub async fn change(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let change: MeChangeBody = call.json()?;
    let mut broken = Broken::default();
    let checked = |value: Option<String>, rule: fn(&str) -> Result<String, Rule>| {
        value.map(|text| rule(&text)).transpose()
    };
    let store_name = broken.check("/storeName", checked(change.store_name, rules::store_name)).flatten();
    let locale = broken.check("/locale", checked(change.locale, rules::locale)).flatten();
    let (mut wanted, mut unwanted) = (vec![], vec![]);
    for (kind, is_wanted) in &change.mail_preferences {
        match MAY_BE_UNWANTED.iter().find(|known| *known == kind) {
            Some(kind) if *is_wanted => wanted.push(*kind),
            Some(kind) => unwanted.push(*kind),
            None => broken.add(&format!("/mailPreferences/{kind}"), Rule::one_of(&MAY_BE_UNWANTED)),
        }
    }
    if !broken.0.is_empty() {
        return Err(Problem::invalid(broken.0));
    }
    app.registration.signed_in(identity).await?;
    if !change.mail_preferences.is_empty() {
        app.registration.set_mails(identity.user_id, &unwanted, &wanted).await?;
    }
    if let Some(locale) = locale {
        app.registration.set_locale(identity.user_id, &locale).await?;
    }
    let position = position_after(&app, identity, store_name.as_deref()).await?;
    let mut shown = body(&app, identity, call.language()).await?;
    if let Some(store_name) = store_name {
        // The read model follows in a moment; the answer is what was asked for.
        shown.merchant.store_name = store_name;
    }
    Ok(json(StatusCode::OK, &MeChangedBody { me: shown, position }))
}

/// Renames the merchant, if that is wanted; the position to wait for.
async fn position_after(app: &App, identity: Identity, store_name: Option<&str>) -> Result<String, Problem> {
    let id = identity.merchant_id.to_string();
    let Some(store_name) = store_name else {
        let loaded = app.merchants.load(&id).await;
        let (_, sequence) = loaded.map_err(|error| Problem::unavailable("event store", &error))?;
        let position = Position { aggregate_type: Merchant::TYPE.into(), aggregate_id: id, sequence };
        return Ok(position.to_string());
    };
    let rename =
        MerchantCommand::Rename { store_name: store_name.to_owned(), requested_by: identity.user_id };
    let renamed = app.merchants.execute(&id, rename).await;
    Ok(renamed.map_err(|error| Problem::unavailable("event store", &error))?.position.to_string())
}

async fn body(app: &App, identity: Identity, language: Language) -> Result<MeBody, Problem> {
    let user = app.registration.signed_in(identity).await?;
    let view = merchants::find(&app.query_pool, identity.merchant_id).await?;
    let store_name = view.as_ref().map_or_else(|| user.store_name.clone(), |view| view.store_name.clone());
    let (subscriptions, standing) = match view.as_ref().and_then(|view| view.connection.as_ref()) {
        Some(_) => (
            app.connector.subscriptions(identity.merchant_id).await?,
            app.connector.app_subscription(identity.merchant_id).await?,
        ),
        None => (None, None),
    };
    let webhooks = WebhooksBody::of(subscriptions, language);
    let connection = view.and_then(|view| view.connection).map(|c| {
        // Access that ends soon works until then.
        let is_lost = c.access_lost.as_ref().is_some_and(|(cause, _)| cause != ACCESS_ENDS_SOON);
        let access = if is_lost { "reauthorisation_needed" } else { "working" };
        let (cause, kept) = c.access_lost.unzip();
        let advice = cause.as_deref().and_then(|cause| OF_CONNECTION.advice(language, cause)).or(kept);
        ConnectionBody {
            id: c.connection_id.to_string(),
            store: StoreBody { id: c.store_id, name: c.name, domain: c.domain, plan: c.plan },
            scopes: c.scopes,
            connected_at: c.connected_at,
            access: access.into(),
            cause,
            advice,
            webhooks,
            app: standing.map(AppBody::from),
        }
    });
    let is_mailed = |kind: &&str| !user.unwanted_mails.iter().any(|unwanted| unwanted == kind);
    let mail_preferences = MAY_BE_UNWANTED.iter().map(|kind| (*kind, is_mailed(kind))).collect();
    Ok(MeBody {
        mail_preferences,
        support_url: app.support_url.as_ref().map(ToString::to_string),
        user: UserBody { id: user.user_id.to_string(), email: user.email, locale: user.locale },
        merchant: MerchantBody { id: user.merchant_id.to_string(), store_name },
        connection,
    })
}
