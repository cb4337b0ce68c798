//! Subscriptions to a store's events (FACTS §7.1): one for each event that we use, with strategy and secret. They are made when a
//! store is connected, looked at every 20 minutes, and mended where something is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use qafila_schemas::ids::{ConnectionId, MerchantId};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::{FromRow, PgPool};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::mapping::webhooks::STORE_EVENTS;
use crate::owners;
use crate::refused_rows::row_id;
use crate::salla::budget::Urgency;
use crate::salla::client::{SallaApi, SallaClient, SallaError};
use crate::salla::repeats::Repeats;
use crate::salla::shapes::values::id;
use crate::salla::{SallaConfig, Secret};

const PATH: &str = "webhooks";
const PER_PAGE: u32 = 60;
/// Pages of subscriptions that are read: many times as many as there are events.
const MAX_PAGES: u32 = 50;
/// Events that Salla has deprecated, or that not every source knows (FACTS §8): a refusal of them is no fault.
const OPTIONAL: [&str; 3] = ["product.updated", "product.available", "abandoned.cart.updated"];
const END_PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60)];
const LOOK: Duration = Duration::from_secs(1);
/// Stores looked after at once by one process.
const AT_ONCE: usize = 10;
/// Whoever looks after a store does so for at most so long; then another may.
const CLAIMED_FOR: &str = "10 minutes";
const A_LOOK_TAKES: Duration = Duration::from_secs(9 * 60);
/// In Salla's minutes: nothing is said to be complete beyond the last look.
const LOOKED_AT_EVERY: u32 = 20;
/// In Salla's minutes.
const TRIED_AGAIN_AFTER: u32 = 15;
/// Looks that could not be made say nothing of the subscriptions for so long since the last one, in Salla's minutes.
const BELIEVED_FOR: u32 = 45;
const MIN_PAUSE: Duration = Duration::from_secs(5);

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
    /// Why some are missing, as a stable code.
    pub cause: Option<String>,
    /// The same in Salla's words or ours.
    pub fault: Option<String>,
}

impl SubscriptionState {
    /// Nobody has looked yet.
    pub fn pending() -> Self {
        Self { state: "pending".into(), subscribed: 0, wanted: 0, checked_at: None, cause: None, fault: None }
    }
}

/// Why some subscriptions are missing.
struct Missing {
    cause: &'static str,
    fault: String,
}

impl Missing {
    fn of(error: &SallaError) -> Self {
        Self { cause: error.cause(), fault: error.to_string() }
    }
}

/// The subscriptions of a merchant's live connection; none where nobody looked yet.
pub async fn state(pool: &PgPool, merchant: MerchantId) -> Result<Option<SubscriptionState>, sqlx::Error> {
    sqlx::query_as(
        "SELECT s.state, s.subscribed, s.wanted, s.checked_at, s.cause, s.fault FROM webhook_subscriptions s
         JOIN salla_connections c USING (connection_id) WHERE c.merchant_id = $1 AND c.wiped_at IS NULL
         ORDER BY c.connected_at DESC LIMIT 1",
    )
    .bind(merchant.0)
    .fetch_optional(pool)
    .await
}

/// A store that was connected, and a token that nothing of ours holds any more.
#[derive(Debug, Clone)]
pub struct Farewell {
    /// Store.
    pub store_id: i64,
    /// The last access token.
    pub access: Secret,
}

/// Ends all subscriptions of a store to `url`, unless somebody has connected it again. What still comes when that fails is taken
/// and of no use.
pub async fn end(pool: &PgPool, http: &reqwest::Client, salla: &SallaConfig, farewell: &Farewell, url: &Url) {
    let path = format!("{}/{PATH}/unsubscribe", salla.api.as_str().trim_end_matches('/'));
    for pause in END_PAUSES {
        match owners::of(pool, [farewell.store_id].into()).await {
            Ok(owners) if owners.is_empty() => {}
            Ok(_) => return,
            Err(error) => tracing::warn!(event = "subscriptions not ended", error = %error),
        }
        let request =
            http.delete(&path).query(&[("url", url.as_str())]).bearer_auth(farewell.access.expose());
        match request.send().await.map(|answer| answer.status()) {
            // 404: there was none. 401: the token has ended, and with it the app.
            Ok(status) if status.is_success() || matches!(status.as_u16(), 401 | 404) => {
                return look_again(pool, farewell.store_id).await;
            }
            Ok(status) => tracing::warn!(event = "subscriptions not ended", status = status.as_u16()),
            Err(error) => tracing::warn!(event = "subscriptions not ended", error = %error.without_url()),
        }
        tokio::time::sleep(pause).await;
    }
}

/// Whoever connected the store meanwhile may have lost subscriptions with those that ended: they are looked at at once.
async fn look_again(pool: &PgPool, store_id: i64) {
    let looked_at = sqlx::query(
        "UPDATE webhook_subscriptions SET due_at = now()
         WHERE connection_id IN (SELECT connection_id FROM salla_connections WHERE store_id = $1 AND wiped_at IS NULL)",
    );
    if let Err(error) = looked_at.bind(store_id).execute(pool).await {
        tracing::warn!(event = "subscriptions of a store that came back not looked at", storeId = store_id, error = %error);
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

/// What a look at a store's subscriptions found.
#[derive(Default)]
struct Look {
    /// Events that are subscribed to now.
    there: BTreeSet<&'static str>,
    /// Events had been missing, or were sent elsewhere: what happened meanwhile was not delivered.
    some_were_missing: bool,
}

/// A connection whose subscriptions are due.
#[derive(FromRow)]
struct Due {
    connection_id: uuid::Uuid,
    store_id: i64,
    /// Made with the secret and for the address of now.
    same_target: bool,
    /// When it is due again as long as nobody orders another look.
    claimed_until: DateTime<Utc>,
}

impl Subscriptions {
    /// Events go to `url`, signed with `secret`.
    pub fn new(pool: PgPool, salla: Arc<SallaApi>, url: Url, secret: Secret) -> Self {
        Self { pool, salla, url, secret }
    }

    /// Runs until `shutdown`.
    pub async fn keep(self, shutdown: CancellationToken) {
        let this = Arc::new(self);
        let mut looks: JoinSet<()> = JoinSet::new();
        let mut exchanged = false;
        while !shutdown.is_cancelled() {
            while looks.try_join_next().is_some() {}
            let claimed = async {
                if !exchanged {
                    this.exchange_target().await?;
                    exchanged = true;
                }
                this.claim(AT_ONCE.saturating_sub(looks.len())).await
            };
            match claimed.await {
                Ok(due) => {
                    for due in due {
                        let this = Arc::clone(&this);
                        // Each by itself: one that is slow holds up no other.
                        looks.spawn(async move { this.look_after(due).await });
                    }
                }
                Err(error) => tracing::warn!(event = "subscriptions not looked after", error = %error),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = shutdown.cancelled() => {}
            }
        }
        // Whoever starts next goes on with them.
        looks.shutdown().await;
    }

    /// Those made with another secret, or for another address, are made anew, at once.
    async fn exchange_target(&self) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE webhook_subscriptions SET due_at = now() WHERE target_hash <> $1")
            .bind(self.target_hash())
            .execute(&self.pool)
            .await
            .map(drop)
    }

    /// Takes connections that are new, or whose subscriptions nobody has looked at for long.
    async fn claim(&self, most: usize) -> Result<Vec<Due>, sqlx::Error> {
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
             RETURNING s.connection_id, c.store_id, s.target_hash IS NOT DISTINCT FROM $1 AS same_target, s.due_at AS claimed_until"
        ))
        .bind(self.target_hash())
        .bind(most as i64)
        .fetch_all(&self.pool)
        .await
    }

    async fn look_after(&self, due: Due) {
        let client = self.salla.store(ConnectionId(due.connection_id), due.store_id, Urgency::Background);
        let mut look = Look::default();
        let mending =
            tokio::time::timeout(A_LOOK_TAKES, self.mend(&client, due.same_target, &mut look)).await;
        let (missing, all_made) = match mending {
            Ok(Ok(refused)) => (refused, true),
            Ok(Err(error)) => (Some(Missing::of(&error)), false),
            Err(_) => {
                let fault = format!("Salla let us make too few calls within {A_LOOK_TAKES:?}");
                (Some(Missing { cause: "salla_blocks_us", fault }), false)
            }
        };
        if let Some(Missing { cause, fault }) = &missing {
            tracing::warn!(event = "subscriptions missing", connectionId = %due.connection_id,
                missing = STORE_EVENTS.len() - look.there.len(), cause, fault);
        }
        let noted = async {
            let is_unseen = !all_made && !look.some_were_missing;
            if is_unseen && self.put_off(&due).await? {
                return Ok(());
            }
            self.note(&due, &look, missing, all_made).await
        };
        if let Err(error) = noted.await {
            tracing::warn!(event = "subscriptions not noted", connectionId = %due.connection_id, error = %error);
        }
    }

    /// Leaves what the last look found as it is, and looks again soon; false where that was too long ago, or was no good.
    async fn put_off(&self, due: &Due) -> Result<bool, sqlx::Error> {
        let put_off = sqlx::query(
            "UPDATE webhook_subscriptions SET due_at = CASE WHEN due_at <> $2 THEN due_at ELSE now() + $3 END
             WHERE connection_id = $1 AND state = 'complete' AND checked_at > now() - $4",
        );
        let config = self.salla.config();
        let put_off = put_off
            .bind(due.connection_id)
            .bind(due.claimed_until)
            .bind(config.minutes(TRIED_AGAIN_AFTER, MIN_PAUSE))
            .bind(config.minutes(BELIEVED_FOR, MIN_PAUSE * 2));
        Ok(put_off.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Notes what a look found. Where another look was ordered meanwhile, it stays ordered: this one may have seen what was before.
    async fn note(
        &self,
        due: &Due,
        look: &Look,
        missing: Option<Missing>,
        all_made: bool,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE webhook_subscriptions SET subscribed = $2, wanted = $3, fault = $4, cause = $9, checked_at = now(),
                 state = CASE WHEN $4 IS NULL THEN 'complete' ELSE 'failing' END,
                 complete_since = CASE WHEN $8 AND $4 IS NULL THEN now() WHEN $8 THEN NULL
                     WHEN $4 IS NULL THEN coalesce(complete_since, now()) ELSE complete_since END,
                 target_hash = CASE WHEN $6 THEN $5 ELSE target_hash END,
                 due_at = CASE WHEN due_at <> $7 THEN due_at
                     WHEN $4 IS NULL THEN now() + $11 ELSE now() + $10 END
             WHERE connection_id = $1",
        )
        .bind(due.connection_id)
        .bind(look.there.len() as i32)
        .bind(STORE_EVENTS.len() as i32)
        .bind(missing.as_ref().map(|missing| missing.fault.as_str()))
        .bind(self.target_hash())
        .bind(all_made)
        .bind(due.claimed_until)
        .bind(look.some_were_missing)
        .bind(missing.as_ref().map(|missing| missing.cause))
        .bind(self.salla.config().minutes(TRIED_AGAIN_AFTER, MIN_PAUSE))
        .bind(self.salla.config().minutes(LOOKED_AT_EVERY, MIN_PAUSE))
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Subscribes to what is missing, to everything where secret or address are others, and ends doubles; says what Salla refuses
    /// for good. One event that it refuses does not keep the others from us.
    async fn mend(
        &self,
        client: &SallaClient,
        same_target: bool,
        look: &mut Look,
    ) -> Result<Option<Missing>, SallaError> {
        let ours = self.listed(client).await?;
        let mut refused = None;
        for (event, _) in STORE_EVENTS {
            let known: Vec<i64> = ours.get(event).into_iter().flatten().copied().collect();
            for double in known.iter().skip(1) {
                let path = format!("{PATH}/unsubscribe");
                match client.delete(&path, &[("id", double.to_string())]).await {
                    Ok(()) | Err(SallaError::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
            if known.is_empty() || !same_target {
                // Of an optional event, one that Salla refuses now it has refused before.
                let was_missing = !OPTIONAL.contains(&event);
                look.some_were_missing |= was_missing;
                match client.post(&format!("{PATH}/subscribe"), &self.registration(event)).await {
                    Ok(_) => {}
                    Err(SallaError::Refused { .. }) if OPTIONAL.contains(&event) => continue,
                    Err(error) if is_final(&error) => {
                        refused = Some(Missing { cause: error.cause(), fault: format!("{event}: {error}") });
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            look.there.insert(event);
        }
        Ok(refused)
    }

    /// Our subscriptions, by event.
    async fn listed(&self, client: &SallaClient) -> Result<BTreeMap<String, BTreeSet<i64>>, SallaError> {
        // A row that is listed on two pages is one subscription, not its own double.
        let mut ours: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        let (mut seen, mut repeats) = (BTreeSet::new(), Repeats::default());
        for number in 1..=MAX_PAGES {
            let query = [("page", number.to_string()), ("per_page", PER_PAGE.to_string())];
            let page = client.page(PATH, &query).await?;
            let known = seen.len();
            for row in &page.rows {
                seen.insert(row_id(row.get()));
                // One that cannot be read is not ours: ours were made by us.
                let Ok(listed) = serde_json::from_str::<Listed>(row.get()) else { continue };
                if listed.url == self.url.as_str() {
                    ours.entry(listed.event).or_default().insert(listed.id);
                }
            }
            if !page.has_next || page.rows.is_empty() || repeats.is_endless(seen.len() - known) {
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

    /// What subscriptions were made with, and for.
    fn target_hash(&self) -> Vec<u8> {
        Sha256::new()
            .chain_update(self.secret.expose())
            .chain_update("\n")
            .chain_update(self.url.as_str())
            .finalize()
            .to_vec()
    }
}

/// Whether Salla would say the same again.
fn is_final(error: &SallaError) -> bool {
    matches!(error, SallaError::Refused { .. } | SallaError::NotFound | SallaError::ScopeMissing(_))
}
