//! Records whose schema the registry does not know: how long they hold the reader up, and when they are given up.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// More records in a row, and nothing else: it is the registry that is wrong, and not the records.
const MAX_ALONE: usize = 10;

/// Topic (by its number), partition and offset of a record.
type Place = (usize, i32, i64);

/// Schema ids that the registry says it does not know.
pub(super) struct UnknownSchemas {
    grace: Duration,
    since: HashMap<u32, Instant>,
    given_up_at: HashMap<u32, Instant>,
    /// Where the records stood that were given up since one could be read, a few of them: one that is read again is the same.
    given_up_in_a_row: BTreeSet<Place>,
}

impl UnknownSchemas {
    /// Records are given up once their schema was unknown for `grace`.
    pub(super) fn new(grace: Duration) -> Self {
        Self { grace, since: HashMap::new(), given_up_at: HashMap::new(), given_up_in_a_row: BTreeSet::new() }
    }

    /// Notes that a schema is not known `now`; whether it has not been for the whole grace period.
    pub(super) fn is_over(&mut self, schema_id: u32, now: Instant) -> bool {
        now.duration_since(*self.since.entry(schema_id).or_insert(now)) >= self.grace
    }

    /// Notes that a schema is known, or that all are waited for once more.
    pub(super) fn forget(&mut self, schema_id: Option<u32>) {
        if let Some(id) = schema_id {
            self.since.remove(&id);
            self.given_up_at.remove(&id);
        } else {
            self.since.clear();
            self.given_up_at.clear();
        }
    }

    /// Notes that records with a schema are given up: for another grace period the registry is not asked again.
    pub(super) fn give_up_schema(&mut self, schema_id: u32, now: Instant) {
        self.given_up_at.insert(schema_id, now);
    }

    /// Whether records with a schema are given up without asking.
    pub(super) fn is_given_up(&self, schema_id: u32, now: Instant) -> bool {
        self.given_up_at.get(&schema_id).is_some_and(|at| now.duration_since(*at) < self.grace)
    }

    /// Notes that the record at `place` is given up.
    pub(super) fn give_up(&mut self, place: Place) {
        if self.given_up_in_a_row.len() <= MAX_ALONE {
            self.given_up_in_a_row.insert(place);
        }
    }

    /// Notes that a record can be read.
    pub(super) fn has_read(&mut self) {
        self.given_up_in_a_row.clear();
    }

    /// Whether a batch that has `items` may leave: never where nearly all of it would be given up.
    pub(super) fn may_leave(&self, items: usize) -> bool {
        items > 0 || self.given_up_in_a_row.len() <= MAX_ALONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_waited_for_until_the_grace_period_is_over_and_again_after_it_was_known() {
        let (grace, began) = (Duration::from_secs(60), Instant::now());
        let mut unknown = UnknownSchemas::new(grace);
        let at = |seconds| began + Duration::from_secs(seconds);
        assert!(!unknown.is_over(7, began) && !unknown.is_over(7, at(59)) && unknown.is_over(7, at(60)));
        assert!(!unknown.is_over(8, at(60)), "each has its own");
        unknown.forget(Some(7));
        assert!(!unknown.is_over(7, at(61)) && unknown.is_over(8, at(120)));
        unknown.give_up_schema(8, at(120));
        assert!(unknown.is_given_up(8, at(179)) && !unknown.is_given_up(8, at(180)), "it is asked for again");
        unknown.forget(None);
        assert!(!unknown.is_over(8, at(121)) && !unknown.is_given_up(8, at(121)));
    }

    #[test]
    fn a_batch_of_which_nothing_can_be_read_stays_until_something_can_be_read_again() {
        let mut unknown = UnknownSchemas::new(Duration::ZERO);
        let few = || (0..MAX_ALONE as i64).map(|offset| (0, 0, offset));
        few().chain(few()).chain(few()).for_each(|place| unknown.give_up(place));
        assert!(unknown.may_leave(0), "those that are read again are the same");
        unknown.give_up((0, 1, 0));
        assert!(!unknown.may_leave(0) && unknown.may_leave(1));
        unknown.forget(None);
        assert!(!unknown.may_leave(0), "read again from its beginning");
        unknown.has_read();
        assert!(unknown.may_leave(0));
    }
}
