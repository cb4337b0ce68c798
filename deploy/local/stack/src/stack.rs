//! The stack as a whole: up, down, status, reset, and the environment it offers.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};

use anyhow::{Context, Result};
use fs2::FileExt;
use nix::sys::signal::Signal;
use url::Url;

use crate::downloads;
use crate::layout::Layout;
use crate::process::Service;
use crate::secrets::Secrets;
use crate::servers::clickhouse::ClickHouse;
use crate::servers::kafka::Kafka;
use crate::servers::mail::Mail;
use crate::servers::postgres::Postgres;
use crate::servers::registry::{self, Registry};
use crate::servers::salla::{self, Salla};

/// Role that owns and migrates Qafila's database.
const OWNER: &str = "qafila_owner";
/// Qafila's database.
pub const DATABASE: &str = "qafila";
/// Roles of the application, one pool each (ARCHITECTURE §6): variable and role.
const ROLES: [(&str, &str); 5] = [
    ("QAFILA_DATABASE_COMMAND_URL", "qafila_command"),
    ("QAFILA_DATABASE_QUERY_URL", "qafila_query"),
    ("QAFILA_DATABASE_RELAY_URL", "qafila_relay"),
    ("QAFILA_DATABASE_INGEST_URL", "qafila_ingest"),
    ("QAFILA_DATABASE_OLTP_URL", "qafila_oltp"),
];
/// In the order in which they are stopped.
const SERVICES: [&str; 7] = ["qafila", "mail", "salla", "clickhouse", "registry", "kafka", "postgres"];

/// The local stack of one checkout.
pub struct Stack {
    /// Folders and ports.
    pub layout: Layout,
    secrets: Secrets,
}

impl Stack {
    /// Opens it without starting anything.
    pub fn open(layout: Layout) -> Result<Self> {
        let secrets = Secrets::load(&layout.local.join("secrets.env"))?;
        Ok(Self { layout, secrets })
    }

    /// Starts what is not running and waits until all is ready.
    pub async fn up(&self) -> Result<()> {
        let _alone = self.lock()?;
        self.fetch_missing()?;
        tokio::try_join!(
            self.up_postgres_and_registry(),
            self.up_kafka(),
            self.up_clickhouse(),
            self.up_salla(),
            self.up_mail()
        )?;
        Ok(())
    }

    /// Fetches the servers where they are missing, and starts nothing.
    pub fn fetch(&self) -> Result<()> {
        let _alone = self.lock()?;
        self.fetch_missing()
    }

    /// Before anything starts: a fetch lasts as long as the network likes, and the time in which a started server must be ready would run out
    /// beside it.
    fn fetch_missing(&self) -> Result<()> {
        let servers: [(&str, &[downloads::Fetch]); 4] = [
            ("QAFILA_DATABASE_OWNER_URL", &[downloads::postgres]),
            ("QAFILA_KAFKA_BROKERS", &[downloads::kafka, downloads::java]),
            ("QAFILA_REGISTRY_URL", &[downloads::registry, downloads::java]),
            ("QAFILA_CLICKHOUSE_URL", &[downloads::clickhouse_library]),
        ];
        let ours = servers.into_iter().filter(|(variable, _)| !self.is_elsewhere(variable));
        for fetch in ours.flat_map(|(_, fetches)| fetches) {
            fetch(&self.layout)?;
        }
        downloads::mail(&self.layout)?;
        Ok(())
    }

    async fn up_postgres_and_registry(&self) -> Result<()> {
        if self.is_elsewhere("QAFILA_DATABASE_OWNER_URL") && self.is_elsewhere("QAFILA_REGISTRY_URL") {
            return Ok(());
        }
        let postgres = self.postgres()?;
        postgres.up().await?;
        let password = self.secrets.get("POSTGRES_ROLES");
        postgres.provide(OWNER, "CREATEROLE CREATEDB", password, DATABASE).await?;
        ready("postgres", &format!("127.0.0.1:{}", self.layout.ports.postgres));
        if !self.is_elsewhere("QAFILA_REGISTRY_URL") {
            postgres.provide(registry::DATABASE, "", password, registry::DATABASE).await?;
            let registry = Registry::new(&self.layout, password)?;
            registry.up().await?;
            ready("registry", &registry.url());
        }
        Ok(())
    }

    async fn up_kafka(&self) -> Result<()> {
        if !self.is_elsewhere("QAFILA_KAFKA_BROKERS") {
            let kafka = Kafka::new(&self.layout)?;
            kafka.up().await?;
            ready("kafka", &kafka.brokers());
        }
        Ok(())
    }

    async fn up_clickhouse(&self) -> Result<()> {
        if !self.is_elsewhere("QAFILA_CLICKHOUSE_URL") {
            let clickhouse = ClickHouse::new(&self.layout)?;
            clickhouse.up().await?;
            ready("clickhouse", &clickhouse.url());
        }
        Ok(())
    }

    async fn up_salla(&self) -> Result<()> {
        if !self.is_elsewhere("QAFILA_SALLA_API_URL") {
            let salla = self.salla();
            salla.up().await?;
            ready("salla", &salla.url());
        }
        Ok(())
    }

    async fn up_mail(&self) -> Result<()> {
        let mail = Mail::new(&self.layout)?;
        mail.up().await?;
        ready("mail", &mail.url());
        Ok(())
    }

    /// Stops everything that was started here.
    pub async fn down(&self) -> Result<()> {
        let _alone = self.lock()?;
        for service in self.services() {
            service.stop().await?;
        }
        Ok(())
    }

    /// What runs, a line each.
    pub fn status(&self) -> String {
        self.services()
            .map(|service| {
                let state = service.pid().map_or_else(|| "stopped".to_owned(), |pid| format!("pid {pid}"));
                format!("{:<12} {state:<14} log {}\n", service.name, service.log().display())
            })
            .collect()
    }

    /// Stops everything and deletes its data.
    pub async fn reset(&self) -> Result<()> {
        self.down().await?;
        if let Ok(outside) = self.layout.local.join("postgres").read_link() {
            fs::remove_dir_all(&outside).with_context(|| format!("deleting {}", outside.display()))?;
        }
        fs::remove_dir_all(&self.layout.local)
            .with_context(|| format!("deleting {}", self.layout.local.display()))
    }

    /// Where the servers of this stack are, by the variable that could name others.
    fn addresses(&self) -> [(&'static str, String); 5] {
        let (ports, password) = (self.layout.ports, self.secrets.get("POSTGRES_ROLES"));
        [
            (
                "QAFILA_DATABASE_OWNER_URL",
                format!("postgres://{OWNER}:{password}@127.0.0.1:{}/{DATABASE}", ports.postgres),
            ),
            ("QAFILA_KAFKA_BROKERS", format!("127.0.0.1:{}", ports.kafka)),
            ("QAFILA_REGISTRY_URL", format!("http://127.0.0.1:{}/apis/ccompat/v7", ports.registry)),
            ("QAFILA_CLICKHOUSE_URL", format!("http://127.0.0.1:{}", ports.clickhouse)),
            ("QAFILA_SALLA_API_URL", format!("http://127.0.0.1:{}/admin/v2", ports.salla)),
        ]
    }

    /// Whether `variable` names a server that is not ours: a shell that has evaluated our own environment names ours.
    fn is_elsewhere(&self, variable: &str) -> bool {
        let ours = self.addresses().into_iter().find(|(name, _)| *name == variable).map(|(_, ours)| ours);
        env::var(variable).is_ok_and(|value| Some(value) != ours)
    }

    /// What `qafila` needs to use this stack; what the environment already says wins.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let ports = self.layout.ports;
        let password = self.secrets.get("POSTGRES_ROLES");
        let salla = format!("http://127.0.0.1:{}", ports.salla);
        let addresses = self.addresses();
        let owner = env::var("QAFILA_DATABASE_OWNER_URL").unwrap_or_else(|_| addresses[0].1.clone());
        let mut ours: BTreeMap<String, String> = ROLES
            .iter()
            .map(|(variable, role)| ((*variable).to_owned(), beside(&owner, role, password)))
            .collect();
        let others = [
            ("QAFILA_CLICKHOUSE_DATABASE", DATABASE.to_owned()),
            (
                "QAFILA_OPERATOR_KEYS",
                format!("local:{}", self.secrets.base64("OPERATOR_KEY").unwrap_or_default()),
            ),
            ("QAFILA_TOKEN_KEY", self.secrets.base64("TOKEN_KEY").unwrap_or_default()),
            ("QAFILA_SALLA_ACCOUNTS_URL", salla),
            // The simulator's stores of the plan `unlimited` have no customers budget.
            ("QAFILA_SALLA_CUSTOMERS_BUDGET", "1000000".to_owned()),
            ("QAFILA_SALLA_CLIENT_ID", salla::CLIENT_ID.to_owned()),
            ("QAFILA_SALLA_CLIENT_SECRET", self.secrets.get("SALLA_CLIENT_SECRET").to_owned()),
            ("QAFILA_SALLA_WEBHOOK_SECRETS", self.secrets.get("SALLA_WEBHOOK_SECRET").to_owned()),
            ("QAFILA_SALLA_REDIRECT_URL", format!("http://127.0.0.1:{}/oauth/callback", ports.gateway)),
            ("QAFILA_PUBLIC_URL", format!("http://127.0.0.1:{}", ports.gateway)),
            ("QAFILA_SMTP_URL", format!("smtp://127.0.0.1:{}", ports.mail)),
            ("QAFILA_MAIL_FROM", "Qafila <no-reply@qafila.example>".to_owned()),
            ("QAFILA_EXPORT_STORE", self.layout.local.join("exports").display().to_string()),
            ("QAFILA_SUPPORT_URL", "mailto:support@qafila.example".to_owned()),
            ("QAFILA_LISTEN", format!("127.0.0.1:{}", ports.gateway)),
            ("QAFILA_INSECURE_COOKIES", "true".to_owned()),
            // Journeys register more merchants than one address may.
            ("QAFILA_TRUSTED_PROXIES", "127.0.0.1/32".to_owned()),
        ];
        let web_app = self.layout.root.join("spa/dist");
        if web_app.join("index.html").is_file() {
            ours.insert("QAFILA_WEB_APP".to_owned(), web_app.display().to_string());
        }
        ours.extend(addresses.into_iter().chain(others).map(|(name, value)| (name.to_owned(), value)));
        let named: Vec<&str> = ours.keys().map(String::as_str).chain(PASSED_ON).collect();
        let given: Vec<(String, String)> =
            named.into_iter().filter_map(|name| Some((name.to_owned(), env::var(name).ok()?))).collect();
        ours.extend(given);
        ours
    }

    /// `kill -9` of the broker, for whoever proves that nothing is lost; [`up`](Self::up) starts it again.
    pub async fn kill_kafka(&self) -> Result<()> {
        Kafka::new(&self.layout)?.kill().await
    }

    /// Process id of the broker, for whoever proves that a broker which hangs loses nothing; none where it does not run.
    pub fn kafka_pid(&self) -> Option<i32> {
        self.services().find(|service| service.name == "kafka")?.pid()
    }

    /// Postgres of this stack.
    pub fn postgres(&self) -> Result<Postgres> {
        Postgres::new(&self.layout, self.secrets.get("POSTGRES_SUPERUSER"))
    }

    /// The Salla simulator of this stack.
    pub fn salla(&self) -> Salla {
        Salla::new(
            &self.layout,
            self.secrets.get("SALLA_CLIENT_SECRET"),
            self.secrets.get("SALLA_WEBHOOK_SECRET"),
        )
    }

    fn services(&self) -> impl Iterator<Item = Service> + '_ {
        SERVICES.into_iter().map(|name| Service {
            name,
            run: self.layout.local.join("run"),
            stop_signal: if name == "postgres" { Signal::SIGINT } else { Signal::SIGTERM },
        })
    }

    /// Two `make up` at once take turns.
    fn lock(&self) -> Result<File> {
        fs::create_dir_all(&self.layout.local)?;
        let file = File::create(self.layout.local.join("lock"))?;
        FileExt::lock_exclusive(&file).context("waiting for another `make up` or `make down`")?;
        Ok(file)
    }
}

/// Variables that have no value of ours.
const PASSED_ON: [&str; 3] = ["QAFILA_TOPIC_PREFIX", "QAFILA_KAFKA_PROPERTIES", "QAFILA_KAFKA_REPLICATION"];

/// The owner's database as another role reaches it; `qafila migrate` makes the role with this password.
fn beside(owner: &str, role: &str, password: &str) -> String {
    let Ok(mut url) = Url::parse(owner) else { return owner.to_owned() };
    // Only an address without a host refuses a user, and Postgres is then reached by a socket that needs none.
    let _ = url.set_username(role).and_then(|()| url.set_password(Some(password)));
    url.to_string()
}

fn ready(name: &str, address: &str) {
    println!("{name:<12} ready at {address}");
}
