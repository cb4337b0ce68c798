//! One file per server: how it is prepared, started, and known to be ready.

pub mod clickhouse;
pub mod kafka;
pub mod mail;
pub mod postgres;
pub mod registry;
pub mod salla;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::Service;

const GLANCE: Duration = Duration::from_millis(100);

/// Waits until `ready` holds; says what the server last logged when it does not in time, or died.
pub async fn until_ready<F, R>(service: &Service, deadline: Duration, mut ready: F) -> Result<()>
where
    F: FnMut() -> R,
    R: Future<Output = bool>,
{
    let end = Instant::now() + deadline;
    loop {
        // Its own death is seen first: whoever answers then is somebody else.
        if ready().await && service.pid().is_some() {
            return Ok(());
        }
        let name = service.name;
        let log = service.log();
        if service.pid().is_none() {
            bail!("{name} ended while starting; its log is {}:\n{}", log.display(), service.last_words());
        }
        if Instant::now() > end {
            bail!(
                "{name} is not ready after {deadline:?}; its log is {}:\n{}",
                log.display(),
                service.last_words()
            );
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// Whether a GET answers 2xx within two seconds.
pub async fn answers(url: &str) -> bool {
    let request = reqwest::Client::new().get(url).timeout(Duration::from_secs(2)).send();
    request.await.is_ok_and(|answer| answer.status().is_success())
}
