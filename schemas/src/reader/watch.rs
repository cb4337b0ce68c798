//! Notices partitions that are ours and yet are not read. librdkafka has lost the start of a partition more than once, and then says
//! nothing (confluentinc/librdkafka#5591, #5586): a reader that looks well would leave their records lie for ever.
//!
//! librdkafka tells in its statistics whether it fetches a partition, and how far it has fetched it. One that is fetched at neither of
//! two looks, or of which nothing was fetched between them although there was something at the first, is not read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::statistics::{self, Statistics};
use rdkafka::topic_partition_list::TopicPartitionListElem;

/// How often librdkafka tells how far it has fetched. An idle partition is fetched twenty times a second.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(15);
/// Looks that follow sooner tell nothing: they waited together while nobody polled.
const SOONEST: Duration = Duration::from_secs(10);
/// So many records …
pub(super) const AHEAD_RECORDS: i64 = 20_000;
/// … or so many KiB librdkafka fetches before they are asked for.
pub(super) const AHEAD_KIB: u32 = 16_384;
/// The state of a partition that librdkafka fetches, also while it is paused.
const FETCHED: &str = "active";
/// A partition that cannot be read at all must not keep the others from being read: after so many looks, at most, they are all taken
/// anew once more.
const RAREST: u32 = 64;

/// A topic on the brokers, and a partition of it.
pub(super) type Partition = (String, i32);

/// How far librdkafka is with each partition it knows.
#[derive(Debug, Default)]
pub(super) struct Fetched {
    partitions: BTreeMap<Partition, Progress>,
    /// Whether so much waits to be taken that librdkafka may have a reason to fetch no more.
    enough_waits: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    is_fetched: bool,
    /// The next offset to fetch. Where the start was lost, it is still that of the assignment before.
    next: i64,
}

impl Fetched {
    /// Reads librdkafka's statistics.
    pub(super) fn of(statistics: &Statistics) -> Self {
        let mut fetched = Self::default();
        for (name, topic) in &statistics.topics {
            for (number, partition) in &topic.partitions {
                fetched.partitions.insert((name.clone(), *number), Progress::of(partition));
                // All partitions share one queue, and each tells its length.
                fetched.enough_waits |= partition.fetchq_cnt >= AHEAD_RECORDS / 4
                    || partition.fetchq_size >= u64::from(AHEAD_KIB) * 1024 / 4;
            }
        }
        fetched
    }
}

impl Progress {
    fn of(partition: &statistics::Partition) -> Self {
        Self { is_fetched: partition.fetch_state == FETCHED, next: partition.next_offset }
    }
}

/// One look at the partitions of an assignment.
struct Look {
    at: Instant,
    epoch: u64,
    fetched: Fetched,
    ends: BTreeMap<Partition, i64>,
    /// Whether there was a reason to fetch nothing.
    held_up: bool,
}

/// What a look has found.
#[derive(Debug, Default)]
pub(super) struct Finding {
    /// The partitions that are not read.
    pub(super) unread: Vec<Partition>,
    /// Whether all partitions are to be taken anew: each time in vain makes the next one rarer.
    pub(super) revive: bool,
}

/// Compares each look with the one before.
#[derive(Default)]
pub(super) struct Watch {
    before: Option<Look>,
    /// Looks to let pass until partitions are taken anew again, and how many it were the last time.
    rest: u32,
    last_rest: u32,
    /// Looks in a row at which the ends could not be asked for.
    blind: u32,
}

impl Watch {
    /// Reading is held up: to fetch nothing until the next look is no fault.
    pub(super) fn hold_up(&mut self) {
        if let Some(before) = &mut self.before {
            before.held_up = true;
        }
    }

    /// The ends could not be asked for; says how often in a row.
    pub(super) fn see_nothing(&mut self) -> u32 {
        self.before = None;
        self.blind += 1;
        self.blind
    }

    /// Looks. `ends` are those of the partitions that are assigned in `epoch`.
    pub(super) fn look(&mut self, epoch: u64, fetched: Fetched, ends: &TopicPartitionList) -> Finding {
        self.blind = 0;
        let at = Instant::now();
        if self.before.as_ref().is_some_and(|before| at.duration_since(before.at) < SOONEST) {
            return Finding::default();
        }
        let held_up = fetched.enough_waits;
        let now = Look { at, epoch, fetched, ends: known(ends), held_up };
        let before = self.before.take().filter(|before| before.epoch == epoch);
        let finding = before.map_or_else(Finding::default, |before| self.judge(unread(&before, &now)));
        self.before = Some(now);
        finding
    }

    fn judge(&mut self, unread: Vec<Partition>) -> Finding {
        if unread.is_empty() {
            (self.rest, self.last_rest) = (0, 0);
            return Finding::default();
        }
        let revive = self.rest == 0;
        if revive {
            self.last_rest = (2 * self.last_rest).clamp(1, RAREST);
            self.rest = self.last_rest;
        } else {
            self.rest -= 1;
        }
        Finding { unread, revive }
    }
}

/// The partitions that were not read from one look to the next.
fn unread(before: &Look, now: &Look) -> Vec<Partition> {
    let held_up = before.held_up || now.held_up;
    let is_unread = |partition: &&Partition| {
        let progress = |look: &Look| look.fetched.partitions.get(*partition).copied();
        let (Some(end), Some(first), Some(second)) =
            (before.ends.get(*partition), progress(before), progress(now))
        else {
            return false;
        };
        let is_stopped = !first.is_fetched && !second.is_fetched;
        is_stopped || !held_up && first.next < *end && first.next == second.next
    };
    now.ends.keys().filter(is_unread).cloned().collect()
}

/// The offsets that could be asked for.
fn known(ends: &TopicPartitionList) -> BTreeMap<Partition, i64> {
    let known = |element: TopicPartitionListElem<'_>| {
        let end = element.error().is_ok().then(|| element.offset().to_raw()).flatten()?;
        Some(((element.topic().to_owned(), element.partition()), end))
    };
    ends.elements().into_iter().filter_map(known).collect()
}

#[cfg(test)]
mod tests {
    use rdkafka::Offset;

    use super::*;

    /// What librdkafka tells of the one partition: whether it fetches it, and from where.
    type Told = (bool, i64);
    const ON: bool = true;
    const OFF: bool = false;

    fn fetched((is_fetched, next): Told, enough_waits: bool) -> Fetched {
        let partitions = BTreeMap::from([(("t".into(), 0), Progress { is_fetched, next })]);
        Fetched { partitions, enough_waits }
    }

    fn ends(end: i64) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset("t", 0, Offset::Offset(end)).expect("an offset");
        list
    }

    /// Another look, a quarter of a minute after the last.
    fn look(watch: &mut Watch, epoch: u64, told: Told, end: i64, enough_waits: bool) -> Finding {
        if let Some(before) = &mut watch.before {
            before.at = before.at.checked_sub(LOOK_EVERY).expect("a time");
        }
        watch.look(epoch, fetched(told, enough_waits), &ends(end))
    }

    #[test]
    fn a_partition_is_unread_where_it_is_not_fetched_or_nothing_was_though_there_was_something() {
        for (what, first, end, second, enough_waits, unread) in [
            ("nothing of three records", (ON, 5), 8, (1, ON, 5), false, 1),
            ("nothing, but enough waits", (ON, 5), 8, (1, ON, 5), true, 0),
            ("all was fetched", (ON, 8), 8, (1, ON, 8), false, 0),
            ("some was fetched", (ON, 5), 8, (1, ON, 6), false, 0),
            ("assigned anew since", (ON, 5), 8, (2, ON, 5), false, 0),
            ("never begun", (OFF, 0), 8, (1, OFF, 0), false, 1),
            ("never begun, and enough waits of others", (OFF, 0), 8, (1, OFF, 0), true, 1),
            ("never begun after an assignment that had fetched all", (OFF, 8), 8, (1, OFF, 8), false, 1),
            ("begun since", (OFF, 0), 8, (1, ON, 8), false, 0),
            ("being begun in a new assignment", (OFF, 8), 8, (2, OFF, 8), false, 0),
        ] {
            let mut watch = Watch::default();
            assert!(look(&mut watch, 1, first, end, false).unread.is_empty(), "one look tells nothing");
            let (epoch, is_fetched, next) = second;
            let found = look(&mut watch, epoch, (is_fetched, next), 20, enough_waits);
            assert_eq!(found.unread.len(), unread, "{what}");
        }
    }

    #[test]
    fn while_reading_is_held_up_only_a_partition_that_is_not_fetched_is_unread() {
        for (is_fetched, unread) in [(ON, 0), (OFF, 1)] {
            let mut watch = Watch::default();
            look(&mut watch, 1, (is_fetched, 5), 8, false);
            watch.hold_up();
            assert_eq!(look(&mut watch, 1, (is_fetched, 5), 8, false).unread.len(), unread);
        }
    }

    #[test]
    fn looks_that_waited_together_and_looks_after_a_blind_one_tell_nothing() {
        let mut watch = Watch::default();
        look(&mut watch, 1, (OFF, 0), 8, false);
        assert!(watch.look(1, fetched((OFF, 0), false), &ends(8)).unread.is_empty());
        assert_eq!((watch.see_nothing(), watch.see_nothing()), (1, 2));
        assert!(look(&mut watch, 1, (OFF, 0), 8, false).unread.is_empty());
        assert_eq!(watch.see_nothing(), 1, "a look in between");
    }

    #[test]
    fn partitions_are_taken_anew_ever_more_rarely_until_all_are_read() {
        let mut watch = Watch::default();
        let mut epoch = 0;
        let mut revived = |watch: &mut Watch, looks: u32, told: Told| {
            let revived = |_: &u32| {
                let finding = look(watch, epoch, told, 8, false);
                // To take them anew is a new epoch, in which the first look tells nothing.
                epoch += u64::from(finding.revive);
                finding.revive
            };
            (1..=looks).filter(revived).collect::<Vec<_>>()
        };
        assert_eq!(revived(&mut watch, 24, (ON, 5)), [2, 5, 9, 15]);
        assert!(revived(&mut watch, 3, (ON, 8)).is_empty());
        assert_eq!(revived(&mut watch, 6, (ON, 5)), [2, 5], "as if for the first time");
    }
}
