//! Sessions: refresh tokens in families, rotated on use (API.md).
//!
//! A token rotated less than 30 s ago may be used once more, by a second tab or after a lost answer, and gets a
//! sibling; one used later ends the whole family.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use qafila_schemas::ids::{MerchantId, UserId};
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool, Row};
use uuid::Uuid;

use super::tokens::Identity;
use crate::problem::Problem;

/// Cookie of the refresh token.
pub const COOKIE: &str = "qafila_refresh";
/// Path the cookie is sent to.
pub const COOKIE_PATH: &str = "/api/v1/auth";
const REFRESH_DAYS: i64 = 30;
const GRACE_SECONDS: i64 = 30;

/// A refresh token on its way to the client.
#[derive(Clone)]
pub struct RefreshToken(String);

impl RefreshToken {
    /// The cookie that carries it.
    pub fn cookie(&self, insecure: bool) -> String {
        let secure = if insecure { "" } else { " Secure;" };
        let age = REFRESH_DAYS * 86_400;
        format!("{COOKIE}={}; Path={COOKIE_PATH}; HttpOnly;{secure} SameSite=Strict; Max-Age={age}", self.0)
    }
}

/// The cookie that removes it.
pub fn clearing_cookie() -> String {
    format!("{COOKIE}=; Path={COOKIE_PATH}; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// Sessions in the command role's pool.
#[derive(Clone)]
pub struct Sessions {
    pool: PgPool,
}

impl Sessions {
    /// Sessions in `pool`.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Starts a family for a user whose password was just verified against `password_hash`; none where it has been changed meanwhile, which
    /// ends the sessions of the old one.
    pub async fn start(&self, user: UserId, password_hash: &str) -> Result<Option<RefreshToken>, Problem> {
        let mut transaction = self.pool.begin().await?;
        let family = Uuid::now_v7();
        let started = sqlx::query(
            "INSERT INTO session_families (family_id, user_id)
             SELECT $1, user_id FROM users WHERE user_id = $2 AND password_hash = $3 FOR SHARE",
        )
        .bind(family)
        .bind(user.0)
        .bind(password_hash)
        .execute(&mut *transaction)
        .await?;
        if started.rows_affected() == 0 {
            return Ok(None);
        }
        let token = issue(&mut transaction, family).await?;
        transaction.commit().await?;
        Ok(Some(token))
    }

    /// Exchanges a token for the next one; `None` where it is not, or no longer, good.
    pub async fn rotate(&self, token: &str) -> Result<Option<(Identity, RefreshToken)>, Problem> {
        let mut transaction = self.pool.begin().await?;
        let row = sqlx::query(
            "SELECT t.family_id, t.expires_at, t.rotated_at, t.sibling_at, f.ended_at, f.user_id, u.merchant_id
             FROM refresh_tokens t JOIN session_families f USING (family_id) JOIN users u USING (user_id)
             WHERE t.token_hash = $1 FOR UPDATE OF t, f",
        )
        .bind(hash(token))
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let family: Uuid = row.try_get(0)?;
        let expires_at: DateTime<Utc> = row.try_get(1)?;
        let rotated_at: Option<DateTime<Utc>> = row.try_get(2)?;
        let sibling_at: Option<DateTime<Utc>> = row.try_get(3)?;
        let ended_at: Option<DateTime<Utc>> = row.try_get(4)?;
        if ended_at.is_some() || expires_at < Utc::now() {
            return Ok(None);
        }
        let column = match rotated_at {
            None => "rotated_at",
            Some(at) if sibling_at.is_none() && (Utc::now() - at).num_seconds() < GRACE_SECONDS => {
                "sibling_at"
            }
            Some(_) => {
                end(&mut transaction, family).await?;
                transaction.commit().await?;
                tracing::warn!(event = "refresh token reused", userId = %row.try_get::<Uuid, _>(5)?);
                return Ok(None);
            }
        };
        sqlx::query(&format!("UPDATE refresh_tokens SET {column} = now() WHERE token_hash = $1"))
            .bind(hash(token))
            .execute(&mut *transaction)
            .await?;
        let next = issue(&mut transaction, family).await?;
        transaction.commit().await?;
        let identity = Identity {
            user_id: UserId(row.try_get(5)?),
            merchant_id: MerchantId(row.try_get(6)?),
            issued_at: Utc::now().timestamp(),
        };
        Ok(Some((identity, next)))
    }

    /// Ends the family of a token, if there is one.
    pub async fn end(&self, token: &str) -> Result<(), Problem> {
        sqlx::query(
            "UPDATE session_families SET ended_at = now()
             WHERE ended_at IS NULL AND family_id = (SELECT family_id FROM refresh_tokens WHERE token_hash = $1)",
        )
        .bind(hash(token))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Deletes what can no longer be used.
    pub async fn sweep(&self) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM refresh_tokens WHERE expires_at < now() - interval '1 day'")
            .execute(&self.pool)
            .await?;
        sqlx::query(
            "DELETE FROM session_families f WHERE created_at < now() - interval '1 day'
             AND NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.family_id = f.family_id)",
        )
        .execute(&self.pool)
        .await
        .map(drop)
    }
}

async fn issue(connection: &mut PgConnection, family: Uuid) -> Result<RefreshToken, Problem> {
    let mut bytes = [0_u8; 32];
    OsRng.try_fill_bytes(&mut bytes).map_err(|e| Problem::unavailable("random bytes", &e))?;
    let token = URL_SAFE_NO_PAD.encode(bytes);
    sqlx::query("INSERT INTO refresh_tokens (token_hash, family_id, expires_at) VALUES ($1, $2, $3)")
        .bind(hash(&token))
        .bind(family)
        .bind(Utc::now() + chrono::Duration::days(REFRESH_DAYS))
        .execute(connection)
        .await?;
    Ok(RefreshToken(token))
}

async fn end(connection: &mut PgConnection, family: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE session_families SET ended_at = now() WHERE family_id = $1 AND ended_at IS NULL")
        .bind(family)
        .execute(connection)
        .await
        .map(drop)
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
