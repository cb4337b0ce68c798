//! The whole system, from outside: one Qafila over the local stack, shared by these tests, each with merchants of its own.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use qafila_proving::bench::observations::observation;
use qafila_proving::merchant::{Merchant, expect, make_store};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::totals::each_record;
use qafila_proving::waiting::until;
use qafila_proving::world::{API_KEY, World};
use qafila_schemas::catalogue::{MERCHANT_EVENTS, OBSERVATIONS, TOPICS, Topic, dead_letter_topic};
use qafila_schemas::contract::Contract;
use qafila_schemas::headers::{self, CloudEvent};
use qafila_schemas::ids::{ConnectionId, MerchantId, UserId};
use qafila_schemas::millis::Millis;
use qafila_schemas::records::merchant::MerchantRegistered;
use qafila_schemas::records::observation::Observation;
use qafila_schemas::writer::{Outgoing, TopicWriter};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message, OwnedHeaders};
use reqwest::StatusCode;
use salla_sim::faults::Faults;
use salla_sim::store::{Plan, riyadh};
use serde_json::{Value, json};
use sqlx::{PgPool, Row};

const PATIENCE: Duration = Duration::from_secs(120);
const MONTHS: u32 = 12;

static SHARED: SharedWorld = SharedWorld::new("tests");

fn plan(seed: u64, orders: usize) -> Plan {
    Plan { seed, orders, customers: orders / 3 + 1, products: orders / 10 + 1, ..Plan::default() }
}

async fn connected(world: &World, seed: u64, orders: usize) -> Result<(Merchant, u64)> {
    let store = make_store(&world.sim_url, &plan(seed, orders)).await?;
    let merchant = Merchant::register(&world.gateway).await?;
    merchant.connect(store).await?;
    Ok((merchant, store))
}

#[test]
fn an_import_ends_with_equal_totals_everywhere_and_no_personal_value_in_clear() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let (merchant, store) = connected(world, 101, 400).await?;
        merchant.start_import(MONTHS).await?;
        let status = merchant.watch_import(PATIENCE, |_| {}).await?;
        ensure!(status.phases.len() == 4, "{status:?}");
        let hydrated = status.phases.iter().find(|p| p.name == "hydrate").context("no pass 2")?;
        ensure!(hydrated.done > 100 && hydrated.total == Some(hydrated.done), "{status:?}");
        let places = world.places().await?;
        let counted = places.agree(&merchant.id, store, MONTHS, PATIENCE).await?;
        ensure!(counted.differences().is_empty(), "{:?}", counted.differences());
        ensure!(counted.simulator.orders > 100, "the window holds orders: {}", counted.simulator.orders);

        let personal = personal_values(world, store);
        for topic in TOPICS {
            for name in
                [world.kafka()?.topic(topic.name), dead_letter_topic(&world.kafka()?.topic(topic.name))]
            {
                each_record(&world.kafka()?, &name, |key, value| {
                    for secret in &personal {
                        let found =
                            value.is_some_and(|v| v.windows(secret.len()).any(|w| w == secret.as_bytes()));
                        assert!(!found && !key.contains(secret), "{name} holds {secret} in clear");
                    }
                })?;
            }
        }
        let rows: Vec<String> = sqlx::query_scalar("SELECT row_to_json(c)::text FROM customers c")
            .fetch_all(&places.postgres)
            .await?;
        let log = std::fs::read_to_string(world.log())?;
        for secret in &personal {
            ensure!(rows.iter().all(|row| !row.contains(secret)), "a table holds {secret} in clear");
            ensure!(!log.contains(secret.as_str()), "the log holds {secret} in clear");
        }
        Ok(())
    });
}

/// Addresses and phones of a store's customers, and our secrets.
fn personal_values(world: &World, store: u64) -> Vec<String> {
    let simulator = world.sim.world();
    let customers = &simulator.stores[&store].customers;
    let mut values: Vec<String> =
        customers.iter().take(40).flat_map(|c| [c.email.clone(), format!("966{}", c.mobile)]).collect();
    values.extend(["ory_at_".to_owned(), "ory_rt_".to_owned(), "Correct-Horse".to_owned()]);
    values.push(world.sim.client.secret.clone());
    values
}

#[test]
fn a_row_that_does_not_map_is_counted_and_dead_lettered_with_its_path_and_the_others_go_on() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _turn = SHARED.faults.write().await;
        let (merchant, _) = connected(world, 102, 300).await?;
        world.sim.world().faults = Faults { malformed_every: 25, ..Faults::default() };
        merchant.start_import(MONTHS).await?;
        let outcome = merchant.watch_import(PATIENCE, |_| {}).await;
        world.sim.world().faults = Faults::default();
        let status = outcome?;
        let skipped: i64 = status.phases.iter().map(|p| p.skipped).sum();
        ensure!(skipped > 0, "{status:?}");
        let letters = dead_letters(world, &OBSERVATIONS, &merchant.id)?;
        ensure!(letters.len() as i64 == skipped, "{} letters for {skipped} skipped rows", letters.len());
        ensure!(letters.iter().all(|l| l["qafila_dlq_cause"] == "unmappable"), "{letters:?}");
        let paths: Vec<&str> = letters.iter().map(|l| l["qafila_dlq_path"].as_str()).collect();
        ensure!(paths.iter().all(|path| *path == "/id"), "{paths:?}");
        Ok(())
    });
}

/// Headers of a merchant's dead letters.
fn dead_letters(world: &World, topic: &Topic, merchant: &str) -> Result<Vec<HashMap<String, String>>> {
    let topic = dead_letter_topic(&world.kafka()?.topic(topic.name));
    let consumer: BaseConsumer =
        world.kafka()?.client().set("group.id", "letters").set("enable.partition.eof", "true").create()?;
    let mut assignment = rdkafka::TopicPartitionList::new();
    for partition in 0..3 {
        assignment.add_partition_offset(&topic, partition, rdkafka::Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let (mut ended, mut letters) = (0, Vec::new());
    while ended < 3 {
        match consumer.poll(Duration::from_secs(5)).context("the dead letters cannot be read")? {
            Ok(message) => {
                let text = |v: Option<&[u8]>| String::from_utf8_lossy(v.unwrap_or_default()).into_owned();
                let headers: HashMap<String, String> = message
                    .headers()
                    .map(|headers| headers.iter().map(|h| (h.key.to_owned(), text(h.value))).collect())
                    .unwrap_or_default();
                if headers.get("qafila_dlq_merchant").is_some_and(|m| m == merchant) {
                    letters.push(headers);
                }
            }
            Err(rdkafka::error::KafkaError::PartitionEOF(_)) => ended += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(letters)
}

#[test]
fn an_import_of_which_too_much_does_not_map_fails_instead_of_pretending() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _turn = SHARED.faults.write().await;
        let (merchant, _) = connected(world, 116, 300).await?;
        world.sim.world().faults = Faults { malformed_every: 8, ..Faults::default() };
        merchant.start_import(24).await?;
        let failed = status_is(&merchant, "failed").await;
        world.sim.world().faults = Faults::default();
        let failed = failed?;
        ensure!(failed["cause"] == "too_many_invalid_rows" && failed["advice"].is_string(), "{failed}");
        Ok(())
    });
}

#[test]
fn bursts_of_429_server_errors_and_cut_connections_are_waited_out() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _turn = SHARED.faults.write().await;
        let (merchant, store) = connected(world, 103, 150).await?;
        world.sim.world().faults =
            Faults { burst_429: 2, chance_5xx: 0.1, chance_cut: 0.05, chance_429: 0.02, ..Faults::default() };
        merchant.start_import(MONTHS).await?;
        let outcome = merchant.watch_import(PATIENCE, |_| {}).await;
        world.sim.world().faults = Faults::default();
        outcome?;
        let counted = world.places().await?.agree(&merchant.id, store, MONTHS, PATIENCE).await?;
        ensure!(counted.differences().is_empty(), "{:?}", counted.differences());
        Ok(())
    });
}

#[test]
fn an_authorisation_is_good_once_for_the_user_who_started_it() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let store = make_store(&world.sim_url, &plan(104, 10)).await?;
        let (one, other) =
            (Merchant::register(&world.gateway).await?, Merchant::register(&world.gateway).await?);
        let (code, state) = approve(&one, store).await?;
        let callback = |code: &str, state: &str| json!({"code": code, "state": state});

        let stolen = other.post("/api/v1/salla/auth/callback", &callback(&code, &state)).await?;
        expect_problem(stolen, StatusCode::BAD_REQUEST, "state-refused").await?;
        let unknown =
            one.post("/api/v1/salla/auth/callback", &callback(&code, "nobodyissuedthisstate")).await?;
        expect_problem(unknown, StatusCode::BAD_REQUEST, "state-unknown").await?;
        expect(one.post("/api/v1/salla/auth/callback", &callback(&code, &state)).await?, StatusCode::OK)
            .await?;
        // A browser that sends the same again is told the same; another code for the same state is refused.
        let again = one.post("/api/v1/salla/auth/callback", &callback(&code, &state)).await?;
        expect(again, StatusCode::OK).await?;
        let used = one.post("/api/v1/salla/auth/callback", &callback("anothercode", &state)).await?;
        expect_problem(used, StatusCode::BAD_REQUEST, "state-refused").await?;
        let stolen = other.post("/api/v1/salla/auth/callback", &callback(&code, &state)).await?;
        expect_problem(stolen, StatusCode::BAD_REQUEST, "state-refused").await?;

        let (code, state) = approve(&other, store).await?;
        let taken = other.post("/api/v1/salla/auth/callback", &callback(&code, &state)).await?;
        expect_problem(taken, StatusCode::CONFLICT, "store-taken").await?;
        let (_, state) = approve(&other, store).await?;
        let denied = json!({"error": "access_denied", "state": state});
        let denied = other.post("/api/v1/salla/auth/callback", &denied).await?;
        expect_problem(denied, StatusCode::FORBIDDEN, "access-denied").await?;
        let me = expect(other.get("/api/v1/me").await?, StatusCode::OK).await?;
        ensure!(me["connection"].is_null(), "{me}");
        Ok(())
    });
}

#[test]
fn a_merchant_who_changes_stores_sees_the_new_one_alone_and_a_late_callback_changes_nothing() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let merchant = Merchant::register(&world.gateway).await?;
        let mut late = None;
        for (seed, orders) in [(110, 90), (111, 40)] {
            let store = make_store(&world.sim_url, &plan(seed, orders)).await?;
            let (code, state) = approve(&merchant, store).await?;
            let callback = json!({"code": code, "state": state});
            let answer = merchant.post("/api/v1/salla/auth/callback", &callback).await?;
            if late.is_none() {
                expect(answer, StatusCode::OK).await?;
            } else {
                expect_problem(answer, StatusCode::CONFLICT, "other-store").await?;
                let confirmed = json!({"state": callback["state"]});
                expect(merchant.post("/api/v1/salla/auth/confirm", &confirmed).await?, StatusCode::OK)
                    .await?;
            }
            late.get_or_insert(callback);
            merchant.start_import(24).await?;
            merchant.watch_import(PATIENCE, |_| {}).await?;
            let shown = async || {
                let path = "/api/v1/reports/summary?from=2024-01-01";
                let summary = expect(merchant.get(path).await?, StatusCode::OK).await?;
                let figures = summary["figures"].as_array().into_iter().flatten();
                anyhow::Ok(figures.filter_map(|f| f["orders"].as_u64()).sum::<u64>())
            };
            until(shown, |shown| *shown == orders as u64).await?;
        }

        // As if the first callback had been cut off after its tokens were stored, and were sent again now.
        let changed = sqlx::query(
            "UPDATE oauth_states SET status = 'exchanged' WHERE merchant_id = $1 AND connection_id <> (
                 SELECT connection_id FROM salla_connections WHERE merchant_id = $1 AND wiped_at IS NULL)",
        )
        .bind(merchant.id.parse::<uuid::Uuid>()?)
        .execute(&owner)
        .await?;
        ensure!(changed.rows_affected() == 1, "{changed:?}");
        let before = expect(merchant.get("/api/v1/me").await?, StatusCode::OK).await?;
        let answer = merchant.post("/api/v1/salla/auth/callback", &late.context("a callback")?).await?;
        expect_problem(answer, StatusCode::BAD_REQUEST, "state-refused").await?;
        let after = expect(merchant.get("/api/v1/me").await?, StatusCode::OK).await?;
        ensure!(before["connection"] == after["connection"], "{before} became {after}");
        let live: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM salla_connections WHERE merchant_id = $1 AND access_token IS NOT NULL",
        )
        .bind(merchant.id.parse::<uuid::Uuid>()?)
        .fetch_one(&owner)
        .await?;
        ensure!(live == 1, "{live} connections have tokens");
        Ok(())
    });
}

/// The merchant approves at Salla; the code and state that come back.
async fn approve(merchant: &Merchant, store: u64) -> Result<(String, String)> {
    let body = expect(merchant.get("/api/v1/salla/auth/url").await?, StatusCode::OK).await?;
    let mut url: url::Url = body["authorizationUrl"].as_str().context("no address")?.parse()?;
    url.query_pairs_mut().append_pair("sim_store", &store.to_string()).append_pair("sim_decision", "approve");
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let answer = client.get(url).send().await?;
    let back: url::Url = answer.headers()["location"].to_str()?.parse()?;
    let query = |name: &str| {
        back.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned()).unwrap_or_default()
    };
    Ok((query("code"), query("state")))
}

async fn expect_problem(answer: reqwest::Response, status: StatusCode, code: &str) -> Result<Value> {
    let media =
        answer.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let body = expect(answer, status).await?;
    ensure!(media == "application/problem+json", "{media}");
    ensure!(body["code"] == code && body["type"].as_str().is_some_and(|t| t.ends_with(code)), "{body}");
    ensure!(body["requestId"].is_string() && body["detail"].is_string(), "{body}");
    Ok(body)
}

#[test]
fn an_import_is_refused_with_what_to_do_unless_depth_and_connection_are_right() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let stranger = Merchant::register(&world.gateway).await?;
        let start = |depth: i32| json!({"depthInMonths": depth});
        let answer = stranger.post("/api/v1/sync/initial", &start(12)).await?;
        expect_problem(answer, StatusCode::PRECONDITION_FAILED, "not-connected").await?;
        let answer = stranger.post("/api/v1/sync/initial", &start(13)).await?;
        let problem = expect_problem(answer, StatusCode::UNPROCESSABLE_ENTITY, "invalid-input").await?;
        ensure!(problem["errors"][0]["pointer"] == "/depthInMonths", "{problem}");
        let answer =
            stranger.post("/api/v1/sync/initial", &json!({"depthInMonths": 12, "fast": true})).await?;
        expect_problem(answer, StatusCode::UNPROCESSABLE_ENTITY, "invalid-input").await?;
        let answer = reqwest::get(format!("{}/api/v1/sync/status", world.gateway)).await?;
        expect_problem(answer, StatusCode::UNAUTHORIZED, "unauthorized").await?;
        Ok(())
    });
}

#[test]
fn a_second_import_waits_for_the_end_of_the_first_and_its_own_position_can_be_waited_for() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, _) = connected(world, 105, 120).await?;
        let body = json!({"depthInMonths": 12});
        // Nothing is read until the second request has been answered.
        let _turn = SHARED.faults.write().await;
        world.sim.world().faults = Faults { chance_429: 1.0, ..Faults::default() };
        let accepted =
            expect(merchant.post("/api/v1/sync/initial", &body).await?, StatusCode::ACCEPTED).await?;
        let again = merchant.post("/api/v1/sync/initial", &body).await;
        world.sim.world().faults = Faults::default();
        expect_problem(again?, StatusCode::CONFLICT, "sync-conflict").await?;
        let position = accepted["position"].as_str().context("no position")?;
        let answer = reqwest::Client::new()
            .get(format!("{}/api/v1/sync/status", world.gateway))
            .bearer_auth(merchant.token())
            .header("prefer", "wait=5")
            .header("x-qafila-position", position)
            .send()
            .await?;
        ensure!(
            answer.headers().get("preference-applied").is_some_and(|v| v == "wait"),
            "the position was reached"
        );
        let tag = answer.headers().get("etag").cloned().context("no ETag")?;
        let status = expect(answer, StatusCode::OK).await?;
        ensure!(status["jobId"] == accepted["jobId"], "{status}");
        merchant.watch_import(PATIENCE, |_| {}).await?;
        let report = merchant.get("/api/v1/reports/summary").await?;
        ensure!(
            report.headers().contains_key("etag") && report.headers()["etag"] != tag,
            "each answer has its tag"
        );
        Ok(())
    });
}

#[test]
fn a_failed_import_goes_on_where_it_stopped_once_it_is_restarted() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _turn = SHARED.faults.write().await;
        let (merchant, store) = connected(world, 112, 300).await?;
        let restart = || merchant.post("/api/v1/sync/restart", &Value::Null);
        expect_problem(restart().await?, StatusCode::CONFLICT, "sync-conflict").await?;
        // The second page of customers is refused.
        world.sim.world().switches.deep_page_rows = 60;
        merchant.start_import(MONTHS).await?;
        let failed = merchant.watch_import(PATIENCE, |_| {}).await;
        let waited = status_is(&merchant, "failed").await;
        world.sim.world().switches.deep_page_rows = 0;
        ensure!(failed.is_err(), "the import did not fail");
        let status = waited?;
        ensure!(status["cause"] == "salla_refused" && status["advice"].is_string(), "{status}");
        let resumed = expect(restart().await?, StatusCode::ACCEPTED).await?;
        ensure!(resumed["runId"] == status["runId"], "it is the same run: {resumed}");
        status_is(&merchant, "completed").await?;
        let counted = world.places().await?.agree(&merchant.id, store, MONTHS, PATIENCE).await?;
        ensure!(counted.differences().is_empty(), "{:?}", counted.differences());
        expect_problem(restart().await?, StatusCode::CONFLICT, "sync-conflict").await?;
        Ok(())
    });
}

#[test]
fn a_cancelled_import_stops_and_a_new_one_can_be_started() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _turn = SHARED.faults.write().await;
        let (merchant, store) = connected(world, 113, 60).await?;
        let cancel = || merchant.post("/api/v1/sync/cancel", &Value::Null);
        expect_problem(cancel().await?, StatusCode::CONFLICT, "sync-conflict").await?;
        world.sim.world().faults = Faults { chance_429: 1.0, ..Faults::default() };
        merchant.start_import(MONTHS).await?;
        let cancelled = cancel().await;
        let waited = status_is(&merchant, "cancelled").await;
        world.sim.world().faults = Faults::default();
        expect(cancelled?, StatusCode::ACCEPTED).await?;
        waited?;
        merchant.start_import(MONTHS).await?;
        status_is(&merchant, "completed").await?;
        let counted = world.places().await?.agree(&merchant.id, store, MONTHS, PATIENCE).await?;
        ensure!(counted.differences().is_empty(), "{:?}", counted.differences());
        Ok(())
    });
}

#[test]
fn a_disconnected_store_leaves_no_token_and_its_import_ends() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _turn = SHARED.faults.write().await;
        let (merchant, store) = connected(world, 114, 60).await?;
        let client = reqwest::Client::new();
        let disconnect = || {
            client
                .delete(format!("{}/api/v1/salla/connection", world.gateway))
                .bearer_auth(merchant.token())
                .send()
        };
        world.sim.world().faults = Faults { chance_429: 1.0, ..Faults::default() };
        merchant.start_import(MONTHS).await?;
        let disconnected = disconnect().await;
        let cancelled = status_is(&merchant, "cancelled").await;
        world.sim.world().faults = Faults::default();
        expect(disconnected?, StatusCode::ACCEPTED).await?;
        let cancelled = cancelled?;
        ensure!(cancelled["cause"].is_null() && cancelled["etaSeconds"].is_null(), "{cancelled}");
        // A cancel after that is accepted.
        expect(merchant.post("/api/v1/sync/cancel", &json!({})).await?, StatusCode::ACCEPTED).await?;
        let notes = expect(merchant.get("/api/v1/notifications").await?, StatusCode::OK).await?;
        ensure!(notes["items"].as_array().is_some_and(Vec::is_empty), "{notes}");
        let me = expect(merchant.get("/api/v1/me").await?, StatusCode::OK).await?;
        ensure!(me["connection"].is_null(), "{me}");
        let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let tokens: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM salla_connections WHERE merchant_id = $1
             AND (access_token IS NOT NULL OR refresh_token IS NOT NULL)",
        )
        .bind(merchant.id.parse::<uuid::Uuid>()?)
        .fetch_one(&owner)
        .await?;
        ensure!(tokens == 0, "{tokens} connections still have tokens");
        expect_problem(disconnect().await?, StatusCode::NOT_FOUND, "nothing-connected").await?;

        let other = Merchant::register(&world.gateway).await?;
        let (code, state) = approve(&other, store).await?;
        let callback = json!({"code": code, "state": state});
        let early = other.post("/api/v1/salla/auth/callback", &callback).await?;
        expect_problem(early, StatusCode::CONFLICT, "store-taken").await?;
        merchant.connect(store).await?;
        Ok(())
    });
}

#[test]
fn name_and_language_can_be_changed_and_each_broken_rule_is_named() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let merchant = Merchant::register(&world.gateway).await?;
        let client = reqwest::Client::new();
        let change = |body: Value| {
            let url = format!("{}/api/v1/me", world.gateway);
            client.patch(url).bearer_auth(merchant.token()).json(&body).send()
        };
        let bad = change(json!({"storeName": " ", "locale": "fr"})).await?;
        let problem = expect_problem(bad, StatusCode::UNPROCESSABLE_ENTITY, "invalid-input").await?;
        ensure!(problem["errors"][0]["pointer"] == "/storeName", "{problem}");
        ensure!(problem["errors"][1]["pointer"] == "/locale", "{problem}");
        let changed = change(json!({"storeName": "متجر جديد", "locale": "en"})).await?;
        let changed = expect(changed, StatusCode::OK).await?;
        ensure!(
            changed["merchant"]["storeName"] == "متجر جديد" && changed["user"]["locale"] == "en",
            "{changed}"
        );
        let me = async || expect(merchant.get("/api/v1/me").await?, StatusCode::OK).await;
        until(me, |me| me["merchant"] == changed["merchant"] && me["user"] == changed["user"]).await?;
        Ok(())
    });
}

#[test]
fn a_service_with_a_key_starts_and_watches_an_import_and_a_stranger_does_not() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let (merchant, _) = connected(world, 115, 60).await?;
        let client = reqwest::Client::new();
        let initiate = |key: &str, body: Value| {
            client
                .post(format!("{}/api/jobs/sync/initiate", world.gateway))
                .header("x-api-key", key)
                .json(&body)
                .send()
        };
        let asked = |merchant: &str, depth: &str| json!({"merchantId": merchant, "depth": depth});
        let stranger = initiate("guess", asked(&merchant.id, "12m")).await?;
        expect_problem(stranger, StatusCode::UNAUTHORIZED, "api-key-refused").await?;
        let with_token = merchant.post("/api/jobs/sync/initiate", &asked(&merchant.id, "12m")).await?;
        expect_problem(with_token, StatusCode::UNAUTHORIZED, "api-key-refused").await?;
        let nobody = MerchantId::generate().to_string();
        let unknown = initiate(API_KEY, asked(&nobody, "12m")).await?;
        expect_problem(unknown, StatusCode::NOT_FOUND, "unknown-merchant").await?;
        let bad = initiate(API_KEY, asked(&merchant.id, "6m")).await?;
        let problem = expect_problem(bad, StatusCode::UNPROCESSABLE_ENTITY, "invalid-input").await?;
        ensure!(problem["errors"][0]["pointer"] == "/depth", "{problem}");
        let accepted = initiate(API_KEY, asked(&merchant.id, "12m")).await?;
        let accepted = expect(accepted, StatusCode::ACCEPTED).await?;
        ensure!(accepted["jobId"].is_string() && accepted["position"].is_string(), "{accepted}");
        let url = format!("{}/api/jobs/sync/status?merchantId={}", world.gateway, merchant.id);
        let status = async || {
            expect(client.get(&url).header("x-api-key", API_KEY).send().await?, StatusCode::OK).await
        };
        let completed = until(status, |status| status["status"] == "completed").await?;
        ensure!(completed["progressPercentage"] == 100.0, "{completed}");
        Ok(())
    });
}

async fn status_is(merchant: &Merchant, wanted: &str) -> Result<Value> {
    let status = async || expect(merchant.get("/api/v1/sync/status").await?, StatusCode::OK).await;
    until(status, |status| status["status"] == wanted).await
}

#[test]
fn nobody_sees_another_merchants_rows_and_an_unset_merchant_sees_none() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let (merchant, _) = connected(world, 106, 90).await?;
        merchant.start_import(MONTHS).await?;
        merchant.watch_import(PATIENCE, |_| {}).await?;
        let all: i64 = count(&world.pool("QAFILA_DATABASE_OLTP_URL").await?, "orders", None).await?;
        ensure!(all > 0, "there are orders");
        let query = world.pool("QAFILA_DATABASE_QUERY_URL").await?;
        for table in ["merchants", "sync_jobs", "orders", "customers", "products"] {
            ensure!(count(&query, table, None).await? == 0, "{table}: an unset merchant sees rows");
            let stranger = uuid::Uuid::new_v4().to_string();
            ensure!(count(&query, table, Some(&stranger)).await? == 0, "{table}: a stranger sees rows");
        }
        ensure!(count(&query, "orders", Some(&merchant.id)).await? > 0, "the owner sees its orders");
        for secret in
            ["users", "refresh_tokens", "salla_connections", "subject_keys", "events", "oauth_states"]
        {
            ensure!(count(&query, secret, None).await.is_err(), "the query role can read {secret}");
        }
        let unsafe_roles: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'qafila\\_%' AND rolname <> 'qafila_owner'
             AND (rolbypassrls OR rolsuper OR rolcreaterole)",
        )
        .fetch_one(&query)
        .await?;
        ensure!(unsafe_roles == 0, "an application role may pass row-level security");
        Ok(())
    });
}

async fn count(pool: &PgPool, table: &str, merchant: Option<&str>) -> Result<i64> {
    let mut transaction = pool.begin().await?;
    if let Some(merchant) = merchant {
        sqlx::query("SELECT set_config('qafila.merchant', $1, true)")
            .bind(merchant)
            .execute(&mut *transaction)
            .await?;
    }
    let row = sqlx::query(&format!("SELECT count(*) FROM {table}")).fetch_one(&mut *transaction).await?;
    Ok(row.try_get(0)?)
}

#[test]
fn reports_agree_with_the_source_and_name_bad_parameters() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _quiet = SHARED.faults.read().await;
        let (merchant, store) = connected(world, 107, 250).await?;
        merchant.start_import(24).await?;
        merchant.watch_import(PATIENCE, |_| {}).await?;
        let counted = world.places().await?.agree(&merchant.id, store, 24, PATIENCE).await?;
        ensure!(counted.differences().is_empty(), "{:?}", counted.differences());
        let today = chrono::Utc::now().with_timezone(&riyadh()).date_naive();
        let from = today.checked_sub_months(chrono::Months::new(24)).context("a day")?;
        let path = format!("/api/v1/reports/summary?from={from}&to={today}");
        let summary = until(
            || async { expect(merchant.get(&path).await?, StatusCode::OK).await },
            |summary| !summary["completeTo"].is_null(),
        )
        .await?;
        let figures = summary["figures"].as_array().context("figures")?;
        let orders: u64 = figures.iter().filter_map(|f| f["orders"].as_u64()).sum();
        ensure!(orders == counted.simulator.orders, "{summary}");
        for figure in figures {
            let amount = |field: &str| {
                figure[field]["amount"].as_str().and_then(|t| t.parse::<rust_decimal::Decimal>().ok())
            };
            let sum = [amount("sales"), amount("waitingForPayment"), amount("cancelled"), amount("returned")]
                .into_iter()
                .sum::<Option<rust_decimal::Decimal>>();
            let currency = figure["currency"].as_str().unwrap_or_default();
            ensure!(sum == Some(counted.simulator.sum(currency).into()), "{figure}");
        }
        let bad = merchant
            .get("/api/v1/reports/sales-trend?granularity=hour&timezone=Mars/Base&from=2026-02-30")
            .await?;
        let problem = expect_problem(bad, StatusCode::UNPROCESSABLE_ENTITY, "invalid-input").await?;
        let pointers: Vec<&str> = problem["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|e| e["pointer"].as_str())
            .collect();
        ensure!(pointers == ["timezone", "from", "granularity"], "{problem}");
        Ok(())
    });
}

#[test]
fn a_record_that_postgres_refuses_is_set_aside_and_the_others_merge() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let contract = Contract::new(world.kafka()?, world.registry()?);
        let encoder = contract.encoder::<Observation>(&OBSERVATIONS).await?;
        let (merchant, connection) = (MerchantId::generate(), ConnectionId::generate());
        let records = (0..20).map(|order| {
            let mut seen = observation(merchant, connection, order, 1);
            if order == 7
                && let Some(order) = seen.order.as_mut()
            {
                order.status_slug = Some("NUL \0 cannot be stored".into());
            }
            let topic = contract.kafka.topic(OBSERVATIONS.name);
            let value = encoder.encode_to_vec(&seen)?;
            anyhow::Ok(Outgoing {
                topic,
                key: format!("{merchant}:order:{order}"),
                value: Some(value),
                headers: OwnedHeaders::new(),
            })
        });
        TopicWriter::new(&contract.kafka, 0)?.write_all(records.collect::<Result<_>>()?).await?;
        let postgres = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let merged = async || {
            let count = sqlx::query_scalar("SELECT count(*) FROM orders WHERE merchant_id = $1");
            Ok::<i64, anyhow::Error>(count.bind(merchant.0).fetch_one(&postgres).await?)
        };
        until(merged, |merged| *merged == 19).await?;
        let letters = dead_letters(world, &OBSERVATIONS, &merchant.to_string())?;
        ensure!(letters.len() == 1 && letters[0]["qafila_dlq_cause"] == "unmergeable", "{letters:?}");
        Ok(())
    });
}

#[test]
fn an_event_that_comes_out_of_sequence_is_set_aside_and_other_aggregates_go_on() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let contract = Contract::new(world.kafka()?, world.registry()?);
        let encoder = contract.encoder::<MerchantRegistered>(&MERCHANT_EVENTS).await?;
        let merchants: Vec<MerchantId> = (0..20).map(|_| MerchantId::generate()).collect();
        let records = merchants.iter().enumerate().map(|(index, merchant)| {
            let registered = MerchantRegistered {
                merchant_id: *merchant,
                store_name: "متجر".into(),
                locale: "ar".into(),
                registered_by: UserId::generate(),
                registered_at: Millis::now(),
            };
            let (id, subject) = (format!("merchant:{merchant}"), merchant.to_string());
            let kind = MERCHANT_EVENTS.records[0].full_name;
            let event = CloudEvent { id: &id, kind, subject: &subject, time: Millis::now() };
            // The first one's first event is missing.
            let sequence = if index == 0 { "2" } else { "1" };
            anyhow::Ok(Outgoing {
                topic: contract.kafka.topic(MERCHANT_EVENTS.name),
                key: merchant.to_string(),
                value: Some(encoder.encode_to_vec(&registered)?),
                headers: headers::with(event.headers(), headers::SEQUENCE, sequence),
            })
        });
        TopicWriter::new(&contract.kafka, 0)?.write_all(records.collect::<Result<_>>()?).await?;
        let postgres = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let ids: Vec<uuid::Uuid> = merchants.iter().map(|merchant| merchant.0).collect();
        let known = async || {
            let count = sqlx::query_scalar("SELECT count(*) FROM merchants WHERE merchant_id = ANY ($1)");
            Ok::<i64, anyhow::Error>(count.bind(&ids).fetch_one(&postgres).await?)
        };
        until(known, |known| *known == 19).await?;
        let letters = async || dead_letters(world, &MERCHANT_EVENTS, &merchants[0].to_string());
        let letters = until(letters, |letters| !letters.is_empty()).await?;
        ensure!(letters[0]["qafila_dlq_cause"] == "out_of_sequence", "{letters:?}");
        Ok(())
    });
}

#[test]
fn kill_9_in_the_middle_of_an_import_loses_and_doubles_nothing() {
    SHARED.run(async {
        let mut world = World::make("kill").await?.with_checked_answers().await?;
        world.start()?;
        world.ready().await?;
        // Slow enough that the kills fall into the import.
        world.sim.world().faults = Faults { chance_5xx: 0.05, ..Faults::default() };
        let (merchant, store) = connected(&world, 108, 1_500).await?;
        merchant.start_import(MONTHS).await?;
        for pause in [250, 700, 450] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            world.kill()?;
            world.start()?;
            world.ready().await?;
        }
        merchant.watch_import(PATIENCE, |_| {}).await?;
        let counted = world.places().await?.agree(&merchant.id, store, MONTHS, PATIENCE).await?;
        ensure!(counted.differences().is_empty(), "{:?}", counted.differences());
        world.remove().await
    });
}

#[test]
fn wrong_configuration_names_the_variable_and_exits_with_2() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let mut environment = world.environment.clone();
        environment.insert("QAFILA_LISTEN".into(), "everywhere".into());
        environment.remove("QAFILA_REGISTRY_URL");
        let output = world.command(&["all"], &environment).output().await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(2), "{:?}: {said}", output.status);
        ensure!(said.contains("QAFILA_LISTEN") && said.contains("QAFILA_REGISTRY_URL"), "{said}");
        Ok(())
    });
}

#[test]
fn with_kafka_down_commands_answer_503_and_queue_nothing() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, _) = connected(world, 109, 20).await?;
        let mut environment = world.environment.clone();
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        environment.insert("QAFILA_LISTEN".into(), format!("127.0.0.1:{port}"));
        environment.insert("QAFILA_KAFKA_BROKERS".into(), "127.0.0.1:1".into());
        let mut lonely = world.command(&["gateway"], &environment).kill_on_drop(true).spawn()?;
        let gateway = format!("http://127.0.0.1:{port}");
        let live = async || Ok(reqwest::get(format!("{gateway}/health/live")).await.is_ok());
        until(live, |live| *live).await?;
        ensure!(
            reqwest::get(format!("{gateway}/health/ready")).await?.status()
                == StatusCode::SERVICE_UNAVAILABLE,
            "ready"
        );
        let body = json!({"depthInMonths": 12});
        let client = reqwest::Client::new();
        let answer = client
            .post(format!("{gateway}/api/v1/sync/initial"))
            .bearer_auth(merchant.token())
            .json(&body)
            .send()
            .await?;
        expect_problem(answer, StatusCode::SERVICE_UNAVAILABLE, "unavailable").await?;
        lonely.kill().await?;
        ensure!(merchant.sync_status().await?.status == "not_started", "nothing was queued");
        Ok(())
    });
}
