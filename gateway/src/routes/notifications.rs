//! `/api/v1/notifications`: what a user is told in the app.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_projections::notify::bell;
use qafila_projections::notify::texts::note;
use qafila_schemas::words::Language;
use qafila_schemas::words::rule::Rule;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Answer;
use crate::app::App;
use crate::call::{Call, json, no_content};
use crate::page::PageRequest;
use crate::problem::{Code, Problem};
use crate::values::{MailState, NotificationCause, NotificationKind};

/// A page of notifications, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationsBody {
    items: Vec<NotificationBody>,
    /// Give it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
    /// Unread ones in all.
    unread: i64,
}

/// One notification, in the user's language.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationBody {
    #[schema(format = Uuid)]
    id: String,
    #[schema(value_type = NotificationKind)]
    kind: String,
    title: String,
    /// What happened, and what to do.
    body: String,
    #[schema(value_type = Option<NotificationCause>)]
    cause: Option<String>,
    /// The import or the export that it is about.
    #[schema(format = Uuid)]
    job_id: Option<String>,
    created_at: DateTime<Utc>,
    read_at: Option<DateTime<Utc>>,
    /// Null where there is no mail about it.
    #[schema(value_type = Option<MailState>)]
    mail: Option<String>,
}

/// The user's notifications.
#[utoipa::path(get, operation_id = "listNotifications", path = "/api/v1/notifications", tag = "notifications", security(("bearer" = [])),
    params(("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 20 where absent")),
    responses((status = 200, body = NotificationsBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let mut page = PageRequest::<Uuid>::default();
    for (name, value) in call.parameters() {
        if !page.take(&name, &value)? {
            return Err(Problem::invalid_field(&name, Rule::unknown_parameter()));
        }
    }
    let user = app.registration.signed_in(identity).await?;
    let (merchant, user_id) = (identity.merchant_id, identity.user_id);
    let (mut found, unread) =
        bell::list(&app.query_pool, merchant, user_id, page.cursor, page.wanted()).await?;
    let next_cursor = page.cut(&mut found, |last| (last.created_at, last.id));
    let items = found
        .into_iter()
        .map(|notification| {
            let words = note(&notification, Language::of_locale(&user.locale));
            NotificationBody {
                id: notification.id.to_string(),
                kind: notification.kind,
                title: words.title,
                body: words.body,
                cause: notification.cause,
                job_id: notification.job_id.map(|job| job.to_string()),
                created_at: notification.created_at,
                read_at: notification.read_at,
                mail: notification
                    .mail
                    .map(|state| if state == "handing_over" { "waiting".into() } else { state }),
            }
        })
        .collect();
    Ok(json(StatusCode::OK, &NotificationsBody { items, next_cursor, unread }))
}

/// Marks one as read.
#[utoipa::path(post, operation_id = "readNotification", path = "/api/v1/notifications/{id}/read", tag = "notifications", security(("bearer" = [])),
    params(("id" = Uuid, Path)), responses((status = 204)))]
pub async fn read(app: Arc<App>, call: Call, id: String) -> Answer {
    let identity = app.identify_for_command(&call).await?;
    let known = match id.parse::<Uuid>() {
        Ok(id) => bell::mark_read(&app.query_pool, identity.merchant_id, identity.user_id, Some(id)).await?,
        Err(_) => false,
    };
    if !known {
        return Err(Problem::new(Code::UnknownNotification));
    }
    Ok(no_content())
}

/// Marks all as read.
#[utoipa::path(post, operation_id = "readAllNotifications", path = "/api/v1/notifications/read-all", tag = "notifications", security(("bearer" = [])),
    responses((status = 204)))]
pub async fn read_all(app: Arc<App>, call: Call) -> Answer {
    let identity = app.identify_for_command(&call).await?;
    bell::mark_read(&app.query_pool, identity.merchant_id, identity.user_id, None).await?;
    Ok(no_content())
}
