//! Postgres: roles, migrations, long transactions, and how far the relay is behind.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection, Row};

use super::{DEADLINE, Finding};
use crate::config::{Config, DATABASE_ROLES};
use crate::migrate;

const LONG_TRANSACTION_SECONDS: f64 = 60.0;
const RELAY_BEHIND_SECONDS: f64 = 30.0;

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (variable, role) in DATABASE_ROLES {
        if let Err(error) = connect(config.role_url(role).as_str()).await {
            let advice = format!("Check {variable}; run `qafila migrate`, which makes roles and tables.");
            findings.push(Finding::broken(format!("postgres as {role}"), error, advice));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::fine("postgres", format!("{} roles log in", DATABASE_ROLES.len())));
    }
    match connect(config.owner_url.as_str()).await {
        Ok(mut owner) => {
            findings.extend(as_owner(&mut owner).await);
            findings.push(keys(config, &mut owner).await);
        }
        Err(error) => {
            findings.push(Finding::broken("postgres as owner", error, "Check QAFILA_DATABASE_OWNER_URL."));
        }
    }
    findings
}

/// A connection that cannot write.
pub(super) async fn connect(url: &str) -> Result<PgConnection, String> {
    let options: PgConnectOptions = url.parse().map_err(|e: sqlx::Error| e.to_string())?;
    let options = options
        .application_name("qafila doctor")
        .options([("default_transaction_read_only", "on"), ("statement_timeout", "10s")]);
    match tokio::time::timeout(DEADLINE, options.connect()).await {
        Ok(connected) => connected.map_err(|error| error.to_string()),
        Err(_) => Err("does not answer".into()),
    }
}

async fn as_owner(owner: &mut PgConnection) -> Vec<Finding> {
    let failed = |what: &'static str| {
        move |e: sqlx::Error| Finding::broken(what, e.to_string(), "Run `qafila migrate`.")
    };
    vec![
        migrations(owner).await.unwrap_or_else(failed("migrations")),
        transactions(owner).await.unwrap_or_else(failed("transactions")),
        relay(owner).await.unwrap_or_else(failed("relay")),
    ]
}

/// Whatever is sealed names the operator's key that opens it. One that was taken away too early stops those who need it.
async fn keys(config: &Config, owner: &mut PgConnection) -> Finding {
    let named = sqlx::query_scalar::<_, String>(
        "SELECT key_id FROM merchant_keys UNION SELECT key_id FROM salla_connections WHERE wiped_at IS NULL
         UNION SELECT key_id FROM easy_mode_installs UNION SELECT key_id FROM app_events WHERE data IS NOT NULL
         UNION SELECT key_id FROM mails WHERE secret IS NOT NULL ORDER BY 1",
    );
    match named.fetch_all(owner).await {
        Err(error) => Finding::broken("operator keys", error.to_string(), "Run `qafila migrate`."),
        Ok(named) => {
            let missing: Vec<&String> = named.iter().filter(|id| !config.operator_keys.has(id)).collect();
            if missing.is_empty() {
                return Finding::fine("operator keys", "open all that is sealed");
            }
            let advice = "Put them back, behind the current one, into QAFILA_OPERATOR_KEYS of every process.";
            Finding::broken("operator keys", format!("missing: {missing:?}"), advice)
        }
    }
}

async fn migrations(owner: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let applied: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success").fetch_all(owner).await?;
    let missing = migrate::versions().filter(|version| !applied.contains(version)).count();
    Ok(if missing == 0 {
        Finding::fine("migrations", format!("all {} applied", applied.len()))
    } else {
        Finding::broken("migrations", format!("{missing} are missing"), "Run `qafila migrate`.")
    })
}

/// An open transaction that has written holds back the relay for the whole server (ARCHITECTURE §4).
async fn transactions(owner: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    // Of sessions of others, an owner that may not read all statistics is told nothing but that they are there.
    let (oldest, may_see): (Option<f64>, bool) = sqlx::query_as(
        "SELECT extract(epoch FROM greatest(
                 (SELECT max(now() - xact_start) FROM pg_stat_activity WHERE backend_xid IS NOT NULL),
                 (SELECT max(now() - prepared) FROM pg_prepared_xacts)))::float8,
             pg_has_role('pg_read_all_stats', 'USAGE')",
    )
    .fetch_one(owner)
    .await?;
    Ok(match oldest {
        Some(seconds) if seconds > LONG_TRANSACTION_SECONDS => Finding::attention(
            "oldest transaction",
            format!("open for {seconds:.0} s"),
            "It holds back the relay. Find it in pg_stat_activity and end it.",
        ),
        _ if !may_see => Finding::attention(
            "oldest transaction",
            "those of other roles cannot be seen",
            "Let a superuser run `GRANT pg_read_all_stats TO` the role of QAFILA_DATABASE_OWNER_URL.",
        ),
        _ => Finding::fine("oldest transaction", "none holds back the relay"),
    })
}

async fn relay(owner: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let row = sqlx::query(
        "SELECT count(*), extract(epoch FROM now() - min(e.timestamp))::float8 FROM events e, relay_cursor c
         WHERE c.name = 'events' AND (e.tx, e.position) > (c.tx, c.position)",
    )
    .fetch_one(owner)
    .await?;
    let (behind, age): (i64, Option<f64>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(match age {
        Some(age) if age > RELAY_BEHIND_SECONDS => Finding::broken(
            "relay",
            format!("{behind} events wait, the oldest for {:?}", Duration::from_secs(age as u64)),
            "Start `qafila relay`, or `qafila all`; where one runs, its log says what it waits for.",
        ),
        _ => Finding::fine("relay", format!("{behind} events wait")),
    })
}
