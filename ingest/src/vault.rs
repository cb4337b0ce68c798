//! The token vault: Salla's tokens of each connection, sealed under the operator's key; never in an event, a
//! topic or a log.

use qafila_schemas::envelope::{OperatorKeys, SealError, Wrapped};
use qafila_schemas::ids::{ConnectionId, MerchantId};
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

/// Tokens of connections.
#[derive(Clone)]
pub struct Vault {
    pool: PgPool,
    keys: OperatorKeys,
}

impl Vault {
    /// A vault in `pool`.
    pub fn new(pool: PgPool, keys: OperatorKeys) -> Self {
        Self { pool, keys }
    }

    /// Stores a new connection with its tokens, within the caller's transaction.
    pub async fn store(
        &self,
        connection: &mut PgConnection,
        id: ConnectionId,
        merchant: MerchantId,
        store: &StoreIdentity,
        tokens: &Tokens,
    ) -> Result<(), VaultError> {
        let access = self.keys.wrap(&context(id, "access"), tokens.access.expose().as_bytes())?;
        let refresh = match &tokens.refresh {
            Some(refresh) => {
                Some(self.keys.wrap(&context(id, "refresh"), refresh.expose().as_bytes())?.bytes)
            }
            None => None,
        };
        sqlx::query(
            "INSERT INTO salla_connections (connection_id, merchant_id, store_id, store_name, store_domain, store_plan,
                 scopes, key_id, access_token, refresh_token, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(id.0)
        .bind(merchant.0)
        .bind(store.store_id)
        .bind(&store.name)
        .bind(&store.domain)
        .bind(&store.plan)
        .bind(&tokens.scopes)
        .bind(&access.key_id)
        .bind(&access.bytes)
        .bind(refresh)
        .bind(tokens.expires_at)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// The access token of a connection; `None` where there is none any more.
    pub async fn access_token(&self, id: ConnectionId) -> Result<Option<Secret>, VaultError> {
        let row = sqlx::query("SELECT key_id, access_token FROM salla_connections WHERE connection_id = $1")
            .bind(id.0)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let Some(bytes) = row.try_get::<Option<Vec<u8>>, _>(1)? else { return Ok(None) };
        let wrapped = Wrapped { key_id: row.try_get(0)?, bytes };
        let plain = self.keys.unwrap(&context(id, "access"), &wrapped)?;
        let text = std::str::from_utf8(&plain).map_err(|_| SealError::NotAuthentic)?;
        Ok(Some(Secret::new(text)))
    }

    /// Wipes the tokens of every connection of the merchant but `kept`, within the caller's transaction.
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
}

fn context(id: ConnectionId, what: &str) -> Vec<u8> {
    format!("salla {what} token:{id}").into_bytes()
}
