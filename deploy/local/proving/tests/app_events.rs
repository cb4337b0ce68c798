//! Events of the app itself, end to end: easy mode, re-authorisation, removal, subscription; and old ones sent again, which change
//! nothing however well signed.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Duration, Utc};
use qafila_proving::deliveries::Deliveries;
use qafila_proving::mailbox::mails_to;
use qafila_proving::merchant::{Merchant, expect, make_store};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use qafila_proving::world::World;
use reqwest::StatusCode;
use salla_sim::store::{Plan, riyadh};
use serde_json::{Value, json};
use sqlx::PgPool;

/// Salla's minute is short, so that what has to be asked again is asked soon.
static SHARED: SharedWorld = SharedWorld::with_settings("app_events", &[("QAFILA_SALLA_MINUTE_MS", "3000")]);
const SCOPE: &str = "offline_access orders.read customers.read products.read carts.read webhooks.read_write";

/// As app events spell times: without a zone.
fn without_zone(at: DateTime<Utc>) -> String {
    at.with_timezone(&riyadh()).format("%Y-%m-%d %H:%M:%S").to_string()
}

async fn deliver(world: &World, store: u64, event: &str, at: DateTime<Utc>, data: &Value) -> Result<()> {
    let body = json!({"event": event, "merchant": store, "created_at": without_zone(at), "data": data});
    Deliveries::to(world).deliver(&body).await
}

async fn store(world: &World, seed: u64) -> Result<u64> {
    let plan = Plan { seed, orders: 5, customers: 3, products: 2, ..Plan::default() };
    make_store(&world.sim_url, &plan).await
}

async fn connected(world: &World, seed: u64) -> Result<(Merchant, u64)> {
    let store = store(world, seed).await?;
    let merchant = Merchant::register(&world.gateway).await?;
    merchant.connect(store).await?;
    until(|| async { connection(&merchant).await }, Value::is_object).await?;
    Ok((merchant, store))
}

async fn connection(merchant: &Merchant) -> Result<Value> {
    let me = expect(merchant.get("/api/v1/me").await?, StatusCode::OK).await?;
    Ok(me["connection"].clone())
}

/// What became of a store's app events, in the order in which they came.
async fn outcomes(pool: &PgPool, store: u64) -> Result<Vec<Option<String>>> {
    let query = "SELECT outcome FROM app_events WHERE store_id = $1 ORDER BY event_id";
    Ok(sqlx::query_scalar(query).bind(store.cast_signed()).fetch_all(pool).await?)
}

async fn decided(pool: &PgPool, store: u64, count: usize) -> Result<Vec<String>> {
    let all = until(
        || async { outcomes(pool, store).await },
        |all| all.len() >= count && all.iter().all(Option::is_some),
    )
    .await?;
    Ok(all.into_iter().flatten().collect())
}

#[test]
fn a_store_that_installs_in_easy_mode_is_held_and_claimed_by_oauth_and_nothing_is_imported_before() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let store = store(world, 901).await?;
        let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let tokens = world.sim.world().grant(store, SCOPE);
        deliver(world, store, "app.installed", Utc::now(), &json!({"id": 1})).await?;
        deliver(world, store, "app.store.authorize", Utc::now(), &tokens).await?;
        ensure!(decided(&pool, store, 2).await? == ["noted", "held"]);
        let held = || async {
            let query = "SELECT count(*) FROM easy_mode_installs WHERE store_id = $1";
            anyhow::Ok(sqlx::query_scalar::<_, i64>(query).bind(store.cast_signed()).fetch_one(&pool).await?)
        };
        ensure!(held().await? == 1);
        let calls = world.sim.world().limits.counts(store).allowed;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        ensure!(held().await? == 0, "the claim has tokens of its own");
        ensure!(merchant.sync_status().await?.status == "not_started");
        let orders: i64 = sqlx::query_scalar("SELECT count(*) FROM orders WHERE merchant_id = $1::uuid")
            .bind(&merchant.id)
            .fetch_one(&pool)
            .await?;
        // The one call asks for the store's currency.
        ensure!(orders == 0 && calls == 1, "{orders} orders, {calls} calls");
        let wiped: i64 =
            sqlx::query_scalar("SELECT count(*) FROM app_events WHERE store_id = $1 AND data IS NOT NULL")
                .bind(store.cast_signed())
                .fetch_one(&pool)
                .await?;
        ensure!(wiped == 0, "tokens stay in the queue");
        Ok(())
    });
}

#[test]
fn a_store_that_installs_in_easy_mode_is_claimed_once_by_the_link_that_is_mailed_to_whoever_installed_it() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        // Another store each time: mails of earlier runs are still there.
        let store = store(world, rand::random()).await?;
        let tokens = world.sim.world().grant(store, SCOPE);
        deliver(world, store, "app.store.authorize", Utc::now(), &tokens).await?;
        let mailed = || async { mails_to(&format!("owner{store}@store.example")) };
        let mails = until(mailed, |mails| !mails.is_empty()).await?;
        ensure!(mails.len() == 1 && mails[0].html.contains("dir=\"rtl\""), "{mails:?}");
        let token =
            mails[0].text.lines().find_map(|line| line.split_once("/claim#token=")).context("a link")?.1;
        let claim = |merchant: &Merchant, token: &str| {
            merchant.asking("/api/v1/salla/claim", &json!({"token": token})).send()
        };
        let (merchant, stranger) =
            (Merchant::register(&world.gateway).await?, Merchant::register(&world.gateway).await?);
        ensure!(
            claim(&merchant, "not-a-token").await?.status() == StatusCode::BAD_REQUEST,
            "no link of ours"
        );
        // Another store is connected: the link asks first.
        let other = self::store(world, rand::random()).await?;
        merchant.connect(other).await?;
        until(|| async { connection(&merchant).await }, |connection| connection["store"]["id"] == other)
            .await?;
        let asked = expect(claim(&merchant, token).await?, StatusCode::CONFLICT).await?;
        ensure!(asked["code"] == "other-store", "{asked}");
        ensure!(connection(&merchant).await?["store"]["id"] == other, "nobody said yes");
        let yes = merchant.asking("/api/v1/salla/claim", &json!({"token": token, "replaces": true}));
        let claimed = expect(yes.send().await?, StatusCode::OK).await?;
        ensure!(claimed["store"]["id"] == store, "{claimed}");
        until(|| async { connection(&merchant).await }, |connection| connection["store"]["id"] == store)
            .await?;
        expect(claim(&merchant, token).await?, StatusCode::OK).await?;
        ensure!(claim(&stranger, token).await?.status() == StatusCode::BAD_REQUEST, "it was used");
        ensure!(merchant.sync_status().await?.status == "not_started", "nobody chose a depth");
        merchant.start_import(12).await?;
        merchant.watch_import(std::time::Duration::from_secs(60), |_| {}).await?;
        Ok(())
    });
}

#[test]
fn a_link_to_claim_a_store_stops_working_when_the_app_is_installed_again_or_removed() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let store = store(world, rand::random()).await?;
        let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let installed = async |lasting_days: i64, mailed: usize| {
            let mut tokens = world.sim.world().grant(store, SCOPE);
            tokens["expires"] = json!((Utc::now() + Duration::days(lasting_days)).timestamp());
            deliver(world, store, "app.store.authorize", Utc::now(), &tokens).await?;
            let mails = || async { mails_to(&format!("owner{store}@store.example")) };
            let mails = until(mails, |mails| mails.len() == mailed).await?;
            let links = mails.iter().flat_map(|mail| mail.text.lines());
            let tokens = links.filter_map(|line| Some(line.split_once("/claim#token=")?.1.to_owned()));
            anyhow::Ok(tokens.collect::<BTreeSet<String>>())
        };
        let first = installed(10, 1).await?;
        let both = installed(12, 2).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        let claim = async |token: &String| {
            let claiming = merchant.asking("/api/v1/salla/claim", &json!({"token": token}));
            anyhow::Ok(claiming.send().await?.status())
        };
        for token in &first {
            ensure!(claim(token).await? == StatusCode::BAD_REQUEST, "whoever installed it first");
        }
        world.sim.world().grants.revoke_store(store);
        deliver(world, store, "app.uninstalled", Utc::now() + Duration::seconds(1), &json!({"id": 1}))
            .await?;
        ensure!(decided(&pool, store, 3).await? == ["held", "held", "uninstalled"]);
        installed(13, 3).await?;
        for token in &both {
            ensure!(claim(token).await? == StatusCode::BAD_REQUEST, "what it was mailed for is gone");
        }
        Ok(())
    });
}

#[test]
fn tokens_that_the_store_sends_replace_ours_only_where_they_end_later() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, store) = connected(world, 902).await?;
        let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let generation = || async {
            let query = "SELECT generation, refresh_state FROM salla_connections WHERE merchant_id = $1::uuid AND wiped_at IS NULL";
            anyhow::Ok(sqlx::query_as::<_, (i64, String)>(query).bind(&merchant.id).fetch_one(&pool).await?)
        };
        let mut old = world.sim.world().grant(store, SCOPE);
        old["expires"] = json!((Utc::now() + Duration::days(2)).timestamp());
        deliver(world, store, "app.store.authorize", Utc::now(), &old).await?;
        ensure!(decided(&pool, store, 1).await? == ["old"]);
        ensure!(generation().await? == (1, "usable".into()));
        // Access is lost; the store authorises us again by itself.
        sqlx::query("UPDATE salla_connections SET refresh_state = 'refused' WHERE merchant_id = $1::uuid")
            .bind(&merchant.id)
            .execute(&pool)
            .await?;
        let access = |wanted: &'static str| {
            let merchant = &merchant;
            async move { until(|| async { connection(merchant).await }, |c| c["access"] == wanted).await }
        };
        access("reauthorisation_needed").await?;
        let mut fresh = world.sim.world().grant(store, SCOPE);
        fresh["expires"] = json!((Utc::now() + Duration::days(15)).timestamp());
        deliver(world, store, "app.store.authorize", Utc::now(), &fresh).await?;
        ensure!(decided(&pool, store, 2).await? == ["old", "reauthorised"]);
        access("working").await?;
        ensure!(generation().await? == (2, "usable".into()));
        // The same again, in other bytes.
        deliver(world, store, "app.store.authorize", Utc::now() + Duration::seconds(1), &fresh).await?;
        ensure!(decided(&pool, store, 3).await?.last().map(String::as_str) == Some("old"));
        ensure!(generation().await? == (2, "usable".into()));
        // The new ones work.
        merchant.start_import(12).await?;
        until(|| async { Ok(merchant.sync_status().await?.status) }, |status| status == "completed").await?;
        Ok(())
    });
}

#[test]
fn a_removal_counts_only_where_salla_refuses_our_token_and_then_ends_all_and_schedules_the_clean_up() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, store) = connected(world, 903).await?;
        let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let data = json!({"id": 1, "store_type": "demo", "refunded": false});
        // Sent again from an installation before this one, and one from now although the app is there.
        deliver(world, store, "app.uninstalled", Utc::now() - Duration::days(2), &data).await?;
        deliver(world, store, "app.uninstalled", Utc::now(), &data).await?;
        ensure!(decided(&pool, store, 2).await? == ["old", "still_installed"]);
        ensure!(connection(&merchant).await?.is_object());
        world.sim.world().grants.revoke_store(store);
        deliver(world, store, "app.uninstalled", Utc::now() + Duration::seconds(1), &data).await?;
        ensure!(decided(&pool, store, 3).await?.last().map(String::as_str) == Some("uninstalled"));
        until(|| async { connection(&merchant).await }, Value::is_null).await?;
        let (tokens, due_in_days): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM salla_connections WHERE store_id = $1 AND (access_token IS NOT NULL OR refresh_token IS NOT NULL)),
                 (SELECT round(extract(epoch FROM due_at - now()) / 86400)::bigint FROM store_cleanups WHERE store_id = $1)",
        )
        .bind(store.cast_signed())
        .fetch_one(&pool)
        .await?;
        ensure!((tokens, due_in_days) == (0, 30), "{tokens} tokens, due in {due_in_days} days");
        let told = || async {
            let body = expect(merchant.get("/api/v1/notifications").await?, StatusCode::OK).await?;
            Ok(body["items"].as_array().context("items")?.iter().any(|n| n["kind"] == "connection_lost"))
        };
        until(told, |told| *told).await?;
        // Who comes back keeps everything.
        merchant.connect(store).await?;
        let cancelled: bool =
            sqlx::query_scalar("SELECT cancelled_at IS NOT NULL FROM store_cleanups WHERE store_id = $1")
                .bind(store.cast_signed())
                .fetch_one(&pool)
                .await?;
        ensure!(cancelled);
        Ok(())
    });
}

#[test]
fn the_latest_event_of_a_subscription_counts_whatever_the_order_of_arrival() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, store) = connected(world, 904).await?;
        let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let data = |plan: &str| json!({"id": 1, "plan_name": plan, "start_date": "2026-10-09", "end_date": "2027-10-09"});
        let now = Utc::now();
        deliver(world, store, "app.subscription.renewed", now, &data("Gold")).await?;
        // Events that wait together are decided side by side.
        ensure!(decided(&pool, store, 1).await? == ["subscription"]);
        deliver(world, store, "app.trial.expired", now - Duration::days(30), &data("Trial")).await?;
        ensure!(decided(&pool, store, 2).await? == ["subscription", "old"]);
        let app = connection(&merchant).await?["app"].clone();
        ensure!(app["kind"] == "subscription" && app["status"] == "renewed" && app["plan"] == "Gold", "{app}");
        Ok(())
    });
}

#[test]
fn tokens_of_another_store_are_not_taken_and_a_removal_that_was_cut_is_completed() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, store) = connected(world, 905).await?;
        let other = self::store(world, 906).await?;
        let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let mut foreign = world.sim.world().grant(other, SCOPE);
        foreign["expires"] = json!((Utc::now() + Duration::days(20)).timestamp());
        deliver(world, store, "app.store.authorize", Utc::now(), &foreign).await?;
        ensure!(decided(&pool, store, 1).await? == ["foreign"]);
        // A process ended after it had wiped the tokens and before it told the aggregate.
        sqlx::query(
            "WITH wiped AS (UPDATE salla_connections SET access_token = NULL, refresh_token = NULL, wiped_at = now()
                 WHERE store_id = $1 RETURNING connection_id, merchant_id, store_id)
             INSERT INTO store_cleanups (connection_id, merchant_id, store_id, due_at) SELECT *, now() + interval '30 days' FROM wiped",
        )
        .bind(store.cast_signed())
        .execute(&pool)
        .await?;
        world.sim.world().grants.revoke_store(store);
        let data = json!({"id": 1, "store_type": "demo", "refunded": false});
        deliver(world, store, "app.uninstalled", Utc::now(), &data).await?;
        ensure!(decided(&pool, store, 2).await? == ["foreign", "uninstalled"]);
        until(|| async { connection(&merchant).await }, Value::is_null).await?;
        Ok(())
    });
}
