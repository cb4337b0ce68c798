//! Our own accept loop around warp's filters (TECHNIQUES §E.6): a bound on connections, a deadline for headers, the body
//! read once within a hard limit, a deadline for whoever does not read its answer, no Nagle delay, and an end that waits for
//! requests under way, but not for ever.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{Extensions, HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use qafila_ingest::webhooks::packing::MAX_BODY;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::service_fn;
use tower_http::CompressionLevel;
use tower_http::compression::Compression;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_service::Service;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Reply;

use crate::call::{CLIENT_HEADER, language};
use crate::client_address::TrustedProxies;
use crate::etag;
use crate::large_bodies::{LargeBodies, Room};
use crate::problem::{Code, Problem};
use crate::route_names::{RouteNames, method_name};
use crate::routes::webhooks;
use crate::web_app::{Named, WebApp};

const MOST_CONNECTIONS: usize = 4_096;
const HEADER_DEADLINE: Duration = Duration::from_secs(10);
const BODY_DEADLINE: Duration = Duration::from_secs(15);
/// How long a client may take no byte of an answer.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
const DRAIN: Duration = Duration::from_secs(10);
const LARGEST_BODY: usize = 64 << 10;
/// A shorter answer (bytes) is one packet either way.
const MIN_COMPRESSED: u16 = 1_024;
/// Level of gzip: a trend of 30 days, 70 KB, is a few KB and takes about a millisecond.
const COMPRESSION: i32 = 4;
const WEBHOOKS: &str = "/api/webhooks/";
const REQUEST_ID: &str = "x-request-id";

type Reply0 = (warp::reply::Response,);
type Body = Either<Full<Bytes>, StreamedBody>;
type StreamedBody = http_body_util::combinators::UnsyncBoxBody<Bytes, BodyError>;

/// Why an answer ended before its end.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Marks an answer that is handed on piece by piece: a file, which need not fit into memory.
#[derive(Debug, Clone, Copy)]
pub struct Streamed;

/// What the front knows of the world around it.
pub struct Front {
    trusted_proxies: TrustedProxies,
    routes: RouteNames,
    large_bodies: LargeBodies,
    web_app: Option<WebApp>,
}

impl Front {
    /// A front that believes `trusted_proxies`, names routes as `routes`, and serves `web_app` at all addresses that are not the API's.
    pub fn new(trusted_proxies: TrustedProxies, routes: RouteNames, web_app: Option<WebApp>) -> Self {
        Self { trusted_proxies, routes, large_bodies: LargeBodies::default(), web_app }
    }
}

/// Serves `routes` until `shutdown`, then lets requests under way finish.
pub async fn serve(
    listener: TcpListener,
    routes: BoxedFilter<Reply0>,
    front: Arc<Front>,
    shutdown: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&room).acquire_owned() => match permit { Ok(permit) => permit, Err(_) => break },
            () = shutdown.cancelled() => break,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(event = "connection not accepted", error = %error);
                    // Out of file descriptors: others have to close first.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = shutdown.cancelled() => break,
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(event = "nodelay refused", error = %error);
        }
        let (routes, front) = (routes.clone(), Arc::clone(&front));
        let service = service_fn(move |request| answer(routes.clone(), Arc::clone(&front), peer, request));
        let service = TowerToHyperService::new(
            Compression::new(service)
                .quality(CompressionLevel::Precise(COMPRESSION))
                .compress_when(SizeAbove::new(MIN_COMPRESSED).and(is_compressed)),
        );
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_DEADLINE)
            .max_buf_size(64 << 10)
            .serve_connection(TokioIo::new(with_write_deadline(stream)), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(event = "connection ended", error = %error);
            }
            drop(permit);
        });
    }
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!(event = "requests cut off at shutdown");
    }
}

/// Whether an answer may be sent compressed: what was read with GET. A log-in or a new key is not: beside a text that another chose, the length
/// of a compressed secret would tell about it.
fn is_compressed(status: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    status == StatusCode::OK && is_json && headers.contains_key(header::ETAG)
}

/// An answer that nobody reads would hold its connection, one of those that webhooks need, for ever.
fn with_write_deadline(stream: TcpStream) -> Pin<Box<TimeoutStream<TcpStream>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_DEADLINE));
    Box::pin(stream)
}

async fn answer(
    routes: BoxedFilter<Reply0>,
    front: Arc<Front>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let started = Instant::now();
    let request_id = uuid::Uuid::now_v7().simple().to_string();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let asked = Asked { method: method.clone(), headers: request.headers().clone() };
    if let (Some(web_app), Some(named)) = (&front.web_app, Named::by(&method, &path)) {
        let mut response = web_app.answer(named, &method, &path, &asked.headers).await;
        mark(response.headers_mut(), &request_id);
        observe(&method, named.route(), response.status(), started);
        return Ok(response.map(Either::Right));
    }
    let client = front.trusted_proxies.client(peer.ip(), request.headers());
    let mut reply = match read(request, client, &front.large_bodies).await {
        Ok((request, _room)) => {
            let mut service = warp::service(routes.map(|reply: warp::reply::Response| reply));
            match service.call(request).await {
                Ok(reply) => reply,
                Err(never) => match never {},
            }
        }
        Err(problem) => {
            if path.starts_with(WEBHOOKS) {
                let is_large = problem.status_code() == StatusCode::PAYLOAD_TOO_LARGE;
                webhooks::count(if is_large { webhooks::TOO_LARGE } else { "not_read" });
            }
            problem.into_response()
        }
    };
    if reply.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Ok(methods) = HeaderValue::from_str(&front.routes.methods(&path))
    {
        reply.headers_mut().insert(header::ALLOW, methods);
    }
    let response = finish(reply, &asked, &request_id).await;
    observe(&method, front.routes.name(&path), response.status(), started);
    Ok(response)
}

/// Reads the body, once and bounded; one that has become large holds room until it is answered.
async fn read(
    request: Request<Incoming>,
    client: IpAddr,
    large_bodies: &LargeBodies,
) -> Result<(Request<Full<Bytes>>, Option<Room>), Problem> {
    let is_webhook = request.uri().path().starts_with(WEBHOOKS);
    let limit = if is_webhook { MAX_BODY } else { LARGEST_BODY };
    let (mut head, body) = request.into_parts();
    let gathering = gather(body, limit, || large_bodies.take(client));
    let (body, room) =
        tokio::time::timeout(BODY_DEADLINE, gathering).await.map_err(|_| Problem::new(Code::Timeout))??;
    let client = HeaderValue::from_str(&client.to_string()).unwrap_or(HeaderValue::from_static(""));
    head.headers.insert(CLIENT_HEADER, client);
    Ok((Request::from_parts(head, Full::new(body)), room))
}

async fn gather(
    mut body: Incoming,
    limit: usize,
    room: impl Fn() -> Option<Room>,
) -> Result<(Bytes, Option<Room>), Problem> {
    let too_large = || Problem::new(Code::TooLarge).with("bytes", limit as i64);
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let (mut gathered, mut held) = (BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(Code::CutOff))?;
        let Some(piece) = frame.data_ref() else { continue };
        if gathered.len() + piece.len() > limit {
            return Err(too_large());
        }
        gathered.extend_from_slice(piece);
        if gathered.len() > LARGEST_BODY && held.is_none() {
            held = Some(room().ok_or_else(|| Problem::new(Code::Busy).retry_after(2))?);
        }
    }
    Ok((gathered.freeze(), held))
}

/// What was asked, where the answer depends on it.
struct Asked {
    method: Method,
    headers: HeaderMap,
}

/// Adds what every answer has: a request id, in problems too, and an ETag on what was asked for with GET.
async fn finish(reply: warp::reply::Response, asked: &Asked, request_id: &str) -> Response<Body> {
    let (mut head, body) = reply.into_parts();
    let is_streamed = head.extensions.remove::<Streamed>().is_some();
    mark(&mut head.headers, request_id);
    head.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if is_streamed {
        let body = body.map_err(|error| Box::new(error) as BodyError);
        return Response::from_parts(head, Either::Right(body.boxed_unsync()));
    }
    let mut body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    if let Some(problem) = head.extensions.remove::<Problem>() {
        let language = language(&asked.headers);
        body = serde_json::to_vec(&problem.body(language, request_id)).unwrap_or_default().into();
        head.headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.code()));
        tracing::debug!(event = "problem answered", requestId = request_id, status = head.status.as_u16());
    } else if asked.method == Method::GET && head.status == StatusCode::OK {
        let tag = etag::of(&body);
        if let Ok(value) = HeaderValue::from_str(&tag) {
            if etag::is_known(&asked.headers, &tag) {
                head.status = StatusCode::NOT_MODIFIED;
                head.headers.remove(header::CONTENT_TYPE);
                body = Bytes::new();
            }
            head.headers.insert(header::ETAG, value);
            head.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        }
    }
    // Texts of answers are in the client's language, those of problems and advice alike.
    head.headers.append(header::VARY, HeaderValue::from_static("accept-language"));
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, Either::Left(Full::new(body)))
}

/// What every answer has, whatever it is of.
fn mark(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
}

fn observe(method: &Method, route: &str, status: StatusCode, started: Instant) {
    metrics::histogram!(
        "qafila_http_request_seconds",
        "method" => method_name(method),
        "route" => route.to_owned(),
        "status" => status.as_u16().to_string(),
    )
    .record(started.elapsed().as_secs_f64());
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn what_was_read_is_compressed_and_an_answer_that_may_hold_a_secret_or_is_a_file_is_not() {
        let compressed = |status, of: &[(HeaderName, &'static str)]| {
            let headers = of.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
            is_compressed(status, Version::HTTP_11, &headers.collect(), &Extensions::new())
        };
        let (json, tag) = ((header::CONTENT_TYPE, "application/json"), (header::ETAG, "W/\"1\""));
        assert!(compressed(StatusCode::OK, &[json.clone(), tag.clone()]));
        // A log-in, or a new key: not read, so without a tag.
        assert!(!compressed(StatusCode::OK, std::slice::from_ref(&json)));
        assert!(!compressed(StatusCode::CREATED, &[json, tag.clone()]));
        assert!(!compressed(StatusCode::OK, &[(header::CONTENT_TYPE, "text/csv"), tag]));
    }
}
