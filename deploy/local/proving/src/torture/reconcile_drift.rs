//! `reconcile_drift`: a thousand changes that no webhook told. Those that a list shows (new orders, status, total, newest update) are
//! healed by one night, all others (lines, customers of old orders, deletions) within one cycle of nights, and a second cycle changes
//! nothing. One run is one store.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use salla_sim::catalogue::STATUSES;
use salla_sim::store::{Plan, Store};
use sqlx::{PgPool, Row as _};

use super::RunOutcome;
use crate::merchant::{Merchant, make_store};
use crate::world::World;

const CHANGES: usize = 1_000;
const CYCLE_NIGHTS: usize = 5;
const MONTHS: u32 = 24;
const PATIENCE: Duration = Duration::from_secs(300);

/// Where the runs happen.
pub struct ReconcileDrift {
    world: World,
    owner: PgPool,
}

/// An order as both sides can tell it: status, total in halalas, customer, units.
type Told = (String, i64, i64, i64);

impl ReconcileDrift {
    /// Makes a world whose nights come when they are called.
    pub async fn prepare() -> Result<Self> {
        let mut world = World::make("torture_drift").await?.with_many_merchants();
        for (name, value) in [
            ("QAFILA_RECONCILE_CRON", "0 2 1 1 *".to_owned()),
            ("QAFILA_RECONCILE_CYCLE_NIGHTS", CYCLE_NIGHTS.to_string()),
        ] {
            world.environment.insert(name.into(), value);
        }
        world.start()?;
        world.ready().await?;
        let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        Ok(Self { world, owner })
    }

    /// The run of `seed`.
    pub async fn run(&mut self, seed: u64) -> Result<RunOutcome> {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let plan = Plan { seed, orders: 2_000, customers: 300, products: 60, ..Plan::default() };
        let store = make_store(&self.world.sim_url, &plan).await?;
        let merchant = Merchant::register(&self.world.gateway).await?;
        merchant.connect(store).await?;
        merchant.start_import(MONTHS).await?;
        merchant.watch_import(PATIENCE, |_| {}).await?;
        self.enrolled(&merchant).await?;
        {
            let mut sim = self.world.sim.world();
            let store = sim.stores.get_mut(&store).context("the store")?;
            (0..CHANGES).for_each(|_| change(store, &mut dice));
        }
        let first = self.night(&merchant).await?;
        let after_one = self.differences(&merchant, store, true).await?;
        for _ in 1..CYCLE_NIGHTS {
            self.night(&merchant).await?;
        }
        let after_a_cycle = self.differences(&merchant, store, false).await?;
        // What was in doubt is fetched before the next cycle begins.
        self.fetched(&merchant).await?;
        let mut again = 0;
        for _ in 0..CYCLE_NIGHTS {
            again += self.night(&merchant).await?;
        }
        println!(
            "  seed {seed}: {first} changes in the first night, {after_one} differ after it, {after_a_cycle} after a cycle, {again} changes in the next"
        );
        Ok(RunOutcome { lost: after_one + after_a_cycle, duplicated: again, wrong: false })
    }

    async fn enrolled(&self, merchant: &Merchant) -> Result<()> {
        self.until("a place on the schedule", || async {
            let query = "SELECT count(*) = 1 FROM reconciliations WHERE merchant_id = $1::uuid";
            Ok(sqlx::query_scalar(query).bind(&merchant.id).fetch_one(&self.owner).await?)
        })
        .await
    }

    /// Lets a night come; how many rows it created or updated.
    async fn night(&self, merchant: &Merchant) -> Result<u64> {
        let records = "SELECT count(*) FROM reconciliation_runs WHERE merchant_id = $1::uuid";
        let before: i64 = sqlx::query_scalar(records).bind(&merchant.id).fetch_one(&self.owner).await?;
        sqlx::query("UPDATE reconciliations SET night_at = now() WHERE merchant_id = $1::uuid")
            .bind(&merchant.id)
            .execute(&self.owner)
            .await?;
        self.until("the night's records", || async {
            let now: i64 = sqlx::query_scalar(records).bind(&merchant.id).fetch_one(&self.owner).await?;
            Ok(now >= before + 3)
        })
        .await?;
        let row = sqlx::query(
            "SELECT sum(created + updated)::bigint, max(cause) FROM (SELECT * FROM reconciliation_runs WHERE merchant_id = $1::uuid
                 ORDER BY started_at DESC LIMIT 3) AS night",
        )
        .bind(&merchant.id)
        .fetch_one(&self.owner)
        .await?;
        let cause: Option<String> = row.try_get(1)?;
        ensure!(cause.is_none(), "the night failed: {cause:?}");
        Ok(u64::try_from(row.try_get::<i64, _>(0)?)?)
    }

    async fn fetched(&self, merchant: &Merchant) -> Result<()> {
        self.until("everything stale to be fetched", || async {
            let stale = ["orders", "customers", "products"].map(|table| {
                format!("(SELECT count(*) FROM {table} WHERE merchant_id = $1::uuid AND stale_since > coalesce(greatest(read_at, deleted_at), '-infinity'))")
            });
            let query = format!("SELECT {} = 0", stale.join(" + "));
            Ok(sqlx::query_scalar(&query).bind(&merchant.id).fetch_one(&self.owner).await?)
        })
        .await
    }

    /// Orders, products and customers that differ from the source once the merge has had its time; of orders only what a list shows
    /// where `listed`.
    async fn differences(&self, merchant: &Merchant, store: u64, listed: bool) -> Result<u64> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let differ = self.count(merchant, store, listed).await?;
            if differ == 0 || Instant::now() > deadline {
                return Ok(differ);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn count(&self, merchant: &Merchant, store: u64, listed: bool) -> Result<u64> {
        let rows = sqlx::query(
            "SELECT order_id, status_slug, (total * 100)::bigint, customer_id,
                 (SELECT coalesce(sum((line->>'quantity')::numeric), 0)::bigint FROM json_array_elements(lines) AS line)
             FROM orders WHERE merchant_id = $1::uuid AND coalesce(deleted_at <= read_at, deleted_at IS NULL)",
        )
        .bind(&merchant.id)
        .fetch_all(&self.owner)
        .await?;
        let mut ours: BTreeMap<i64, Told> = BTreeMap::new();
        for row in rows {
            let told = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
            ours.insert(row.try_get(0)?, told);
        }
        let sim = self.world.sim.world();
        let store = sim.stores.get(&store).context("the store")?;
        let mut differ = 0;
        for order in &store.orders {
            let units: i64 = order.lines.iter().map(|line| i64::from(line.quantity)).sum();
            let customer = store.customers[order.customer].id.cast_signed();
            let Some((slug, total, known_customer, known_units)) = ours.remove(&order.id.cast_signed())
            else {
                differ += 1;
                continue;
            };
            let thin = slug == STATUSES[order.status].1 && total == order.total;
            let whole = known_customer == customer && known_units == units;
            differ += u64::from(!thin || !listed && !whole);
        }
        // What is left is gone at the source; a list shows that only where it is read whole.
        Ok(if listed { differ } else { differ + ours.len() as u64 })
    }

    async fn until<F: Future<Output = Result<bool>>>(&self, what: &str, asked: impl Fn() -> F) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !asked().await? {
            ensure!(Instant::now() < deadline, "{what} did not come within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Removes the world.
    pub async fn finish(self) -> Result<()> {
        self.world.remove().await
    }
}

/// One change that nobody is told of. At most one in a hundred deletes: more would be a question.
fn change(store: &mut Store, dice: &mut ChaCha8Rng) {
    let now = Utc::now();
    let index = dice.random_range(0..store.orders.len());
    let (id, customers) = (store.orders[index].id, store.customers.len());
    match dice.random_range(0..100) {
        0..20 => {
            store.place_order(now);
        }
        20..40 => {
            store.set_status(id, STATUSES[dice.random_range(0..STATUSES.len())].1, now);
        }
        40..60 => {
            if let Some(order) = store.order_mut(id) {
                order.total += 100;
                order.updated_at = now;
            }
        }
        60..75 => {
            if let Some(order) = store.order_mut(id) {
                order.lines[0].quantity += 1;
            }
        }
        75..90 => {
            if let Some(order) = store.order_mut(id) {
                order.customer = (order.customer + 1) % customers;
            }
        }
        90..91 => {
            store.remove_order(id);
        }
        91..96 => {
            let product = dice.random_range(0..store.products.len());
            store.products[product].price += 25;
        }
        _ => {
            let customer = &mut store.customers[dice.random_range(0..customers)];
            customer.gender = if customer.gender == "male" { "female" } else { "male" };
        }
    }
}
