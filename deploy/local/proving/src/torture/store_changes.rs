//! `store_changes`: merchants who connect, disconnect, take another store or the same one again, re-authorise, import, cancel and remove
//! the app, while orders come and `kill -9` hits all of it. After each sequence the status, the lists, the reports, completeness and
//! notes say what is true of the present store, and what happened while a store was away is there without a command.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chrono::{Months, Utc};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reqwest::StatusCode;
use salla_sim::shapes;
use salla_sim::store::{Plan, riyadh};
use salla_sim::webhooks::emit;
use serde_json::{Value, json};

use super::RunOutcome;
use super::beside::{Outcomes, kill, patiently, play};
use crate::merchant::{Merchant, expect, make_store};
use crate::totals::Places;
use crate::world::World;

const MONTHS: u32 = 12;
const PATIENCE: Duration = Duration::from_secs(150);
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Salla gives events up after some tries; while Qafila is being killed and started they must outlast that.
const WEBHOOK_RETRIES: usize = 60;
/// Sequences beside each other; a kill hits all of them.
pub const BESIDE: u64 = 10;

/// Where the runs happen.
pub struct StoreChanges {
    world: World,
    places: Places,
}

impl StoreChanges {
    /// Makes a world and starts Qafila in it; nights do not come by themselves.
    pub async fn prepare() -> Result<Self> {
        let mut world = World::make("torture_changes").await?.with_many_merchants();
        for (name, value) in [("QAFILA_RECONCILE_CRON", "0 2 1 1 *"), ("QAFILA_SALLA_MINUTE_MS", "3000")] {
            world.environment.insert(name.into(), value.into());
        }
        {
            let mut sim = world.sim.world();
            sim.switches.time_scale = 20.0;
            sim.switches.webhook_retry_seconds = vec![0.5; WEBHOOK_RETRIES];
            sim.webhooks.app_url = Some(format!("{}/api/webhooks/salla", world.gateway));
        }
        world.start()?;
        world.ready().await?;
        let places = world.places().await?;
        Ok(Self { world, places })
    }

    /// The runs of `seeds`, beside each other.
    pub async fn run(&mut self, seeds: std::ops::Range<u64>) -> Outcomes {
        let mut dice = ChaCha8Rng::seed_from_u64(seeds.start);
        let (sim, sim_url, gateway) =
            (self.world.sim.clone(), self.world.sim_url.clone(), self.world.gateway.clone());
        let (places, world) = (&self.places, &mut self.world);
        let sequences = seeds.clone().map(|seed| {
            let (sim, sim_url, gateway) = (&sim, &sim_url, &gateway);
            async move { (seed, Sequence::play(seed, sim, sim_url, gateway, places).await) }
        });
        let kills = dice.random_range(1..=3);
        play(&seeds, sequences, kill(world, &mut dice, kills, 500..=8_000)).await
    }

    /// Removes the world.
    pub async fn finish(self) -> Result<()> {
        self.world.remove().await
    }
}

/// What a merchant does, or what happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Connects one of its stores: in the place of another, anew, or once more.
    Connect(usize),
    Disconnect,
    /// The app is removed at Salla.
    Uninstall,
    Import,
    Cancel,
    /// Waits until the import has ended.
    Watch,
    /// Orders come to a store, whether it is connected or not.
    Orders(usize),
}

/// What is known of one store's import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Import {
    NeverAsked,
    /// It was asked for, and nothing has come between: it must complete.
    Asked,
    /// It was cancelled, or its connection ended, perhaps after it had completed.
    Stopped,
    Completed,
}

struct Sequence<'a> {
    sim: &'a salla_sim::state::Sim,
    merchant: Merchant,
    stores: Vec<u64>,
    imports: Vec<Import>,
    /// The run that was asked for last, of each store.
    runs: HashMap<usize, String>,
    connected: Option<usize>,
    asked: usize,
    steps: Vec<Step>,
}

impl fmt::Display for Sequence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.steps)
    }
}

impl<'a> Sequence<'a> {
    async fn play(
        seed: u64,
        sim: &'a salla_sim::state::Sim,
        sim_url: &str,
        gateway: &str,
        places: &Places,
    ) -> Result<RunOutcome> {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut stores = Vec::new();
        for side in 0..2 {
            let plan = Plan {
                seed: seed * 2 + side,
                orders: dice.random_range(10..60),
                customers: dice.random_range(1..8),
                products: dice.random_range(1..6),
                months: 11,
                ..Plan::default()
            };
            stores.push(make_store(sim_url, &plan).await?);
        }
        let merchant = patiently(PATIENCE, || Merchant::register(gateway)).await?;
        let imports = vec![Import::NeverAsked; stores.len()];
        let mut sequence = Self {
            sim,
            merchant,
            stores,
            imports,
            runs: HashMap::new(),
            connected: None,
            asked: 0,
            steps: Vec::new(),
        };
        for _ in 0..dice.random_range(5..14) {
            let step = sequence.next(&mut dice);
            sequence.steps.push(step);
            sequence.take(step).await.with_context(|| sequence.to_string())?;
            tokio::time::sleep(Duration::from_millis(dice.random_range(0..600))).await;
        }
        if sequence.connected.is_none() {
            let step = Step::Connect(dice.random_range(0..2));
            sequence.steps.push(step);
            sequence.take(step).await.with_context(|| sequence.to_string())?;
        }
        sequence.check(places).await.with_context(|| sequence.to_string())
    }

    fn next(&self, dice: &mut ChaCha8Rng) -> Step {
        let side = dice.random_range(0..2);
        let Some(present) = self.connected else {
            return if dice.random_bool(0.3) { Step::Orders(side) } else { Step::Connect(side) };
        };
        match dice.random_range(0..16) {
            0 => Step::Disconnect,
            1 => Step::Uninstall,
            2 => Step::Connect(1 - present),
            3 => Step::Connect(present),
            4..=6 => Step::Import,
            7 => Step::Cancel,
            8..=11 => Step::Watch,
            _ => Step::Orders(side),
        }
    }

    async fn take(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Connect(side) => {
                if self.connected.is_some_and(|present| present != side) {
                    self.stop_import();
                }
                let store = self.stores[side];
                patiently(PATIENCE, || self.merchant.connect(store)).await?;
                self.connected = Some(side);
                self.until_present(Some(store)).await
            }
            Step::Disconnect => {
                patiently(PATIENCE, || self.disconnect()).await?;
                self.stop_import();
                self.connected = None;
                self.until_present(None).await
            }
            Step::Uninstall => {
                let Some(present) = self.connected else { return Ok(()) };
                self.uninstall(self.stores[present]);
                self.stop_import();
                self.connected = None;
                self.until_present(None).await
            }
            Step::Import => self.import().await,
            Step::Cancel => self.cancel().await,
            Step::Watch => self.watch().await,
            Step::Orders(side) => self.orders(side),
        }
    }

    /// The connection's end cancels an import, if it has not completed before.
    fn stop_import(&mut self) {
        if let Some(present) = self.connected
            && self.imports[present] == Import::Asked
        {
            self.imports[present] = Import::Stopped;
        }
    }

    async fn disconnect(&self) -> Result<()> {
        let answer = self.merchant.delete("/api/v1/salla/connection").await?;
        // One whose answer was lost has happened.
        let gone = [StatusCode::ACCEPTED, StatusCode::CONFLICT, StatusCode::NOT_FOUND];
        ensure!(gone.contains(&answer.status()), "disconnecting: {}", answer.status());
        Ok(())
    }

    fn uninstall(&self, store: u64) {
        let body = {
            let mut world = self.sim.world();
            world.grants.revoke_store(store);
            let data = json!({"id": 1, "store_type": "demo"});
            // Events are told to the second, and none may be older than the authorisation.
            let at = Utc::now() + chrono::Duration::seconds(1);
            shapes::webhook("app.uninstalled", store, at, data, None, &world.switches)
        };
        emit(self.sim, store, "app.uninstalled", &body);
    }

    async fn import(&mut self) -> Result<()> {
        let Some(present) = self.connected else { return Ok(()) };
        let run = patiently(PATIENCE, || async {
            let answer =
                self.merchant.post("/api/v1/sync/initial", &json!({"depthInMonths": MONTHS})).await?;
            match answer.status() {
                StatusCode::ACCEPTED => {
                    Ok(answer.json::<Value>().await?["runId"].as_str().map(str::to_owned))
                }
                // It runs, or it has just been asked for.
                StatusCode::CONFLICT => Ok(None),
                status => bail!("starting: {status} {}", answer.text().await?),
            }
        })
        .await?;
        if let Some(run) = run {
            self.runs.insert(present, run);
        }
        self.asked += 1;
        self.imports[present] = Import::Asked;
        Ok(())
    }

    async fn cancel(&mut self) -> Result<()> {
        let Some(present) = self.connected else { return Ok(()) };
        patiently(PATIENCE, || async {
            let status = self.merchant.post("/api/v1/sync/cancel", &json!({})).await?.status();
            // There is none to cancel.
            let fine = [StatusCode::ACCEPTED, StatusCode::CONFLICT, StatusCode::NOT_FOUND];
            ensure!(fine.contains(&status), "cancelling: {status}");
            Ok(())
        })
        .await?;
        if self.imports[present] == Import::Asked {
            self.imports[present] = Import::Stopped;
        }
        Ok(())
    }

    async fn watch(&mut self) -> Result<()> {
        let Some(present) = self.connected else { return Ok(()) };
        if self.imports[present] == Import::Asked {
            self.settled(present).await?;
        }
        Ok(())
    }

    /// Orders come, and their events are sent to who subscribed.
    fn orders(&self, side: usize) -> Result<()> {
        for _ in 0..2 {
            let message = {
                let mut world = self.sim.world();
                let switches = world.switches.clone();
                let store = world.stores.get_mut(&self.stores[side]).context("the store")?;
                let now = Utc::now();
                let id = store.place_order(now).id;
                let order = store.order(id).context("the order")?;
                let (data, branch) = shapes::order_webhook(store, order);
                let extra = Some(("pickup_branch", branch));
                shapes::webhook("order.created", store.id, now, data, extra, &switches)
            };
            emit(self.sim, self.stores[side], "order.created", &message);
        }
        Ok(())
    }

    /// Waits until the product says that this store is the present one, or that none is.
    async fn until_present(&self, store: Option<u64>) -> Result<()> {
        self.until(
            || async {
                let me = expect(self.merchant.get("/api/v1/me").await?, StatusCode::OK).await?;
                Ok(me["connection"]["store"]["id"].as_u64())
            },
            |present| *present == store,
        )
        .await
        .with_context(|| format!("the present store is not {store:?}"))
        .map(drop)
    }

    /// Waits until the present store's import does not run any more; its status must be one that is possible.
    async fn settled(&mut self, present: usize) -> Result<Value> {
        let possible: &[&str] = match self.imports[present] {
            Import::NeverAsked => &["not_started"],
            Import::Asked | Import::Completed => &["completed"],
            Import::Stopped => &["completed", "cancelled"],
        };
        // For a moment the status is still that of the run before.
        let run = self.runs.get(&present).filter(|_| self.imports[present] != Import::NeverAsked);
        let status = self
            .until(
                || async { expect(self.merchant.get("/api/v1/sync/status").await?, StatusCode::OK).await },
                |status| {
                    let is_ours = run.is_none_or(|run| status["runId"] == run.as_str());
                    is_ours && status["status"].as_str().is_some_and(|word| possible.contains(&word))
                },
            )
            .await
            .with_context(|| format!("an import that is {:?}", self.imports[present]))?;
        let store = status["store"]["id"].as_u64();
        ensure!(
            status["status"] == "not_started" || store == Some(self.stores[present]),
            "a status of another store: {status}"
        );
        if status["status"] == "completed" {
            self.imports[present] = Import::Completed;
        }
        Ok(status)
    }

    async fn check(&mut self, places: &Places) -> Result<RunOutcome> {
        let present = self.connected.context("connected by the last step")?;
        self.settled(present).await?;
        self.check_lists(present).await?;
        if self.imports[present] != Import::Completed {
            if !self.was_complete(present).await? {
                self.check_nothing_complete().await?;
            }
            self.import().await?;
            self.settled(present).await?;
        }
        let counted = places.agree(&self.merchant.id, self.stores[present], MONTHS, PATIENCE).await?;
        for difference in counted.differences() {
            println!("  {}: {difference}; {self}", self.merchant.id);
        }
        let outcome = RunOutcome::of(&counted);
        self.check_reports(counted.simulator.orders).await?;
        self.check_lists(present).await?;
        self.check_notes().await?;
        Ok(outcome)
    }

    /// Nothing of another store is listed.
    async fn check_lists(&self, present: usize) -> Result<()> {
        let known: HashSet<u64> = {
            let world = self.sim.world();
            let store = world.stores.get(&self.stores[present]).context("the store")?;
            store.orders.iter().map(|order| order.id).collect()
        };
        let page = patiently(PATIENCE, || async {
            expect(self.merchant.get("/api/v1/orders?limit=100").await?, StatusCode::OK).await
        })
        .await?;
        for order in page["items"].as_array().context("items")? {
            let id = order["id"].as_u64().context("an id")?;
            ensure!(known.contains(&id), "order {id} is listed and is not of the present store");
        }
        Ok(())
    }

    async fn summary(&self) -> Result<Value> {
        let today = Utc::now().with_timezone(&riyadh()).date_naive();
        let from = today.checked_sub_months(Months::new(MONTHS)).context("a day before the calendar")?;
        let path = format!("/api/v1/reports/summary?from={from}&to={today}");
        patiently(PATIENCE, || async { expect(self.merchant.get(&path).await?, StatusCode::OK).await }).await
    }

    /// Whether an import of the store has ever completed.
    async fn was_complete(&self, side: usize) -> Result<bool> {
        let page = patiently(PATIENCE, || async {
            expect(self.merchant.get("/api/v1/sync/runs?limit=100").await?, StatusCode::OK).await
        })
        .await?;
        let runs = page["items"].as_array().context("items")?;
        let store = Some(self.stores[side]);
        Ok(runs.iter().any(|run| run["status"] == "completed" && run["store"]["id"].as_u64() == store))
    }

    /// A store that was never read whole is not said to be.
    async fn check_nothing_complete(&self) -> Result<()> {
        let summary = self.summary().await?;
        let claims = summary["completeFrom"].is_string() && summary["completeCause"].is_null();
        ensure!(!claims, "said to be complete before an import has ended: {summary}");
        Ok(())
    }

    /// Reports count the present store's orders, and say that they are complete.
    async fn check_reports(&self, orders: u64) -> Result<()> {
        let counted = |summary: &Value| {
            let figures = summary["figures"].as_array().cloned().unwrap_or_default();
            figures.iter().filter_map(|figure| figure["orders"].as_u64()).sum::<u64>()
        };
        let summary = self
            .until(
                || self.summary(),
                |summary| counted(summary) == orders && summary["completeFrom"].is_string(),
            )
            .await;
        match summary {
            Ok(_) => Ok(()),
            Err(error) => bail!("reports do not say {orders} orders, complete: {error:#}"),
        }
    }

    /// No note speaks of a failure, and none of an import that nobody asked for.
    async fn check_notes(&self) -> Result<()> {
        let page = patiently(PATIENCE, || async {
            expect(self.merchant.get("/api/v1/notifications?limit=100").await?, StatusCode::OK).await
        })
        .await?;
        let notes = page["items"].as_array().context("items")?;
        let of = |kind: &str| notes.iter().filter(|note| note["kind"] == kind).count();
        ensure!(of("sync_failed") == 0, "an import is said to have failed: {notes:?}");
        let completed = of("sync_completed");
        ensure!(completed <= self.asked, "{completed} imports are said to have completed of {}", self.asked);
        Ok(())
    }

    /// Asks until the answer holds; nobody answers while Qafila is being killed and started.
    async fn until<T: fmt::Debug, A: Future<Output = Result<T>>>(
        &self,
        ask: impl Fn() -> A,
        holds: impl Fn(&T) -> bool,
    ) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = ask().await;
            match answer {
                Ok(answer) if holds(&answer) => return Ok(answer),
                answer if Instant::now() > deadline => bail!("after {PATIENCE:?} the answer is {answer:?}"),
                _ => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
    }
}
