//! Apache Kafka 4.3 in KRaft mode: the real broker, one node.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::until_ready;
use crate::downloads;
use crate::layout::Layout;
use crate::process::Service;

const DEADLINE: Duration = Duration::from_secs(60);

/// The broker.
pub struct Kafka {
    /// Its process.
    pub service: Service,
    jars: PathBuf,
    java: PathBuf,
    dir: PathBuf,
    port: u16,
    controller_port: u16,
}

impl Kafka {
    /// The broker of the local stack.
    pub fn new(layout: &Layout) -> Result<Self> {
        Ok(Self {
            service: Service { name: "kafka", run: layout.local.join("run"), stop_signal: Signal::SIGTERM },
            jars: downloads::kafka(layout)?,
            java: downloads::java(layout)?,
            dir: layout.data("kafka")?,
            port: layout.ports.kafka,
            controller_port: layout.ports.kafka_controller,
        })
    }

    /// `host:port`.
    pub fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts it where it does not run, and waits until it leads its partitions.
    pub async fn up(&self) -> Result<()> {
        if self.service.pid().is_none() {
            self.prepare()?;
            let mut command = self.java();
            command.args([
                "-Xms128m",
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "kafka.Kafka",
            ]);
            command.arg(self.properties());
            self.service
                .start(command, &[("KAFKA", self.port), ("KAFKA_CONTROLLER", self.controller_port)])?;
        }
        until_ready(&self.service, DEADLINE, || async { self.answers().await }).await
    }

    /// `kill -9`, at once.
    pub async fn kill(&self) -> Result<()> {
        self.service.kill().await
    }

    async fn answers(&self) -> bool {
        let brokers = self.brokers();
        let asked = tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer =
                ClientConfig::new().set("bootstrap.servers", brokers).set("log_level", "0").create().ok()?;
            let metadata = consumer.fetch_metadata(None, Duration::from_secs(2)).ok()?;
            (!metadata.brokers().is_empty()).then_some(())
        });
        matches!(asked.await, Ok(Some(())))
    }

    fn properties(&self) -> PathBuf {
        self.dir.join("server.properties")
    }

    fn prepare(&self) -> Result<()> {
        let (port, controller, logs) = (self.port, self.controller_port, self.dir.join("data"));
        let settings = format!(
            "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={logs}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
log.segment.bytes=67108864
num.network.threads=2
num.io.threads=4
",
            logs = logs.display(),
        );
        fs::write(self.properties(), settings)?;
        if logs.join("meta.properties").exists() {
            return Ok(());
        }
        let id = self.tool(&["random-uuid"])?;
        let properties = self.properties();
        self.tool(&["format", "--standalone", "-t", id.trim(), "-c", &properties.to_string_lossy()])?;
        Ok(())
    }

    fn tool(&self, arguments: &[&str]) -> Result<String> {
        let output =
            self.java().arg("kafka.tools.StorageTool").args(arguments).output().context("running Java")?;
        if !output.status.success() {
            bail!("Kafka's storage tool failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn java(&self) -> Command {
        let mut command = Command::new(&self.java);
        command.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
        command.arg("-cp").arg(self.jars.join("*")).current_dir(&self.dir);
        command
    }
}
