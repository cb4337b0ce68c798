//! Calls of the merchant API: access, budget and circuit breakers before, patience with 429, 5xx, time-outs and cut
//! connections within a budget after, and errors that say which of Salla's cases they are (FACTS §3).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use qafila_schemas::ids::ConnectionId;
use qafila_schemas::millis::Millis;
use rand::Rng;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use serde_json::value::RawValue;

use super::SallaConfig;
use super::breaker::Breaker;
use super::budget::{Budgets, StoreBudget, Urgency};
use super::clock::SallaClock;
use super::oauth::{self, Standing};
use super::shapes::reading::{Notes, Object, Reading, Said, rows};
use crate::access::{Access, AccessError, AccessTokens};

const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const LARGEST_ANSWER: usize = 16 << 20;
/// Failures are waited out for so many of Salla's minutes in all, per call.
const MAX_FAILING_MINUTES: u32 = 2;
/// 429 is waited out for so many of Salla's minutes in all, per call: the customers budget may take ten minutes, and others share it.
const MAX_HELD_MINUTES: u32 = 45;
/// The least of both, however short a minute is in a simulation.
const MIN_PATIENCE: Duration = Duration::from_secs(20);
/// An answer of an unknown shape is asked for so often.
const MAX_MISREAD: u32 = 3;
/// A token that works for what every token may is refused for a scope that is missing after so many answers: one that has just come may not
/// be known everywhere yet.
const MAX_REFUSED_SCOPE: u32 = 3;
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
    #[error("Salla answers 429 for {MAX_HELD_MINUTES} minutes")]
    Throttled,
    /// An answer of an unknown shape, again and again: of this store's, and no sign that Salla fails.
    #[error("Salla's answer cannot be read: {0}")]
    Unreadable(String),
    /// 5xx, time-outs, cut answers, for longer than our patience.
    #[error("Salla did not answer for {MAX_FAILING_MINUTES} minutes: {last}")]
    Unavailable {
        /// The last failure.
        last: String,
    },
}

impl SallaError {
    /// Stable code, as causes of reconciliations and of missing subscriptions have it.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Access(AccessError::NotConnected) => "not_connected",
            Self::Access(access) => access.needs_merchant().map_or("internal_trouble", |(cause, _)| cause),
            Self::ScopeMissing(_) => "scope_missing",
            Self::Throttled => "salla_blocks_us",
            Self::Unavailable { .. } => "salla_unavailable",
            Self::Unreadable(_) => "salla_unreadable",
            Self::Refused { .. } | Self::NotFound => "salla_refused",
        }
    }
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

    /// Whether calls of a store wait because Salla asked us to wait, or does not answer.
    pub fn is_held(&self, store_id: i64) -> bool {
        let stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let is_failing = stores.get(&store_id).is_some_and(|breaker| breaker.is_open());
        is_failing || self.host.is_open() || self.budgets.is_held(store_id)
    }

    /// Whether a call for customers of the store waits for its turn among all stores.
    pub fn is_queued(&self, store_id: i64) -> bool {
        self.budgets.is_queued(store_id)
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

/// Why a page is not read that may be the first of many.
const NO_TOTAL: &str = "pagination tells no total";

/// One failure, and whether asking again may help.
enum Failure {
    Final(SallaError),
    /// The token does not work, as Salla says.
    Unauthorized(String),
    /// Salla asks us to wait: no failure of Salla's.
    TooMany,
    /// The answer has a shape that we do not know.
    Misread(String),
    /// The answer is of Salla's API and broken: a fault of this store's data, which says nothing of the host.
    Garbled(String),
    Passing(String),
}

/// Why the body of an answer was not read.
#[derive(Debug, PartialEq, Eq)]
enum BodyFault {
    /// It is no JSON: cut off, or not Salla's own.
    NoJson(String),
    /// It is JSON of another shape.
    Shape(String),
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
        let asked = |name: &str| query.iter().find(|(n, _)| *n == name).and_then(|(_, v)| v.parse().ok());
        let (number, per_page) = (asked("page").unwrap_or(1), asked("per_page"));
        let answer =
            self.patiently(Call::get(path, query), |body, asked_at| page(body, number, per_page, asked_at));
        match answer.await {
            // A list that tells no total is counted where it is shorter than a page: one row of one tells nothing.
            Err(SallaError::Unreadable(reason)) if per_page == Some(1) && reason == NO_TOTAL => {
                let full = i64::from(self.config().per_page(path));
                let mut query = query.to_vec();
                for (_, value) in query.iter_mut().filter(|(name, _)| *name == "per_page") {
                    *value = full.to_string();
                }
                let read = |body: &str, asked_at| page(body, number, Some(full), asked_at);
                self.patiently(Call::get(path, &query), read).await
            }
            answer => answer,
        }
    }

    /// One object, or a list without pages.
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Answer, SallaError> {
        self.patiently(Call::get(path, query), found).await
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
        read: impl Fn(&str, Millis) -> Result<T, BodyFault>,
    ) -> Result<T, SallaError> {
        let [patience, max_held] = [MAX_FAILING_MINUTES, MAX_HELD_MINUTES]
            .map(|minutes| self.config().minutes(minutes, MIN_PATIENCE));
        let (mut failing_since, mut held_since) = (None, None);
        let (mut attempt, mut misread, mut refused_scope, mut renewed_at) = (0, 0, 0, None);
        loop {
            let access = self.api.access.token(self.connection_id).await?;
            let last = match self.attempt(&call, &access, &read).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::TooMany) => {
                    if held_since.get_or_insert_with(Instant::now).elapsed() > max_held {
                        return Err(SallaError::Throttled);
                    }
                    continue;
                }
                Err(Failure::Misread(reason)) => {
                    misread += 1;
                    if misread >= MAX_MISREAD {
                        tracing::warn!(event = "failed to read Salla's answer", path = call.path, connectionId = %self.connection_id, reason);
                        return Err(SallaError::Unreadable(reason));
                    }
                    reason
                }
                Err(Failure::Unauthorized(message)) => {
                    // The words of a 401 are a hint only (FACTS §3): where the token works for what every token may, a scope is missing.
                    match oauth::standing(&self.api.http, self.config(), &access.token).await {
                        Standing::Accepted => {
                            refused_scope += 1;
                            if refused_scope >= MAX_REFUSED_SCOPE {
                                return Err(SallaError::ScopeMissing(message));
                            }
                            tokio::time::sleep(jittered(attempt)).await;
                            attempt += 1;
                            continue;
                        }
                        Standing::Refused => {}
                        Standing::Unclear(reason) => {
                            if failing_since.get_or_insert_with(Instant::now).elapsed() > patience {
                                return Err(SallaError::Unavailable { last: reason });
                            }
                            tokio::time::sleep(jittered(attempt)).await;
                            attempt += 1;
                            continue;
                        }
                    }
                    // A token that is fresh and refused may be a passing fault of Salla's; each refresh costs a token.
                    if renewed_at.is_none_or(|at: Instant| at.elapsed() > RENEWAL_PAUSE) {
                        renewed_at = Some(Instant::now());
                        self.api.access.renewed(self.connection_id, access.generation).await?;
                        continue;
                    }
                    if failing_since.get_or_insert_with(Instant::now).elapsed() > patience {
                        let generation = access.generation;
                        self.api.access.refused(self.connection_id, generation).await?;
                        tracing::warn!(event = "fresh access refused", connectionId = %self.connection_id, message);
                        return Err(AccessError::Refused { generation }.into());
                    }
                    message
                }
                Err(Failure::Garbled(last) | Failure::Passing(last)) => last,
            };
            metrics::counter!("qafila_salla_retries_total").increment(1);
            tracing::debug!(event = "salla call failed", path = call.path, attempt, reason = last);
            if failing_since.get_or_insert_with(Instant::now).elapsed() > patience {
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
        read: impl Fn(&str, Millis) -> Result<T, BodyFault>,
    ) -> Result<T, Failure> {
        if is_customers(call.path) {
            self.api.budgets.customer_call(&self.budget, self.urgency).await;
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
        } else {
            host.worked();
        }
        if let Err(Failure::Garbled(reason) | Failure::Passing(reason)) = &outcome {
            if store.failed() {
                tracing::warn!(event = "circuit breaker opened", of = "store", connectionId = %self.connection_id, reason);
            }
        } else {
            store.worked();
        }
        outcome
    }

    async fn send<T>(
        &self,
        call: &Call<'_>,
        access: &Access,
        read: impl Fn(&str, Millis) -> Result<T, BodyFault>,
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
            self.api.budgets.hold_customers(&self.budget, pause);
        }
        metrics::counter!("qafila_salla_calls_total", "status" => status.as_str().to_owned()).increment(1);
        let body = read_bounded(answer).await?;
        match status {
            status if status.is_success() => {
                let text = String::from_utf8_lossy(&body);
                read(text.trim_start_matches('\u{feff}').trim(), asked_at).map_err(|fault| match fault {
                    BodyFault::NoJson(reason) => {
                        let reason = format!("not the answer expected: {reason}");
                        if is_web_page(&text) { Failure::Passing(reason) } else { Failure::Garbled(reason) }
                    }
                    BodyFault::Shape(reason) => Failure::Misread(reason),
                })
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
            StatusCode::NOT_FOUND if is_sallas_word(&body) => Err(Failure::Final(SallaError::NotFound)),
            StatusCode::NOT_FOUND => Err(Failure::Passing("HTTP 404 without Salla's error".into())),
            StatusCode::TOO_MANY_REQUESTS => Err(Failure::TooMany),
            status if status.is_server_error() => Err(Failure::Passing(format!("HTTP {status}"))),
            status => {
                Err(Failure::Final(SallaError::Refused { status: status.as_u16(), message: message(&body) }))
            }
        }
    }
}

/// Whether a body is a page for people: whatever stands before the API answered.
fn is_web_page(body: &str) -> bool {
    let start: String = body.trim_start().chars().take(9).collect::<String>().to_ascii_lowercase();
    start.starts_with("<!doctype") || start.starts_with("<html")
}

/// Whether an error is in Salla's envelope, however its parts are spelt.
fn is_sallas_word(body: &[u8]) -> bool {
    let (text, notes) = (String::from_utf8_lossy(body), Notes::default());
    error_envelope(&text, &notes).is_some_and(|envelope| {
        envelope.has("error") || matches!(envelope.flag("success"), Said::Value(false))
    })
}

/// What a GET answers has a body.
fn found(body: &str, asked_at: Millis) -> Result<Answer, BodyFault> {
    if body.is_empty() { Err(BodyFault::NoJson("no body".into())) } else { answer(body, asked_at) }
}

fn answer(body: &str, asked_at: Millis) -> Result<Answer, BodyFault> {
    // Without a body there is nothing to say.
    let body = if body.is_empty() { "{\"data\":null}" } else { body };
    let notes = Notes::default();
    let envelope = envelope(body, &notes)?;
    let data = envelope.raw("data").ok_or_else(|| BodyFault::Shape("no data".into()))?;
    let data =
        RawValue::from_string(data.to_owned()).map_err(|error| BodyFault::NoJson(error.to_string()))?;
    Ok(Answer { data, asked_at })
}

/// Page `number` of a list, of which `per_page` rows were asked for. Whether another follows is told by the counts of pages; where there are
/// none, a page with fewer rows than were asked for is the only one, or the last of a list whose number of rows is told.
fn page(body: &str, number: i64, per_page: Option<i64>, asked_at: Millis) -> Result<Page, BodyFault> {
    let notes = Notes::default();
    let envelope = envelope(body, &notes)?;
    let data = envelope.raw("data").ok_or_else(|| BodyFault::Shape("no data".into()))?;
    let rows = match rows(data) {
        Reading::Value(rows) => rows,
        Reading::Empty => Vec::new(),
        Reading::Odd => return Err(BodyFault::Shape("data is no list".into())),
    };
    let count = rows.len() as i64;
    let pagination = envelope.object("pagination").value();
    let told = |name: &str| pagination.as_ref().and_then(|pagination| pagination.whole(name).value());
    // A page from a cache may say that it is another: paging ends all the same.
    let (current, pages) = (told("currentPage").map_or(number, |told| told.max(number)), told("totalPages"));
    let is_short = per_page.is_none_or(|asked| count < asked.min(told("perPage").unwrap_or(asked)));
    let total = told("total").or(match pages {
        Some(pages) if pages <= 1 => Some(count),
        None if number == 1 && is_short => Some(count),
        _ => None,
    });
    let total = total.ok_or_else(|| BodyFault::Shape(NO_TOTAL.into()))?;
    let has_next = match pages {
        Some(pages) => current < pages,
        None => !is_short && count > 0,
    };
    let owned = |row: &str| {
        RawValue::from_string(row.to_owned()).map_err(|error| BodyFault::NoJson(error.to_string()))
    };
    Ok(Page { rows: rows.into_iter().map(owned).collect::<Result<_, _>>()?, total, has_next, asked_at })
}

fn envelope<'j, 'n>(body: &'j str, notes: &'n Notes) -> Result<Object<'j, 'n>, BodyFault> {
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(body) {
        return Err(BodyFault::NoJson(error.to_string()));
    }
    Object::parse(body, String::new(), notes).ok_or_else(|| BodyFault::Shape("no JSON object".into()))
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
    let (text, notes) = (String::from_utf8_lossy(body), Notes::default());
    let said = error_envelope(&text, &notes).and_then(|envelope| match envelope.object("error") {
        Said::Value(error) => error.text("message").value(),
        _ => envelope.text("error").value(),
    });
    said.map_or_else(|| "no readable message".into(), |message| message.chars().take(200).collect())
}

fn error_envelope<'j, 'n>(text: &'j str, notes: &'n Notes) -> Option<Object<'j, 'n>> {
    Object::parse(text.trim_start_matches('\u{feff}').trim(), String::new(), notes)
}

/// Full jitter: anything up to a doubling ceiling.
fn jittered(attempt: u32) -> Duration {
    let ceiling = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt.min(10))).min(LONGEST_PAUSE);
    ceiling.mul_f64(rand::rng().random_range(0.0..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, number: i64) -> Result<(usize, i64, bool), BodyFault> {
        page(body, number, Some(2), Millis(0)).map(|page| (page.rows.len(), page.total, page.has_next))
    }

    #[test]
    fn only_a_page_for_people_tells_of_the_host_and_broken_json_of_the_store_alone() {
        for page in ["<!DOCTYPE html><html>", "\n<html>", "<HTML lang=\"ar\">"] {
            assert!(is_web_page(page), "{page}");
        }
        for broken in ["{\"data\":[{\"price\":NaN}]}", "<br />\n<b>Notice</b>: x {}", "{\"data\":[", ""] {
            assert!(!is_web_page(broken), "{broken}");
        }
    }

    #[test]
    fn a_page_is_read_however_its_envelope_is_spelt() {
        let of =
            |pagination: &str| format!(r#"{{"data":[{{"id":1}},{{"id":2}}],"pagination":{pagination}}}"#);
        let usual = Ok((2, 5, true));
        assert_eq!(read(&of(r#"{"total":5,"perPage":2,"currentPage":1,"totalPages":3}"#), 1), usual);
        assert_eq!(read(&of(r#"{"total":"5","perPage":"2","currentPage":"1","totalPages":"3"}"#), 1), usual);
        let last = of(r#"{"total":"5","perPage":"2","currentPage":"3","totalPages":"3"}"#);
        assert_eq!(read(&last, 3), Ok((2, 5, false)));
        assert_eq!(
            read(r#"{"data":{"0":{"id":1},"2":{"id":2}},"pagination":{"total":2,"totalPages":1}}"#, 1),
            Ok((2, 2, false))
        );
        assert_eq!(read(r#"{"data":[{"id":1}]}"#, 1), Ok((1, 1, false)), "fewer than were asked for");
        assert_eq!(read(r#"{"data":[],"pagination":[]}"#, 1), Ok((0, 0, false)));
        assert_eq!(
            read(r#"{"data":[{"id":1}],"pagination":{"total":null,"totalPages":1}}"#, 1),
            Ok((1, 1, false))
        );
    }

    #[test]
    fn paging_ends_where_every_page_says_that_it_is_the_first() {
        let body = r#"{"data":[{"id":1}],"pagination":{"total":3,"currentPage":1,"totalPages":3}}"#;
        let has_next = |number| page(body, number, Some(1), Millis(0)).map(|page| page.has_next);
        assert!(matches!(has_next(2), Ok(true)));
        assert!(matches!(has_next(3), Ok(false)));
    }

    #[test]
    fn an_error_of_sallas_is_known_however_it_is_spelt_and_a_gateways_is_not() {
        for (body, said) in [
            (r#"{"status":404,"success":false,"error":{"code":404,"message":"gone"}}"#, "gone"),
            (r#"{"status":404,"success":false,"error":{"code":404,"message":null}}"#, "no readable message"),
            ("\u{feff}{\"status\":404,\"success\":false,\"error\":\"gone\"}", "gone"),
            (r#"{"success":false}"#, "no readable message"),
        ] {
            assert!(is_sallas_word(body.as_bytes()), "{body}");
            assert_eq!(message(body.as_bytes()), said);
        }
        for body in ["", "404 page not found", "<html></html>", "[]", r#"{"message":"no Route matched"}"#] {
            assert!(!is_sallas_word(body.as_bytes()), "{body}");
        }
        assert!(found("", Millis(0)).is_err(), "no body says nothing");
    }

    #[test]
    fn what_cannot_be_counted_is_named_and_is_no_failure_of_salla() {
        for body in [
            r#"{"data":[{"id":1},{"id":2}]}"#,
            r#"{"data":[{"id":1},{"id":2}],"pagination":{"total":null,"totalPages":3}}"#,
            r#"{"data":"many"}"#,
            r#"{"pagination":{}}"#,
            "[]",
        ] {
            assert!(matches!(read(body, 1), Err(BodyFault::Shape(_))), "{body}");
        }
        for body in ["", "<html>", r#"{"data":[{"id":1}"#] {
            assert!(matches!(read(body, 1), Err(BodyFault::NoJson(_))), "{body}");
        }
    }
}
