//! The history sync where it is hard: sources that lie, access that ends, processes that die, budgets that are shared.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use qafila_ingest::mapping::webhooks::STORE_EVENTS;
use qafila_ingest::salla::budget::{Budgets, Urgency};
use qafila_proving::merchant::{Merchant, expect, make_store};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use qafila_proving::world::World;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use salla_sim::faults::Faults;
use salla_sim::lies::Lies;
use salla_sim::lively::Lively;
use salla_sim::store::Plan;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(120);
const MONTHS: u32 = 12;

static SHARED: SharedWorld = SharedWorld::new("history");

async fn connected(world: &World, seed: u64, orders: usize) -> Result<(Merchant, u64)> {
    let plan = Plan { seed, orders, customers: orders / 3 + 1, products: orders / 10 + 1, ..Plan::default() };
    let store = make_store(&world.sim_url, &plan).await?;
    let merchant = Merchant::register(&world.gateway).await?;
    merchant.connect(store).await?;
    Ok((merchant, store))
}

async fn status(merchant: &Merchant) -> Result<Value> {
    expect(merchant.get("/api/v1/sync/status").await?, StatusCode::OK).await
}

async fn agree(world: &World, merchant: &Merchant, store: u64) -> Result<()> {
    let places = world.places().await?;
    let counted = places.agree(&merchant.id, store, MONTHS, PATIENCE).await?;
    ensure!(counted.differences().is_empty(), "{:?}", counted.differences());
    Ok(())
}

async fn notifications(merchant: &Merchant) -> Result<Vec<Value>> {
    let page = expect(merchant.get("/api/v1/notifications").await?, StatusCode::OK).await?;
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

#[test]
fn a_source_that_lies_keeps_the_import_open_and_visible_until_it_tells_the_truth() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let (merchant, store) = connected(world, 301, 120).await?;
        world.sim.world().lies.insert(store, Lies { cut_pages: 1.0, answers: u32::MAX, ..Lies::default() });
        merchant.start_import(MONTHS).await?;
        let paused = until(|| status(&merchant), |s| s["status"] == "paused").await?;
        ensure!(paused["cause"] == "source_disagrees", "{paused}");
        ensure!(
            paused["advice"].as_str().is_some_and(|a| a.contains("contradict"))
                && paused["waitsFor"] == "salla",
            "{paused}"
        );
        ensure!(paused["progressPercentage"].as_f64().is_some_and(|p| p < 100.0), "{paused}");
        // Tries that get no further are no events.
        let database = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let run: uuid::Uuid = paused["runId"].as_str().context("a run")?.parse()?;
        let tries = || async {
            let tries = sqlx::query_scalar("SELECT tries FROM sync_runs WHERE run_id = $1").bind(run);
            Ok(tries.fetch_one(&database).await?)
        };
        let events = || async {
            let count = sqlx::query_scalar("SELECT count(*) FROM events WHERE aggregate_id = $1");
            Ok::<i64, anyhow::Error>(count.bind(paused["jobId"].as_str()).fetch_one(&database).await?)
        };
        until(tries, |tries: &i32| *tries >= 3).await?;
        let before = events().await?;
        until(tries, |tries: &i32| *tries >= 5).await?;
        ensure!(events().await? == before, "{before} events");
        ensure!(status(&merchant).await?["status"] == "paused");
        world.sim.world().lies.remove(&store);
        until(|| status(&merchant), |s| s["status"] == "completed").await?;
        agree(world, &merchant, store).await
    });
}

#[test]
fn a_store_that_never_stands_still_ends_its_import_and_nothing_of_it_is_missing() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        // Webhooks tell of older orders, too: so there are none.
        let plan =
            Plan { seed: 318, orders: 300, customers: 150, products: 80, months: 3, ..Plan::default() };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        let subscribed = || async { Ok(world.sim.world().webhooks.events(store).len()) };
        until(subscribed, |events| *events == STORE_EVENTS.len()).await?;
        world.sim.world().lively.insert(store, Lively { in_lists: 0.4, in_others: 0.05 });
        merchant.start_import(MONTHS).await?;
        until(|| status(&merchant), |s| s["status"] == "completed").await?;
        world.sim.world().lively.remove(&store);
        agree(world, &merchant, store).await
    });
}

#[test]
fn a_damaged_key_costs_the_rows_of_its_person_and_keeps_nobody_else_waiting() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let (merchant, store) = connected(world, 319, 200).await?;
        let (person, orders) = {
            let sim = world.sim.world();
            let store = sim.stores.get(&store).context("the store")?;
            let of = |index: usize| store.orders.iter().filter(|order| order.customer == index).count();
            (store.customers[3].id, of(3))
        };
        let database = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        sqlx::query(
            "INSERT INTO subject_keys (merchant_id, subject, wrapped) VALUES ($1::uuid, $2, 'damaged')",
        )
        .bind(&merchant.id)
        .bind(format!("{store}:customer:{person}"))
        .execute(&database)
        .await?;
        merchant.start_import(2 * MONTHS).await?;
        until(|| status(&merchant), |s| s["status"] == "completed").await?;
        let count = async |rows: &str| {
            let query = format!("SELECT count(*) FROM {rows} AND merchant_id = $1::uuid");
            Ok::<i64, anyhow::Error>(
                sqlx::query_scalar(&query).bind(&merchant.id).fetch_one(&database).await?,
            )
        };
        let customers = count("customers WHERE true").await?;
        // Lists tell nothing personal of an order; its details do.
        let (listed, unread) =
            (count("orders WHERE true").await?, count("orders WHERE read_at IS NULL").await?);
        ensure!(
            (customers, listed, unread) == (66, 200, orders as i64),
            "{customers} {listed} {unread} of {orders}"
        );
        let which = ["dlq", "list", "--merchant", &merchant.id];
        let said = world.run(&which).await?;
        ensure!(said.contains("is damaged"), "{said}");
        Ok(())
    });
}

#[test]
fn orders_that_come_and_go_and_rows_that_double_during_the_scan_end_in_equal_totals() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let (merchant, store) = connected(world, 302, 200).await?;
        let lies = Lies {
            moved_totals: 0.2,
            duplicates: 0.2,
            arrivals: 0.2,
            vanishings: 0.2,
            empty_success: 0.1,
            answers: 25,
            ..Lies::default()
        };
        world.sim.world().lies.insert(store, lies);
        merchant.start_import(MONTHS).await?;
        until(|| status(&merchant), |s| s["status"] == "completed").await?;
        agree(world, &merchant, store).await
    });
}

#[test]
fn an_order_that_came_and_went_within_the_cache_window_of_lists_is_not_kept() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let (merchant, store) = connected(world, 312, 60).await?;
        // Orders of today come with the first answers.
        let lies = Lies { arrivals: 1.0, answers: 6, ..Lies::default() };
        world.sim.world().lies.insert(store, lies);
        merchant.start_import(MONTHS).await?;
        until(|| status(&merchant), |s| s["status"] == "completed").await?;
        // They go again: the second import finds them stored, and Salla does not know them.
        let gone = {
            let mut sim = world.sim.world();
            let today = chrono::Utc::now() - chrono::Duration::minutes(10);
            let store = sim.stores.get_mut(&store).context("the store")?;
            let fresh: Vec<u64> =
                store.orders.iter().filter(|o| o.created_at > today).map(|o| o.id).collect();
            fresh.iter().filter_map(|id| store.remove_order(*id)).count()
        };
        ensure!(gone > 0, "no order came");
        merchant.start_import(MONTHS).await?;
        agree(world, &merchant, store).await
    });
}

#[test]
fn access_that_ends_in_the_middle_is_renewed_once_and_the_import_goes_on() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _turn = SHARED.faults.write().await;
        let (merchant, store) = connected(world, 303, 200).await?;
        let before = world.sim.world().grants.refreshes;
        // Salla lets nothing through until the token has ended.
        world.sim.world().faults = Faults { chance_429: 1.0, ..Faults::default() };
        merchant.start_import(MONTHS).await?;
        let running = until(|| status(&merchant), |s| s["status"] == "running").await;
        world.sim.world().grants.expire_store(store);
        world.sim.world().faults = Faults::default();
        running?;
        until(|| status(&merchant), |s| s["status"] == "completed").await?;
        let (refreshes, reuses) = {
            let sim = world.sim.world();
            (sim.grants.refreshes - before, sim.grants.reuses)
        };
        ensure!((refreshes, reuses) == (1, 0), "{refreshes} refreshes, {reuses} tokens redeemed twice");
        agree(world, &merchant, store).await
    });
}

#[test]
fn an_import_goes_on_under_another_lease_once_it_is_known_where_its_store_sells() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _turn = SHARED.faults.write().await;
        let (merchant, store) = connected(world, 316, 60).await?;
        let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        world.sim.world().faults = Faults { chance_429: 1.0, ..Faults::default() };
        merchant.start_import(MONTHS).await?;
        let epoch = || async {
            let query = "SELECT max(epoch) FROM sync_runs WHERE store_id = $1";
            let epoch: Option<i64> =
                sqlx::query_scalar(query).bind(store.cast_signed()).fetch_one(&owner).await?;
            Ok(epoch.unwrap_or(0))
        };
        let leased = until(epoch, |epoch| *epoch > 0).await;
        let first = leased.unwrap_or_default();
        sqlx::query("UPDATE salla_connections SET store_currency = 'KWD' WHERE store_id = $1")
            .bind(store.cast_signed())
            .execute(&owner)
            .await?;
        let second = until(epoch, |epoch| *epoch > first).await;
        world.sim.world().faults = Faults::default();
        ensure!(first > 0 && second.is_ok(), "{first}: {second:?}");
        until(|| status(&merchant), |s| s["status"] == "completed").await?;
        agree(world, &merchant, store).await
    });
}

#[test]
fn a_lost_answer_to_a_refresh_pauses_the_import_until_the_merchant_connects_again_and_says_so() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _turn = SHARED.faults.write().await;
        let (merchant, store) = connected(world, 304, 150).await?;
        world.sim.world().faults = Faults { chance_token_lost: 1.0, ..Faults::default() };
        world.sim.world().grants.expire_store(store);
        merchant.start_import(MONTHS).await?;
        let paused = until(|| status(&merchant), |s| s["status"] == "paused").await;
        let told = until(
            || notifications(&merchant),
            |items| items.iter().any(|n| n["kind"] == "reauthorisation_needed"),
        )
        .await;
        world.sim.world().faults = Faults::default();
        let paused = paused?;
        ensure!(paused["cause"] == "refresh_answer_lost" && paused["advice"].is_string(), "{paused}");
        ensure!(told?[0]["body"].as_str().is_some_and(|body| !body.is_ascii()), "in the user's language");
        // Another projection than the notifications'.
        let me = || async { expect(merchant.get("/api/v1/me").await?, StatusCode::OK).await };
        until(me, |me| me["connection"]["access"] == "reauthorisation_needed").await?;

        merchant.connect(store).await?;
        let completed = until(|| status(&merchant), |s| s["status"] == "completed").await?;
        ensure!(completed["runId"] == paused["runId"], "the same run went on: {completed}");
        ensure!(world.sim.world().grants.reuses == 0, "a refresh token was redeemed twice");
        let me = until(
            || async { expect(merchant.get("/api/v1/me").await?, StatusCode::OK).await },
            |me| me["connection"]["access"] == "working",
        )
        .await?;
        ensure!(me["connection"]["advice"].is_null(), "{me}");
        agree(world, &merchant, store).await
    });
}

#[test]
fn whoever_asked_is_told_of_the_end_and_can_mark_it_as_read() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let (merchant, _) = connected(world, 305, 40).await?;
        let (stranger, _) = connected(world, 306, 1).await?;
        merchant.start_import(MONTHS).await?;
        let told = until(|| notifications(&merchant), |items| !items.is_empty()).await?;
        ensure!(told[0]["kind"] == "sync_completed" && told[0]["readAt"].is_null(), "{told:?}");
        let id = told[0]["id"].as_str().context("an id")?;
        ensure!(notifications(&stranger).await?.is_empty(), "another merchant sees it");
        let path = format!("/api/v1/notifications/{id}/read");
        let marked = stranger.post(&path, &Value::Null).await?.status();
        ensure!(marked == StatusCode::NOT_FOUND, "another merchant marked it: {marked}");
        let marked = merchant.post(&path, &Value::Null).await?.status();
        ensure!(marked == StatusCode::NO_CONTENT, "it was not marked: {marked}");
        let page = expect(merchant.get("/api/v1/notifications?limit=1").await?, StatusCode::OK).await?;
        ensure!(page["items"][0]["readAt"].is_string() && page["unread"] == 0, "{page}");
        ensure!(page["nextCursor"].is_null(), "{page}");
        let all = merchant.post("/api/v1/notifications/read-all", &Value::Null).await?;
        ensure!(all.status() == StatusCode::NO_CONTENT, "{}", all.status());
        for (path, status) in [("?limit=0", 422), ("?cursor=x", 422), ("?page=2", 422)] {
            let answer = merchant.get(&format!("/api/v1/notifications{path}")).await?;
            ensure!(answer.status().as_u16() == status, "{path}: {}", answer.status());
        }
        Ok(())
    });
}

#[test]
fn an_estimate_counts_the_calls_of_both_passes_and_needs_a_connected_store() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let plan = Plan { seed: 307, orders: 3_000, plan: "plus".into(), ..Plan::default() };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        let ask = |months: &'static str| {
            let path = format!("/api/v1/sync/estimate?depthInMonths={months}");
            let merchant = &merchant;
            async move { merchant.get(&path).await }
        };
        expect(ask("24").await?, StatusCode::PRECONDITION_FAILED).await?;
        expect(ask("13").await?, StatusCode::UNPROCESSABLE_ENTITY).await?;
        merchant.connect(store).await?;
        let told = expect(ask("24").await?, StatusCode::OK).await?;
        let (orders, calls) = (told["orders"].as_i64().context("orders")?, told["calls"].as_i64());
        ensure!(orders == 3_000 && told["callsPerMinute"] == 120, "{told}");
        ensure!(calls.is_some_and(|calls| (6_100..6_400).contains(&calls)), "{told}");
        let hours = told["hoursUntilComplete"].as_f64().context("hours")?;
        ensure!((0.8..1.0).contains(&hours), "{told}");
        Ok(())
    });
}

#[test]
fn another_process_takes_over_the_import_of_one_that_was_killed() {
    SHARED.run(async {
        let mut world = World::make("takeover").await?.with_checked_answers().await?;
        world.start()?;
        world.ready().await?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut beside: BTreeMap<String, String> = world.environment.clone();
        beside.insert("QAFILA_LISTEN".into(), format!("127.0.0.1:{port}"));
        beside.insert("QAFILA_SLOT".into(), "1".into());
        let mut second = world.command(&["all"], &beside);
        let log = std::fs::File::create(world.log().with_extension("second.log"))?;
        let successor = second.stdout(log.try_clone()?).stderr(log).kill_on_drop(true).spawn()?;
        let gateway = format!("http://127.0.0.1:{port}");
        let ready = || async {
            Ok(reqwest::get(format!("{gateway}/health/ready")).await.is_ok_and(|a| a.status().is_success()))
        };
        until(ready, |ready| *ready).await?;

        let plan = Plan { seed: 308, orders: 1_500, ..Plan::default() };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&gateway).await?;
        merchant.connect(store).await?;
        merchant.start_import(MONTHS).await?;
        until(|| status(&merchant), |s| s["progressPercentage"].as_f64().is_some_and(|p| p > 5.0)).await?;
        world.kill()?;
        until(|| status(&merchant), |s| s["status"] == "completed").await?;
        agree(&world, &merchant, store).await?;
        let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        // Two workers of one job would both have told of their slices.
        let doubled: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT payload->'SliceImported'->>'slice' AS slice, payload->'SliceImported'->>'resource' AS resource
               FROM events WHERE event_type = 'SliceImported') s GROUP BY slice, resource HAVING count(*) > 1 LIMIT 1",
        )
        .fetch_optional(&owner)
        .await?
        .unwrap_or(0);
        ensure!(doubled == 0, "a slice was told twice");
        owner.close().await;
        drop(successor);
        world.remove().await
    });
}

#[test]
fn processes_share_a_stores_minute_and_an_urgent_call_finds_its_share() {
    SHARED.run(async {
        const LIMIT: u32 = 60;
        const STORE: i64 = 990_001;
        let world = SHARED.world().await?;
        let pool = world.pool("QAFILA_DATABASE_INGEST_URL").await?;
        let minute = Duration::from_secs(60);
        let processes: Vec<_> =
            (0..3).map(|_| Budgets::new(pool.clone(), minute, 490).store(STORE)).collect();
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-limit", LIMIT.into());
        for process in &processes {
            process.learn(StatusCode::OK, &headers, 0, false);
        }
        // No call is given up while it is asked for: what it was granted would be lost.
        let mut callers = JoinSet::new();
        let mut start = |urgency| {
            let granted = Arc::new(AtomicU32::new(0));
            for process in processes.iter().flat_map(|process| (0..LIMIT).map(move |_| process)) {
                let (process, granted) = (Arc::clone(process), Arc::clone(&granted));
                callers.spawn(async move {
                    let _permit = process.permit(urgency).await;
                    granted.fetch_add(1, Ordering::SeqCst);
                });
            }
            move || granted.load(Ordering::SeqCst)
        };
        // Calls left, and the part of the minute that is over.
        let minute_left = || async {
            let query =
                "SELECT left_calls, 1 - extract(epoch FROM window_ends - clock_timestamp())::float8 / 60
                         FROM salla_budgets WHERE store_id = $1";
            Ok(sqlx::query_as::<_, (i32, f64)>(query).bind(STORE).fetch_one(&pool).await?)
        };
        // Where the pace of background calls may be by then; the moment is read after the calls, so a slow machine allows more.
        let paced = |over: f64| f64::from(LIMIT) * (0.05 + 1.15 * over.max(0.0)) + 1.0;
        let background = start(Urgency::Background);
        until(|| async { Ok(background()) }, |granted| *granted >= 10).await?;
        let taken = f64::from(background());
        let (_, over) = minute_left().await?;
        ensure!(taken <= paced(over), "{taken} calls after {over} of the minute");
        let urgent = start(Urgency::Urgent);
        let (_, over) = until(minute_left, |(left, _)| *left == 0).await?;
        ensure!(over < 1.0, "the minute ended before it was used up");
        until(|| async { Ok(background() + urgent()) }, |granted| *granted >= LIMIT).await?;
        let taken = f64::from(background());
        let (_, over) = minute_left().await?;
        ensure!(
            taken <= paced(over),
            "{taken} background calls after {over} of the minute, before urgent ones"
        );
        let granted = background() + urgent();
        ensure!(granted == LIMIT, "{granted} calls of {LIMIT}");
        Ok(())
    });
}

#[test]
fn late_in_a_minute_background_calls_leave_a_share_for_urgent_ones_while_there_are_any() {
    SHARED.run(async {
        let pool = SHARED.world().await?.pool("QAFILA_DATABASE_INGEST_URL").await?;
        // A minute of an hour, of which a tenth is left: the pace no longer holds anything back.
        let granted = |store: i64, has_urgent: bool, urgent: bool| {
            let pool = pool.clone();
            async move {
                sqlx::query(
                    "INSERT INTO salla_budgets (store_id, window_ends, left_calls, urgent_until)
                     VALUES ($1, clock_timestamp() + interval '6 minutes', 1, CASE WHEN $2 THEN clock_timestamp() + interval '1 hour' ELSE '-infinity' END)",
                )
                .bind(store)
                .bind(has_urgent)
                .execute(&pool)
                .await?;
                let granted = "SELECT granted FROM take_salla_calls($1, interval '1 hour', 60, 1, $2, 0.2, NULL, NULL)";
                anyhow::Ok(sqlx::query_scalar::<_, i32>(granted).bind(store).bind(urgent).fetch_one(&pool).await?)
            }
        };
        ensure!(granted(990_002, true, false).await? == 0, "the last call is kept for an urgent one");
        ensure!(granted(990_003, true, true).await? == 1, "an urgent one gets it");
        ensure!(granted(990_004, false, false).await? == 1, "where nobody is urgent, all is lent");
        Ok(())
    });
}

#[test]
fn doctor_names_what_is_broken_and_what_to_do_and_changes_nothing() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let said = world.run(&["doctor"]).await?;
        ensure!(said.contains("0 broken") && said.contains("lag of merge"), "{said}");
        let mut environment = world.environment.clone();
        environment.insert("QAFILA_REGISTRY_URL".into(), "http://127.0.0.1:9".into());
        environment.insert("QAFILA_TOPIC_PREFIX".into(), "nobody-made-these.".into());
        // The key of what is sealed, such as the tokens of a connection, was taken away.
        connected(world, 314, 1).await?;
        let another = format!("another:{}=", "A".repeat(43));
        environment.insert("QAFILA_OPERATOR_KEYS".into(), another);
        let output = world.command(&["doctor"], &environment).output().await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.code() == Some(1), "{said}");
        for line in ["FAIL  schema registry", "FAIL  topics", "qafila topics apply", "FAIL  operator keys"] {
            ensure!(said.contains(line), "{line} in\n{said}");
        }
        Ok(())
    });
}

#[test]
fn details_and_items_of_every_order_are_read_sealed_and_rows_that_do_not_map_are_counted() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let (merchant, _) = connected(world, 309, 90).await?;
        merchant.start_import(MONTHS).await?;
        let ended = until(|| status(&merchant), |s| s["status"] == "completed").await?;
        let hydrated =
            ended["phases"].as_array().and_then(|p| p.iter().find(|p| p["name"] == "hydrate").cloned());
        ensure!(hydrated.is_some_and(|p| p["done"] == p["total"] && p["done"] != json!(0)), "{ended}");
        let pool = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let (all, whole, sealed): (i64, i64, i64) = sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE lines_complete AND read_at IS NOT NULL AND customer_id IS NOT NULL),
                 count(*) FILTER (WHERE customer_name LIKE 'pii:1:%' AND receiver_phone LIKE 'pii:1:%')
             FROM orders WHERE merchant_id = $1",
        )
        .bind(merchant.id.parse::<uuid::Uuid>()?)
        .fetch_one(&pool)
        .await?;
        ensure!(all > 0 && (all, all) == (whole, sealed), "{all} orders, {whole} whole, {sealed} sealed");
        Ok(())
    });
}

#[test]
fn lists_are_read_whole_beyond_deep_pages_and_whatever_salla_leaves_unknown() {
    SHARED.run(async {
        const DEEPEST: usize = 100;
        let mut world = World::make("deep").await?.with_checked_answers().await?;
        world.environment.insert("QAFILA_SALLA_DEEPEST_ROWS".into(), DEEPEST.to_string());
        world.start()?;
        world.ready().await?;
        for (seed, otherwise) in [(310, false), (311, true)] {
            {
                let switches = &mut world.sim.world().switches;
                switches.deep_page_rows = DEEPEST;
                switches.swapped_customer_dates = otherwise;
                switches.inclusive_dates = !otherwise;
                switches.full_details = otherwise;
                if otherwise {
                    switches.orders_per_page = 15;
                    switches.others_per_page = 20;
                }
            }
            let plan = Plan { seed, orders: 2_500, customers: 350, products: 50, ..Plan::default() };
            let store = make_store(&world.sim_url, &plan).await?;
            let merchant = Merchant::register(&world.gateway).await?;
            merchant.connect(store).await?;
            merchant.start_import(MONTHS).await?;
            until(|| status(&merchant), |s| s["status"] == "completed").await?;
            agree(&world, &merchant, store).await?;
        }
        world.remove().await
    });
}

#[test]
fn an_order_of_another_day_than_was_asked_for_is_read_where_it_is_listed_and_the_import_ends() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let (merchant, store) = connected(world, 313, 200).await?;
        {
            let mut sim = world.sim.world();
            let orders = &mut sim.stores.get_mut(&store).context("the store")?.orders;
            let (first, last) = (orders[130].created_at, orders[190].created_at);
            // Lists find one months before, and one months after, the day that it tells; one tells a day of the next slice.
            orders[131].created_at = last;
            orders[189].created_at = first;
            orders[150].created_at += chrono::Duration::days(31);
        }
        merchant.start_import(MONTHS).await?;
        until(|| status(&merchant), |s| s["status"] == "completed").await?;
        agree(world, &merchant, store).await
    });
}

#[test]
fn where_salla_ignores_the_days_of_orders_the_list_is_read_once_and_everything_agrees() {
    SHARED.run(async {
        // Its own world: calls of lists are counted for all stores together.
        let mut world = World::make("ignored_days").await?.with_checked_answers().await?;
        world.start()?;
        world.ready().await?;
        let plan = Plan {
            seed: 312,
            orders: 600,
            customers: 70,
            products: 30,
            ignores_filters: true,
            ..Plan::default()
        };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        let before = world.sim.world().order_lists;
        merchant.start_import(MONTHS).await?;
        until(|| status(&merchant), |s| s["status"] == "completed").await?;
        agree(&world, &merchant, store).await?;
        // 20 pages of 30; by slices it would be 26 times as many.
        let lists = world.sim.world().order_lists - before;
        ensure!(lists < 60, "{lists} calls of the list of orders");
        world.remove().await
    });
}

#[test]
fn a_finished_import_whose_last_event_is_refused_tries_on_raises_the_alarm_and_is_named_by_doctor() {
    SHARED.run(async {
        let mut world = World::make("last_event").await?.with_checked_answers().await?;
        world.start()?;
        world.ready().await?;
        let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        sqlx::raw_sql(
            "CREATE FUNCTION refuse_the_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 RAISE EXCEPTION 'refused by the test'; END $$;
             CREATE TRIGGER refuse_the_end BEFORE INSERT ON events FOR EACH ROW
                 WHEN (NEW.event_type = 'SyncCompleted') EXECUTE FUNCTION refuse_the_end()",
        )
        .execute(&owner)
        .await?;
        let (merchant, store) = connected(&world, 312, 60).await?;
        merchant.start_import(MONTHS).await?;
        let log = || async { Ok(std::fs::read_to_string(world.log())?) };
        until(log, |log| log.contains("end of a sync not appended")).await?;
        // What is shown may be behind the log.
        let has_begun = |s: &Value| !matches!(s["status"].as_str(), Some("not_started" | "requested"));
        let shown = until(|| status(&merchant), has_begun).await?;
        ensure!(shown["status"] == "running", "it is not said to be complete: {shown}");
        sqlx::query("UPDATE sync_runs SET done_at = done_at - interval '2 minutes'").execute(&owner).await?;
        let doctor = world.command(&["doctor"], &world.environment).output().await?;
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        ensure!(said.contains("FAIL  ends of imports"), "{said}");
        sqlx::raw_sql("DROP TRIGGER refuse_the_end ON events").execute(&owner).await?;
        until(|| status(&merchant), |s| s["status"] == "completed").await?;
        agree(&world, &merchant, store).await?;
        owner.close().await;
        world.remove().await
    });
}
