//! A merge that stands still while an import reads details: what was read and written is waited for, not read again with every try.

use anyhow::{Result, ensure};
use qafila_proving::merchant::{Merchant, make_store};
use qafila_proving::waiting::until;
use qafila_proving::world::World;
use salla_sim::store::Plan;

const ORDERS: i64 = 60;
/// Details that are read before the merge stops.
const BEFORE: i64 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn details_that_were_written_are_not_read_again_while_the_merge_stands_still() -> Result<()> {
    let mut world = World::make("stalled_merge").await?;
    world.environment.insert("QAFILA_SALLA_MINUTE_MS".into(), "6000".into());
    world.sim.world().switches.time_scale = 10.0;
    for role in ["gateway", "relay", "ingest", "project"] {
        world.start_as(role, &[role], &[])?;
    }
    world.ready().await?;
    let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
    let plan = Plan {
        seed: 1_861,
        orders: ORDERS as usize,
        customers: 5,
        products: 5,
        months: 11,
        plan: "plus".into(),
        ..Plan::default()
    };
    let store = make_store(&world.sim_url, &plan).await?;
    let merchant = Merchant::register(&world.gateway).await?;
    merchant.connect(store).await?;
    merchant.start_import(12).await?;
    let read = || async {
        let done: Option<i64> =
            sqlx::query_scalar("SELECT done FROM sync_hydrations").fetch_optional(&pool).await?;
        Ok(done.unwrap_or_default())
    };
    until(read, |done| *done >= BEFORE).await?;
    world.kill_one("project")?;
    // It reads to the end, waits for the merge, and is taken up again.
    let epoch =
        || async { Ok(sqlx::query_scalar::<_, i64>("SELECT epoch FROM sync_runs").fetch_one(&pool).await?) };
    until(epoch, |epoch| *epoch >= 2).await?;
    ensure!(read().await? == ORDERS, "{} of {ORDERS} details were read", read().await?);
    world.start_as("project", &["project"], &[])?;
    until(|| async { Ok(merchant.sync_status().await?.status) }, |status| status == "completed").await?;
    let done = read().await?;
    ensure!(done == ORDERS, "{done} details were read of {ORDERS} orders");
    world.remove().await
}
