//! The Salla simulator (`deploy/local/salla-sim`).

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;

use super::{answers, until_ready};
use crate::layout::Layout;
use crate::process::Service;

const DEADLINE: Duration = Duration::from_secs(30);
/// The OAuth client that the simulator knows.
pub const CLIENT_ID: &str = "qafila-local";

/// The simulator.
pub struct Salla {
    /// Its process.
    pub service: Service,
    program: PathBuf,
    port: u16,
    client_secret: String,
    webhook_secret: String,
}

impl Salla {
    /// The simulator of the local stack.
    pub fn new(layout: &Layout, client_secret: &str, webhook_secret: &str) -> Self {
        Self {
            service: Service { name: "salla", run: layout.local.join("run"), stop_signal: Signal::SIGTERM },
            program: layout.binaries.join("salla-sim"),
            port: layout.ports.salla,
            client_secret: client_secret.to_owned(),
            webhook_secret: webhook_secret.to_owned(),
        }
    }

    /// Its address; the merchant API lies under `/admin/v2`, OAuth under `/oauth2`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it where it does not run, and waits until it answers.
    pub async fn up(&self) -> Result<()> {
        if self.service.pid().is_none() {
            let mut command = Command::new(&self.program);
            command.args(["--listen", &format!("127.0.0.1:{}", self.port)]);
            command.env("SALLA_SIM_CLIENT_ID", CLIENT_ID).env("SALLA_SIM_CLIENT_SECRET", &self.client_secret);
            command.env("SALLA_SIM_WEBHOOK_SECRET", &self.webhook_secret);
            self.service.start(command, &[("SALLA", self.port)])?;
        }
        let health = format!("{}/_sim/health", self.url());
        until_ready(&self.service, DEADLINE, || answers(&health)).await
    }
}
