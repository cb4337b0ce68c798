//! Hydration (ARCHITECTURE §5): entities of which there was news are fetched, newest news first, within the share of a store's budget that
//! is kept for fresh webhooks. Imports read their orders through the same [reader](entity), and leave to this what changes meanwhile.

pub mod entity;
mod looks;
mod order;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use futures::stream::{self, StreamExt};
use qafila_aggregates::wake::named;
use qafila_schemas::ids::MerchantId;
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio::task::{self, JoinSet};
use tokio_util::sync::CancellationToken;

use self::entity::{EntityRead, EntityReader};
use self::looks::Looks;
use crate::mapping::Owner;
use crate::mapping::seal::KEY_IS_DAMAGED;
use crate::observations::ObservationWriter;
use crate::owners;
use crate::salla::budget::Urgency;
use crate::salla::client::{SallaApi, SallaError};
use crate::sync::plan::Window;
use crate::sync::stored::StoredError;

const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// A store that another process looks after is looked at again.
const OTHERS_STORE: Duration = Duration::from_secs(5);
/// Entities of one store that are fetched in one round; others have their turn then.
const A_ROUND: i64 = 50;
const AT_ONCE: usize = 4;
/// A round that takes longer is ended: what was read is written, the rest has its turn later.
const LONGEST_ROUND: Duration = Duration::from_secs(45);
/// A store is one process's so long; longer than the longest round.
const CLAIMED_FOR: &str = "60 seconds";
/// One entity must not take a place of a round for longer.
const ENTITY_TAKES: Duration = Duration::from_secs(20);
/// After a failure of Salla's that is about more than one entity.
const RESOURCE_RESTS: Duration = Duration::from_secs(30);
/// An entity that is asked for in vain is tried again after so long, then twice as long, and so on.
const ENTITY_RESTS: Duration = Duration::from_secs(60);
const LONGEST_REST: Duration = Duration::from_secs(6 * 3_600);
/// How long the merge may take to have what was read.
const MERGED_WITHIN: Duration = Duration::from_secs(30);

/// A resource of a store of which there was news since it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    /// Store.
    pub store_id: i64,
    /// `orders`, `customers` or `products`.
    pub resource: &'static str,
    /// The last news of one of them lies before the instant that was asked for.
    pub for_long: bool,
}

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
    /// When it was made; none where nobody has told.
    pub created_at: Option<DateTime<Utc>>,
    /// The last news of it, by Salla's clock.
    pub stale_since: DateTime<Utc>,
    /// Its details were read before.
    pub was_read: bool,
}

/// What hydration needs to know of what is stored: its port on the read models (ARCHITECTURE §2).
#[async_trait]
pub trait StaleView: Send + Sync {
    /// Stale entities of merchants' stores, of each at most so many of each resource, newest news first.
    async fn stale(&self, stores: &[(MerchantId, i64, i64)]) -> Result<Vec<StaleEntity>, StoredError>;

    /// What of merchants' `stores` was not read since `before` and of which there was news.
    async fn unread(
        &self,
        stores: &[(MerchantId, i64)],
        before: DateTime<Utc>,
    ) -> Result<Vec<Unread>, StoredError>;
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

/// Merchant, store, resource, id: nobody says that ids differ across stores.
type Key = (MerchantId, i64, &'static str, i64);

/// What need not be asked for at this moment.
#[derive(Default)]
struct Resting {
    /// Salla was tried for long, or does not let us see them.
    resources: HashMap<(i64, &'static str), Instant>,
    entities: HashMap<Key, Rest>,
}

/// An entity that was asked for in vain, or whose answer the merge does not have yet.
#[derive(Clone, Copy)]
struct Rest {
    store_id: i64,
    until: Instant,
    pause: Duration,
    /// Later news ends it, where the entity itself was at no fault.
    news: Option<DateTime<Utc>>,
}

impl Resting {
    fn is_due(&self, entity: &StaleEntity) -> bool {
        self.until(entity).is_none()
    }

    /// Until when an entity need not be asked for; none where it is due.
    fn until(&self, entity: &StaleEntity) -> Option<Instant> {
        let now = Instant::now();
        let resource = self.resources.get(&(entity.store_id, entity.resource)).copied();
        let rests = |rest: &&Rest| rest.news.is_none_or(|news| news >= entity.stale_since);
        let entity = self.entities.get(&key(entity)).filter(rests).map(|rest| rest.until);
        resource.max(entity).filter(|until| *until > now)
    }

    /// How many entities of each store rest.
    fn by_store(&self) -> HashMap<i64, i64> {
        let mut counts = HashMap::new();
        for rest in self.entities.values() {
            *counts.entry(rest.store_id).or_default() += 1;
        }
        counts
    }

    /// Lets an entity rest: longer each time that it is in vain.
    fn rest(&mut self, entity: &StaleEntity, first: Duration, news: Option<DateTime<Utc>>) -> Duration {
        let before = self.entities.get(&key(entity));
        // The same news again: what was read before has not arrived.
        let again = before.filter(|rest| rest.news.is_none() || rest.news == Some(entity.stale_since));
        let pause = again.map_or(first, |rest| (rest.pause * 2).min(LONGEST_REST)).max(first);
        self.entities.insert(
            key(entity),
            Rest { store_id: entity.store_id, until: Instant::now() + pause, pause, news },
        );
        pause
    }

    /// Forgets what has been over for long.
    fn forget(&mut self) {
        let now = Instant::now();
        self.resources.retain(|_, until| *until > now);
        self.entities.retain(|_, rest| rest.until + rest.pause > now);
    }
}

fn key(entity: &StaleEntity) -> Key {
    (entity.merchant_id, entity.store_id, entity.resource, entity.salla_id)
}

impl Hydration {
    /// Runs until `shutdown`; `wake_ups` are those of [`STALE`](qafila_aggregates::wake::STALE).
    pub async fn keep(self, mut wake_ups: mpsc::Receiver<String>, shutdown: CancellationToken) {
        let this = Arc::new(self);
        let resting = Arc::new(Mutex::new(Resting::default()));
        let mut looks = Looks::default();
        let mut rounds: JoinSet<()> = JoinSet::new();
        let mut under_way: HashMap<task::Id, i64> = HashMap::new();
        while !shutdown.is_cancelled() {
            while let Some(ended) = rounds.try_join_next_with_id() {
                let id = match ended {
                    Ok((id, ())) => id,
                    Err(error) => {
                        tracing::error!(event = "round of hydration ended badly", error = %error);
                        error.id()
                    }
                };
                if let Some(store) = under_way.remove(&id) {
                    looks.wake(store);
                }
            }
            if looks.are_due(Instant::now()) {
                let stores: HashSet<i64> = under_way.values().copied().collect();
                match this.due(&resting, &mut looks, &stores).await {
                    Ok(stores) => {
                        for (owner, entities) in stores {
                            let (this, resting) = (Arc::clone(&this), Arc::clone(&resting));
                            let round =
                                rounds.spawn(async move { this.round(owner, entities, &resting).await });
                            under_way.insert(round.id(), owner.store_id);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(event = "failed to look for stale entities", error);
                        looks.wake_all();
                        tokio::time::sleep(POLL_INTERVAL).await;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                Some(payload) = wake_ups.recv() => heed(&mut looks, &payload),
                () = shutdown.cancelled() => {}
            }
            while let Ok(payload) = wake_ups.try_recv() {
                heed(&mut looks, &payload);
            }
        }
        // Reads may be repeated: nobody waits for them.
        rounds.shutdown().await;
    }

    /// Connected stores with stale entities that nobody looks after.
    async fn due(
        &self,
        resting: &Mutex<Resting>,
        looks: &mut Looks,
        under_way: &HashSet<i64>,
    ) -> Result<Vec<(Owner, Vec<StaleEntity>)>, String> {
        let said = |error: sqlx::Error| error.to_string();
        let owners = owners::all(&self.pool).await.map_err(said)?;
        let stores = looks.take(owners.keys().copied(), under_way, Instant::now());
        if stores.is_empty() {
            return Ok(vec![]);
        }
        // Those that rest must not hide the others of their store.
        let asked: Vec<(MerchantId, i64, i64)> = {
            let mut resting = lock(resting);
            resting.forget();
            let resting = resting.by_store();
            let of_store = |store: &i64| {
                let owner = owners.get(store)?;
                Some((owner.merchant_id, *store, A_ROUND + resting.get(store).copied().unwrap_or(0)))
            };
            stores.iter().filter_map(of_store).collect()
        };
        let stale = self.stale.stale(&asked).await.map_err(|error| error.to_string())?;
        if stale.is_empty() {
            return Ok(vec![]);
        }
        let imported = self.being_imported().await.map_err(said)?;
        let mut by_store: BTreeMap<i64, Vec<StaleEntity>> = BTreeMap::new();
        {
            let resting = lock(resting);
            for entity in stale {
                if is_left_to_import(&entity, imported.get(&entity.store_id)) {
                    continue;
                }
                match resting.until(&entity) {
                    None => by_store.entry(entity.store_id).or_default().push(entity),
                    Some(until) => looks.pause(entity.store_id, until, Instant::now()),
                }
            }
        }
        let mut due = Vec::new();
        for (store_id, mut entities) in by_store {
            entities.truncate(usize::try_from(A_ROUND).unwrap_or_default());
            if !self.claim(store_id).await.map_err(said)? {
                let now = Instant::now();
                looks.pause(store_id, now + OTHERS_STORE, now);
            } else if let Some(owner) = owners.get(&store_id) {
                due.push((*owner, entities));
            }
        }
        Ok(due)
    }

    /// Days whose orders an import reads, by store.
    async fn being_imported(&self) -> Result<HashMap<i64, Window>, sqlx::Error> {
        let runs: Vec<(i64, NaiveDate, NaiveDate)> = sqlx::query_as(
            "SELECT DISTINCT ON (store_id) store_id, from_day, until_day FROM sync_runs WHERE state = 'open'
             ORDER BY store_id, requested_at DESC",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(runs.into_iter().map(|(store, first, last)| (store, Window { first, last })).collect())
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

    /// Fetches entities of one store.
    async fn round(&self, owner: Owner, entities: Vec<StaleEntity>, resting: &Mutex<Resting>) {
        let client = self.salla.store(owner.connection_id, owner.store_id, Urgency::Urgent);
        let reader = EntityReader::new(client, owner);
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
    }

    async fn fetch_all(&self, reader: &EntityReader, entities: Vec<StaleEntity>, resting: &Mutex<Resting>) {
        stream::iter(entities)
            .for_each_concurrent(AT_ONCE, |entity| async move {
                let due = lock(resting).is_due(&entity);
                if due {
                    self.fetch(reader, &entity, resting).await;
                }
            })
            .await;
    }

    async fn fetch(&self, reader: &EntityReader, entity: &StaleEntity, resting: &Mutex<Resting>) {
        let reading = reader.read(entity.resource, entity.salla_id);
        let unsealed = match tokio::time::timeout(ENTITY_TAKES, reading).await {
            Err(_) => {
                return rest(
                    resting,
                    entity,
                    Some(entity.stale_since),
                    &"not read in time: Salla is slow, or the store's share of calls is used up",
                );
            }
            Ok(Ok(EntityRead::There { mapped: Ok(unsealed), .. } | EntityRead::Gone(unsealed))) => unsealed,
            Ok(Ok(EntityRead::There { mapped: Err((_, error)), .. })) => {
                return rest(resting, entity, None, &error);
            }
            Ok(Ok(EntityRead::Refused(error))) => return rest(resting, entity, None, &error),
            Ok(Err(error)) => {
                // Others of the resource have their turn before it.
                if matches!(error, SallaError::Refused { .. }) {
                    rest(resting, entity, Some(entity.stale_since), &error);
                }
                return resource_rests(resting, entity, &error);
            }
        };
        match self.observations.write(entity.merchant_id, vec![unsealed]).await {
            Ok(unsealable) if !unsealable.is_empty() => rest(resting, entity, None, &KEY_IS_DAMAGED),
            Ok(_) => {
                metrics::counter!("qafila_hydrated_total", "resource" => entity.resource).increment(1);
                lock(resting).rest(entity, MERGED_WITHIN, Some(entity.stale_since));
            }
            Err(error) => rest(resting, entity, Some(entity.stale_since), &error),
        }
    }
}

/// Looks at what a wake-up names.
fn heed(looks: &mut Looks, payload: &str) {
    match named(payload) {
        Some(stores) => stores.into_iter().for_each(|store| looks.wake(store)),
        None => looks.wake_all(),
    }
}

/// Salla does not answer at all, or not for this resource: it has its turn later.
fn resource_rests(resting: &Mutex<Resting>, entity: &StaleEntity, error: &SallaError) {
    // One of several calls at once tells it for all.
    let place = (entity.store_id, entity.resource);
    let fresh = lock(resting).resources.insert(place, Instant::now() + RESOURCE_RESTS).is_none();
    if fresh {
        tracing::warn!(event = "hydration rests", merchantId = %entity.merchant_id, storeId = entity.store_id,
            resource = entity.resource, error = %error);
    }
}

/// What is asked for in vain must not be asked for for ever, and is not forgotten: it stays stale. Later news than `news` ends the rest.
fn rest(
    resting: &Mutex<Resting>,
    entity: &StaleEntity,
    news: Option<DateTime<Utc>>,
    error: &dyn std::fmt::Display,
) {
    let pause = lock(resting).rest(entity, ENTITY_RESTS, news);
    metrics::counter!("qafila_hydration_refused_total", "resource" => entity.resource).increment(1);
    tracing::warn!(event = "entity not hydrated", merchantId = %entity.merchant_id, resource = entity.resource,
        sallaId = entity.salla_id, againInSeconds = pause.as_secs(), error = %error);
}

/// An order that was never read, of a day that an import reads: it is reached by itself.
fn is_left_to_import(entity: &StaleEntity, imported: Option<&Window>) -> bool {
    let Some((first, end)) = imported.map(|window| window.span()) else { return false };
    let is_within = entity.created_at.is_none_or(|at| (first..end).contains(&at));
    entity.resource == "orders" && !entity.was_read && is_within
}

fn lock(resting: &Mutex<Resting>) -> std::sync::MutexGuard<'_, Resting> {
    resting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stale(second: i64) -> StaleEntity {
        StaleEntity {
            merchant_id: MerchantId::generate(),
            store_id: 1,
            resource: "orders",
            salla_id: 7,
            created_at: DateTime::from_timestamp(second, 0),
            stale_since: DateTime::from_timestamp(second, 0).expect("a time"),
            was_read: true,
        }
    }

    #[test]
    fn what_was_read_is_asked_for_again_only_for_later_news_or_after_a_growing_pause() {
        let (mut resting, entity) = (Resting::default(), stale(100));
        assert!(resting.is_due(&entity));
        let first = resting.rest(&entity, MERGED_WITHIN, Some(entity.stale_since));
        assert!(!resting.is_due(&entity));
        let later =
            StaleEntity { stale_since: entity.stale_since + chrono::Duration::seconds(1), ..entity.clone() };
        assert!(resting.is_due(&later));
        assert_eq!(resting.rest(&entity, MERGED_WITHIN, Some(entity.stale_since)), first * 2);
        assert_eq!(resting.rest(&later, MERGED_WITHIN, Some(later.stale_since)), first, "its first time");
    }

    #[test]
    fn an_import_is_left_only_those_orders_that_it_reads_by_itself() {
        let never_read = StaleEntity { was_read: false, ..stale(1_700_000_000) };
        let day = |text: &str| text.parse().expect("a day");
        let window = |first, last| Window { first: day(first), last: day(last) };
        let reads = window("2023-11-01", "2023-11-30");
        assert!(is_left_to_import(&never_read, Some(&reads)));
        assert!(is_left_to_import(&StaleEntity { created_at: None, ..never_read.clone() }, Some(&reads)));
        assert!(!is_left_to_import(&never_read, Some(&window("2022-11-01", "2022-11-30"))), "another day");
        assert!(!is_left_to_import(&StaleEntity { was_read: true, ..never_read.clone() }, Some(&reads)));
        assert!(!is_left_to_import(
            &StaleEntity { resource: "customers", ..never_read.clone() },
            Some(&reads)
        ));
        assert!(!is_left_to_import(&never_read, None));
    }

    #[test]
    fn an_entity_that_is_refused_rests_longer_each_time_whatever_the_news() {
        let (mut resting, entity) = (Resting::default(), stale(100));
        let pauses: Vec<u64> = (0..12).map(|_| resting.rest(&entity, ENTITY_RESTS, None).as_secs()).collect();
        assert_eq!(&pauses[..3], [60, 120, 240]);
        assert_eq!(pauses[11], LONGEST_REST.as_secs());
        assert!(
            !resting.is_due(&StaleEntity {
                stale_since: entity.stale_since + chrono::Duration::days(1),
                ..entity
            })
        );
    }
}
