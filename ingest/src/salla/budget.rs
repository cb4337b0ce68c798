//! How many calls may be made (FACTS §6): each store's minute, and the customers budget of our address. Both are kept in
//! Postgres and shared by all processes; blocks are taken from them, so that a call costs no round trip of its own.
//!
//! The limit is what Salla's headers say. Background work is spread over the minute; urgent calls find a share that is
//! lent while nobody needs it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use sqlx::postgres::types::PgInterval;
use sqlx::{PgPool, Row};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use super::customers_hold::CustomersHold;

/// Part of a store's minute that is kept for urgent calls while there are any.
const URGENT_SHARE: f64 = 0.2;
/// Part of the customers budget that is kept for urgent calls: some more than one every ten seconds.
const URGENT_CUSTOMERS_SHARE: f64 = 0.15;
/// Customer calls taken at once; more would be lost to others when a process ends.
const CUSTOMER_BLOCK: i32 = 5;
/// A block that lasts less costs too many round trips.
const SHORTEST_BLOCK: Duration = Duration::from_millis(20);
/// A longer wait than any documented one is a mistake in a header.
const LONGEST_HOLD: Duration = Duration::from_secs(15 * 60);
const DATABASE_AWAY: Duration = Duration::from_millis(500);
const SALLA_MINUTE_SECONDS: f64 = 60.0;
/// The first pause of our own after a 429; it doubles with each that follows.
const OWN_PAUSE_SECONDS: f64 = 0.5;
const LONGEST_OWN_PAUSE_SECONDS: f64 = 60.0;

/// Who needs the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// History, reconciliation: may wait.
    Background,
    /// A person or a fresh webhook waits for it.
    Urgent,
}

/// Budgets of all stores. One a process.
pub struct Budgets {
    shared: Arc<Shared>,
    stores: Mutex<HashMap<i64, Arc<StoreBudget>>>,
    customers: AsyncMutex<Block>,
    customers_hold: Mutex<CustomersHold>,
    customers_per_window: i32,
}

struct Shared {
    pool: PgPool,
    minute: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Block {
    left: i32,
    until: Instant,
}

impl Block {
    fn none() -> Self {
        Self { left: 0, until: Instant::now() }
    }

    /// Takes one call, if there is one.
    fn take(&mut self) -> bool {
        let live = self.left > 0 && Instant::now() < self.until;
        self.left -= i32::from(live);
        live
    }
}

impl Budgets {
    /// `minute` is 60 s, or less where a simulation runs faster than the wall; `customers_per_window` are calls of
    /// `/customers` in ten of those minutes.
    pub fn new(pool: PgPool, minute: Duration, customers_per_window: u32) -> Self {
        Self {
            shared: Arc::new(Shared { pool, minute }),
            stores: Mutex::default(),
            customers: AsyncMutex::new(Block::none()),
            customers_hold: Mutex::default(),
            customers_per_window: i32::try_from(customers_per_window).unwrap_or(i32::MAX),
        }
    }

    /// The budget of one store.
    pub fn store(&self, store_id: i64) -> Arc<StoreBudget> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(StoreBudget::new(Arc::clone(&self.shared), store_id));
        Arc::clone(stores.entry(store_id).or_insert_with(fresh))
    }

    /// Whether Salla has asked us to wait: with the calls of a store, or with those of `/customers`.
    pub fn is_held(&self, store_id: i64) -> bool {
        let customers = self.hold().until(store_id);
        [customers, self.store(store_id).seen().not_before]
            .into_iter()
            .flatten()
            .any(|at| at > Instant::now())
    }

    /// Whether a background call of `/customers` waits for the store's turn.
    pub fn is_queued(&self, store_id: i64) -> bool {
        self.store(store_id).customers_turn.try_lock().is_err()
    }

    /// Salla has refused a call of `/customers` of `store`, and asks for a pause.
    pub fn hold_customers(&self, store: &StoreBudget, pause: Duration) {
        self.hold().refused(store.store_id, Instant::now(), pause);
    }

    fn hold(&self) -> MutexGuard<'_, CustomersHold> {
        self.customers_hold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one call of `/customers` may be made for `store`. Stores take turns, however many calls each of them wants; an urgent call
    /// waits for nobody's turn and finds a share of its own.
    pub async fn customer_call(&self, store: &StoreBudget, urgency: Urgency) {
        match urgency {
            Urgency::Urgent => {
                let mut own = Block::none();
                self.take_customer_call(&mut own, 1, urgency).await;
            }
            Urgency::Background => {
                let _turn = store.customers_turn.lock().await;
                let mut block = self.customers.lock().await;
                self.take_customer_call(&mut block, CUSTOMER_BLOCK, urgency).await;
            }
        }
        let held = self.hold().until(store.store_id);
        if let Some(until) = held {
            tokio::time::sleep_until(until.into()).await;
        }
    }

    /// Takes a call from the block, and blocks from the shared budget.
    async fn take_customer_call(&self, block: &mut Block, want: i32, urgency: Urgency) {
        // A block is used up for a while after it was taken, so the window is that much longer.
        let slack = self.shared.minute / 6;
        let window = self.shared.minute * 10 + slack;
        while !block.take() {
            let taken =
                sqlx::query("SELECT granted, wait FROM take_salla_customer_calls($1, $2, $3, $4, $5)")
                    .bind(interval(window))
                    .bind(self.customers_per_window)
                    .bind(want)
                    .bind(urgency == Urgency::Urgent)
                    .bind(URGENT_CUSTOMERS_SHARE)
                    .fetch_one(&self.shared.pool)
                    .await;
            match taken.and_then(|row| Ok((row.try_get::<i32, _>(0)?, row.try_get::<f64, _>(1)?))) {
                Ok((granted, _)) if granted > 0 => {
                    *block = Block { left: granted, until: Instant::now() + slack };
                }
                Ok((_, wait)) => tokio::time::sleep(seconds(wait)).await,
                Err(error) => away(&error).await,
            }
        }
    }
}

/// The budget of one store in this process.
pub struct StoreBudget {
    shared: Arc<Shared>,
    store_id: i64,
    seen: Mutex<Seen>,
    block: AsyncMutex<Block>,
    /// Until Salla has told the limit, one call is made at a time.
    probe: Arc<AsyncMutex<()>>,
    /// One background call of `/customers` waits for the shared budget at a time.
    customers_turn: AsyncMutex<()>,
}

#[derive(Debug, Default)]
struct Seen {
    limit: Limit,
    /// Calls left, and when the minute ends, as the last answer said; taken once it has been told to the database.
    news: Option<(i32, Instant)>,
    not_before: Option<Instant>,
    /// Calls in a row that were answered 429.
    refusals: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Limit {
    #[default]
    Unknown,
    None,
    PerMinute(i32),
}

/// Leave to make one call; held until it is answered.
pub struct Permit {
    _probe: Option<OwnedMutexGuard<()>>,
}

impl StoreBudget {
    fn new(shared: Arc<Shared>, store_id: i64) -> Self {
        Self {
            shared,
            store_id,
            seen: Mutex::default(),
            block: AsyncMutex::new(Block::none()),
            probe: Arc::default(),
            customers_turn: AsyncMutex::default(),
        }
    }

    /// Calls a minute, as Salla said; `None` where nothing is limited, or nothing is known yet.
    pub fn per_minute(&self) -> Option<u32> {
        match self.seen().limit {
            Limit::PerMinute(limit) => u32::try_from(limit).ok(),
            Limit::Unknown | Limit::None => None,
        }
    }

    /// Waits until one call may be made.
    pub async fn permit(&self, urgency: Urgency) -> Permit {
        loop {
            self.held().await;
            let limit = self.seen().limit;
            match limit {
                Limit::None => return Permit { _probe: None },
                Limit::PerMinute(limit) => {
                    self.take(limit, urgency).await;
                    return Permit { _probe: None };
                }
                Limit::Unknown => {}
            }
            let probing = Arc::clone(&self.probe).lock_owned().await;
            if self.seen().limit == Limit::Unknown {
                return Permit { _probe: Some(probing) };
            }
        }
    }

    /// Learns from an answer; `salla_now` is Salla's clock, ms since the epoch. Says how long calls of `/customers` have to
    /// wait, where it was their budget that was used up.
    pub fn learn(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        salla_now: i64,
        of_customers: bool,
    ) -> Option<Duration> {
        let scale = self.shared.minute.as_secs_f64() / SALLA_MINUTE_SECONDS;
        let header = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
        let now = Instant::now();
        let mut seen = self.seen();
        match header("x-ratelimit-limit") {
            Some(limit) if limit >= 1.0 => seen.limit = Limit::PerMinute(limit.min(1e6) as i32),
            _ if status.is_success() && seen.limit == Limit::Unknown => seen.limit = Limit::None,
            _ => {}
        }
        if let (Some(left), Some(reset)) = (header("x-ratelimit-remaining"), header("x-ratelimit-reset")) {
            let ends = now + seconds((reset - salla_now as f64 / 1000.0) * scale).min(self.shared.minute);
            let left = left.clamp(0.0, 1e6) as i32;
            seen.news = Some(match seen.news {
                // Answers overtake each other: of the same minute the smaller number is the later one.
                Some((known, until)) if until >= ends && now < until => (known.min(left), until),
                _ => (left, ends),
            });
        }
        if status.is_success() {
            seen.refusals = 0;
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            seen.refusals = seen.refusals.saturating_add(1);
            let text = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
            let asked = text.and_then(|text| retry_after(text, salla_now));
            let pause = seconds(pause_seconds(asked, seen.refusals) * scale).min(LONGEST_HOLD);
            if of_customers && header("x-ratelimit-remaining").is_some_and(|left| left > 0.0) {
                return Some(pause);
            }
            // One that overtook another asks for less at times.
            seen.not_before = seen.not_before.max(Some(now + pause));
        }
        None
    }

    /// Waits while Salla has asked us to.
    async fn held(&self) {
        loop {
            let until = self.seen().not_before;
            let Some(wait) = until.map(|at| at.saturating_duration_since(Instant::now())) else { return };
            if wait.is_zero() {
                return;
            }
            tokio::time::sleep(wait).await;
        }
    }

    async fn take(&self, limit: i32, urgency: Urgency) {
        if urgency == Urgency::Urgent {
            // Beside the queue of those who may wait.
            let mut own = Block::none();
            return self.fill(&mut own, limit, 1, urgency).await;
        }
        let mut block = self.block.lock().await;
        let lasts = SHORTEST_BLOCK.max(self.shared.minute / 60).as_secs_f64();
        let want = (f64::from(limit) * lasts / self.shared.minute.as_secs_f64()).ceil() as i32;
        self.fill(&mut block, limit, want.max(1), urgency).await;
    }

    /// Takes a call from the block, and blocks from the store's minute.
    async fn fill(&self, block: &mut Block, limit: i32, want: i32, urgency: Urgency) {
        while !block.take() {
            match self.ask(limit, want, urgency).await {
                Ok((granted, ends_in, _)) if granted > 0 => {
                    *block = Block { left: granted, until: Instant::now() + seconds(ends_in) };
                }
                Ok((_, _, wait)) => tokio::time::sleep(seconds(wait)).await,
                Err(error) => away(&error).await,
            }
            self.held().await;
        }
    }

    async fn ask(&self, limit: i32, want: i32, urgency: Urgency) -> Result<(i32, f64, f64), sqlx::Error> {
        let now = Instant::now();
        let news = self.seen().news.filter(|(_, ends)| *ends > now);
        let row = sqlx::query(
            "SELECT granted, ends_in, wait FROM take_salla_calls($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(self.store_id)
        .bind(interval(self.shared.minute))
        .bind(limit)
        .bind(want)
        .bind(urgency == Urgency::Urgent)
        .bind(URGENT_SHARE)
        .bind(news.map(|(left, _)| left))
        .bind(news.map(|(_, ends)| interval(ends - now)))
        .fetch_one(&self.shared.pool)
        .await?;
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The seconds that `Retry-After` asks for: a number, or a date (RFC 9110 §10.2.3); none where it is neither.
fn retry_after(text: &str, salla_now: i64) -> Option<f64> {
    let text = text.trim();
    let date = || {
        let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
        Some((at.timestamp_millis() - salla_now) as f64 / 1_000.0)
    };
    text.parse::<f64>().ok().filter(|seconds| seconds.is_finite()).or_else(date)
}

/// How long to wait after so many refusals in a row: what was asked for, but never less than a pause of our own that grows, lest a `0` or
/// a date in the past make us ask without a rest.
fn pause_seconds(asked: Option<f64>, refusals: u32) -> f64 {
    let own = OWN_PAUSE_SECONDS * f64::from(2_u32.saturating_pow(refusals.saturating_sub(1).min(16)));
    asked.unwrap_or(0.0).max(own.min(LONGEST_OWN_PAUSE_SECONDS))
}

async fn away(error: &sqlx::Error) {
    tracing::debug!(event = "budget not reached", error = %error);
    tokio::time::sleep(DATABASE_AWAY).await;
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST_HOLD)
}

fn interval(length: Duration) -> PgInterval {
    let microseconds = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
    PgInterval { months: 0, days: 0, microseconds }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_retry_after_asks_for_is_kept_and_nothing_makes_us_ask_without_a_rest() {
        let now = 1_700_000_000_000;
        assert_eq!(retry_after("7", now), Some(7.0));
        assert_eq!(retry_after("Tue, 14 Nov 2023 22:13:30 GMT", now), Some(10.0));
        assert_eq!(retry_after("soon", now), None);
        assert!((pause_seconds(Some(7.0), 1) - 7.0).abs() < 1e-9);
        for asked in [None, Some(0.0), Some(-30.0)] {
            let pauses: Vec<f64> = (1..=8).map(|refusals| pause_seconds(asked, refusals)).collect();
            assert!(pauses.windows(2).all(|pair| pair[0] < pair[1] || pair[1] >= 60.0), "{pauses:?}");
            assert!(pauses[0] > 0.0 && pauses[7] <= 60.0, "{pauses:?}");
        }
    }
}
