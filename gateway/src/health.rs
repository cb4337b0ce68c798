//! Health of what the gateway depends on: probed in the background, so that a command knows at once whether Kafka
//! is there, and readiness costs nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use qafila_schemas::kafka::KafkaConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(2);
const DEADLINE: Duration = Duration::from_secs(2);

/// What each dependency said last; the text is the fault, none where it answered.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<&'static str, Option<String>>>>);

impl Health {
    /// Whether `dependency` answered when it was last asked; not asked yet counts as no.
    pub fn is_up(&self, dependency: &str) -> bool {
        matches!(self.lock().get(dependency), Some(None))
    }

    /// Every dependency and its fault.
    pub fn all(&self) -> BTreeMap<&'static str, Option<String>> {
        self.lock().clone()
    }

    fn set(&self, dependency: &'static str, fault: Option<String>) {
        metrics::gauge!("qafila_dependency_up", "dependency" => dependency).set(if fault.is_none() {
            1.0
        } else {
            0.0
        });
        self.lock().insert(dependency, fault);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Option<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Probes until `shutdown`; every role that a request needs has a pool of its own.
pub async fn watch(
    health: Health,
    pools: Vec<PgPool>,
    clickhouse: clickhouse::Client,
    kafka: KafkaConfig,
    shutdown: CancellationToken,
) {
    let consumer: Option<Arc<BaseConsumer>> =
        kafka.client().set("log_level", "0").create().ok().map(Arc::new);
    while !shutdown.is_cancelled() {
        let mut postgres = None;
        for pool in &pools {
            let asked = tokio::time::timeout(DEADLINE, sqlx::query("SELECT 1").execute(pool));
            postgres = postgres.or(fault(asked.await.map(|r| r.map(drop))));
        }
        health.set("postgres", postgres);
        let engine = tokio::time::timeout(DEADLINE, clickhouse.query("SELECT 1").fetch_one::<u8>());
        health.set("clickhouse", fault(engine.await.map(|r| r.map(drop))));
        if let Some(consumer) = &consumer {
            let consumer = Arc::clone(consumer);
            let asked =
                tokio::task::spawn_blocking(move || consumer.fetch_metadata(None, DEADLINE).map(drop)).await;
            health
                .set("kafka", asked.map_or_else(|e| Some(e.to_string()), |r| r.err().map(|e| e.to_string())));
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

fn fault<E: std::fmt::Display>(asked: Result<Result<(), E>, tokio::time::error::Elapsed>) -> Option<String> {
    match asked {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!("no answer within {DEADLINE:?}")),
    }
}
