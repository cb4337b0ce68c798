//! Merchants who change stores: what is said is true of the present store, and what happened while a store was away is fetched by itself.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use qafila_proving::merchant::{Merchant, expect, make_store};
use qafila_proving::nights::runs;
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use qafila_proving::world::World;
use reqwest::StatusCode;
use salla_sim::faults::Faults;
use salla_sim::store::Plan;
use serde_json::{Value, json};
use uuid::Uuid;

static SHARED: SharedWorld =
    SharedWorld::with_settings("store_changes", &[("QAFILA_RECONCILE_CRON", "0 2 1 1 *")]);
const MONTHS: u32 = 12;

async fn store_of(world: &World, seed: u64, orders: usize) -> Result<u64> {
    let plan = Plan { seed, orders, customers: 5, products: 4, months: 11, ..Plan::default() };
    make_store(&world.sim_url, &plan).await
}

async fn status(merchant: &Merchant) -> Result<Value> {
    expect(merchant.get("/api/v1/sync/status").await?, StatusCode::OK).await
}

async fn becomes(merchant: &Merchant, wanted: &str) -> Result<Value> {
    until(|| status(merchant), |status| status["status"] == wanted).await
}

async fn disconnect(merchant: &Merchant) -> Result<()> {
    expect(merchant.delete("/api/v1/salla/connection").await?, StatusCode::ACCEPTED).await.map(drop)
}

async fn notes(merchant: &Merchant) -> Result<Vec<Value>> {
    let page = expect(merchant.get("/api/v1/notifications").await?, StatusCode::OK).await?;
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

#[test]
fn orders_of_the_gap_are_fetched_by_themselves_when_the_same_store_comes_back() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let store = store_of(world, 1_811, 40).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        merchant.start_import(MONTHS).await?;
        becomes(&merchant, "completed").await?;
        disconnect(&merchant).await?;
        {
            let mut sim = world.sim.world();
            let store = sim.stores.get_mut(&store).context("the store")?;
            let now = Utc::now();
            for _ in 0..3 {
                store.place_order(now);
            }
            let old = store.orders[2].id;
            store.set_status(old, "canceled", now).context("an order")?;
        }
        merchant.connect(store).await?;
        let counted =
            world.places().await?.agree(&merchant.id, store, MONTHS, Duration::from_secs(120)).await?;
        ensure!(counted.differences().is_empty(), "{:?}", counted.differences());
        let status = status(&merchant).await?;
        ensure!(status["status"] == "completed", "the store was imported before: {status}");
        until(|| runs(&merchant), |runs| !runs.is_empty()).await?;
        let day = Utc::now().format("%Y-%m-%d").to_string();
        let asked = ["reconcile", "--merchant", &merchant.id, "--from", &day, "--to", &day, "--dry-run"];
        let said = world.run(&asked).await?;
        ensure!(!said.contains("has not ended"), "{said}");
        Ok(())
    });
}

#[test]
fn another_store_begins_anew_and_the_import_of_the_one_before_is_cancelled_without_a_word_of_failure() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _turn = SHARED.faults.write().await;
        let (first, second) = (store_of(world, 1_812, 60).await?, store_of(world, 1_813, 10).await?);
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(first).await?;
        merchant.start_import(MONTHS).await?;
        becomes(&merchant, "running").await?;
        // So that it is under way when the store changes.
        world.sim.world().faults = Faults { chance_429: 0.9, ..Faults::default() };
        let run = status(&merchant).await?["runId"].as_str().context("a run")?.parse::<Uuid>()?;
        let connected = merchant.connect(second).await;
        let fresh = becomes(&merchant, "not_started").await;
        world.sim.world().faults = Faults::default();
        connected?;
        fresh?;
        let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let ended = || async {
            let status = sqlx::query_scalar("SELECT status FROM sync_jobs WHERE run_id = $1").bind(run);
            Ok(status.fetch_one(&pool).await?)
        };
        let status_of_first: String = until(ended, |status: &String| status != "running").await?;
        ensure!(["cancelled", "completed"].contains(&status_of_first.as_str()), "{status_of_first}");
        merchant.start_import(MONTHS).await?;
        becomes(&merchant, "completed").await?;
        let kinds: Vec<_> = notes(&merchant).await?.into_iter().map(|note| note["kind"].clone()).collect();
        ensure!(!kinds.contains(&"sync_failed".into()), "{kinds:?}");
        Ok(())
    });
}

#[test]
fn another_store_asks_first_and_nothing_is_changed_until_somebody_says_yes() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let (first, second) = (store_of(world, 1_816, 5).await?, store_of(world, 1_817, 5).await?);
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(first).await?;
        let store = || async {
            let me = expect(merchant.get("/api/v1/me").await?, StatusCode::OK).await?;
            Ok(me["connection"]["store"]["id"].as_u64())
        };
        until(store, |id| *id == Some(first)).await?;
        let approved = merchant.approve(second).await?;
        // The same request again is answered as before.
        for _ in 0..2 {
            let answer = merchant.post("/api/v1/salla/auth/callback", &approved).await?;
            let problem = expect(answer, StatusCode::CONFLICT).await?;
            ensure!(problem["code"] == "other-store", "{problem}");
            ensure!(
                problem["params"]["current"].is_string() && problem["params"]["new"].is_string(),
                "{problem}"
            );
            ensure!(store().await? == Some(first), "nothing was confirmed");
        }
        // Somebody else's yes is none.
        let confirmed = json!({"state": approved["state"]});
        let stranger = Merchant::register(&world.gateway).await?;
        let refused = stranger.post("/api/v1/salla/auth/confirm", &confirmed).await?;
        ensure!(refused.status() == StatusCode::BAD_REQUEST, "{refused:?}");
        for _ in 0..2 {
            expect(merchant.post("/api/v1/salla/auth/confirm", &confirmed).await?, StatusCode::OK).await?;
            until(store, |id| *id == Some(second)).await?;
        }
        let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let kept: i64 =
            sqlx::query_scalar("SELECT count(*) FROM oauth_states WHERE held_access_token IS NOT NULL")
                .fetch_one(&pool)
                .await?;
        ensure!(kept == 0, "tokens are kept that nobody waits for");
        Ok(())
    });
}

#[test]
fn a_note_of_an_import_tells_what_the_store_has_and_a_second_one_that_nothing_is_new() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let store = store_of(world, 1_814, 30).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        for told in [1, 2] {
            merchant.start_import(MONTHS).await?;
            until(|| notes(&merchant), |notes| notes.len() == told).await?;
            becomes(&merchant, "completed").await?;
        }
        let totals = world.places().await?.count(&merchant.id, store, MONTHS).await?.postgres;
        let notes = notes(&merchant).await?;
        for note in &notes {
            ensure!(
                note["params"]["orders"] == totals.orders && note["params"]["customers"] == 5,
                "{notes:#?}"
            );
        }
        ensure!(notes[0]["body"].as_str().is_some_and(|body| body.starts_with("لم تتغيّر")), "{notes:#?}");
        ensure!(notes[1]["body"].as_str().is_some_and(|body| body.starts_with("في متجرك")), "{notes:#?}");
        Ok(())
    });
}
