//! Nights of reconciliation when a test wants them, and the records that they leave.

use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::StatusCode;
use salla_sim::store::Plan;
use serde_json::Value;
use sqlx::PgPool;

use crate::merchant::{Merchant, expect, make_store};
use crate::waiting::until;
use crate::world::World;

/// Settings of a world without nights of its own: every order is looked at every night, and Salla's minute is short, so that tries
/// follow each other quickly.
pub const NIGHTS_WHEN_ASKED: &[(&str, &str)] = &[
    ("QAFILA_RECONCILE_CYCLE_NIGHTS", "1"),
    ("QAFILA_RECONCILE_CRON", "0 2 1 1 *"),
    ("QAFILA_SALLA_MINUTE_MS", "3000"),
];

/// A merchant whose store of `plan` is imported, `months` back, and on the schedule; nothing of it is read any more, so that what changes
/// from now on is found by nights alone.
pub async fn imported(world: &World, plan: &Plan, months: u32) -> Result<(Merchant, u64)> {
    let store = make_store(&world.sim_url, plan).await?;
    let merchant = Merchant::register(&world.gateway).await?;
    merchant.connect(store).await?;
    merchant.start_import(months).await?;
    merchant.watch_import(Duration::from_secs(120), |_| {}).await?;
    let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
    let enrolled = || async { Ok(due(&pool, &merchant).await?.is_some()) };
    until(enrolled, |enrolled| *enrolled).await?;
    until(|| stale(&pool, &merchant), |stale| *stale == 0).await?;
    Ok((merchant, store))
}

/// Rows of the merchant of which there was news since they were read.
async fn stale(pool: &PgPool, merchant: &Merchant) -> Result<i64> {
    let of_table = |table: &str| {
        format!(
            "(SELECT count(*) FROM {table} WHERE merchant_id = $1::uuid AND stale_since > greatest(read_at, deleted_at, '-infinity'))"
        )
    };
    let query = format!("SELECT {}", ["orders", "customers", "products"].map(of_table).join(" + "));
    Ok(sqlx::query_scalar(&query).bind(&merchant.id).fetch_one(pool).await?)
}

/// Whether the merchant's night has come or runs; none where the store is not on the schedule.
pub async fn due(pool: &PgPool, merchant: &Merchant) -> Result<Option<bool>> {
    let query =
        "SELECT night_at <= now() OR run_id IS NOT NULL FROM reconciliations WHERE merchant_id = $1::uuid";
    Ok(sqlx::query_scalar(query).bind(&merchant.id).fetch_optional(pool).await?)
}

/// The records of the runs of `merchant`, newest first, one for each resource.
pub async fn runs(merchant: &Merchant) -> Result<Vec<Value>> {
    let body = expect(merchant.get("/api/v1/reconciliations?limit=100").await?, StatusCode::OK).await?;
    Ok(body["items"].as_array().context("items")?.clone())
}

/// Lets a night come and waits for its records.
pub async fn night(world: &World, merchant: &Merchant) -> Result<Vec<Value>> {
    let before = runs(merchant).await?.len();
    let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
    sqlx::query("UPDATE reconciliations SET night_at = now() WHERE merchant_id = $1::uuid")
        .bind(&merchant.id)
        .execute(&pool)
        .await?;
    until(|| async { due(&pool, merchant).await }, |due| *due == Some(false)).await?;
    let all = until(|| async { runs(merchant).await }, |runs| runs.len() >= before + 3).await?;
    Ok(all[..all.len() - before].to_vec())
}

/// The record of `resource`.
pub fn of<'v>(runs: &'v [Value], resource: &str) -> &'v Value {
    runs.iter().find(|run| run["resource"] == resource).unwrap_or(&Value::Null)
}

/// Rows that were created and updated.
pub fn changes(run: &Value) -> (i64, i64) {
    let figure = |name: &str| run["summary"][name].as_i64().unwrap_or(-1);
    (figure("created"), figure("updated"))
}
