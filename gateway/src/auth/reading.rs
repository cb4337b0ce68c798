//! Who reads a merchant's reports and lists: a user of theirs, or a tool with a key that a user made for it. Such a key reads what its scopes
//! name and gives no commands.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use http::header::AUTHORIZATION;
use qafila_schemas::ids::MerchantId;
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::tokens::{AccessTokens, Identity};
use crate::call::Call;
use crate::problem::{Code, Problem};

/// What every key begins with, so that a scanner for secrets knows it, and so that it is not taken for an access token.
const PREFIX: &str = "qafila_key_";
/// Keys of a merchant.
const MAX_KEYS: i64 = 20;

/// What a key may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Reports.
    Reports,
    /// Orders, customers, products and carts.
    Lists,
    /// Names, contacts and whatever else is personal within these.
    People,
}

impl Scope {
    /// Names of all.
    pub const NAMES: [&str; 3] = ["reports", "lists", "people"];

    /// As keys have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reports => "reports",
            Self::Lists => "lists",
            Self::People => "people",
        }
    }
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader {
    /// Merchant everything is scoped to.
    pub merchant_id: MerchantId,
    /// Whether personal data is shown.
    pub sees_people: bool,
    /// Whether it is a tool.
    pub is_key: bool,
}

/// A key as its merchant sees it.
#[derive(Debug, Clone, FromRow)]
pub struct ReadingKey {
    /// Id.
    pub key_id: Uuid,
    /// What the merchant calls it.
    pub name: String,
    /// Names of its scopes.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was used last, to the minute; none where it never was.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// The keys, in the command role's pool.
#[derive(Clone)]
pub struct ReadingKeys {
    pool: PgPool,
}

impl ReadingKeys {
    /// Keys in `pool`.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// The sender of a request that reads what `scope` names: 401 without valid credentials, 403 where the key lacks the scope.
    pub async fn reader(&self, tokens: &AccessTokens, call: &Call, scope: Scope) -> Result<Reader, Problem> {
        let bearer = call.header(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        let Some(key) = bearer.filter(|bearer| bearer.starts_with(PREFIX)) else {
            let merchant_id = tokens.identify(call)?.merchant_id;
            return Ok(Reader { merchant_id, sees_people: true, is_key: false });
        };
        let found: Option<(Uuid, Uuid, Vec<String>, bool)> = sqlx::query_as(
            "SELECT k.key_id, k.merchant_id, k.scopes, coalesce(k.last_used_at < now() - interval '1 minute', true)
             FROM reading_keys k JOIN users u ON u.user_id = k.made_by WHERE k.sha256 = $1 AND u.status = 'active'",
        )
        .bind(&Sha256::digest(key)[..])
        .fetch_optional(&self.pool)
        .await?;
        let (key_id, merchant, scopes, is_first_of_minute) = found.ok_or_else(Problem::unauthorized)?;
        let has = |scope: Scope| scopes.iter().any(|name| name == scope.name());
        if !has(scope) {
            return Err(Problem::new(Code::ScopeMissing).with("scope", scope.name()));
        }
        if is_first_of_minute {
            let used = "UPDATE reading_keys SET last_used_at = now() WHERE key_id = $1";
            sqlx::query(used).bind(key_id).execute(&self.pool).await?;
        }
        Ok(Reader { merchant_id: MerchantId(merchant), sees_people: has(Scope::People), is_key: true })
    }

    /// A new key, which is shown this once; none where the merchant has as many as there may be.
    pub async fn make(
        &self,
        by: Identity,
        name: &str,
        scopes: &[String],
    ) -> Result<Option<(String, ReadingKey)>, Problem> {
        let mut random = [0_u8; 32];
        OsRng.try_fill_bytes(&mut random).map_err(|error| Problem::unavailable("random", &error))?;
        let key = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
        let mut transaction = self.pool.begin().await?;
        // Two at once would each count the other as not there.
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('reading keys of ' || $1, 0))")
            .bind(by.merchant_id.to_string())
            .execute(&mut *transaction)
            .await?;
        let made: Option<ReadingKey> = sqlx::query_as(
            "INSERT INTO reading_keys (key_id, merchant_id, name, sha256, scopes, made_by)
             SELECT $1, $2, $3, $4, $5, u.user_id FROM users u
             WHERE u.user_id = $6 AND u.status = 'active' AND (u.password_set_at IS NULL OR floor(extract(epoch FROM u.password_set_at)) <= $8)
                 AND (SELECT count(*) FROM reading_keys WHERE merchant_id = $2) < $7
             FOR SHARE OF u
             RETURNING key_id, name, scopes, created_at, last_used_at",
        )
        .bind(Uuid::now_v7())
        .bind(by.merchant_id.0)
        .bind(name)
        .bind(&Sha256::digest(&key)[..])
        .bind(scopes)
        .bind(by.user_id.0)
        .bind(MAX_KEYS)
        // A reset of the password meanwhile ends the access token that this was asked with.
        .bind(by.issued_at)
        .fetch_optional(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(made.map(|made| (key, made)))
    }

    /// The merchant's keys, newest first.
    pub async fn of(&self, merchant: MerchantId) -> Result<Vec<ReadingKey>, Problem> {
        let keys = sqlx::query_as(
            "SELECT key_id, name, scopes, created_at, last_used_at FROM reading_keys
             WHERE merchant_id = $1 ORDER BY created_at DESC, key_id DESC",
        );
        Ok(keys.bind(merchant.0).fetch_all(&self.pool).await?)
    }

    /// Ends a key at once; false where the merchant has none of this id.
    pub async fn revoke(&self, merchant: MerchantId, key_id: Uuid) -> Result<bool, Problem> {
        let ended = sqlx::query("DELETE FROM reading_keys WHERE merchant_id = $1 AND key_id = $2");
        Ok(ended.bind(merchant.0).bind(key_id).execute(&self.pool).await?.rows_affected() > 0)
    }
}
