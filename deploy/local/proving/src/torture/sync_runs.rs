//! `sync_faults` and `sync_lies`: imports beside each other in one world, through seeded faults with kill -9, or from sources
//! whose lists lie or move. Every one ends with totals equal to the source's, and none says "completed" before.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use salla_sim::faults::Faults;
use salla_sim::lies::Lies;
use salla_sim::store::Plan;
use serde_json::json;

use super::RunOutcome;
use super::beside::{Outcomes, kill, patiently, play};
use crate::merchant::{Merchant, make_store};
use crate::totals::Places;
use crate::world::World;

const MONTHS: u32 = 12;
const PATIENCE: Duration = Duration::from_secs(300);
const GLANCE: Duration = Duration::from_millis(200);
/// A user asks for so long while Qafila is down.
const ASKED_FOR: Duration = Duration::from_secs(60);
/// Imports beside each other; a kill hits all of them.
pub const BESIDE: u64 = 8;

/// What the imports go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hardship {
    /// Faults of Salla, expiring tokens, and kill -9.
    Faults,
    /// Lists that lie or move.
    Lies,
}

/// Where the runs happen.
pub struct SyncRuns {
    world: World,
    places: Places,
    hardship: Hardship,
}

impl SyncRuns {
    /// Makes a world and starts Qafila in it.
    pub async fn prepare(hardship: Hardship) -> Result<Self> {
        let mut world = World::make("torture_sync").await?.with_many_merchants();
        world.start()?;
        world.ready().await?;
        let places = world.places().await?;
        Ok(Self { world, places, hardship })
    }

    /// The runs of `seeds`, beside each other.
    pub async fn run(&mut self, seeds: std::ops::Range<u64>) -> Outcomes {
        let mut dice = ChaCha8Rng::seed_from_u64(seeds.start);
        let (kills, gateway, hardship) =
            (dice.random_range(1..=3), self.world.gateway.clone(), self.hardship);
        let (sim, sim_url) = (self.world.sim.clone(), self.world.sim_url.clone());
        sim.world().faults = faults(hardship, &mut dice);
        let imports = seeds.clone().map(|seed| {
            let (gateway, sim, sim_url, places) = (&gateway, &sim, &sim_url, &self.places);
            async move { (seed, import(seed, hardship, gateway, sim, sim_url, places).await) }
        });
        let world = &mut self.world;
        let killing = async {
            let kills = if hardship == Hardship::Faults { kills } else { 0 };
            kill(world, &mut dice, kills, 500..=6_000).await?;
            // What is left may end undisturbed.
            tokio::time::sleep(Duration::from_secs(5)).await;
            sim.world().faults = Faults::default();
            anyhow::Ok(())
        };
        play(&seeds, imports, killing).await
    }

    /// Removes the world.
    pub async fn finish(self) -> Result<()> {
        self.world.remove().await
    }
}

fn faults(hardship: Hardship, dice: &mut ChaCha8Rng) -> Faults {
    if hardship == Hardship::Lies {
        return Faults::default();
    }
    Faults {
        chance_429: dice.random_range(0.0..0.01),
        chance_5xx: dice.random_range(0.0..0.05),
        chance_cut: dice.random_range(0.0..0.05),
        chance_timeout: dice.random_range(0.0..0.002),
        timeout_seconds: 2.0,
        chance_token_late: 0.3,
        token_late_seconds: 2.0,
        chance_token_lost: 0.1,
        chance_token_5xx: 0.1,
        ..Faults::default()
    }
}

fn lies(dice: &mut ChaCha8Rng) -> Lies {
    let mut chance = || if dice.random_bool(0.4) { dice.random_range(0.05..1.0) } else { 0.0 };
    Lies {
        cut_pages: chance(),
        moved_totals: chance(),
        empty_success: chance(),
        duplicates: chance(),
        arrivals: chance(),
        vanishings: chance(),
        endless_pages: chance(),
        answers: dice.random_range(1..40),
    }
}

/// One import from its start to equal totals, with a user who does what the product asks for.
async fn import(
    seed: u64,
    hardship: Hardship,
    gateway: &str,
    sim: &salla_sim::state::Sim,
    sim_url: &str,
    places: &Places,
) -> Result<RunOutcome> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let orders = dice.random_range(50..500);
    let plan = Plan { seed, orders, customers: orders / 3 + 1, products: orders / 10 + 1, ..Plan::default() };
    let store = make_store(sim_url, &plan).await?;
    let merchant = patiently(ASKED_FOR, || Merchant::register(gateway)).await?;
    patiently(ASKED_FOR, || merchant.connect(store)).await?;
    if hardship == Hardship::Lies {
        sim.world().lies.insert(store, lies(&mut dice));
    }
    patiently(ASKED_FOR, || async {
        // A start whose answer was lost has happened.
        match merchant.sync_status().await?.status.as_str() {
            "not_started" => merchant.start_import(MONTHS).await,
            _ => Ok(()),
        }
    })
    .await?;
    let (mut expiries, deadline) = (dice.random_range(0..3), Instant::now() + PATIENCE);
    loop {
        if Instant::now() > deadline {
            let status = merchant.sync_status().await?;
            bail!("not completed after {PATIENCE:?}: {status:?}");
        }
        tokio::time::sleep(GLANCE).await;
        if hardship == Hardship::Faults && expiries > 0 && dice.random_bool(0.1) {
            sim.world().grants.expire_store(store);
            expiries -= 1;
        }
        // While Qafila is being killed and started, nobody answers for a moment.
        let Ok(status) = merchant.sync_status().await else { continue };
        match (status.status.as_str(), status.cause.as_deref()) {
            ("completed", _) => break,
            ("failed", Some("salla_unavailable")) => {
                // Refused where another try was faster, or nobody answers: asked again with the next glance.
                let _ = merchant.post("/api/v1/sync/restart", &json!({})).await;
            }
            ("paused", Some("refresh_answer_lost" | "access_refused")) => {
                let _ = merchant.connect(store).await;
            }
            ("failed" | "cancelled", cause) => bail!("ended as {}: {cause:?}", status.status),
            _ => {}
        }
    }
    let lying = sim.world().lies.get(&store).is_some_and(|lies| lies.answers > 0);
    let counted = places.agree(&merchant.id, store, MONTHS, Duration::from_secs(30)).await?;
    for difference in counted.differences() {
        println!("  seed {seed}{}: {difference}", if lying { " (still lying)" } else { "" });
    }
    Ok(RunOutcome::of(&counted))
}
