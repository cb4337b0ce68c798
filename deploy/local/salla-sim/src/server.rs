//! The HTTP server: one request in, the right room, one answer out.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::state::Sim;
use crate::{admin, api, oauth};

const LARGEST_BODY: usize = 1 << 20;

/// An answer; a cut one breaks off in the middle.
pub type Answer = Response<Body>;
/// Its body.
pub type Body = BoxBody<Bytes, std::io::Error>;

/// Parameters of a query string or a form.
#[derive(Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `a=b&c=d`.
    pub fn parse(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    /// The first value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// A value as a number.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    /// All of them.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }
}

/// A request, read whole.
pub struct Call {
    /// Method.
    pub method: Method,
    /// Path.
    pub path: String,
    /// Query.
    pub query: Parameters,
    /// `Authorization: Bearer …`.
    pub token: Option<String>,
    /// Body.
    pub body: Bytes,
}

/// Serves until the listener fails for good.
pub async fn serve(listener: TcpListener, sim: Sim) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let sim = sim.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let sim = sim.clone();
                async move { Ok::<_, Infallible>(answer(sim, request).await) }
            });
            // A cut answer ends the connection with an error, which is what was asked for.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(sim: Sim, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, LARGEST_BODY).collect().await else {
        return html(StatusCode::PAYLOAD_TOO_LARGE, "too large");
    };
    let token = head
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("Bearer "))
        .map(str::to_owned);
    let call = Call {
        path: head.uri.path().to_owned(),
        query: Parameters::parse(head.uri.query().unwrap_or_default().as_bytes()),
        method: head.method,
        token,
        body: body.to_bytes(),
    };
    match (&call.method, call.path.as_str()) {
        (&Method::GET, "/oauth2/auth") => oauth::authorize(&sim, &call.query),
        (&Method::POST, "/oauth2/token") => oauth::token(&sim, &Parameters::parse(&call.body)).await,
        (&Method::GET, "/oauth2/user/info") => oauth::user_info(&sim, call.token.as_deref()),
        (_, path) if path.starts_with("/admin/v2/") => api::answer(&sim, &call).await,
        (_, path) if path.starts_with("/_sim/") => admin::answer(&sim, &call),
        _ => html(StatusCode::NOT_FOUND, "no such page"),
    }
}

/// JSON.
pub fn json_answer(status: StatusCode, value: &Value) -> Answer {
    let bytes = serde_json::to_vec(value).unwrap_or_default();
    full(status, "application/json", Bytes::from(bytes))
}

/// HTML.
pub fn html(status: StatusCode, text: &str) -> Answer {
    let page = format!("<!doctype html><meta charset=\"utf-8\"><title>Salla (simulated)</title>{text}");
    full(status, "text/html; charset=utf-8", Bytes::from(page))
}

/// Plain text, which a client that expects JSON must survive.
pub fn plain(status: StatusCode, text: &str) -> Answer {
    full(status, "text/plain", Bytes::copy_from_slice(text.as_bytes()))
}

/// 302.
pub fn redirect(to: &str) -> Answer {
    let mut answer = full(StatusCode::FOUND, "text/plain", Bytes::new());
    if let Ok(location) = HeaderValue::from_str(to) {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    answer
}

/// The same answer, broken off half-way.
pub async fn cut(answer: Answer) -> Answer {
    let (mut head, body) = answer.into_parts();
    let whole = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let half = whole.slice(..whole.len() / 2);
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let frames = stream::iter([Ok(Frame::data(half)), Err(std::io::Error::other("cut on purpose"))]);
    Response::from_parts(head, BodyExt::boxed(StreamBody::new(frames)))
}

/// Waits, then answers: the client has long given up.
pub async fn hang(seconds: f64) -> Answer {
    tokio::time::sleep(Duration::from_secs_f64(seconds.max(0.0))).await;
    plain(StatusCode::GATEWAY_TIMEOUT, "too late")
}

fn full(status: StatusCode, kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body).map_err(|never| match never {}).boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(header::DATE, http_date());
    answer
}

fn http_date() -> HeaderValue {
    let now = chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::from_str(&now).unwrap_or(HeaderValue::from_static(""))
}
