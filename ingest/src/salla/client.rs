//! Calls of the merchant API: access, budget and circuit breakers before, patience with 429, 5xx, time-outs and cut
//! connections within a budget after, and errors that say which of Salla's cases they are (FACTS §3).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use qafila_schemas::ids::ConnectionId;
use qafila_schemas::millis::Millis;
use rand::Rng;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::SallaConfig;
use super::breaker::Breaker;
use super::budget::{Budgets, StoreBudget, Urgency};
use super::clock::SallaClock;
use crate::access::{Access, AccessError, AccessTokens};

const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const LARGEST_ANSWER: usize = 16 << 20;
/// Failures are waited out for so long in all, per call.
const PATIENCE: Duration = Duration::from_secs(120);
/// 429 is waited out for so long in all, per call: the customers budget may take ten minutes, and others share it.
const MOST_HELD: Duration = Duration::from_secs(45 * 60);
/// A call renews access at most so often.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Why a call got no usable answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SallaError {
    /// There is no access, or none at the moment.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// 401 because of a scope that was not granted: asking again changes nothing.
    #[error("Salla did not grant us a scope: {0}")]
    ScopeMissing(String),
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
    /// 429, for longer than any documented wait.
    #[error("Salla answers 429 for {}s", MOST_HELD.as_secs())]
    Throttled,
    /// 5xx, time-outs, cut or unreadable answers, for longer than our patience.
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

/// One object, or a list without pages, not yet read.
#[derive(Debug)]
pub struct Answer {
    /// `data` as Salla wrote it.
    pub data: Box<RawValue>,
    /// Salla's time just before the call was sent.
    pub asked_at: Millis,
}

#[derive(Deserialize)]
struct ListEnvelope {
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
struct Envelope {
    data: Box<RawValue>,
}

#[derive(Deserialize)]
struct ErrorEnvelope {
    error: ErrorBody,
}

#[derive(Deserialize)]
struct ErrorBody {
    message: String,
}

/// Salla's API, for all stores of this process.
pub struct SallaApi {
    http: reqwest::Client,
    config: Arc<SallaConfig>,
    access: AccessTokens,
    budgets: Budgets,
    clock: SallaClock,
    host: Breaker,
    stores: Mutex<HashMap<i64, Arc<Breaker>>>,
}

impl SallaApi {
    /// The API that `config` describes.
    pub fn new(
        http: reqwest::Client,
        config: Arc<SallaConfig>,
        access: AccessTokens,
        budgets: Budgets,
    ) -> Self {
        Self {
            http,
            config,
            access,
            budgets,
            clock: SallaClock::default(),
            host: Breaker::default(),
            stores: Mutex::default(),
        }
    }

    /// As one store sees it.
    pub fn store(
        self: &Arc<Self>,
        connection_id: ConnectionId,
        store_id: i64,
        urgency: Urgency,
    ) -> SallaClient {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        SallaClient {
            budget: self.budgets.store(store_id),
            breaker: Arc::clone(stores.entry(store_id).or_default()),
            api: Arc::clone(self),
            connection_id,
            urgency,
        }
    }

    /// Whether a connection has not ended.
    pub async fn is_connected(&self, connection_id: ConnectionId) -> bool {
        !matches!(self.access.token(connection_id).await, Err(AccessError::NotConnected))
    }

    /// The settings it was made with.
    pub fn config(&self) -> &SallaConfig {
        &self.config
    }

    /// Now, by Salla's clock.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }
}

/// The API as one store sees it. Clones share everything.
#[derive(Clone)]
pub struct SallaClient {
    api: Arc<SallaApi>,
    budget: Arc<StoreBudget>,
    breaker: Arc<Breaker>,
    connection_id: ConnectionId,
    urgency: Urgency,
}

/// A call, before it is sent.
struct Call<'c> {
    method: Method,
    path: &'c str,
    query: &'c [(&'c str, String)],
    body: Option<&'c Value>,
}

impl<'c> Call<'c> {
    fn get(path: &'c str, query: &'c [(&'c str, String)]) -> Self {
        Self { method: Method::GET, path, query, body: None }
    }
}

/// One failure, and whether asking again may help.
enum Failure {
    Final(SallaError),
    /// The token does not work, as Salla says.
    Unauthorized(String),
    /// Salla asks us to wait: no failure of Salla's.
    TooMany,
    Passing(String),
}

impl SallaClient {
    /// The settings it was made with.
    pub fn config(&self) -> &SallaConfig {
        &self.api.config
    }

    /// Calls a minute that Salla lets this store make; none where it does not say.
    pub fn per_minute(&self) -> Option<u32> {
        self.budget.per_minute()
    }

    /// Now, by Salla's clock.
    pub fn salla_now(&self) -> Millis {
        self.api.clock.now()
    }

    /// One page of a list; `path` such as `orders`.
    pub async fn page(&self, path: &str, query: &[(&str, String)]) -> Result<Page, SallaError> {
        self.patiently(Call::get(path, query), |body, asked_at| {
            let envelope: ListEnvelope = serde_json::from_slice(body)?;
            Ok(Page {
                rows: envelope.data,
                total: envelope.pagination.total,
                has_next: envelope.pagination.current_page < envelope.pagination.total_pages,
                asked_at,
            })
        })
        .await
    }

    /// One object, or a list without pages.
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Answer, SallaError> {
        self.patiently(Call::get(path, query), answer).await
    }

    /// Makes something that may be made twice: the call is repeated like any other.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, SallaError> {
        self.patiently(Call { method: Method::POST, path, query: &[], body: Some(body) }, answer).await
    }

    /// Removes something.
    pub async fn delete(&self, path: &str, query: &[(&str, String)]) -> Result<(), SallaError> {
        let call = Call { method: Method::DELETE, path, query, body: None };
        self.patiently(call, |_, _| Ok(())).await
    }

    async fn patiently<T>(
        &self,
        call: Call<'_>,
        read: impl Fn(&[u8], Millis) -> Result<T, serde_json::Error>,
    ) -> Result<T, SallaError> {
        let (mut failing_since, mut held_since) = (None, None);
        let (mut attempt, mut renewed_at) = (0, None);
        loop {
            let access = self.api.access.token(self.connection_id).await?;
            let last = match self.attempt(&call, &access, &read).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::TooMany) => {
                    if held_since.get_or_insert_with(Instant::now).elapsed() > MOST_HELD {
                        return Err(SallaError::Throttled);
                    }
                    continue;
                }
                Err(Failure::Unauthorized(message)) => {
                    // A token that is fresh and refused may be a passing fault of Salla's; each refresh costs a token.
                    if renewed_at.is_none_or(|at: Instant| at.elapsed() > RENEWAL_PAUSE) {
                        renewed_at = Some(Instant::now());
                        self.api.access.renewed(self.connection_id, access.generation).await?;
                        continue;
                    }
                    if failing_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                        let generation = access.generation;
                        self.api.access.refused(self.connection_id, generation).await?;
                        tracing::warn!(event = "fresh access refused", connectionId = %self.connection_id, message);
                        return Err(AccessError::Refused { generation }.into());
                    }
                    message
                }
                Err(Failure::Passing(last)) => last,
            };
            metrics::counter!("qafila_salla_retries_total").increment(1);
            tracing::debug!(event = "salla call failed", path = call.path, attempt, reason = last);
            if failing_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                return Err(SallaError::Unavailable { last });
            }
            tokio::time::sleep(jittered(attempt)).await;
            attempt += 1;
        }
    }

    /// One call, once breakers and budgets let it through.
    async fn attempt<T>(
        &self,
        call: &Call<'_>,
        access: &Access,
        read: impl Fn(&[u8], Millis) -> Result<T, serde_json::Error>,
    ) -> Result<T, Failure> {
        if is_customers(call.path) {
            self.api.budgets.customer_call().await;
        }
        let store = self.breaker.admitted().await;
        let _permit = self.budget.permit(self.urgency).await;
        // Last: its one probe must not wait for anything of this store's.
        let host = self.api.host.admitted().await;
        let outcome = self.send(call, access, read).await;
        if let Err(Failure::Passing(reason)) = &outcome {
            if host.failed() {
                tracing::warn!(event = "circuit breaker opened", of = "host", reason);
            }
            if store.failed() {
                tracing::warn!(event = "circuit breaker opened", of = "store", connectionId = %self.connection_id, reason);
            }
        } else {
            host.worked();
            store.worked();
        }
        outcome
    }

    async fn send<T>(
        &self,
        call: &Call<'_>,
        access: &Access,
        read: impl Fn(&[u8], Millis) -> Result<T, serde_json::Error>,
    ) -> Result<T, Failure> {
        let (asked_at, sent) = (self.api.clock.now(), Millis::now());
        let url = format!("{}/{}", self.config().api.as_str().trim_end_matches('/'), call.path);
        let mut request = self.api.http.request(call.method.clone(), url).query(call.query);
        request = request.bearer_auth(access.token.expose()).timeout(CALL_TIMEOUT);
        if let Some(body) = call.body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|e| Failure::Passing(e.without_url().to_string()))?;
        let status = answer.status();
        self.api.clock.learn(answer.headers(), sent);
        let held =
            self.budget.learn(status, answer.headers(), self.api.clock.now().0, is_customers(call.path));
        if let Some(pause) = held {
            self.api.budgets.hold_customers(pause);
        }
        metrics::counter!("qafila_salla_calls_total", "status" => status.as_str().to_owned()).increment(1);
        let body = read_bounded(answer).await?;
        match status {
            StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED => {
                read(&body, asked_at).map_err(|e| Failure::Passing(format!("not the answer expected: {e}")))
            }
            StatusCode::UNAUTHORIZED => {
                let message = message(&body);
                // The words are a hint only (FACTS §3), but a scope is never mended by another token of the same grant.
                if message.contains("those scopes") {
                    return Err(Failure::Final(SallaError::ScopeMissing(message)));
                }
                Err(Failure::Unauthorized(message))
            }
            // A gateway in between, too, says 404 when it has lost its way: only Salla's own word buries anything.
            StatusCode::NOT_FOUND if serde_json::from_slice::<ErrorEnvelope>(&body).is_ok() => {
                Err(Failure::Final(SallaError::NotFound))
            }
            StatusCode::NOT_FOUND => Err(Failure::Passing("HTTP 404 without Salla's error".into())),
            StatusCode::TOO_MANY_REQUESTS => Err(Failure::TooMany),
            status if status.is_server_error() => Err(Failure::Passing(format!("HTTP {status}"))),
            status => {
                Err(Failure::Final(SallaError::Refused { status: status.as_u16(), message: message(&body) }))
            }
        }
    }
}

fn answer(body: &[u8], asked_at: Millis) -> Result<Answer, serde_json::Error> {
    let Envelope { data } = serde_json::from_slice(body)?;
    Ok(Answer { data, asked_at })
}

/// Whether a call counts against the customers budget too.
fn is_customers(path: &str) -> bool {
    path == "customers" || path.starts_with("customers/")
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
    ceiling.mul_f64(rand::rng().random_range(0.0..=1.0))
}
