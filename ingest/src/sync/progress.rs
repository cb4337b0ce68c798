//! Progress of a run, from its checkpoints: counts by pass and resource, and the calls of Salla's API it still needs, which
//! decide percent and predicted end.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use qafila_schemas::millis::Millis;
use qafila_schemas::records::sync::{SyncPhase, SyncProgress};

use super::hydrate::HydrationState;
use super::slices::SliceState;
use super::work::LeasedRun;

/// Steps of an import.
pub const PHASES: [&str; 2] = [LIST, HYDRATE];
const LIST: &str = "list";
const HYDRATE: &str = "hydrate";
/// Calls of an order in pass 2.
const CALLS_AN_ORDER: i64 = 2;
/// Part of the allowed rate that is used, as measured; the rate of the first minutes.
const USED: f64 = 0.97;
/// Minutes of Salla's that a rate is taken over: calls are spread over each, not evenly.
const MINUTES: u32 = 2;
const SHORTEST_WINDOW: Duration = Duration::from_secs(20);
/// A part is at most as long as Salla shows (10,000 rows, FACTS §4).
const UNKNOWN_PART_ROWS: i64 = 5_000;

/// Rows that the source says orders and products have in the run's window, asked once at the start.
pub type Expected = BTreeMap<String, i64>;

/// What is known of a run at one moment.
pub struct Snapshot<'s> {
    /// Its slices.
    pub slices: &'s [SliceState],
    /// Pass 2; none before it has begun.
    pub hydration: Option<HydrationState>,
    /// What the source said at the start.
    pub expected: &'s Expected,
    /// Calls a minute that Salla lets us make; none where it does not say.
    pub allowed: Option<u32>,
}

/// Measures the rate of one run.
#[derive(Debug)]
pub struct Meter {
    samples: VecDeque<(Instant, i64)>,
    minute: Duration,
    orders_per_page: i64,
    others_per_page: i64,
}

/// Calls of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Calls {
    done: i64,
    total: i64,
}

impl Meter {
    /// For pages of so many rows, and a minute of Salla's that lasts so long.
    pub fn new(minute: Duration, orders_per_page: u32, others_per_page: u32) -> Self {
        Self {
            samples: VecDeque::new(),
            minute,
            orders_per_page: i64::from(orders_per_page),
            others_per_page: i64::from(others_per_page),
        }
    }

    /// Progress now.
    pub fn progress(&mut self, run: &LeasedRun, snapshot: &Snapshot<'_>) -> SyncProgress {
        let calls = self.calls(snapshot);
        let rate = self.rate(Instant::now(), calls.map_or(0, |c| c.done), snapshot.allowed);
        SyncProgress {
            merchant_id: run.merchant_id,
            job_id: run.job_id,
            run_id: run.lease.run_id,
            epoch: run.lease.epoch,
            phases: phases(snapshot),
            calls_done: calls.map(|c| c.done),
            calls_total: calls.map(|c| c.total),
            eta_seconds: calls.and_then(|c| eta(c.total - c.done, rate)),
            rate_per_minute: rate,
            paused_until: None,
            reported_at: Millis::now(),
        }
    }

    /// Calls that the run needs in all and those it no longer needs; none where the number of orders is not known.
    fn calls(&self, snapshot: &Snapshot<'_>) -> Option<Calls> {
        let mut calls = Calls::default();
        for resource in resources(snapshot.slices) {
            let list = self.list_calls(resource, snapshot)?;
            calls.done += list.done;
            calls.total += list.total;
        }
        let orders = orders_to_read(snapshot)?;
        let (done, total) = snapshot.hydration.map_or((0, orders), |h| {
            if h.finished { (h.done, h.done) } else { (h.done, h.total.max(h.done)) }
        });
        calls.done += done * CALLS_AN_ORDER;
        calls.total += total * CALLS_AN_ORDER;
        Some(calls)
    }

    /// A slice of orders is read once and counted once more; other resources are read twice.
    fn list_calls(&self, resource: &str, snapshot: &Snapshot<'_>) -> Option<Calls> {
        let orders = resource == "orders";
        let per_page = if orders { self.orders_per_page } else { self.others_per_page };
        let pages = |rows: i64| ((rows + per_page - 1) / per_page).max(1);
        let whole = |rows: i64| if orders { pages(rows) + 1 } else { 2 * pages(rows) };
        let (mut calls, mut known_rows, mut unknown) = (Calls::default(), 0, 0);
        for slice in snapshot.slices.iter().filter(|s| s.resource == resource) {
            let Some(rows) = slice.total else {
                unknown += 1;
                continue;
            };
            known_rows += rows;
            let all = whole(rows);
            let before = if orders || slice.scan == 1 { 0 } else { pages(rows) };
            calls.total += all;
            calls.done +=
                if slice.closed { all } else { (before + i64::from(slice.next_page) - 1).min(all - 1) };
        }
        if unknown > 0 {
            let rows = match snapshot.expected.get(resource) {
                Some(expected) => (expected - known_rows).max(0),
                None if orders => return None,
                None => unknown * rows_of_part(snapshot, resource),
            };
            calls.total += if orders { rows / per_page + 2 * unknown } else { whole(rows) };
        }
        Some(calls)
    }

    /// Calls a minute over the last minutes; before there is enough to see, what Salla allows.
    fn rate(&mut self, now: Instant, done: i64, allowed: Option<u32>) -> f64 {
        let window = (self.minute * MINUTES).max(SHORTEST_WINDOW);
        if self.samples.back().is_some_and(|(_, before)| *before > done) {
            // What was read is read again: the calls before do not tell how fast that goes.
            self.samples.clear();
        }
        self.samples.push_back((now, done));
        while self.samples.len() > 2 && self.samples.get(1).is_some_and(|(at, _)| now - *at >= window) {
            self.samples.pop_front();
        }
        let measured = self
            .samples
            .front()
            .filter(|(at, _)| now > *at)
            .map(|(at, before)| ((done - before) as f64 * 60.0 / (now - *at).as_secs_f64(), now - *at));
        let promised = allowed.map(|calls| f64::from(calls) * USED * 60.0 / self.minute.as_secs_f64());
        match (measured, promised) {
            (Some((rate, seen)), Some(promised)) if seen < window => {
                let weight = seen.as_secs_f64() / window.as_secs_f64();
                rate * weight + promised * (1.0 - weight)
            }
            (Some((rate, _)), _) => rate,
            (None, promised) => promised.unwrap_or(0.0),
        }
    }
}

/// Rows that a part of a resource may have of which nobody has told how many, where the resource is read in parts: rather too many, so that
/// progress never falls.
fn rows_of_part(snapshot: &Snapshot<'_>, resource: &str) -> i64 {
    let of = || snapshot.slices.iter().filter(|s| s.resource == resource);
    if of().any(|slice| slice.name == "all") {
        return 0;
    }
    let (rows, known) =
        of().filter_map(|s| s.total).fold((0, 0), |(rows, known), one| (rows + one, known + 1));
    UNKNOWN_PART_ROWS.max(rows / known.max(1))
}

fn eta(left: i64, rate_per_minute: f64) -> Option<i64> {
    (rate_per_minute > 0.0).then(|| (left.max(0) as f64 * 60.0 / rate_per_minute).ceil() as i64)
}

fn resources(slices: &[SliceState]) -> Vec<&str> {
    let mut resources: Vec<&str> = slices.iter().map(|s| s.resource.as_str()).collect();
    resources.sort_unstable();
    resources.dedup();
    resources
}

/// Orders that pass 2 will read: those of the slices, and before all are known those the source has told of.
fn orders_to_read(snapshot: &Snapshot<'_>) -> Option<i64> {
    let of = || snapshot.slices.iter().filter(|s| s.resource == "orders");
    let closed: i64 = of().filter(|s| s.closed).map(|s| s.ids[1]).sum();
    if of().all(|s| s.closed) {
        return Some(closed);
    }
    snapshot.expected.get("orders").map(|expected| (*expected).max(closed))
}

/// Rows of a slice that were read: of orders those within it, because what is asked for overlaps the neighbours by a day.
fn rows_read(slice: &SliceState) -> i64 {
    match (slice.resource == "orders", slice.closed) {
        (true, true) => slice.ids[1],
        (true, false) => slice.imported + slice.skipped,
        (false, true) => slice.ids.iter().sum(),
        (false, false) => slice.seen,
    }
}

/// One phase a pass and resource. The total of orders is what the source said at the start, until all slices agree.
fn phases(snapshot: &Snapshot<'_>) -> Vec<SyncPhase> {
    let mut phases: Vec<SyncPhase> = resources(snapshot.slices)
        .into_iter()
        .map(|resource| {
            let of = || snapshot.slices.iter().filter(|s| s.resource == resource);
            let done: i64 = of().map(rows_read).sum();
            let said = snapshot.expected.get(resource).copied();
            let own: Option<i64> = of().map(|s| s.total).sum();
            let total = match (resource == "orders", of().all(|s| s.closed)) {
                (true, true) => Some(done),
                (true, false) => said.or(own),
                (false, _) => own.or(said),
            };
            SyncPhase {
                name: LIST.into(),
                resource: resource.into(),
                done,
                // A slice that is read to its end is not done before it agrees.
                total: total.map(|total| total.max(done + i64::from(of().any(|s| !s.closed)))),
                skipped: of().map(|s| s.skipped).sum(),
            }
        })
        .collect();
    phases.push(SyncPhase {
        name: HYDRATE.into(),
        resource: "orders".into(),
        done: snapshot.hydration.map_or(0, |h| h.done),
        total: match snapshot.hydration {
            Some(h) if h.finished => Some(h.done),
            Some(h) => Some(h.total.max(h.done)),
            None => orders_to_read(snapshot),
        },
        skipped: snapshot.hydration.map_or(0, |h| h.skipped),
    });
    phases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(resource: &str, total: Option<i64>, seen: i64, closed: bool) -> SliceState {
        SliceState {
            resource: resource.into(),
            name: "x".into(),
            scan: 1,
            next_page: i32::try_from(seen / 30).expect("few pages") + 1,
            total,
            seen,
            imported: seen,
            closed,
            ids: if closed { [0, seen, 0] } else { [0; 3] },
            ..SliceState::default()
        }
    }

    fn snapshot<'s>(slices: &'s [SliceState], expected: &'s Expected) -> Snapshot<'s> {
        Snapshot { slices, hydration: None, expected, allowed: Some(120) }
    }

    #[test]
    fn totals_are_the_sources_own_and_nothing_is_done_before_it_agrees() {
        let expected = Expected::from([("orders".to_owned(), 100)]);
        let some = [slice("orders", Some(40), 40, true), slice("orders", None, 0, false)];
        let some = phases(&snapshot(&some, &expected));
        assert_eq!((some[0].done, some[0].total), (40, Some(100)));
        assert_eq!((some[1].name.as_str(), some[1].total), ("hydrate", Some(100)));
        let read = [slice("orders", Some(40), 40, true), slice("orders", Some(60), 60, false)];
        let read = phases(&snapshot(&read, &expected));
        assert_eq!((read[0].done, read[0].total), (100, Some(101)), "not yet agreed");
        // Salla counts a neighbour's day with it: 70 rows, of which 60 are the slice's own.
        let overlapping =
            SliceState { total: Some(70), seen: 70, ids: [5, 60, 5], ..slice("orders", None, 60, true) };
        let agreed = phases(&snapshot(&[slice("orders", Some(40), 40, true), overlapping], &expected));
        assert_eq!((agreed[0].done, agreed[0].total), (100, Some(100)));
        let nobody = Expected::new();
        let none = [slice("products", None, 0, false)];
        assert_eq!(phases(&snapshot(&none, &nobody))[0].total, None, "what nobody said is not claimed");
    }

    #[test]
    fn calls_are_those_of_pages_counts_details_and_items() {
        let meter = Meter::new(Duration::from_secs(60), 30, 60);
        let expected = Expected::from([("orders".to_owned(), 90)]);
        let slices = [slice("orders", Some(60), 60, true), slice("orders", None, 0, false)];
        // 2 pages and a count are done; 30 rows more make a page, the slice a count, and one to spare; 90 orders two calls each.
        let calls = meter.calls(&snapshot(&slices, &expected)).expect("known");
        assert_eq!(calls, Calls { done: 3, total: 3 + 3 + 180 });
        assert_eq!(meter.calls(&snapshot(&slices, &Expected::new())), None);
    }

    #[test]
    fn parts_that_nobody_has_counted_yet_are_not_taken_for_empty() {
        let meter = Meter::new(Duration::from_secs(60), 30, 60);
        let (nobody, known) = (Expected::new(), slice("customers", Some(9_000), 9_000, true));
        let part = || slice("customers", None, 0, false);
        // Twice 150 pages each.
        let calls = meter.calls(&snapshot(&[known.clone(), part(), part()], &nobody));
        assert_eq!(calls, Some(Calls { done: 300, total: 900 }), "as long as those that are known");
        let calls = meter.calls(&snapshot(&[part(), part()], &nobody));
        assert_eq!(calls, Some(Calls { done: 0, total: 334 }), "or as long as they may well be");
        let whole = SliceState { name: "all".into(), ..part() };
        assert_eq!(meter.calls(&snapshot(&[whole], &nobody)), Some(Calls { done: 0, total: 2 }));
    }

    #[test]
    fn the_rate_is_what_salla_allows_until_minutes_have_been_seen() {
        let mut meter = Meter::new(Duration::from_secs(60), 30, 60);
        let start = Instant::now();
        assert!((meter.rate(start, 0, Some(100)) - 97.0).abs() < 1e-9);
        let blended = meter.rate(start + Duration::from_secs(60), 80, Some(100));
        assert!((blended - (80.0 * 0.5 + 97.0 * 0.5)).abs() < 1e-9, "{blended}");
        let seen = meter.rate(start + Duration::from_secs(120), 160, Some(100));
        assert!((seen - 80.0).abs() < 1e-9, "{seen}");
        assert_eq!(eta(160, seen), Some(120));
        assert!(Meter::new(Duration::from_secs(60), 30, 60).rate(start, 5, None).abs() < f64::EPSILON);
    }
}
