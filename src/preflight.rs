//! What is looked at before a role starts: whether the database has been prepared. A database that is merely away is waited for.

use std::time::Duration;

use anyhow::{Result, bail};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};

use crate::config::{Config, DATABASE_ROLES};

const DEADLINE: Duration = Duration::from_secs(5);
const WAY_OUT: &str =
    "Run `qafila migrate`, which makes roles and tables, and `qafila topics apply`, then start again";
/// Wrong password, no such role, no such database.
const NOT_PREPARED: [&str; 3] = ["28P01", "28000", "3D000"];

/// Fails where Postgres answers that a role or a table is missing.
pub async fn check(config: &Config) -> Result<()> {
    for (variable, role) in DATABASE_ROLES {
        let options: PgConnectOptions = config.role_url(role).as_str().parse()?;
        match tokio::time::timeout(DEADLINE, options.connect()).await {
            Ok(Err(sqlx::Error::Database(refusal)))
                if refusal.code().is_some_and(|code| NOT_PREPARED.contains(&&*code)) =>
            {
                bail!("{variable}: Postgres refuses {role}: {}. {WAY_OUT}", refusal.message());
            }
            Ok(Ok(mut connection)) => {
                let row = sqlx::query(
                    "SELECT to_regclass('events') IS NOT NULL AND to_regclass('orders') IS NOT NULL",
                )
                .fetch_one(&mut connection)
                .await;
                if row.is_ok_and(|row| row.try_get(0).is_ok_and(|prepared: bool| !prepared)) {
                    bail!("{variable}: the database has no tables of Qafila. {WAY_OUT}");
                }
                // Only looked at; whether it closes well changes nothing.
                let _ = connection.close().await;
            }
            // It is away; every role waits for it.
            Ok(Err(_)) | Err(_) => return Ok(()),
        }
    }
    Ok(())
}
