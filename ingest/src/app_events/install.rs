//! Installations in easy mode (FACTS §2.1) of stores that no merchant of ours is connected to: their tokens are held, sealed, until
//! somebody claims the store by OAuth. Nothing is read with them meanwhile.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool, Row};

use super::claim_links;
use crate::salla::Secret;
use crate::salla::oauth::Tokens;
use crate::vault::{Vault, VaultError, token_hash};

/// An installation that waits for its merchant.
#[derive(Debug)]
pub struct Held {
    /// Its access token.
    pub access: Secret,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When its tokens end, which tells them from others of the store.
    pub expires_at: DateTime<Utc>,
}

/// Table `easy_mode_installs`.
pub struct EasyModeInstalls<'v> {
    vault: &'v Vault,
}

impl<'v> EasyModeInstalls<'v> {
    /// Sealed as `vault` seals.
    pub fn new(vault: &'v Vault) -> Self {
        Self { vault }
    }

    /// Holds tokens, unless some that end later are held; says whether. Of an end that is a guess the time of the event counts.
    pub async fn hold(
        &self,
        connection: &mut PgConnection,
        store_id: i64,
        tokens: &Tokens,
    ) -> Result<bool, VaultError> {
        let (key_id, access, refresh) = self.vault.seal_held(store_id, tokens)?;
        let held = sqlx::query(
            "INSERT INTO easy_mode_installs AS known (store_id, key_id, access_token, refresh_token, scopes, expires_at)
             SELECT $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS (
                 SELECT FROM token_refreshes r JOIN salla_connections o USING (connection_id)
                 WHERE o.store_id = $1 AND r.refresh_hash = $8)
             ON CONFLICT (store_id) DO UPDATE SET key_id = $2, access_token = $3, refresh_token = $4, scopes = $5, expires_at = $6,
                 held_since = now() WHERE known.expires_at < $6 OR known.held_since < $7",
        )
        .bind(store_id)
        .bind(key_id)
        .bind(access)
        .bind(refresh)
        .bind(&tokens.scopes)
        .bind(tokens.expires_at)
        .bind(tokens.guessed_since)
        .bind(tokens.refresh.as_ref().map(token_hash))
        .execute(connection)
        .await?;
        Ok(held.rows_affected() == 1)
    }

    /// What is held of a store.
    pub async fn find(&self, pool: &PgPool, store_id: i64) -> Result<Option<Held>, VaultError> {
        let row = sqlx::query(
            "SELECT key_id, access_token, held_since, expires_at FROM easy_mode_installs WHERE store_id = $1",
        )
        .bind(store_id)
        .fetch_optional(pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let access = self.vault.open_held(store_id, "access", row.try_get(0)?, row.try_get(1)?)?;
        Ok(Some(Held { access, since: row.try_get(2)?, expires_at: row.try_get(3)? }))
    }

    /// All tokens that are held of a store, for whoever claims it.
    pub async fn tokens(&self, pool: &PgPool, store_id: i64) -> Result<Option<Tokens>, VaultError> {
        let row = sqlx::query(
            "SELECT key_id, access_token, refresh_token, scopes, expires_at FROM easy_mode_installs WHERE store_id = $1",
        )
        .bind(store_id)
        .fetch_optional(pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let key_id: String = row.try_get(0)?;
        let refresh: Option<Vec<u8>> = row.try_get(2)?;
        let refresh = refresh.map(|bytes| self.vault.open_held(store_id, "refresh", key_id.clone(), bytes));
        Ok(Some(Tokens {
            refresh: refresh.transpose()?,
            access: self.vault.open_held(store_id, "access", key_id, row.try_get(1)?)?,
            scopes: row.try_get(3)?,
            expires_at: row.try_get(4)?,
            guessed_since: None,
        }))
    }

    /// Forgets what is held of a store, and the links to claim it by; false where newer tokens have come.
    pub async fn remove(&self, pool: &PgPool, store_id: i64, held: &Held) -> Result<bool, sqlx::Error> {
        let mut transaction = pool.begin().await?;
        alone(&mut transaction, store_id).await?;
        if !used(&mut transaction, store_id, held.expires_at).await? {
            return Ok(false);
        }
        claim_links::forget(&mut transaction, store_id).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Whoever connects a store, or holds the tokens of one that nobody has connected, does so under this lock, so that one sees
/// what the other has done.
pub(crate) async fn alone(connection: &mut PgConnection, store_id: i64) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("claiming {store_id}"))
        .execute(connection)
        .await
        .map(drop)
}

/// The tokens that are held are those that end then, and of no use any more; false where newer ones have come.
pub(crate) async fn used(
    connection: &mut PgConnection,
    store_id: i64,
    expires_at: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let used = sqlx::query("DELETE FROM easy_mode_installs WHERE store_id = $1 AND expires_at = $2")
        .bind(store_id)
        .bind(expires_at)
        .execute(connection)
        .await?;
    Ok(used.rows_affected() == 1)
}

/// A merchant has claimed the store by OAuth, which brought tokens of its own: what is held is of no use any more.
pub(crate) async fn claimed(connection: &mut PgConnection, store_id: i64) -> Result<bool, sqlx::Error> {
    let forgotten = sqlx::query("DELETE FROM easy_mode_installs WHERE store_id = $1")
        .bind(store_id)
        .execute(connection)
        .await?;
    Ok(forgotten.rows_affected() == 1)
}
