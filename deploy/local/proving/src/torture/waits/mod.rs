//! `waits`: each dependency and each source in turn stops, lies or loops for a day of Salla's time, while a job of every kind is under way.
//! Each job stays within its budget of tries, the merchant whose import waits is told why within an hour, no work goes on without its lease,
//! and every job ends or goes on once the trouble has ended.

mod day;
mod kinds;

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::join_all;

use self::day::Day;
pub use self::kinds::{Dependency, TROUBLES, Trouble};
use super::RunOutcome;

/// Troubles beside each other, each in a world of its own.
pub const BESIDE: u64 = 4;
/// A minute of Salla's.
const MINUTE: Duration = Duration::from_millis(40);
/// A day of Salla's.
const DAY: Duration = Duration::from_millis(40 * 60 * 24);

/// The runs of `seeds`: the first is the first trouble, and so on.
pub async fn run(seeds: std::ops::Range<u64>) -> Vec<(u64, Result<RunOutcome>)> {
    let troubles = seeds.filter_map(|seed| {
        let index = usize::try_from(seed).ok()?.checked_sub(1)?;
        TROUBLES.get(index).map(|trouble| (seed, *trouble))
    });
    let (alone, beside): (Vec<_>, Vec<_>) =
        troubles.partition(|(_, trouble)| matches!(trouble, Trouble::Dependency(Dependency::Kafka, _)));
    let mut outcomes = Vec::new();
    for (seed, trouble) in alone {
        outcomes.push((seed, one(trouble, DAY).await));
    }
    outcomes.extend(
        join_all(beside.into_iter().map(|(seed, trouble)| async move { (seed, one(trouble, DAY).await) }))
            .await,
    );
    outcomes
}

/// One trouble that lasts for `length`.
pub async fn one(trouble: Trouble, length: Duration) -> Result<RunOutcome> {
    let began = Instant::now();
    let outcome = Day::prepare(trouble).await?.pass(length).await;
    println!(
        "  {trouble:?}: {:.0} s, {}",
        began.elapsed().as_secs_f64(),
        match &outcome {
            Ok(words) => words.clone(),
            Err(error) => format!("FAILED: {error:#}"),
        }
    );
    outcome.map(|_| RunOutcome::default())
}
