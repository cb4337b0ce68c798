//! What may stop, lie or loop: each dependency, each way a source can mislead, and each kind of job that may have to wait for them. What is
//! in the code and not in these lists fails the scenario.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use salla_sim::faults::Faults;
use salla_sim::lies::Lies;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::gate::Passage;

/// A dependency, by the variables that say where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependency {
    /// The event store and the read models.
    Postgres,
    /// The broker; every world of this machine uses it.
    Kafka,
    /// The schema registry.
    Registry,
    /// Facts and reports.
    ClickHouse,
    /// The mail server.
    Mail,
    /// Salla's merchant API.
    SallaApi,
    /// Salla's host of accounts and tokens.
    SallaAccounts,
    /// Where files of exports are kept.
    Files,
}

/// Dependencies behind a gate.
pub(super) const GATED: [Dependency; 6] = [
    Dependency::Postgres,
    Dependency::Registry,
    Dependency::ClickHouse,
    Dependency::Mail,
    Dependency::SallaApi,
    Dependency::SallaAccounts,
];

/// Addresses of our own, for others.
const OURS: [&str; 3] = ["QAFILA_PUBLIC_URL", "QAFILA_SALLA_REDIRECT_URL", "QAFILA_SUPPORT_URL"];

impl Dependency {
    /// Variables with its address, which the gate replaces.
    pub fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &[
                "QAFILA_DATABASE_COMMAND_URL",
                "QAFILA_DATABASE_INGEST_URL",
                "QAFILA_DATABASE_OLTP_URL",
                "QAFILA_DATABASE_QUERY_URL",
                "QAFILA_DATABASE_RELAY_URL",
                "QAFILA_DATABASE_OWNER_URL",
            ],
            Self::Kafka => &["QAFILA_KAFKA_BROKERS"],
            Self::Registry => &["QAFILA_REGISTRY_URL"],
            Self::ClickHouse => &["QAFILA_CLICKHOUSE_URL"],
            Self::Mail => &["QAFILA_SMTP_URL"],
            Self::SallaApi => &["QAFILA_SALLA_API_URL"],
            Self::SallaAccounts => &["QAFILA_SALLA_ACCOUNTS_URL"],
            Self::Files => &["QAFILA_EXPORT_STORE"],
        }
    }

    /// Whether a note to a merchant needs it.
    pub fn carries_notes(self) -> bool {
        matches!(self, Self::Postgres | Self::Kafka | Self::Registry)
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A dependency refuses, or takes calls and never answers.
    Dependency(Dependency, Passage),
    /// Lists of Salla's, by the field of [`Lies`].
    Lie(&'static str),
    /// Answers of Salla's, by the field of [`Faults`].
    Fault(&'static str),
    /// Salla takes our tokens no more.
    Revoked,
}

/// All troubles; those of Kafka, which other worlds need, come first.
pub const TROUBLES: [Trouble; 32] = [
    Trouble::Dependency(Dependency::Kafka, Passage::Shut),
    Trouble::Dependency(Dependency::Kafka, Passage::Stalled),
    Trouble::Dependency(Dependency::Postgres, Passage::Stalled),
    Trouble::Dependency(Dependency::Postgres, Passage::Shut),
    Trouble::Dependency(Dependency::Registry, Passage::Shut),
    Trouble::Dependency(Dependency::Registry, Passage::Stalled),
    Trouble::Dependency(Dependency::ClickHouse, Passage::Shut),
    Trouble::Dependency(Dependency::ClickHouse, Passage::Stalled),
    Trouble::Dependency(Dependency::Mail, Passage::Shut),
    Trouble::Dependency(Dependency::Mail, Passage::Stalled),
    Trouble::Dependency(Dependency::SallaApi, Passage::Shut),
    Trouble::Dependency(Dependency::SallaApi, Passage::Stalled),
    Trouble::Dependency(Dependency::SallaAccounts, Passage::Shut),
    Trouble::Dependency(Dependency::SallaAccounts, Passage::Stalled),
    Trouble::Dependency(Dependency::Files, Passage::Shut),
    Trouble::Revoked,
    Trouble::Lie("cut_pages"),
    Trouble::Lie("moved_totals"),
    Trouble::Lie("empty_success"),
    Trouble::Lie("duplicates"),
    Trouble::Lie("arrivals"),
    Trouble::Lie("vanishings"),
    Trouble::Lie("endless_pages"),
    Trouble::Fault("chance_429"),
    Trouble::Fault("chance_5xx"),
    Trouble::Fault("chance_cut"),
    Trouble::Fault("chance_timeout"),
    Trouble::Fault("malformed_every"),
    Trouble::Fault("arrival_every"),
    Trouble::Fault("chance_token_late"),
    Trouble::Fault("chance_token_lost"),
    Trouble::Fault("chance_token_5xx"),
];

/// Fields of [`Lies`] and [`Faults`] that say how much or how long, not what.
const MEASURES: [&str; 4] = ["answers", "burst_429", "timeout_seconds", "token_late_seconds"];

/// Kinds of job, by the table that says when each is due, or whose it is.
pub(super) const JOBS: [&str; 7] = [
    "app_events",
    "export_work",
    "mails",
    "reconciliations",
    "store_cleanups",
    "sync_runs",
    "webhook_subscriptions",
];

impl Trouble {
    /// Whether no note to a merchant can come through meanwhile.
    pub fn holds_notes_back(self) -> bool {
        matches!(self, Self::Dependency(dependency, _) if dependency.carries_notes())
    }
}

/// The lie `name`, without an end.
pub(super) fn lies(name: &str) -> Result<Lies> {
    Ok(serde_json::from_value(json!({name: 1.0, "answers": u32::MAX}))?)
}

/// The fault `name`, each time.
pub(super) fn faults(name: &str) -> Result<Faults> {
    let mut faults = json!({"timeout_seconds": 60.0, "token_late_seconds": 2.0});
    faults[name] = if name.ends_with("_every") { json!(1) } else { json!(1.0) };
    Ok(serde_json::from_value(faults)?)
}

/// Fails where a dependency, a source or a kind of job that is in the code is not in these lists.
pub(super) async fn ensure_complete(environment: &BTreeMap<String, String>, pool: &PgPool) -> Result<()> {
    let is_address = |name: &&str| {
        (name.ends_with("_URL") || name.ends_with("_BROKERS") || name.ends_with("_STORE"))
            && !OURS.contains(name)
    };
    let addresses: BTreeSet<&str> = environment.keys().map(String::as_str).filter(is_address).collect();
    let tried: BTreeSet<Dependency> = TROUBLES
        .iter()
        .filter_map(|trouble| match trouble {
            Trouble::Dependency(dependency, _) => Some(*dependency),
            _ => None,
        })
        .collect();
    let known: BTreeSet<&str> = tried.iter().flat_map(|dependency| dependency.variables()).copied().collect();
    ensure!(addresses == known, "dependencies in the code {addresses:?}, here {known:?}");
    let fields = |value: Value| {
        let fields = value.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
        fields.unwrap_or_default().into_iter().filter(|name| !MEASURES.contains(&name.as_str()))
    };
    let sources: BTreeSet<String> = fields(serde_json::to_value(Lies::default())?)
        .chain(fields(serde_json::to_value(Faults::default())?))
        .collect();
    let known: BTreeSet<String> = TROUBLES
        .iter()
        .filter_map(|trouble| match trouble {
            Trouble::Lie(name) | Trouble::Fault(name) => Some((*name).to_owned()),
            _ => None,
        })
        .collect();
    ensure!(sources == known, "sources in the code {sources:?}, here {known:?}");
    let jobs: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT table_name::text FROM information_schema.columns
         WHERE table_schema = 'public' AND column_name IN ('lease_until', 'not_before', 'due_at') ORDER BY 1",
    )
    .fetch_all(pool)
    .await?;
    ensure!(jobs == JOBS, "kinds of job in the code {jobs:?}, here {JOBS:?}");
    Ok(())
}
