//! `/api/v1/notifications`: what a user is told in the app.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use http::StatusCode;
use qafila_projections::notify::bell::{self, Notification, kind};
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
use crate::values::{ExportFormat, ExportReport, MailState, NotificationCause, NotificationKind, OpenedPage};

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
    /// Figures that pages say it with.
    params: NotificationParamsBody,
    /// Where a page leads from it.
    opens: OpensBody,
    created_at: DateTime<Utc>,
    read_at: Option<DateTime<Utc>>,
    /// Null where there is no mail about it.
    #[schema(value_type = Option<MailState>)]
    mail: Option<String>,
}

/// Figures of a notification; null where its kind has none.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationParamsBody {
    /// Orders, customers and products imported.
    orders: Option<i64>,
    customers: Option<i64>,
    products: Option<i64>,
    /// Rows that could not be read.
    skipped: Option<i64>,
    /// Rows of the file.
    rows: Option<i64>,
    /// Report of the file.
    #[schema(value_type = Option<ExportReport>)]
    report: Option<String>,
    #[schema(value_type = Option<ExportFormat>)]
    format: Option<String>,
    /// Whether everything of the store was known to be there before the file was begun.
    is_complete: Option<bool>,
    /// Orders of the file whose products and customers had not come.
    orders_without_details: Option<i64>,
    /// When the link to the file stops working.
    expires_at: Option<DateTime<Utc>>,
}

/// What to open from a notification.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpensBody {
    #[schema(value_type = OpenedPage)]
    page: &'static str,
    /// The import or the export; null where the page is of neither.
    #[schema(format = Uuid)]
    job_id: Option<String>,
}

/// The user's notifications.
#[utoipa::path(get, operation_id = "listNotifications", path = "/api/v1/notifications", tag = "notifications", security(("bearer" = [])),
    params(("unread" = Option<bool>, Query, description = "`true`: only those that were not read"),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 20 where absent")),
    responses((status = 200, body = NotificationsBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let (mut page, mut is_unread) = (PageRequest::<Uuid>::default(), false);
    for (name, value) in call.parameters() {
        match (name.as_str(), value.as_str()) {
            ("unread", "true") => is_unread = true,
            ("unread", "false") => is_unread = false,
            ("unread", _) => return Err(Problem::invalid_field("unread", Rule::wrong_type("boolean"))),
            _ if page.take(&name, &value)? => {}
            _ => return Err(Problem::invalid_field(&name, Rule::unknown_parameter())),
        }
    }
    let user = app.registration.signed_in(identity).await?;
    let (merchant, user_id) = (identity.merchant_id, identity.user_id);
    let (mut found, unread) =
        bell::list(&app.query_pool, merchant, user_id, is_unread, page.cursor, page.wanted()).await?;
    let next_cursor = page.cut(&mut found, |last| (last.created_at, last.id));
    let language = Language::of_locale(&user.locale);
    let items = found.into_iter().map(|notification| NotificationBody::of(notification, language)).collect();
    Ok(json(StatusCode::OK, &NotificationsBody { items, next_cursor, unread }))
}

impl NotificationBody {
    fn of(notification: Notification, language: Language) -> Self {
        let words = note(&notification, language);
        let job_id = notification.job_id.map(|job| job.to_string());
        Self {
            id: notification.id.to_string(),
            title: words.title,
            body: words.body,
            params: NotificationParamsBody::of(&notification),
            opens: OpensBody { page: opened(&notification.kind), job_id: job_id.clone() },
            kind: notification.kind,
            cause: notification.cause,
            job_id,
            created_at: notification.created_at,
            read_at: notification.read_at,
            mail: notification
                .mail
                .map(|state| if state == "handing_over" { "waiting".into() } else { state }),
        }
    }
}

impl NotificationParamsBody {
    fn of(notification: &Notification) -> Self {
        let figures = &notification.figures;
        let of_import = |count: i64| (notification.kind == kind::SYNC_COMPLETED).then_some(count);
        Self {
            orders: of_import(figures.orders),
            customers: of_import(figures.customers),
            products: of_import(figures.products),
            skipped: of_import(figures.skipped),
            rows: (notification.kind == kind::EXPORT_READY).then_some(figures.rows),
            report: figures.report.clone(),
            format: figures.format.clone(),
            is_complete: figures.is_complete,
            orders_without_details: figures.without_details,
            expires_at: figures.expires_at,
        }
    }
}

/// The page that shows what a notification is about.
fn opened(about: &str) -> &'static str {
    match about {
        kind::SYNC_COMPLETED | kind::SYNC_WAITING | kind::SYNC_FAILED => "import",
        kind::CONNECTION_LOST | kind::REAUTHORISATION_NEEDED => "connection",
        kind::EXPORT_READY | kind::EXPORT_FAILED => "exports",
        _ => "dashboard",
    }
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
