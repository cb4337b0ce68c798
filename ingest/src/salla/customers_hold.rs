//! Who waits after Salla has refused a call of `/customers`: its cap is said to be of our address, for all stores together (FACTS §6). Nobody
//! knows; so the store that was refused waits first, and all do once another is refused within that time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Stores that were refused, and until when.
#[derive(Debug, Default)]
pub struct CustomersHold {
    all: Option<Instant>,
    stores: HashMap<i64, Instant>,
}

impl CustomersHold {
    /// Salla has refused a call of `store` at `now` and asks for a pause. A hold is never shortened.
    pub fn refused(&mut self, store: i64, now: Instant, pause: Duration) {
        self.stores.retain(|_, until| *until > now);
        let until = now + pause;
        if self.stores.keys().any(|other| *other != store) {
            self.all = self.all.max(Some(until));
        }
        let own = self.stores.entry(store).or_insert(until);
        *own = (*own).max(until);
    }

    /// Until when `store` makes no call of `/customers`; perhaps it is over.
    pub fn until(&self, store: i64) -> Option<Instant> {
        self.all.max(self.stores.get(&store).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_store_that_is_refused_waits_alone_and_two_make_all_wait() {
        let (now, pause) = (Instant::now(), Duration::from_secs(600));
        let mut hold = CustomersHold::default();
        hold.refused(1, now, pause);
        hold.refused(1, now, pause / 2);
        assert_eq!(hold.until(1), Some(now + pause), "a hold is not shortened");
        assert_eq!(hold.until(3), None);
        hold.refused(2, now + pause / 2, pause);
        assert_eq!(hold.until(3), Some(now + pause / 2 + pause));
    }

    #[test]
    fn a_refusal_that_is_over_says_nothing_of_others() {
        let (now, pause) = (Instant::now(), Duration::from_secs(600));
        let mut hold = CustomersHold::default();
        hold.refused(1, now, pause);
        hold.refused(2, now + pause, pause);
        assert_eq!(hold.until(3), None);
    }
}
