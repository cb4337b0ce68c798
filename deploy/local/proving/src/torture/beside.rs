//! Runs of several seeds beside each other in one world, and the `kill -9` that hits all of them.

use std::ops::{Range, RangeInclusive};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::join_all;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::RunOutcome;
use crate::world::World;

const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// What came of each seed.
pub type Outcomes = Vec<(u64, Result<RunOutcome>)>;

/// Waits for the runs of `seeds` and for what disturbs them; a disturbance that fails is the first seed's failure, since nothing was tried.
pub async fn play(
    seeds: &Range<u64>,
    runs: impl Iterator<Item = impl Future<Output = (u64, Result<RunOutcome>)>>,
    disturbing: impl Future<Output = Result<()>>,
) -> Outcomes {
    let began = Instant::now();
    let (outcomes, disturbed) = tokio::join!(join_all(runs), disturbing);
    println!("  seeds {seeds:?}: {:.0} s", began.elapsed().as_secs_f64());
    match disturbed {
        Ok(()) => outcomes,
        Err(error) => vec![(seeds.start, Err(error))],
    }
}

/// Kills Qafila so many times, each after a pause of so many ms, and starts it again.
pub async fn kill(
    world: &mut World,
    dice: &mut ChaCha8Rng,
    times: u32,
    pause_ms: RangeInclusive<u64>,
) -> Result<()> {
    for _ in 0..times {
        tokio::time::sleep(Duration::from_millis(dice.random_range(pause_ms.clone()))).await;
        world.kill()?;
        world.start()?;
        world.ready().await?;
    }
    Ok(())
}

/// Tries until it works, for `patience` at most: while Qafila is down between a kill and its start, a user tries again.
pub async fn patiently<T, F: Future<Output = Result<T>>>(
    patience: Duration,
    attempt: impl Fn() -> F,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
}
