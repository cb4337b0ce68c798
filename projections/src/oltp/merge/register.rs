//! Merging one field: a last-writer-wins register under a total order, so the order of arrival does not matter (ARCHITECTURE §5).
//!
//! A list may be served from Salla's cache, so what it says can be as old as the cache window; within that window a better source wins.
//! That is one total order when each source's instants are moved by its precedence. Beside the winner a register remembers what could still
//! put it in doubt: the best of the other kind of source, and the best that contradicts the winner. So doubt, too, is a function of what was
//! seen, and not of its order.

use std::hash::{Hash, Hasher};

use fnv::FnvHasher;
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::Source;
use qafila_schemas::records::observation::Observation;
use serde::{Deserialize, Serialize};

/// A webhook tells whole seconds, and clocks differ.
const CLOCK_UNCERTAINTY_MS: i64 = 1_000;
/// What lies further apart than its uncertainty and this can never be in doubt again, whatever comes.
const FORGET_BEYOND_MS: i64 = 4 * CLOCK_UNCERTAINTY_MS;

/// What is assumed counts from here: before anything that a source tells.
const ASSUMED_FROM: i64 = i64::MIN / 2;
/// Before here all is assumed.
const ASSUMED_UNTIL: i64 = i64::MIN / 4;

/// How observations are compared.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How old a list Salla may serve, ms.
    pub list_cache_window_ms: i64,
}

/// When an observation was true, and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// When.
    pub observed_at: Millis,
    /// Where from.
    pub origin: Origin,
    /// Tells observations of one source and instant apart, always in the same way.
    pub tie: u32,
}

/// Sources in the order of their worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Origin {
    /// Unknown to this version.
    Other,
    /// A list row.
    List,
    /// A webhook.
    Webhook,
    /// A details answer.
    Details,
}

impl From<&Source> for Origin {
    fn from(source: &Source) -> Self {
        match source {
            Source::List => Self::List,
            Source::Webhook => Self::Webhook,
            Source::Details => Self::Details,
            Source::Repair | Source::Other(_) => Self::Other,
        }
    }
}

impl Origin {
    /// As facts name it.
    pub fn source(self) -> Source {
        match self {
            Self::Other => Source::Other("other".into()),
            Self::List => Source::List,
            Self::Webhook => Source::Webhook,
            Self::Details => Source::Details,
        }
    }

    /// Whether its instants are exact: it comes from no cache.
    fn is_exact(self) -> bool {
        matches!(self, Self::Webhook | Self::Details)
    }
}

impl Stamp {
    /// Of an observation.
    pub fn of(observation: &Observation) -> Self {
        let said = (&observation.order, &observation.customer, &observation.product, &observation.cart);
        let tie = hash(&(said, &observation.empty));
        Self { observed_at: observation.observed_at, origin: Origin::from(&observation.source), tie }
    }

    /// Of a value that no source told, beside an observation of this stamp: whatever one tells comes after it. Of two that are assumed the
    /// later counts, which may know more of the store.
    pub fn assumed<T: Hash>(value: &T, beside: Self) -> Self {
        let since = beside.observed_at.0.clamp(0, ASSUMED_UNTIL - ASSUMED_FROM - 1);
        Self { observed_at: Millis(ASSUMED_FROM + since), origin: Origin::Other, tie: hash(value) }
    }

    /// Whether no source told it.
    pub fn is_assumed(self) -> bool {
        self.observed_at.0 < ASSUMED_UNTIL && self.origin == Origin::Other
    }

    /// Whether its instant is exact: it comes from no cache.
    pub fn is_exact(self) -> bool {
        self.origin.is_exact()
    }

    fn precedence(self, rules: Rules) -> (i64, Origin, u32) {
        let head_start = match self.origin {
            Origin::Other | Origin::List => 0,
            Origin::Webhook => rules.list_cache_window_ms,
            Origin::Details => rules.list_cache_window_ms + CLOCK_UNCERTAINTY_MS,
        };
        (self.observed_at.0.saturating_add(head_start), self.origin, self.tie)
    }

    /// Whether this wins over `other`.
    pub fn is_after(self, other: Self, rules: Rules) -> bool {
        self.precedence(rules) > other.precedence(rules)
    }

    /// How far two instants may lie apart and still leave open which came first.
    fn uncertainty(self, other: Self, rules: Rules) -> i64 {
        if self.origin.is_exact() && other.origin.is_exact() {
            CLOCK_UNCERTAINTY_MS
        } else {
            rules.list_cache_window_ms
        }
    }

    /// Just after both of two that lie too close together to know which came first: only a read that begins after both can tell.
    pub fn doubt(self, other: Self, rules: Rules) -> Option<Millis> {
        let apart = self.observed_at.0.abs_diff(other.observed_at.0);
        let is_doubtful = i64::try_from(apart).is_ok_and(|apart| apart <= self.uncertainty(other, rules));
        is_doubtful.then(|| Millis(self.observed_at.max(other.observed_at).0.saturating_add(1)))
    }

    /// Whether no doubt between this and the `later` winner can ever come up again. In precedence, so that whatever loses against one that is
    /// settled is settled, too: else it would depend on the order of arrival what is forgotten.
    fn is_settled_by(self, later: Self, rules: Rules) -> bool {
        // A list's precedence lies behind an exact one's by the window, and in doubt it can be for the window more.
        let window = if later.is_exact() && !self.is_exact() { 2 * rules.list_cache_window_ms } else { 0 };
        let reach = window.saturating_add(FORGET_BEYOND_MS);
        self.precedence(rules).0.saturating_add(reach) < later.precedence(rules).0
    }
}

/// A hash that is the same on every machine; two values may share one, and then no doubt is seen between them.
pub fn hash<T: Hash>(value: &T) -> u32 {
    let mut hasher = FnvHasher::default();
    value.hash(&mut hasher);
    let hash = hasher.finish();
    ((hash ^ (hash >> 32)) as u32).max(1)
}

/// Stands for the hash of the value that is stored with the register.
pub const OF_THE_VALUE: u32 = 0;

/// What was said, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// When.
    pub stamp: Stamp,
    /// Hash of the value.
    pub said: u32,
}

/// Which observations decide a register: all that has to be known of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sightings {
    /// The best of webhooks and details.
    pub exact: Option<Sight>,
    /// The best of webhooks and details that said something else than `exact`.
    pub rival: Option<Stamp>,
    /// The best of lists.
    pub list: Option<Sight>,
}

impl Sightings {
    /// The observation that won.
    pub fn winner(&self, rules: Rules) -> Option<Sight> {
        match (self.exact, self.list) {
            (Some(exact), Some(list)) if list.stamp.is_after(exact.stamp, rules) => Some(list),
            (exact, list) => exact.or(list),
        }
    }

    /// Takes in one observation; says whether it won.
    pub fn see(&mut self, sight: Sight, rules: Rules) -> bool {
        if sight.stamp.origin.is_exact() {
            self.see_exact(sight, rules);
        } else {
            self.see_list(sight, rules);
        }
        self.forget(rules);
        self.winner(rules).is_some_and(|winner| winner.stamp == sight.stamp)
    }

    fn see_exact(&mut self, sight: Sight, rules: Rules) {
        let Some(known) = self.exact else {
            self.exact = Some(sight);
            return;
        };
        let is_better = sight.stamp.is_after(known.stamp, rules);
        if known.said != sight.said {
            let other = if is_better { known.stamp } else { sight.stamp };
            // Where the winner changes, its predecessor is the best of all that say something else.
            if is_better || self.rival.is_none_or(|rival| other.is_after(rival, rules)) {
                self.rival = Some(other);
            }
        }
        if is_better {
            self.exact = Some(sight);
        }
    }

    fn see_list(&mut self, sight: Sight, rules: Rules) {
        if self.list.is_none_or(|known| sight.stamp.is_after(known.stamp, rules)) {
            self.list = Some(sight);
        }
    }

    /// Lets go of what can never matter again.
    fn forget(&mut self, rules: Rules) {
        let Some(winner) = self.winner(rules).map(|winner| winner.stamp) else { return };
        self.list = self.list.filter(|list| !list.stamp.is_settled_by(winner, rules));
        if self.exact.is_some_and(|exact| exact.stamp.is_settled_by(winner, rules)) {
            (self.exact, self.rival) = (None, None);
        }
        let exact = self.exact.map(|exact| exact.stamp);
        self.rival = self.rival.filter(|rival| {
            !rival.is_settled_by(winner, rules)
                && exact.is_some_and(|exact| !rival.is_settled_by(exact, rules))
        });
    }

    /// Since when the row has to be read to know which of two is right; none where that is clear.
    pub fn doubt(&self, rules: Rules) -> Option<Millis> {
        let exact = self.exact?;
        let between = self.rival.and_then(|rival| rival.doubt(exact.stamp, rules));
        let list = self.list.filter(|list| list.said != exact.said);
        between.max(list.and_then(|list| list.stamp.doubt(exact.stamp, rules)))
    }
}

/// One field with the observations that decide it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register<T> {
    value: Option<T>,
    seen: Sightings,
}

impl<T> Default for Register<T> {
    fn default() -> Self {
        Self { value: None, seen: Sightings::default() }
    }
}

impl<T> Register<T> {
    /// The value that won; none where there is none, or nothing is known.
    pub fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Takes the value out.
    pub fn into_value(self) -> Option<T> {
        self.value
    }

    /// What decides it.
    pub fn seen(&self) -> &Sightings {
        &self.seen
    }

    /// The stamp that won.
    pub fn stamp(&self, rules: Rules) -> Option<Stamp> {
        self.seen.winner(rules).map(|winner| winner.stamp)
    }
}

impl<T: Hash> Register<T> {
    /// As it was stored. What nobody said is shown in the place of a value, and is none.
    pub fn stored(value: Option<T>, mut seen: Sightings) -> Self {
        let value = value.filter(|_| seen != Sightings::default());
        for sight in [&mut seen.exact, &mut seen.list].into_iter().flatten() {
            if sight.said == OF_THE_VALUE {
                sight.said = hash(&value);
            }
        }
        Self { value, seen }
    }

    /// Takes in what one observation says: a value, or that there is none. Says whether anything is different now.
    pub fn observe(&mut self, value: Option<T>, stamp: Stamp, rules: Rules) -> bool {
        let before = self.seen;
        let wins = self.seen.see(Sight { stamp, said: hash(&value) }, rules);
        let differs = self.seen != before;
        if wins && differs {
            self.value = value;
        }
        differs
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules { list_cache_window_ms: 900_000 };

    fn stamp(at: i64, origin: Origin) -> Stamp {
        Stamp { observed_at: Millis(at), origin, tie: 0 }
    }

    fn observation() -> impl Strategy<Value = (Stamp, Option<u8>)> {
        // What is forgotten and what is in doubt changes where instants lie about a window apart.
        let at = prop_oneof![
            0_i64..8_000,
            (1_i64..4, -8_000_i64..8_000)
                .prop_map(|(windows, off)| windows * RULES.list_cache_window_ms + off),
            0_i64..4_000_000,
        ];
        (at, 0_u8..3, prop::option::of(0_u8..3)).prop_map(|(at, origin, value)| {
            let origin = [Origin::List, Origin::Webhook, Origin::Details][usize::from(origin)];
            // Steps of 500 ms make instants meet; one instant of one source says one thing.
            let observed_at = Millis(at / 500 * 500);
            (Stamp { observed_at, origin, tie: hash(&value) }, value)
        })
    }

    fn fold(observations: &[(Stamp, Option<u8>)]) -> Register<u8> {
        observations.iter().fold(Register::default(), |mut register, (stamp, value)| {
            register.observe(*value, *stamp, RULES);
            register
        })
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_and_repeats_do_not_matter(
            (observations, shuffled) in prop::collection::vec(observation(), 1..12)
                .prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle()))
        ) {
            let repeated: Vec<_> = shuffled.iter().chain(&observations).copied().collect();
            let folded = fold(&observations);
            prop_assert_eq!(&folded, &fold(&shuffled));
            prop_assert_eq!(&folded, &fold(&repeated));
            let best = observations.iter().max_by_key(|(stamp, _)| stamp.precedence(RULES)).expect("one at least");
            prop_assert_eq!(folded.value().copied(), best.1);
        }
    }

    #[test]
    fn what_is_assumed_holds_until_any_source_tells_and_raises_no_doubt() {
        let assumed = |at: i64, value: Option<u8>| (Stamp::assumed(&value, stamp(at, Origin::List)), value);
        let first = assumed(0, Some(1));
        for origin in [Origin::List, Origin::Webhook, Origin::Details] {
            for told in [Some(2), None] {
                let told = (stamp(0, origin), told);
                let late = assumed(1_800_000_000_000, Some(1));
                let register = fold(&[first, told, late]);
                assert_eq!((register.value().copied(), register.seen().doubt(RULES)), (told.1, None));
                assert_eq!(register, fold(&[late, told, first]), "the order of arrival does not matter");
            }
        }
        for (first, second) in [(1, 2), (2, 1)] {
            let (first, second) = (assumed(1_000, Some(first)), assumed(2_000, Some(second)));
            let both = fold(&[first, second]);
            assert_eq!(both, fold(&[second, first]));
            assert_eq!(both.value().copied(), second.1, "the later of two");
            assert!(both.stamp(RULES).is_some_and(Stamp::is_assumed));
        }
        assert!(!stamp(0, Origin::Other).is_assumed());
    }

    #[test]
    fn within_the_cache_window_the_better_source_wins_and_the_row_is_to_be_fetched() {
        let mut register = Register::default();
        register.observe(Some("paid"), stamp(-600_000, Origin::Webhook), RULES);
        register.observe(Some("pending"), stamp(0, Origin::List), RULES);
        assert_eq!((register.value(), register.seen().doubt(RULES)), (Some(&"paid"), Some(Millis(1))));
        let mut register = Register::default();
        register.observe(Some("paid"), stamp(-1_000_000, Origin::Webhook), RULES);
        register.observe(Some("pending"), stamp(0, Origin::List), RULES);
        let seen = register.seen();
        assert_eq!(
            (register.value(), seen.doubt(RULES)),
            (Some(&"pending"), None),
            "the list is certainly newer"
        );
    }

    #[test]
    fn two_webhooks_of_one_second_that_differ_are_in_doubt_until_a_later_one_comes() {
        let mut register = Register::default();
        register.observe(Some(1), Stamp { tie: 1, ..stamp(5_000, Origin::Webhook) }, RULES);
        register.observe(Some(2), Stamp { tie: 2, ..stamp(5_000, Origin::Webhook) }, RULES);
        assert_eq!((register.value(), register.seen().doubt(RULES)), (Some(&2), Some(Millis(5_001))));
        register.observe(Some(1), stamp(60_000, Origin::Details), RULES);
        assert_eq!((register.value(), register.seen().doubt(RULES)), (Some(&1), None));
    }

    #[test]
    fn a_source_that_says_there_is_none_empties_and_one_that_says_nothing_does_not() {
        let mut register = Register::default();
        register.observe(Some(1), stamp(0, Origin::Details), RULES);
        register.observe(None, stamp(60_000, Origin::Webhook), RULES);
        assert_eq!(register.value(), None);
    }
}
