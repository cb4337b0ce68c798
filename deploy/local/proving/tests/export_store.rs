//! Files in a bucket, behind a real S3 server that goes away half-way.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use qafila_proving::gate::{Gate, Passage};
use qafila_proving::many_orders::merchant_with_orders;
use qafila_proving::merchant::{Merchant, expect};
use qafila_proving::waiting::until;
use qafila_proving::world::World;
use reqwest::StatusCode;
use reqwest::redirect::Policy;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const BUCKET: &str = "qafila-files";
const ACCESS_KEY: &str = "qafila-test";
const SECRET_KEY: &str = "a secret of tests alone";
const ORDERS: u64 = 150_000;

/// An S3 server whose objects are files below `root`.
async fn s3(root: &Path) -> Result<String> {
    std::fs::create_dir_all(root.join(BUCKET))?;
    let files = FileSystem::new(root).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                // A client that goes away ends its own connection, no more.
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok(address)
}

async fn ask(merchant: &Merchant, report: &str) -> Result<String> {
    let body = json!({"reportType": report, "format": "csv"});
    let accepted =
        expect(merchant.post("/api/v1/reports/export", &body).await?, StatusCode::ACCEPTED).await?;
    Ok(format!("/api/v1/reports/exports/{}", accepted["jobId"].as_str().context("a job")?))
}

async fn shown(merchant: &Merchant, path: &str) -> Result<Value> {
    let answer = merchant.get(path).await?;
    if answer.status() == StatusCode::NOT_FOUND {
        Ok(Value::Null)
    } else {
        expect(answer, StatusCode::OK).await
    }
}

/// Files of the bucket that are no leftovers of uploads.
fn objects(root: &Path) -> Result<Vec<String>> {
    let (mut found, mut folders) = (vec![], vec![root.join(BUCKET).join("exports")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.display().to_string());
            }
        }
    }
    Ok(found)
}

#[test]
fn a_bucket_that_goes_away_half_way_gets_the_whole_file_later_and_gives_links_of_five_minutes() {
    let runtime = Runtime::new().expect("a runtime");
    let test = async {
        let root = tempfile::tempdir()?;
        let gate = Gate::before(s3(root.path()).await?).await?;
        let mut world = World::make("bucket").await?.with_checked_answers().await?;
        let (endpoint, store) = (format!("http://{}", gate.address), format!("s3://{BUCKET}"));
        let variables = [
            ("QAFILA_EXPORT_STORE", store.as_str()),
            ("QAFILA_S3_ENDPOINT", endpoint.as_str()),
            ("QAFILA_S3_ACCESS_KEY_ID", ACCESS_KEY),
            ("QAFILA_S3_SECRET_ACCESS_KEY", SECRET_KEY),
            ("QAFILA_EXPORT_MOST_ROWS", "200000"),
        ];
        world.start_as("all", &["all"], &variables)?;
        world.ready().await?;
        let merchant = merchant_with_orders(&world, 1_207, ORDERS).await?;
        let before = gate.refused();
        gate.shut_after(8 << 20);
        let path = ask(&merchant, "orders").await?;
        until(|| async { Ok(gate.refused()) }, |refused| *refused > before).await?;
        ensure!(objects(root.path())?.is_empty(), "half a file is there");
        gate.set(Passage::Open);
        let done = tokio::time::timeout(
            Duration::from_secs(120),
            until(|| shown(&merchant, &path), |export| export["status"] == "completed"),
        )
        .await??;
        ensure!(done["rows"] == ORDERS, "{done}");
        let link = done["link"].as_str().context("a link")?;
        let http = reqwest::Client::builder().redirect(Policy::none()).build()?;
        let answer = http.get(link).send().await?;
        ensure!(answer.status() == StatusCode::FOUND, "{}", answer.status());
        let signed = answer.headers()["location"].to_str()?.to_owned();
        ensure!(signed.starts_with(&endpoint) && signed.contains("X-Amz-Expires=300"), "{signed}");
        let looked_at = reqwest::Client::new().head(link).send().await?;
        ensure!(looked_at.status() == StatusCode::OK, "HEAD follows to {}", looked_at.status());
        let file = http.get(&signed).send().await?.error_for_status()?.bytes().await?;
        ensure!(done["sha256"] == hex::encode(Sha256::digest(&file)), "the file");
        ensure!(objects(root.path())?.len() == 2, "the file and its manifest: {:?}", objects(root.path())?);
        // Two lines an order are more rows than are allowed here.
        let path_of_items = ask(&merchant, "order-items").await?;
        let failed =
            until(|| shown(&merchant, &path_of_items), |export| export["status"] == "failed").await?;
        let advice = failed["advice"].as_str().unwrap_or_default();
        ensure!(failed["cause"] == "too_many_rows" && advice.contains("fewer days"), "{failed}");
        ensure!(objects(root.path())?.len() == 2, "nothing is left of what failed");
        let url = format!("{}{path}", world.gateway);
        let revoked = http.delete(url).bearer_auth(merchant.token()).send().await?;
        ensure!(revoked.status() == StatusCode::NO_CONTENT, "{}", revoked.status());
        until(|| async { objects(root.path()) }, Vec::is_empty).await?;
        world.remove().await
    };
    runtime.block_on(runtime.spawn(test)).expect("the test did not panic").expect("the rule holds");
}

#[test]
fn a_store_that_takes_no_file_is_tried_five_times_then_the_export_fails_and_its_job_is_a_dead_letter() {
    let runtime = Runtime::new().expect("a runtime");
    let test = async {
        let mut world = World::make("no_store").await?.with_checked_answers().await?;
        std::fs::create_dir_all(world.exports())?;
        // Where the folder of files should be there is a file.
        std::fs::write(world.exports().join("exports"), b"")?;
        world.start()?;
        world.ready().await?;
        let (merchant, _) = Merchant::with_store(&world.gateway, &world.sim_url, 1_208).await?;
        let path = ask(&merchant, "products").await?;
        let failed = until(|| shown(&merchant, &path), |export| export["status"] == "failed").await?;
        ensure!(failed["cause"] == "storage_unavailable" && failed["advice"].is_string(), "{failed}");
        ensure!(failed["link"].is_null(), "{failed}");
        let told = || async { expect(merchant.get("/api/v1/notifications").await?, StatusCode::OK).await };
        until(told, |list| list["items"][0]["kind"] == "export_failed").await?;
        let which = ["--merchant", &merchant.id, "--cause", "storage_unavailable"];
        let listed = world.run(&[&["dlq", "list"], &which[..]].concat()).await?;
        ensure!(listed.contains("storage_unavailable"), "{listed}");
        let retry = [&["dlq", "retry", "--reason", "the disk is there again"], &which[..]].concat();
        let retried = world.run(&retry).await?;
        ensure!(retried.contains("0 were retried, 1 cannot be"), "{retried}");
        world.remove().await
    };
    runtime.block_on(runtime.spawn(test)).expect("the test did not panic").expect("the rule holds");
}
