//! Benches: each scenario beside a bare limit, in the same process tree and the same minute, alternating, best of three.

pub mod avro;
pub mod commands;
pub mod customers_budget;
pub mod exports;
pub mod facts;
pub mod import;
pub mod lists;
pub mod merge;
pub mod observations;
pub mod parts;
pub mod reconcile;
pub mod reports;
pub mod sync;
pub mod visible;
pub mod webhooks;

use std::time::{Duration, Instant};

use anyhow::Result;
use qafila_stack::layout::Layout;

use crate::record::{Measurement, commit, now};

const ROUNDS: usize = 3;

/// A round of work: how long it took, and how much of what is counted it did.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// Wall time.
    pub took: Duration,
    /// Things done.
    pub count: u64,
    /// CPU seconds of this process, or of Qafila where it runs by itself.
    pub cpu_s: f64,
}

impl Round {
    fn rate(self) -> f64 {
        self.count as f64 / self.took.as_secs_f64()
    }
}

/// Times `work`, which returns how much it did.
pub fn timed(work: impl FnOnce() -> Result<u64>) -> Result<Round> {
    let (cpu, started) = (cpu_seconds()?, Instant::now());
    let count = work()?;
    Ok(Round { took: started.elapsed(), count, cpu_s: cpu_seconds()? - cpu })
}

/// Compares rates: rounds of the limit and of ours take turns, the best of each counts.
pub struct Duel {
    name: &'static str,
    unit: &'static str,
    limit: Vec<Round>,
    ours: Vec<Round>,
}

impl Duel {
    /// A duel called `name`, in `unit` a second.
    pub fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, limit: vec![], ours: vec![] }
    }

    /// Rounds to fight.
    pub fn rounds() -> std::ops::Range<usize> {
        0..ROUNDS
    }

    /// Adds a round of the bare limit.
    pub fn limit(&mut self, round: Round) {
        println!("  {} limit {:>12.0} {}", self.name, round.rate(), self.unit);
        self.limit.push(round);
    }

    /// Adds a round of ours.
    pub fn ours(&mut self, round: Round) {
        println!("  {} ours  {:>12.0} {}", self.name, round.rate(), self.unit);
        self.ours.push(round);
    }

    /// What ours keeps up, a second: the median of its rounds, since the best is a rate that the machine reached once.
    pub fn sustained(&self) -> f64 {
        let mut rates: Vec<f64> = self.ours.iter().copied().map(Round::rate).collect();
        rates.sort_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied().unwrap_or_default()
    }

    /// The verdict.
    pub fn measured(&self) -> Result<Measurement> {
        let best = |rounds: &[Round]| rounds.iter().copied().max_by(|a, b| a.rate().total_cmp(&b.rate()));
        let (Some(limit), Some(ours)) = (best(&self.limit), best(&self.ours)) else {
            anyhow::bail!("{}: no rounds", self.name)
        };
        measurement(self.name, ours.rate(), limit.rate(), self.unit, ours.cpu_s, peak_rss_mb("self")?)
    }
}

/// A measurement of now.
pub fn measurement(
    name: &str,
    ours: f64,
    limit: f64,
    unit: &str,
    cpu_s: f64,
    rss_mb: f64,
) -> Result<Measurement> {
    let round = |value: f64, places: i32| (value * 10_f64.powi(places)).round() / 10_f64.powi(places);
    Ok(Measurement {
        name: name.into(),
        ours: round(ours, 1),
        limit: round(limit, 1),
        ratio: round(ours / limit, 3),
        unit: unit.into(),
        cpu_s: round(cpu_s, 2),
        rss_mb: round(rss_mb, 1),
        commit: commit(&Layout::find()?.root),
        at: now(),
    })
}

/// CPU seconds of this process so far.
pub fn cpu_seconds() -> Result<f64> {
    cpu_seconds_of("self")
}

/// CPU seconds of a process, user and system.
pub fn cpu_seconds_of(pid: &str) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> =
        stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect()).unwrap_or_default();
    let ticks = |index: usize| fields.get(index).and_then(|f| f.parse::<f64>().ok()).unwrap_or_default();
    // Linux counts in hundredths of a second on every platform we run on.
    Ok((ticks(11) + ticks(12)) / 100.0)
}

/// The highest resident memory of a process so far, MB.
pub fn peak_rss_mb(pid: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(kib.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap_or_default() / 1024.0)
}

/// The resident memory of a process now, MB.
pub fn resident_mb(pid: &str) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(kib.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap_or_default() / 1024.0)
}
