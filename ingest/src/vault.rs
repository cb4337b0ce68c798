//! The token vault: Salla's tokens of each connection, sealed under the operator's key; never in an event, a
//! topic or a log. A pair of tokens is replaced in place, and its generation tells one pair from the next.

use chrono::{DateTime, Utc};
use qafila_schemas::envelope::{MAIL_SECRET, OperatorKeys, SealError, Wrapped};
use qafila_schemas::ids::{ConnectionId, MerchantId};
use sha2::{Digest, Sha256};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

use crate::salla::Secret;
use crate::salla::oauth::{StoreIdentity, Tokens};

/// Why the vault did not help.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The database.
    #[error("token vault: {0}")]
    Database(#[from] sqlx::Error),
    /// Keys.
    #[error("token vault: {0}")]
    Seal(#[from] SealError),
}

/// Whether a refresh token can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshState {
    /// It was never sent.
    Usable,
    /// It was redeemed, and the answer brought no other: it may be sent once more, after the access token has ended.
    Kept,
    /// It was sent, or may have been, and the answer was lost: it is never sent again.
    Unknown,
    /// Salla refused it, or refuses the access token though there is none to refresh it with.
    Refused,
    /// Salla gave none.
    Absent,
}

impl RefreshState {
    fn from_text(text: &str) -> Self {
        match text {
            "usable" => Self::Usable,
            "kept" => Self::Kept,
            "unknown" => Self::Unknown,
            "absent" => Self::Absent,
            _ => Self::Refused,
        }
    }
}

/// A connection's tokens.
#[derive(Debug, Clone)]
pub struct StoredTokens {
    /// Access token.
    pub access: Secret,
    /// Refresh token, single-use.
    pub refresh: Option<Secret>,
    /// Which pair.
    pub generation: i64,
    /// When the access token ends.
    pub expires_at: DateTime<Utc>,
    /// Whether the refresh token can be used.
    pub refresh_state: RefreshState,
    /// When these tokens came.
    pub came_at: DateTime<Utc>,
}

/// A call takes so long: a token that ends within it is renewed before.
const TOO_SHORT: chrono::Duration = chrono::Duration::seconds(5);
/// Longer than any token of Salla's lives.
const NO_END: chrono::Duration = chrono::Duration::days(400);

impl StoredTokens {
    /// Until when the access token is handed out, before anything else is tried. One that nothing can renew is handed out until Salla refuses
    /// it; one whose refresh token is kept until its very end, because that is sent only after it.
    pub fn usable_until(&self) -> DateTime<Utc> {
        match self.refresh_state {
            RefreshState::Usable => self.expires_at - TOO_SHORT,
            RefreshState::Absent => self.came_at + NO_END,
            RefreshState::Kept | RefreshState::Unknown | RefreshState::Refused => self.expires_at,
        }
    }
}

/// Tokens of connections; every method works within the caller's connection or transaction.
#[derive(Clone)]
pub struct Vault {
    keys: OperatorKeys,
}

impl Vault {
    /// A vault sealed under the operator's keys.
    pub fn new(keys: OperatorKeys) -> Self {
        Self { keys }
    }

    /// Stores a new connection with its tokens.
    pub async fn store(
        &self,
        connection: &mut PgConnection,
        id: ConnectionId,
        merchant: MerchantId,
        store: &StoreIdentity,
        tokens: &Tokens,
    ) -> Result<(), VaultError> {
        let sealed = self.seal(id, tokens)?;
        sqlx::query(
            "INSERT INTO salla_connections (connection_id, merchant_id, store_id, store_name, store_domain, store_plan,
                 scopes, key_id, access_token, refresh_token, refresh_hash, refresh_state, expires_at, store_currency, currency_due_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, now() + CASE WHEN $14 IS NULL THEN interval '0' ELSE interval '1 day' END)",
        )
        .bind(id.0)
        .bind(merchant.0)
        .bind(store.store_id)
        .bind(&store.name)
        .bind(&store.domain)
        .bind(&store.plan)
        .bind(&tokens.scopes)
        .bind(&sealed.key_id)
        .bind(&sealed.access)
        .bind(&sealed.refresh)
        .bind(&sealed.refresh_hash)
        .bind(sealed.refresh_state())
        .bind(tokens.expires_at)
        .bind(&store.currency)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Replaces the tokens of the merchant's live connection to this store, which a new authorisation brings; none where there
    /// is no such connection. Whether the merchant was told that access was lost is left as it is: the keeper tells that it is back where
    /// nobody else does.
    pub async fn reauthorise(
        &self,
        connection: &mut PgConnection,
        merchant: MerchantId,
        store: &StoreIdentity,
        tokens: &Tokens,
    ) -> Result<Option<ConnectionId>, VaultError> {
        let live: Option<uuid::Uuid> = sqlx::query_scalar(
            "SELECT connection_id FROM salla_connections WHERE merchant_id = $1 AND store_id = $2 AND wiped_at IS NULL
             ORDER BY connected_at DESC LIMIT 1 FOR UPDATE",
        )
        .bind(merchant.0)
        .bind(store.store_id)
        .fetch_optional(&mut *connection)
        .await?;
        let Some(id) = live.map(ConnectionId) else { return Ok(None) };
        let tokens = &self.with_unredeemed(connection, id, tokens).await?;
        let sealed = self.seal(id, tokens)?;
        sqlx::query(
            "UPDATE salla_connections SET store_name = $2, store_domain = $3, store_plan = $4, scopes = $5, key_id = $6,
                 access_token = $7, refresh_token = $8, refresh_hash = $9, refresh_state = $10, expires_at = $11,
                 generation = generation + 1, told_at = coalesce(told_at, warned_at), warned_at = NULL, authorised_at = now(), tokens_at = now(),
                 store_currency = coalesce($12, store_currency),
                 currency_due_at = CASE WHEN $12 IS NULL THEN now() ELSE currency_due_at END, currency_tries = 0
             WHERE connection_id = $1",
        )
        .bind(id.0)
        .bind(&store.name)
        .bind(&store.domain)
        .bind(&store.plan)
        .bind(&tokens.scopes)
        .bind(&sealed.key_id)
        .bind(&sealed.access)
        .bind(&sealed.refresh)
        .bind(&sealed.refresh_hash)
        .bind(sealed.refresh_state())
        .bind(tokens.expires_at)
        .bind(&store.currency)
        .execute(connection)
        .await?;
        Ok(Some(id))
    }

    /// Replaces the tokens of a connection by those that a store sent by itself, if they end later, or were sent later where their end is a
    /// guess, and were never used up; says whether.
    /// Whether the merchant was told that access was lost is left as it is: the keeper tells that it is back.
    pub async fn authorised(
        &self,
        connection: &mut PgConnection,
        id: ConnectionId,
        tokens: &Tokens,
    ) -> Result<bool, VaultError> {
        let tokens = &self.with_unredeemed(connection, id, tokens).await?;
        let sealed = self.seal(id, tokens)?;
        // Tokens without a refresh token of their own keep the one that is there.
        let is_own = tokens.refresh_is_own;
        let replaced = sqlx::query(
            "UPDATE salla_connections c SET scopes = CASE WHEN cardinality($2::text[]) = 0 THEN scopes ELSE $2 END, key_id = $3,
                 access_token = $4, refresh_token = $5, refresh_hash = $6, refresh_state = $7, expires_at = $8,
                 generation = generation + 1, authorised_at = now(), tokens_at = now(), told_at = coalesce(told_at, warned_at),
                 warned_at = NULL, currency_due_at = now(), currency_tries = 0
             WHERE connection_id = $1 AND wiped_at IS NULL AND (expires_at < $8 OR tokens_at < $10) AND (NOT $9 OR refresh_hash IS DISTINCT FROM $6)
               AND NOT EXISTS (SELECT FROM token_refreshes r JOIN salla_connections o USING (connection_id)
                   WHERE o.store_id = c.store_id AND r.refresh_hash = $6)",
        )
        .bind(id.0)
        .bind(&tokens.scopes)
        .bind(&sealed.key_id)
        .bind(&sealed.access)
        .bind(&sealed.refresh)
        .bind(&sealed.refresh_hash)
        .bind(sealed.refresh_state())
        .bind(tokens.expires_at)
        .bind(is_own)
        .bind(tokens.guessed_since)
        .execute(connection)
        .await?;
        Ok(replaced.rows_affected() == 1)
    }

    /// The tokens with the refresh token that the connection has and that was never redeemed, where they bring none.
    async fn with_unredeemed(
        &self,
        connection: &mut PgConnection,
        id: ConnectionId,
        tokens: &Tokens,
    ) -> Result<WithRefresh, VaultError> {
        let own = tokens.refresh.clone();
        let refresh_is_own = own.is_some();
        let refresh = if let Some(own) = own {
            Some(own)
        } else {
            let known = self.load(&mut *connection, id, true).await?;
            let known = known.filter(|known| known.refresh_state == RefreshState::Usable);
            // One that is being redeemed is not unredeemed: what becomes of it says nothing of these tokens.
            let is_sent = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM token_refreshes r JOIN salla_connections c USING (connection_id)
                 WHERE c.connection_id = $1 AND r.refresh_hash = c.refresh_hash)",
            );
            let is_sent: bool = is_sent.bind(id.0).fetch_one(connection).await?;
            known.filter(|_| !is_sent).and_then(|known| known.refresh)
        };
        Ok(WithRefresh { tokens: Tokens { refresh, ..tokens.clone() }, refresh_is_own })
    }

    /// When the present tokens of a live connection were authorised, whatever refreshes came since, and their generation.
    pub async fn authorised_at(
        &self,
        pool: &PgPool,
        id: ConnectionId,
    ) -> Result<Option<(DateTime<Utc>, i64)>, VaultError> {
        let query = "SELECT authorised_at, generation FROM salla_connections WHERE connection_id = $1 AND wiped_at IS NULL";
        Ok(sqlx::query_as(query).bind(id.0).fetch_optional(pool).await?)
    }

    /// Seals tokens of a store that nobody is connected to: the key's id, the access token, the refresh token.
    pub(crate) fn seal_held(
        &self,
        store_id: i64,
        tokens: &Tokens,
    ) -> Result<(String, Vec<u8>, Option<Vec<u8>>), VaultError> {
        let seal = |what: &str, token: &Secret| {
            self.keys.wrap(&held_context(store_id, what), token.expose().as_bytes())
        };
        let access = seal("access", &tokens.access)?;
        let refresh = tokens.refresh.as_ref().map(|token| seal("refresh", token)).transpose()?;
        Ok((access.key_id, access.bytes, refresh.map(|refresh| refresh.bytes)))
    }

    /// Seals what a mail may tell its reader alone.
    pub(crate) fn seal_mail(&self, secret: &[u8]) -> Result<Wrapped, VaultError> {
        Ok(self.keys.wrap(MAIL_SECRET, secret)?)
    }

    /// Opens a token, `access` or `refresh`, of a store that nobody is connected to.
    pub(crate) fn open_held(
        &self,
        store_id: i64,
        what: &str,
        key_id: String,
        bytes: Vec<u8>,
    ) -> Result<Secret, VaultError> {
        let plain = self.keys.unwrap(&held_context(store_id, what), &Wrapped { key_id, bytes })?;
        let text = std::str::from_utf8(&plain).map_err(|_| SealError::NotAuthentic)?;
        Ok(Secret::new(text))
    }

    /// Puts what a refresh brought in the place of the refresh token that was redeemed; false where that token is no longer
    /// the connection's, so that what it brought is of no use. Where the answer brings no other refresh token, the redeemed one stays, if it
    /// `may_be_kept`. An authorisation without a refresh token that came meanwhile does not cost us the one that the answer brings.
    pub async fn refreshed(
        &self,
        connection: &mut PgConnection,
        id: ConnectionId,
        redeemed: &[u8],
        tokens: &Tokens,
        may_be_kept: bool,
    ) -> Result<bool, VaultError> {
        let redeemed_token = self.load(connection, id, false).await?.and_then(|known| known.refresh);
        let kept = Tokens { refresh: redeemed_token, ..tokens.clone() };
        // An answer without a refresh token: the redeemed one is kept, unless it has been kept before.
        let (sealed, state) = match &tokens.refresh {
            Some(_) => (self.seal(id, tokens)?, "usable"),
            None if may_be_kept => (self.seal(id, &kept)?, "kept"),
            None => (self.seal(id, tokens)?, "absent"),
        };
        let replaced = sqlx::query(
            "UPDATE salla_connections SET key_id = $3, access_token = $4, refresh_token = $5, refresh_hash = $6,
                 refresh_state = $7, expires_at = $8, generation = generation + 1, tokens_at = now(), told_at = coalesce(told_at, warned_at), warned_at = NULL
             WHERE connection_id = $1 AND wiped_at IS NULL AND (refresh_hash = $2 OR $9 AND refresh_state = 'absent')",
        )
        .bind(id.0)
        .bind(redeemed)
        .bind(&sealed.key_id)
        .bind(&sealed.access)
        .bind(&sealed.refresh)
        .bind(&sealed.refresh_hash)
        .bind(state)
        .bind(tokens.expires_at)
        .bind(tokens.refresh.is_some())
        .execute(connection)
        .await?;
        Ok(replaced.rows_affected() == 1)
    }

    /// The tokens of a connection; `None` where there are none any more. With `lock` nobody else changes them until the
    /// transaction ends.
    pub async fn load(
        &self,
        connection: &mut PgConnection,
        id: ConnectionId,
        lock: bool,
    ) -> Result<Option<StoredTokens>, VaultError> {
        let query = format!(
            "SELECT key_id, access_token, refresh_token, generation, expires_at, refresh_state, tokens_at FROM salla_connections
             WHERE connection_id = $1 AND wiped_at IS NULL {}",
            if lock { "FOR UPDATE" } else { "" }
        );
        let row = sqlx::query(&query).bind(id.0).fetch_optional(connection).await?;
        let Some(row) = row else { return Ok(None) };
        let Some(access) = self.open(id, "access", &row, 1)? else { return Ok(None) };
        Ok(Some(StoredTokens {
            access,
            refresh: self.open(id, "refresh", &row, 2)?,
            generation: row.try_get(3)?,
            expires_at: row.try_get(4)?,
            refresh_state: RefreshState::from_text(row.try_get(5)?),
            came_at: row.try_get(6)?,
        }))
    }

    /// Connections of the merchant whose tokens are not wiped, and their stores.
    pub async fn live(
        &self,
        connection: &mut PgConnection,
        merchant: MerchantId,
    ) -> Result<Vec<(ConnectionId, i64)>, VaultError> {
        let query = "SELECT connection_id, store_id FROM salla_connections WHERE merchant_id = $1 AND wiped_at IS NULL";
        let rows: Vec<(uuid::Uuid, i64)> =
            sqlx::query_as(query).bind(merchant.0).fetch_all(connection).await?;
        Ok(rows.into_iter().map(|(id, store)| (ConnectionId(id), store)).collect())
    }

    /// Whether the tokens of a connection are those of `generation`, or wiped since; nobody changes them until the transaction ends.
    pub async fn is_of(
        &self,
        connection: &mut PgConnection,
        id: ConnectionId,
        generation: i64,
    ) -> Result<bool, VaultError> {
        let query = "SELECT generation FROM salla_connections WHERE connection_id = $1 FOR UPDATE";
        let present: Option<i64> = sqlx::query_scalar(query).bind(id.0).fetch_optional(connection).await?;
        Ok(present == Some(generation))
    }

    /// Wipes the tokens of one connection.
    pub async fn wipe(&self, connection: &mut PgConnection, id: ConnectionId) -> Result<(), VaultError> {
        sqlx::query(
            "UPDATE salla_connections SET access_token = NULL, refresh_token = NULL, wiped_at = now()
             WHERE connection_id = $1 AND wiped_at IS NULL",
        )
        .bind(id.0)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Wipes the tokens of every connection of the merchant but `kept`.
    pub async fn wipe_others(
        &self,
        connection: &mut PgConnection,
        merchant: MerchantId,
        kept: Option<ConnectionId>,
    ) -> Result<(), VaultError> {
        sqlx::query(
            "UPDATE salla_connections SET access_token = NULL, refresh_token = NULL, wiped_at = now()
             WHERE merchant_id = $1 AND connection_id IS DISTINCT FROM $2 AND wiped_at IS NULL",
        )
        .bind(merchant.0)
        .bind(kept.map(|id| id.0))
        .execute(connection)
        .await?;
        Ok(())
    }

    fn seal(&self, id: ConnectionId, tokens: &Tokens) -> Result<Sealed, VaultError> {
        let access = self.keys.wrap(&context(id, "access"), tokens.access.expose().as_bytes())?;
        let (mut refresh, mut refresh_hash) = (None, None);
        if let Some(token) = &tokens.refresh {
            refresh = Some(self.keys.wrap(&context(id, "refresh"), token.expose().as_bytes())?.bytes);
            refresh_hash = Some(token_hash(token));
        }
        Ok(Sealed { key_id: access.key_id, access: access.bytes, refresh, refresh_hash })
    }

    fn open(
        &self,
        id: ConnectionId,
        what: &str,
        row: &PgRow,
        column: usize,
    ) -> Result<Option<Secret>, VaultError> {
        let Some(bytes) = row.try_get::<Option<Vec<u8>>, _>(column)? else { return Ok(None) };
        let wrapped = Wrapped { key_id: row.try_get(0)?, bytes };
        let plain = self.keys.unwrap(&context(id, what), &wrapped)?;
        let text = std::str::from_utf8(&plain).map_err(|_| SealError::NotAuthentic)?;
        Ok(Some(Secret::new(text)))
    }
}

/// Tokens, and whether their refresh token came with them.
struct WithRefresh {
    tokens: Tokens,
    refresh_is_own: bool,
}

impl std::ops::Deref for WithRefresh {
    type Target = Tokens;

    fn deref(&self) -> &Tokens {
        &self.tokens
    }
}

struct Sealed {
    key_id: String,
    access: Vec<u8>,
    refresh: Option<Vec<u8>>,
    refresh_hash: Option<Vec<u8>>,
}

impl Sealed {
    fn refresh_state(&self) -> &'static str {
        if self.refresh.is_some() { "usable" } else { "absent" }
    }
}

/// How a refresh token is known that is sent once more, because its first answer brought no other.
pub fn kept_hash(token: &Secret) -> Vec<u8> {
    Sha256::new().chain_update("once more ").chain_update(token.expose()).finalize().to_vec()
}

/// How a refresh token is known where it must not be read.
pub fn token_hash(token: &Secret) -> Vec<u8> {
    Sha256::digest(token.expose().as_bytes()).to_vec()
}

fn held_context(store_id: i64, what: &str) -> Vec<u8> {
    format!("held salla {what} token:{store_id}").into_bytes()
}

fn context(id: ConnectionId, what: &str) -> Vec<u8> {
    format!("salla {what} token:{id}").into_bytes()
}
