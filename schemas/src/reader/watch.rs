//! Notices partitions that are ours and yet are not read. librdkafka has lost the start of a partition more than once, and then says
//! nothing (confluentinc/librdkafka#5591, #5586): a reader that looks well would leave their records lie for ever.
//!
//! librdkafka tells in its statistics how far it has fetched. Who has fetched nothing from one look to the next, although there was
//! something to fetch at the first, is not reading.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::statistics::Statistics;

/// How often librdkafka tells how far it has fetched. An idle partition is fetched twenty times a second.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(15);
/// Looks that follow sooner tell nothing: they waited together while nobody polled.
const SOONEST: Duration = Duration::from_secs(10);

/// So many records …
pub(super) const AHEAD_RECORDS: i64 = 20_000;
/// … or so many KiB librdkafka fetches before they are asked for.
pub(super) const AHEAD_KIB: u32 = 16_384;

/// A topic on the brokers, and a partition of it.
pub(super) type Partition = (String, i32);
type Offsets = BTreeMap<Partition, i64>;

/// How far librdkafka has fetched.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    /// The next offset to fetch of each partition it knows; negative where none was fetched yet.
    next: Offsets,
    /// Whether so much waits to be taken that librdkafka may have a reason to fetch no more.
    enough_waits: bool,
}

impl Fetched {
    /// Reads librdkafka's statistics.
    pub(super) fn of(statistics: &Statistics) -> Self {
        let mut fetched = Self::default();
        for (name, topic) in &statistics.topics {
            for (number, partition) in &topic.partitions {
                fetched.next.insert((name.clone(), *number), partition.next_offset);
                // All partitions share one queue, and each tells its length.
                fetched.enough_waits |= partition.fetchq_cnt >= AHEAD_RECORDS / 4
                    || partition.fetchq_size >= u64::from(AHEAD_KIB) * 1024 / 4;
            }
        }
        fetched
    }
}

/// One look at the partitions of an assignment.
struct Look {
    at: Instant,
    epoch: u64,
    fetched: Fetched,
    ends: Offsets,
}

/// Compares each look with the one before.
#[derive(Default)]
pub(super) struct Watch {
    before: Option<Look>,
}

impl Watch {
    /// Forgets what was seen: there was a reason to fetch nothing.
    pub(super) fn forget(&mut self) {
        self.before = None;
    }

    /// The partitions that were not read since the last look. `ends` are those of the partitions that are assigned in `epoch`.
    pub(super) fn look(&mut self, epoch: u64, fetched: Fetched, ends: &TopicPartitionList) -> Vec<Partition> {
        let at = Instant::now();
        if self.before.as_ref().is_some_and(|before| at.duration_since(before.at) < SOONEST) {
            return vec![];
        }
        let now = Look { at, epoch, fetched, ends: known(ends) };
        let before = self.before.take().filter(|before| before.epoch == epoch);
        if now.fetched.enough_waits {
            return vec![];
        }
        let unread = before.map_or_else(Vec::new, |before| unread(&before, &now));
        self.before = Some(now);
        unread
    }
}

fn unread(before: &Look, now: &Look) -> Vec<Partition> {
    let is_unread = |partition: &&Partition| {
        let next = |look: &Look| look.fetched.next.get(*partition).copied();
        let end = before.ends.get(*partition).copied();
        next(before).zip(end).is_some_and(|(next, end)| next < end) && next(before) == next(now)
    };
    now.ends.keys().filter(is_unread).cloned().collect()
}

/// The offsets that could be asked for.
fn known(ends: &TopicPartitionList) -> Offsets {
    let known = |element: rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
        let end = element.error().is_ok().then(|| element.offset().to_raw()).flatten()?;
        Some(((element.topic().to_owned(), element.partition()), end))
    };
    ends.elements().into_iter().filter_map(known).collect()
}

#[cfg(test)]
mod tests {
    use rdkafka::Offset;

    use super::*;

    fn fetched(next: i64, enough_waits: bool) -> Fetched {
        Fetched { next: BTreeMap::from([(("t".into(), 0), next)]), enough_waits }
    }

    fn ends(end: i64) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset("t", 0, Offset::Offset(end)).expect("an offset");
        list
    }

    /// What two looks say, so long apart.
    fn looks(apart: Duration, first: (u64, i64, i64), second: (u64, i64, i64), enough_waits: bool) -> usize {
        let mut watch = Watch::default();
        let (epoch, next, end) = first;
        assert!(watch.look(epoch, fetched(next, false), &ends(end)).is_empty(), "one look tells nothing");
        let before = watch.before.as_mut().expect("the first look");
        before.at = before.at.checked_sub(apart).expect("a time");
        let (epoch, next, end) = second;
        watch.look(epoch, fetched(next, enough_waits), &ends(end)).len()
    }

    #[test]
    fn a_partition_is_unread_where_nothing_was_fetched_between_two_looks_though_there_was_something() {
        const INVALID: i64 = -1001;
        for (what, apart, first, second, enough_waits, unread) in [
            ("nothing of three records", LOOK_EVERY, (1, 5, 8), (1, 5, 8), false, 1),
            ("never begun, not even at an empty one", LOOK_EVERY, (1, INVALID, 0), (1, INVALID, 0), false, 1),
            ("all was fetched", LOOK_EVERY, (1, 8, 8), (1, 8, 8), false, 0),
            ("new records came since", LOOK_EVERY, (1, 8, 8), (1, 8, 20), false, 0),
            ("some were fetched", LOOK_EVERY, (1, 5, 8), (1, 6, 8), false, 0),
            ("begun since", LOOK_EVERY, (1, INVALID, 8), (1, 0, 8), false, 0),
            ("assigned anew since", LOOK_EVERY, (1, 5, 8), (2, 5, 8), false, 0),
            ("enough waits", LOOK_EVERY, (1, 5, 8), (1, 5, 8), true, 0),
            ("looks that waited together", Duration::ZERO, (1, 5, 8), (1, 5, 8), false, 0),
        ] {
            assert_eq!(looks(apart, first, second, enough_waits), unread, "{what}");
        }
    }

    #[test]
    fn what_was_seen_before_a_pause_is_forgotten() {
        let mut watch = Watch::default();
        watch.look(1, fetched(5, false), &ends(8));
        watch.forget();
        assert!(watch.look(1, fetched(5, false), &ends(8)).is_empty());
    }
}
