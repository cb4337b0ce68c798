//! Keeping access: tokens are refreshed ahead of their end, intents whose writers are gone are given up, and merchants are
//! told, within a minute, what only they can mend.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use qafila_aggregates::commands::Commands;
use qafila_aggregates::merchant::{ACCESS_ENDS_SOON, Merchant, MerchantCommand, StoreDetails};
use qafila_schemas::ids::ConnectionId;
use qafila_schemas::words::cause::OF_CONNECTION;
use sqlx::Row;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{AccessError, AccessTokens, Ahead, LOST, NO_REFRESH_WITHIN, REFUSED};

/// Salla suggests about a day (FACTS §2.5); of a short life a fifth. Refreshing every two weeks also keeps an idle merchant's refresh token alive.
const AHEAD: chrono::Duration = chrono::Duration::days(1);
const LOOK: Duration = Duration::from_secs(5);
/// Where order does not matter they are drawn by chance: those that fail must not hide the others.
const AT_ONCE: i64 = 50;
/// After a refresh ahead that came to nothing.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const MAX_PAUSE: Duration = Duration::from_secs(30 * 60);

impl AccessTokens {
    /// Runs until `shutdown`.
    pub async fn keep(&self, merchants: Commands<Merchant>, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            if let Err(error) = self.keep_once(&merchants).await {
                tracing::warn!(event = "access not looked after", error = %error);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    async fn keep_once(&self, merchants: &Commands<Merchant>) -> Result<(), AccessError> {
        self.give_up_orphans().await?;
        self.refresh_ahead().await?;
        self.tell(merchants).await?;
        self.warn(merchants).await?;
        self.take_back(merchants).await
    }

    async fn give_up_orphans(&self) -> Result<(), AccessError> {
        let orphans = sqlx::query(
            "SELECT connection_id, refresh_hash FROM token_refreshes
             WHERE outcome IS NULL AND answer_until < clock_timestamp() LIMIT $1",
        )
        .bind(AT_ONCE)
        .fetch_all(&self.inner.pool)
        .await?;
        for orphan in orphans {
            let (id, hash): (Uuid, Vec<u8>) = (orphan.try_get(0)?, orphan.try_get(1)?);
            let mut transaction = self.inner.pool.begin().await?;
            let is_lost = super::refresh::give_up_overdue(&mut transaction, ConnectionId(id), &hash).await?;
            transaction.commit().await?;
            if !is_lost {
                continue;
            }
            tracing::warn!(event = "refresh answer lost", connectionId = %id, reason = "whoever sent it did not come back");
        }
        Ok(())
    }

    async fn refresh_ahead(&self) -> Result<(), AccessError> {
        let due = sqlx::query(
            "SELECT connection_id, generation FROM salla_connections
             WHERE wiped_at IS NULL AND refresh_state = 'usable' AND expires_at < now() + least($1, (expires_at - tokens_at) / 5)
               AND tokens_at < now() - $3 AND connection_id <> ALL($4)
             ORDER BY expires_at LIMIT $2",
        )
        .bind(AHEAD)
        .bind(AT_ONCE)
        .bind(NO_REFRESH_WITHIN)
        .bind(self.not_due_ahead())
        .fetch_all(&self.inner.pool)
        .await?;
        for row in due {
            let (id, generation): (Uuid, i64) = (row.try_get(0)?, row.try_get(1)?);
            self.begin_ahead(ConnectionId(id), generation);
        }
        Ok(())
    }

    /// Refreshes beside everything else, each connection once at a time: one that is slow holds up no other.
    fn begin_ahead(&self, id: ConnectionId, generation: i64) {
        let Some(pause) = self.turn_ahead(id) else { return };
        let this = self.clone();
        tokio::spawn(async move {
            let renewed = this.renewing(id, generation).await;
            let mut ahead = this.inner.ahead.lock().unwrap_or_else(PoisonError::into_inner);
            match renewed {
                Ok(_) => drop(ahead.remove(&id)),
                // What the merchant must mend is told; the rest is tried again, more and more seldom.
                Err(error) => {
                    tracing::warn!(event = "failed to refresh access ahead", connectionId = %id, error = %error);
                    ahead.insert(id, Ahead { again_at: Some(Instant::now() + pause), pause });
                }
            }
        });
    }

    /// Connections that are being refreshed, or pause after a failure: they must not hide the others.
    fn not_due_ahead(&self) -> Vec<Uuid> {
        let ahead = self.inner.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        ahead.iter().filter(|(_, one)| one.again_at.is_none_or(|at| at > now)).map(|(id, _)| id.0).collect()
    }

    /// Takes the turn of a connection; says how long to pause if that fails. None while another refresh of it is under way, or pauses.
    fn turn_ahead(&self, id: ConnectionId) -> Option<Duration> {
        let mut ahead = self.inner.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = match ahead.get(&id) {
            None => FIRST_PAUSE,
            Some(Ahead { again_at: Some(at), pause }) if *at <= Instant::now() => (*pause * 2).min(MAX_PAUSE),
            Some(_) => return None,
        };
        ahead.insert(id, Ahead { again_at: None, pause });
        Some(pause)
    }

    /// Access that was told as lost, or as ending soon, and works again, because an answer was stored after all or the store sent other
    /// tokens, is told as restored.
    async fn take_back(&self, merchants: &Commands<Merchant>) -> Result<(), AccessError> {
        let working = sqlx::query(
            "SELECT connection_id, merchant_id, generation, store_id, store_name, store_domain, store_plan, scopes
             FROM salla_connections WHERE wiped_at IS NULL AND told_at IS NOT NULL
               AND refresh_state IN ('usable', 'kept', 'absent') ORDER BY random() LIMIT $1",
        )
        .bind(AT_ONCE)
        .fetch_all(&self.inner.pool)
        .await?;
        for row in working {
            let (id, merchant): (Uuid, Uuid) = (row.try_get(0)?, row.try_get(1)?);
            let generation: i64 = row.try_get(2)?;
            let store = StoreDetails {
                store_id: row.try_get(3)?,
                name: row.try_get(4)?,
                domain: row.try_get(5)?,
                plan: row.try_get(6)?,
                scopes: row.try_get(7)?,
            };
            let restore = MerchantCommand::RestoreAccess {
                connection_id: ConnectionId(id),
                generation,
                store,
                requested_by: None,
            };
            if let Err(error) = merchants.execute(&merchant.to_string(), restore).await {
                tracing::warn!(event = "merchant not told yet", merchantId = %merchant, error = %error);
                continue;
            }
            sqlx::query(
                "UPDATE salla_connections SET told_at = NULL WHERE connection_id = $1 AND generation = $2",
            )
            .bind(id)
            .bind(generation)
            .execute(&self.inner.pool)
            .await?;
        }
        Ok(())
    }

    /// Tells merchants a week before access ends that nothing can renew.
    async fn warn(&self, merchants: &Commands<Merchant>) -> Result<(), AccessError> {
        let ending = sqlx::query(
            "SELECT connection_id, merchant_id, generation FROM salla_connections
             WHERE wiped_at IS NULL AND warned_at IS NULL AND told_at IS NULL AND refresh_state IN ('kept', 'absent')
               AND expires_at < now() + interval '7 days' AND expires_at > now() ORDER BY random() LIMIT $1",
        )
        .bind(AT_ONCE)
        .fetch_all(&self.inner.pool)
        .await?;
        for row in ending {
            let (id, merchant): (Uuid, Uuid) = (row.try_get(0)?, row.try_get(1)?);
            let generation: i64 = row.try_get(2)?;
            if !report(merchants, merchant, id, generation, ACCESS_ENDS_SOON).await {
                continue;
            }
            tracing::warn!(event = "access ends soon", merchantId = %merchant, connectionId = %id);
            sqlx::query(
                "UPDATE salla_connections SET warned_at = CASE WHEN generation = $2 THEN now() END,
                     told_at = CASE WHEN generation = $2 THEN told_at ELSE now() END WHERE connection_id = $1",
            )
            .bind(id)
            .bind(generation)
            .execute(&self.inner.pool)
            .await?;
        }
        Ok(())
    }

    async fn tell(&self, merchants: &Commands<Merchant>) -> Result<(), AccessError> {
        let untold = sqlx::query(
            "SELECT connection_id, merchant_id, generation, refresh_state FROM salla_connections
             WHERE wiped_at IS NULL AND told_generation IS DISTINCT FROM generation AND refresh_state IN ('unknown', 'refused')
             ORDER BY random() LIMIT $1",
        )
        .bind(AT_ONCE)
        .fetch_all(&self.inner.pool)
        .await?;
        for row in untold {
            let (id, merchant): (Uuid, Uuid) = (row.try_get(0)?, row.try_get(1)?);
            let generation: i64 = row.try_get(2)?;
            let why = if row.try_get::<&str, _>(3)? == "unknown" { LOST } else { REFUSED };
            if !report(merchants, merchant, id, generation, why).await {
                continue;
            }
            tracing::warn!(event = "re-authorisation needed", merchantId = %merchant, connectionId = %id, cause = why);
            sqlx::query(
                // Where other tokens came meanwhile, that is taken back as soon as they are seen.
                "UPDATE salla_connections SET told_at = now(), told_generation = $2 WHERE connection_id = $1",
            )
            .bind(id)
            .bind(generation)
            .execute(&self.inner.pool)
            .await?;
        }
        Ok(())
    }
}

/// Reports to the merchant's aggregate that access is lost or ends soon; false where that failed and is tried again.
async fn report(
    merchants: &Commands<Merchant>,
    merchant: Uuid,
    connection: Uuid,
    generation: i64,
    cause: &str,
) -> bool {
    let report = MerchantCommand::ReportAccessLost {
        connection_id: ConnectionId(connection),
        generation,
        cause: cause.into(),
        advice: OF_CONNECTION.advice_for_events(cause),
    };
    match merchants.execute(&merchant.to_string(), report).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(event = "merchant not told yet", merchantId = %merchant, error = %error);
            false
        }
    }
}
