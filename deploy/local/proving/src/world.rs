//! A world: Qafila as a process of its own over the local stack, with a database, topics, a ClickHouse database and a
//! simulator that belong to nobody else, so worlds run side by side.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::net::TcpListener as StdListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use fs2::FileExt;
use qafila::config::Config;
use qafila_schemas::catalogue::{TOPICS, dead_letter_topic};
use qafila_schemas::kafka::KafkaConfig;
use qafila_schemas::registry::Registry;
use qafila_stack::layout::Layout;
use qafila_stack::stack::Stack;
use rand::Rng;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use salla_sim::server::serve;
use salla_sim::state::{Client, Sim};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, Executor, PgConnection, PgPool};
use tokio::net::TcpListener;
use url::Url;

use crate::contract::front;
use crate::totals::Places;

/// Key of a service that every world knows.
pub const API_KEY: &str = "key-of-the-tests";
const API_KEY_SHA256: &str = "0db0cfa9c68ac89c105d4e21f5081f11c9e99114313652db9aeb5aed1bb6e71d";
const READY: Duration = Duration::from_secs(60);
/// Ending of the file that says a world's process lives.
const CLAIM: &str = "world";
const GLANCE: Duration = Duration::from_millis(50);
static STARTING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// One isolated Qafila.
pub struct World {
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// The simulator, in this process.
    pub sim: Sim,
    /// Address of the simulator.
    pub sim_url: String,
    /// Address of the gateway.
    pub gateway: String,
    id: String,
    claim: Claim,
    binaries: PathBuf,
    log: PathBuf,
    processes: BTreeMap<String, Child>,
}

/// The process that `start` starts.
const ALL: &str = "all";

impl World {
    /// Makes a world; Qafila is not started yet. `name` helps to find its log.
    pub async fn make(name: &str) -> Result<Self> {
        let layout = Layout::find()?;
        let stack = Stack::open(layout.clone())?;
        {
            // It waits for a lock of processes on this thread: worlds that are made beside each other would keep all threads waiting.
            let _alone = STARTING.lock().await;
            stack.up().await?;
        }
        let mut environment = stack.environment();
        let id = format!("{name}_{:08x}", rand::rng().random::<u32>());
        let folder = layout.data("worlds")?;
        sweep(&folder, &environment).await?;
        let claim = Claim::new(&folder, &id)?;
        let owner = environment["QAFILA_DATABASE_OWNER_URL"].clone();
        let mut connection = PgConnection::connect(&owner).await.context("connecting as the owner")?;
        connection.execute(format!("CREATE DATABASE {id}").as_str()).await?;
        connection.close().await?;
        for (variable, value) in &mut environment {
            if variable.starts_with("QAFILA_DATABASE_") {
                let mut url: Url = value.parse()?;
                url.set_path(&id);
                *value = url.to_string();
            }
        }
        let client = Client {
            id: environment["QAFILA_SALLA_CLIENT_ID"].clone(),
            secret: environment["QAFILA_SALLA_CLIENT_SECRET"].clone(),
            webhook_secret: environment["QAFILA_SALLA_WEBHOOK_SECRETS"].clone(),
        };
        let sim = Sim::new(client);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let sim_url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(serve(listener, sim.clone()));
        let gateway_port = StdListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let gateway = format!("http://127.0.0.1:{gateway_port}");
        for (variable, value) in [
            ("QAFILA_TOPIC_PREFIX", prefix(&id)),
            ("QAFILA_CLICKHOUSE_DATABASE", id.clone()),
            ("QAFILA_SALLA_API_URL", format!("{sim_url}/admin/v2")),
            ("QAFILA_SALLA_ACCOUNTS_URL", sim_url.clone()),
            ("QAFILA_LISTEN", format!("127.0.0.1:{gateway_port}")),
            ("QAFILA_EXPORT_STORE", exports_of(&claim.path).display().to_string()),
            ("QAFILA_PUBLIC_URL", gateway.clone()),
            ("QAFILA_API_KEYS", format!("tests:{API_KEY_SHA256}")),
        ] {
            environment.insert(variable.to_owned(), value);
        }
        let log = folder.join(format!("{id}.log"));
        let world = Self {
            environment,
            sim,
            sim_url,
            gateway,
            id,
            claim,
            binaries: layout.binaries,
            log,
            processes: BTreeMap::new(),
        };
        world.run(&["migrate"]).await?;
        world.run(&["topics", "apply"]).await?;
        Ok(world)
    }

    /// With a front that holds every answer of the gateway against the OpenAPI document; before the start.
    pub async fn with_checked_answers(mut self) -> Result<Self> {
        let upstream = self.gateway.trim_start_matches("http://");
        self.gateway = format!("http://{}", front::start(upstream).await?);
        self.environment.insert("QAFILA_PUBLIC_URL".into(), self.gateway.clone());
        Ok(self)
    }

    /// Lets merchants register beyond the number that one address may.
    #[must_use]
    pub fn with_many_merchants(mut self) -> Self {
        self.environment.insert("QAFILA_TRUSTED_PROXIES".into(), "127.0.0.1/32".into());
        self
    }

    /// Runs an operator's command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments, &self.environment).output().await?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(output.status.success(), "qafila {} failed:\n{said}", arguments.join(" "));
        Ok(said)
    }

    /// One of its commands, in an environment of its own.
    pub fn command(
        &self,
        arguments: &[&str],
        environment: &BTreeMap<String, String>,
    ) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(self.binaries.join("qafila"));
        command.args(arguments).env_clear().envs(environment).stdin(Stdio::null());
        command
    }

    /// Starts `qafila all` without waiting for it. It ends with the thread that started it, so that no test
    /// leaves it behind.
    pub fn start(&mut self) -> Result<()> {
        self.start_as(ALL, &[ALL], &[])
    }

    /// Starts a process called `name` with these arguments and variables of its own.
    pub fn start_as(&mut self, name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<()> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log)?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(self.binaries.join("qafila"))
            .args(arguments)
            .envs(&self.environment)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting qafila {}", arguments.join(" ")))?;
        self.processes.insert(name.to_owned(), child);
        Ok(())
    }

    /// Waits until the gateway is ready, and takes webhooks.
    pub async fn ready(&self) -> Result<()> {
        let url = format!("{}/health/ready", self.gateway);
        let deadline = Instant::now() + READY;
        while Instant::now() < deadline {
            if let Ok(answer) = reqwest::get(&url).await
                && answer.status().is_success()
                && let Ok(ready) = answer.json::<serde_json::Value>().await
                && ready["dependencies"]["webhooks"] == "up"
            {
                return Ok(());
            }
            tokio::time::sleep(GLANCE).await;
        }
        bail!("qafila is not ready after {READY:?}; its log is {}", self.log.display())
    }

    /// `kill -9` of all processes, at once.
    pub fn kill(&mut self) -> Result<()> {
        let names: Vec<String> = self.processes.keys().cloned().collect();
        names.iter().try_for_each(|name| self.kill_one(name))
    }

    /// `kill -9` of one process.
    pub fn kill_one(&mut self, name: &str) -> Result<()> {
        if let Some(mut child) = self.processes.remove(name) {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Process id of Qafila.
    pub fn pid(&self) -> Option<u32> {
        self.pid_of(ALL)
    }

    /// Process id of the process called `name`.
    pub fn pid_of(&self, name: &str) -> Option<u32> {
        self.processes.get(name).map(Child::id)
    }

    /// Where it keeps export files.
    pub fn exports(&self) -> PathBuf {
        exports_of(&self.claim.path)
    }

    /// Where Qafila logs.
    pub fn log(&self) -> &PathBuf {
        &self.log
    }

    /// A pool of one of the application's roles, or of the owner.
    pub async fn pool(&self, variable: &str) -> Result<PgPool> {
        Ok(PgPoolOptions::new().max_connections(12).connect(&self.environment[variable]).await?)
    }

    /// This world's ClickHouse database.
    pub fn clickhouse(&self) -> clickhouse::Client {
        qafila_projections::olap::client::connect(
            &self.environment["QAFILA_CLICKHOUSE_URL"],
            &self.environment["QAFILA_CLICKHOUSE_DATABASE"],
        )
    }

    /// This world's Kafka.
    pub fn kafka(&self) -> Result<KafkaConfig> {
        kafka(&self.environment)
    }

    /// The schema registry.
    pub fn registry(&self) -> Result<Registry> {
        Ok(Registry::new(&self.environment["QAFILA_REGISTRY_URL"])?)
    }

    /// The four places where a merchant's store can be counted.
    pub async fn places(&self) -> Result<Places> {
        Ok(Places {
            simulator: self.sim_url.clone(),
            postgres: self.pool("QAFILA_DATABASE_OLTP_URL").await?,
            clickhouse: self.clickhouse(),
            kafka: self.kafka()?,
            registry: self.registry()?,
        })
    }

    /// Stops Qafila and removes the world's topics and databases.
    pub async fn remove(mut self) -> Result<()> {
        self.kill()?;
        remove_data(&self.id, &self.environment).await?;
        remove_exports(&self.claim.path)?;
        Ok(std::fs::remove_file(&self.claim.path)?)
    }
}

/// Says on disk that a world's process lives: its lock goes with the process, however that ends.
struct Claim {
    path: PathBuf,
    _file: File,
}

impl Claim {
    fn new(folder: &Path, id: &str) -> Result<Self> {
        let path = folder.join(format!("{id}.{CLAIM}"));
        let file = File::create(&path)?;
        file.try_lock_exclusive()?;
        Ok(Self { path, _file: file })
    }
}

/// Removes the worlds in `folder` whose processes have ended without doing so.
async fn sweep(folder: &Path, environment: &BTreeMap<String, String>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(id) =
            path.file_stem().and_then(|s| s.to_str()).filter(|_| path.extension() == Some(CLAIM.as_ref()))
        else {
            continue;
        };
        // Gone meanwhile: another sweep was quicker.
        let Ok(file) = File::open(&path) else { continue };
        if file.try_lock_exclusive().is_ok() {
            remove_data(id, environment).await.with_context(|| format!("removing the old world {id}"))?;
            remove_exports(&path)?;
            std::fs::remove_file(&path)
                .or_else(|e| if e.kind() == ErrorKind::NotFound { Ok(()) } else { Err(e) })?;
        }
    }
    Ok(())
}

/// The folder of a world's export files, beside its claim.
fn exports_of(claim: &Path) -> PathBuf {
    claim.with_extension("exports")
}

fn remove_exports(claim: &Path) -> Result<()> {
    match std::fs::remove_dir_all(exports_of(claim)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Removes the topics and databases of world `id`.
async fn remove_data(id: &str, environment: &BTreeMap<String, String>) -> Result<()> {
    let kafka = KafkaConfig { prefix: prefix(id), ..kafka(environment)? };
    let admin: AdminClient<DefaultClientContext> = kafka.client().create()?;
    let names: Vec<String> = TOPICS
        .iter()
        .map(|topic| kafka.topic(topic.name))
        .flat_map(|name| [dead_letter_topic(&name), name])
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    admin.delete_topics(&names, &AdminOptions::new()).await?;
    let clickhouse =
        qafila_projections::olap::client::connect(&environment["QAFILA_CLICKHOUSE_URL"], "default");
    clickhouse.query(&format!("DROP DATABASE IF EXISTS `{id}`")).execute().await?;
    // Pools of ours may still be open; only the superuser may end others' sessions.
    let mut owner = Stack::open(Layout::find()?)?.postgres()?.connect("postgres").await?;
    owner.execute(format!("DROP DATABASE IF EXISTS {id} WITH (FORCE)").as_str()).await?;
    Ok(owner.close().await?)
}

/// Kafka as `qafila` would reach it in this environment.
pub fn kafka(environment: &BTreeMap<String, String>) -> Result<KafkaConfig> {
    Ok(Config::read(|name| environment.get(name).cloned())?.kafka)
}

fn prefix(id: &str) -> String {
    format!("{id}.")
}

impl Drop for World {
    fn drop(&mut self) {
        // A world that a failed test leaves behind must not keep its processes.
        for child in self.processes.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Err(error) = front::record() {
            eprintln!("checked answers not recorded: {error:#}");
        }
    }
}
