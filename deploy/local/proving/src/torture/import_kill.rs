//! `import_kill`: kill -9 of Qafila at random moments of an import, then start: it finishes, totals identical, nothing lost
//! or doubled. One run is one import with one kill; the worlds' Qafila is the same, with a new merchant each time.

use std::time::{Duration, Instant};

use anyhow::Result;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use salla_sim::faults::Faults;
use salla_sim::store::Plan;

use super::RunOutcome;
use crate::merchant::{Merchant, make_store};
use crate::totals::Places;
use crate::world::World;

const ORDERS: usize = 3_000;
const MONTHS: u32 = 24;
const PATIENCE: Duration = Duration::from_secs(180);
/// An undisturbed import of this size takes about so long; kills fall anywhere in it.
const LATEST_KILL_MS: u64 = 2_500;

/// Where the runs happen.
pub struct ImportKill {
    world: World,
    places: Places,
}

impl ImportKill {
    /// Makes a world and starts Qafila in it.
    pub async fn prepare() -> Result<Self> {
        let mut world = World::make("torture_kill").await?;
        world.start()?;
        world.ready().await?;
        let places = world.places().await?;
        Ok(Self { world, places })
    }

    /// The run of `seed`.
    pub async fn run(&mut self, seed: u64) -> Result<RunOutcome> {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        self.world.sim.world().faults = Faults { chance_5xx: 0.02, chance_cut: 0.02, ..Faults::default() };
        let plan =
            Plan { seed, orders: ORDERS, customers: ORDERS / 4, products: ORDERS / 20, ..Plan::default() };
        let store = make_store(&self.world.sim_url, &plan).await?;
        let merchant = Merchant::register(&self.world.gateway).await?;
        merchant.connect(store).await?;
        merchant.start_import(MONTHS).await?;
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..LATEST_KILL_MS))).await;
        self.world.kill()?;
        let killed = Instant::now();
        self.world.start()?;
        self.world.ready().await?;
        let finished = merchant.watch_import(PATIENCE, |_| {}).await;
        let counted = self.places.agree(&merchant.id, store, MONTHS, Duration::from_secs(30)).await?;
        println!("  seed {seed}: finished {:.1} s after the kill", killed.elapsed().as_secs_f64());
        for difference in counted.differences() {
            println!("  seed {seed}: {difference}");
        }
        let mut outcome = RunOutcome {
            wrong: finished.is_err() || !counted.differences().is_empty(),
            ..RunOutcome::default()
        };
        for place in [&counted.postgres, &counted.clickhouse, &counted.topics] {
            for (ours, theirs) in [
                (place.orders, counted.simulator.orders),
                (place.customers, counted.simulator.customers),
                (place.products, counted.simulator.products),
            ] {
                outcome.lost += theirs.saturating_sub(ours);
                outcome.duplicated += ours.saturating_sub(theirs);
            }
        }
        Ok(outcome)
    }

    /// Removes the world.
    pub async fn finish(self) -> Result<()> {
        self.world.remove().await
    }
}
