//! `outage`: our endpoint is down for two hours, with Salla's minutes shortened, while orders come and change and Salla gives their events
//! up. Within 30 of those minutes after its return all is healed, without a command. One run is one outage.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use salla_sim::catalogue::STATUSES;
use salla_sim::shapes;
use salla_sim::store::Plan;
use salla_sim::webhooks::emit;

use super::RunOutcome;
use crate::merchant::{Merchant, make_store};
use crate::world::World;

/// One of Salla's minutes.
const MINUTE: Duration = Duration::from_millis(500);
const DOWN_MINUTES: u32 = 120;
const HEALED_WITHIN_MINUTES: u32 = 30;
const CHANGES: u32 = 120;
const MONTHS: u32 = 12;

/// Where the runs happen.
pub struct Outage {
    world: World,
}

impl Outage {
    /// Makes a world whose gateway is a process of its own.
    pub async fn prepare() -> Result<Self> {
        let mut world = World::make("torture_outage").await?.with_many_merchants();
        for (name, value) in [
            ("QAFILA_SALLA_MINUTE_MS", MINUTE.as_millis().to_string()),
            ("QAFILA_RECONCILE_CRON", "0 2 1 1 *".to_owned()),
        ] {
            world.environment.insert(name.into(), value);
        }
        {
            let mut sim = world.sim.world();
            sim.switches.time_scale = 60.0 / MINUTE.as_secs_f64();
            sim.switches.webhook_retry_seconds = vec![(MINUTE * 5).as_secs_f64(); 3];
        }
        for role in ["gateway", "ingest", "project", "relay"] {
            world.start_as(role, &[role], &[])?;
        }
        world.ready().await?;
        Ok(Self { world })
    }

    /// The run of `seed`.
    pub async fn run(&mut self, seed: u64) -> Result<RunOutcome> {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let plan =
            Plan { seed, orders: 300, customers: 50, products: 20, plan: "pro".into(), ..Plan::default() };
        let store = make_store(&self.world.sim_url, &plan).await?;
        let merchant = Merchant::register(&self.world.gateway).await?;
        merchant.connect(store).await?;
        merchant.start_import(MONTHS).await?;
        merchant.watch_import(Duration::from_secs(180), |_| {}).await?;
        let owner = self.world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let enrolled = Instant::now() + Duration::from_secs(60);
        loop {
            let query = "SELECT count(*) FROM reconciliations WHERE merchant_id = $1::uuid";
            if sqlx::query_scalar::<_, i64>(query).bind(&merchant.id).fetch_one(&owner).await? == 1 {
                break;
            }
            ensure!(Instant::now() < enrolled, "the store is not on the schedule");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.world.kill_one("gateway")?;
        for _ in 0..CHANGES {
            self.change(store, &mut dice)?;
            tokio::time::sleep(MINUTE * DOWN_MINUTES / CHANGES).await;
        }
        self.world.start_as("gateway", &["gateway"], &[])?;
        self.world.ready().await?;
        let returned = Instant::now();
        let differ = loop {
            let differ = self.differences(&merchant, store, &owner).await?;
            if differ == 0 || returned.elapsed() > MINUTE * HEALED_WITHIN_MINUTES {
                break differ;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        println!(
            "  seed {seed}: {} given up by Salla, {differ} orders differ {:.1} of Salla's minutes after the return",
            self.world.sim.world().webhooks.lost,
            returned.elapsed().as_secs_f64() / MINUTE.as_secs_f64()
        );
        Ok(RunOutcome { lost: differ, ..RunOutcome::default() })
    }

    /// A new order, or another status, and the event that tells it.
    fn change(&self, store: u64, dice: &mut ChaCha8Rng) -> Result<()> {
        let now = Utc::now();
        let (event, message) = {
            let mut world = self.world.sim.world();
            let switches = world.switches.clone();
            let found = world.stores.get_mut(&store).context("the store")?;
            if dice.random_bool(0.5) {
                let id = found.place_order(now).id;
                let order = found.order(id).context("the order")?;
                let (data, branch) = shapes::order_webhook(found, order);
                let extra = Some(("pickup_branch", branch));
                ("order.created", shapes::webhook("order.created", store, now, data, extra, &switches))
            } else {
                let id = found.orders[dice.random_range(0..found.orders.len())].id;
                found.set_status(id, STATUSES[dice.random_range(0..STATUSES.len())].1, now);
                let order = found.order(id).context("the order")?;
                let data = shapes::status_webhook(found, order);
                (
                    "order.status.updated",
                    shapes::webhook("order.status.updated", store, now, data, None, &switches),
                )
            }
        };
        emit(&self.world.sim, store, event, &message);
        Ok(())
    }

    async fn differences(&self, merchant: &Merchant, store: u64, owner: &sqlx::PgPool) -> Result<u64> {
        let rows: Vec<(i64, Option<String>)> = sqlx::query_as(
            "SELECT order_id, status_slug FROM orders WHERE merchant_id = $1::uuid AND coalesce(deleted_at <= read_at, deleted_at IS NULL)",
        )
        .bind(&merchant.id)
        .fetch_all(owner)
        .await?;
        let ours: std::collections::HashMap<i64, Option<String>> = rows.into_iter().collect();
        let sim = self.world.sim.world();
        let orders = &sim.stores.get(&store).context("the store")?.orders;
        let from = Utc::now() - chrono::Duration::days(300);
        let differs = orders.iter().filter(|order| order.created_at > from).filter(|order| {
            let known = ours.get(&order.id.cast_signed()).and_then(Option::as_deref);
            known != Some(STATUSES[order.status].1)
        });
        Ok(differs.count() as u64)
    }

    /// Removes the world.
    pub async fn finish(self) -> Result<()> {
        self.world.remove().await
    }
}
