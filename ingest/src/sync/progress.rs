//! Progress of a run, from its checkpoints: counts by resource, rate over the last minute, predicted end.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use qafila_schemas::millis::Millis;
use qafila_schemas::records::sync::{SyncPhase, SyncProgress};

use super::work::{LeasedRun, SliceState};

const WINDOW: Duration = Duration::from_secs(60);
const LIST: &str = "list";

/// Rows that the source says each resource has in the run's window, asked once at the start.
pub type Expected = BTreeMap<String, i64>;

/// Measures the rate of one run.
#[derive(Debug, Default)]
pub struct Meter {
    samples: VecDeque<(Instant, i64)>,
}

impl Meter {
    /// Progress now, from the slices' checkpoints.
    pub fn progress(&mut self, run: &LeasedRun, slices: &[SliceState], expected: &Expected) -> SyncProgress {
        let phases = phases(slices, expected);
        let done: i64 = phases.iter().map(|p| p.done).sum();
        let total: Option<i64> = phases.iter().map(|p| p.total).sum();
        let rate = self.rate(Instant::now(), done);
        SyncProgress {
            merchant_id: run.merchant_id,
            job_id: run.job_id,
            run_id: run.lease.run_id,
            epoch: run.lease.epoch,
            eta_seconds: total.and_then(|total| eta(total - done, rate)),
            phases,
            rate_per_minute: rate,
            paused_until: None,
            reported_at: Millis::now(),
        }
    }

    /// Rows a minute over the last minute or less.
    fn rate(&mut self, now: Instant, done: i64) -> f64 {
        self.samples.push_back((now, done));
        while self.samples.len() > 2 && self.samples.front().is_some_and(|(at, _)| now - *at > WINDOW) {
            self.samples.pop_front();
        }
        match self.samples.front() {
            Some((at, before)) if now > *at => (done - before) as f64 * 60.0 / (now - *at).as_secs_f64(),
            _ => 0.0,
        }
    }
}

fn eta(left: i64, rate_per_minute: f64) -> Option<i64> {
    (rate_per_minute > 0.0).then(|| (left.max(0) as f64 * 60.0 / rate_per_minute).ceil() as i64)
}

/// One phase a resource. A slice's window overlaps its neighbours, so once all slices have begun their own
/// totals are the better sum.
fn phases(slices: &[SliceState], expected: &Expected) -> Vec<SyncPhase> {
    let mut resources: Vec<&str> = slices.iter().map(|s| s.resource.as_str()).collect();
    resources.sort_unstable();
    resources.dedup();
    resources
        .into_iter()
        .map(|resource| {
            let of = || slices.iter().filter(|s| s.resource == resource);
            let done = of().map(|s| s.seen).sum();
            let own: Option<i64> = of().map(|s| s.total).sum();
            let total = own.or_else(|| expected.get(resource).copied()).map(|total: i64| total.max(done));
            SyncPhase {
                name: LIST.into(),
                resource: resource.into(),
                done,
                total,
                skipped: of().map(|s| s.skipped).sum(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(resource: &str, total: Option<i64>, seen: i64) -> SliceState {
        SliceState {
            resource: resource.into(),
            name: "x".into(),
            next_page: 1,
            total,
            seen,
            imported: seen,
            skipped: 0,
            finished: false,
            reported: false,
        }
    }

    #[test]
    fn totals_are_the_sources_own_and_never_below_what_was_done() {
        let expected = Expected::from([("orders".to_owned(), 100)]);
        let some = phases(&[slice("orders", Some(40), 40), slice("orders", None, 0)], &expected);
        assert_eq!((some[0].done, some[0].total), (40, Some(100)));
        let all = phases(&[slice("orders", Some(40), 40), slice("orders", Some(63), 5)], &expected);
        assert_eq!(all[0].total, Some(103));
        let none = phases(&[slice("products", None, 0)], &expected);
        assert_eq!(none[0].total, None, "what nobody said is not claimed");
    }

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let mut meter = Meter::default();
        let start = Instant::now();
        assert!(meter.rate(start, 0).abs() < f64::EPSILON);
        let rate = meter.rate(start + Duration::from_secs(30), 600);
        assert!((rate - 1200.0).abs() < 0.001, "{rate}");
        meter.rate(start + Duration::from_secs(90), 660);
        let slow = meter.rate(start + Duration::from_secs(120), 690);
        assert!((slow - 60.0).abs() < 0.001, "{slow}");
        assert_eq!(eta(120, slow), Some(120));
    }
}
