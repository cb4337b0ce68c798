//! How long a batch for ClickHouse is gathered. Each insert makes a part of the table, and too many parts stop it: where rows only trickle in,
//! batches wait longer. The first rows after a quiet time leave soon.

use std::time::Duration;

/// A batch leaves when it is so old …
pub const MIN_AGE: Duration = Duration::from_millis(400);
/// … or, where rows trickle in, up to so old.
pub const MAX_AGE: Duration = Duration::from_secs(2);
/// Fewer rows in a batch are a trickle.
const FEW_ROWS: usize = 50;

/// The age of the next batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(Duration);

impl Default for Pace {
    fn default() -> Self {
        Self(MIN_AGE)
    }
}

impl Pace {
    /// How old the next batch may be.
    pub fn age(self) -> Duration {
        self.0
    }

    /// After a batch of `rows`.
    #[must_use]
    pub fn after(self, rows: usize) -> Self {
        if rows < FEW_ROWS { Self((self.0 * 2).min(MAX_AGE)) } else { Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_wait_longer_while_rows_trickle_in_and_no_longer_once_they_flow() {
        let ages = |rows: &[usize]| {
            let pace = rows.iter().fold(Pace::default(), |pace, rows| pace.after(*rows));
            pace.age().as_millis()
        };
        assert_eq!([&[][..], &[1], &[1, 1], &[1, 1, 1], &[1; 9]].map(ages), [400, 800, 1_600, 2_000, 2_000]);
        assert_eq!(ages(&[1, 1, 1, FEW_ROWS]), 400);
    }
}
