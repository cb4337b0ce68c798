//! Mails that wait to be sent, in Postgres. A mail is written with its cause, in one transaction; it is sent under a lease, and
//! marked before the server gets it: whoever finds the mark without a living lease never sends it again, so that it comes at
//! most once.

use std::time::Duration;

use qafila_schemas::envelope::Wrapped;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use super::bell::NotificationFigures;

/// Longer than a mail server may take.
const LEASE: Duration = Duration::from_secs(120);

/// A mail that this process holds.
#[derive(Debug, Clone, FromRow)]
pub struct Mail {
    /// Id.
    pub mail_id: Uuid,
    /// Whose.
    pub merchant_id: Option<Uuid>,
    /// What it is about.
    pub kind: String,
    /// Why, as a stable code.
    pub cause: Option<String>,
    /// Job it is about.
    pub job_id: Option<Uuid>,
    /// Figures.
    pub figures: Json<NotificationFigures>,
    /// Which try it is, from 1.
    pub tries: i32,
    /// Its reader's address; none where the secret holds it.
    pub email: Option<String>,
    /// Its reader's language.
    pub locale: Option<String>,
    key_id: Option<String>,
    secret: Option<Vec<u8>>,
}

impl Mail {
    /// What only the reader may know, sealed.
    pub fn secret(&self) -> Option<Wrapped> {
        Some(Wrapped { key_id: self.key_id.clone()?, bytes: self.secret.clone()? })
    }
}

/// Writes a mail to each user who is told of a notification and wants to be: as `is_wanted` says, and as their settings do where that is none.
pub(super) async fn write(
    connection: &mut PgConnection,
    notification: Uuid,
    user: Option<Uuid>,
    is_wanted: Option<bool>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO mails (merchant_id, user_id, kind, notification_id, cause, job_id, figures, not_after)
         SELECT n.merchant_id, u.user_id, n.kind, n.notification_id, n.cause, n.job_id, n.figures,
             (n.figures->>'expires_at')::timestamptz
         FROM notifications n JOIN users u USING (merchant_id)
         WHERE n.notification_id = $1 AND u.status = 'active' AND ($2::uuid IS NULL OR u.user_id = $2)
           AND coalesce($3, NOT n.kind = ANY (u.unwanted_mails))
         ON CONFLICT DO NOTHING",
    )
    .bind(notification)
    .bind(user)
    .bind(is_wanted)
    .execute(connection)
    .await
    .map(drop)
}

/// The queue, for one process.
#[derive(Clone)]
pub struct MailQueue {
    pool: PgPool,
    worker: String,
}

impl MailQueue {
    /// For `worker`.
    pub fn new(pool: PgPool, worker: String) -> Self {
        Self { pool, worker }
    }

    /// Ends the leases of the process that had this slot before: it is gone, or frozen, and then may not hand over any more.
    pub async fn inherit(&self, slot: &str) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE mails SET lease_until = now() WHERE lease_until > now() AND starts_with(lease_owner, $1)",
        )
        .bind(format!("{slot}/"))
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Takes the mail that has waited longest.
    pub async fn take(&self) -> Result<Option<Mail>, sqlx::Error> {
        sqlx::query_as(
            "UPDATE mails m SET lease_owner = $1, lease_until = now() + $2, tries = tries + 1
             WHERE mail_id = (
                 SELECT mail_id FROM mails
                 WHERE state = 'waiting' AND not_before <= now() AND (lease_until IS NULL OR lease_until < now())
                     AND (not_after IS NULL OR not_after > now())
                 ORDER BY not_before LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING m.mail_id, m.merchant_id, m.kind, m.cause, m.job_id, m.figures, m.tries, m.key_id, m.secret,
                 (SELECT email FROM users u WHERE u.user_id = m.user_id) AS email,
                 (SELECT locale FROM users u WHERE u.user_id = m.user_id) AS locale",
        )
        .bind(&self.worker)
        .bind(LEASE)
        .fetch_optional(&self.pool)
        .await
    }

    /// Marks a mail that the server gets now; false where it is not ours any more, or of no use any more.
    pub async fn hand_over(&self, mail: &Mail) -> Result<bool, sqlx::Error> {
        let marked = sqlx::query(
            "UPDATE mails SET state = 'handing_over' WHERE mail_id = $1 AND lease_owner = $2 AND tries = $3 AND state = 'waiting'
             AND lease_until > now() AND (not_after IS NULL OR not_after > now())",
        )
        .bind(mail.mail_id)
        .bind(&self.worker)
        .bind(mail.tries)
        .execute(&self.pool)
        .await?;
        Ok(marked.rows_affected() == 1)
    }

    /// The server has it.
    pub async fn sent(&self, mail: &Mail) -> Result<(), sqlx::Error> {
        self.end(mail, "sent", None).await
    }

    /// It will not be sent.
    pub async fn failed(&self, mail: &Mail, fault: &str) -> Result<(), sqlx::Error> {
        self.end(mail, "failed", Some(fault)).await
    }

    async fn end(&self, mail: &Mail, state: &str, fault: Option<&str>) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE mails SET state = $3, fault = $4, ended_at = now(), secret = NULL, lease_owner = NULL, lease_until = NULL
             WHERE mail_id = $1 AND lease_owner = $2 AND tries = $5",
        )
        .bind(mail.mail_id)
        .bind(&self.worker)
        .bind(state)
        .bind(fault)
        .bind(mail.tries)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// The server does not have it; it is tried again after `pause`.
    pub async fn again(&self, mail: &Mail, pause: Duration, fault: &str) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE mails SET state = 'waiting', fault = $4, not_before = now() + $3, lease_owner = NULL, lease_until = NULL
             WHERE mail_id = $1 AND lease_owner = $2 AND tries = $5",
        )
        .bind(mail.mail_id)
        .bind(&self.worker)
        .bind(pause)
        .bind(fault)
        .bind(mail.tries)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Gives up what a crash left while the server may have had it, and what is of no use any more; forgets what ended long ago.
    pub async fn sweep(&self) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE mails SET state = 'failed', fault = 'not known whether it was sent', ended_at = now(), secret = NULL
             WHERE state = 'handing_over' AND lease_until < now()",
        )
        .execute(&self.pool)
        .await?;
        sqlx::query(
            "UPDATE mails SET state = 'failed', fault = coalesce(fault, 'too late'), ended_at = now(), secret = NULL
             WHERE state = 'waiting' AND not_after < now() AND (lease_until IS NULL OR lease_until < now())",
        )
        .execute(&self.pool)
        .await?;
        sqlx::query("DELETE FROM mails WHERE ended_at < now() - interval '90 days'")
            .execute(&self.pool)
            .await
            .map(drop)
    }
}
