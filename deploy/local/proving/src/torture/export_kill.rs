//! `export_kill`: kill -9 of Qafila at random moments of an export, from the click to the mail, then start: the file is the same,
//! byte for byte, as that of an undisturbed run, and the user gets one note and at most one mail.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::RunOutcome;
use crate::mailbox::mails_to;
use crate::many_orders::merchant_with_orders;
use crate::merchant::{Merchant, expect};
use crate::world::World;

const ORDERS: u64 = 150_000;
const PATIENCE: Duration = Duration::from_secs(120);
/// Longer than the lease of a mail that was under way: then it has failed.
const MAIL_PATIENCE: Duration = Duration::from_secs(200);
const GLANCE: Duration = Duration::from_millis(50);

/// Where the runs happen.
pub struct ExportKill {
    world: World,
    merchant: Merchant,
    /// Hash of the undisturbed file.
    sha256: String,
    /// How long it takes, from the click to the mail.
    takes: Duration,
}

impl ExportKill {
    /// Makes a world with a store whose orders are there, and one file that nothing disturbs.
    pub async fn prepare() -> Result<Self> {
        let mut world = World::make("torture_export").await?;
        world.start()?;
        world.ready().await?;
        let merchant = merchant_with_orders(&world, 4_711, ORDERS).await?;
        let started = Instant::now();
        let job = click(&merchant).await?;
        let done = ended(&merchant, &job).await?;
        told(&merchant, &job).await?;
        let takes = started.elapsed();
        let sha256 = done["sha256"].as_str().context("a hash")?.to_owned();
        println!("  an undisturbed export takes {:.1} s", takes.as_secs_f64());
        Ok(Self { world, merchant, sha256, takes })
    }

    /// The run of `seed`.
    pub async fn run(&mut self, seed: u64) -> Result<RunOutcome> {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mails_before = mails_to(&self.merchant.email)?.len();
        let job = click(&self.merchant).await?;
        tokio::time::sleep(self.takes.mul_f64(dice.random_range(0.0..1.1))).await;
        self.world.kill()?;
        let killed = Instant::now();
        self.world.start()?;
        self.world.ready().await?;
        let done = ended(&self.merchant, &job).await?;
        let is_same = done["status"] == "completed" && done["sha256"] == self.sha256.as_str();
        let link = done["link"].as_str().context("a link")?;
        let file = reqwest::get(link).await?.error_for_status()?.bytes().await?;
        let is_whole = done["bytes"].as_u64() == Some(file.len() as u64);
        let (notes, mail) = told(&self.merchant, &job).await?;
        let mails = mails_to(&self.merchant.email)?.len() - mails_before;
        println!(
            "  seed {seed}: completed {:.1} s after the kill, {notes} note, {mails} mail ({mail})",
            killed.elapsed().as_secs_f64()
        );
        Ok(RunOutcome {
            lost: u64::from(notes == 0) + u64::from(mail == "sent" && mails == 0),
            duplicated: (notes.saturating_sub(1) + mails.saturating_sub(1)) as u64,
            wrong: !is_same || !is_whole,
        })
    }

    /// Removes the world.
    pub async fn finish(self) -> Result<()> {
        self.world.remove().await
    }
}

async fn click(merchant: &Merchant) -> Result<String> {
    let body = json!({"reportType": "orders", "format": "csv", "compression": "gzip"});
    let accepted =
        expect(merchant.post("/api/v1/reports/export", &body).await?, StatusCode::ACCEPTED).await?;
    Ok(accepted["jobId"].as_str().context("a job")?.to_owned())
}

/// The export once it has ended.
async fn ended(merchant: &Merchant, job: &str) -> Result<Value> {
    let path = format!("/api/v1/reports/exports/{job}");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = merchant.get(&path).await?;
        if answer.status() == StatusCode::OK {
            let export: Value = answer.json().await?;
            if matches!(export["status"].as_str(), Some("completed" | "failed")) {
                return Ok(export);
            }
        }
        ensure!(Instant::now() < deadline, "the export has not ended after {PATIENCE:?}");
        tokio::time::sleep(GLANCE).await;
    }
}

/// Notes about an export, and what became of the mail, once that is known.
async fn told(merchant: &Merchant, job: &str) -> Result<(usize, String)> {
    let deadline = Instant::now() + MAIL_PATIENCE;
    loop {
        let list = expect(merchant.get("/api/v1/notifications?limit=100").await?, StatusCode::OK).await?;
        let items = list["items"].as_array().context("items")?;
        let notes: Vec<&Value> = items.iter().filter(|note| note["jobId"] == job).collect();
        if let Some(mail) = notes.first().and_then(|note| note["mail"].as_str())
            && mail != "waiting"
        {
            return Ok((notes.len(), mail.to_owned()));
        }
        ensure!(Instant::now() < deadline, "no word about the mail after {MAIL_PATIENCE:?}");
        tokio::time::sleep(GLANCE).await;
    }
}
