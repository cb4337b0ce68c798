//! Subscriptions to a store's events (FACTS §7.1): one for each event that we use, with strategy and secret. They are made when a
//! store is connected, looked at every night, and mended where something is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::join_all;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::{FromRow, PgPool};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::mapping::values::id;
use crate::mapping::webhooks::STORE_EVENTS;
use crate::salla::budget::Urgency;
use crate::salla::client::{SallaApi, SallaClient, SallaError};
use crate::salla::{SallaConfig, Secret};

const PATH: &str = "webhooks";
const PER_PAGE: u32 = 60;
/// Events that Salla has deprecated, or that not every source knows (FACTS §8): a refusal of them is no fault.
const OPTIONAL: [&str; 3] = ["product.updated", "product.available", "abandoned.cart.updated"];
const END_PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];
const LOOK: Duration = Duration::from_secs(1);
/// Stores looked after at once by one process.
const AT_ONCE: i64 = 10;
/// Whoever looks after a store does so for at most so long; then another may.
const CLAIMED_FOR: &str = "10 minutes";
const LOOKED_AT_EVERY: &str = "20 hours";
const TRIED_AGAIN_AFTER: &str = "15 minutes";

/// Looks after subscriptions.
pub struct Subscriptions {
    pool: PgPool,
    salla: Arc<SallaApi>,
    url: Url,
    secret: Secret,
}

/// Whether a store's events reach us.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SubscriptionState {
    /// `pending`, `complete` or `failing`.
    pub state: String,
    /// Events subscribed to.
    pub subscribed: i32,
    /// Events that should be.
    pub wanted: i32,
    /// When they were looked at last.
    pub checked_at: Option<DateTime<Utc>>,
    /// Why some are missing, in Salla's words or ours.
    pub fault: Option<String>,
}

/// The subscriptions of a merchant's live connection; none where nobody looked yet.
pub async fn state(pool: &PgPool, merchant: MerchantId) -> Result<Option<SubscriptionState>, sqlx::Error> {
    sqlx::query_as(
        "SELECT s.state, s.subscribed, s.wanted, s.checked_at, s.fault FROM webhook_subscriptions s
         JOIN salla_connections c USING (connection_id) WHERE c.merchant_id = $1 AND c.wiped_at IS NULL
         ORDER BY c.connected_at DESC LIMIT 1",
    )
    .bind(merchant.0)
    .fetch_optional(pool)
    .await
}

/// Ends all subscriptions of a store to `url`, with a token that nothing of ours holds any more. What still comes when that fails
/// is taken and of no use.
pub async fn end(http: &reqwest::Client, salla: &SallaConfig, access: &Secret, url: &Url) {
    let path = format!("{}/{PATH}/unsubscribe", salla.api.as_str().trim_end_matches('/'));
    for pause in END_PAUSES {
        let request = http.delete(&path).query(&[("url", url.as_str())]).bearer_auth(access.expose());
        match request.send().await.map(|answer| answer.status()) {
            // 404: there was none. 401: the token has ended, and with it the app.
            Ok(status) if status.is_success() || matches!(status.as_u16(), 401 | 404) => return,
            Ok(status) => tracing::warn!(event = "subscriptions not ended", status = status.as_u16()),
            Err(error) => tracing::warn!(event = "subscriptions not ended", error = %error.without_url()),
        }
        tokio::time::sleep(pause).await;
    }
}

/// A subscription as Salla lists it.
#[derive(Deserialize)]
struct Listed {
    #[serde(deserialize_with = "id")]
    id: i64,
    event: String,
    url: String,
}

/// A connection whose subscriptions are due.
#[derive(FromRow)]
struct Due {
    connection_id: uuid::Uuid,
    store_id: i64,
    /// Made with the secret of now.
    same_secret: bool,
}

impl Subscriptions {
    /// Events go to `url`, signed with `secret`.
    pub fn new(pool: PgPool, salla: Arc<SallaApi>, url: Url, secret: Secret) -> Self {
        Self { pool, salla, url, secret }
    }

    /// Runs until `shutdown`.
    pub async fn keep(self, shutdown: CancellationToken) {
        let mut exchanged = false;
        while !shutdown.is_cancelled() {
            let kept = async {
                if !exchanged {
                    self.exchange_secret().await?;
                    exchanged = true;
                }
                self.keep_once().await
            };
            if let Err(error) = kept.await {
                tracing::warn!(event = "subscriptions not looked after", error = %error);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    /// Those made with another secret are made anew, at once.
    async fn exchange_secret(&self) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE webhook_subscriptions SET due_at = now() WHERE secret_hash <> $1")
            .bind(self.secret_hash())
            .execute(&self.pool)
            .await
            .map(drop)
    }

    async fn keep_once(&self) -> Result<(), sqlx::Error> {
        let due = self.claim().await?;
        join_all(due.into_iter().map(|due| self.look_after(due))).await.into_iter().collect()
    }

    /// Takes connections that are new, or that nobody has looked at for a night.
    async fn claim(&self) -> Result<Vec<Due>, sqlx::Error> {
        sqlx::query(
            "INSERT INTO webhook_subscriptions (connection_id, wanted)
             SELECT connection_id, $1 FROM salla_connections c WHERE wiped_at IS NULL
               AND NOT EXISTS (SELECT FROM webhook_subscriptions s WHERE s.connection_id = c.connection_id)
             ON CONFLICT DO NOTHING",
        )
        .bind(STORE_EVENTS.len() as i32)
        .execute(&self.pool)
        .await?;
        sqlx::query_as(&format!(
            "UPDATE webhook_subscriptions s SET due_at = now() + interval '{CLAIMED_FOR}' FROM salla_connections c
             WHERE c.connection_id = s.connection_id AND s.connection_id IN (
                 SELECT d.connection_id FROM webhook_subscriptions d JOIN salla_connections l USING (connection_id)
                 WHERE l.wiped_at IS NULL AND l.refresh_state <> 'refused' AND d.due_at <= now()
                 ORDER BY d.due_at LIMIT $2 FOR UPDATE OF d SKIP LOCKED)
             RETURNING s.connection_id, c.store_id, s.secret_hash IS NOT DISTINCT FROM $1 AS same_secret"
        ))
        .bind(self.secret_hash())
        .bind(AT_ONCE)
        .fetch_all(&self.pool)
        .await
    }

    async fn look_after(&self, due: Due) -> Result<(), sqlx::Error> {
        let client = self.salla.store(ConnectionId(due.connection_id), due.store_id, Urgency::Background);
        let mut subscribed = BTreeSet::new();
        let outcome = self.mend(&client, due.same_secret, &mut subscribed).await;
        if let Err(error) = &outcome {
            tracing::warn!(event = "subscriptions missing", connectionId = %due.connection_id, missing = STORE_EVENTS.len() - subscribed.len(), error = %error);
        }
        let fault = outcome.err().map(|error| error.to_string());
        sqlx::query(&format!(
            "UPDATE webhook_subscriptions SET subscribed = $2, wanted = $3, fault = $4, checked_at = now(),
                 state = CASE WHEN $4 IS NULL THEN 'complete' ELSE 'failing' END,
                 secret_hash = CASE WHEN $4 IS NULL THEN $5 ELSE secret_hash END,
                 due_at = now() + CASE WHEN $4 IS NULL THEN interval '{LOOKED_AT_EVERY}' ELSE interval '{TRIED_AGAIN_AFTER}' END
             WHERE connection_id = $1"
        ))
        .bind(due.connection_id)
        .bind(subscribed.len() as i32)
        .bind(STORE_EVENTS.len() as i32)
        .bind(fault)
        .bind(self.secret_hash())
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Subscribes to what is missing, to everything where the secret is another, and ends doubles. One event that Salla refuses
    /// does not keep the others from us.
    async fn mend(
        &self,
        client: &SallaClient,
        same_secret: bool,
        subscribed: &mut BTreeSet<&'static str>,
    ) -> Result<(), SallaError> {
        let ours = self.listed(client).await?;
        let mut refused = None;
        for (event, _) in STORE_EVENTS {
            let known = ours.get(event).map(Vec::as_slice).unwrap_or_default();
            for double in known.iter().skip(1) {
                client.delete(&format!("{PATH}/unsubscribe"), &[("id", double.to_string())]).await?;
            }
            if known.is_empty() || !same_secret {
                match client.post(&format!("{PATH}/subscribe"), &self.registration(event)).await {
                    Ok(_) => {}
                    Err(SallaError::Refused { .. }) if OPTIONAL.contains(&event) => continue,
                    Err(error @ SallaError::Refused { .. }) => {
                        refused = Some(error);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            subscribed.insert(event);
        }
        refused.map_or(Ok(()), Err)
    }

    /// Our subscriptions, by event.
    async fn listed(&self, client: &SallaClient) -> Result<BTreeMap<String, Vec<i64>>, SallaError> {
        let mut ours: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for number in 1.. {
            let query = [("page", number.to_string()), ("per_page", PER_PAGE.to_string())];
            let page = client.page(PATH, &query).await?;
            for row in &page.rows {
                // One that cannot be read is not ours: ours were made by us.
                let Ok(listed) = serde_json::from_str::<Listed>(row.get()) else { continue };
                if listed.url == self.url.as_str() {
                    ours.entry(listed.event).or_default().push(listed.id);
                }
            }
            if !page.has_next || page.rows.is_empty() {
                break;
            }
        }
        Ok(ours)
    }

    fn registration(&self, event: &str) -> serde_json::Value {
        json!({
            "name": format!("Qafila: {event}"),
            "event": event,
            "url": self.url.as_str(),
            "version": 2,
            "headers": [],
            "security_strategy": "signature",
            "secret": self.secret.expose(),
        })
    }

    fn secret_hash(&self) -> Vec<u8> {
        Sha256::digest(self.secret.expose()).to_vec()
    }
}
