//! Access to a store: a working access token for whoever asks, its refresh redeemed at most once across all processes
//! (FACTS §2.5), and the merchant told when only they can help.
//!
//! [`refresh`] redeems refresh tokens, [`keeper`] does it ahead of time and tells merchants.

pub mod keeper;
pub mod refresh;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use qafila_schemas::envelope::OperatorKeys;
use qafila_schemas::ids::ConnectionId;
use sqlx::PgPool;
use tokio::sync::Mutex as AsyncMutex;
use tokio_util::task::TaskTracker;

use crate::salla::{SallaConfig, Secret};
use crate::vault::{Vault, VaultError};

/// Between two refreshes that no refusal asked for lies at least so much, whatever the tokens say of their life.
const NO_REFRESH_WITHIN: chrono::Duration = chrono::Duration::seconds(30);
/// Tokens are read anew at least so often: another process may have refreshed them, or wiped them.
const CACHED_FOR: Duration = Duration::from_secs(60);

/// Why there is no access.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AccessError {
    /// The connection has ended.
    #[error("no store is connected")]
    NotConnected,
    /// The refresh token was sent and its answer was lost; only the merchant can authorise us again.
    #[error("the answer to a refresh was lost, and the access token works no longer")]
    RefreshAnswerLost {
        /// Pair of tokens.
        generation: i64,
    },
    /// Salla refuses us; only the merchant can authorise us again.
    #[error("Salla refuses our access")]
    Refused {
        /// Pair of tokens.
        generation: i64,
    },
    /// The vault holds what our keys do not open.
    #[error("the tokens cannot be read: {0}")]
    Unreadable(String),
    /// It may work later.
    #[error("access is not known at the moment: {0}")]
    Unavailable(String),
}

impl AccessError {
    /// Stable code, and which pair of tokens is of no use, where only the merchant can help.
    pub fn needs_merchant(&self) -> Option<(&'static str, i64)> {
        match self {
            Self::RefreshAnswerLost { generation } => Some((LOST, *generation)),
            Self::Refused { generation } => Some((REFUSED, *generation)),
            Self::NotConnected | Self::Unreadable(_) | Self::Unavailable(_) => None,
        }
    }
}

/// Cause where a refresh's answer was lost.
pub(crate) const LOST: &str = "refresh_answer_lost";
/// Cause where Salla refuses us.
pub(crate) const REFUSED: &str = "access_refused";

impl From<sqlx::Error> for AccessError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<VaultError> for AccessError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Database(error) => error.into(),
            VaultError::Seal(error) => Self::Unreadable(error.to_string()),
        }
    }
}

/// How long a refresh may take.
#[derive(Debug, Clone, Copy)]
pub struct RefreshTimes {
    /// An answer that takes longer is given up as lost.
    pub answer_within: Duration,
    /// Beyond that, so long is left for storing it before others give it up.
    pub store_within: Duration,
}

impl Default for RefreshTimes {
    fn default() -> Self {
        Self { answer_within: Duration::from_secs(75), store_within: Duration::from_secs(30) }
    }
}

/// A token that a call can be made with.
#[derive(Debug, Clone)]
pub struct Access {
    /// The token.
    pub token: Secret,
    /// Which pair of tokens it is of.
    pub generation: i64,
}

/// Access to all connections. One a process; clones share everything.
#[derive(Clone)]
pub struct AccessTokens {
    inner: Arc<Inner>,
}

struct Inner {
    pool: PgPool,
    vault: Vault,
    /// Without kept-alive connections: a token sent over one that is just being closed might be sent twice.
    http: reqwest::Client,
    salla: Arc<SallaConfig>,
    times: RefreshTimes,
    /// Refreshes under way: they outlive whoever asked, because what they learn nobody else can.
    under_way: TaskTracker,
    connections: Mutex<HashMap<ConnectionId, Arc<Connection>>>,
    /// Connections that the keeper refreshes at this moment.
    ahead: Mutex<HashMap<ConnectionId, Ahead>>,
}

/// A refresh ahead of the end: under way, or one that failed and pauses.
struct Ahead {
    /// When it may be tried again; none while it is under way.
    again_at: Option<std::time::Instant>,
    pause: Duration,
}

/// One connection in this process.
#[derive(Default)]
struct Connection {
    known: Mutex<Option<Known>>,
    /// Callers of one process refresh one at a time.
    refreshing: AsyncMutex<()>,
}

#[derive(Clone)]
struct Known {
    access: Access,
    usable_until: DateTime<Utc>,
    came_at: DateTime<Utc>,
    read_at: std::time::Instant,
}

impl AccessTokens {
    /// Tokens in the vault behind `pool`, the ingest role's.
    pub fn new(
        pool: PgPool,
        keys: OperatorKeys,
        salla: Arc<SallaConfig>,
        times: RefreshTimes,
    ) -> Result<Self, reqwest::Error> {
        let http = refresh::http_client(times.answer_within)?;
        let inner = Inner {
            pool,
            vault: Vault::new(keys),
            http,
            salla,
            times,
            under_way: TaskTracker::new(),
            connections: Mutex::default(),
            ahead: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A token to call Salla with.
    pub async fn token(&self, id: ConnectionId) -> Result<Access, AccessError> {
        match self.cached(id) {
            Some(access) => Ok(access),
            None => self.latest(id).await,
        }
    }

    /// The token as it stands in the vault, whatever this process remembers: another may have come by another way.
    pub async fn latest(&self, id: ConnectionId) -> Result<Access, AccessError> {
        let stored = self.load(id).await?.ok_or(AccessError::NotConnected)?;
        let now = Utc::now();
        // A life of a few seconds is a mistake in a hint: a token that has just come is tried.
        if stored.usable_until() > now || stored.came_at > now - NO_REFRESH_WITHIN {
            return Ok(self.remember(id, &stored));
        }
        self.renewing(id, stored.generation).await
    }

    /// Another token, after Salla answered 401 to the one of `generation`. Where none can be had, nobody calls Salla with that one any more.
    pub async fn renewed(&self, id: ConnectionId, generation: i64) -> Result<Access, AccessError> {
        let renewed = self.renewing(id, generation).await;
        if let Err(AccessError::RefreshAnswerLost { generation } | AccessError::Refused { generation }) =
            &renewed
        {
            self.is_dead(id, *generation).await?;
            *self.connection(id).known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        renewed
    }

    /// Another token than the one of `generation`. It goes on where the caller gives up waiting.
    pub(super) async fn renewing(&self, id: ConnectionId, generation: i64) -> Result<Access, AccessError> {
        let this = self.clone();
        let renewing = self.inner.under_way.spawn(async move { this.renew(id, generation).await });
        renewing.await.map_err(|error| AccessError::Unavailable(error.to_string()))?
    }

    /// Waits for the refreshes under way; none may be begun any more.
    pub async fn finished(&self) {
        self.inner.under_way.close();
        self.inner.under_way.wait().await;
    }

    async fn renew(&self, id: ConnectionId, generation: i64) -> Result<Access, AccessError> {
        let connection = self.connection(id);
        let _alone = connection.refreshing.lock().await;
        if let Some(access) = self.cached(id).filter(|access| access.generation > generation) {
            return Ok(access);
        }
        let stored = self.refresh(id, generation).await?;
        Ok(self.remember(id, &stored))
    }

    fn connection(&self, id: ConnectionId) -> Arc<Connection> {
        let mut all = self.inner.connections.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(id).or_default())
    }

    fn cached(&self, id: ConnectionId) -> Option<Access> {
        let connection = self.connection(id);
        let known = connection.known.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let now = Utc::now();
        let lives = known.usable_until > now || known.came_at > now - NO_REFRESH_WITHIN;
        let fresh = lives && known.read_at.elapsed() < CACHED_FOR;
        fresh.then_some(known.access)
    }

    fn remember(&self, id: ConnectionId, stored: &crate::vault::StoredTokens) -> Access {
        let access = Access { token: stored.access.clone(), generation: stored.generation };
        let known = Known {
            access: access.clone(),
            usable_until: stored.usable_until(),
            came_at: stored.came_at,
            read_at: std::time::Instant::now(),
        };
        *self.connection(id).known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        access
    }
}
