//! Nights over lists that cannot be taken at their word: longer than Salla shows, empty for once, or full of rows that do not map.

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use qafila_proving::merchant::Merchant;
use qafila_proving::nights::{NIGHTS_WHEN_ASKED, changes, imported, night, of};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use qafila_proving::world::World;
use salla_sim::lies::Lies;
use salla_sim::store::{Plan, riyadh};

const DEEPEST: usize = 100;
const MONTHS: u32 = 24;
const SETTINGS: &[(&str, &str)] =
    &[NIGHTS_WHEN_ASKED[0], NIGHTS_WHEN_ASKED[1], NIGHTS_WHEN_ASKED[2], ("QAFILA_SALLA_DEEPEST_ROWS", "100")];
static SHARED: SharedWorld = SharedWorld::with_settings("doubtful", SETTINGS);

async fn world() -> Result<&'static World> {
    let world = SHARED.world().await?;
    world.sim.world().switches.deep_page_rows = DEEPEST;
    Ok(world)
}

/// What `qafila reconcile` says of the merchant's products, and whether it got to their end.
async fn products(world: &World, merchant: &Merchant) -> (bool, String) {
    let today = Utc::now().date_naive().to_string();
    let asked =
        ["reconcile", "--merchant", &merchant.id, "--from", &today, "--to", &today, "--resource", "products"];
    match world.run(&asked).await {
        Ok(said) => (true, said),
        Err(error) => (false, error.to_string()),
    }
}

#[test]
fn nights_get_to_the_last_row_of_lists_that_are_longer_than_salla_shows() {
    SHARED.run(async {
        let _turn = SHARED.faults.write().await;
        let world = world().await?;
        let plan = Plan { seed: 821, orders: 600, customers: 350, products: 40, ..Plan::default() };
        let (merchant, store) = imported(world, &plan, MONTHS).await?;
        let day = {
            let mut sim = world.sim.world();
            let store = sim.stores.get_mut(&store).context("the store")?;
            for index in [5, 150, 340] {
                let customer = &mut store.customers[index];
                customer.gender = if customer.gender == "male" { "female" } else { "male" };
            }
            store.customers[200].gone = true;
            let ids: Vec<u64> = store.orders.iter().map(|order| order.id).collect();
            for index in [3, 300, 590] {
                store.order_mut(ids[index]).context("an order")?.lines[0].quantity += 5;
            }
            store.orders[300].created_at.with_timezone(&riyadh()).date_naive().to_string()
        };
        let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let cycle_ended = || async {
            let query = "SELECT customers_since IS NULL FROM reconciliations WHERE merchant_id = $1::uuid";
            Ok::<_, anyhow::Error>(
                sqlx::query_scalar::<_, bool>(query).bind(&merchant.id).fetch_one(&owner).await?,
            )
        };
        let first = night(world, &merchant).await?;
        ensure!(changes(of(&first, "orders")) == (0, 3), "{first:#?}");
        let mut customers = changes(of(&first, "customers")).1;
        let mut nights = 1;
        while !cycle_ended().await? {
            nights += 1;
            ensure!(nights < 5, "the cycle of customers does not end");
            let next = night(world, &merchant).await?;
            ensure!(of(&next, "customers")["cause"].is_null(), "{next:#?}");
            customers += changes(of(&next, "customers")).1;
        }
        ensure!(customers == 4, "{customers} customers were healed in {nights} nights: {first:#?}");
        let asked = ["verify", "--merchant", &merchant.id, "--day", &day];
        let verified = || async { Ok(world.run(&asked).await.map_err(|error| error.to_string())) };
        let said = until(verified, Result::is_ok).await?.unwrap_or_default();
        ensure!(said.contains("all four agree") && said.contains(" 349 "), "{said}");
        Ok(())
    });
}

#[test]
fn a_list_that_is_empty_for_once_deletes_nothing() {
    SHARED.run(async {
        let _turn = SHARED.faults.write().await;
        let world = world().await?;
        let plan = Plan { seed: 822, orders: 5, customers: 3, products: 40, ..Plan::default() };
        let (merchant, store) = imported(world, &plan, MONTHS).await?;
        let lie = Lies { empty_success: 1.0, answers: 1, ..Lies::default() };
        world.sim.world().lies.insert(store, lie);
        let (ended, said) = products(world, &merchant).await;
        ensure!(ended && said.contains("deleted 0"), "{said}");
        ensure!(world.sim.world().lies[&store].answers == 0, "the list did not lie");
        Ok(())
    });
}

#[test]
fn a_run_whose_rows_do_not_map_says_so_instead_of_ending_well() {
    SHARED.run(async {
        let _turn = SHARED.faults.write().await;
        let world = world().await?;
        let plan = Plan { seed: 823, orders: 5, customers: 3, products: 40, ..Plan::default() };
        let (merchant, _) = imported(world, &plan, MONTHS).await?;
        world.sim.world().faults.malformed_every = 2;
        let refused = products(world, &merchant).await;
        world.sim.world().faults.malformed_every = 0;
        // The rows without a readable id seem absent, so their 20 products are read one by one as well.
        ensure!(!refused.0 && refused.1.contains("too_many_invalid_rows: 20 of 60"), "{refused:?}");
        let (ended, said) = products(world, &merchant).await;
        ensure!(ended && said.contains("unchanged 40"), "{said}");
        Ok(())
    });
}
