//! Sessions: refresh tokens in families, rotated on use (API.md).
//!
//! A token that was used less than 30 s ago is answered, however often, with the family's current one: other tabs ask with it, and whoever lost
//! an answer. One used later ends the whole family, unless the token after it was never used: then its answer was lost, perhaps with a laptop
//! that was closed, and another is issued in its place. If the one that is replaced turns up all the same, somebody has stolen one of the two,
//! and the family ends.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use qafila_schemas::ids::{MerchantId, UserId};
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool, Row};
use uuid::Uuid;

use super::succession;
use super::tokens::Identity;
use crate::problem::Problem;

/// Cookie of the refresh token.
pub const COOKIE: &str = "qafila_refresh";
/// Path the cookie is sent to.
pub const COOKIE_PATH: &str = "/api/v1/auth";
const REFRESH_DAYS: i64 = 30;
const GRACE_SECONDS: f64 = 30.0;
/// Answers to one token that may be lost, each for longer than the grace. More than these are taken for a stolen token.
const MAX_REPLACED: i64 = 3;
/// What is handed on is forgotten so long after the grace: a rotation that has begun within it still finds it.
const SWEEP_MARGIN_SECONDS: f64 = 60.0;
/// Tokens of a family that may follow each other within that time and still be handed on; the walk over them holds the family's row.
const MAX_HANDED_ON: usize = 50;

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

    /// Exchanges a token for the family's current one; `None` where it is not, or no longer, good.
    pub async fn rotate(&self, token: &str) -> Result<Option<(Identity, RefreshToken)>, Problem> {
        let mut transaction = self.pool.begin().await?;
        let Some(family) = Family::of(&mut transaction, token).await? else { return Ok(None) };
        let Some(first) = family.link(&mut transaction, token).await? else { return Ok(None) };
        if family.has_ended || first.is_expired {
            return Ok(None);
        }
        let current = match first.successor {
            Successor::None => Some(family.issue_after(&mut transaction, token).await?),
            Successor::Recent(Some(sealed)) => family.current(&mut transaction, token, &sealed).await?,
            Successor::Recent(None) => None,
            Successor::Past => match family.replacements(&mut transaction, token).await? {
                Some(replaced) if replaced < MAX_REPLACED => {
                    tracing::warn!(event = "refresh token replaced", userId = %family.user_id, replaced = replaced + 1);
                    family.revoke_unused(&mut transaction).await?;
                    Some(family.issue_after(&mut transaction, token).await?)
                }
                _ => {
                    end(&mut transaction, family.id).await?;
                    transaction.commit().await?;
                    tracing::warn!(event = "refresh token reused", userId = %family.user_id);
                    return Ok(None);
                }
            },
        };
        transaction.commit().await?;
        let identity = Identity {
            user_id: family.user_id,
            merchant_id: family.merchant_id,
            issued_at: Utc::now().timestamp(),
        };
        Ok(current.map(|current| (identity, current)))
    }

    /// The user of a token; none where the token is unknown or its session has ended.
    pub async fn owner(&self, token: &str) -> Result<Option<UserId>, Problem> {
        let owner = sqlx::query_scalar(
            "SELECT user_id FROM session_families JOIN refresh_tokens USING (family_id) WHERE token_hash = $1 AND ended_at IS NULL",
        )
        .bind(hash(token))
        .fetch_optional(&self.pool)
        .await?;
        Ok(owner.map(UserId))
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
        sqlx::query(
            "UPDATE refresh_tokens SET successor = NULL
             WHERE successor IS NOT NULL AND rotated_at < now() - make_interval(secs => $1)",
        )
        .bind(GRACE_SECONDS + SWEEP_MARGIN_SECONDS)
        .execute(&self.pool)
        .await?;
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

/// A family whose row is locked: whoever else rotates one of its tokens waits.
struct Family {
    id: Uuid,
    user_id: UserId,
    merchant_id: MerchantId,
    has_ended: bool,
}

/// A token of a family.
struct Link {
    is_expired: bool,
    successor: Successor,
}

/// What came after a token.
enum Successor {
    /// Nothing: it is the family's current one.
    None,
    /// A token, sealed under it, so short a time ago that it is handed on; none where an earlier version of Qafila issued it.
    Recent(Option<Vec<u8>>),
    /// A token, longer ago: its answer was lost, or the token that is asked with is not the caller's.
    Past,
}

impl Family {
    async fn of(connection: &mut PgConnection, token: &str) -> Result<Option<Self>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT f.family_id, f.user_id, u.merchant_id, f.ended_at IS NOT NULL
             FROM session_families f JOIN users u USING (user_id)
             WHERE f.family_id = (SELECT family_id FROM refresh_tokens WHERE token_hash = $1) FOR UPDATE OF f",
        )
        .bind(hash(token))
        .fetch_optional(connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Self {
            id: row.try_get(0)?,
            user_id: UserId(row.try_get(1)?),
            merchant_id: MerchantId(row.try_get(2)?),
            has_ended: row.try_get(3)?,
        }))
    }

    async fn link(&self, connection: &mut PgConnection, token: &str) -> Result<Option<Link>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT expires_at < now(), rotated_at IS NOT NULL, rotated_at > now() - make_interval(secs => $3), successor
             FROM refresh_tokens WHERE token_hash = $1 AND family_id = $2",
        )
        .bind(hash(token))
        .bind(self.id)
        .bind(GRACE_SECONDS)
        .fetch_optional(connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let (is_rotated, is_recent): (bool, Option<bool>) = (row.try_get(1)?, row.try_get(2)?);
        let successor = match (is_rotated, is_recent) {
            (false, _) => Successor::None,
            (true, Some(true)) => Successor::Recent(row.try_get(3)?),
            (true, _) => Successor::Past,
        };
        Ok(Some(Link { is_expired: row.try_get(0)?, successor }))
    }

    /// The family's current token, found by those that were handed on since `token`: each opens the next. None where they are more than
    /// tabs and lost answers need.
    async fn current(
        &self,
        connection: &mut PgConnection,
        token: &str,
        sealed: &[u8],
    ) -> Result<Option<RefreshToken>, Problem> {
        let mut current = self.open(token, sealed)?;
        for _ in 0..MAX_HANDED_ON {
            match self.link(connection, &current).await?.map(|link| link.successor) {
                Some(Successor::None) => return Ok(Some(RefreshToken(current))),
                Some(Successor::Recent(Some(sealed))) => current = self.open(&current, &sealed)?,
                Some(Successor::Recent(None) | Successor::Past) | None => return Ok(None),
            }
        }
        Ok(None)
    }

    fn open(&self, token: &str, sealed: &[u8]) -> Result<String, Problem> {
        let opened = succession::open(token, self.id, sealed);
        opened.map_err(|error| Problem::unavailable("refresh token", &error))
    }

    /// How many successors of a past token were replaced so far; none where its successor was used, or where it was replaced itself.
    async fn replacements(
        &self,
        connection: &mut PgConnection,
        token: &str,
    ) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM refresh_tokens later
                     WHERE later.family_id = $2 AND later.rotated_at = '-infinity' AND later.expires_at > asked.expires_at)
             FROM refresh_tokens asked
             WHERE token_hash = $1 AND family_id = $2 AND rotated_at > '-infinity' AND NOT EXISTS (
                 SELECT FROM refresh_tokens later WHERE later.family_id = $2 AND later.rotated_at >= asked.rotated_at
                     AND later.token_hash <> asked.token_hash)",
        )
        .bind(hash(token))
        .bind(self.id)
        .fetch_optional(connection)
        .await
    }

    /// The family's unused token counts from now on as used before all others.
    async fn revoke_unused(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE refresh_tokens SET rotated_at = '-infinity' WHERE family_id = $1 AND rotated_at IS NULL",
        )
        .bind(self.id)
        .execute(connection)
        .await
        .map(drop)
    }

    async fn issue_after(&self, connection: &mut PgConnection, token: &str) -> Result<RefreshToken, Problem> {
        let next = issue(connection, self.id).await?;
        let sealed = succession::seal(token, self.id, &next.0);
        let sealed = sealed.map_err(|error| Problem::unavailable("refresh token", &error))?;
        sqlx::query("UPDATE refresh_tokens SET rotated_at = now(), successor = $2 WHERE token_hash = $1")
            .bind(hash(token))
            .bind(sealed)
            .execute(connection)
            .await?;
        Ok(next)
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
