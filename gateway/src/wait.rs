//! `Prefer: wait=<seconds>` with `X-Qafila-Position`: read-your-writes without giving up CQRS (ARCHITECTURE §6).

use std::time::{Duration, Instant};

use qafila_aggregates::position::Position;
use qafila_projections::oltp::{exports, merchants, sync_jobs};
use qafila_schemas::ids::MerchantId;

use crate::app::App;
use crate::call::Call;
use crate::problem::{Code, Problem};

/// Header of a position.
pub const POSITION_HEADER: &str = "x-qafila-position";
const MAX_WAIT_SECONDS: u64 = 5;
const MAX_UNTIL_SHOWN: Duration = Duration::from_secs(2);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Waits until the read model has reached the position the request names, if it does. True where it was
/// reached (answer with `Preference-Applied: wait`), false where time ran out or nothing was asked.
pub async fn for_position(app: &App, call: &Call, merchant: MerchantId) -> Result<bool, Problem> {
    let Some(seconds) = preferred_wait(call) else { return Ok(false) };
    let Some(text) = call.header(POSITION_HEADER) else { return Ok(false) };
    let position: Position = text.parse().map_err(|_| Problem::new(Code::BadPosition))?;
    let deadline = Instant::now() + Duration::from_secs(seconds.min(MAX_WAIT_SECONDS));
    loop {
        if reached(app, &position, merchant).await? >= position.sequence {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Waits until a read model shows what a command has made; none where time ran out, after 2 s.
pub async fn until_shown<T, F>(find: impl Fn() -> F) -> Result<Option<T>, sqlx::Error>
where
    F: Future<Output = Result<Option<T>, sqlx::Error>>,
{
    let deadline = Instant::now() + MAX_UNTIL_SHOWN;
    loop {
        match find().await? {
            None if Instant::now() < deadline => tokio::time::sleep(POLL_INTERVAL).await,
            found => return Ok(found),
        }
    }
}

async fn reached(app: &App, position: &Position, merchant: MerchantId) -> Result<i64, sqlx::Error> {
    match position.aggregate_type.as_str() {
        "merchant" => Ok(merchants::find(&app.query_pool, merchant).await?.map_or(0, |m| m.sequence)),
        "sync-job" => {
            let job = position.aggregate_id.parse().unwrap_or_default();
            sync_jobs::sequence(&app.query_pool, merchant, job).await
        }
        "export" => {
            let job = position.aggregate_id.parse().unwrap_or_default();
            exports::sequence(&app.query_pool, merchant, job).await
        }
        // No read model of ours follows it, so there is nothing to wait for.
        _ => Ok(i64::MAX),
    }
}

fn preferred_wait(call: &Call) -> Option<u64> {
    call.headers
        .get_all("prefer")
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .find_map(|preference| preference.trim().strip_prefix("wait=")?.trim().parse().ok())
}
