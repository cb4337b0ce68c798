//! What people are told by mail, through a real mail server: once at most, whatever becomes of the server.

use anyhow::{Context, Result, ensure};
use chrono::Utc;
use qafila_proving::gate::{Gate, Passage};
use qafila_proving::mailbox::{self, Received, mails_to};
use qafila_proving::merchant::{Merchant, PASSWORD, expect};
use qafila_proving::waiting::until;
use qafila_proving::world::World;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, OnceCell};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
static WORLD: OnceCell<(World, Gate)> = OnceCell::const_new();
/// The gate is shut for all: one test at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

fn run(test: impl Future<Output = Result<()>> + Send + 'static) {
    let alone = async {
        let _alone = ALONE.lock().await;
        test.await
    };
    RUNTIME.block_on(RUNTIME.spawn(alone)).expect("the test did not panic").expect("the rule holds");
}

async fn world() -> Result<&'static (World, Gate)> {
    let made = WORLD.get_or_try_init(|| async {
        let gate = Gate::before(mailbox::server()?).await?;
        let url = format!("smtp://{}", gate.address);
        let mut world = World::make("mail").await?.with_checked_answers().await?;
        world.start_as("all", &["all"], &[("QAFILA_SMTP_URL", url.as_str())])?;
        world.ready().await?;
        anyhow::Ok((world, gate))
    });
    made.await
}

/// A merchant whose store is connected; nothing of it is imported.
async fn connected(world: &World) -> Result<Merchant> {
    static SEED: AtomicU64 = AtomicU64::new(977);
    let seed = SEED.fetch_add(1, Ordering::Relaxed);
    let (merchant, _) = Merchant::with_store(&world.gateway, &world.sim_url, seed).await?;
    Ok(merchant)
}

async fn export(merchant: &Merchant) -> Result<String> {
    let body = json!({"reportType": "products", "format": "csv"});
    let accepted =
        expect(merchant.post("/api/v1/reports/export", &body).await?, StatusCode::ACCEPTED).await?;
    Ok(accepted["jobId"].as_str().context("a job")?.to_owned())
}

/// The note about a job, once it is as `wanted`.
async fn note(merchant: &Merchant, job: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    let shown = || async {
        let list = expect(merchant.get("/api/v1/notifications").await?, StatusCode::OK).await?;
        let of_job: Vec<Value> = list["items"]
            .as_array()
            .context("items")?
            .iter()
            .filter(|note| note["jobId"] == job)
            .cloned()
            .collect();
        ensure!(of_job.len() <= 1, "one cause, one note: {of_job:?}");
        Ok(of_job.into_iter().next().unwrap_or_default())
    };
    until(shown, |note| wanted(note)).await
}

async fn mail(merchant: &Merchant) -> Result<Received> {
    let mails = mails(merchant, 1).await?;
    ensure!(mails.len() == 1, "one mail, not {}", mails.len());
    Ok(mails[0].clone())
}

/// A merchant's mails, once there are `count`.
async fn mails(merchant: &Merchant, count: usize) -> Result<Vec<Received>> {
    until(|| async { mails_to(&merchant.email) }, |mails| mails.len() >= count).await
}

const PASSWORD_CHANGED: &str = "تغيّرت كلمة مرورك";

fn link<'t>(text: &'t str, start: &str) -> Result<&'t str> {
    text.lines().find(|line| line.starts_with(start)).with_context(|| format!("no link {start} in {text}"))
}

#[test]
fn a_file_that_is_ready_is_told_once_in_the_app_and_once_by_mail_with_its_link() {
    run(async {
        let (world, gate) = world().await?;
        gate.set(Passage::Open);
        let merchant = connected(world).await?;
        let job = export(&merchant).await?;
        let told = note(&merchant, &job, |note| note["mail"] == "sent").await?;
        ensure!(told["kind"] == "export_ready", "{told}");
        let partial = "لم تكن كل بيانات متجرك قد وصلت";
        ensure!(
            told["body"].as_str().is_some_and(|body| body.contains(partial)),
            "nothing was imported: {told}"
        );
        let mail = mail(&merchant).await?;
        ensure!(mail.html.contains("dir=\"rtl\"") && mail.subject == told["title"], "{mail:?}");
        let file = reqwest::get(link(&mail.text, &format!("{}/download/", world.gateway))?).await?;
        ensure!(file.status() == StatusCode::OK && file.text().await?.contains("معرّف المنتج"), "the file");
        Ok(())
    });
}

#[test]
fn a_mail_server_that_is_down_delays_mail_and_nothing_else() {
    run(async {
        let (world, gate) = world().await?;
        let merchant = connected(world).await?;
        gate.set(Passage::Shut);
        let before = gate.refused();
        let job = export(&merchant).await?;
        until(|| async { Ok(gate.refused()) }, |refused| *refused > before).await?;
        note(&merchant, &job, |note| note["mail"] == "waiting").await?;
        ensure!(mails_to(&merchant.email)?.is_empty(), "nobody took it");
        gate.set(Passage::Open);
        note(&merchant, &job, |note| note["mail"] == "sent").await?;
        mail(&merchant).await.map(drop)
    });
}

#[test]
fn a_mail_server_that_goes_away_with_the_mail_never_gets_it_again_and_the_note_says_so() {
    run(async {
        let (world, gate) = world().await?;
        let merchant = connected(world).await?;
        gate.set(Passage::MuteAfterMail);
        let job = export(&merchant).await?;
        let told = note(&merchant, &job, |note| note["mail"] == "failed").await?;
        gate.set(Passage::Open);
        ensure!(told["body"].as_str().is_some_and(|body| body.contains("قد لا تكون رسالة البريد")), "{told}");
        // Another mail gets through, so the first would have, too.
        let second = export(&merchant).await?;
        note(&merchant, &second, |note| note["mail"] == "sent").await?;
        ensure!(mails_to(&merchant.email)?.len() <= 2, "the first came twice");
        Ok(())
    });
}

#[test]
fn who_wants_no_mail_about_files_gets_the_note_alone() {
    run(async {
        let (world, gate) = world().await?;
        gate.set(Passage::Open);
        let merchant = connected(world).await?;
        let patch = |body: Value| {
            let http = reqwest::Client::new().patch(format!("{}/api/v1/me", world.gateway));
            http.bearer_auth(merchant.token()).json(&body).send()
        };
        let me =
            expect(patch(json!({"mailPreferences": {"export_ready": false}})).await?, StatusCode::OK).await?;
        ensure!(
            me["mailPreferences"]["export_ready"] == false && me["mailPreferences"]["sync_failed"] == true,
            "{me}"
        );
        let refused = patch(json!({"mailPreferences": {"gossip": true}})).await?;
        let refused = expect(refused, StatusCode::UNPROCESSABLE_ENTITY).await?;
        ensure!(refused["errors"][0]["pointer"] == "/mailPreferences/gossip", "{refused}");
        let job = export(&merchant).await?;
        let told = note(&merchant, &job, Value::is_object).await?;
        ensure!(told["mail"].is_null() && mails_to(&merchant.email)?.is_empty(), "{told}");
        Ok(())
    });
}

#[test]
fn a_forgotten_password_is_set_anew_once_by_the_link_of_a_mail_and_ends_all_sessions() {
    run(async {
        let (world, gate) = world().await?;
        gate.set(Passage::Open);
        let merchant = Merchant::register(&world.gateway).await?;
        let http = reqwest::Client::new();
        let post = |path: &str, body: Value| {
            http.post(format!("{}/api/v1/auth/{path}", world.gateway)).json(&body).send()
        };
        let login = |password: &str| post("login", json!({"email": merchant.email, "password": password}));
        let session = login(PASSWORD).await?;
        let cookie =
            session.headers()["set-cookie"].to_str()?.split(';').next().context("a cookie")?.to_owned();
        for email in [merchant.email.as_str(), "nobody@example.com", "no address"] {
            let asked = post("password/forgot", json!({"email": email})).await?;
            ensure!(asked.status() == StatusCode::ACCEPTED, "{}", asked.status());
        }
        let mail = mail(&merchant).await?;
        let link = link(&mail.text, &world.gateway)?;
        let token = link.split_once("#token=").context("a token")?.1;
        // Tokens say in seconds when they were issued.
        let registered = Utc::now().timestamp();
        until(|| async { Ok(Utc::now().timestamp()) }, |now| *now > registered).await?;
        let weak = post("password/reset", json!({"token": token, "password": "short"})).await?;
        ensure!(weak.status() == StatusCode::UNPROCESSABLE_ENTITY, "{}", weak.status());
        let made = merchant.post("/api/v1/api-keys", &json!({"name": "BI", "scopes": ["lists"]})).await?;
        let key = expect(made, StatusCode::CREATED).await?["key"].as_str().context("a key")?.to_owned();
        let reads = || async {
            let orders = format!("{}/api/v1/orders", world.gateway);
            anyhow::Ok(reqwest::Client::new().get(orders).bearer_auth(&key).send().await?.status())
        };
        ensure!(reads().await? == StatusCode::OK, "the key reads");
        let reset = || post("password/reset", json!({"token": token, "password": "New-Horse-77-x"}));
        ensure!(reset().await?.status() == StatusCode::NO_CONTENT, "a new password");
        ensure!(reset().await?.status() == StatusCode::BAD_REQUEST, "once");
        ensure!(reads().await? == StatusCode::UNAUTHORIZED, "keys of the old password's time have ended");
        ensure!(login(PASSWORD).await?.status() == StatusCode::UNAUTHORIZED, "the old one");
        ensure!(login("New-Horse-77-x").await?.status() == StatusCode::OK, "the new one");
        let refreshed = http.post(format!("{}/api/v1/auth/refresh", world.gateway)).header("cookie", cookie);
        ensure!(refreshed.send().await?.status() == StatusCode::UNAUTHORIZED, "the session has ended");
        let disconnect = http.delete(format!("{}/api/v1/salla/connection", world.gateway));
        let commanded = disconnect.bearer_auth(merchant.token()).send().await?;
        ensure!(commanded.status() == StatusCode::UNAUTHORIZED, "its access token commands nothing");
        let told = mails(&merchant, 2).await?;
        ensure!(told.iter().filter(|mail| mail.subject == PASSWORD_CHANGED).count() == 1, "{told:?}");
        ensure!(mails_to("nobody@example.com")?.is_empty(), "strangers get nothing");
        Ok(())
    });
}

#[test]
fn a_password_is_changed_by_who_knows_it_and_only_this_session_goes_on() {
    run(async {
        let (world, gate) = world().await?;
        let merchant = Merchant::register(&world.gateway).await?;
        let http = reqwest::Client::new();
        let url = |path: &str| format!("{}/api/v1/auth/{path}", world.gateway);
        let session = || async {
            let body = json!({"email": merchant.email, "password": PASSWORD});
            let answer = http.post(url("login")).json(&body).send().await?;
            let cookie =
                answer.headers()["set-cookie"].to_str()?.split(';').next().context("a cookie")?.to_owned();
            anyhow::Ok(cookie)
        };
        let (here, elsewhere) = (session().await?, session().await?);
        let change = |old: &str, new: &str| {
            let body = json!({"currentPassword": old, "newPassword": new});
            http.post(url("password/change"))
                .bearer_auth(merchant.token())
                .header("cookie", &here)
                .json(&body)
                .send()
        };
        let wrong = change("Wrong-Horse-7-x", "New-Horse-77-x").await?;
        let wrong = expect(wrong, StatusCode::UNPROCESSABLE_ENTITY).await?;
        ensure!(wrong["errors"][0]["pointer"] == "/currentPassword", "{wrong}");
        let weak = expect(change(PASSWORD, "short").await?, StatusCode::UNPROCESSABLE_ENTITY).await?;
        ensure!(weak["errors"][0]["pointer"] == "/newPassword", "{weak}");
        ensure!(change(PASSWORD, "New-Horse-77-x").await?.status() == StatusCode::NO_CONTENT, "changed");
        let refresh = |cookie: String| http.post(url("refresh")).header("cookie", cookie).send();
        ensure!(
            refresh(elsewhere).await?.status() == StatusCode::UNAUTHORIZED,
            "the other session has ended"
        );
        ensure!(refresh(here).await?.status() == StatusCode::OK, "this one goes on");
        gate.set(Passage::Open);
        let told = mails(&merchant, 1).await?;
        ensure!(told.len() == 1 && told[0].subject == PASSWORD_CHANGED, "{told:?}");
        Ok(())
    });
}
