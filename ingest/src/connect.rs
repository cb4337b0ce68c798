//! Connecting a store by OAuth (API.md): a single-use state bound to user and merchant, the code for tokens, the
//! claim on the store, and the event; every step can be repeated by sending the same request again.

pub mod cleanup;
mod ending;
mod held;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use qafila_aggregates::commands::{CommandError, Commands};
use qafila_aggregates::merchant::{Merchant, MerchantCommand, MerchantError, StoreDetails};
use qafila_schemas::envelope::OperatorKeys;
use qafila_schemas::ids::{ConnectionId, MerchantId, UserId};
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};
use sqlx::{PgPool, Postgres, Row, Transaction};
use url::Url;

use crate::app_events::claim_links;
use crate::app_events::install::EasyModeInstalls;
use crate::app_events::{self, SubscriptionStanding, install};
use crate::mapping::market::Market;
use crate::salla::SallaConfig;
use crate::salla::oauth::{self, OAuthError, StoreIdentity, Tokens};
use crate::subscriptions::{self, SubscriptionState};
use crate::vault::{Vault, VaultError};

pub use held::NamedStore;

/// Letters and digits only: Salla strips hyphens (FACTS §2.2).
const STATE_LENGTH: usize = 40;
const ATTEMPTS_IF_NOT_SENT: u32 = 3;
/// A request that is sent twice waits so long for the first.
const SAME_REQUEST_WITHIN: Duration = Duration::from_secs(25);
/// Salla is asked so long which store a token is of; less than a request that is sent twice waits.
const IDENTIFIED_WITHIN: Duration = Duration::from_secs(15);
const IDENTIFY_AGAIN: Duration = Duration::from_millis(500);
const SAME_REQUEST_POLL: Duration = Duration::from_millis(50);

/// Why a store was not connected. Nothing was changed unless said so.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Used, expired, or issued to somebody else.
    #[error("this authorisation was already used, has expired, or was started by somebody else")]
    StateRefused,
    /// No link of ours, or one that was used or is too old.
    #[error("this link works no more")]
    LinkSpent,
    /// We never issued it: the merchant came from Salla's own store.
    #[error("this authorisation was not started from Qafila")]
    StateUnknown,
    /// The merchant declined, or Salla did.
    #[error("Salla did not grant access: {0}")]
    Denied(String),
    /// The store is another merchant's.
    #[error("this store is connected to another Qafila account")]
    StoreTaken,
    /// Another store is connected: only a yes to its replacement connects this one. Its tokens wait for that.
    #[error("another store is connected: {} instead of {}", .new.name, .current.name)]
    OtherStore {
        /// The store that is connected.
        current: NamedStore,
        /// The one that would be.
        new: NamedStore,
    },
    /// There is no connection to end.
    #[error("no store is connected")]
    NotConnected,
    /// Salla failed; the code is spent, so the merchant starts again.
    #[error("Salla failed: {0}")]
    Salla(OAuthError),
    /// Our database or event store; the same request can be sent again.
    #[error("connecting is not possible at the moment: {0}")]
    Unavailable(String),
}

impl From<sqlx::Error> for ConnectError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<CommandError<MerchantError>> for ConnectError {
    fn from(error: CommandError<MerchantError>) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<VaultError> for ConnectError {
    fn from(error: VaultError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// A store that is now connected.
#[derive(Debug, Clone)]
pub struct ConnectedStore {
    /// The connection.
    pub connection_id: ConnectionId,
    /// The store.
    pub store: StoreIdentity,
    /// Place of the event, for read-your-writes.
    pub position: String,
}

/// Who connects.
#[derive(Debug, Clone, Copy)]
pub struct Applicant {
    /// User.
    pub user_id: UserId,
    /// Merchant.
    pub merchant_id: MerchantId,
}

/// A connection whose tokens are durable, its store and the scopes that were granted.
type MadeConnection = (ConnectionId, StoreIdentity, Vec<String>);

/// Connects stores.
#[derive(Clone)]
pub struct Connector {
    pool: PgPool,
    vault: Vault,
    http: reqwest::Client,
    salla: Arc<SallaConfig>,
    merchants: Commands<Merchant>,
    webhook_url: Url,
}

impl Connector {
    /// `pool` is the ingest role's.
    pub fn new(
        pool: PgPool,
        keys: OperatorKeys,
        http: reqwest::Client,
        salla: Arc<SallaConfig>,
        merchants: Commands<Merchant>,
        webhook_url: Url,
    ) -> Self {
        Self { vault: Vault::new(keys), pool, http, salla, merchants, webhook_url }
    }

    /// Whether the events of the merchant's store reach us; none where nobody looked yet.
    pub async fn subscriptions(
        &self,
        merchant: MerchantId,
    ) -> Result<Option<SubscriptionState>, sqlx::Error> {
        subscriptions::state(&self.pool, merchant).await
    }

    /// Where the merchant's store sells; the default where none is, or was, connected.
    pub async fn market(&self, merchant: MerchantId) -> Result<Market, sqlx::Error> {
        let currency: Option<Option<String>> = sqlx::query_scalar(
            "SELECT store_currency FROM salla_connections WHERE merchant_id = $1
             ORDER BY wiped_at IS NULL DESC, connected_at DESC LIMIT 1",
        )
        .bind(merchant.0)
        .fetch_optional(&self.pool)
        .await?;
        Ok(Market::of_currency(currency.flatten().as_deref()))
    }

    /// The subscription of the merchant's store to our app at Salla; none where no event told it.
    pub async fn app_subscription(
        &self,
        merchant: MerchantId,
    ) -> Result<Option<SubscriptionStanding>, sqlx::Error> {
        app_events::subscription(&self.pool, merchant).await
    }

    /// Issues a state and tells where to send the merchant, and until when that works.
    pub async fn authorization_url(
        &self,
        applicant: Applicant,
    ) -> Result<(Url, DateTime<Utc>), ConnectError> {
        let state = Alphanumeric.sample_string(&mut rand::rng(), STATE_LENGTH);
        let row = sqlx::query(
            "INSERT INTO oauth_states (state_hash, user_id, merchant_id, expires_at)
             VALUES ($1, $2, $3, now() + interval '10 minutes') RETURNING expires_at",
        )
        .bind(hash(&state))
        .bind(applicant.user_id.0)
        .bind(applicant.merchant_id.0)
        .fetch_one(&self.pool)
        .await?;
        sqlx::query("DELETE FROM oauth_states WHERE expires_at < now() - interval '1 day'")
            .execute(&self.pool)
            .await?;
        let url = oauth::authorization_url(&self.salla, &state)
            .map_err(|e| ConnectError::Unavailable(e.to_string()))?;
        Ok((url, row.try_get(0)?))
    }

    /// The merchant declined: the state is spent.
    pub async fn denied(&self, applicant: Applicant, state: &str, error: &str) -> ConnectError {
        let spent = self.take_state(applicant, state, "").await;
        match spent {
            Ok(Taken::Fresh) => {
                if let Err(error) = self.set_status(state, "done").await {
                    return error;
                }
                let reason =
                    error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(60).collect();
                tracing::info!(event = "store denied", merchantId = %applicant.merchant_id);
                ConnectError::Denied(reason)
            }
            Ok(Taken::Exchanged(_) | Taken::Done(_) | Taken::UnderWay | Taken::Held) => {
                ConnectError::StateRefused
            }
            Err(error) => error,
        }
    }

    /// Finishes an authorisation.
    pub async fn callback(
        &self,
        applicant: Applicant,
        code: &str,
        state: &str,
    ) -> Result<ConnectedStore, ConnectError> {
        let (ticket, made) = match self.take_state(applicant, state, code).await? {
            Taken::Exchanged(connection_id) => (Ticket::State(state), self.exchanged(connection_id).await?),
            Taken::Done(connection_id) => (Ticket::UsedState, self.exchanged(connection_id).await?),
            Taken::Fresh => (Ticket::State(state), self.exchange(applicant, code, state).await?),
            Taken::Held => {
                let new = self.held_store(state).await?;
                return match self.other_store(applicant, new.store_id).await? {
                    Some(current) => Err(ConnectError::OtherStore { current, new }),
                    // The other one has gone meanwhile.
                    None => self.confirm(applicant, state).await,
                };
            }
            Taken::UnderWay => return Err(ConnectError::StateRefused),
        };
        self.connected(applicant, ticket, made).await
    }

    /// Connects a store that installed the app in easy mode, by the link that was mailed to whoever installed it. The same
    /// merchant may send it again. `may_replace` says that it may take the place of another store that is connected.
    pub async fn claim(
        &self,
        applicant: Applicant,
        token: &str,
        may_replace: bool,
    ) -> Result<ConnectedStore, ConnectError> {
        let link = claim_links::find(&self.pool, token).await?.ok_or(ConnectError::LinkSpent)?;
        if !link.is_free_for(applicant.merchant_id) {
            return Err(ConnectError::LinkSpent);
        }
        let (ticket, made) = match link.connection() {
            Some(made) if self.is_usable(made).await? => (Ticket::UsedLink, self.exchanged(made).await?),
            Some(_) => return Err(ConnectError::LinkSpent),
            None => {
                let taken = self.take_over_install(applicant, token, link.store_id, may_replace).await?;
                (Ticket::Link(token), taken)
            }
        };
        self.connected(applicant, ticket, made).await
    }

    /// The end of every way to connect a store: the aggregate is told of the connection that was made.
    async fn connected(
        &self,
        applicant: Applicant,
        ticket: Ticket<'_>,
        (connection_id, store, scopes): MadeConnection,
    ) -> Result<ConnectedStore, ConnectError> {
        let details = StoreDetails {
            store_id: store.store_id,
            name: store.name.clone(),
            domain: store.domain.clone(),
            plan: store.plan.clone(),
            scopes,
        };
        let position = self.finish(applicant, connection_id, details, ticket).await?;
        tracing::info!(event = "store connected", merchantId = %applicant.merchant_id, storeId = store.store_id);
        Ok(ConnectedStore { connection_id, store, position })
    }

    /// Whether Salla still lets us in, as far as we know.
    async fn is_usable(&self, connection: ConnectionId) -> Result<bool, sqlx::Error> {
        let usable: Option<bool> = sqlx::query_scalar(
            "SELECT wiped_at IS NULL AND refresh_state NOT IN ('unknown', 'refused') FROM salla_connections
             WHERE connection_id = $1",
        )
        .bind(connection.0)
        .fetch_optional(&self.pool)
        .await?;
        Ok(usable == Some(true))
    }

    /// The tokens that are held of a store become those of a connection.
    async fn take_over_install(
        &self,
        applicant: Applicant,
        token: &str,
        store_id: i64,
        may_replace: bool,
    ) -> Result<MadeConnection, ConnectError> {
        let held = EasyModeInstalls::new(&self.vault).tokens(&self.pool, store_id).await?;
        // Gone: somebody connected it by OAuth, or the app was removed.
        let tokens = held.ok_or(ConnectError::LinkSpent)?;
        let store = oauth::identify_store(&self.http, &self.salla, &tokens.access).await;
        let store = store.map_err(ConnectError::Salla)?;
        if !may_replace
            && !self.is_taken(applicant, store.store_id).await?
            && let Some(current) = self.other_store(applicant, store.store_id).await?
        {
            return Err(ConnectError::OtherStore { current, new: NamedStore::of(store) });
        }
        let kept = self.keep(applicant, Ticket::Link(token), &store, &tokens).await?;
        Ok((kept.ok_or(ConnectError::StoreTaken)?, store, tokens.scopes))
    }

    /// Tells the aggregate, then retires what this connection replaces. One at a time for each merchant: whoever comes
    /// second, or late, finds its own connection replaced and changes nothing.
    async fn finish(
        &self,
        applicant: Applicant,
        connection_id: ConnectionId,
        store: StoreDetails,
        ticket: Ticket<'_>,
    ) -> Result<String, ConnectError> {
        let store_id = store.store_id;
        let mut alone = self.alone(applicant.merchant_id).await?;
        let row = sqlx::query(
            "SELECT wiped_at IS NOT NULL, generation FROM salla_connections WHERE connection_id = $1",
        )
        .bind(connection_id.0)
        .fetch_one(&mut *alone)
        .await?;
        let (replaced, generation): (bool, i64) = (row.try_get(0)?, row.try_get(1)?);
        if replaced {
            self.spend(ticket).await?;
            return Err(ticket.refused());
        }
        let requested_by = Some(applicant.user_id);
        let merchant = applicant.merchant_id.to_string();
        let connect = MerchantCommand::ConnectStore { connection_id, store: store.clone(), requested_by };
        let mut committed = self.merchants.execute(&merchant, connect).await?;
        // A link that was used brings no new tokens.
        if committed.events.is_empty()
            && generation > 1
            && !matches!(ticket, Ticket::UsedLink | Ticket::UsedState)
        {
            let restore = MerchantCommand::RestoreAccess { connection_id, generation, store, requested_by };
            committed = self.merchants.execute(&merchant, restore).await?;
        }
        let kept = Some((connection_id, store_id));
        let farewells = self.retire_others(&mut alone, applicant.merchant_id, kept).await?;
        alone.commit().await?;
        self.end_subscriptions(farewells);
        self.spend(ticket).await?;
        Ok(committed.position.to_string())
    }

    /// Nobody else connects or disconnects this merchant until the transaction ends.
    async fn alone(&self, merchant: MerchantId) -> Result<Transaction<'static, Postgres>, ConnectError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(format!("connecting {merchant}"))
            .execute(&mut *transaction)
            .await?;
        Ok(transaction)
    }

    /// Code for tokens, tokens for the store's name, and both durable with the claim in one transaction.
    async fn exchange(
        &self,
        applicant: Applicant,
        code: &str,
        state: &str,
    ) -> Result<MadeConnection, ConnectError> {
        let tokens = match self.redeem(code).await {
            Ok(tokens) => tokens,
            Err(error) => {
                // Nothing left this machine: the same code and state may be sent again.
                let status = if matches!(error, OAuthError::NotSent(_)) { "issued" } else { "done" };
                self.set_status(state, status).await?;
                return Err(ConnectError::Salla(error));
            }
        };
        let store = match self.identify(&tokens).await {
            Ok(store) => store,
            Err(error) => {
                self.set_status(state, "done").await?;
                return Err(ConnectError::Salla(error));
            }
        };
        if self.is_taken(applicant, store.store_id).await? {
            self.set_status(state, "done").await?;
            return Err(ConnectError::StoreTaken);
        }
        if let Some(current) = self.other_store(applicant, store.store_id).await? {
            self.hold(state, &store, &tokens).await?;
            return Err(ConnectError::OtherStore { current, new: NamedStore::of(store) });
        }
        if let Some(connection_id) = self.keep(applicant, Ticket::State(state), &store, &tokens).await? {
            return Ok((connection_id, store, tokens.scopes));
        }
        self.set_status(state, "done").await?;
        Err(ConnectError::StoreTaken)
    }

    /// Which store the tokens are of. The code is spent, so a moment's trouble of Salla's is waited out.
    async fn identify(&self, tokens: &Tokens) -> Result<StoreIdentity, OAuthError> {
        let (until, mut pause) = (Instant::now() + IDENTIFIED_WITHIN, IDENTIFY_AGAIN);
        loop {
            match oauth::identify_store(&self.http, &self.salla, &tokens.access).await {
                Err(error) if Instant::now() + pause < until => {
                    tracing::warn!(event = "failed to identify the store", error = %error);
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
    }

    async fn redeem(&self, code: &str) -> Result<Tokens, OAuthError> {
        let mut attempt = 1;
        loop {
            match oauth::redeem_code(&self.http, &self.salla, code).await {
                Err(OAuthError::NotSent(_)) if attempt < ATTEMPTS_IF_NOT_SENT => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    /// Claims the store and stores the tokens: of a new connection, or of the one that the merchant has to this very store
    /// already. None where the store is another merchant's.
    async fn keep(
        &self,
        applicant: Applicant,
        ticket: Ticket<'_>,
        store: &StoreIdentity,
        tokens: &Tokens,
    ) -> Result<Option<ConnectionId>, ConnectError> {
        let mut transaction = self.pool.begin().await?;
        install::alone(&mut transaction, store.store_id).await?;
        let claimed = sqlx::query(
            "INSERT INTO store_claims AS claim (store_id, merchant_id) VALUES ($1, $2)
             ON CONFLICT (store_id) DO UPDATE SET merchant_id = $2, claimed_at = now(), released_at = NULL
             WHERE claim.merchant_id = $2 OR claim.released_at < now() - interval '30 days'",
        )
        .bind(store.store_id)
        .bind(applicant.merchant_id.0)
        .execute(&mut *transaction)
        .await?;
        if claimed.rows_affected() == 0 {
            return Ok(None);
        }
        let merchant = applicant.merchant_id;
        let connection_id =
            if let Some(live) = self.vault.reauthorise(&mut transaction, merchant, store, tokens).await? {
                // The app may have been removed meanwhile, and its subscriptions with it.
                sqlx::query("UPDATE webhook_subscriptions SET due_at = now() WHERE connection_id = $1")
                    .bind(live.0)
                    .execute(&mut *transaction)
                    .await?;
                live
            } else {
                let fresh = ConnectionId::generate();
                self.vault.store(&mut transaction, fresh, merchant, store, tokens).await?;
                fresh
            };
        ending::cancel_cleanups(&mut transaction, merchant, store.store_id).await?;
        if matches!(ticket, Ticket::Link(_))
            && !install::used(&mut transaction, store.store_id, tokens.expires_at).await?
        {
            return Err(ConnectError::Unavailable("newer tokens of the store have just come".into()));
        }
        if install::claimed(&mut transaction, store.store_id).await? {
            tracing::info!(event = "easy mode install claimed", merchantId = %merchant, storeId = store.store_id);
        }
        match ticket {
            Ticket::State(state) => {
                sqlx::query(
                    "UPDATE oauth_states SET status = 'exchanged', connection_id = $2, held_store = NULL, held_key_id = NULL,
                         held_access_token = NULL, held_refresh_token = NULL WHERE state_hash = $1",
                )
                .bind(hash(state))
                .bind(connection_id.0)
                .execute(&mut *transaction)
                .await?;
            }
            Ticket::Link(token) => {
                if !claim_links::used(&mut transaction, token, merchant, connection_id).await? {
                    return Err(ConnectError::LinkSpent);
                }
            }
            Ticket::UsedLink | Ticket::UsedState => {}
        }
        claim_links::forget(&mut transaction, store.store_id).await?;
        transaction.commit().await?;
        Ok(Some(connection_id))
    }

    /// Takes the state for this code: once, unless an earlier try with the same code got as far as the tokens. A try under way is waited for,
    /// so that a request that was sent twice is answered twice.
    async fn take_state(&self, applicant: Applicant, state: &str, code: &str) -> Result<Taken, ConnectError> {
        let until = Instant::now() + SAME_REQUEST_WITHIN;
        loop {
            match self.try_take_state(applicant, state, code).await? {
                Taken::UnderWay if Instant::now() < until => tokio::time::sleep(SAME_REQUEST_POLL).await,
                Taken::UnderWay => return Err(ConnectError::StateRefused),
                taken => return Ok(taken),
            }
        }
    }

    async fn try_take_state(
        &self,
        applicant: Applicant,
        state: &str,
        code: &str,
    ) -> Result<Taken, ConnectError> {
        let taken = sqlx::query(
            "UPDATE oauth_states SET status = 'exchanging', code_hash = $4
             WHERE state_hash = $1 AND user_id = $2 AND merchant_id = $3 AND status = 'issued' AND expires_at > now()",
        )
        .bind(hash(state))
        .bind(applicant.user_id.0)
        .bind(applicant.merchant_id.0)
        .bind(hash(code))
        .execute(&self.pool)
        .await?;
        if taken.rows_affected() == 1 {
            return Ok(Taken::Fresh);
        }
        let known = sqlx::query(
            "SELECT user_id, status, code_hash, connection_id, expires_at > now() FROM oauth_states WHERE state_hash = $1",
        )
        .bind(hash(state))
        .fetch_optional(&self.pool)
        .await?
        .ok_or(ConnectError::StateUnknown)?;
        let same_user = known.try_get::<uuid::Uuid, _>(0)? == applicant.user_id.0;
        let same_code = known.try_get::<Option<Vec<u8>>, _>(2)? == Some(hash(code));
        let connection: Option<uuid::Uuid> = known.try_get(3)?;
        match (known.try_get::<String, _>(1)?.as_str(), connection) {
            ("exchanged", Some(connection)) if same_user && same_code => {
                Ok(Taken::Exchanged(ConnectionId(connection)))
            }
            ("exchanging", None) if same_user && same_code => Ok(Taken::UnderWay),
            ("held", None) if same_user && same_code && known.try_get(4)? => Ok(Taken::Held),
            // It ended well, and is asked for again.
            ("done", Some(connection)) if same_user && same_code && known.try_get(4)? => {
                let connection = ConnectionId(connection);
                if self.is_usable(connection).await? {
                    Ok(Taken::Done(connection))
                } else {
                    Err(ConnectError::StateRefused)
                }
            }
            _ => Err(ConnectError::StateRefused),
        }
    }

    async fn exchanged(&self, connection_id: ConnectionId) -> Result<MadeConnection, ConnectError> {
        let row = sqlx::query(
            "SELECT store_id, store_name, store_domain, store_plan, scopes, store_currency FROM salla_connections WHERE connection_id = $1",
        )
        .bind(connection_id.0)
        .fetch_one(&self.pool)
        .await?;
        let store = StoreIdentity {
            store_id: row.try_get(0)?,
            name: row.try_get(1)?,
            domain: row.try_get(2)?,
            plan: row.try_get(3)?,
            currency: row.try_get(5)?,
        };
        Ok((connection_id, store, row.try_get(4)?))
    }

    /// Whoever comes with the same ticket again finds nothing left to do.
    async fn spend(&self, ticket: Ticket<'_>) -> Result<(), ConnectError> {
        match ticket {
            Ticket::State(state) => self.set_status(state, "done").await,
            // It names the connection that it has made, and makes no other.
            Ticket::Link(_) | Ticket::UsedLink | Ticket::UsedState => Ok(()),
        }
    }

    async fn set_status(&self, state: &str, status: &str) -> Result<(), ConnectError> {
        sqlx::query("UPDATE oauth_states SET status = $2 WHERE state_hash = $1")
            .bind(hash(state))
            .bind(status)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// What lets a merchant connect a store, once.
#[derive(Clone, Copy)]
enum Ticket<'t> {
    /// A state that we issued, and a code that came back with it.
    State(&'t str),
    /// Such a state that has made its connection before.
    UsedState,
    /// A link that was mailed to whoever installed the app.
    Link(&'t str),
    /// Such a link that has made its connection before.
    UsedLink,
}

impl Ticket<'_> {
    fn refused(self) -> ConnectError {
        match self {
            Self::State(_) | Self::UsedState => ConnectError::StateRefused,
            Self::Link(_) | Self::UsedLink => ConnectError::LinkSpent,
        }
    }
}

enum Taken {
    Fresh,
    /// It waits for a yes.
    Held,
    /// The same request is on its way to Salla.
    UnderWay,
    /// The tokens are durable.
    Exchanged(ConnectionId),
    /// The store is connected.
    Done(ConnectionId),
}

fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}
