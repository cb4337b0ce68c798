//! What benches and torture append for others to read: one JSON object a scenario, under `target/`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use chrono::{SecondsFormat, Utc};
use serde::Serialize;

/// A measured scenario. `ratio` = `ours` ÷ `limit`; `cpu_s` and `rss_mb` are ours.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// Scenario.
    pub name: String,
    /// Our figure, in `unit`.
    pub ours: f64,
    /// The bare limit, in `unit`.
    pub limit: f64,
    /// `ours / limit`.
    pub ratio: f64,
    /// A rate, a time or a count.
    pub unit: String,
    /// CPU seconds.
    pub cpu_s: f64,
    /// Resident memory at its highest, MB.
    pub rss_mb: f64,
    /// Commit it was measured at.
    pub commit: String,
    /// When, UTC.
    pub at: String,
}

/// A tortured scenario.
#[derive(Debug, Clone, Serialize)]
pub struct Ordeal {
    /// Scenario.
    pub name: String,
    /// Seeded runs.
    pub runs: u64,
    /// Runs that ended wrong.
    pub failures: u64,
    /// Things lost.
    pub lost: u64,
    /// Things doubled.
    pub duplicated: u64,
    /// First seed; run `n` used `seed + n`.
    pub seed: u64,
    /// Commit it was run at.
    pub commit: String,
    /// When, UTC.
    pub at: String,
}

/// Appends one object to `target/<file>`.
pub fn append(root: &Path, file: &str, line: &impl Serialize) -> Result<()> {
    let dir = root.join("target");
    std::fs::create_dir_all(&dir)?;
    let mut out = OpenOptions::new().create(true).append(true).open(dir.join(file))?;
    Ok(writeln!(out, "{}", serde_json::to_string(line)?)?)
}

/// The commit that is checked out; `unknown` outside git.
pub fn commit(root: &Path) -> String {
    let output = Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(root).output();
    output
        .ok()
        .filter(|o| o.status.success())
        .map_or_else(|| "unknown".into(), |o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
}

/// Now, as records carry it.
pub fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}
