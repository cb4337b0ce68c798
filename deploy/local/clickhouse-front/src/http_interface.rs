//! One HTTP request: ping, query or insert, streamed both ways.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::sync::{mpsc, oneshot};

use crate::engine::{Engine, EngineError, Lent};
use crate::statement::{Kind, Pieces, Statement, kind, split_insert_format};

const DEFAULT_FORMAT: &str = "TabSeparated";
const LARGEST_SQL: usize = 8 << 20;
const PIECES_UNDER_WAY: usize = 8;

type Body = BoxBody<Bytes, std::io::Error>;

/// Answers one request; never fails as a service.
pub async fn answer(engine: Arc<Engine>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    Ok(match (request.method(), path) {
        (&Method::GET, "/ping") => text(StatusCode::OK, "Ok.\n"),
        (&Method::GET | &Method::POST, "/") => {
            run(engine, request).await.unwrap_or_else(|refusal| refused(&refusal))
        }
        (_, "/") => text(StatusCode::METHOD_NOT_ALLOWED, "GET or POST\n"),
        _ => text(StatusCode::NOT_FOUND, "this local front serves / and /ping\n"),
    })
}

/// A failure with ClickHouse's own code where the engine gave one.
struct Refusal(String);

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self(message)
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        Self(error.0)
    }
}

async fn run(engine: Arc<Engine>, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
    let pairs = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    let mut statement = Statement::from_url(pairs.into_owned())?;
    if let Some(database) = request.headers().get("x-clickhouse-database").and_then(|v| v.to_str().ok()) {
        statement.database.get_or_insert_with(|| database.to_owned());
    }
    if let Some(format) = request.headers().get("x-clickhouse-format").and_then(|v| v.to_str().ok()) {
        statement.default_format.get_or_insert_with(|| format.to_owned());
    }
    let kind_of_body = request.headers().get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let boundary = kind_of_body.and_then(|kind| multer::parse_boundary(kind).ok());
    let body = request.into_body();
    if kind(&statement.query) == Kind::Insert && boundary.is_none() {
        insert(engine, statement, body).await?;
        return Ok(text(StatusCode::OK, ""));
    }
    let bytes = http_body_util::Limited::new(body, LARGEST_SQL)
        .collect()
        .await
        .map_err(|e| format!("reading the request (a statement may have {LARGEST_SQL} bytes): {e}"))?
        .to_bytes();
    let mut sql = std::mem::take(&mut statement.query);
    match boundary {
        Some(boundary) => sql.push_str(&read_form(bytes, boundary, &mut statement).await?),
        None => {
            sql.push_str(std::str::from_utf8(&bytes).map_err(|_| "a statement must be UTF-8".to_owned())?);
        }
    }
    let sql = sql.trim().trim_end_matches(';').to_owned();
    if sql.is_empty() {
        return Ok(text(StatusCode::OK, "Ok.\n"));
    }
    query(engine, statement, sql).await
}

/// Reads a form with the query and its parameters, as the `clickhouse` crate sends them; returns the query.
async fn read_form(bytes: Bytes, boundary: String, statement: &mut Statement) -> Result<String, String> {
    let whole = futures::stream::iter([Ok::<_, std::convert::Infallible>(bytes)]);
    let mut form = multer::Multipart::new(whole, boundary);
    let mut query = String::new();
    while let Some(field) = form.next_field().await.map_err(|e| format!("reading the form: {e}"))? {
        let name = field.name().unwrap_or_default().to_owned();
        let value = field.text().await.map_err(|e| format!("reading the form: {e}"))?;
        match name.strip_prefix("param_") {
            Some(parameter) => drop(statement.parameters.insert(parameter.to_owned(), value)),
            None if name == "query" => query = value,
            None => return Err(format!("a form may hold `query` and `param_…`, not {name:?}")),
        }
    }
    Ok(query)
}

/// Runs a statement on a thread of its own; the answer starts with the first piece of its result.
async fn query(engine: Arc<Engine>, statement: Statement, sql: String) -> Result<Response<Body>, Refusal> {
    let format = statement.default_format.clone().unwrap_or_else(|| DEFAULT_FORMAT.into());
    let (pieces, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(PIECES_UNDER_WAY);
    let (started, start) = oneshot::channel::<Result<(), Refusal>>();
    let mut started = Some(started);
    tokio::task::spawn_blocking(move || {
        let mut begin = |outcome: Result<(), Refusal>| match started.take() {
            // The client may have gone; then nobody waits for the start.
            Some(started) => drop(started.send(outcome)),
            None => {
                if let Err(Refusal(message)) = outcome {
                    drop(pieces.blocking_send(Err(std::io::Error::other(message))));
                }
            }
        };
        let lent = engine.lend();
        let joint = crate::statement::pieces(&sql, &format);
        let mut first = true;
        let outcome = surrounded(&lent, &statement, || match kind(&sql) {
            Kind::Query if joint != Pieces::Whole => lent.stream(&sql, &format, |mut piece| {
                begin(Ok(()));
                if !std::mem::take(&mut first) {
                    piece = piece.slice(joint.header(&piece)..);
                }
                pieces.blocking_send(Ok(piece)).is_ok()
            }),
            _ => lent.command(&sql, &format).map(|result| {
                if !result.is_empty() {
                    begin(Ok(()));
                    drop(pieces.blocking_send(Ok(result)));
                }
            }),
        });
        begin(outcome);
    });
    start.await.map_err(|_| "the engine's thread ended early".to_owned())??;
    let pieces =
        futures::stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    let body = StreamBody::new(pieces.map(|piece| piece.map(Frame::data)));
    Ok(Response::new(BodyExt::boxed(body)))
}

/// Streams the body into an insert. Data cut off by a broken connection adds nothing.
async fn insert(engine: Arc<Engine>, mut statement: Statement, mut body: Incoming) -> Result<(), Refusal> {
    let (pieces, mut receiver) = mpsc::channel::<Result<Bytes, String>>(PIECES_UNDER_WAY);
    let sql = std::mem::take(&mut statement.query);
    let work = tokio::task::spawn_blocking(move || {
        let lent = engine.lend();
        surrounded(&lent, &statement, || {
            let Some(first) = receiver.blocking_recv() else {
                // No data at all: the SQL holds it (VALUES …, SELECT …).
                return lent.run(&sql, DEFAULT_FORMAT).map(drop);
            };
            let (into, format) = split_insert_format(&sql);
            let mut insert = lent.insert(into, format.unwrap_or("Values"));
            let mut piece = Some(first);
            while let Some(data) = piece {
                insert.append(&data.map_err(EngineError)?)?;
                piece = receiver.blocking_recv();
            }
            insert.finish()
        })
    });
    while let Some(frame) = body.frame().await {
        let piece = match frame {
            Ok(frame) => Ok(frame.into_data().unwrap_or_default()),
            Err(error) => Err(format!("reading the request: {error}")),
        };
        let broken = piece.is_err();
        if matches!(&piece, Ok(data) if data.is_empty()) {
            continue;
        }
        if pieces.send(piece).await.is_err() || broken {
            break;
        }
    }
    drop(pieces);
    work.await.map_err(|e| format!("the engine's thread failed: {e}"))?
}

/// Runs `work` with the statement's database, settings and parameters, and leaves the connection as it was.
fn surrounded<T>(
    lent: &Lent<'_>,
    statement: &Statement,
    work: impl FnOnce() -> Result<T, EngineError>,
) -> Result<T, Refusal> {
    let (before, after) = statement.surroundings()?;
    lent.use_database(statement.database()?)?;
    let prepared = before.map_or(Ok(()), |sql| lent.run(&sql, DEFAULT_FORMAT).map(drop));
    let outcome = prepared.and_then(|()| work());
    if let Some(sql) = after {
        lent.run(&sql, DEFAULT_FORMAT)?;
    }
    Ok(outcome?)
}

fn refused(refusal: &Refusal) -> Response<Body> {
    let code: String =
        refusal.0.strip_prefix("Code: ").unwrap_or("").chars().take_while(char::is_ascii_digit).collect();
    let mut response = text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{}\n", refusal.0.trim_end()));
    if let Ok(value) = http::HeaderValue::from_str(&code)
        && !code.is_empty()
    {
        response.headers_mut().insert("x-clickhouse-exception-code", value);
    }
    response
}

fn text(status: StatusCode, message: &str) -> Response<Body> {
    let body = Full::new(Bytes::copy_from_slice(message.as_bytes())).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
