//! An authorisation of another store than the one that is connected waits for a yes: until then nothing is changed, and its tokens are kept
//! sealed, for ten minutes.

use chrono::{DateTime, Utc};
use qafila_schemas::ids::ConnectionId;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{PgPool, Row};

use super::{Applicant, ConnectError, ConnectedStore, Connector, Ticket, hash};
use crate::salla::oauth::{StoreIdentity, Tokens};

/// A store as a page names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedStore {
    /// Salla's id.
    pub store_id: i64,
    /// Name.
    pub name: String,
}

impl NamedStore {
    /// As Salla names it.
    pub(super) fn of(store: StoreIdentity) -> Self {
        Self { store_id: store.store_id, name: store.name }
    }
}

/// What is kept of an authorisation beside its tokens.
#[derive(Serialize, Deserialize)]
struct HeldStore {
    store_id: i64,
    name: String,
    domain: Option<String>,
    plan: Option<String>,
    currency: Option<String>,
    scopes: Vec<String>,
    expires_at: DateTime<Utc>,
    guessed_since: Option<DateTime<Utc>>,
}

impl Connector {
    /// The merchant's store where it is another than `store_id`.
    pub(super) async fn other_store(
        &self,
        applicant: Applicant,
        store_id: i64,
    ) -> Result<Option<NamedStore>, sqlx::Error> {
        let row: Option<(i64, String)> = sqlx::query_as(
            "SELECT store_id, store_name FROM salla_connections WHERE merchant_id = $1 AND wiped_at IS NULL
             ORDER BY connected_at DESC LIMIT 1",
        )
        .bind(applicant.merchant_id.0)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(store_id, name)| NamedStore { store_id, name }).filter(|live| live.store_id != store_id))
    }

    /// Whether another merchant has the store.
    pub(super) async fn is_taken(&self, applicant: Applicant, store_id: i64) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM store_claims WHERE store_id = $1 AND merchant_id <> $2
                 AND (released_at IS NULL OR released_at >= now() - interval '30 days'))",
        )
        .bind(store_id)
        .bind(applicant.merchant_id.0)
        .fetch_one(&self.pool)
        .await
    }

    /// Keeps what a state has brought until somebody says yes to it.
    pub(super) async fn hold(
        &self,
        state: &str,
        store: &StoreIdentity,
        tokens: &Tokens,
    ) -> Result<(), ConnectError> {
        let (key_id, access, refresh) = self.vault.seal_held(store.store_id, tokens)?;
        let held = HeldStore {
            store_id: store.store_id,
            name: store.name.clone(),
            domain: store.domain.clone(),
            plan: store.plan.clone(),
            currency: store.currency.clone(),
            scopes: tokens.scopes.clone(),
            expires_at: tokens.expires_at,
            guessed_since: tokens.guessed_since,
        };
        sqlx::query(
            "UPDATE oauth_states SET status = 'held', held_store = $2, held_key_id = $3, held_access_token = $4,
                 held_refresh_token = $5, expires_at = now() + interval '10 minutes' WHERE state_hash = $1",
        )
        .bind(hash(state))
        .bind(Json(held))
        .bind(key_id)
        .bind(access)
        .bind(refresh)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Which store a state waits with, for the answer to the same request again.
    pub(super) async fn held_store(&self, state: &str) -> Result<NamedStore, ConnectError> {
        let held: Option<Json<HeldStore>> = sqlx::query_scalar(
            "SELECT held_store FROM oauth_states WHERE state_hash = $1 AND status = 'held'",
        )
        .bind(hash(state))
        .fetch_optional(&self.pool)
        .await?;
        let Json(held) = held.ok_or(ConnectError::StateRefused)?;
        Ok(NamedStore { store_id: held.store_id, name: held.name })
    }

    /// Connects the store of an authorisation that waits for a yes, in the place of the one that is connected. The same user may say it again.
    pub async fn confirm(&self, applicant: Applicant, state: &str) -> Result<ConnectedStore, ConnectError> {
        let row = sqlx::query(
            "SELECT status, connection_id, held_store, held_key_id, held_access_token, held_refresh_token FROM oauth_states
             WHERE state_hash = $1 AND user_id = $2 AND merchant_id = $3 AND expires_at > now()",
        )
        .bind(hash(state))
        .bind(applicant.user_id.0)
        .bind(applicant.merchant_id.0)
        .fetch_optional(&self.pool)
        .await?
        .ok_or(ConnectError::StateRefused)?;
        let known: Option<uuid::Uuid> = row.try_get(1)?;
        let (ticket, made) = match (row.try_get::<String, _>(0)?.as_str(), known.map(ConnectionId)) {
            ("held", _) => {
                let Json(held): Json<HeldStore> = row.try_get(2)?;
                let key_id: String = row.try_get(3)?;
                let refresh: Option<Vec<u8>> = row.try_get(5)?;
                let refresh = refresh
                    .map(|bytes| self.vault.open_held(held.store_id, "refresh", key_id.clone(), bytes))
                    .transpose()?;
                let tokens = Tokens {
                    access: self.vault.open_held(held.store_id, "access", key_id, row.try_get(4)?)?,
                    refresh,
                    expires_at: held.expires_at,
                    guessed_since: held.guessed_since,
                    scopes: held.scopes,
                };
                let store = StoreIdentity {
                    store_id: held.store_id,
                    name: held.name,
                    domain: held.domain,
                    plan: held.plan,
                    currency: held.currency,
                };
                let kept = self.keep(applicant, Ticket::State(state), &store, &tokens).await?;
                (Ticket::State(state), (kept.ok_or(ConnectError::StoreTaken)?, store, tokens.scopes))
            }
            ("exchanged", Some(known)) => (Ticket::State(state), self.exchanged(known).await?),
            ("done", Some(known)) if self.is_usable(known).await? => {
                (Ticket::UsedState, self.exchanged(known).await?)
            }
            _ => return Err(ConnectError::StateRefused),
        };
        self.connected(applicant, ticket, made).await
    }
}

/// Forgets tokens that nobody said yes to in time.
pub(super) async fn forget(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE oauth_states SET status = 'done', held_store = NULL, held_key_id = NULL, held_access_token = NULL,
             held_refresh_token = NULL WHERE held_access_token IS NOT NULL AND (expires_at < now() OR status <> 'held')",
    )
    .execute(pool)
    .await
    .map(drop)
}
