//! `qafila migrate`: roles and tables, forward only, safe to repeat.

use anyhow::{Context, Result};
use qafila_projections::olap::client;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection};

use crate::config::{Config, DATABASE_ROLES};

static POSTGRES: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");
const CLICKHOUSE: [(&str, &str); 6] = [
    ("0001_facts", include_str!("../migrations/clickhouse/0001_facts.sql")),
    ("0002_carts", include_str!("../migrations/clickhouse/0002_carts.sql")),
    ("0003_exchange_rates", include_str!("../migrations/clickhouse/0003_exchange_rates.sql")),
    ("0004_loaded_at", include_str!("../migrations/clickhouse/0004_loaded_at.sql")),
    ("0005_sold_lines", include_str!("../migrations/clickhouse/0005_sold_lines.sql")),
    ("0006_product_images", include_str!("../migrations/clickhouse/0006_product_images.sql")),
];

/// Brings Postgres and ClickHouse up to this version.
pub async fn run(config: &Config) -> Result<()> {
    postgres(config).await?;
    clickhouse(config).await
}

/// Versions of the migrations of Postgres.
pub fn versions() -> impl Iterator<Item = i64> {
    POSTGRES.iter().map(|migration| migration.version)
}

async fn postgres(config: &Config) -> Result<()> {
    let mut owner = PgConnection::connect(config.owner_url.as_str())
        .await
        .context("connecting to Postgres as QAFILA_DATABASE_OWNER_URL says")?;
    for (variable, role) in DATABASE_ROLES {
        ensure_role(&mut owner, role, config)
            .await
            .with_context(|| format!("making the role of {variable}"))?;
    }
    POSTGRES.run(&mut owner).await.context("migrating Postgres")?;
    Ok(owner.close().await?)
}

/// Makes the role where it is missing and gives it the password of its address where it cannot log in with it.
async fn ensure_role(owner: &mut PgConnection, role: &str, config: &Config) -> Result<()> {
    let url = config.role_url(role);
    owner
        .execute(
            format!("DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$")
                .as_str(),
        )
        .await
        .context("the owner needs the attribute CREATEROLE")?;
    let options: PgConnectOptions = url.as_str().parse()?;
    if PgConnection::connect_with(&options).await.is_ok() {
        return Ok(());
    }
    let password = url.password().unwrap_or_default();
    let quoted: String =
        sqlx::query_scalar("SELECT quote_literal($1)").bind(password).fetch_one(&mut *owner).await?;
    owner.execute(format!("ALTER ROLE {role} LOGIN PASSWORD {quoted}").as_str()).await?;
    PgConnection::connect_with(&options)
        .await
        .context("the role cannot log in with the password of its address")?;
    Ok(())
}

async fn clickhouse(config: &Config) -> Result<()> {
    let server = client::connect(config.clickhouse_url.as_str(), "default");
    let database = &config.clickhouse_database;
    server
        .query(&format!("CREATE DATABASE IF NOT EXISTS `{database}`"))
        .execute()
        .await
        .context("connecting to ClickHouse as QAFILA_CLICKHOUSE_URL says")?;
    let client = client::connect(config.clickhouse_url.as_str(), database);
    for (name, sql) in CLICKHOUSE {
        for statement in statements(sql) {
            client
                .query(&statement)
                .execute()
                .await
                .with_context(|| format!("ClickHouse migration {name}"))?;
        }
    }
    Ok(())
}

/// Statements of a script, without comments. `?` is the client's placeholder and is doubled.
fn statements(script: &str) -> Vec<String> {
    let code: String = script
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .map(|line| format!("{line}\n"))
        .collect();
    code.split(';').map(|s| s.trim().replace('?', "??")).filter(|s| !s.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_of_clickhouse_is_applied_in_order() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/clickhouse");
        let mut files: Vec<String> = std::fs::read_dir(directory)
            .expect("the migrations")
            .map(|entry| {
                entry.expect("a file").file_name().to_string_lossy().trim_end_matches(".sql").to_owned()
            })
            .collect();
        files.sort_unstable();
        assert_eq!(files, CLICKHOUSE.map(|(name, _)| name));
    }
}
