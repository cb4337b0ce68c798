//! One day of one trouble: a world, a job of every kind, what must hold meanwhile and what afterwards.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chrono::Utc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use qafila_stack::layout::Layout;
use qafila_stack::stack::Stack;
use reqwest::StatusCode;
use salla_sim::faults::Faults;
use salla_sim::shapes;
use salla_sim::store::Plan;
use serde_json::{Value, json};
use sqlx::PgPool;
use url::Url;
use uuid::Uuid;

use super::MINUTE;
use super::kinds::{Dependency, GATED, Trouble, ensure_complete, faults, lies};
use crate::deliveries::{Deliveries, event};
use crate::gate::{Gate, Passage};
use crate::merchant::{Merchant, expect, make_store};
use crate::world::World;

const MONTHS: u32 = 12;
/// Within that a merchant is told. An hour of Salla's is shorter here; this is what waits take that know of no shorter minute: a call's
/// patience, a lease, some tries.
const TOLD_WITHIN: Duration = Duration::from_secs(60);
/// After the trouble every job goes on or ends within that.
const GOES_ON_WITHIN: Duration = Duration::from_secs(240);
/// By then whoever cannot renew a lease has stopped: a lease lasts 15 s.
const LEASES_END_WITHIN: Duration = Duration::from_secs(25);
const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// Tries that each kind of job may make.
const MAX_TRIES: [(&str, i32); 4] =
    [("sync_runs", 150), ("export_work", 12), ("mails", 15), ("reconciliations", 3)];
const MAX_EVENTS: i64 = 200;
/// Notes that say where an import stands.
const OF_IMPORTS: [&str; 5] =
    ["sync_waiting", "sync_failed", "sync_completed", "connection_lost", "reauthorisation_needed"];

/// A world, and a trouble that has not come yet.
pub(super) struct Day {
    trouble: Trouble,
    world: World,
    gates: BTreeMap<Dependency, Gate>,
    owner: PgPool,
    /// Its store is imported; what is asked of it is an export, a night, a mail, subscriptions and a webhook.
    settled: (Merchant, u64),
    /// Its import is under way.
    importing: (Merchant, u64),
    /// Its store removes the app.
    leaving: (Merchant, u64),
    /// Its store has removed the app before, and its clean-up is due.
    left: (Merchant, u64),
}

/// What was asked for just before the trouble.
struct Asked {
    export: String,
    order: u64,
    records: i64,
    at: Instant,
}

impl Day {
    pub(super) async fn prepare(trouble: Trouble) -> Result<Self> {
        let mut world = World::make("torture_waits").await?.with_many_merchants();
        let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        ensure_complete(&world.environment, &owner).await?;
        for (name, value) in [
            ("QAFILA_SALLA_MINUTE_MS", MINUTE.as_millis().to_string()),
            ("QAFILA_RECONCILE_CRON", "0 2 1 1 *".to_owned()),
        ] {
            world.environment.insert(name.into(), value);
        }
        world.sim.world().switches.time_scale = 60.0 / MINUTE.as_secs_f64();
        let mut gates = BTreeMap::new();
        for dependency in GATED {
            gates.insert(dependency, gate(&mut world, dependency).await?);
        }
        world.start()?;
        world.ready().await?;
        let mut merchants = Vec::new();
        for seed in 0..4 {
            let plan = Plan {
                seed: 4_200 + seed,
                orders: 40,
                customers: 5,
                products: 5,
                months: 6,
                ..Plan::default()
            };
            let store = make_store(&world.sim_url, &plan).await?;
            let merchant = Merchant::register(&world.gateway).await?;
            merchant.connect(store).await?;
            merchants.push((merchant, store));
        }
        let [settled, importing, leaving, left] =
            <[_; 4]>::try_from(merchants).map_err(|_| anyhow::anyhow!("four merchants"))?;
        let day = Self { trouble, world, gates, owner, settled, importing, leaving, left };
        day.settle().await?;
        Ok(day)
    }

    /// The trouble comes, lasts and ends.
    pub(super) async fn pass(self, length: Duration) -> Result<String> {
        let asked = self.ask().await?;
        self.begin().await?;
        let told = self.last(length, &asked).await;
        self.end().await?;
        let told = told?;
        let ended = Instant::now();
        let told_later = self.go_on(&asked).await?;
        self.within_budgets().await?;
        let words = match told.or(told_later) {
            Some(after) => format!(
                "told after {:.0} s, all went on {:.0} s after its end",
                after.as_secs_f64(),
                ended.elapsed().as_secs_f64()
            ),
            None => bail!("the merchant whose import waited was told nothing"),
        };
        self.world.remove().await?;
        Ok(words)
    }

    /// Everything that a job under way needs: an imported store on the schedule with its subscriptions, and one that was left.
    async fn settle(&self) -> Result<()> {
        let (merchant, _) = &self.settled;
        merchant.start_import(MONTHS).await?;
        merchant.watch_import(GOES_ON_WITHIN, |_| {}).await?;
        for (merchant, store) in [&self.settled, &self.importing, &self.leaving, &self.left] {
            self.until(&format!("subscriptions of {store}"), || async {
                self.count("SELECT count(*) FROM webhook_subscriptions s JOIN salla_connections c USING (connection_id)
                     WHERE c.merchant_id = $1 AND state = 'complete'", &merchant.id).await
            }, |count| *count == 1).await?;
        }
        self.until(
            "enrolment",
            || async {
                self.count("SELECT count(*) FROM reconciliations WHERE merchant_id = $1", &self.settled.0.id)
                    .await
            },
            |count| *count == 1,
        )
        .await?;
        let (merchant, store) = &self.left;
        self.uninstall(*store).await?;
        self.until(
            "a clean-up",
            || async {
                self.count("SELECT count(*) FROM store_cleanups WHERE merchant_id = $1", &merchant.id).await
            },
            |count| *count == 1,
        )
        .await?;
        Ok(())
    }

    /// Asks for a job of every kind.
    async fn ask(&self) -> Result<Asked> {
        let (merchant, store) = &self.settled;
        let body = json!({"reportType": "orders", "format": "csv"});
        let records = self.records().await?;
        // Lists mislead from the beginning, whatever else is asked.
        match self.trouble {
            Trouble::Lie(name) => {
                for store in [store, &self.importing.1] {
                    self.world.sim.world().lies.insert(*store, lies(name)?);
                }
            }
            Trouble::Fault(name) => self.world.sim.world().faults = faults(name)?,
            Trouble::Dependency(..) | Trouble::Revoked => {}
        }
        let deliveries = Deliveries::to(&self.world);
        let order = self.order(&deliveries).await?;
        let export =
            expect(merchant.post("/api/v1/reports/export", &body).await?, StatusCode::ACCEPTED).await?;
        let forgotten = json!({"email": merchant.email});
        let http = reqwest::Client::new();
        let asked = http.post(format!("{}/api/v1/auth/password/forgot", self.world.gateway)).json(&forgotten);
        expect(asked.send().await?, StatusCode::ACCEPTED).await?;
        self.world.sim.world().webhooks.lose(*store, "order.created");
        for statement in [
            "UPDATE webhook_subscriptions SET due_at = now() WHERE connection_id IN (SELECT connection_id FROM salla_connections WHERE merchant_id = $1)",
            "UPDATE reconciliations SET night_at = now() WHERE merchant_id = $1",
        ] {
            sqlx::query(statement).bind(merchant.id.parse::<Uuid>()?).execute(&self.owner).await?;
        }
        self.uninstall(self.leaving.1).await?;
        sqlx::query("UPDATE store_cleanups SET due_at = now() WHERE merchant_id = $1")
            .bind(self.left.0.id.parse::<Uuid>()?)
            .execute(&self.owner)
            .await?;
        self.importing.0.start_import(MONTHS).await?;
        Ok(Asked {
            export: export["jobId"].as_str().context("a job")?.to_owned(),
            order,
            records,
            at: Instant::now(),
        })
    }

    /// An order comes to the settled store, and its event is acknowledged.
    async fn order(&self, deliveries: &Deliveries) -> Result<u64> {
        let (id, message) = {
            let mut world = self.world.sim.world();
            let switches = world.switches.clone();
            let store = world.stores.get_mut(&self.settled.1).context("the store")?;
            let now = Utc::now();
            let id = store.place_order(now).id;
            let order = store.order(id).context("the order")?;
            let (data, branch) = shapes::order_webhook(store, order);
            let extra = Some(("pickup_branch", branch));
            (id, shapes::webhook("order.created", store.id, now, data, extra, &switches))
        };
        deliveries.deliver(&message).await?;
        Ok(id)
    }

    async fn uninstall(&self, store: u64) -> Result<()> {
        self.world.sim.world().grants.revoke_store(store);
        let at = Utc::now() + chrono::Duration::seconds(1);
        Deliveries::to(&self.world).deliver(&event(store, "app.uninstalled", at, &json!({"id": 1}))).await
    }

    async fn begin(&self) -> Result<()> {
        let stores = [self.settled.1, self.importing.1];
        match self.trouble {
            Trouble::Dependency(Dependency::Kafka, Passage::Shut) => {
                let stack = Stack::open(Layout::find()?)?;
                stack.kill_kafka().await?;
            }
            Trouble::Dependency(Dependency::Kafka, _) => signal_kafka(Signal::SIGSTOP)?,
            Trouble::Dependency(Dependency::Files, _) => {
                let (folder, aside) = (self.world.exports(), self.world.exports().with_extension("aside"));
                if folder.exists() {
                    std::fs::rename(&folder, aside)?;
                }
                std::fs::write(folder, "not a folder")?;
            }
            Trouble::Dependency(dependency, passage) => {
                self.gates.get(&dependency).context("a gate")?.set(passage);
                if dependency == Dependency::SallaAccounts {
                    self.expire(&stores);
                }
            }
            Trouble::Fault(name) if name.starts_with("chance_token") => self.expire(&stores),
            Trouble::Lie(_) | Trouble::Fault(_) => {}
            Trouble::Revoked => {
                for store in stores {
                    self.world.sim.world().grants.revoke_store(store);
                }
            }
        }
        Ok(())
    }

    fn expire(&self, stores: &[u64]) {
        for store in stores {
            self.world.sim.world().grants.expire_store(*store);
        }
    }

    /// What must hold while the trouble lasts; says after how long the merchant was told, if it was.
    async fn last(&self, length: Duration, asked: &Asked) -> Result<Option<Duration>> {
        let began = Instant::now();
        let (mut told, mut passed) = (None, None);
        while began.elapsed() < length {
            if told.is_none() && self.notes().await? > 0 {
                told = Some(asked.at.elapsed());
            }
            if !self.trouble.holds_notes_back() {
                ensure!(
                    told.is_some() || asked.at.elapsed() < TOLD_WITHIN,
                    "the merchant was not told of its import within {TOLD_WITHIN:?}"
                );
            }
            if began.elapsed() > LEASES_END_WITHIN && passed.is_none() {
                passed = Some(self.passed());
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        if let (Trouble::Dependency(Dependency::Postgres, _), Some(before)) = (self.trouble, passed) {
            let after = self.passed();
            ensure!(
                before == after,
                "work went on without its lease, bytes by then {before:?}, at the end {after:?}"
            );
        }
        self.within_budgets().await?;
        Ok(told)
    }

    /// Bytes that went to where leased work goes: to Salla, to the mail server, and into files. Queries of ClickHouse are not leased, and the
    /// gateway asks it whether it is there.
    fn passed(&self) -> (BTreeMap<Dependency, u64>, u64) {
        let works = [Dependency::SallaApi, Dependency::SallaAccounts, Dependency::Mail];
        let sent = works.into_iter().filter_map(|of| Some((of, self.gates.get(&of)?.passed()))).collect();
        (sent, bytes_within(&self.world.exports()))
    }

    async fn end(&self) -> Result<()> {
        match self.trouble {
            Trouble::Dependency(Dependency::Kafka, Passage::Shut) => {
                Stack::open(Layout::find()?)?.up().await?;
            }
            Trouble::Dependency(Dependency::Kafka, _) => signal_kafka(Signal::SIGCONT)?,
            Trouble::Dependency(Dependency::Files, _) => {
                let (folder, aside) = (self.world.exports(), self.world.exports().with_extension("aside"));
                std::fs::remove_file(&folder)?;
                if aside.exists() {
                    std::fs::rename(aside, folder)?;
                }
            }
            Trouble::Dependency(dependency, _) => {
                self.gates.get(&dependency).context("a gate")?.set(Passage::Open);
            }
            Trouble::Lie(_) => self.world.sim.world().lies.clear(),
            Trouble::Fault(_) => self.world.sim.world().faults = Faults::default(),
            Trouble::Revoked => {}
        }
        Ok(())
    }

    /// Every job ends or goes on, with a merchant who does what the product asks for; says when the merchant of the import was told.
    async fn go_on(&self, asked: &Asked) -> Result<Option<Duration>> {
        let began = Instant::now();
        let mut told = None;
        let mut restarted = false;
        loop {
            if told.is_none() && self.notes().await.is_ok_and(|notes| notes > 0) {
                told = Some(asked.at.elapsed());
            }
            let open = self.open(asked, &mut restarted).await;
            match open {
                Ok(open) if open.is_empty() && told.is_some() => return Ok(told),
                open => {
                    if began.elapsed() > GOES_ON_WITHIN {
                        bail!("{:?} after the end, told: {told:?}, still open: {open:?}", began.elapsed());
                    }
                }
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// What has neither ended nor gone on.
    async fn open(&self, asked: &Asked, restarted: &mut bool) -> Result<Vec<String>> {
        let mut open = Vec::new();
        let (merchant, store) = &self.importing;
        let status = merchant.sync_status().await?;
        match (status.status.as_str(), status.cause.as_deref()) {
            ("completed", _) => {}
            ("failed", cause) => {
                ensure!(cause.is_some() && status.advice.is_some(), "failed without a word: {status:?}");
                if !*restarted {
                    let answer = merchant.post("/api/v1/sync/restart", &json!({})).await?;
                    *restarted = answer.status() == StatusCode::ACCEPTED;
                }
                open.push(format!("import failed: {cause:?}"));
            }
            (word, cause) => {
                if matches!(cause, Some("refresh_answer_lost" | "access_refused")) {
                    merchant.connect(*store).await?;
                }
                open.push(format!("import {word}: {cause:?}"));
            }
        }
        let (merchant, store) = &self.settled;
        let me = expect(merchant.get("/api/v1/me").await?, StatusCode::OK).await?;
        if me["connection"]["access"] != "working" {
            merchant.connect(*store).await?;
            open.push(format!("access of the settled store: {}", me["connection"]["access"]));
        }
        let path = format!("/api/v1/reports/exports/{}", asked.export);
        let answer = merchant.get(&path).await?;
        let export: Value =
            if answer.status() == StatusCode::OK { answer.json().await? } else { Value::Null };
        if !matches!(export["status"].as_str(), Some("completed" | "failed")) {
            open.push(format!("export {}", export["status"]));
        }
        if self.records().await? == asked.records {
            open.push("nightly reconciliation".into());
        }
        let listed = merchant.get(&format!("/api/v1/orders/{}", asked.order)).await?;
        if listed.status() != StatusCode::OK {
            open.push("order of a webhook".into());
        }
        for (what, query) in [
            ("mails", "SELECT count(*) FROM mails WHERE ended_at IS NULL"),
            ("app events", "SELECT count(*) FROM app_events WHERE outcome IS NULL"),
            (
                "clean-ups",
                "SELECT count(*) FROM store_cleanups WHERE due_at < now() AND carried_out_at IS NULL AND cancelled_at IS NULL",
            ),
            (
                "subscriptions",
                "SELECT count(*) FROM webhook_subscriptions s JOIN salla_connections c USING (connection_id)
                 WHERE c.wiped_at IS NULL AND state <> 'complete'",
            ),
        ] {
            let count: i64 = sqlx::query_scalar(query).fetch_one(&self.owner).await?;
            if count > 0 {
                open.push(format!("{count} {what}"));
            }
        }
        Ok(open)
    }

    async fn within_budgets(&self) -> Result<()> {
        for (table, most) in MAX_TRIES {
            let tries: Option<i32> =
                sqlx::query_scalar(&format!("SELECT max(tries) FROM {table}")).fetch_one(&self.owner).await?;
            ensure!(tries.unwrap_or_default() <= most, "{table}: {tries:?} tries of {most}");
        }
        let events: Option<i64> = sqlx::query_scalar(
            "SELECT max(n) FROM (SELECT count(*) AS n FROM events GROUP BY aggregate_id) AS of_each",
        )
        .fetch_one(&self.owner)
        .await?;
        ensure!(events.unwrap_or_default() < MAX_EVENTS, "{events:?} events of one aggregate");
        Ok(())
    }

    /// Notes that tell the importing merchant where its import stands, each with its reason.
    async fn notes(&self) -> Result<usize> {
        let notes: Vec<(String, Option<String>)> =
            sqlx::query_as("SELECT kind, cause FROM notifications WHERE merchant_id = $1")
                .bind(self.importing.0.id.parse::<Uuid>()?)
                .fetch_all(&self.owner)
                .await?;
        let of_import = notes.iter().filter(|(kind, _)| OF_IMPORTS.contains(&kind.as_str()));
        for (kind, cause) in of_import.clone() {
            ensure!(cause.is_some() || kind == "sync_completed", "{kind} without a reason");
        }
        Ok(of_import.count())
    }

    async fn records(&self) -> Result<i64> {
        self.count("SELECT count(*) FROM reconciliation_runs WHERE merchant_id = $1", &self.settled.0.id)
            .await
    }

    async fn count(&self, query: &str, merchant: &str) -> Result<i64> {
        Ok(sqlx::query_scalar(query).bind(merchant.parse::<Uuid>()?).fetch_one(&self.owner).await?)
    }

    async fn until<A: Future<Output = Result<i64>>>(
        &self,
        what: &str,
        ask: impl Fn() -> A,
        holds: impl Fn(&i64) -> bool,
    ) -> Result<()> {
        let deadline = Instant::now() + GOES_ON_WITHIN;
        loop {
            let answer = ask().await?;
            if holds(&answer) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{what}: still {answer}");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// A gate before a dependency; the world finds it behind that from its start on. The owner's address stays as it is: it is ours.
async fn gate(world: &mut World, dependency: Dependency) -> Result<Gate> {
    let variables = dependency.variables();
    let url: Url = world.environment[variables[0]].parse()?;
    let host = url.host_str().context("a host")?;
    let port = url.port_or_known_default().context("a port")?;
    let gate = Gate::before(format!("{host}:{port}")).await?;
    let (_, gate_port) = gate.address.rsplit_once(':').context("a port")?;
    for variable in variables.iter().filter(|name| !name.contains("OWNER")) {
        let mut url: Url = world.environment[*variable].parse()?;
        url.set_port(Some(gate_port.parse()?)).map_err(|()| anyhow::anyhow!("{url} takes no port"))?;
        world.environment.insert((*variable).to_owned(), url.to_string());
    }
    Ok(gate)
}

/// Bytes of all files of a folder.
fn bytes_within(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_within(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

fn signal_kafka(signal: Signal) -> Result<()> {
    let pid = Stack::open(Layout::find()?)?.kafka_pid().context("Kafka runs")?;
    Ok(kill(Pid::from_raw(pid), signal)?)
}
