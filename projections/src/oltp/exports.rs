//! Read model `exports`: where each export stands, from its events.

use chrono::{DateTime, Utc};
use qafila_schemas::events::ExportEventRecord;
use qafila_schemas::ids::{JobId, MerchantId};
use qafila_schemas::millis::Millis;
use qafila_schemas::records::export::ExportRequested;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use super::events::EventFold;
use super::scope::for_merchant;

/// How export events fold into `exports`.
pub(super) struct Exports;

impl EventFold<ExportEventRecord> for Exports {
    const TABLE: &'static str = "exports";
    const ID: &'static str = "job_id";

    async fn apply(
        &self,
        connection: &mut PgConnection,
        id: Uuid,
        event: &ExportEventRecord,
    ) -> Result<(), sqlx::Error> {
        let statement = match event {
            ExportEventRecord::Requested(e) => sqlx::query(
                "INSERT INTO exports (job_id, merchant_id, sequence, status, report_type, format, filters, locale, requested_by, requested_at,
                     store_id, compression, personal_data)
                 VALUES ($1, $2, 0, 'requested', $3, $4, $5::jsonb, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING",
            )
            .bind(id)
            .bind(e.merchant_id.0)
            .bind(&e.report_type)
            .bind(&e.format)
            .bind(&e.filters)
            .bind(&e.locale)
            .bind(e.requested_by.map(|user| user.0))
            .bind(e.requested_at.to_utc())
            .bind(e.store_id)
            .bind(&e.compression)
            .bind(e.personal_data),
            ExportEventRecord::TakenOver(e) => sqlx::query(
                "UPDATE exports SET status = 'running', epoch = $2, started_at = coalesce(started_at, $3) WHERE job_id = $1",
            )
            .bind(id)
            .bind(e.epoch)
            .bind(e.taken_over_at.to_utc()),
            ExportEventRecord::Completed(e) => sqlx::query(
                "UPDATE exports SET status = 'completed', rows = $2, bytes = $3, sha256 = $4, expires_at = $5, ended_at = $6,
                     complete_from = $7, complete_to = $8, orders_without_details = $9
                 WHERE job_id = $1",
            )
            .bind(id)
            .bind(e.rows)
            .bind(e.bytes)
            .bind(&e.sha256)
            .bind(e.expires_at.to_utc())
            .bind(e.completed_at.to_utc())
            .bind(e.complete_from.map(Millis::to_utc))
            .bind(e.complete_to.map(Millis::to_utc))
            .bind(e.orders_without_details),
            ExportEventRecord::Failed(e) => sqlx::query(
                "UPDATE exports SET status = 'failed', cause = $2, advice = $3, ended_at = $4 WHERE job_id = $1",
            )
            .bind(id)
            .bind(&e.cause)
            .bind(&e.advice)
            .bind(e.failed_at.to_utc()),
            ExportEventRecord::Revoked(e) => {
                sqlx::query("UPDATE exports SET status = 'revoked', ended_at = coalesce(ended_at, $2) WHERE job_id = $1")
                    .bind(id)
                    .bind(e.revoked_at.to_utc())
            }
            ExportEventRecord::Expired(_) => {
                sqlx::query("UPDATE exports SET status = 'expired' WHERE job_id = $1").bind(id)
            }
        };
        statement.execute(connection).await.map(drop)
    }
}

/// An export as its events tell, and how far its file is.
#[derive(Debug, Clone, FromRow)]
pub struct ExportView {
    /// The export.
    pub job_id: Uuid,
    /// `requested`, `running`, `completed`, `failed`, `revoked` or `expired`.
    pub status: String,
    /// Report.
    pub report_type: String,
    /// Format of the file.
    pub format: String,
    /// Compression of the file.
    pub compression: Option<String>,
    /// Whether personal fields are in it.
    pub personal_data: Option<bool>,
    /// Filters.
    pub filters: sqlx::types::Json<serde_json::Value>,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// When a worker took it first.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was completed, failed or revoked.
    pub ended_at: Option<DateTime<Utc>>,
    /// Rows of the file.
    pub rows: Option<i64>,
    /// Size of the file.
    pub bytes: Option<i64>,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: Option<String>,
    /// From when on everything of the store was there when the file was begun; none where that is from the first, or was not
    /// known.
    pub complete_from: Option<DateTime<Utc>>,
    /// Up to when; none where that was not known.
    pub complete_to: Option<DateTime<Utc>>,
    /// Orders of the file whose lines and customers had not come; none where the report does not show them.
    pub orders_without_details: Option<i64>,
    /// When the link stops working.
    pub expires_at: Option<DateTime<Utc>>,
    /// Why it failed, a stable code.
    pub cause: Option<String>,
    /// What the user can do about it.
    pub advice: Option<String>,
    /// When the present try began.
    pub began_at: Option<DateTime<Utc>>,
    /// When it told last how far it is.
    pub progressed_at: Option<DateTime<Utc>>,
    /// Rows written so far.
    pub rows_done: Option<i64>,
    /// Bytes written so far.
    pub bytes_done: Option<i64>,
    /// Rows that the file will about have; none where that is not known.
    pub rows_total: Option<i64>,
}

impl ExportView {
    /// What was asked for a moment ago, as its first event tells it, and where it stands.
    pub fn of_request(request: &ExportRequested, status: &str) -> Self {
        Self {
            job_id: request.job_id.0,
            status: status.to_owned(),
            report_type: request.report_type.clone(),
            format: request.format.clone(),
            compression: request.compression.clone(),
            personal_data: request.personal_data,
            filters: sqlx::types::Json(serde_json::from_str(&request.filters).unwrap_or_default()),
            requested_at: request.requested_at.to_utc(),
            started_at: None,
            ended_at: None,
            rows: None,
            bytes: None,
            sha256: None,
            complete_from: None,
            complete_to: None,
            orders_without_details: None,
            expires_at: None,
            cause: None,
            advice: None,
            began_at: None,
            progressed_at: None,
            rows_done: None,
            bytes_done: None,
            rows_total: None,
        }
    }
}

const COLUMNS: &str = "e.job_id, e.status, e.report_type, e.format, e.compression, e.personal_data, e.filters, e.requested_at, e.started_at,
    e.ended_at, e.rows, e.bytes, e.sha256, e.complete_from, e.complete_to, e.orders_without_details, e.expires_at, e.cause, e.advice, w.began_at, w.progressed_at, w.rows_done, w.bytes_done,
    w.rows_total";
const SOURCE: &str = "exports e LEFT JOIN export_work w ON w.job_id = e.job_id AND w.state <> 'ended'";

/// Time of the request and id of the last export of a page.
pub type Cursor = (DateTime<Utc>, Uuid);

/// The exports of a merchant from behind `cursor`, newest first; revoked ones are shown no more. `pool` is the query role's.
pub async fn list(
    pool: &PgPool,
    merchant: MerchantId,
    cursor: Option<Cursor>,
    limit: i64,
) -> Result<Vec<ExportView>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    let (requested_at, job_id) = cursor.unwrap_or((DateTime::<Utc>::MAX_UTC, Uuid::max()));
    sqlx::query_as(&format!(
        "SELECT {COLUMNS} FROM {SOURCE}
         WHERE e.merchant_id = $1 AND (e.requested_at, e.job_id) < ($2, $3) AND e.status <> 'revoked'
         ORDER BY e.requested_at DESC, e.job_id DESC LIMIT $4"
    ))
    .bind(merchant.0)
    .bind(requested_at)
    .bind(job_id)
    .bind(limit)
    .fetch_all(&mut *scope)
    .await
}

/// One export of a merchant, revoked or not.
pub async fn find(
    pool: &PgPool,
    merchant: MerchantId,
    job: JobId,
) -> Result<Option<ExportView>, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    sqlx::query_as(&format!("SELECT {COLUMNS} FROM {SOURCE} WHERE e.merchant_id = $1 AND e.job_id = $2"))
        .bind(merchant.0)
        .bind(job.0)
        .fetch_optional(&mut *scope)
        .await
}

/// How many exports of a merchant are not ready yet.
pub async fn open(pool: &PgPool, merchant: MerchantId) -> Result<i64, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    sqlx::query_scalar(
        "SELECT count(*) FROM exports WHERE merchant_id = $1 AND status IN ('requested', 'running')",
    )
    .bind(merchant.0)
    .fetch_one(&mut *scope)
    .await
}

/// How far the read model follows an export; 0 where it does not know it yet.
pub async fn sequence(pool: &PgPool, merchant: MerchantId, job: Uuid) -> Result<i64, sqlx::Error> {
    let mut scope = for_merchant(pool, merchant).await?;
    let known = sqlx::query_scalar("SELECT sequence FROM exports WHERE merchant_id = $1 AND job_id = $2")
        .bind(merchant.0)
        .bind(job)
        .fetch_optional(&mut *scope)
        .await?;
    Ok(known.unwrap_or(0))
}
