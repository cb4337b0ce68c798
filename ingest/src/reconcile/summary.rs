//! What a run found of one resource, and why it did not get to its end.

use std::time::Duration;

use crate::salla::client::SallaError;

/// Rows of one resource, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows that were read and compared.
    pub fetched: i64,
    /// Rows that were missing here.
    pub created: i64,
    /// Rows that differed, those that are gone among them.
    pub updated: i64,
    /// Rows that agreed.
    pub unchanged: i64,
    /// Rows that did not map.
    pub skipped: i64,
    /// Rows that could not be read.
    pub failed: i64,
    /// Of the updated ones those that are gone.
    pub deleted: i64,
}

impl Summary {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            fetched: self.fetched + other.fetched,
            created: self.created + other.created,
            updated: self.updated + other.updated,
            unchanged: self.unchanged + other.unchanged,
            skipped: self.skipped + other.skipped,
            failed: self.failed + other.failed,
            deleted: self.deleted + other.deleted,
        }
    }
}

/// Why a resource was not reconciled to its end. What was written until then is right.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Another process has the store.
    #[error("another process has taken the run over")]
    Lost,
    /// There is no connection.
    #[error("no store is connected")]
    NotConnected,
    /// Salla.
    #[error(transparent)]
    Salla(#[from] SallaError),
    /// The source contradicts itself: nothing is concluded from what it leaves out.
    #[error("Salla's answers do not agree: {0}")]
    Disagrees(String),
    /// More rows would be deleted than a run may delete by itself; nothing was.
    #[error("{deletions} of {rows} {resource} would be deleted; nothing was")]
    TooManyDeletions {
        /// Resource.
        resource: &'static str,
        /// Rows that are not at Salla.
        deletions: usize,
        /// Rows that are stored.
        rows: usize,
    },
    /// More rows do not map than an import would let pass.
    #[error("{skipped} of {rows} {resource} do not map; `qafila dlq list` tells why")]
    TooManyUnmappable {
        /// Resource.
        resource: &'static str,
        /// Rows that did not map.
        skipped: i64,
        /// Rows that were read.
        rows: i64,
    },
    /// Something of ours.
    #[error("{0}")]
    Ours(String),
}

impl Failure {
    pub(super) fn ours(error: impl std::fmt::Display) -> Self {
        Self::Ours(error.to_string())
    }

    /// Stable code.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Lost | Self::Ours(_) => "internal_trouble",
            Self::NotConnected => "not_connected",
            Self::Salla(error) => error.cause(),
            Self::Disagrees(_) => "source_disagrees",
            Self::TooManyDeletions { .. } => "too_many_deletions",
            Self::TooManyUnmappable { .. } => "too_many_invalid_rows",
        }
    }

    /// Whether trying again may help; otherwise somebody has to do something first.
    pub fn may_pass(&self) -> bool {
        !matches!(
            self.cause(),
            "not_connected"
                | "access_refused"
                | "refresh_answer_lost"
                | "scope_missing"
                | "too_many_deletions"
                | "too_many_invalid_rows"
        )
    }
}

/// Doubles from try to try; a twentieth of a minute of Salla's stands for a second, so that simulations are quick.
pub(super) fn back_off(tries: i32, minute: Duration) -> Duration {
    minute * 5 * 2_u32.pow(tries.clamp(1, 4).cast_unsigned() - 1)
}
