//! Salla's clock, by the `Date` header of its answers (ARCHITECTURE §5).

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use qafila_schemas::millis::Millis;
use reqwest::header::{AGE, DATE, HeaderMap};

/// The `Date` header has whole seconds; a smaller difference says nothing.
const NOISE_MS: i64 = 1_500;
/// An answer that took longer does not say when its date was true.
const MAX_ROUND_TRIP_MS: i64 = 1_000;
/// Clocks are not further apart than this: such a date is a mistake.
const MAX_SKEW_MS: i64 = 24 * 3_600_000;

/// How far Salla's clock is from ours. One a process.
#[derive(Debug, Default)]
pub struct SallaClock {
    known: Mutex<Known>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Known {
    skew_ms: i64,
    /// What the last answer said where that is another time than is known: believed once the next one says it, too.
    claimed_ms: Option<i64>,
}

impl SallaClock {
    /// Now, by Salla's clock as far as we know it.
    pub fn now(&self) -> Millis {
        Millis(Millis::now().0.saturating_add(self.lock().skew_ms))
    }

    /// Learns from an answer to a call that was sent at `sent`.
    pub fn learn(&self, headers: &HeaderMap, sent: Millis) {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(theirs) = text(DATE).and_then(http_date) {
            // A date from a cache was true when the answer was made.
            let age = text(AGE).and_then(|age| age.trim().parse::<u32>().ok()).map_or(0, i64::from);
            let mut known = self.lock();
            *known = known.after(theirs.timestamp_millis() + age * 1_000, sent, Millis::now());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// After an answer that says `theirs` to a call that was sent at `sent` and answered at `received`, both by our clock.
    fn after(self, theirs: i64, sent: Millis, received: Millis) -> Self {
        if !(0..=MAX_ROUND_TRIP_MS).contains(&(received.0 - sent.0)) {
            return self;
        }
        let skew = theirs.saturating_add(500).saturating_sub(i64::midpoint(sent.0, received.0));
        if skew.saturating_abs() > MAX_SKEW_MS {
            return self;
        }
        let skew = if skew.abs() > NOISE_MS { skew } else { 0 };
        let is_near = |other: i64| (skew - other).abs() <= NOISE_MS;
        if is_near(self.skew_ms) {
            return Self { claimed_ms: None, ..self };
        }
        if self.claimed_ms.is_some_and(is_near) {
            return Self { skew_ms: skew, claimed_ms: None };
        }
        Self { claimed_ms: Some(skew), ..self }
    }
}

fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    /// The skew after answers that each say a time so far from ours and took so long.
    fn after(answers: &[(i64, i64)]) -> i64 {
        let known = answers.iter().fold(Known::default(), |known, (skew, took)| {
            let sent = 1_700_000_000_000;
            known.after(sent + took / 2 + skew - 500, Millis(sent), Millis(sent + took))
        });
        known.skew_ms
    }

    #[test]
    fn another_time_is_believed_once_a_second_answer_says_it_and_heals_the_same_way() {
        assert_eq!(after(&[(HOUR, 100)]), 0, "one answer may be wrong");
        assert_eq!(after(&[(HOUR, 100), (HOUR, 100)]), HOUR);
        assert_eq!(after(&[(HOUR, 100), (0, 100), (HOUR, 100), (0, 100)]), 0);
        assert_eq!(after(&[(HOUR, 100), (HOUR, 100), (0, 100), (0, 100)]), 0, "it heals");
        assert_eq!(after(&[(900, 100), (900, 100)]), 0, "noise");
    }

    #[test]
    fn slow_answers_and_impossible_times_say_nothing() {
        assert_eq!(after(&[(HOUR, 1_500), (HOUR, 1_500)]), 0);
        assert_eq!(after(&[(48 * HOUR, 100), (48 * HOUR, 100)]), 0);
        assert_eq!(after(&[(i64::MAX / 4, 100), (i64::MAX / 4, 100)]), 0);
    }
}
