//! Merging one group of fields: a last-writer-wins register under a total order, so the order of arrival does
//! not matter (ARCHITECTURE §5).
//!
//! A list may be served from Salla's cache, so what it says can be as old as the cache window; within that window a
//! better source wins. That is one total order when each source's instants are moved by its precedence.

use std::fmt::Debug;

use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::Source;
use qafila_schemas::records::fact::GroupStamp;

/// A webhook tells whole seconds, and clocks differ.
const CLOCK_UNCERTAINTY_MS: i64 = 1_000;

/// How observations are compared.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How old a list Salla may serve, ms.
    pub list_cache_window_ms: i64,
}

/// When an observation was true, and where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// When.
    pub observed_at: Millis,
    /// Where from.
    pub origin: Origin,
}

/// Sources in the order of their worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Origin {
    /// Unknown to this version.
    Other = 0,
    /// A list row.
    List = 1,
    /// A webhook.
    Webhook = 2,
    /// A details answer.
    Details = 3,
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
    /// From the column.
    pub fn from_code(code: i16) -> Self {
        match code {
            1 => Self::List,
            2 => Self::Webhook,
            3 => Self::Details,
            _ => Self::Other,
        }
    }

    fn source(self) -> Source {
        match self {
            Self::Other => Source::Other("other".into()),
            Self::List => Source::List,
            Self::Webhook => Source::Webhook,
            Self::Details => Source::Details,
        }
    }
}

impl Stamp {
    /// As facts carry it.
    pub fn to_fact(self) -> GroupStamp {
        GroupStamp { observed_at: self.observed_at, source: self.origin.source() }
    }

    fn precedence(self, rules: Rules) -> (i64, Origin) {
        let head_start = match self.origin {
            Origin::Other | Origin::List => 0,
            Origin::Webhook => rules.list_cache_window_ms,
            Origin::Details => rules.list_cache_window_ms + CLOCK_UNCERTAINTY_MS,
        };
        (self.observed_at.0.saturating_add(head_start), self.origin)
    }

    /// Whether this wins over `other`.
    pub fn is_after(self, other: Self, rules: Rules) -> bool {
        self.precedence(rules) > other.precedence(rules)
    }

    /// Whether this may have been true after `other`, as far as anybody knows.
    pub fn may_be_after(self, other: Self, rules: Rules) -> bool {
        self.observed_at.0.saturating_add(self.uncertainty(other, rules)) > other.observed_at.0
    }

    /// How far two instants may lie apart and still leave open which came first.
    fn uncertainty(self, other: Self, rules: Rules) -> i64 {
        if self.origin == Origin::List || other.origin == Origin::List {
            rules.list_cache_window_ms
        } else {
            CLOCK_UNCERTAINTY_MS
        }
    }
}

/// One group of fields with the observation that won it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register<T>(Option<(Stamp, T)>);

impl<T> Default for Register<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Register<T> {
    /// As it was stored.
    pub fn stored(value: Option<(Stamp, T)>) -> Self {
        Self(value)
    }

    /// The value that won.
    pub fn value(&self) -> Option<&T> {
        self.0.as_ref().map(|(_, value)| value)
    }

    /// The stamp that won.
    pub fn stamp(&self) -> Option<Stamp> {
        self.0.as_ref().map(|(stamp, _)| *stamp)
    }

    /// The value and its stamp, as facts carry them.
    pub fn into_fact(self) -> (Option<T>, Option<GroupStamp>) {
        self.0.map_or((None, None), |(stamp, value)| (Some(value), Some(stamp.to_fact())))
    }
}

/// What an observation did to a register.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effect {
    /// The register is not what it was.
    pub changed: bool,
    /// Just after the later of two instants that differ and lie closer than their uncertainty: nobody knows which is right, and
    /// the row has to be fetched, by a read that begins after both.
    pub doubt: Option<Millis>,
}

impl Effect {
    /// Both effects together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { changed: self.changed || other.changed, doubt: self.doubt.max(other.doubt) }
    }
}

impl<T: PartialEq + Debug> Register<T> {
    /// Takes in one observation.
    pub fn observe(&mut self, stamp: Stamp, value: T, rules: Rules) -> Effect {
        let Some((known_stamp, known)) = &self.0 else {
            self.0 = Some((stamp, value));
            return Effect { changed: true, doubt: None };
        };
        let differs = *known != value;
        let apart = (stamp.observed_at.0 - known_stamp.observed_at.0).abs();
        let doubtful = differs && apart <= stamp.uncertainty(*known_stamp, rules);
        let after_both = Millis(stamp.observed_at.max(known_stamp.observed_at).0.saturating_add(1));
        let wins = match stamp.precedence(rules).cmp(&known_stamp.precedence(rules)) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Less => false,
            // The same source at the same instant: any rule will do, if it is always the same.
            std::cmp::Ordering::Equal => differs && format!("{value:?}") > format!("{known:?}"),
        };
        if wins {
            self.0 = Some((stamp, value));
        }
        Effect { changed: wins, doubt: doubtful.then_some(after_both) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules { list_cache_window_ms: 900_000 };

    fn observation() -> impl Strategy<Value = (Stamp, u8)> {
        (0_i64..4_000_000, 0_u8..3, 0_u8..4).prop_map(|(at, origin, value)| {
            let origin = [Origin::List, Origin::Webhook, Origin::Details][usize::from(origin)];
            // Steps of 500 ms make instants meet.
            (Stamp { observed_at: Millis(at / 500 * 500), origin }, value)
        })
    }

    fn fold(observations: &[(Stamp, u8)]) -> Register<u8> {
        observations.iter().fold(Register::default(), |mut register, (stamp, value)| {
            register.observe(*stamp, *value, RULES);
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
            prop_assert_eq!(fold(&observations), fold(&shuffled));
            prop_assert_eq!(fold(&observations), fold(&repeated));
        }
    }

    #[test]
    fn within_the_cache_window_the_better_source_wins_and_the_row_is_to_be_fetched() {
        let mut register = Register::default();
        let list = Stamp { observed_at: Millis(0), origin: Origin::List };
        let webhook = |at| Stamp { observed_at: Millis(at), origin: Origin::Webhook };
        register.observe(webhook(-600_000), "paid", RULES);
        assert_eq!(
            register.observe(list, "pending", RULES),
            Effect { changed: false, doubt: Some(Millis(1)) }
        );
        assert_eq!(register.value(), Some(&"paid"));
        let mut register = Register::default();
        register.observe(webhook(-1_000_000), "paid", RULES);
        assert_eq!(register.observe(list, "pending", RULES), Effect { changed: true, doubt: None });
        assert_eq!(register.value(), Some(&"pending"), "the list is certainly newer");
    }
}
