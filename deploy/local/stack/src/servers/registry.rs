//! The Apicurio schema registry 3.3, which speaks Confluent's API; stored in Postgres, so that it survives kill -9.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;

use super::{answers, until_ready};
use crate::downloads;
use crate::layout::Layout;
use crate::process::Service;

const DEADLINE: Duration = Duration::from_secs(90);
/// Role and database in Postgres.
pub const DATABASE: &str = "registry";

/// The registry.
pub struct Registry {
    /// Its process.
    pub service: Service,
    app: PathBuf,
    java: PathBuf,
    port: u16,
    management_port: u16,
    postgres_port: u16,
    password: String,
}

impl Registry {
    /// The registry of the local stack; `password` is that of its Postgres role.
    pub fn new(layout: &Layout, password: &str) -> Result<Self> {
        Ok(Self {
            service: Service {
                name: "registry",
                run: layout.local.join("run"),
                stop_signal: Signal::SIGTERM,
            },
            app: downloads::registry(layout)?,
            java: downloads::java(layout)?,
            port: layout.ports.registry,
            management_port: layout.ports.registry_management,
            postgres_port: layout.ports.postgres,
            password: password.to_owned(),
        })
    }

    /// Base address of Confluent's API.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
    }

    /// Starts it where it does not run, and waits until it answers.
    pub async fn up(&self) -> Result<()> {
        if self.service.pid().is_none() {
            let ports = [("REGISTRY", self.port), ("REGISTRY_MANAGEMENT", self.management_port)];
            self.service.start(self.command(), &ports)?;
        }
        let subjects = format!("{}/subjects", self.url());
        until_ready(&self.service, DEADLINE, || answers(&subjects)).await
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.java);
        command.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        for (name, value) in [
            ("quarkus.http.host", "127.0.0.1".to_owned()),
            ("quarkus.http.port", self.port.to_string()),
            ("quarkus.management.host", "127.0.0.1".to_owned()),
            ("quarkus.management.port", self.management_port.to_string()),
            ("apicurio.storage.kind", "sql".to_owned()),
            ("apicurio.storage.sql.kind", "postgresql".to_owned()),
            (
                "apicurio.datasource.url",
                format!("jdbc:postgresql://127.0.0.1:{}/{DATABASE}", self.postgres_port),
            ),
            ("apicurio.datasource.username", DATABASE.to_owned()),
        ] {
            command.arg(format!("-D{name}={value}"));
        }
        // Through the environment: arguments are readable by every user of the machine.
        command.env("APICURIO_DATASOURCE_PASSWORD", &self.password);
        command.arg("-jar").arg(self.app.join("quarkus-run.jar")).current_dir(&self.app);
        command
    }
}
