//! Why a run stops before its end, and what that means for it: tried again, waiting for somebody, or failed.

use super::tolerance::Excess;
use crate::access::AccessError;
use crate::salla::client::SallaError;

/// Salla blocks us for a while after abuse (FACTS §6).
const FORBIDDEN: u16 = 403;
const BLOCKED_FOR_MINUTES: u32 = 15;
/// How many of Salla's minutes a run waits that finds the queue of customers full.
const QUEUED_FOR_MINUTES: u32 = 1;

/// A run that stops for a reason of ours says so from the next time on.
pub(crate) const QUIET_TIMES: i32 = 8;
/// Some days, with the longest pause between them.
const MAX_TIMES: i32 = 150;

/// Why a run stopped before its end.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// Somebody else has it.
    #[error("the lease is lost, or the run was ended by others")]
    Lost,
    /// Salla.
    #[error(transparent)]
    Salla(#[from] SallaError),
    /// Too many rows do not map.
    #[error("{} of {} rows of {} could not be read", .0.skipped, .0.rows, .0.resource)]
    Invalid(Excess),
    /// The source contradicts itself; nothing is claimed to be complete.
    #[error("Salla's answers do not agree yet: {0}")]
    Disagrees(String),
    /// No answer came for long.
    #[error("no answer came for {seconds} s")]
    Silent {
        /// For how long.
        seconds: u64,
        /// Salla makes us wait; otherwise it is something of ours.
        is_held: bool,
    },
    /// Only customers are left to read, and as many runs as may wait for those do already.
    #[error("the queue of runs that wait for customers is full")]
    QueueFull,
    /// Something of ours.
    #[error("{0}")]
    Ours(String),
}

/// What becomes of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is left as it is and taken up again soon, by whoever comes.
    TriedAgain,
    /// It waits, and says why.
    Paused {
        /// Stable code, one of [`OF_PAUSED_SYNC`](qafila_schemas::words::cause::OF_PAUSED_SYNC).
        cause: &'static str,
        /// Until a later pair of tokens than this one; until then otherwise.
        waits_for: WaitsFor,
    },
    /// It has failed; a restart goes on where it stopped.
    Failed {
        /// Stable code, one of [`OF_FAILED_SYNC`](qafila_schemas::words::cause::OF_FAILED_SYNC).
        cause: &'static str,
    },
}

/// What a paused run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// A later pair of tokens than this one.
    Access(i64),
    /// Some of Salla's minutes.
    Minutes(u32),
    /// A pause that grows with every try.
    GrowingTime,
    /// Its turn, asked for again after some of Salla's minutes: nothing has failed, so no try is counted.
    Turn(u32),
}

impl Stop {
    pub(super) fn ours(error: impl std::fmt::Display) -> Self {
        Self::Ours(error.to_string())
    }

    /// What becomes of the run, which was taken up `times` without getting further.
    pub fn fate(&self, times: i32) -> Fate {
        match self {
            Self::Disagrees(_) if times > MAX_TIMES => Fate::Failed { cause: "source_disagrees" },
            Self::Silent { .. } if times > MAX_TIMES => Fate::Failed { cause: "internal_trouble" },
            Self::Silent { is_held: true, .. } => {
                Fate::Paused { cause: "salla_blocks_us", waits_for: WaitsFor::GrowingTime }
            }
            Self::Silent { .. } => {
                Fate::Paused { cause: "internal_trouble", waits_for: WaitsFor::GrowingTime }
            }
            Self::Ours(_) => of_ours(times),
            Self::Lost => Fate::TriedAgain,
            Self::QueueFull => {
                Fate::Paused { cause: "salla_blocks_us", waits_for: WaitsFor::Turn(QUEUED_FOR_MINUTES) }
            }
            Self::Invalid(_) => Fate::Failed { cause: "too_many_invalid_rows" },
            Self::Disagrees(_) => {
                Fate::Paused { cause: "source_disagrees", waits_for: WaitsFor::GrowingTime }
            }
            Self::Salla(error) => of_salla(error, times),
        }
    }
}

/// A reason of ours is tried in silence for a few times, then said, and in the end given up.
fn of_ours(times: i32) -> Fate {
    if times > MAX_TIMES {
        Fate::Failed { cause: "internal_trouble" }
    } else if times > QUIET_TIMES {
        Fate::Paused { cause: "internal_trouble", waits_for: WaitsFor::GrowingTime }
    } else {
        Fate::TriedAgain
    }
}

fn of_salla(error: &SallaError, times: i32) -> Fate {
    match error {
        // Its job is cancelled by whoever looks after ended connections.
        SallaError::Access(AccessError::NotConnected) => Fate::TriedAgain,
        SallaError::Access(access) => match access.needs_merchant() {
            Some((cause, generation)) => Fate::Paused { cause, waits_for: WaitsFor::Access(generation) },
            // The vault does not open, or Salla renews nothing at the moment.
            None => of_ours(times),
        },
        SallaError::ScopeMissing(_) => Fate::Failed { cause: "scope_missing" },
        SallaError::Refused { status: FORBIDDEN, .. } | SallaError::Throttled if times > MAX_TIMES => {
            Fate::Failed { cause: "salla_refused" }
        }
        SallaError::Refused { status: FORBIDDEN, .. } | SallaError::Throttled => {
            Fate::Paused { cause: "salla_blocks_us", waits_for: WaitsFor::Minutes(BLOCKED_FOR_MINUTES) }
        }
        SallaError::Unreadable(_) => Fate::Failed { cause: "salla_unreadable" },
        SallaError::Unavailable { .. } => Fate::Failed { cause: "salla_unavailable" },
        SallaError::Refused { .. } | SallaError::NotFound => Fate::Failed { cause: "salla_refused" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_tried_in_vain_is_said_after_a_while_and_given_up_in_the_end() {
        let reasons = || {
            [
                Stop::Ours("down".into()),
                Stop::Salla(SallaError::Access(AccessError::Unavailable("down".into()))),
                Stop::Silent { seconds: 900, is_held: false },
                Stop::Disagrees("twice".into()),
                Stop::Salla(SallaError::Throttled),
            ]
        };
        for stop in reasons() {
            assert!(matches!(stop.fate(QUIET_TIMES + 1), Fate::Paused { .. }), "{stop}");
            assert!(matches!(stop.fate(MAX_TIMES + 1), Fate::Failed { .. }), "{stop}");
        }
        assert_eq!(Stop::Ours("down".into()).fate(1), Fate::TriedAgain);
        assert_eq!(Stop::Lost.fate(MAX_TIMES + 1), Fate::TriedAgain, "another has it");
    }
}
