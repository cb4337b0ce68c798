//! Passwords that are forgotten or changed. A link of single use, mailed to the address, works for 30 minutes; a new password
//! ends the sessions that were opened with the old one, and a mail tells of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use qafila_projections::notify::bell::kind;
use qafila_projections::notify::letters::Secret;
use qafila_schemas::envelope::{MAIL_SECRET, OperatorKeys};
use qafila_schemas::ids::UserId;
use qafila_schemas::words::rule::Rule;
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::passwords::Passwords;
use super::rules;
use crate::problem::{Code, FieldError, Problem};

/// Users' passwords, in the command role's pool.
#[derive(Clone)]
pub struct PasswordResets {
    pool: PgPool,
    passwords: Passwords,
    keys: OperatorKeys,
}

impl PasswordResets {
    /// Secrets of mails are sealed under `keys`.
    pub fn new(pool: PgPool, passwords: Passwords, keys: OperatorKeys) -> Self {
        Self { pool, passwords, keys }
    }

    /// Mails a link to `email`, if somebody has registered it; links sent before stop working. The same statements run either
    /// way, so that nobody learns which.
    pub async fn ask(&self, email: &str) -> Result<(), Problem> {
        let mut bytes = [0_u8; 32];
        OsRng.try_fill_bytes(&mut bytes).map_err(|e| Problem::unavailable("random bytes", &e))?;
        let token = URL_SAFE_NO_PAD.encode(bytes);
        let secret = Secret { token: Some(token.clone()), ..Secret::default() };
        let secret = serde_json::to_vec(&secret).map_err(|e| Problem::unavailable("json", &e))?;
        let sealed = self.keys.wrap(MAIL_SECRET, &secret).map_err(|e| Problem::unavailable("keys", &e))?;
        let mut transaction = self.pool.begin().await?;
        // One at a time for each user: of two at once, neither would see the other's link.
        sqlx::query("SELECT FROM users WHERE email = $1 FOR UPDATE")
            .bind(email)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "DELETE FROM password_resets WHERE expires_at < now() OR user_id = (SELECT user_id FROM users WHERE email = $1)",
        )
        .bind(email)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "INSERT INTO password_resets (token_hash, user_id, expires_at)
             SELECT $2, user_id, now() + interval '30 minutes' FROM users WHERE email = $1 AND status = 'active'",
        )
        .bind(email)
        .bind(hash(&token))
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "INSERT INTO mails (merchant_id, user_id, kind, key_id, secret, not_after)
             SELECT merchant_id, user_id, $2, $3, $4, now() + interval '25 minutes' FROM users
             WHERE email = $1 AND status = 'active'",
        )
        .bind(email)
        .bind(kind::PASSWORD_RESET)
        .bind(&sealed.key_id)
        .bind(&sealed.bytes)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Sets a new password with a link's token, and ends all sessions. 400 where the link works no more, 422 where the password
    /// breaks a rule; then the link still works.
    pub async fn redeem(&self, token: &str, password: String) -> Result<UserId, Problem> {
        let known: Option<(String,)> = sqlx::query_as(
            "SELECT u.email FROM password_resets r JOIN users u USING (user_id) WHERE r.token_hash = $1 AND r.expires_at > now()",
        )
        .bind(hash(token))
        .fetch_optional(&self.pool)
        .await?;
        let (email,) = known.ok_or_else(spent)?;
        check("/password", &password, &email)?;
        let password_hash = self.hash(password).await?;
        let mut transaction = self.pool.begin().await?;
        // The user first and then the links, as everybody who takes both.
        sqlx::query("SELECT FROM users WHERE email = $1 FOR UPDATE")
            .bind(&email)
            .execute(&mut *transaction)
            .await?;
        let user: Option<(Uuid,)> = sqlx::query_as(
            "DELETE FROM password_resets WHERE token_hash = $1 AND expires_at > now() RETURNING user_id",
        )
        .bind(hash(token))
        .fetch_optional(&mut *transaction)
        .await?;
        let (user,) = user.ok_or_else(spent)?;
        sqlx::query("UPDATE users SET password_hash = $2, password_set_at = now() WHERE user_id = $1")
            .bind(user)
            .bind(&password_hash)
            .execute(&mut *transaction)
            .await?;
        end_sessions(&mut transaction, user, None).await?;
        // A stranger who had the old password may have made them.
        sqlx::query("DELETE FROM reading_keys WHERE made_by = $1")
            .bind(user)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM password_resets WHERE user_id = $1")
            .bind(user)
            .execute(&mut *transaction)
            .await?;
        tell(&mut transaction, user).await?;
        transaction.commit().await?;
        Ok(UserId(user))
    }

    /// Sets a new password for somebody who knows the old one, and ends the sessions but the one with `refresh_token`.
    pub async fn change(
        &self,
        user: UserId,
        old: String,
        new: String,
        refresh_token: Option<&str>,
    ) -> Result<(), Problem> {
        let known: Option<(String, String)> =
            sqlx::query_as("SELECT email, password_hash FROM users WHERE user_id = $1")
                .bind(user.0)
                .fetch_optional(&self.pool)
                .await?;
        let (email, stored) = known.ok_or_else(Problem::unauthorized)?;
        check("/newPassword", &new, &email)?;
        let is_same = old == new;
        let fits = self.passwords.verify(old, Some(stored.clone())).await;
        if !fits.map_err(|e| Problem::unavailable("password hashing", &e))? {
            return Err(Problem::invalid_field("/currentPassword", Rule::wrong_password()));
        }
        if is_same {
            return Err(Problem::invalid_field("/newPassword", Rule::same_password()));
        }
        let password_hash = self.hash(new).await?;
        let mut transaction = self.pool.begin().await?;
        // Somebody with a mailed link may have been quicker: then the old password counts no more.
        let changed =
            sqlx::query("UPDATE users SET password_hash = $2, password_set_at = now() WHERE user_id = $1 AND password_hash = $3")
                .bind(user.0)
                .bind(&password_hash)
                .bind(&stored)
                .execute(&mut *transaction)
                .await?;
        if changed.rows_affected() == 0 {
            return Err(Problem::invalid_field("/currentPassword", Rule::wrong_password()));
        }
        end_sessions(&mut transaction, user.0, refresh_token.map(hash)).await?;
        sqlx::query("DELETE FROM password_resets WHERE user_id = $1")
            .bind(user.0)
            .execute(&mut *transaction)
            .await?;
        tell(&mut transaction, user.0).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn hash(&self, password: String) -> Result<String, Problem> {
        self.passwords.hash(password).await.map_err(|e| Problem::unavailable("password hashing", &e))
    }
}

/// Ends a user's sessions, but for the one of the refresh token with the hash `kept`.
async fn end_sessions(
    connection: &mut PgConnection,
    user: Uuid,
    kept: Option<Vec<u8>>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE session_families SET ended_at = now() WHERE user_id = $1 AND ended_at IS NULL
         AND family_id IS DISTINCT FROM (SELECT family_id FROM refresh_tokens WHERE token_hash = $2)",
    )
    .bind(user)
    .bind(kept)
    .execute(connection)
    .await
    .map(drop)
}

/// Mails a user that their password was changed: it may have been somebody else.
async fn tell(connection: &mut PgConnection, user: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO mails (merchant_id, user_id, kind) SELECT merchant_id, user_id, $2 FROM users WHERE user_id = $1",
    )
    .bind(user)
    .bind(kind::PASSWORD_CHANGED)
    .execute(connection)
    .await
    .map(drop)
}

fn check(pointer: &str, password: &str, email: &str) -> Result<(), Problem> {
    let broken: Vec<FieldError> = rules::password(password, email)
        .into_iter()
        .map(|rule| FieldError { pointer: pointer.into(), rule })
        .collect();
    if broken.is_empty() { Ok(()) } else { Err(Problem::invalid(broken)) }
}

/// 400: a link works once, for 30 minutes.
fn spent() -> Problem {
    Problem::new(Code::LinkSpent)
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
