//! Which stores are looked at for stale entities: those of which there was news, those whose pause is over, and now and then all.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// News may be lost on its way: so often every store is looked at.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// News may be lost while a store pauses, too: no pause is longer.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// What is known of the stores that need not be looked at.
#[derive(Debug, Default)]
pub(super) struct Looks {
    woken: HashSet<i64>,
    pauses: HashMap<i64, Instant>,
    swept_at: Option<Instant>,
}

impl Looks {
    /// There was news of `store_id`, or a round of it has ended.
    pub(super) fn wake(&mut self, store_id: i64) {
        self.woken.insert(store_id);
    }

    /// There may have been news of any.
    pub(super) fn wake_all(&mut self) {
        self.swept_at = None;
        self.pauses.clear();
    }

    /// Nothing of `store_id` is due before `until`, unless there is news; the earliest of several counts.
    pub(super) fn pause(&mut self, store_id: i64, until: Instant, now: Instant) {
        let until = until.min(now + MAX_PAUSE);
        self.pauses.entry(store_id).and_modify(|known| *known = until.min(*known)).or_insert(until);
    }

    /// Whether any store may have to be looked at.
    pub(super) fn are_due(&self, now: Instant) -> bool {
        self.is_sweep(now) || !self.woken.is_empty() || self.pauses.values().any(|until| *until <= now)
    }

    /// Which of `connected` are to be looked at; those `under_way` are when their round has ended.
    pub(super) fn take(
        &mut self,
        connected: impl Iterator<Item = i64>,
        under_way: &HashSet<i64>,
        now: Instant,
    ) -> Vec<i64> {
        let is_sweep = self.is_sweep(now);
        if is_sweep {
            self.swept_at = Some(now);
        }
        let stores: Vec<i64> = connected
            .filter(|store| !under_way.contains(store))
            .filter(|store| {
                let pause = self.pauses.get(store);
                self.woken.contains(store) || pause.map_or(is_sweep, |until| *until <= now)
            })
            .collect();
        for store in &stores {
            self.pauses.remove(store);
        }
        // Those of stores that are not connected, too: they are nobody's.
        self.woken.retain(|store| under_way.contains(store));
        self.pauses.retain(|_, until| *until > now);
        stores
    }

    fn is_sweep(&self, now: Instant) -> bool {
        self.swept_at.is_none_or(|at| now.duration_since(at) >= SWEEP_INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(looks: &mut Looks, under_way: &[i64], now: Instant) -> Vec<i64> {
        looks.take(1..=3, &under_way.iter().copied().collect(), now)
    }

    #[test]
    fn a_store_is_looked_at_for_news_and_once_in_an_interval() {
        let (mut looks, began) = (Looks::default(), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        assert!(looks.are_due(began));
        assert_eq!(take(&mut looks, &[], began), [1, 2, 3]);
        assert!(!looks.are_due(at(9)));
        looks.wake(2);
        looks.wake(77);
        assert!(looks.are_due(at(1)));
        assert_eq!(take(&mut looks, &[], at(1)), [2]);
        assert!(!looks.are_due(at(1)), "a store that is not connected is not waited for");
        assert_eq!(take(&mut looks, &[], at(10)), [1, 2, 3]);
        looks.wake_all();
        assert_eq!(take(&mut looks, &[], at(11)), [1, 2, 3]);
    }

    #[test]
    fn a_pause_ends_with_its_time_or_with_news_and_a_store_under_way_is_looked_at_afterwards() {
        let (mut looks, began) = (Looks::default(), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        take(&mut looks, &[], began);
        looks.pause(1, at(60), began);
        looks.pause(2, at(6 * 3_600), began);
        looks.pause(2, at(7 * 3_600), began);
        assert_eq!(take(&mut looks, &[], at(10)), [3], "a sweep does not end a pause");
        looks.wake(1);
        looks.wake(3);
        assert_eq!(take(&mut looks, &[3], at(11)), [1]);
        assert_eq!(take(&mut looks, &[], at(12)), [3]);
        assert!(take(&mut looks, &[], at(21)).contains(&1));
        assert_eq!(take(&mut looks, &[], at(60)), [1, 2, 3], "no pause is longer than a minute");
        looks.pause(2, at(120), at(61));
        looks.wake_all();
        assert_eq!(take(&mut looks, &[], at(61)), [1, 2, 3], "news of any ends all pauses");
    }
}
