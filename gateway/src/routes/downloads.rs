//! `/download/{token}`: the link of a mail and of the page. Our signature is all the session it needs.

use std::ops::Range;
use std::sync::Arc;

use chrono::Utc;
use futures::{SinkExt, StreamExt};
use http::{HeaderValue, Method, StatusCode, header};
use qafila_projections::export::store::{Delivery, FileKey, StoreError, extension};
use qafila_schemas::records::export::ExportRequested;
use warp::reply::{Reply, Response};

use super::Answer;
use crate::app::App;
use crate::call::{Call, no_content, with_header};
use crate::problem::{Code, Problem};
use crate::server::Streamed;

/// Pieces of a file between the store and the browser.
const UNDER_WAY: usize = 2;
/// What is answered about a link that works no more, or never did.
const DEAD: [StatusCode; 2] = [StatusCode::NOT_FOUND, StatusCode::GONE];

/// A file, or the way to it.
#[utoipa::path(get, operation_id = "downloadFile", path = "/download/{token}", tag = "exports", params(("token" = String, Path)),
    responses(
        (status = 200, description = "The file", content((Vec<u8> = "text/csv"), (Vec<u8> = "application/x-ndjson"),
            (Vec<u8> = "application/vnd.apache.parquet"), (Vec<u8> = "application/gzip"), (Vec<u8> = "application/zstd"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
        (status = 206, description = "The rest of the file, from the byte that `Range` names", content((Vec<u8> = "text/csv"),
            (Vec<u8> = "application/x-ndjson"), (Vec<u8> = "application/vnd.apache.parquet"), (Vec<u8> = "application/gzip"),
            (Vec<u8> = "application/zstd"), (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
        (status = 302, description = "Where the file is, for five minutes"),
        (status = 404, description = "A page, for browsers", body = String, content_type = "text/html"),
        (status = 410, description = "A page, for browsers", body = String, content_type = "text/html")))]
pub async fn download(app: Arc<App>, call: Call, token: String) -> Answer {
    answer(&app, &call, &token, &Method::GET).await
}

/// The same without the file: readers of mails and managers of downloads look before they fetch.
pub async fn look(app: Arc<App>, mut call: Call, token: String) -> Answer {
    // A part is of GET alone (RFC 9110 §14.2).
    call.headers.remove(header::RANGE);
    answer(&app, &call, &token, &Method::HEAD).await
}

async fn answer(app: &App, call: &Call, token: &str, method: &Method) -> Answer {
    match deliver(app, call, token, method).await {
        Err(problem) if DEAD.contains(&problem.status_code()) && wants_a_page(call) => {
            Ok(dead_link(&problem))
        }
        answer => answer,
    }
}

/// What a file is: its columns, filters and hash, how far the facts had come, and from when to when nothing is missing.
#[utoipa::path(get, operation_id = "downloadManifest", path = "/download/{token}/manifest", tag = "exports", params(("token" = String, Path)),
    responses((status = 200, description = "The manifest", body = serde_json::Value, content_type = "application/json")))]
pub async fn manifest(app: Arc<App>, _call: Call, token: String) -> Answer {
    let (_, key, _) = linked(&app, &token).await?;
    let manifest = match app.export_store.manifest(&key).await {
        Ok(manifest) => manifest,
        Err(StoreError::Missing) => return Err(gone()),
        Err(error) => return Err(Problem::unavailable("object store", &error)),
    };
    let mut response = Response::new(manifest.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}

/// The export that a link is about, where its file is, and the tag of that.
async fn linked(app: &App, token: &str) -> Result<(ExportRequested, FileKey, String), Problem> {
    let linked = app.download_links.read(token).ok_or_else(|| Problem::new(Code::UnknownLink))?;
    if linked.expires_at <= Utc::now() {
        return Err(gone());
    }
    // From the events, so that a revoked link stops working at once.
    let (export, _) = app
        .exports
        .load(&linked.job.to_string())
        .await
        .map_err(|e| Problem::unavailable("event store", &e))?;
    let request =
        export.request().filter(|request| request.merchant_id == linked.merchant).ok_or_else(gone)?;
    let there = export.file().ok_or_else(gone)?;
    let key = FileKey {
        merchant: linked.merchant,
        job: linked.job,
        epoch: there.epoch,
        extension: extension(&request.format, request.compression.as_deref()),
    };
    Ok((request.clone(), key, format!("\"{}\"", there.sha256)))
}

async fn deliver(app: &App, call: &Call, token: &str, method: &Method) -> Answer {
    let (request, key, tag) = linked(app, token).await?;
    // A range of another file would be spliced into this one (RFC 9110 §13.1.5).
    let is_same = call.header(header::IF_RANGE.as_str()).is_none_or(|wanted| wanted == tag);
    let wanted = call.header(header::RANGE.as_str()).filter(|_| is_same).and_then(Wanted::read);
    match app
        .export_store
        .deliver(&key, method, |size| wanted.map_or(0..size, |wanted| wanted.of(size)))
        .await
    {
        Ok(Delivery::Link(link)) => Ok(with_header(found(), "location", link.as_str())),
        Ok(Delivery::Bytes { size, range, .. }) if wanted.is_some() && range.is_empty() => {
            let problem = Problem::new(Code::NoSuchRange).with("bytes", size as i64);
            Ok(with_header(problem.into_response(), "content-range", &format!("bytes */{size}")))
        }
        Ok(Delivery::Bytes { size, range, stream }) => {
            let name = file_name(&request, &key);
            let (mut sender, receiver) = futures::channel::mpsc::channel(UNDER_WAY);
            tokio::spawn(async move {
                let mut stream = stream.map(Ok);
                if let Err(error) = sender.send_all(&mut stream).await {
                    tracing::debug!(event = "download ended early", error = %error);
                }
            });
            let body = warp::reply::stream(receiver).into_response();
            let part = wanted.map(|_| format!("bytes {}-{}/{size}", range.start, range.end - 1));
            let answer = file(body, &name, content_type(&request), range.end - range.start, part);
            Ok(with_header(answer, "etag", &tag))
        }
        Err(StoreError::Missing) => Err(gone()),
        Err(error) => Err(Problem::unavailable("object store", &error)),
    }
}

/// Whoever opens a link of a mail in a browser wants to read what is wrong with it.
fn wants_a_page(call: &Call) -> bool {
    call.header(header::ACCEPT.as_str()).is_some_and(|kinds| kinds.contains("text/html"))
}

/// The problem as a page, in both languages: nobody is logged in, so nobody knows which one is wanted.
fn dead_link(problem: &Problem) -> Response {
    let mut response = warp::reply::html(include_str!("dead_link.html")).into_response();
    *response.status_mut() = problem.status_code();
    response
}

/// 410: it was there.
fn gone() -> Problem {
    Problem::new(Code::LinkExpired)
}

fn found() -> Response {
    let mut response = no_content();
    *response.status_mut() = StatusCode::FOUND;
    response
}

/// The answer with a file, or with the `part` of it.
fn file(
    mut response: Response,
    name: &str,
    kind: &'static str,
    length: u64,
    part: Option<String>,
) -> Response {
    response.extensions_mut().insert(Streamed);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    // The link is a key: it is no business of whatever is opened next.
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    if let Some(part) = part {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        response = with_header(response, "content-range", &part);
    }
    with_header(response, "content-disposition", &format!("attachment; filename=\"{name}\""))
}

/// A part of a file, as `Range` asks for it. Several parts at once are answered with the whole file, as RFC 9110 §14.2 allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// `bytes=100-199`.
    Between(u64, u64),
    /// `bytes=100-`: where a broken download goes on.
    From(u64),
    /// `bytes=-100`.
    Last(u64),
}

impl Wanted {
    fn read(range: &str) -> Option<Self> {
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        match (first, last) {
            ("", last) => Some(Self::Last(last.parse().ok()?)),
            (first, "") => Some(Self::From(first.parse().ok()?)),
            (first, last) => {
                let (first, last) = (first.parse().ok()?, last.parse().ok()?);
                (first <= last).then_some(Self::Between(first, last))
            }
        }
    }

    /// Of a file of `size` bytes; empty where it has none of it.
    fn of(self, size: u64) -> Range<u64> {
        match self {
            Self::Between(first, last) => first.min(size)..last.saturating_add(1).min(size),
            Self::From(first) => first.min(size)..size,
            Self::Last(count) => size.saturating_sub(count)..size,
        }
    }
}

/// Such as `qafila-orders-2026-03-31.csv`.
fn file_name(request: &ExportRequested, key: &FileKey) -> String {
    let day = request.requested_at.to_utc().with_timezone(&chrono_tz::Asia::Riyadh).date_naive();
    format!("qafila-{}-{day}.{}", request.report_type, key.extension)
}

fn content_type(request: &ExportRequested) -> &'static str {
    match (request.format.as_str(), request.compression.as_deref()) {
        ("parquet", _) => "application/vnd.apache.parquet",
        ("xlsx", _) => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        (_, Some("gzip")) => "application/gzip",
        (_, Some("zstd")) => "application/zstd",
        ("csv", _) => "text/csv; charset=utf-8",
        _ => "application/x-ndjson",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_download_goes_on_where_it_stopped_and_ranges_never_leave_the_file() {
        let of = |range: &str| Wanted::read(range).map(|wanted| wanted.of(100));
        assert_eq!(of("bytes=40-"), Some(40..100));
        assert_eq!(of("bytes=40-49"), Some(40..50));
        assert_eq!(of("bytes=40-1000"), Some(40..100));
        assert_eq!(of("bytes=-10"), Some(90..100));
        assert_eq!(of("bytes=-1000"), Some(0..100));
        assert!(of("bytes=100-").is_some_and(|range| range.is_empty()));
        for other in ["bytes=5-1", "bytes=1-,5-", "lines=1-", "", "bytes=-"] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
