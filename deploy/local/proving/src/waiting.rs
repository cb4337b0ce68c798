//! Waiting for a condition with a deadline, never for a time.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// What a busy machine with two cores is given.
const PATIENCE: Duration = Duration::from_secs(120);
const GLANCE: Duration = Duration::from_millis(30);

/// Asks until the answer `holds`; fails with the last answer when that takes too long.
pub async fn until<T, F, A>(mut ask: F, holds: impl Fn(&T) -> bool) -> Result<T>
where
    T: Debug,
    F: FnMut() -> A,
    A: Future<Output = Result<T>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask().await?;
        if holds(&answer) {
            return Ok(answer);
        }
        ensure!(Instant::now() < deadline, "after {PATIENCE:?} the answer is still {answer:?}");
        tokio::time::sleep(GLANCE).await;
    }
}
