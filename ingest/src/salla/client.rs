//! Calls of the merchant API: one bearer token, patience with 429, 5xx, time-outs and cut connections within a
//! budget, and errors that say which of Salla's cases they are (FACTS §3).

use std::sync::Arc;
use std::time::{Duration, Instant};

use qafila_schemas::millis::Millis;
use rand::Rng;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::pace::Pace;
use super::{SallaConfig, Secret};

const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const LARGEST_ANSWER: usize = 16 << 20;
/// Failures are waited out for so long in all, per call.
const PATIENCE: Duration = Duration::from_secs(120);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Why a call got no usable answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SallaError {
    /// 401: token dead, app uninstalled, scope missing. Only a new authorisation helps.
    #[error("Salla refuses our token: {0}")]
    Unauthorized(String),
    /// 404.
    #[error("Salla does not know it")]
    NotFound,
    /// Another 4xx: asking again changes nothing.
    #[error("Salla refuses the request with {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Salla's message.
        message: String,
    },
    /// 429, 5xx, time-outs, cut or unreadable answers, for longer than our patience.
    #[error("Salla did not answer for {}s: {last}", PATIENCE.as_secs())]
    Unavailable {
        /// The last failure.
        last: String,
    },
}

/// A list's page, its rows not yet read.
#[derive(Debug)]
pub struct Page {
    /// Rows as Salla wrote them.
    pub rows: Vec<Box<RawValue>>,
    /// Rows in all, as Salla says.
    pub total: i64,
    /// Whether another page follows; never guessed from the number of rows (FACTS §4).
    pub has_next: bool,
    /// Salla's time just before the call was sent.
    pub asked_at: Millis,
}

#[derive(Deserialize)]
struct Envelope {
    data: Vec<Box<RawValue>>,
    pagination: Pagination,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pagination {
    total: i64,
    current_page: i64,
    total_pages: i64,
}

#[derive(Deserialize)]
struct ErrorEnvelope {
    error: ErrorBody,
}

#[derive(Deserialize)]
struct ErrorBody {
    message: String,
}

/// The API as one store sees it. Clones share the pace.
#[derive(Clone)]
pub struct SallaClient {
    http: reqwest::Client,
    config: Arc<SallaConfig>,
    token: Secret,
    pace: Arc<Pace>,
}

/// One failure, and whether asking again may help.
enum Failure {
    Final(SallaError),
    Passing(String),
}

impl SallaClient {
    /// A client with this access token.
    pub fn new(http: reqwest::Client, config: Arc<SallaConfig>, token: Secret) -> Self {
        Self { http, config, token, pace: Arc::default() }
    }

    /// The settings it was made with.
    pub fn config(&self) -> &SallaConfig {
        &self.config
    }

    /// One page of a list; `path` such as `orders`.
    pub async fn page(&self, path: &str, query: &[(&str, String)]) -> Result<Page, SallaError> {
        let mut give_up = Instant::now() + PATIENCE;
        let mut attempt = 0;
        loop {
            // A wait that Salla asks for is no failure of Salla.
            give_up += self.pace.ready().await;
            let last = match self.try_page(path, query).await {
                Ok(page) => return Ok(page),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(last)) => last,
            };
            metrics::counter!("qafila_salla_retries_total").increment(1);
            tracing::debug!(event = "salla call failed", path, attempt, reason = last);
            if Instant::now() > give_up {
                return Err(SallaError::Unavailable { last });
            }
            tokio::time::sleep(jittered(attempt)).await;
            attempt += 1;
        }
    }

    async fn try_page(&self, path: &str, query: &[(&str, String)]) -> Result<Page, Failure> {
        let asked_at = self.pace.salla_now();
        let sent = Millis::now();
        let url = format!("{}/{path}", self.config.api.as_str().trim_end_matches('/'));
        let request = self.http.get(url).query(query).bearer_auth(self.token.expose()).timeout(CALL_TIMEOUT);
        let answer = request.send().await.map_err(|e| Failure::Passing(e.without_url().to_string()))?;
        self.pace.learn(answer.headers(), sent);
        metrics::counter!("qafila_salla_calls_total", "status" => answer.status().as_str().to_owned())
            .increment(1);
        let status = answer.status();
        let body = read_bounded(answer).await?;
        match status {
            StatusCode::OK => parse(&body, asked_at),
            StatusCode::UNAUTHORIZED => Err(Failure::Final(SallaError::Unauthorized(message(&body)))),
            StatusCode::NOT_FOUND => Err(Failure::Final(SallaError::NotFound)),
            StatusCode::TOO_MANY_REQUESTS => Err(Failure::Passing("429 too many requests".into())),
            status if status.is_server_error() => Err(Failure::Passing(format!("HTTP {status}"))),
            status => {
                Err(Failure::Final(SallaError::Refused { status: status.as_u16(), message: message(&body) }))
            }
        }
    }
}

fn parse(body: &[u8], asked_at: Millis) -> Result<Page, Failure> {
    let envelope: Envelope =
        serde_json::from_slice(body).map_err(|e| Failure::Passing(format!("not a list answer: {e}")))?;
    Ok(Page {
        rows: envelope.data,
        total: envelope.pagination.total,
        has_next: envelope.pagination.current_page < envelope.pagination.total_pages,
        asked_at,
    })
}

/// A client for Salla's hosts.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("qafila/", env!("CARGO_PKG_VERSION")))
        .build()
}

async fn read_bounded(mut answer: reqwest::Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|e| Failure::Passing(e.without_url().to_string()))? {
        if body.len() + piece.len() > LARGEST_ANSWER {
            return Err(Failure::Passing(format!("an answer over {LARGEST_ANSWER} bytes")));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// Salla's message, cut short; never the whole body, which may hold personal data.
fn message(body: &[u8]) -> String {
    serde_json::from_slice::<ErrorEnvelope>(body).map_or_else(
        |_| "no readable message".into(),
        |envelope| envelope.error.message.chars().take(200).collect(),
    )
}

/// Full jitter: anything up to a doubling ceiling.
fn jittered(attempt: u32) -> Duration {
    let ceiling = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt.min(10))).min(LONGEST_PAUSE);
    ceiling.mul_f64(rand::rng().random_range(0.2..=1.0))
}
