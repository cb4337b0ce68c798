//! Torture: seeded faults, counted.

pub mod beside;
pub mod export_kill;
pub mod frozen;
pub mod hostile_webhooks;
pub mod import_kill;
pub mod odd_shapes;
pub mod outage;
pub mod reconcile_drift;
pub mod relay_order;
pub mod store_changes;
pub mod sync_lively;
pub mod sync_runs;
pub mod token_refresh;
pub mod waits;
pub mod webhook_kill;
pub mod webhook_order;

use crate::totals::Everywhere;

/// What one run of a scenario ended with.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunOutcome {
    /// Things lost.
    pub lost: u64,
    /// Things doubled.
    pub duplicated: u64,
    /// Ended wrong in another way.
    pub wrong: bool,
}

impl RunOutcome {
    /// What places that were counted say of it: orders lost and doubled, and whether they differ in anything.
    pub fn of(counted: &Everywhere) -> Self {
        let mut outcome = Self { wrong: !counted.differences().is_empty(), ..Self::default() };
        for place in [&counted.postgres, &counted.clickhouse, &counted.topics] {
            outcome.lost += counted.simulator.orders.saturating_sub(place.orders);
            outcome.duplicated += place.orders.saturating_sub(counted.simulator.orders);
        }
        outcome
    }

    /// Whether the run ended as it must.
    pub fn is_good(self) -> bool {
        self.lost == 0 && self.duplicated == 0 && !self.wrong
    }
}
