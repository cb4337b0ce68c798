//! PostgreSQL 16. Runs as another user when we are root, because Postgres refuses to run as root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Executor};

use super::until_ready;
use crate::downloads;
use crate::layout::{Layout, NOBODY};
use crate::process::Service;

const SUPERUSER: &str = "postgres";
const DEADLINE: Duration = Duration::from_secs(60);

/// One Postgres server.
pub struct Postgres {
    /// Its process.
    pub service: Service,
    binaries: PathBuf,
    data: PathBuf,
    port: u16,
    password: String,
}

impl Postgres {
    /// The server of the local stack.
    pub fn new(layout: &Layout, password: &str) -> Result<Self> {
        Ok(Self {
            service: Service { name: "postgres", run: layout.local.join("run"), stop_signal: Signal::SIGINT },
            binaries: downloads::postgres(layout)?,
            data: layout.postgres_data()?,
            port: layout.ports.postgres,
            password: password.to_owned(),
        })
    }

    /// A server of its own for one test, in `folder`, on a free port.
    pub fn private(layout: &Layout, folder: &Path, password: &str) -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Ok(Self {
            service: Service { name: "postgres", run: folder.join("run"), stop_signal: Signal::SIGINT },
            binaries: downloads::postgres(layout)?,
            data: folder.join("data"),
            port,
            password: password.to_owned(),
        })
    }

    /// Starts it where it does not run, and waits until it answers.
    pub async fn up(&self) -> Result<()> {
        if self.service.pid().is_none() {
            self.prepare()?;
            // A postmaster that was killed leaves its children; they hold the data folder for a moment.
            self.service.start(self.command(), &[("POSTGRES", self.port)])?;
        }
        until_ready(&self.service, DEADLINE, || async { self.connect("postgres").await.is_ok() }).await
    }

    /// Connects as the superuser.
    pub async fn connect(&self, database: &str) -> Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(SUPERUSER)
            .password(&self.password)
            .database(database);
        let connecting = PgConnection::connect_with(&options);
        Ok(tokio::time::timeout(Duration::from_secs(3), connecting).await??)
    }

    /// Makes a role that can log in, with this password, and a database it owns.
    pub async fn provide(&self, role: &str, attributes: &str, password: &str, database: &str) -> Result<()> {
        let mut connection = self.connect("postgres").await?;
        let statement = format!(
            "DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
             ALTER ROLE {role} LOGIN {attributes} PASSWORD '{password}'"
        );
        connection.execute(statement.as_str()).await?;
        let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(database)
            .fetch_one(&mut connection)
            .await?;
        if !known {
            connection.execute(format!("CREATE DATABASE {database} OWNER {role}").as_str()).await?;
        }
        Ok(connection.close().await?)
    }

    /// Address for `user`, whose password is `password`.
    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    fn prepare(&self) -> Result<()> {
        fs::create_dir_all(&self.data)?;
        if geteuid().is_root() {
            chown(&self.data, Some(NOBODY), Some(NOBODY))?;
        }
        fs::set_permissions(&self.data, fs::Permissions::from_mode(0o700))?;
        if self.data.join("PG_VERSION").exists() {
            return Ok(());
        }
        let words = tempfile::NamedTempFile::new()?;
        fs::write(words.path(), &self.password)?;
        if geteuid().is_root() {
            chown(words.path(), Some(NOBODY), Some(NOBODY))?;
        }
        let mut initdb = self.as_user("initdb");
        initdb
            .args(["--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "-U", SUPERUSER, "-D"])
            .arg(&self.data);
        initdb.arg("--pwfile").arg(words.path());
        let output = initdb.output().context("running initdb")?;
        if !output.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = self.as_user("postgres");
        command.arg("-D").arg(&self.data).args(["-p", &self.port.to_string(), "-k", ""]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "max_connections=600",
            "shared_buffers=256MB",
            "max_wal_size=2GB",
            "idle_in_transaction_session_timeout=60s",
        ] {
            command.args(["-c", setting]);
        }
        command
    }

    fn as_user(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join("bin").join(program));
        command.current_dir("/").env("LC_ALL", "C.UTF-8");
        if geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}
