//! `token_refresh`: eight processes with 64 callers each want a working token at the same moment, again and again, while answers
//! of Salla's token endpoint come late or are lost and processes are killed or frozen. No refresh token is ever redeemed
//! twice; a round without such a mishap ends with a working token; merchants are asked to authorise us again at most as often
//! as something was lost. One run is one round.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::future::join_all;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use qafila::config::Config;
use qafila_ingest::access::{AccessTokens, RefreshTimes};
use qafila_ingest::salla::oauth::{StoreIdentity, Tokens};
use qafila_ingest::salla::{SallaConfig, Secret};
use qafila_ingest::vault::Vault;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use salla_sim::faults::Faults;
use salla_sim::store::Plan;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::RunOutcome;
use crate::merchant::make_store;
use crate::world::World;

const PROCESSES: usize = 8;
const CALLERS: usize = 64;
/// Salla's seconds are so much shorter here: an answer up to 60 s late comes within 1.5 s.
const SCALE: f64 = 40.0;
const LATEST_ANSWER: f64 = 60.0;
const PATIENCE: Duration = Duration::from_secs(60);
const SCOPE: &str = "offline_access orders.read";
/// Says that the process is a worker, and of which connection.
const WORKER: &str = "QAFILA_TORTURE_CONNECTION";

fn times() -> RefreshTimes {
    let scaled = |seconds: f64| Duration::from_secs_f64(seconds / SCALE);
    RefreshTimes { answer_within: scaled(75.0), store_within: scaled(60.0) }
}

/// Where the rounds happen.
pub struct TokenRefresh {
    world: World,
    pool: PgPool,
    vault: Vault,
    store: StoreIdentity,
    merchant: MerchantId,
    connection: ConnectionId,
    workers: Vec<Worker>,
    reauthorisations: u64,
    mishaps: u64,
}

struct Worker {
    child: Child,
    orders: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
}

impl TokenRefresh {
    /// Makes a world with a connected store, and the processes.
    pub async fn prepare() -> Result<Self> {
        let world = World::make("torture_tokens").await?;
        let plan = Plan { seed: 9, orders: 1, customers: 1, products: 1, ..Plan::default() };
        let id = make_store(&world.sim_url, &plan).await?;
        let config = Config::read(|name| world.environment.get(name).cloned())?;
        let pool = PgPoolOptions::new()
            .max_connections(4)
            .connect(&world.environment["QAFILA_DATABASE_INGEST_URL"])
            .await?;
        let vault = Vault::new(config.operator_keys);
        let store = StoreIdentity {
            store_id: id.cast_signed(),
            name: "x".into(),
            domain: None,
            plan: None,
            currency: None,
        };
        let (merchant, connection) = (MerchantId::generate(), ConnectionId::generate());
        let tokens = granted(&world, id)?;
        vault.store(&mut *pool.acquire().await?, connection, merchant, &store, &tokens).await?;
        let mut this = Self {
            world,
            pool,
            vault,
            store,
            merchant,
            connection,
            workers: vec![],
            reauthorisations: 0,
            mishaps: 0,
        };
        for _ in 0..PROCESSES {
            let worker = this.spawn()?;
            this.workers.push(worker);
        }
        Ok(this)
    }

    fn spawn(&self) -> Result<Worker> {
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(std::env::current_exe()?)
            .envs(&self.world.environment)
            .env(WORKER, self.connection.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let orders = child.stdin.take().context("a pipe to the worker")?;
        let reports = BufReader::new(child.stdout.take().context("a pipe from the worker")?).lines();
        Ok(Worker { child, orders, reports })
    }

    /// The round of `seed`.
    pub async fn run(&mut self, seed: u64) -> Result<RunOutcome> {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let store = self.store.store_id.cast_unsigned();
        let before = {
            let mut sim = self.world.sim.world();
            sim.faults = Faults {
                chance_token_late: 0.1,
                token_late_seconds: LATEST_ANSWER / SCALE,
                chance_token_lost: 0.02,
                chance_token_5xx: 0.02,
                ..Faults::default()
            };
            sim.grants.expire_store(store);
            (sim.grants.lost_answers + sim.grants.unavailable, sim.grants.reuses)
        };
        for worker in &mut self.workers {
            worker.orders.write_all(format!("{seed}\n").as_bytes()).await?;
        }
        let victim = dice.random_range(0..PROCESSES);
        let mishap = match dice.random_range(0..100) {
            0..8 => Some(Signal::SIGKILL),
            8..10 => Some(Signal::SIGSTOP),
            _ => None,
        };
        if let Some(signal) = mishap {
            tokio::time::sleep(Duration::from_millis(dice.random_range(0..120))).await;
            self.mishaps += 1;
            self.harm(victim, signal).await?;
        }
        let told = self.reports(seed, mishap.map(|_| victim)).await?;
        if mishap == Some(Signal::SIGSTOP) {
            kill(self.pid(victim)?, Signal::SIGCONT)?;
            self.reports_of(seed, victim).await?;
        }
        let (lost, reuses) = {
            let sim = self.world.sim.world();
            // An answer of 503 cannot be told from a lost one: nobody knows whether Salla redeemed the token.
            (sim.grants.lost_answers + sim.grants.unavailable - before.0, sim.grants.reuses - before.1)
        };
        let needs_merchant = told.iter().any(|report| report == "merchant");
        let excused = lost > 0 || mishap.is_some();
        let mut outcome = RunOutcome { duplicated: reuses, ..RunOutcome::default() };
        if needs_merchant {
            outcome.wrong = !excused;
            self.reauthorise().await?;
        } else if told.iter().any(|report| report != "works") {
            bail!("seed {seed}: {told:?}");
        }
        Ok(outcome)
    }

    async fn harm(&mut self, victim: usize, signal: Signal) -> Result<()> {
        kill(self.pid(victim)?, signal)?;
        if signal == Signal::SIGKILL {
            self.workers[victim].child.wait().await?;
            self.workers[victim] = self.spawn()?;
        }
        Ok(())
    }

    fn pid(&self, of: usize) -> Result<Pid> {
        let id = self.workers[of].child.id().context("the worker lives")?;
        Ok(Pid::from_raw(i32::try_from(id)?))
    }

    /// What the workers report, but the one that was harmed.
    async fn reports(&mut self, seed: u64, but: Option<usize>) -> Result<Vec<String>> {
        let mut told = Vec::new();
        for worker in (0..PROCESSES).filter(|index| Some(*index) != but) {
            told.push(self.reports_of(seed, worker).await?);
        }
        Ok(told)
    }

    /// What a worker reports of this round; reports of a round that was given up are passed over.
    async fn reports_of(&mut self, seed: u64, worker: usize) -> Result<String> {
        loop {
            let line = tokio::time::timeout(PATIENCE, self.workers[worker].reports.next_line()).await;
            let line = line.context("a worker says nothing")??.context("a worker has ended")?;
            if let Some(report) = line.strip_prefix(&format!("{seed} ")) {
                return Ok(report.to_owned());
            }
        }
    }

    /// What the merchant does when asked.
    async fn reauthorise(&mut self) -> Result<()> {
        self.reauthorisations += 1;
        let tokens = granted(&self.world, self.store.store_id.cast_unsigned())?;
        let mut transaction = self.pool.begin().await?;
        let live = self.vault.reauthorise(&mut transaction, self.merchant, &self.store, &tokens).await?;
        ensure!(live == Some(self.connection), "the connection has ended");
        Ok(transaction.commit().await?)
    }

    /// Removes the world, and says how often the merchant was asked beside what was lost.
    pub async fn finish(mut self) -> Result<()> {
        let (lost, reuses, refreshes, unavailable) = {
            let sim = self.world.sim.world();
            (sim.grants.lost_answers, sim.grants.reuses, sim.grants.refreshes, sim.grants.unavailable)
        };
        println!(
            "  {refreshes} refreshes, {reuses} tokens redeemed twice, {} re-authorisations for {} kills and freezes, {lost} lost \
             answers and {unavailable} answers of 503",
            self.reauthorisations, self.mishaps
        );
        ensure!(
            self.reauthorisations <= self.mishaps + lost + unavailable,
            "more re-authorisations than losses"
        );
        self.workers.clear();
        self.pool.close().await;
        self.world.remove().await
    }
}

fn granted(world: &World, store: u64) -> Result<Tokens> {
    let answer = world.sim.world().grant(store, SCOPE);
    let text = |name: &str| answer[name].as_str().map(Secret::new).context("a token");
    Ok(Tokens {
        access: text("access_token")?,
        refresh: Some(text("refresh_token")?),
        expires_at: chrono::Utc::now() + chrono::Duration::days(14),
        guessed_since: None,
        scopes: vec![],
    })
}

/// Runs this process as a worker, if it is one: a line in is a round, a line out is what came of it.
pub async fn work_if_asked() -> Result<bool> {
    let Ok(connection) = std::env::var(WORKER) else { return Ok(false) };
    let connection = ConnectionId(connection.parse()?);
    let config = Config::from_env()?;
    // As in production, a process that is frozen inside a transaction loses it, and its locks.
    let options: PgConnectOptions = config.role_url("qafila_ingest").as_str().parse()?;
    let options = options.options([("idle_in_transaction_session_timeout", "1s")]);
    let pool = PgPoolOptions::new().max_connections(4).connect_with(options).await?;
    let salla = Arc::new(config.salla);
    let access = AccessTokens::new(pool, config.operator_keys, Arc::clone(&salla), times())?;
    let http = reqwest::Client::new();
    let mut rounds = BufReader::new(tokio::io::stdin()).lines();
    while let Some(round) = rounds.next_line().await? {
        let calls = (0..CALLERS).map(|_| call(&access, connection, &http, &salla));
        let told = join_all(calls).await.into_iter().collect::<Result<Vec<_>>>();
        let told = match told {
            Ok(told) => told.into_iter().find(|report| *report != "works").unwrap_or("works").to_owned(),
            Err(error) => format!("{error:#}"),
        };
        let mut out = std::io::stdout();
        writeln!(out, "{round} {told}")?;
        out.flush()?;
    }
    Ok(true)
}

/// One caller: calls Salla until it is answered, or until only the merchant can help.
async fn call(
    access: &AccessTokens,
    connection: ConnectionId,
    http: &reqwest::Client,
    salla: &SallaConfig,
) -> Result<&'static str> {
    let deadline = Instant::now() + PATIENCE;
    let mut token = access.token(connection).await;
    while Instant::now() < deadline {
        let known = match token {
            Ok(known) => known,
            Err(error) if error.needs_merchant().is_some() => return Ok("merchant"),
            Err(error) => {
                tracing::debug!(event = "no token yet", error = %error);
                tokio::time::sleep(Duration::from_millis(20)).await;
                token = access.token(connection).await;
                continue;
            }
        };
        let url = format!("{}/orders/statuses", salla.api);
        let answer = http.get(url).bearer_auth(known.token.expose()).send().await?;
        if answer.status().is_success() {
            return Ok("works");
        }
        ensure!(answer.status() == reqwest::StatusCode::UNAUTHORIZED, "{}", answer.status());
        token = access.renewed(connection, known.generation).await;
    }
    bail!("no working token after {PATIENCE:?}")
}
