//! Renewal of leases: a worker that cannot renew its lease stops before it expires, because another may then take the work.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

/// Fifths of a lease's life after which its worker stops: the lease began before its worker heard of it, and a worker
/// needs a moment to stop.
const SAFE_FIFTHS: u32 = 4;

/// Renews a lease that lasts `life` once `every` interval. Returns when the lease is lost: `renew` answers that another
/// worker has it, or has failed or not answered for so long that the lease is about to expire. `what` names the work in the log.
pub async fn hold<R, E>(what: &str, life: Duration, every: Duration, renew: impl Fn() -> R)
where
    R: Future<Output = Result<bool, E>>,
    E: Display,
{
    let safe = life / 5 * SAFE_FIFTHS;
    let mut safe_until = Instant::now() + safe;
    loop {
        sleep(every).await;
        let asked_at = Instant::now();
        match timeout_at(safe_until, renew()).await {
            Ok(Ok(true)) => safe_until = asked_at + safe,
            Ok(Ok(false)) => return,
            Ok(Err(error)) => tracing::warn!(event = "failed to renew a lease", what, error = %error),
            Err(_) => tracing::warn!(event = "failed to renew a lease", what, error = "no answer"),
        }
        if Instant::now() >= safe_until {
            tracing::warn!(event = "stopped work before its lease expired", what);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const LIFE: Duration = Duration::from_secs(15);
    const EVERY: Duration = Duration::from_secs(3);

    /// How long a lease is held whose renewals end as `renewals` says, by their number.
    async fn held(renewals: impl Fn(u32) -> Result<bool, &'static str>) -> Duration {
        let (began, count) = (Instant::now(), Cell::new(0));
        hold("test", LIFE, EVERY, || {
            count.set(count.get() + 1);
            let answer = renewals(count.get());
            async move { answer }
        })
        .await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_held_until_another_has_the_work() {
        assert_eq!(held(|number| Ok(number < 100)).await, EVERY * 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_that_cannot_renew_stops_before_the_lease_runs_out() {
        assert!(held(|_| Err("no database")).await < LIFE);
        // The fourth renewal was the last that came through.
        let last_renewed = EVERY * 4;
        assert!(
            held(|number| if number <= 4 { Ok(true) } else { Err("no database") }).await
                < last_renewed + LIFE
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_without_an_answer_counts_as_none() {
        let began = Instant::now();
        hold("test", LIFE, EVERY, std::future::pending::<Result<bool, &str>>).await;
        assert!(began.elapsed() < LIFE);
    }

    #[tokio::test(start_paused = true)]
    async fn renewals_that_fail_for_a_while_lose_nothing() {
        let every_other = |number: u32| match number {
            30 => Ok(false),
            odd if odd % 2 == 1 => Err("no database"),
            _ => Ok(true),
        };
        assert_eq!(held(every_other).await, EVERY * 30);
    }
}
