//! `relay_order`: schedules of transactions that commit out of order, roll back or stay open, and relays that crash between
//! publishing and moving their cursor: nothing skipped, nothing published twice beyond a crash's redelivery.

use anyhow::Result;

use super::RunOutcome;

#[path = "../../../../../aggregates/tests/outbox_schedules/mod.rs"]
mod outbox_schedules;

/// Where the runs happen: a Postgres of its own, because the relay's horizon is cluster-wide.
pub struct RelayOrder(outbox_schedules::PrivatePostgres);

impl RelayOrder {
    /// Starts the server.
    pub async fn prepare() -> Result<Self> {
        Ok(Self(outbox_schedules::PrivatePostgres::start().await?))
    }

    /// The schedule of `seed`.
    pub async fn run(&self, seed: u64) -> Result<RunOutcome> {
        let verdict = outbox_schedules::Schedule::seeded(seed).run(&self.0).await?;
        Ok(RunOutcome { lost: verdict.lost, duplicated: verdict.duplicated, wrong: verdict.reordered > 0 })
    }

    /// Stops the server.
    pub async fn finish(self) -> Result<()> {
        self.0.stop().await
    }
}
