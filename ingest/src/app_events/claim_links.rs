//! Links of single use by which a merchant claims a store that installed the app in easy mode (API.md). They are mailed to
//! whoever installed it, as Salla names them, and never told to anybody else.

use qafila_schemas::ids::{ConnectionId, MerchantId};
use rand::distr::{Alphanumeric, SampleString};
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::vault::{Vault, VaultError};

/// What the role that sends mails calls one with such a link.
const MAIL_KIND: &str = "claim";
const TOKEN_LENGTH: usize = 43;

/// A link as stored.
#[derive(Debug, FromRow)]
pub(crate) struct ClaimLink {
    /// Salla's id of the store.
    pub(crate) store_id: i64,
    merchant_id: Option<Uuid>,
    connection_id: Option<Uuid>,
}

impl ClaimLink {
    /// The connection that it has made.
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        self.connection_id.map(ConnectionId)
    }

    /// Whether it was used by this merchant, or by nobody.
    pub(crate) fn is_free_for(&self, merchant: MerchantId) -> bool {
        self.merchant_id.is_none_or(|used_by| used_by == merchant.0)
    }
}

/// Makes a link and writes the mail.
pub(super) async fn mail(
    connection: &mut PgConnection,
    vault: &Vault,
    store_id: i64,
    email: &str,
) -> Result<(), VaultError> {
    let token = Alphanumeric.sample_string(&mut rand::rng(), TOKEN_LENGTH);
    let secret = json!({"token": token, "email": email, "locale": "ar"}).to_string();
    let sealed = vault.seal_mail(secret.as_bytes())?;
    sqlx::query(
        "INSERT INTO store_claim_links (token_hash, store_id, expires_at) VALUES ($1, $2, now() + interval '7 days')",
    )
    .bind(hash(&token))
    .bind(store_id)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO mails (kind, key_id, secret, not_after) VALUES ($1, $2, $3, now() + interval '6 days')",
    )
    .bind(MAIL_KIND)
    .bind(&sealed.key_id)
    .bind(&sealed.bytes)
    .execute(connection)
    .await?;
    tracing::info!(event = "claim link mailed", storeId = store_id);
    Ok(())
}

/// Links of a store that nobody has used stop working: there is nothing left to claim, or another link for it.
pub(crate) async fn forget(connection: &mut PgConnection, store_id: i64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM store_claim_links WHERE store_id = $1 AND connection_id IS NULL")
        .bind(store_id)
        .execute(connection)
        .await
        .map(drop)
}

/// The link with this token, while it works.
pub(crate) async fn find(pool: &PgPool, token: &str) -> Result<Option<ClaimLink>, sqlx::Error> {
    sqlx::query_as(
        "SELECT store_id, merchant_id, connection_id FROM store_claim_links WHERE token_hash = $1 AND expires_at > now()",
    )
    .bind(hash(token))
    .fetch_optional(pool)
    .await
}

/// The link has made a connection; false where another was quicker.
pub(crate) async fn used(
    connection: &mut PgConnection,
    token: &str,
    merchant: MerchantId,
    made: ConnectionId,
) -> Result<bool, sqlx::Error> {
    let used = sqlx::query(
        "UPDATE store_claim_links SET merchant_id = $2, connection_id = $3 WHERE token_hash = $1 AND connection_id IS NULL",
    )
    .bind(hash(token))
    .bind(merchant.0)
    .bind(made.0)
    .execute(connection)
    .await?;
    Ok(used.rows_affected() == 1)
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
