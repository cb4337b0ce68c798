//! Salla's clock, by the `Date` header of its answers (ARCHITECTURE §5).

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use qafila_schemas::millis::Millis;
use reqwest::header::{DATE, HeaderMap};

/// The `Date` header has whole seconds; a smaller difference says nothing.
const CLOCK_NOISE_MS: i64 = 1_500;

/// How far Salla's clock is from ours. One a process.
#[derive(Debug, Default)]
pub struct SallaClock {
    skew_ms: AtomicI64,
}

impl SallaClock {
    /// Now, by Salla's clock as far as we know it.
    pub fn now(&self) -> Millis {
        Millis(Millis::now().0 + self.skew_ms.load(Ordering::Relaxed))
    }

    /// Learns from an answer to a call that was sent at `sent`.
    pub fn learn(&self, headers: &HeaderMap, sent: Millis) {
        if let Some(theirs) = headers.get(DATE).and_then(|v| v.to_str().ok()).and_then(http_date) {
            let middle = i64::midpoint(sent.0, Millis::now().0);
            let skew = theirs.timestamp_millis() + 500 - middle;
            self.skew_ms.store(if skew.abs() > CLOCK_NOISE_MS { skew } else { 0 }, Ordering::Relaxed);
        }
    }
}

fn http_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|at| at.to_utc())
}
