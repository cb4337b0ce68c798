//! A file never claims to hold everything of a store while ClickHouse is behind what was read of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use qafila_proving::merchant::{Merchant, expect, make_store};
use qafila_proving::waiting::until;
use qafila_proving::world::World;
use reqwest::StatusCode;
use salla_sim::store::Plan;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const ORDERS: usize = 40;

/// Asks for a file and waits until it is there.
async fn export(merchant: &Merchant, report: &str) -> Result<Value> {
    let body = json!({"reportType": report, "format": "csv"});
    let accepted =
        expect(merchant.post("/api/v1/reports/export", &body).await?, StatusCode::ACCEPTED).await?;
    let path = format!("/api/v1/reports/exports/{}", accepted["jobId"].as_str().context("a job")?);
    let shown = || async {
        let answer = merchant.get(&path).await?;
        Ok(if answer.status() == StatusCode::OK { answer.json().await? } else { Value::Null })
    };
    until(shown, |export| export["status"] == "completed").await
}

#[test]
fn a_file_says_of_which_time_it_is_complete_only_once_clickhouse_has_what_was_read() {
    let runtime = Runtime::new().expect("a runtime");
    let test = async {
        let mut world = World::make("export_completeness").await?.with_checked_answers().await?;
        // Each role a process of its own, and nothing loads ClickHouse.
        for role in [&["gateway"][..], &["relay"], &["ingest"], &["project", "oltp"], &["project", "export"]]
        {
            world.start_as(&role.join(" "), role, &[])?;
        }
        world.ready().await?;
        let plan =
            Plan { seed: 613, orders: ORDERS, customers: 10, products: 5, months: 6, ..Plan::default() };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        merchant.start_import(12).await?;
        merchant.watch_import(Duration::from_secs(120), |_| {}).await?;
        let figures =
            || async { expect(merchant.get("/api/v1/reports/summary").await?, StatusCode::OK).await };
        until(figures, |figures| figures["completeTo"].is_string()).await?;
        let early = export(&merchant, "products").await?;
        ensure!(early["rows"] == 0 && early["completeTo"].is_null(), "{early}");
        world.start_as("project olap", &["project", "olap"], &[])?;
        let late = || export(&merchant, "products");
        let late = until(late, |export| export["completeTo"].is_string()).await?;
        ensure!(late["rows"] == 5, "complete with everything: {late}");
        let orders = || export(&merchant, "orders");
        let orders = until(orders, |export| export["ordersWithoutDetails"] == 0).await?;
        ensure!(orders["rows"] == ORDERS && orders["completeFrom"].is_string(), "{orders}");
        world.remove().await
    };
    runtime.block_on(runtime.spawn(test)).expect("the test did not panic").expect("the rule holds");
}
