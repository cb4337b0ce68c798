//! The currency that each store sells in: asked for until Salla says, and again every day, because a store may change it. It is what an amount
//! is of that names no currency, and its country is what a phone is of that names none.

use std::sync::Arc;
use std::time::Duration;

use qafila_schemas::ids::ConnectionId;
use sqlx::{FromRow, PgPool};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::access::{AccessError, AccessTokens};
use crate::salla::{SallaConfig, oauth};

const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Stores asked at once by one process.
const MAX_ASKED: usize = 10;
const TIMEOUT: Duration = Duration::from_secs(20);
/// Pause after an answer that says nothing: doubled each time, a day at most.
const FIRST_PAUSE_SECONDS: i32 = 5;
const MAX_DOUBLINGS: i32 = 14;

#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("Salla does not say")]
    NotSaid,
}

/// Asks Salla for the currencies of connected stores.
pub struct StoreCurrencies {
    /// The ingest role's.
    pub pool: PgPool,
    /// Tokens of the stores.
    pub access: AccessTokens,
    /// Calls go out by themselves, past the breakers: a store that does not answer this is read all the same.
    pub http: reqwest::Client,
    /// Where Salla is.
    pub salla: Arc<SallaConfig>,
}

/// A connection whose store is asked.
#[derive(FromRow)]
struct Due {
    connection_id: uuid::Uuid,
    store_id: i64,
    store_currency: Option<String>,
}

impl StoreCurrencies {
    /// Asks until `shutdown`.
    pub async fn keep(self, shutdown: CancellationToken) {
        let this = Arc::new(self);
        let mut asking: JoinSet<()> = JoinSet::new();
        while !shutdown.is_cancelled() {
            while asking.try_join_next().is_some() {}
            match this.claim(MAX_ASKED.saturating_sub(asking.len())).await {
                Ok(due) => {
                    for due in due {
                        let this = Arc::clone(&this);
                        // Each by itself: a store that is slow holds up no other.
                        asking.spawn(async move { this.ask_and_log(due).await });
                    }
                }
                Err(error) => {
                    tracing::warn!(event = "failed to claim stores to ask for their currency", error = %error);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = shutdown.cancelled() => {}
            }
        }
        asking.shutdown().await;
    }

    /// Takes connections that are due, and makes them due again after their pause, whatever becomes of this process.
    async fn claim(&self, limit: usize) -> Result<Vec<Due>, sqlx::Error> {
        sqlx::query_as(
            "UPDATE salla_connections SET currency_tries = currency_tries + 1,
                 currency_due_at = now() + least(interval '1 day', make_interval(secs => $1 * 2 ^ least(currency_tries, $2)))
             WHERE connection_id IN (
                 SELECT connection_id FROM salla_connections
                 WHERE wiped_at IS NULL AND refresh_state IN ('usable', 'kept', 'absent') AND currency_due_at <= now()
                 ORDER BY currency_due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
             RETURNING connection_id, store_id, store_currency",
        )
        .bind(FIRST_PAUSE_SECONDS)
        .bind(MAX_DOUBLINGS)
        .bind(limit as i64)
        .fetch_all(&self.pool)
        .await
    }

    async fn ask_and_log(&self, due: Due) {
        if let Err(error) = self.ask(&due).await {
            let connection_id = due.connection_id;
            tracing::warn!(event = "failed to read the store's currency", connectionId = %connection_id, storeId = due.store_id, error = %error);
        }
    }

    async fn ask(&self, due: &Due) -> Result<(), AskError> {
        let access = self.access.token(ConnectionId(due.connection_id)).await?;
        let currency = oauth::store_currency(&self.http, &self.salla, &access.token, TIMEOUT).await;
        let currency = currency.ok_or(AskError::NotSaid)?;
        // What was read before is still on its way into the rows whose contacts are spelt anew.
        sqlx::query(
            "UPDATE salla_connections SET store_currency = $2, currency_tries = 0, currency_due_at = now() + interval '1 day',
                 contacts_due_at = CASE WHEN store_currency IS DISTINCT FROM $2 THEN now() + interval '15 minutes' ELSE contacts_due_at END
             WHERE connection_id = $1 AND wiped_at IS NULL",
        )
        .bind(due.connection_id)
        .bind(&currency)
        .execute(&self.pool)
        .await?;
        if due.store_currency.as_ref() != Some(&currency) {
            let connection_id = due.connection_id;
            tracing::info!(event = "store currency changed", connectionId = %connection_id, storeId = due.store_id, currency, before = due.store_currency);
        }
        Ok(())
    }
}
