//! Faults on demand: what goes wrong with the next calls of the merchant API.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The plan; chances are 0 to 1 per call, counts are spent one a call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// So many next calls answer 429.
    pub burst_429: u32,
    /// Chance of 429.
    pub chance_429: f64,
    /// Chance of 500 or 503, half of them not JSON.
    pub chance_5xx: f64,
    /// Chance that the connection is cut in the middle of the body.
    pub chance_cut: f64,
    /// Chance that no answer comes for `timeout_seconds`.
    pub chance_timeout: f64,
    /// How long a call hangs.
    pub timeout_seconds: f64,
    /// Every n-th row of every list does not map; 0 for none. The same rows each time.
    pub malformed_every: usize,
    /// An order arrives after every n-th order list call; 0 for none.
    pub arrival_every: u32,
    /// Chance that an answer of the token endpoint comes late; the tokens were exchanged at once.
    pub chance_token_late: f64,
    /// How late at most, seconds.
    pub token_late_seconds: f64,
    /// Chance that a refresh is redeemed and its answer is lost.
    pub chance_token_lost: f64,
    /// Chance that the token endpoint answers 503 without having redeemed anything.
    pub chance_token_5xx: f64,
}

/// What happens to one call of the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TokenMishap {
    /// The answer waits for so many seconds.
    Late(f64),
    /// Redeemed, and the connection is cut.
    Lost,
    /// 503 before anything was redeemed.
    Unavailable,
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// 429.
    TooMany,
    /// 500 or 503, with Salla's envelope or with plain text.
    ServerError {
        /// Status.
        status: u16,
        /// Whether it is JSON.
        json: bool,
    },
    /// The body ends half-way.
    Cut,
    /// Nothing for a while.
    Hang,
}

impl Faults {
    /// Decides about one call.
    pub fn draw(&mut self, dice: &mut ChaCha8Rng) -> Option<Mishap> {
        if self.burst_429 > 0 {
            self.burst_429 -= 1;
            return Some(Mishap::TooMany);
        }
        if dice.random_bool(self.chance_429.clamp(0.0, 1.0)) {
            return Some(Mishap::TooMany);
        }
        if dice.random_bool(self.chance_5xx.clamp(0.0, 1.0)) {
            let status = if dice.random_bool(0.5) { 500 } else { 503 };
            return Some(Mishap::ServerError { status, json: dice.random_bool(0.5) });
        }
        if dice.random_bool(self.chance_cut.clamp(0.0, 1.0)) {
            return Some(Mishap::Cut);
        }
        dice.random_bool(self.chance_timeout.clamp(0.0, 1.0)).then_some(Mishap::Hang)
    }

    /// Decides about one call of the token endpoint.
    pub fn draw_token(&self, dice: &mut ChaCha8Rng) -> Option<TokenMishap> {
        if dice.random_bool(self.chance_token_lost.clamp(0.0, 1.0)) {
            return Some(TokenMishap::Lost);
        }
        if dice.random_bool(self.chance_token_5xx.clamp(0.0, 1.0)) {
            return Some(TokenMishap::Unavailable);
        }
        dice.random_bool(self.chance_token_late.clamp(0.0, 1.0))
            .then(|| TokenMishap::Late(dice.random::<f64>() * self.token_late_seconds))
    }

    /// Whether row number `index` of a list does not map.
    pub fn spoils(&self, index: usize) -> bool {
        self.malformed_every > 0 && (index + 1).is_multiple_of(self.malformed_every)
    }
}
