//! Whatever waits says so to the merchant: what waits, why, and what happens next.

use anyhow::{Result, ensure};
use qafila_proving::merchant::{Merchant, expect, make_store};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use reqwest::StatusCode;
use salla_sim::lies::Lies;
use salla_sim::store::Plan;
use serde_json::Value;

/// Most of an hour of Salla's passes in twelve seconds.
static SHARED: SharedWorld = SharedWorld::with_settings("waits", &[("QAFILA_SALLA_MINUTE_MS", "300")]);

async fn notes(merchant: &Merchant, kind: &str) -> Result<Vec<Value>> {
    let page = expect(merchant.get("/api/v1/notifications").await?, StatusCode::OK).await?;
    let items = page["items"].as_array().cloned().unwrap_or_default();
    Ok(items.into_iter().filter(|note| note["kind"] == kind).collect())
}

#[test]
fn an_import_that_waits_for_most_of_an_hour_is_told_once_with_its_reason() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let plan = Plan { seed: 1_801, orders: 20, customers: 3, products: 3, ..Plan::default() };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        let lies = Lies { cut_pages: 1.0, answers: u32::MAX, ..Lies::default() };
        world.sim.world().lies.insert(store, lies);
        merchant.start_import(12).await?;
        let told = until(|| notes(&merchant, "sync_waiting"), |notes| !notes.is_empty()).await?;
        ensure!(told.len() == 1 && told[0]["cause"] == "source_disagrees", "{told:?}");
        ensure!(told[0]["opens"]["page"] == "import", "{told:?}");
        ensure!(told[0]["body"].as_str().is_some_and(|body| body.contains("سلة")), "{told:?}");
        let status = expect(merchant.get("/api/v1/sync/status").await?, StatusCode::OK).await?;
        ensure!(status["status"] == "paused" && status["pausedUntil"].is_string(), "{status}");
        world.sim.world().lies.remove(&store);
        until(|| notes(&merchant, "sync_completed"), |notes| !notes.is_empty()).await?;
        ensure!(notes(&merchant, "sync_waiting").await?.len() == 1);
        Ok(())
    });
}
