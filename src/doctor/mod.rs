//! `qafila doctor`: looks at everything Qafila needs and everything that waits for a person, changes nothing, and says what to
//! do. Exits with 1 where something is broken.

mod connections;
mod kafka;
mod outgoing;
mod postgres;

use std::time::Duration;

use anyhow::{Result, ensure};
use qafila_projections::olap::client;
use qafila_schemas::registry::{FULL_TRANSITIVE, Registry};
use qafila_schemas::topics;

use crate::config::Config;

/// Nothing is waited for longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Fine,
    /// Somebody should look, nothing is broken.
    Attention,
    /// Something does not work.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was looked at.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What to do; nothing where nothing is needed.
    pub advice: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn fine(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { severity: Severity::Fine, what: what.into(), found: found.into(), advice: None }
    }

    /// Somebody should look.
    pub fn attention(what: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            severity: Severity::Attention,
            what: what.into(),
            found: found.into(),
            advice: Some(advice.into()),
        }
    }

    /// Something does not work.
    pub fn broken(what: impl Into<String>, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            severity: Severity::Broken,
            what: what.into(),
            found: found.into(),
            advice: Some(advice.into()),
        }
    }
}

/// Looks at everything and prints what it found. The configuration itself was read before: what is wrong with it is told by name.
pub async fn run(config: &Config) -> Result<()> {
    let findings = examine(config).await;
    for finding in &findings {
        let mark = match finding.severity {
            Severity::Fine => "ok  ",
            Severity::Attention => "LOOK",
            Severity::Broken => "FAIL",
        };
        println!("{mark}  {:<28} {}", finding.what, finding.found);
        if let Some(advice) = &finding.advice {
            println!("      {:<28} → {advice}", "");
        }
    }
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let (broken, attention) = (count(Severity::Broken), count(Severity::Attention));
    println!("\n{} looked at, {broken} broken, {attention} to look at.", findings.len());
    ensure!(broken == 0, "{broken} things are broken; each line says what to do");
    Ok(())
}

async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![configuration(config)];
    findings.extend(postgres::examine(config).await);
    findings.push(clickhouse(config).await);
    findings.extend(registry(config).await);
    findings.extend(kafka::examine(config).await);
    findings.extend(connections::examine(config).await);
    findings.push(salla(config).await);
    findings.extend(outgoing::examine(config).await);
    findings
}

fn configuration(config: &Config) -> Finding {
    if config.insecure_cookies {
        let advice = "Unset QAFILA_INSECURE_COOKIES where anybody but you can reach the gateway.";
        return Finding::attention("configuration", "complete; cookies are sent without TLS", advice);
    }
    Finding::fine("configuration", "complete")
}

async fn clickhouse(config: &Config) -> Finding {
    let server = client::connect(config.clickhouse_url.as_str(), &config.clickhouse_database);
    let asked = server.query("SELECT count() FROM orders").fetch_one::<u64>();
    match tokio::time::timeout(DEADLINE, asked).await {
        Ok(Ok(rows)) => Finding::fine("clickhouse", format!("answers; {rows} revisions of orders")),
        Ok(Err(error)) => Finding::broken(
            "clickhouse",
            error.to_string(),
            "Check QAFILA_CLICKHOUSE_URL; where the server answers but a table is missing, run `qafila migrate`.",
        ),
        Err(_) => Finding::broken(
            "clickhouse",
            "does not answer",
            "Start the server, or check QAFILA_CLICKHOUSE_URL.",
        ),
    }
}

async fn registry(config: &Config) -> Vec<Finding> {
    let way_out = "Check QAFILA_REGISTRY_URL, then run `qafila topics apply`.";
    let registry = match Registry::new(config.registry_url.as_str()) {
        Ok(registry) => registry,
        Err(error) => return vec![Finding::broken("schema registry", error.to_string(), way_out)],
    };
    let missing = match topics::missing_schemas(&config.kafka, &registry).await {
        Ok(missing) => missing,
        Err(error) => return vec![Finding::broken("schema registry", error.to_string(), way_out)],
    };
    let schemas = match missing.first() {
        None => Finding::fine("schemas", "all of this version are registered"),
        Some(first) => Finding::broken(
            "schemas",
            format!("{} of this version are not registered, such as {first}", missing.len()),
            "Run `qafila topics apply`.",
        ),
    };
    let compatibility = match topics::lax_subjects(&config.kafka, &registry).await {
        Ok(lax) => match lax.first() {
            None => Finding::fine("schema compatibility", FULL_TRANSITIVE),
            Some(first) => Finding::broken(
                "schema compatibility",
                format!("a later schema of {} subjects may break readers, such as {first}", lax.len()),
                "Run `qafila topics apply`, which sets FULL_TRANSITIVE.",
            ),
        },
        Err(error) => Finding::broken("schema compatibility", error.to_string(), way_out),
    };
    vec![schemas, compatibility]
}

async fn salla(config: &Config) -> Finding {
    let asked = async {
        let http = qafila_ingest::salla::client::http_client()?;
        http.get(config.salla.accounts.clone()).timeout(DEADLINE).send().await
    };
    match asked.await {
        // Whatever the page says: somebody is there.
        Ok(answer) => Finding::fine("salla", format!("reached, HTTP {}", answer.status().as_u16())),
        Err(error) => Finding::broken(
            "salla",
            error.without_url().to_string(),
            "Check QAFILA_SALLA_ACCOUNTS_URL and whether this machine may reach it.",
        ),
    }
}
