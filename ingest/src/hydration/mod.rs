//! Hydration (ARCHITECTURE §5): entities of which there was news are fetched, newest news first, within the share of a store's budget that
//! is kept for fresh webhooks. Imports read their orders through the same [`order`] reader, and leave to this what changes meanwhile.

pub mod entity;
pub mod order;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt};
use qafila_schemas::ids::MerchantId;
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::entity::{EntityRead, EntityReader};
use self::order::OrderReader;
use crate::mapping::Owner;
use crate::observations::ObservationWriter;
use crate::owners;
use crate::salla::budget::Urgency;
use crate::salla::client::{SallaApi, SallaError};
use crate::sync::stored::StoredError;

const LOOK: Duration = Duration::from_millis(500);
/// Entities of one store that are fetched in one round; others have their turn then.
const A_ROUND: i64 = 50;
const AT_ONCE: usize = 4;
/// A round that takes longer is ended: what was read is written, the rest has its turn later.
const LONGEST_ROUND: Duration = Duration::from_secs(45);
/// A store is one process's so long; longer than the longest round.
const CLAIMED_FOR: &str = "60 seconds";
/// After a failure of Salla's that lasted longer than the client's patience.
const STORE_RESTS: Duration = Duration::from_secs(30);
/// An entity that Salla refuses, or that does not map, is tried again after so long, then twice as long, and so on.
const ENTITY_RESTS: Duration = Duration::from_secs(60);
const LONGEST_REST: Duration = Duration::from_secs(6 * 3_600);
/// How long the merge may take to have what was read.
const MERGED_WITHIN: Duration = Duration::from_secs(30);

/// An entity of which there was news since it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleEntity {
    /// Merchant.
    pub merchant_id: MerchantId,
    /// Store.
    pub store_id: i64,
    /// `orders`, `customers` or `products`.
    pub resource: &'static str,
    /// Salla's id.
    pub salla_id: i64,
    /// The last news of it, by Salla's clock.
    pub stale_since: DateTime<Utc>,
    /// Its details were read before.
    pub was_read: bool,
}

/// What hydration needs to know of what is stored: its port on the read models (ARCHITECTURE §2).
#[async_trait]
pub trait StaleView: Send + Sync {
    /// Stale entities of all stores, of each at most `per_store` of each resource, newest news first.
    async fn stale(&self, per_store: i64) -> Result<Vec<StaleEntity>, StoredError>;
}

/// Fetches what is stale.
pub struct Hydration {
    /// The ingest role's pool.
    pub pool: PgPool,
    /// Salla.
    pub salla: Arc<SallaApi>,
    /// What is stale.
    pub stale: Arc<dyn StaleView>,
    /// Where what was read goes.
    pub observations: Arc<ObservationWriter>,
    /// Name of this process among others.
    pub worker: String,
}

type Key = (MerchantId, &'static str, i64);

/// What need not be asked for at this moment.
#[derive(Default)]
struct Resting {
    stores: HashMap<i64, Instant>,
    entities: HashMap<Key, (Instant, Duration)>,
    /// Read for this news; the merge has it in a moment.
    read: HashMap<Key, (DateTime<Utc>, Instant)>,
}

impl Resting {
    fn is_due(&self, entity: &StaleEntity) -> bool {
        let now = Instant::now();
        let key = (entity.merchant_id, entity.resource, entity.salla_id);
        self.stores.get(&entity.store_id).is_none_or(|until| *until <= now)
            && self.entities.get(&key).is_none_or(|(until, _)| *until <= now)
            && self.read.get(&key).is_none_or(|(news, until)| *news < entity.stale_since || *until <= now)
    }

    /// Forgets what is over.
    fn forget(&mut self) {
        let now = Instant::now();
        self.stores.retain(|_, until| *until > now);
        self.read.retain(|_, (_, until)| *until > now);
        self.entities.retain(|_, (until, rest)| *until + *rest > now);
    }
}

impl Hydration {
    /// Runs until `shutdown`.
    pub async fn keep(self, shutdown: CancellationToken) {
        let this = Arc::new(self);
        let resting = Arc::new(Mutex::new(Resting::default()));
        let mut rounds: JoinSet<i64> = JoinSet::new();
        let mut under_way: HashSet<i64> = HashSet::new();
        while !shutdown.is_cancelled() {
            while let Some(ended) = rounds.try_join_next() {
                if let Ok(store) = ended {
                    under_way.remove(&store);
                }
            }
            match this.due(&resting, &under_way).await {
                Ok(stores) => {
                    for (owner, entities) in stores {
                        under_way.insert(owner.store_id);
                        let (this, resting) = (Arc::clone(&this), Arc::clone(&resting));
                        rounds.spawn(async move { this.round(owner, entities, &resting).await });
                    }
                }
                Err(error) => tracing::warn!(event = "nothing hydrated", error),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = shutdown.cancelled() => {}
            }
        }
        // Reads may be repeated: nobody waits for them.
        rounds.shutdown().await;
    }

    /// Stores with stale entities that nobody looks after.
    async fn due(
        &self,
        resting: &Mutex<Resting>,
        under_way: &HashSet<i64>,
    ) -> Result<Vec<(Owner, Vec<StaleEntity>)>, String> {
        let stale = self.stale.stale(A_ROUND).await.map_err(|error| error.to_string())?;
        let mut stores: BTreeMap<i64, Vec<StaleEntity>> = BTreeMap::new();
        {
            let mut resting = lock(resting);
            resting.forget();
            for entity in stale {
                if !under_way.contains(&entity.store_id) && resting.is_due(&entity) {
                    stores.entry(entity.store_id).or_default().push(entity);
                }
            }
        }
        if stores.is_empty() {
            return Ok(vec![]);
        }
        let owners = owners::of(&self.pool, stores.keys().copied().collect()).await;
        let owners = owners.map_err(|error| error.to_string())?;
        let imported = self.being_imported().await.map_err(|error| error.to_string())?;
        let mut due = Vec::new();
        for (store_id, mut entities) in stores {
            // A store that is not connected is read once it is.
            let Some(owner) = owners.get(&store_id) else { continue };
            // What was never read an import reaches by itself.
            entities.retain(|entity| {
                entity.merchant_id == owner.merchant_id && (entity.was_read || !imported.contains(&store_id))
            });
            let is_ours =
                !entities.is_empty() && self.claim(store_id).await.map_err(|error| error.to_string())?;
            if is_ours {
                due.push((*owner, entities));
            }
        }
        Ok(due)
    }

    async fn being_imported(&self) -> Result<HashSet<i64>, sqlx::Error> {
        let stores: Vec<i64> =
            sqlx::query_scalar("SELECT DISTINCT store_id FROM sync_runs WHERE state = 'open'")
                .fetch_all(&self.pool)
                .await?;
        Ok(stores.into_iter().collect())
    }

    /// Whether the store is this process's for a round. Two that read the same do no harm, they only waste calls.
    async fn claim(&self, store_id: i64) -> Result<bool, sqlx::Error> {
        let claim = format!(
            "INSERT INTO hydration_claims AS claim (store_id, worker, claimed_until)
             VALUES ($1, $2, now() + interval '{CLAIMED_FOR}')
             ON CONFLICT (store_id) DO UPDATE SET worker = $2, claimed_until = now() + interval '{CLAIMED_FOR}'
             WHERE claim.worker = $2 OR claim.claimed_until < now()"
        );
        let claimed = sqlx::query(&claim).bind(store_id).bind(&self.worker).execute(&self.pool).await?;
        Ok(claimed.rows_affected() == 1)
    }

    /// Fetches entities of one store; says whose round is over.
    async fn round(&self, owner: Owner, entities: Vec<StaleEntity>, resting: &Mutex<Resting>) -> i64 {
        let client = self.salla.store(owner.connection_id, owner.store_id, Urgency::Urgent);
        let reader = EntityReader::new(client.clone(), OrderReader::new(client), owner);
        // Customers have a budget of their own, which must not hold up the others.
        let (customers, others): (Vec<_>, Vec<_>) =
            entities.into_iter().partition(|entity| entity.resource == "customers");
        let fetched = async {
            futures::join!(
                self.fetch_all(&reader, customers, resting),
                self.fetch_all(&reader, others, resting)
            )
        };
        if tokio::time::timeout(LONGEST_ROUND, fetched).await.is_err() {
            tracing::debug!(event = "round of hydration cut short", storeId = owner.store_id);
        }
        owner.store_id
    }

    async fn fetch_all(&self, reader: &EntityReader, entities: Vec<StaleEntity>, resting: &Mutex<Resting>) {
        stream::iter(entities)
            .for_each_concurrent(AT_ONCE, |entity| async move {
                if lock(resting).is_due(&entity) {
                    self.fetch(reader, &entity, resting).await;
                }
            })
            .await;
    }

    async fn fetch(&self, reader: &EntityReader, entity: &StaleEntity, resting: &Mutex<Resting>) {
        let key = (entity.merchant_id, entity.resource, entity.salla_id);
        let unsealed = match reader.read(entity.resource, entity.salla_id).await {
            Ok(EntityRead::There { mapped: Ok(unsealed), .. } | EntityRead::Gone(unsealed)) => unsealed,
            Ok(EntityRead::There { mapped: Err((_, error)), .. }) => {
                return rest(resting, key, entity, &error);
            }
            Ok(EntityRead::Refused(error)) => return rest(resting, key, entity, &error),
            Err(error) => return store_rests(resting, entity, &error),
        };
        match self.observations.write(entity.merchant_id, vec![unsealed]).await {
            Ok(()) => {
                metrics::counter!("qafila_hydrated_total", "resource" => entity.resource).increment(1);
                lock(resting).read.insert(key, (entity.stale_since, Instant::now() + MERGED_WITHIN));
            }
            Err(error) => {
                tracing::warn!(event = "entity not hydrated", resource = entity.resource, sallaId = entity.salla_id, error = %error);
            }
        }
    }
}

/// Salla was tried for longer than its client is patient: the store has its turn later.
fn store_rests(resting: &Mutex<Resting>, entity: &StaleEntity, error: &SallaError) {
    // One of several calls at once tells it for all.
    let fresh = lock(resting).stores.insert(entity.store_id, Instant::now() + STORE_RESTS).is_none();
    if fresh {
        tracing::warn!(event = "hydration rests", merchantId = %entity.merchant_id, storeId = entity.store_id, error = %error);
    }
}

/// An entity whose own fault it is must not be asked for for ever, and is not forgotten: it stays stale.
fn rest(resting: &Mutex<Resting>, key: Key, entity: &StaleEntity, error: &dyn std::fmt::Display) {
    let mut resting = lock(resting);
    let before = resting.entities.get(&key).map(|(_, rest)| *rest);
    let rest = before.map_or(ENTITY_RESTS, |rest| (rest * 2).min(LONGEST_REST));
    resting.entities.insert(key, (Instant::now() + rest, rest));
    metrics::counter!("qafila_hydration_refused_total", "resource" => entity.resource).increment(1);
    tracing::warn!(event = "entity not hydrated", merchantId = %entity.merchant_id, resource = entity.resource,
        sallaId = entity.salla_id, againInSeconds = rest.as_secs(), error = %error);
}

fn lock(resting: &Mutex<Resting>) -> std::sync::MutexGuard<'_, Resting> {
    resting.lock().unwrap_or_else(PoisonError::into_inner)
}
