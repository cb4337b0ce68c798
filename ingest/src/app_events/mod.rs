//! Events of the app itself (ARCHITECTURE §5), decided one by one: new tokens, removal of the app, its subscription.
//!
//! They can be old ones sent again, however well signed, and their times have no zone. So tokens are ordered by their absolute end,
//! a removal counts only where Salla refuses our token, and subscriptions are ordered among themselves.

pub(crate) mod claim_links;
pub mod install;
pub mod queue;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use self::install::{EasyModeInstalls, Held};
use self::queue::{AppEventQueue, CLAIMED_FOR, Open, QueueError};
use crate::access::{AccessError, AccessTokens};
use crate::connect::{ConnectError, Connector};
use crate::mapping::Owner;
use crate::mapping::webhooks::app::{AppEvent, AppSubscription, app_event};
use crate::owners;
use crate::salla::oauth::{self, OAuthError, Standing, Tokens};
use crate::salla::{SallaConfig, Secret};
use crate::vault::{Vault, VaultError};

const LOOK: Duration = Duration::from_millis(500);
const FORGET_EVERY: u32 = 7_200;
/// Decided side by side: a removal needs several database connections.
const AT_ONCE: usize = 3;
/// An event's own time decides only beyond this: nobody says of which zone it is (ARCHITECTURE §5).
const ZONES: chrono::Duration = chrono::Duration::hours(4);
/// Times that a token which works is asked for before a removal is not believed.
const ACCEPTANCES: i32 = 3;
/// Salla is asked for so long.
const ASKED_FOR: chrono::Duration = chrono::Duration::days(7);
/// A decision takes less than a claim lasts: what writes it down needs some time, too.
const DECIDED_WITHIN: Duration = CLAIMED_FOR.saturating_sub(Duration::from_secs(15));
/// A refusal is believed the second time.
const REFUSED_ONCE: &str = "Salla refused our token once";

/// Why an event was not decided yet.
#[derive(Debug, thiserror::Error)]
enum Undecided {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Asked again after a pause.
    #[error("{0}")]
    Unclear(String),
}

/// What we have of a store whose app is said to be removed.
enum Installed {
    /// A connection, with tokens of this generation.
    Connected(Owner, i64),
    /// Tokens that nobody has claimed.
    Held(Held),
}

/// A store's subscription as it stands.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SubscriptionStanding {
    /// `trial` or `subscription`.
    pub kind: String,
    /// `started`, `renewed`, `expired`, `canceled`, …
    pub status: String,
    /// Name of the plan.
    pub plan_name: Option<String>,
    /// First day.
    pub starts_at: Option<DateTime<Utc>>,
    /// Last day.
    pub ends_at: Option<DateTime<Utc>>,
}

/// The subscription of the store that a merchant is connected to; none where no event told it.
pub async fn subscription(
    pool: &PgPool,
    merchant: MerchantId,
) -> Result<Option<SubscriptionStanding>, sqlx::Error> {
    sqlx::query_as(
        "SELECT s.kind, s.status, s.plan_name, s.starts_at, s.ends_at FROM app_subscriptions s
         JOIN salla_connections c USING (store_id) WHERE c.merchant_id = $1 AND c.wiped_at IS NULL
         ORDER BY c.connected_at DESC LIMIT 1",
    )
    .bind(merchant.0)
    .fetch_optional(pool)
    .await
}

/// Decides app events.
pub struct AppEvents {
    /// The ingest role's pool.
    pub pool: PgPool,
    /// Where they wait.
    pub queue: AppEventQueue,
    /// Tokens.
    pub vault: Vault,
    /// Access to stores.
    pub access: AccessTokens,
    /// Ends connections.
    pub connector: Connector,
    /// For questions to Salla.
    pub http: reqwest::Client,
    /// Where Salla is.
    pub salla: Arc<SallaConfig>,
}

impl AppEvents {
    /// Runs until `shutdown`.
    pub async fn keep(self, shutdown: CancellationToken) {
        for look in 0_u32.. {
            if shutdown.is_cancelled() {
                return;
            }
            match self.queue.claim(AT_ONCE).await {
                Ok(open) => {
                    let are_more = open.len() == AT_ONCE;
                    futures::stream::iter(open).for_each_concurrent(None, |event| self.decide(event)).await;
                    if are_more {
                        continue;
                    }
                }
                Err(error) => tracing::warn!(event = "app events not looked after", error = %error),
            }
            if look.is_multiple_of(FORGET_EVERY)
                && let Err(error) = self.queue.forget().await
            {
                tracing::warn!(event = "old app events not forgotten", error = %error);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    async fn decide(&self, open: Open) {
        let (event_id, event, store_id) = (open.event_id, open.event.clone(), open.store_id);
        // Nobody decides an event whose claim has expired: another may have it.
        let outcome = tokio::time::timeout(DECIDED_WITHIN, self.outcome(&open)).await;
        let too_slow =
            |_| Err(Undecided::Unclear(format!("no answer within {} s", DECIDED_WITHIN.as_secs())));
        let told = match outcome.unwrap_or_else(too_slow) {
            Ok(outcome) => {
                metrics::counter!("qafila_app_events_total", "outcome" => outcome).increment(1);
                tracing::info!(event = "app event decided", name = event, storeId = store_id, outcome);
                self.queue.decided(event_id, outcome).await
            }
            Err(undecided) => {
                let pause = self.salla.minute * 2_u32.pow(open.tries.clamp(0, 6).cast_unsigned()) / 12;
                // The database keeps no more than microseconds.
                let pause = Duration::from_millis(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
                tracing::warn!(event = "app event not decided yet", name = event, storeId = store_id, reason = %undecided);
                self.queue.again(event_id, pause, &undecided.to_string()).await
            }
        };
        if let Err(error) = told {
            tracing::warn!(event = "app event not noted", error = %error);
        }
    }

    async fn outcome(&self, open: &Open) -> Result<&'static str, Undecided> {
        match app_event(&open.event, &open.data, open.created_at) {
            Ok(AppEvent::Authorised(tokens)) => self.authorised(open, &tokens).await,
            Ok(AppEvent::Uninstalled) => self.uninstalled(open).await,
            Ok(AppEvent::Subscription(said)) => self.subscribed(open, &said).await,
            Ok(AppEvent::Noted) => Ok("noted"),
            // It was read before it came here.
            Err(_) => Ok("unreadable"),
        }
    }

    /// New tokens: those of a live connection are replaced, unless they end later; those of a store that nobody is connected to are held
    /// until somebody claims it by OAuth. Salla says whose they are, not the event.
    async fn authorised(&self, open: &Open, tokens: &Tokens) -> Result<&'static str, Undecided> {
        let store_id = open.store_id;
        if tokens.expires_at <= Utc::now() && tokens.guessed_since.is_none() {
            return Ok("old");
        }
        let installer = match oauth::identify_installer(&self.http, &self.salla, &tokens.access).await {
            Ok((store, installer)) if store.store_id == store_id => installer,
            Ok(_) => return Ok("foreign"),
            Err(error) => return self.unidentified(open, tokens, &error).await,
        };
        let mut transaction = self.pool.begin().await?;
        install::alone(&mut transaction, store_id).await?;
        let owners = owners::of(&self.pool, [store_id].into()).await?;
        let outcome = if let Some(owner) = owners.get(&store_id) {
            self.reauthorised(&mut transaction, owner.connection_id, tokens).await?
        } else {
            let held = EasyModeInstalls::new(&self.vault).hold(&mut transaction, store_id, tokens).await?;
            if held {
                // The newest installation counts: whoever installed the app before is not who did now.
                claim_links::forget(&mut transaction, store_id).await?;
            }
            if let Some(email) = installer.filter(|_| held) {
                claim_links::mail(&mut transaction, &self.vault, store_id, &email).await?;
            }
            if held { "held" } else { "old" }
        };
        transaction.commit().await?;
        Ok(outcome)
    }

    /// Tokens that do not say whose they are: asked again, unless Salla refuses them twice or nobody answers for long.
    async fn unidentified(
        &self,
        open: &Open,
        tokens: &Tokens,
        error: &OAuthError,
    ) -> Result<&'static str, Undecided> {
        match self.standing_of(&tokens.access).await {
            Standing::Refused if open.doubt.as_deref() == Some(REFUSED_ONCE) => Ok("refused"),
            Standing::Refused => Err(Undecided::Unclear(REFUSED_ONCE.into())),
            _ if Utc::now() - open.received_at < ASKED_FOR => Err(Undecided::Unclear(error.to_string())),
            _ => Ok("unclear"),
        }
    }

    async fn reauthorised(
        &self,
        transaction: &mut PgConnection,
        connection_id: ConnectionId,
        tokens: &Tokens,
    ) -> Result<&'static str, Undecided> {
        if !self.vault.authorised(transaction, connection_id, tokens).await? {
            return Ok("old");
        }
        // An update of the app may have ended its subscriptions.
        sqlx::query("UPDATE webhook_subscriptions SET due_at = now() WHERE connection_id = $1")
            .bind(connection_id.0)
            .execute(transaction)
            .await?;
        Ok("reauthorised")
    }

    /// The app was removed, if Salla refuses our token.
    async fn uninstalled(&self, open: &Open) -> Result<&'static str, Undecided> {
        let owners = owners::of(&self.pool, [open.store_id].into()).await?;
        let installs = EasyModeInstalls::new(&self.vault);
        let installed = if let Some(owner) = owners.get(&open.store_id) {
            let authorised = self.vault.authorised_at(&self.pool, owner.connection_id).await?;
            authorised.map(|(since, generation)| (since, Installed::Connected(*owner, generation)))
        } else {
            let completed = self.complete(open.store_id).await?;
            match installs.find(&self.pool, open.store_id).await? {
                Some(held) => Some((held.since, Installed::Held(held))),
                None if completed => return Ok("uninstalled"),
                None => None,
            }
        };
        let Some((since, installed)) = installed else { return Ok("unclaimed") };
        if open.created_at < since - ZONES {
            return Ok("old");
        }
        match self.standing(&installed).await {
            Standing::Accepted if open.tries + 1 >= ACCEPTANCES => Ok("still_installed"),
            Standing::Accepted => Err(Undecided::Unclear("our token still works".into())),
            Standing::Refused if open.doubt.as_deref() != Some(REFUSED_ONCE) => {
                Err(Undecided::Unclear(REFUSED_ONCE.into()))
            }
            Standing::Refused => self.end(open.store_id, &installed).await,
            Standing::Unclear(reason) if Utc::now() - open.received_at < ASKED_FOR => {
                Err(Undecided::Unclear(reason))
            }
            // Nobody can be asked any more: the time alone decides, where it can.
            Standing::Unclear(_) if open.created_at > since + ZONES => {
                self.end(open.store_id, &installed).await
            }
            Standing::Unclear(_) => Ok("unclear"),
        }
    }

    /// Completes removals of a store that were cut after its tokens were wiped; says whether there is one.
    async fn complete(&self, store_id: i64) -> Result<bool, Undecided> {
        let ended: Vec<(uuid::Uuid, uuid::Uuid, i64)> = sqlx::query_as(
            "SELECT merchant_id, connection_id, generation FROM store_cleanups JOIN salla_connections c USING (connection_id, merchant_id)
             WHERE c.store_id = $1 AND cancelled_at IS NULL AND done_at IS NULL",
        )
        .bind(store_id)
        .fetch_all(&self.pool)
        .await?;
        for (merchant, connection, generation) in &ended {
            let (merchant, connection) = (MerchantId(*merchant), ConnectionId(*connection));
            self.connector.uninstalled(merchant, connection, *generation).await?;
        }
        Ok(!ended.is_empty())
    }

    /// Whether Salla takes the token that we have.
    async fn standing(&self, installed: &Installed) -> Standing {
        match installed {
            Installed::Connected(owner, _) => match self.access.latest(owner.connection_id).await {
                Ok(access) => self.standing_of(&access.token).await,
                Err(AccessError::Refused { .. } | AccessError::NotConnected) => Standing::Refused,
                Err(error) => Standing::Unclear(error.to_string()),
            },
            Installed::Held(held) => self.standing_of(&held.access).await,
        }
    }

    async fn standing_of(&self, access: &Secret) -> Standing {
        oauth::standing(&self.http, &self.salla, access).await
    }

    async fn end(&self, store_id: i64, installed: &Installed) -> Result<&'static str, Undecided> {
        match installed {
            Installed::Connected(Owner { merchant_id, connection_id, .. }, generation) => {
                if !self.connector.uninstalled(*merchant_id, *connection_id, *generation).await? {
                    return Err(Undecided::Unclear("the tokens were replaced meanwhile".into()));
                }
            }
            Installed::Held(held) => {
                if !EasyModeInstalls::new(&self.vault).remove(&self.pool, store_id, held).await? {
                    return Err(Undecided::Unclear("newer tokens have come meanwhile".into()));
                }
            }
        }
        Ok("uninstalled")
    }

    /// What the latest event says of the subscription; of two of the same second the one with the greater name, whichever comes first.
    async fn subscribed(&self, open: &Open, said: &AppSubscription) -> Result<&'static str, Undecided> {
        let kept = sqlx::query(
            "INSERT INTO app_subscriptions AS known (store_id, kind, status, plan_name, starts_at, ends_at, event_at, event)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (store_id) DO UPDATE SET kind = $2, status = $3, plan_name = $4, starts_at = $5, ends_at = $6, event_at = $7,
                 event = $8 WHERE (known.event_at, known.event) < ($7, $8)",
        )
        .bind(open.store_id)
        .bind(said.kind)
        .bind(&said.status)
        .bind(&said.plan_name)
        .bind(said.starts_at)
        .bind(said.ends_at)
        .bind(open.created_at)
        .bind(&open.event)
        .execute(&self.pool)
        .await?;
        Ok(if kept.rows_affected() == 1 { "subscription" } else { "old" })
    }
}
