//! Redeeming a refresh token at most once, whatever crashes, freezes or is lost.
//!
//! The intent to redeem is committed before the token leaves, one row for each token, for ever: whoever wrote it may
//! send it once, nobody else ever. Both new tokens are durable before anybody uses them. A token of which nobody can tell
//! whether it was redeemed is given up, by name, and the merchant is asked.

use std::time::{Duration, Instant};

use qafila_schemas::ids::ConnectionId;
use sqlx::Row;
use tokio::time::sleep;
use uuid::Uuid;

use super::{AccessError, AccessTokens};
use crate::salla::Secret;
use crate::salla::oauth::{self, OAuthError, Tokens};
use crate::vault::{RefreshState, StoredTokens, kept_hash, token_hash};

/// Tries of a token that never left this machine.
const TRIES_IF_NOT_SENT: u32 = 5;
const GLANCE: Duration = Duration::from_millis(25);
const LONGEST_GLANCE: Duration = Duration::from_millis(500);
/// The database is waited for so long before an attempt is given up.
const DATABASE_WITHIN: Duration = Duration::from_secs(60);
const DATABASE_AWAY: Duration = Duration::from_millis(200);

/// What became of asking for the right to redeem.
enum Turn {
    /// It is ours: this token, to be sent once, known by its hash; whether it may be kept where the answer brings no other.
    Ours { token: Secret, hash: Vec<u8>, may_be_kept: bool },
    /// Another is at it.
    Theirs,
    /// It was refreshed meanwhile.
    Done(Box<StoredTokens>),
}

/// A client whose requests are sent once: no kept-alive connections, no retries.
pub(super) fn http_client(answer_within: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .timeout(answer_within)
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("qafila/", env!("CARGO_PKG_VERSION")))
        .build()
}

impl AccessTokens {
    /// The tokens that come after `generation`.
    pub(super) async fn refresh(
        &self,
        id: ConnectionId,
        generation: i64,
    ) -> Result<StoredTokens, AccessError> {
        let mut glance = GLANCE;
        let mut not_sent = 0;
        let attempt = Uuid::new_v4();
        let database_until = Instant::now() + DATABASE_WITHIN;
        loop {
            let turn = match self.turn(id, generation, attempt).await {
                // The intent may have been written: whoever asks with the same attempt finds out.
                Err(AccessError::Unavailable(_)) if Instant::now() < database_until => {
                    sleep(DATABASE_AWAY).await;
                    continue;
                }
                turn => turn?,
            };
            match turn {
                Turn::Done(stored) => return Ok(*stored),
                Turn::Theirs => {
                    sleep(glance).await;
                    glance = (glance * 2).min(LONGEST_GLANCE);
                }
                Turn::Ours { token, hash, may_be_kept } => {
                    match self.redeem(id, generation, (&token, &hash, may_be_kept)).await {
                        Ok(()) => {}
                        Err(error @ AccessError::Unavailable(_)) if not_sent < TRIES_IF_NOT_SENT => {
                            not_sent += 1;
                            tracing::debug!(event = "refresh not sent", connectionId = %id, error = %error);
                            sleep(glance).await;
                            glance = (glance * 2).min(LONGEST_GLANCE);
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    /// Reads the tokens as they are now.
    pub(super) async fn load(&self, id: ConnectionId) -> Result<Option<StoredTokens>, AccessError> {
        let mut connection = self.inner.pool.acquire().await?;
        Ok(self.inner.vault.load(&mut connection, id, false).await?)
    }

    /// The access token of `generation` was refused and no other can be had: nobody calls Salla with it any more.
    pub(super) async fn is_dead(&self, id: ConnectionId, generation: i64) -> Result<(), AccessError> {
        sqlx::query(
            "UPDATE salla_connections SET expires_at = least(expires_at, now()) WHERE connection_id = $1 AND generation = $2",
        )
        .bind(id.0)
        .bind(generation)
        .execute(&self.inner.pool)
        .await?;
        Ok(())
    }

    /// Salla refuses even the fresh tokens of `generation`: no refresh mends that.
    pub async fn refused(&self, id: ConnectionId, generation: i64) -> Result<(), AccessError> {
        sqlx::query(
            "UPDATE salla_connections SET refresh_state = 'refused' WHERE connection_id = $1 AND generation = $2",
        )
        .bind(id.0)
        .bind(generation)
        .execute(&self.inner.pool)
        .await?;
        Ok(())
    }

    /// Looks whose turn it is and, if it is ours, writes the intent. A commit of which nobody knows whether it happened
    /// changes nothing: our own intent is known by `attempt` when we ask again, and nothing was sent.
    async fn turn(&self, id: ConnectionId, generation: i64, attempt: Uuid) -> Result<Turn, AccessError> {
        let mut transaction = self.inner.pool.begin().await?;
        let stored = self.inner.vault.load(&mut transaction, id, true).await?;
        let stored = stored.ok_or(AccessError::NotConnected)?;
        if stored.generation > generation {
            return Ok(Turn::Done(Box::new(stored)));
        }
        match stored.refresh_state {
            RefreshState::Usable => {}
            // Sent once more, it may be taken for a theft: only where nothing is left to lose, and never because Salla said 401.
            RefreshState::Kept if stored.expires_at <= chrono::Utc::now() => {}
            RefreshState::Unknown => {
                return Err(AccessError::RefreshAnswerLost { generation: stored.generation });
            }
            RefreshState::Refused => return Err(AccessError::Refused { generation: stored.generation }),
            RefreshState::Kept | RefreshState::Absent => {
                set_state(&mut transaction, id, "refused").await?;
                transaction.commit().await?;
                return Err(AccessError::Refused { generation: stored.generation });
            }
        }
        let Some(token) = stored.refresh else {
            return Err(AccessError::Refused { generation: stored.generation });
        };
        let may_be_kept = stored.refresh_state == RefreshState::Usable;
        let hash = if may_be_kept { token_hash(&token) } else { kept_hash(&token) };
        let intent = sqlx::query(
            "INSERT INTO token_refreshes AS intent (connection_id, refresh_hash, worker, answer_until)
             VALUES ($1, $2, $3, clock_timestamp() + $4)
             ON CONFLICT (connection_id, refresh_hash) DO UPDATE SET worker = intent.worker
             RETURNING worker = $3, answer_until < clock_timestamp(), outcome",
        )
        .bind(id.0)
        .bind(&hash)
        .bind(attempt.to_string())
        .bind(self.inner.times.answer_within + self.inner.times.store_within)
        .fetch_one(&mut *transaction)
        .await?;
        if intent.try_get(0)? {
            sqlx::query("UPDATE salla_connections SET refresh_hash = $2 WHERE connection_id = $1")
                .bind(id.0)
                .bind(&hash)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            return Ok(Turn::Ours { token, hash, may_be_kept });
        }
        if intent.try_get(1)? || intent.try_get::<Option<String>, _>(2)?.is_some() {
            give_up(&mut transaction, id, &hash).await?;
            transaction.commit().await?;
            tracing::warn!(event = "refresh answer lost", connectionId = %id, reason = "whoever sent it did not come back");
            return Err(AccessError::RefreshAnswerLost { generation: stored.generation });
        }
        Ok(Turn::Theirs)
    }

    /// Sends the token, once, and makes what came of it durable. `Unavailable` where nothing was sent.
    async fn redeem(
        &self,
        id: ConnectionId,
        generation: i64,
        (token, hash, may_be_kept): (&Secret, &[u8], bool),
    ) -> Result<(), AccessError> {
        let outcome = oauth::redeem_refresh(&self.inner.http, &self.inner.salla, token).await;
        // What we know now nobody else can find out, so the database is waited for as long as this process lives.
        loop {
            match self.settle(id, generation, (hash, may_be_kept), &outcome).await {
                Ok(settled) => return settled,
                Err(error) => {
                    tracing::warn!(event = "refresh not stored yet", connectionId = %id, error = %error);
                    sleep(DATABASE_AWAY).await;
                }
            }
        }
    }

    async fn settle(
        &self,
        id: ConnectionId,
        generation: i64,
        (hash, may_be_kept): (&[u8], bool),
        outcome: &Result<Tokens, OAuthError>,
    ) -> Result<Result<(), AccessError>, AccessError> {
        let mut transaction = self.inner.pool.begin().await?;
        let settled = match outcome {
            Ok(tokens) => {
                let of_use =
                    self.inner.vault.refreshed(&mut transaction, id, hash, tokens, may_be_kept).await?;
                set_outcome(&mut transaction, id, hash, "stored").await?;
                tracing::info!(event = "access refreshed", connectionId = %id, ofUse = of_use);
                Ok(())
            }
            Err(OAuthError::NotSent(reason)) => {
                // Others may have given it up meanwhile: it was never sent, so nothing was redeemed.
                sqlx::query(
                    "UPDATE salla_connections SET refresh_state = 'usable'
                     WHERE connection_id = $1 AND refresh_hash = $2 AND refresh_state = 'unknown'",
                )
                .bind(id.0)
                .bind(hash)
                .execute(&mut *transaction)
                .await?;
                sqlx::query("DELETE FROM token_refreshes WHERE connection_id = $1 AND refresh_hash = $2")
                    .bind(id.0)
                    .bind(hash)
                    .execute(&mut *transaction)
                    .await?;
                Err(AccessError::Unavailable(reason.clone()))
            }
            Err(OAuthError::Refused(reason)) => {
                set_state_of(&mut transaction, id, hash, "refused").await?;
                set_outcome(&mut transaction, id, hash, "refused").await?;
                tracing::warn!(event = "refresh refused", connectionId = %id, reason);
                Err(AccessError::Refused { generation })
            }
            Err(OAuthError::Unclear(reason)) => {
                give_up(&mut transaction, id, hash).await?;
                tracing::warn!(event = "refresh answer lost", connectionId = %id, reason);
                Err(AccessError::RefreshAnswerLost { generation })
            }
        };
        transaction.commit().await?;
        Ok(settled)
    }
}

/// Gives up a token whose answer is overdue; false where it has come meanwhile.
pub(super) async fn give_up_overdue(
    connection: &mut sqlx::PgConnection,
    id: ConnectionId,
    hash: &[u8],
) -> Result<bool, sqlx::Error> {
    sqlx::query("SELECT FROM salla_connections WHERE connection_id = $1 FOR UPDATE")
        .bind(id.0)
        .execute(&mut *connection)
        .await?;
    let is_overdue: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM token_refreshes WHERE connection_id = $1 AND refresh_hash = $2 AND outcome IS NULL
             AND answer_until < clock_timestamp())",
    )
    .bind(id.0)
    .bind(hash)
    .fetch_one(&mut *connection)
    .await?;
    if is_overdue {
        give_up(connection, id, hash).await?;
    }
    Ok(is_overdue)
}

/// Nobody will ever know whether this token was redeemed.
async fn give_up(
    connection: &mut sqlx::PgConnection,
    id: ConnectionId,
    hash: &[u8],
) -> Result<(), sqlx::Error> {
    // The connection before its tokens, as everybody locks them.
    set_state_of(connection, id, hash, "unknown").await?;
    set_outcome(connection, id, hash, "lost").await
}

async fn set_outcome(
    connection: &mut sqlx::PgConnection,
    id: ConnectionId,
    hash: &[u8],
    outcome: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE token_refreshes SET outcome = $3 WHERE connection_id = $1 AND refresh_hash = $2")
        .bind(id.0)
        .bind(hash)
        .bind(outcome)
        .execute(connection)
        .await
        .map(drop)
}

async fn set_state(
    connection: &mut sqlx::PgConnection,
    id: ConnectionId,
    state: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE salla_connections SET refresh_state = $2 WHERE connection_id = $1")
        .bind(id.0)
        .bind(state)
        .execute(connection)
        .await
        .map(drop)
}

/// Only while the token is still the connection's: a new authorisation brings another.
async fn set_state_of(
    connection: &mut sqlx::PgConnection,
    id: ConnectionId,
    hash: &[u8],
    state: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE salla_connections SET refresh_state = $3 WHERE connection_id = $1 AND refresh_hash = $2",
    )
    .bind(id.0)
    .bind(hash)
    .bind(state)
    .execute(connection)
    .await
    .map(drop)
}
