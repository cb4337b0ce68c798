//! Read model `notifications`: what a merchant is told in the app. One event is one notification, after any crash: its id is
//! made from the event's place.

use chrono::{DateTime, Utc};
use qafila_schemas::catalogue::{EXPORT_EVENTS, MERCHANT_EVENTS, SYNC_JOB_EVENTS};
use qafila_schemas::events::{
    EventRecord, ExportEventDecoders, ExportEventRecord, MerchantEventDecoders, MerchantEventRecord,
    SyncJobEventDecoders, SyncJobEventRecord,
};
use qafila_schemas::ids::{ConnectionId, JobId, MerchantId, UserId};
use qafila_schemas::millis::Millis;
use qafila_schemas::records::merchant::ReauthorisationNeeded;
use qafila_schemas::records::sync::SyncCompleted;
use serde::{Deserialize, Serialize};
use sqlx::error::DatabaseError;
use sqlx::types::Json;
use sqlx::{Connection, PgConnection, PgPool, Row};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{mail_queue, waiting};
use crate::oltp::events::follow_events;
use crate::oltp::follow::Fold;
use crate::oltp::scope::{IS_THERE, for_merchant};
use crate::oltp::{OltpRole, ProjectionError};
use crate::retention::NOTES_KEPT_DAYS;

const OF_MERCHANTS: &str = "notifications_merchants";
const OF_SYNC_JOBS: &str = "notifications_sync_jobs";
const OF_EXPORTS: &str = "notifications_exports";
/// What counting the rows of a store may take.
const COUNTED_WITHIN: &str = "5s";
/// SQLSTATE of a statement that was ended by its limit.
const QUERY_CANCELED: &str = "57014";
/// Names of notifications' ids.
const NAMESPACE: Uuid = Uuid::from_u128(0x8d2c_6f10_44c1_4f0e_9a75_0d5b_36a1_c0de);

/// What a notification is about; a documented, open list.
pub mod kind {
    /// An import has completed.
    pub const SYNC_COMPLETED: &str = "sync_completed";
    /// An import waits for most of an hour.
    pub const SYNC_WAITING: &str = "sync_waiting";
    /// An import has failed.
    pub const SYNC_FAILED: &str = "sync_failed";
    /// Salla refuses our access.
    pub const CONNECTION_LOST: &str = "connection_lost";
    /// Only a new authorisation gives us access again.
    pub const REAUTHORISATION_NEEDED: &str = "reauthorisation_needed";
    /// A file is ready.
    pub const EXPORT_READY: &str = "export_ready";
    /// There will be no file.
    pub const EXPORT_FAILED: &str = "export_failed";
    /// Somebody forgot their password; by mail alone.
    pub const PASSWORD_RESET: &str = "password_reset";
    /// A password was changed; by mail alone.
    pub const PASSWORD_CHANGED: &str = "password_changed";
    /// A store that installed the app can be connected to an account; by mail alone.
    pub const CLAIM: &str = "claim";

    /// Kinds that a user may not want by mail.
    pub const MAY_BE_UNWANTED: [&str; 7] = [
        SYNC_COMPLETED,
        SYNC_WAITING,
        SYNC_FAILED,
        CONNECTION_LOST,
        REAUTHORISATION_NEEDED,
        EXPORT_READY,
        EXPORT_FAILED,
    ];
}

/// Figures that a text may name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NotificationFigures {
    /// Orders that the store has after an import.
    pub orders: i64,
    /// Customers that it has.
    pub customers: i64,
    /// Products that it has.
    pub products: i64,
    /// They are what the store has; otherwise what an import of an earlier version has read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_of_store: bool,
    /// The import before has told the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_unchanged: bool,
    /// Rows that did not map.
    pub skipped: i64,
    /// Rows of a file.
    pub rows: i64,
    /// Its report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// Its format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Whether everything of the store was known to be there before the file was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_complete: Option<bool>,
    /// Orders of the file whose details had not come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_details: Option<i64>,
    /// When its link stops working.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
}

/// One notification, before it has its words.
#[derive(Debug, Clone)]
pub struct Notification {
    /// Id.
    pub id: Uuid,
    /// What it is about, one of [`kind`].
    pub kind: String,
    /// Why, as a stable code.
    pub cause: Option<String>,
    /// Job it is about.
    pub job_id: Option<JobId>,
    /// Figures.
    pub figures: NotificationFigures,
    /// When it happened.
    pub created_at: DateTime<Utc>,
    /// When this user read it.
    pub read_at: Option<DateTime<Utc>>,
    /// What became of the mail about it: `waiting`, `handing_over`, `sent`, `failed`; none where none was wanted.
    pub mail: Option<String>,
}

/// Tells of merchants' events.
pub async fn run_merchants(role: OltpRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    follow_events::<MerchantEventDecoders>(role, OF_MERCHANTS, &MERCHANT_EVENTS, OfMerchants, shutdown).await
}

/// Tells of sync jobs' events.
pub async fn run_sync_jobs(role: OltpRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    follow_events::<SyncJobEventDecoders>(role, OF_SYNC_JOBS, &SYNC_JOB_EVENTS, OfSyncJobs, shutdown).await
}

/// Tells of exports' events.
pub async fn run_exports(role: OltpRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    follow_events::<ExportEventDecoders>(role, OF_EXPORTS, &EXPORT_EVENTS, OfExports, shutdown).await
}

/// What is written for one event.
pub(super) struct Told<'e> {
    pub(super) merchant: MerchantId,
    pub(super) user: Option<Uuid>,
    pub(super) kind: &'static str,
    pub(super) cause: Option<&'e str>,
    pub(super) job: Option<JobId>,
    pub(super) figures: NotificationFigures,
    pub(super) at: Millis,
    /// Whether a mail is wanted; none where settings decide.
    pub(super) is_mail_wanted: Option<bool>,
}

struct OfMerchants;

impl Fold<EventRecord<MerchantEventRecord>> for OfMerchants {
    async fn fold(
        &self,
        connection: &mut PgConnection,
        record: &EventRecord<MerchantEventRecord>,
    ) -> Result<(), ProjectionError> {
        let told = match &record.event {
            Some(MerchantEventRecord::AccessRestored(e)) => {
                return Ok(forget_lost(connection, e.connection_id).await?);
            }
            Some(MerchantEventRecord::ReauthorisationNeeded(e)) if e.cause == "access_refused" => {
                sqlx::query("INSERT INTO notify_lost (connection_id) VALUES ($1) ON CONFLICT DO NOTHING")
                    .bind(e.connection_id.0)
                    .execute(&mut *connection)
                    .await?;
                lost(e)
            }
            Some(MerchantEventRecord::ReauthorisationNeeded(e)) => Told {
                merchant: e.merchant_id,
                user: None,
                kind: kind::REAUTHORISATION_NEEDED,
                cause: Some(&e.cause),
                job: None,
                figures: NotificationFigures::default(),
                at: e.needed_at,
                is_mail_wanted: None,
            },
            // The removal of the app is most often noticed by what it refuses, and then was told already.
            Some(MerchantEventRecord::StoreDisconnected(e))
                if known_as_lost(&mut *connection, e.connection_id).await? =>
            {
                return Ok(());
            }
            Some(MerchantEventRecord::StoreDisconnected(e)) if e.reason == "uninstalled" => Told {
                merchant: e.merchant_id,
                user: None,
                kind: kind::CONNECTION_LOST,
                cause: Some(&e.reason),
                job: None,
                figures: NotificationFigures::default(),
                at: e.disconnected_at,
                is_mail_wanted: None,
            },
            _ => return Ok(()),
        };
        Ok(tell(connection, "merchant", record.aggregate_id, record.sequence, told).await?)
    }
}

fn lost(event: &ReauthorisationNeeded) -> Told<'_> {
    Told {
        merchant: event.merchant_id,
        user: None,
        kind: kind::CONNECTION_LOST,
        cause: Some(&event.cause),
        job: None,
        figures: NotificationFigures::default(),
        at: event.needed_at,
        is_mail_wanted: None,
    }
}

/// Whether the merchant was told that a connection is lost. It stays known: the same event may come again.
async fn known_as_lost(connection: &mut PgConnection, lost: ConnectionId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM notify_lost WHERE connection_id = $1)")
        .bind(lost.0)
        .fetch_one(connection)
        .await
}

async fn forget_lost(connection: &mut PgConnection, restored: ConnectionId) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM notify_lost WHERE connection_id = $1")
        .bind(restored.0)
        .execute(connection)
        .await
        .map(drop)
}

struct OfSyncJobs;

impl Fold<EventRecord<SyncJobEventRecord>> for OfSyncJobs {
    async fn fold(
        &self,
        connection: &mut PgConnection,
        record: &EventRecord<SyncJobEventRecord>,
    ) -> Result<(), ProjectionError> {
        if let Some(event) = &record.event {
            waiting::note(connection, event).await?;
        }
        let told = match &record.event {
            Some(SyncJobEventRecord::Requested(e)) => {
                return Ok(asked_by(connection, e.run_id.0, e.requested_by, Some(e.store_id)).await?);
            }
            Some(SyncJobEventRecord::Resumed(e)) if e.requested_by.is_some() => {
                return Ok(asked_by(connection, e.run_id.0, e.requested_by, None).await?);
            }
            Some(SyncJobEventRecord::Completed(e))
                if is_told(
                    &mut *connection,
                    notification_id("sync-job", record.aggregate_id, record.sequence),
                )
                .await? =>
            {
                return Ok(forget(connection, e.run_id.0).await?);
            }
            Some(SyncJobEventRecord::Completed(e)) => Told {
                merchant: e.merchant_id,
                user: who_asked(connection, e.run_id.0).await?,
                kind: kind::SYNC_COMPLETED,
                cause: None,
                job: Some(e.job_id),
                figures: imported(connection, e).await?,
                at: e.completed_at,
                is_mail_wanted: None,
            },
            Some(SyncJobEventRecord::Cancelled(e)) => return Ok(forget(connection, e.run_id.0).await?),
            Some(SyncJobEventRecord::Failed(e)) => Told {
                merchant: e.merchant_id,
                user: who_asked(connection, e.run_id.0).await?,
                kind: kind::SYNC_FAILED,
                cause: Some(&e.cause),
                job: Some(e.job_id),
                figures: NotificationFigures::default(),
                at: e.failed_at,
                is_mail_wanted: None,
            },
            _ => return Ok(()),
        };
        tell(connection, "sync-job", record.aggregate_id, record.sequence, told).await?;
        if let Some(SyncJobEventRecord::Completed(e)) = &record.event {
            forget(connection, e.run_id.0).await?;
        }
        Ok(())
    }
}

/// A store that was complete so long before its file was made, ms, was complete but for what is on its way.
const ON_ITS_WAY_MS: i64 = 2 * 60 * 60 * 1_000;

/// Whether all of the store was there when its file was made; not where completeness has stood still since.
fn is_current(complete_to: Option<Millis>, made_at: Millis) -> bool {
    complete_to.is_some_and(|to| made_at.0 - to.0 <= ON_ITS_WAY_MS)
}

struct OfExports;

impl Fold<EventRecord<ExportEventRecord>> for OfExports {
    async fn fold(
        &self,
        connection: &mut PgConnection,
        record: &EventRecord<ExportEventRecord>,
    ) -> Result<(), ProjectionError> {
        let told = match &record.event {
            Some(ExportEventRecord::Requested(e)) => {
                sqlx::query(
                    "INSERT INTO notify_exports (job_id, report_type, format, mail) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                )
                .bind(record.aggregate_id)
                .bind(&e.report_type)
                .bind(&e.format)
                .bind(e.mail)
                .execute(connection)
                .await?;
                return Ok(());
            }
            Some(ExportEventRecord::Completed(e)) => Told {
                merchant: e.merchant_id,
                user: e.requested_by.map(|user| user.0),
                kind: kind::EXPORT_READY,
                cause: None,
                job: Some(e.job_id),
                figures: NotificationFigures {
                    rows: e.rows,
                    is_complete: Some(is_current(e.complete_to, e.completed_at)),
                    without_details: e.orders_without_details.filter(|count| *count > 0),
                    expires_at: Some(e.expires_at.to_utc()),
                    ..exported(connection, record.aggregate_id).await?
                },
                at: e.completed_at,
                is_mail_wanted: is_mail_wanted(connection, record.aggregate_id).await?,
            },
            Some(ExportEventRecord::Failed(e)) => Told {
                merchant: e.merchant_id,
                user: e.requested_by.map(|user| user.0),
                kind: kind::EXPORT_FAILED,
                cause: Some(&e.cause),
                job: Some(e.job_id),
                figures: exported(connection, record.aggregate_id).await?,
                at: e.failed_at,
                is_mail_wanted: is_mail_wanted(connection, record.aggregate_id).await?,
            },
            Some(ExportEventRecord::Revoked(_)) => {
                return Ok(forget_export(connection, record.aggregate_id).await?);
            }
            _ => return Ok(()),
        };
        tell(connection, "export", record.aggregate_id, record.sequence, told).await?;
        Ok(forget_export(connection, record.aggregate_id).await?)
    }
}

/// What the store of an import has now, and whether the import before has told the same.
async fn imported(
    connection: &mut PgConnection,
    event: &SyncCompleted,
) -> Result<NotificationFigures, sqlx::Error> {
    let store: Option<Option<i64>> = sqlx::query_scalar("SELECT store_id FROM notify_runs WHERE run_id = $1")
        .bind(event.run_id.0)
        .fetch_optional(&mut *connection)
        .await?;
    let mut figures = NotificationFigures {
        orders: event.orders,
        customers: event.customers,
        products: event.products,
        skipped: event.skipped + event.hydration_skipped.unwrap_or(0),
        ..NotificationFigures::default()
    };
    if let Some(store_id) = store.flatten()
        && let Some(counts) = counts_of_store(&mut *connection, event.merchant_id, store_id).await?
    {
        (figures.orders, figures.customers, figures.products) = counts;
        figures.is_of_store = true;
    }
    let before: Option<Json<NotificationFigures>> = sqlx::query_scalar(
        "SELECT figures FROM notifications WHERE merchant_id = $1 AND job_id = $2 AND kind = $3
         ORDER BY created_at DESC LIMIT 1",
    )
    .bind(event.merchant_id.0)
    .bind(event.job_id.0)
    .bind(kind::SYNC_COMPLETED)
    .fetch_optional(connection)
    .await?;
    let counts = |told: &NotificationFigures| (told.is_of_store, told.orders, told.customers, told.products);
    figures.is_unchanged =
        figures.is_of_store && before.is_some_and(|before| counts(&before.0) == counts(&figures));
    Ok(figures)
}

/// How many orders, customers and products a store has; none where counting takes too long: this transaction holds back the relay, and those
/// behind it wait for their notes.
async fn counts_of_store(
    connection: &mut PgConnection,
    merchant: MerchantId,
    store_id: i64,
) -> Result<Option<(i64, i64, i64)>, sqlx::Error> {
    let of_table = |table| {
        format!("(SELECT count(*) FROM {table} WHERE merchant_id = $1 AND store_id = $2 AND {IS_THERE})")
    };
    let [orders, customers, products] = ["orders", "customers", "products"].map(of_table);
    let mut counting = connection.begin().await?;
    sqlx::query(&format!("SET LOCAL statement_timeout = '{COUNTED_WITHIN}'")).execute(&mut *counting).await?;
    let counts = sqlx::query_as(&format!("SELECT {orders}, {customers}, {products}"))
        .bind(merchant.0)
        .bind(store_id)
        .fetch_one(&mut *counting)
        .await;
    // The limit ends with it.
    counting.rollback().await?;
    match counts {
        Ok(counts) => Ok(Some(counts)),
        Err(error)
            if error.as_database_error().and_then(DatabaseError::code).as_deref() == Some(QUERY_CANCELED) =>
        {
            tracing::warn!(event = "counting a store takes too long", merchantId = %merchant, storeId = store_id);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What was asked for.
async fn exported(connection: &mut PgConnection, job: Uuid) -> Result<NotificationFigures, sqlx::Error> {
    let asked: Option<(String, String)> =
        sqlx::query_as("SELECT report_type, format FROM notify_exports WHERE job_id = $1")
            .bind(job)
            .fetch_optional(connection)
            .await?;
    let (report, format) = asked.unzip();
    Ok(NotificationFigures { report, format, ..NotificationFigures::default() })
}

/// Whether whoever asked for an export said that they want a mail, or none.
async fn is_mail_wanted(connection: &mut PgConnection, job: Uuid) -> Result<Option<bool>, sqlx::Error> {
    let asked: Option<Option<bool>> = sqlx::query_scalar("SELECT mail FROM notify_exports WHERE job_id = $1")
        .bind(job)
        .fetch_optional(connection)
        .await?;
    Ok(asked.flatten())
}

async fn forget_export(connection: &mut PgConnection, job: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM notify_exports WHERE job_id = $1").bind(job).execute(connection).await.map(drop)
}

async fn asked_by(
    connection: &mut PgConnection,
    run: Uuid,
    user: Option<UserId>,
    store_id: Option<i64>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO notify_runs (run_id, requested_by, store_id) VALUES ($1, $2, $3)
         ON CONFLICT (run_id) DO UPDATE SET requested_by = $2, store_id = coalesce($3, notify_runs.store_id)",
    )
    .bind(run)
    .bind(user.map(|user| user.0))
    .bind(store_id)
    .execute(connection)
    .await
    .map(drop)
}

async fn forget(connection: &mut PgConnection, run: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM notify_runs WHERE run_id = $1").bind(run).execute(connection).await.map(drop)
}

pub(super) async fn who_asked(connection: &mut PgConnection, run: Uuid) -> Result<Option<Uuid>, sqlx::Error> {
    let user: Option<Option<Uuid>> =
        sqlx::query_scalar("SELECT requested_by FROM notify_runs WHERE run_id = $1")
            .bind(run)
            .fetch_optional(connection)
            .await?;
    Ok(user.flatten())
}

/// The id of what is told of an event.
fn notification_id(aggregate: &str, id: Uuid, sequence: i64) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{aggregate}:{id}:{sequence}").as_bytes())
}

async fn is_told(connection: &mut PgConnection, notification: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM notifications WHERE notification_id = $1)")
        .bind(notification)
        .fetch_one(connection)
        .await
}

pub(super) async fn tell(
    connection: &mut PgConnection,
    aggregate: &str,
    id: Uuid,
    sequence: i64,
    told: Told<'_>,
) -> Result<(), sqlx::Error> {
    // It was told, and its note is deleted: an event that is published once more must not be mailed.
    if told.at.to_utc() < Utc::now() - chrono::Duration::days(NOTES_KEPT_DAYS) {
        return Ok(());
    }
    let notification = notification_id(aggregate, id, sequence);
    let fresh = sqlx::query(
        "INSERT INTO notifications (notification_id, merchant_id, user_id, kind, cause, job_id, figures, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(notification)
    .bind(told.merchant.0)
    .bind(told.user)
    .bind(told.kind)
    .bind(told.cause)
    .bind(told.job.map(|job| job.0))
    .bind(Json(told.figures))
    .bind(told.at.to_utc())
    .execute(&mut *connection)
    .await?;
    if fresh.rows_affected() == 0 {
        return Ok(());
    }
    mail_queue::write(connection, notification, told.user, told.is_mail_wanted).await
}

/// Where a page of notifications begins: behind this one.
pub type Cursor = (DateTime<Utc>, Uuid);

/// A user's notifications or only the unread ones, newest first, and how many of all are unread. `pool` is the query role's.
pub async fn list(
    pool: &PgPool,
    merchant: MerchantId,
    user: UserId,
    is_unread: bool,
    after: Option<Cursor>,
    limit: i64,
) -> Result<(Vec<Notification>, i64), sqlx::Error> {
    let mut transaction = for_merchant(pool, merchant).await?;
    let (created, id) = after.unzip();
    let rows = sqlx::query(
        "SELECT n.notification_id, n.kind, n.cause, n.job_id, n.figures, n.created_at, r.read_at, m.state
         FROM notifications n
         LEFT JOIN notification_reads r ON r.notification_id = n.notification_id AND r.user_id = $2
         LEFT JOIN mails m ON m.notification_id = n.notification_id AND m.user_id = $2
         WHERE n.merchant_id = $1 AND (n.user_id IS NULL OR n.user_id = $2)
           AND (r.read_at IS NULL OR NOT $6)
           AND ($3::timestamptz IS NULL OR (n.created_at, n.notification_id) < ($3, $4))
         ORDER BY n.created_at DESC, n.notification_id DESC LIMIT $5",
    )
    .bind(merchant.0)
    .bind(user.0)
    .bind(created)
    .bind(id)
    .bind(limit)
    .bind(is_unread)
    .fetch_all(&mut *transaction)
    .await?;
    let unread: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM notifications n WHERE n.merchant_id = $1 AND (n.user_id IS NULL OR n.user_id = $2)
           AND NOT EXISTS (SELECT FROM notification_reads r WHERE r.notification_id = n.notification_id AND r.user_id = $2)",
    )
    .bind(merchant.0)
    .bind(user.0)
    .fetch_one(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let notifications = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((notifications, unread))
}

fn read(row: &sqlx::postgres::PgRow) -> Result<Notification, sqlx::Error> {
    Ok(Notification {
        id: row.try_get(0)?,
        kind: row.try_get(1)?,
        cause: row.try_get(2)?,
        job_id: row.try_get::<Option<Uuid>, _>(3)?.map(JobId),
        figures: row.try_get::<Json<NotificationFigures>, _>(4)?.0,
        created_at: row.try_get(5)?,
        read_at: row.try_get(6)?,
        mail: row.try_get(7)?,
    })
}

/// Marks one notification as read by a user, or all of them with `None`. False where the user has no such notification.
pub async fn mark_read(
    pool: &PgPool,
    merchant: MerchantId,
    user: UserId,
    notification: Option<Uuid>,
) -> Result<bool, sqlx::Error> {
    let mut transaction = for_merchant(pool, merchant).await?;
    let known: i64 = sqlx::query_scalar(
        "WITH mine AS (
             SELECT notification_id FROM notifications
             WHERE merchant_id = $1 AND (user_id IS NULL OR user_id = $2) AND ($3::uuid IS NULL OR notification_id = $3)
         ), marked AS (
             INSERT INTO notification_reads (notification_id, user_id, merchant_id) SELECT notification_id, $2, $1 FROM mine
             ON CONFLICT DO NOTHING
         )
         SELECT count(*) FROM mine",
    )
    .bind(merchant.0)
    .bind(user.0)
    .bind(notification)
    .fetch_one(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(notification.is_none() || known > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_said_to_be_whole_only_where_completeness_has_not_stood_still() {
        let made_at = Millis(10 * 60 * 60 * 1_000);
        assert!(is_current(Some(Millis(made_at.0 - 30 * 60 * 1_000)), made_at));
        assert!(!is_current(Some(Millis(made_at.0 - 3 * 60 * 60 * 1_000)), made_at), "it stands still");
        assert!(!is_current(None, made_at), "nobody knows");
    }
}
