//! The one service aggregates declare: what time it is.

use qafila_schemas::millis::Millis;

/// Tells the time; tests fix it.
#[derive(Debug, Clone, Copy)]
pub struct Clock(fn() -> Millis);

impl Clock {
    /// This machine's clock.
    pub fn system() -> Self {
        Self(Millis::now)
    }

    /// A clock that reads what `tell` says.
    pub fn reading(tell: fn() -> Millis) -> Self {
        Self(tell)
    }

    /// Now.
    pub fn now(self) -> Millis {
        (self.0)()
    }
}
