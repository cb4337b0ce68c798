//! Circuit breakers, one for each of Salla's hosts and one for each store: after failures in a row calls wait, then one of
//! them tries whether it works again (half-open).

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::Rng;

/// Failures in a row that open a breaker.
const MOST_FAILURES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A probe that is not heard of again is given up.
const PROBE_LASTS: Duration = Duration::from_secs(60);

/// One breaker.
#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Times it was opened since it last worked.
    opened: u32,
    open_until: Option<Instant>,
    probe_until: Option<Instant>,
}

impl Breaker {
    /// Waits until a call may be tried.
    pub async fn admitted(&self) {
        while let Some(wait) = self.wait(Instant::now()) {
            tokio::time::sleep(wait).await;
        }
    }

    /// How long to wait before asking again; none where the call may be made.
    fn wait(&self, now: Instant) -> Option<Duration> {
        let mut state = self.lock();
        let until = state.open_until?;
        if now < until {
            return Some(until - now);
        }
        // Half-open: one call tries, the others wait for what becomes of it.
        if state.probe_until.is_some_and(|until| now < until) {
            return Some(FIRST_PAUSE / 5);
        }
        state.probe_until = Some(now + PROBE_LASTS);
        None
    }

    /// A call was answered, whatever the answer.
    pub fn worked(&self) {
        *self.lock() = State::default();
    }

    /// A call got no usable answer. True where this opened the breaker.
    pub fn failed(&self) -> bool {
        let mut state = self.lock();
        state.failures += 1;
        let half_open = state.probe_until.take().is_some();
        if state.failures < MOST_FAILURES && !half_open {
            return false;
        }
        let ceiling =
            FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(state.opened.min(10))).min(LONGEST_PAUSE);
        state.open_until = Some(Instant::now() + ceiling.mul_f64(rand::rng().random_range(0.5..=1.0)));
        state.opened += 1;
        state.opened == 1
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_probe_through() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 1..MOST_FAILURES {
            assert!(!breaker.failed());
            assert_eq!(breaker.wait(now), None, "still closed");
        }
        assert!(breaker.failed(), "told once");
        assert!(breaker.wait(now).is_some(), "open");
        let later = now + FIRST_PAUSE * 2;
        assert_eq!(breaker.wait(later), None, "the probe");
        assert!(breaker.wait(later).is_some(), "the others wait for it");
        assert!(!breaker.failed());
        assert!(breaker.wait(now).is_some(), "open again");
        breaker.worked();
        assert_eq!(breaker.wait(now), None);
    }
}
