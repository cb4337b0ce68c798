//! A front before the gateway that holds every answer against the OpenAPI document, and answers 599 in the place of one that is outside it,
//! so that the test that asked fails. Counts stand in `target/answers.json`.

use std::borrow::Cow;
use std::io::{Read as _, Write as _};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::uri::{Authority, Uri};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use qafila_gateway::routes::openapi;
use qafila_gateway::web_app::Named;
use qafila_stack::layout::Layout;
use tokio::net::TcpListener;

use super::{Answered, Contract, is_json};

type Forwarder = Client<HttpConnector, Full<Bytes>>;
type Body = Either<Incoming, Full<Bytes>>;

static CONTRACT: LazyLock<Contract> =
    LazyLock::new(|| Contract::new(openapi::described()).expect("the document is one"));
static CHECKED: AtomicU64 = AtomicU64::new(0);
static OUTSIDE: AtomicU64 = AtomicU64::new(0);

/// A body that the gateway always reads whole.
const SMALL_BODY: usize = 64 << 10;
/// Status in the place of an answer that is outside the document.
const OUTSIDE_STATUS: u16 = 599;

/// Starts a front before the gateway at `upstream`, an address such as `127.0.0.1:8080`; tells its own address.
pub async fn start(upstream: &str) -> Result<String> {
    let upstream: Authority = upstream.parse().context("an address")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let (client, upstream) = (client.clone(), upstream.clone());
            tokio::spawn(async move {
                let service = service_fn(move |request| pass(client.clone(), upstream.clone(), request));
                // Whoever is gone needs no answer, and where the gateway gave none there is none.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    Ok(address)
}

/// Writes what was checked since the last time, as one line of `target/answers.json`: `checked` and `outside`.
pub fn record() -> Result<()> {
    let (checked, outside) = (CHECKED.swap(0, Ordering::Relaxed), OUTSIDE.swap(0, Ordering::Relaxed));
    if checked == 0 {
        return Ok(());
    }
    let path = Layout::find()?.root.join("target/answers.json");
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    Ok(writeln!(file, "{}", serde_json::json!({"checked": checked, "outside": outside}))?)
}

/// Sends a request on. The gateway refuses a body that is too large before it has read it, and its answer may be lost with the connection:
/// then it is asked again, which changes nothing.
async fn forward(client: &Forwarder, request: Request<Incoming>) -> Result<Response<Incoming>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut tries = if body.len() > SMALL_BODY { 5 } else { 1 };
    loop {
        tries -= 1;
        match client.request(Request::from_parts(head.clone(), Full::new(body.clone()))).await {
            Err(_) if tries > 0 => {}
            answer => return Ok(answer?),
        }
    }
}

/// A body as it was before it was compressed.
fn uncompressed<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Cow<'a, [u8]>> {
    if headers.get(header::CONTENT_ENCODING).is_none_or(|encoding| encoding != "gzip") {
        return Ok(Cow::Borrowed(body));
    }
    let mut unpacked = vec![];
    GzDecoder::new(body).read_to_end(&mut unpacked)?;
    Ok(Cow::Owned(unpacked))
}

async fn pass(
    client: Forwarder,
    upstream: Authority,
    mut request: Request<Incoming>,
) -> Result<Response<Body>> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(http::uri::Scheme::HTTP);
    parts.authority = Some(upstream);
    *request.uri_mut() = Uri::from_parts(parts)?;
    let (head, body) = forward(&client, request).await?.into_parts();
    let media_type = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_json = media_type.is_none_or(|kind| kind.split(';').next().is_some_and(is_json));
    // Files go through as they come.
    let body = if is_json { Either::Right(body.collect().await?.to_bytes()) } else { Either::Left(body) };
    let known =
        if let Either::Right(bytes) = &body { Some(uncompressed(&head.headers, bytes)?) } else { None };
    let known = known.as_deref();
    let answered = Answered { method: &method, path: &path, status: head.status, media_type, body: known };
    // Pages of the web app are none of the document's.
    let is_of_api = Named::by(&method, &path).is_none();
    CHECKED.fetch_add(u64::from(is_of_api), Ordering::Relaxed);
    if is_of_api && let Some(fault) = CONTRACT.fault(&answered) {
        OUTSIDE.fetch_add(1, Ordering::Relaxed);
        eprintln!("outside the OpenAPI document: {fault}");
        let mut response = Response::new(Either::Right(Full::new(fault.into())));
        *response.status_mut() = StatusCode::from_u16(OUTSIDE_STATUS)?;
        return Ok(response);
    }
    Ok(Response::from_parts(
        head,
        match body {
            Either::Left(body) => Either::Left(body),
            Either::Right(bytes) => Either::Right(Full::new(bytes)),
        },
    ))
}
