//! `/api/v1/api-keys`: keys with which the merchant's own tools read reports and lists.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_schemas::words::rule::Rule;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Answer;
use crate::app::App;
use crate::auth::reading::{ReadingKey, Scope};
use crate::auth::rules::Broken;
use crate::call::{Call, json, no_content};
use crate::problem::{Code, Problem};
use crate::values::KeyScope;

const MAX_NAME: usize = 60;

/// A key that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KeyRequest {
    /// What it is for, 1 to 60 characters.
    #[schema(min_length = 1, max_length = 60)]
    name: String,
    /// What it may read; `people` shows personal data within the others.
    #[schema(value_type = Vec<KeyScope>, min_items = 1)]
    scopes: Vec<String>,
}

/// A key that was made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeKeyBody {
    #[serde(flatten)]
    about: KeyBody,
    /// The key, for `Authorization: Bearer`. It is shown this once and kept nowhere.
    key: String,
}

/// A key, without itself.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyBody {
    id: Uuid,
    name: String,
    #[schema(value_type = Vec<KeyScope>)]
    scopes: Vec<String>,
    /// UTC.
    created_at: DateTime<Utc>,
    /// UTC, to the minute; null where it was never used.
    last_used_at: Option<DateTime<Utc>>,
}

/// The merchant's keys.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeysBody {
    /// Newest first.
    items: Vec<KeyBody>,
}

/// The merchant's keys for reading.
#[utoipa::path(get, operation_id = "listApiKeys", path = "/api/v1/api-keys", tag = "api-keys", security(("bearer" = [])),
    responses((status = 200, body = KeysBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Answer {
    let merchant = app.access_tokens.identify(&call)?.merchant_id;
    let keys = app.reading_keys.of(merchant).await?;
    Ok(json(StatusCode::OK, &KeysBody { items: keys.into_iter().map(KeyBody::from).collect() }))
}

/// Makes a key for reading; it is shown this once.
#[utoipa::path(post, operation_id = "makeApiKey", path = "/api/v1/api-keys", tag = "api-keys", security(("bearer" = [])),
    request_body = KeyRequest, responses((status = 201, body = MadeKeyBody)))]
pub async fn make(app: Arc<App>, call: Call) -> Answer {
    let identity = app.identify_for_command(&call).await?;
    let wanted: KeyRequest = call.json()?;
    let mut broken = Broken::default();
    let name = wanted.name.trim();
    if !(1..=MAX_NAME).contains(&name.chars().count()) {
        broken.add("/name", Rule::length(1, MAX_NAME as i64));
    } else if name.chars().any(char::is_control) {
        broken.add("/name", Rule::control_characters());
    }
    if wanted.scopes.is_empty() {
        broken.add("/scopes", Rule::required());
    }
    for (index, scope) in wanted.scopes.iter().enumerate() {
        if !Scope::NAMES.contains(&scope.as_str()) {
            broken.add(&format!("/scopes/{index}"), Rule::one_of(&Scope::NAMES));
        } else if wanted.scopes[..index].contains(scope) {
            broken.add(&format!("/scopes/{index}"), Rule::repeated());
        }
    }
    if !broken.0.is_empty() {
        return Err(Problem::invalid(broken.0));
    }
    let made = app.reading_keys.make(identity, name, &wanted.scopes).await?;
    let (key, about) = made.ok_or_else(|| Problem::new(Code::TooManyKeys))?;
    tracing::info!(event = "api key made", merchantId = %identity.merchant_id, keyId = %about.key_id);
    Ok(json(StatusCode::CREATED, &MadeKeyBody { about: about.into(), key }))
}

/// Ends a key at once.
#[utoipa::path(delete, operation_id = "revokeApiKey", path = "/api/v1/api-keys/{id}", tag = "api-keys", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the key")), responses((status = 204)))]
pub async fn revoke(app: Arc<App>, call: Call, id: String) -> Answer {
    let identity = app.identify_for_command(&call).await?;
    let unknown = || Problem::new(Code::UnknownApiKey);
    let key: Uuid = id.parse().map_err(|_| unknown())?;
    if !app.reading_keys.revoke(identity.merchant_id, key).await? {
        return Err(unknown());
    }
    tracing::info!(event = "api key revoked", merchantId = %identity.merchant_id, keyId = %key);
    Ok(no_content())
}

impl From<ReadingKey> for KeyBody {
    fn from(key: ReadingKey) -> Self {
        Self {
            id: key.key_id,
            name: key.name,
            scopes: key.scopes,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
        }
    }
}
