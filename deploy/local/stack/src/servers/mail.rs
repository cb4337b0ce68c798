//! A mail catcher: takes every mail by SMTP and leaves it as a file in a maildir.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;
use tokio::net::TcpStream;

use super::until_ready;
use crate::downloads;
use crate::layout::Layout;
use crate::process::Service;

const DEADLINE: Duration = Duration::from_secs(30);

/// The mail catcher.
pub struct Mail {
    /// Its process.
    pub service: Service,
    packages: PathBuf,
    maildir: PathBuf,
    port: u16,
}

impl Mail {
    /// The mail catcher of the local stack.
    pub fn new(layout: &Layout) -> Result<Self> {
        Ok(Self {
            service: Service { name: "mail", run: layout.local.join("run"), stop_signal: Signal::SIGTERM },
            packages: downloads::mail(layout)?,
            maildir: layout.local.join("mail"),
            port: layout.ports.mail,
        })
    }

    /// Where mails are left.
    pub fn maildir(&self) -> &PathBuf {
        &self.maildir
    }

    /// Its SMTP address.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// Starts it where it does not run, and waits until it listens.
    pub async fn up(&self) -> Result<()> {
        if self.service.pid().is_none() {
            let mut command = Command::new("python3");
            command.args(["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{}", self.port)]);
            command.args(["-c", "aiosmtpd.handlers.Mailbox"]).arg(&self.maildir);
            command.env("PYTHONPATH", &self.packages);
            self.service.start(command, &[("MAIL", self.port)])?;
        }
        let port = self.port;
        until_ready(&self.service, DEADLINE, || async move {
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await
    }
}
