//! Pacing calls of one store in this process by what Salla's answers say: remaining budget, reset, Retry-After
//! (FACTS §6), and Salla's clock by its `Date` header.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use qafila_schemas::millis::Millis;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// One call a second is let through when the minute's budget is spent.
const DRIP: Duration = Duration::from_millis(1_020);
const SPREAD: Duration = Duration::from_millis(250);
/// A longer wait than any documented one is a mistake in a header.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// The `Date` header has whole seconds; a smaller difference says nothing.
const CLOCK_NOISE_MS: i64 = 1_500;

/// The pace of one store.
#[derive(Debug, Default)]
pub struct Pace {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    not_before: Option<Instant>,
    /// Salla's clock less ours.
    skew_ms: i64,
}

impl Pace {
    /// Waits until the next call may be made; says how long that was.
    pub async fn ready(&self) -> Duration {
        let asked = Instant::now();
        while let Some(wait) = self.wait() {
            // Calls that waited for the same instant do not all start at it.
            tokio::time::sleep(wait + SPREAD.mul_f64(rand::random::<f64>())).await;
        }
        asked.elapsed()
    }

    fn wait(&self) -> Option<Duration> {
        let wait = self.lock().not_before?.saturating_duration_since(Instant::now());
        (!wait.is_zero()).then_some(wait)
    }

    /// Now, by Salla's clock as far as we know it.
    pub fn salla_now(&self) -> Millis {
        Millis(Millis::now().0 + self.lock().skew_ms)
    }

    /// Learns from an answer to a call that was sent at `sent`.
    pub fn learn(&self, headers: &HeaderMap, sent: Millis) {
        let mut state = self.lock();
        if let Some(theirs) = headers.get(DATE).and_then(|v| v.to_str().ok()).and_then(http_date) {
            let middle = i64::midpoint(sent.0, Millis::now().0);
            let skew = theirs.timestamp_millis() + 500 - middle;
            state.skew_ms = if skew.abs() > CLOCK_NOISE_MS { skew } else { 0 };
        }
        let wait = seconds(headers, RETRY_AFTER.as_str())
            .or_else(|| (seconds(headers, "x-ratelimit-remaining")?.is_zero()).then_some(DRIP));
        if let Some(wait) = wait {
            state.not_before = Some(Instant::now() + wait.min(LONGEST_WAIT));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seconds(headers: &HeaderMap, name: &str) -> Option<Duration> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|at| at.to_utc())
}
