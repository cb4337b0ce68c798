//! One server as a process of its own group, found again by its pid file after we are gone.

use std::fs::{self, File, OpenOptions};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

const PATIENCE: Duration = Duration::from_secs(15);
const GLANCE: Duration = Duration::from_millis(50);

/// A server process with its pid file and its log.
#[derive(Debug, Clone)]
pub struct Service {
    /// Name, also of the files.
    pub name: &'static str,
    /// Folder of pid file and log.
    pub run: PathBuf,
    /// How it is asked to stop.
    pub stop_signal: Signal,
}

impl Service {
    /// Its log.
    pub fn log(&self) -> PathBuf {
        self.run.join(format!("{}.log", self.name))
    }

    fn pid_file(&self) -> PathBuf {
        self.run.join(format!("{}.pid", self.name))
    }

    /// The pid, if the very process that was started still runs (a reused pid is told apart by its start time).
    pub fn pid(&self) -> Option<i32> {
        let text = fs::read_to_string(self.pid_file()).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        let pid = pid.parse().ok()?;
        (start_time(pid)? == started).then_some(pid)
    }

    /// Starts it, output appended to its log. `ports` are those it will listen on, with the names of their variables: a
    /// stranger who listens there would be taken for it.
    pub fn start(&self, mut command: Command, ports: &[(&str, u16)]) -> Result<()> {
        for (name, port) in ports {
            ensure!(
                TcpListener::bind(("127.0.0.1", *port)).is_ok(),
                "{}: port {port} is taken by another process; stop it, or choose another port with QAFILA_LOCAL_{name}_PORT",
                self.name
            );
        }
        fs::create_dir_all(&self.run)?;
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let errors: File = log.try_clone()?;
        let child =
            command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0).spawn().with_context(
                || format!("starting {}: {}", self.name, command.get_program().to_string_lossy()),
            )?;
        let pid = i32::try_from(child.id())?;
        let started = start_time(pid).unwrap_or_default();
        fs::write(self.pid_file(), format!("{pid} {started}\n"))?;
        Ok(())
    }

    /// Stops it and its children: asks first, insists after a while. Does nothing when it is not running.
    pub async fn stop(&self) -> Result<()> {
        if let Some(pid) = self.pid() {
            // The process may end on its own between the look and the signal.
            let _ = kill(Pid::from_raw(pid), self.stop_signal);
            if !self.gone_within(PATIENCE).await {
                let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
                if !self.gone_within(PATIENCE).await {
                    bail!("{} (pid {pid}) does not stop, not even by SIGKILL", self.name);
                }
            }
            // Children of a killed parent.
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
        match fs::remove_file(self.pid_file()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Kills it at once, as `kill -9` does.
    pub async fn kill(&self) -> Result<()> {
        if let Some(pid) = self.pid() {
            killpg(Pid::from_raw(pid), Signal::SIGKILL).context("kill -9")?;
            if !self.gone_within(PATIENCE).await {
                bail!("{} (pid {pid}) survives SIGKILL", self.name);
            }
        }
        Ok(())
    }

    async fn gone_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if self.pid().is_none() {
                return true;
            }
            tokio::time::sleep(GLANCE).await;
        }
        false
    }

    /// Last lines of its log, for an error message.
    pub fn last_words(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().rev().take(12).collect();
        lines.into_iter().rev().map(|line| format!("  | {line}\n")).collect()
    }
}

/// Start time of a live process in clock ticks since boot; none for a zombie.
fn start_time(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit_once(") ")?.1;
    let mut fields = after_name.split(' ');
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_started_process_is_found_again_and_stopped_and_a_foreign_pid_is_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let service = Service { name: "sleeper", run: dir.path().to_owned(), stop_signal: Signal::SIGTERM };
        let mut command = Command::new("sleep");
        command.arg("60");
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = taken.local_addr().expect("an address").port();
        let refused =
            service.start(Command::new("sleep"), &[("SLEEPER", port)]).expect_err("the port is taken");
        assert!(refused.to_string().contains("QAFILA_LOCAL_SLEEPER_PORT"), "{refused}");
        service.start(command, &[]).expect("starts");
        assert!(service.pid().is_some());
        service.stop().await.expect("stops");
        assert!(service.pid().is_none());
        fs::write(service.pid_file(), format!("{} 1\n", std::process::id())).expect("written");
        assert!(service.pid().is_none(), "a reused pid is not ours");
    }
}
