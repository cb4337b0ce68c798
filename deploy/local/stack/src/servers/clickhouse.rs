//! The ClickHouse engine behind our HTTP front (`deploy/local/clickhouse-front`).

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;

use super::{answers, until_ready};
use crate::downloads;
use crate::layout::Layout;
use crate::process::Service;

const DEADLINE: Duration = Duration::from_secs(60);

/// The engine.
pub struct ClickHouse {
    /// Its process.
    pub service: Service,
    front: PathBuf,
    library: PathBuf,
    data: PathBuf,
    port: u16,
}

impl ClickHouse {
    /// The engine of the local stack.
    pub fn new(layout: &Layout) -> Result<Self> {
        Ok(Self {
            service: Service {
                name: "clickhouse",
                run: layout.local.join("run"),
                stop_signal: Signal::SIGTERM,
            },
            front: layout.binaries.join("clickhouse-front"),
            library: downloads::clickhouse_library(layout)?,
            data: layout.data("clickhouse")?,
            port: layout.ports.clickhouse,
        })
    }

    /// Its HTTP address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it where it does not run, and waits until it answers.
    pub async fn up(&self) -> Result<()> {
        if self.service.pid().is_none() {
            let mut command = Command::new(&self.front);
            command.arg("--library").arg(&self.library).arg("--data").arg(&self.data);
            command.args(["--listen", &format!("127.0.0.1:{}", self.port)]);
            self.service.start(command, &[("CLICKHOUSE", self.port)])?;
        }
        let ping = format!("{}/ping", self.url());
        until_ready(&self.service, DEADLINE, || answers(&ping)).await
    }
}
