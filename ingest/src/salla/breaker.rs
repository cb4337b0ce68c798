//! Circuit breakers, one for each of Salla's hosts and one for each store: after failures in a row calls wait, then one of
//! them tries whether it works again (half-open).

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::Rng;

/// Failures in a row that open a breaker.
const MOST_FAILURES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

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
    probing: bool,
}

/// Leave to make one call. Dropped without [`worked`](Self::worked) or [`failed`](Self::failed), it says nothing.
#[derive(Debug)]
pub struct Admission<'b> {
    breaker: &'b Breaker,
    /// Times the breaker had been opened when the call was let through.
    opened: u32,
    probe: bool,
}

impl Breaker {
    /// Waits until a call may be tried.
    pub async fn admitted(&self) -> Admission<'_> {
        loop {
            match self.admit(Instant::now()) {
                Ok(admission) => return admission,
                Err(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// Whether calls wait, or only one tries.
    pub fn is_open(&self) -> bool {
        self.lock().open_until.is_some()
    }

    /// Leave to make a call, or how long to wait before asking again.
    fn admit(&self, now: Instant) -> Result<Admission<'_>, Duration> {
        let mut state = self.lock();
        let opened = state.opened;
        let Some(until) = state.open_until else {
            return Ok(Admission { breaker: self, opened, probe: false });
        };
        if now < until {
            return Err(until - now);
        }
        // Half-open: one call tries, the others wait for what becomes of it.
        if state.probing {
            return Err(FIRST_PAUSE / 5);
        }
        state.probing = true;
        Ok(Admission { breaker: self, opened, probe: true })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission<'_> {
    /// The call was answered, whatever the answer.
    pub fn worked(self) {
        *self.breaker.lock() = State::default();
    }

    /// The call got no usable answer. True where this opened the breaker. Calls that were under way when it was opened say
    /// nothing new.
    pub fn failed(self) -> bool {
        let mut state = self.breaker.lock();
        if state.opened != self.opened {
            return false;
        }
        state.failures += 1;
        if state.failures < MOST_FAILURES && !self.probe {
            return false;
        }
        let ceiling =
            FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(state.opened.min(10))).min(LONGEST_PAUSE);
        state.open_until = Some(Instant::now() + ceiling.mul_f64(rand::rng().random_range(0.5..=1.0)));
        state.opened += 1;
        state.opened == 1
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.breaker.lock().probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_probe_through() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        let later = now + LONGEST_PAUSE * 2;
        let beside = breaker.admit(now).expect("closed");
        for _ in 1..MOST_FAILURES {
            assert!(!breaker.admit(now).expect("still closed").failed());
        }
        assert!(breaker.admit(now).expect("still closed").failed(), "told once");
        assert!(breaker.admit(now).is_err(), "open");
        assert!(!beside.failed(), "it was under way before");
        let probe = breaker.admit(later).expect("the probe");
        assert!(breaker.admit(later).is_err(), "the others wait for it");
        drop(probe);
        assert!(!breaker.admit(later).expect("another probe").failed());
        assert!(breaker.admit(now).is_err(), "open again");
        breaker.admit(later).expect("a probe").worked();
        assert!(breaker.admit(now).is_ok());
    }
}
