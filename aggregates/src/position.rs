//! The opaque position a command answers with, and a query may wait for: `type:id:sequence`.

use std::fmt;
use std::str::FromStr;

/// A place in an aggregate's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Aggregate type.
    pub aggregate_type: String,
    /// Aggregate id.
    pub aggregate_id: String,
    /// Sequence.
    pub sequence: i64,
}

/// A text that is no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a position is what a command answered with, unchanged")]
pub struct NotAPosition;

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.aggregate_type, self.aggregate_id, self.sequence)
    }
}

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().filter(|p| !p.is_empty() && p.len() <= 64).ok_or(NotAPosition);
        let (aggregate_type, aggregate_id, sequence) = (part()?.to_owned(), part()?.to_owned(), part()?);
        let sequence = sequence.parse().ok().filter(|s| *s > 0).ok_or(NotAPosition)?;
        Ok(Self { aggregate_type, aggregate_id, sequence })
    }
}
