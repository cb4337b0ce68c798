//! The ledger of a row: what the merge has to remember beside the values, in one compact column. Nobody but the merge reads it.

use qafila_schemas::millis::Millis;
use serde::{Deserialize, Serialize};

use super::register::{OF_THE_VALUE, Rules, Sight, Sightings, Stamp};

/// What is kept in the column.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Last news of a change, Kind::Stale.
    pub news_at: Option<Millis>,
    /// Last webhook that told anything.
    pub told_at: Option<Millis>,
    /// When the creation that list, details and webhooks tell was told.
    pub created_told: [Option<Millis>; 3],
    /// When the connection was named that the row is said to be of.
    pub connection_at: Option<Millis>,
    /// Stamps of the observations that decide registers.
    stamps: Vec<Stamp>,
    /// Per register the winner: its place among the stamps, from 1; 0 where nobody told it. Trailing ones are left out.
    winners: Vec<u8>,
    /// Registers with something else to remember.
    others: Vec<Other>,
    /// What only one kind of row has.
    pub own: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Other {
    /// Register, stamp and hash of the best of the kind of source that did not win.
    Loser(u8, u8, u32),
    /// Register, and stamp of the best that contradicts the best exact one.
    Rival(u8, u8),
}

/// Why a ledger cannot be read: it was damaged, or written by a later version.
pub type LedgerError = postcard::Error;

impl Ledger {
    /// From its column; an empty one is a row that nobody has told yet.
    pub fn read(bytes: &[u8]) -> Result<Self, LedgerError> {
        if bytes.is_empty() { Ok(Self::default()) } else { postcard::from_bytes(bytes) }
    }

    /// As its column holds it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, LedgerError> {
        postcard::to_stdvec(self)
    }

    /// Puts what decides the registers of a row in the place of what was there.
    pub fn remember<'s>(&mut self, seen: impl Iterator<Item = &'s Sightings>, rules: Rules) {
        (self.stamps, self.winners, self.others) = (Vec::new(), Vec::new(), Vec::new());
        for (register, seen) in (0_u8..).zip(seen) {
            let winner = seen.winner(rules);
            let place = winner.map_or(0, |winner| self.place(winner.stamp));
            self.winners.push(place);
            let Some(winner) = winner else { continue };
            for loser in
                [seen.exact, seen.list].into_iter().flatten().filter(|sight| sight.stamp != winner.stamp)
            {
                let place = self.place(loser.stamp);
                self.others.push(Other::Loser(register, place, loser.said));
            }
            if let Some(rival) = seen.rival {
                let place = self.place(rival);
                self.others.push(Other::Rival(register, place));
            }
        }
    }

    /// What decides each register, in their order.
    pub fn seen(&self) -> Vec<Sightings> {
        let stamp = |place: u8| self.stamps.get(usize::from(place).wrapping_sub(1)).copied();
        let mut all: Vec<Sightings> = self
            .winners
            .iter()
            .map(|place| {
                stamp(*place)
                    .map_or_else(Sightings::default, |stamp| with(Sightings::default(), stamp, OF_THE_VALUE))
            })
            .collect();
        for other in &self.others {
            match *other {
                Other::Loser(register, place, said) => {
                    if let (Some(seen), Some(stamp)) = (all.get_mut(usize::from(register)), stamp(place)) {
                        *seen = with(*seen, stamp, said);
                    }
                }
                Other::Rival(register, place) => {
                    if let Some(seen) = all.get_mut(usize::from(register)) {
                        seen.rival = stamp(place);
                    }
                }
            }
        }
        all
    }

    fn place(&mut self, stamp: Stamp) -> u8 {
        if let Some(place) = self.stamps.iter().position(|known| *known == stamp) {
            return place as u8 + 1;
        }
        self.stamps.push(stamp);
        self.stamps.len() as u8
    }
}

fn with(seen: Sightings, stamp: Stamp, said: u32) -> Sightings {
    let sight = Some(Sight { stamp, said });
    if stamp.is_exact() { Sightings { exact: sight, ..seen } } else { Sightings { list: sight, ..seen } }
}
