//! What every answer of the API keeps to, whatever it is about: problems by codes and in the language of the request.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use qafila_proving::merchant::{Merchant, PASSWORD, expect};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use reqwest::header::{
    ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LANGUAGE, COOKIE, ETAG, IF_NONE_MATCH,
    SET_COOKIE, VARY,
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

static SHARED: SharedWorld = SharedWorld::new("api");

#[test]
fn a_problem_has_stable_codes_with_parameters_and_a_text_in_the_language_that_is_liked_best() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let merchant = Merchant::register(&world.gateway).await?;
        let mut details = vec![];
        for (accepted, language) in [("ar-SA,ar;q=0.9,en;q=0.5", "ar"), ("en", "en"), ("fr", "en")] {
            let asked = merchant.looking("/api/v1/reports/summary?from=2026-02-31&compare=nothing&x=1");
            let answer = asked.header(ACCEPT_LANGUAGE, accepted).send().await?;
            ensure!(answer.status() == StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.status());
            let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
            ensure!(header(CONTENT_LANGUAGE) == Some(language), "{:?}", answer.headers());
            ensure!(
                header(VARY).is_some_and(|vary| vary.contains("accept-language")),
                "{:?}",
                answer.headers()
            );
            let problem: Value = answer.json().await?;
            ensure!(problem["code"] == "invalid-input" && problem["params"] == json!({}), "{problem}");
            let errors = problem["errors"].as_array().context("errors")?;
            let mut told: Vec<_> = errors
                .iter()
                .map(|error| (error["pointer"].as_str(), &error["code"], &error["params"]))
                .collect();
            told.sort_by_key(|(pointer, ..)| *pointer);
            let (none, values) = (json!({}), json!({"values": ["previous", "last-year", "hijri-last-year"]}));
            let (day, one_of, unknown) = (json!("day"), json!("one-of"), json!("unknown-parameter"));
            let expected = [
                (Some("compare"), &one_of, &values),
                (Some("from"), &day, &none),
                (Some("x"), &unknown, &none),
            ];
            ensure!(told == expected, "{problem}");
            details.push((problem["detail"].clone(), errors[0]["detail"].clone()));
        }
        ensure!(details[0] != details[1] && details[1] == details[2], "{details:?}");
        Ok(())
    });
}

#[test]
fn a_client_that_has_an_answer_is_not_sent_it_again() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let merchant = Merchant::register(&world.gateway).await?;
        let path = "/api/v1/sync/status";
        let first = merchant.get(path).await?;
        let tag = first.headers()[ETAG].to_str()?.to_owned();
        let strong = tag.trim_start_matches("W/").to_owned();
        for known in [tag.clone(), strong, format!("\"other\", {tag}")] {
            let again = merchant.looking(path).header(IF_NONE_MATCH, &known).send().await?;
            ensure!(again.status() == StatusCode::NOT_MODIFIED, "{known}: {}", again.status());
            ensure!(again.headers()[ETAG] == tag.as_str() && again.bytes().await?.is_empty(), "{known}");
        }
        let other = merchant.looking(path).header(IF_NONE_MATCH, "\"other\"").send().await?;
        ensure!(other.status() == StatusCode::OK, "{}", other.status());
        Ok(())
    });
}

#[test]
fn a_long_answer_is_compressed_for_a_client_that_accepts_it() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, _) = Merchant::with_store(&world.gateway, &world.sim_url, 1_690).await?;
        let path = "/api/v1/reports/sales-trend?from=2025-01-01&to=2025-06-30&granularity=day";
        let plain = merchant.looking(path).send().await?;
        ensure!(!plain.headers().contains_key(CONTENT_ENCODING), "{:?}", plain.headers());
        let compressed = merchant.looking(path).header(ACCEPT_ENCODING, "gzip, br").send().await?;
        ensure!(compressed.headers()[CONTENT_ENCODING] == "gzip", "{:?}", compressed.headers());
        ensure!(compressed.headers()[ETAG] == plain.headers()[ETAG], "the answers are the same");
        let varies = compressed.headers().get_all(VARY).iter().any(|by| by == "accept-encoding");
        ensure!(varies, "{:?}", compressed.headers());
        let (plain, compressed) = (plain.bytes().await?, compressed.bytes().await?);
        let mut unpacked = vec![];
        GzDecoder::new(&*compressed).read_to_end(&mut unpacked)?;
        ensure!(
            unpacked == plain && compressed.len() * 5 < plain.len(),
            "{} of {}",
            compressed.len(),
            plain.len()
        );
        Ok(())
    });
}

#[test]
fn an_import_names_its_store_and_connection_and_every_run_is_listed_with_what_became_of_it() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, store) = Merchant::with_store(&world.gateway, &world.sim_url, 1_601).await?;
        let before = expect(merchant.get("/api/v1/sync/status").await?, StatusCode::OK).await?;
        ensure!(before["status"] == "not_started" && before["store"].is_null(), "{before}");
        merchant.start_import(12).await?;
        merchant.watch_import(Duration::from_secs(120), |_| {}).await?;
        let me = expect(merchant.get("/api/v1/me").await?, StatusCode::OK).await?;
        let status = expect(merchant.get("/api/v1/sync/status").await?, StatusCode::OK).await?;
        ensure!(status["connectionId"] == me["connection"]["id"], "{status}");
        ensure!(
            status["store"] == json!({"id": store, "name": me["connection"]["store"]["name"]}),
            "{status}"
        );
        ensure!(status["waitsFor"].is_null(), "{status}");
        merchant.start_import(24).await?;
        let runs = || async { expect(merchant.get("/api/v1/sync/runs").await?, StatusCode::OK).await };
        let runs = until(runs, |runs| {
            runs["items"].as_array().is_some_and(|all| all.len() == 2 && all[0]["status"] == "completed")
        })
        .await?;
        let all = runs["items"].as_array().context("runs")?;
        let depths: Vec<_> = all.iter().map(|run| run["depthInMonths"].as_i64()).collect();
        ensure!(depths == [Some(24), Some(12)], "newest first: {runs}");
        for run in all {
            ensure!(run["status"] == "completed" && run["store"]["id"] == store, "{run}");
            ensure!(run["imported"]["products"] == 1 && run["endedAt"].is_string(), "{run}");
        }
        let page = expect(merchant.get("/api/v1/sync/runs?limit=1").await?, StatusCode::OK).await?;
        let next = page["nextCursor"].as_str().context("another page")?;
        let page =
            expect(merchant.get(&format!("/api/v1/sync/runs?cursor={next}")).await?, StatusCode::OK).await?;
        ensure!(page["items"] == json!([all[1]]) && page["nextCursor"].is_null(), "{page}");

        let another = Merchant::register(&world.gateway).await?;
        let none = expect(another.get("/api/v1/sync/runs").await?, StatusCode::OK).await?;
        ensure!(none["items"] == json!([]), "another merchant's: {none}");
        told_of_the_import(&merchant).await
    });
}

/// A page is told what to say and what to open, and may ask for what was not read.
async fn told_of_the_import(merchant: &Merchant) -> Result<()> {
    let unread =
        || async { expect(merchant.get("/api/v1/notifications?unread=true").await?, StatusCode::OK).await };
    let told = until(unread, |list| list["unread"] == 2).await?;
    let note = &told["items"][0];
    ensure!(note["kind"] == "sync_completed" && note["opens"]["page"] == "import", "{note}");
    ensure!(note["opens"]["jobId"] == note["jobId"] && note["params"]["products"] == 1, "{note}");
    ensure!(note["params"]["rows"].is_null(), "{note}");
    let id = note["id"].as_str().context("an id")?;
    let read = merchant.post(&format!("/api/v1/notifications/{id}/read"), &json!({})).await?;
    expect(read, StatusCode::NO_CONTENT).await?;
    let left = unread().await?;
    let all = expect(merchant.get("/api/v1/notifications?unread=false").await?, StatusCode::OK).await?;
    let count = |list: &Value| list["items"].as_array().map(Vec::len);
    ensure!(count(&left) == Some(1) && count(&all) == Some(2), "{left} {all}");
    Ok(())
}

#[test]
fn what_a_command_made_is_there_at_once_and_every_command_names_its_position() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, _) = Merchant::with_store(&world.gateway, &world.sim_url, 1_602).await?;
        let another = Merchant::register(&world.gateway).await?;
        for _ in 0..5 {
            let body = json!({"reportType": "products", "format": "csv"});
            let accepted =
                expect(merchant.post("/api/v1/reports/export", &body).await?, StatusCode::ACCEPTED).await?;
            let path = format!("/api/v1/reports/exports/{}", accepted["jobId"].as_str().context("a job")?);
            let shown = expect(merchant.get(&path).await?, StatusCode::OK).await?;
            ensure!(shown["jobId"] == accepted["jobId"] && shown["reportType"] == "products", "{shown}");
            expect(another.get(&path).await?, StatusCode::NOT_FOUND).await?;
            let http = Client::new().delete(format!("{}{path}", world.gateway)).bearer_auth(merchant.token());
            let revoked = http.send().await?;
            ensure!(revoked.status() == StatusCode::NO_CONTENT, "{}", revoked.status());
            let position = revoked.headers()["x-qafila-position"].to_str()?.to_owned();
            let waited =
                merchant.looking(&path).header("prefer", "wait=5").header("x-qafila-position", &position);
            let shown = expect(waited.send().await?, StatusCode::OK).await?;
            ensure!(shown["status"] == "revoked", "{shown}");
        }
        let patch = |body: Value| {
            let request =
                Client::new().patch(format!("{}/api/v1/me", world.gateway)).bearer_auth(merchant.token());
            request.json(&body).send()
        };
        let renamed = expect(patch(json!({"storeName": "Zaytuna"})).await?, StatusCode::OK).await?;
        let position = renamed["position"].as_str().context("a position")?;
        let waited =
            merchant.looking("/api/v1/me").header("prefer", "wait=5").header("x-qafila-position", position);
        let me = expect(waited.send().await?, StatusCode::OK).await?;
        ensure!(me["merchant"]["storeName"] == "Zaytuna", "{me}");
        let changed = expect(patch(json!({"locale": "en"})).await?, StatusCode::OK).await?;
        ensure!(changed["position"] == position && changed["user"]["locale"] == "en", "{changed}");
        Ok(())
    });
}

#[test]
fn tabs_that_refresh_at_once_stay_logged_in_and_a_log_out_ends_them_all() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let merchant = Merchant::register(&world.gateway).await?;
        let http = Client::new();
        let post = |path: &str| http.post(format!("{}/api/v1/auth/{path}", world.gateway));
        let cookie = |answer: &reqwest::Response| {
            let set = answer.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok());
            set.and_then(|value| value.split(';').next()).map(str::to_owned).context("a cookie")
        };
        let body = json!({"email": merchant.email, "password": PASSWORD});
        let first = cookie(&post("login").json(&body).send().await?)?;
        let tabs = (0..6).map(|_| post("refresh").header(COOKIE, &first).send());
        let answers = futures::future::try_join_all(tabs).await?;
        ensure!(answers.iter().all(|answer| answer.status() == StatusCode::OK), "{answers:?}");
        let cookies: BTreeSet<String> = answers.iter().map(cookie).collect::<Result<_>>()?;
        ensure!(cookies.len() == 1 && !cookies.contains(&first), "{} cookies", cookies.len());
        let second = cookies.first().context("a cookie")?;
        let third = cookie(&post("refresh").header(COOKIE, second).send().await?)?;
        // An answer was lost twice: the cookie of long before still leads to the current one.
        ensure!(cookie(&post("refresh").header(COOKIE, &first).send().await?)? == third);
        let out = post("logout").header(COOKIE, &third).send().await?;
        ensure!(out.status() == StatusCode::NO_CONTENT, "{}", out.status());
        for ended in [&first, second, &third] {
            let refused = post("refresh").header(COOKIE, ended).send().await?;
            ensure!(refused.status() == StatusCode::UNAUTHORIZED, "{}", refused.status());
        }
        Ok(())
    });
}
