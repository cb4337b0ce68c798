//! `/download/{token}`: the link of a mail and of the page. Our signature is all the session it needs.

use std::sync::Arc;

use chrono::Utc;
use futures::{SinkExt, StreamExt};
use http::{HeaderValue, StatusCode, header};
use qafila_projections::export::store::{Delivery, FileKey, StoreError, extension};
use qafila_schemas::records::export::ExportRequested;
use warp::reply::{Reply, Response};

use super::Answer;
use crate::app::App;
use crate::call::{Call, no_content, with_header};
use crate::problem::Problem;
use crate::server::Streamed;

/// Pieces of a file between the store and the browser.
const UNDER_WAY: usize = 2;

/// A file, or the way to it.
#[utoipa::path(get, operation_id = "download", path = "/download/{token}", tag = "exports", params(("token" = String, Path)),
    responses((status = 200, description = "The file"), (status = 206, description = "The rest of the file, from the byte that `Range` names"),
        (status = 302, description = "Where the file is, for five minutes"), (status = 404, body = Problem), (status = 410, body = Problem)))]
pub async fn download(app: Arc<App>, call: Call, token: String) -> Answer {
    let linked = app.download_links.read(&token).ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "unknown-link",
            "This is no link of ours. Copy it whole from the mail or the page.",
        )
    })?;
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
    let (epoch, _) = export.file().ok_or_else(gone)?;
    let key = FileKey {
        merchant: linked.merchant,
        job: linked.job,
        epoch,
        extension: extension(&request.format, request.compression.as_deref()),
    };
    let from = call.header(header::RANGE.as_str()).and_then(first_byte).unwrap_or(0);
    match app.export_store.deliver(&key, from).await {
        Ok(Delivery::Link(link)) => Ok(with_header(found(), "location", link.as_str())),
        Ok(Delivery::Bytes { size, from, .. }) if from > 0 && from >= size => Err(Problem::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "no-such-range",
            format!("The file has {size} bytes."),
        )),
        Ok(Delivery::Bytes { size, from, stream }) => {
            let name = file_name(request, &key);
            let (sender, receiver) = futures::channel::mpsc::channel(UNDER_WAY);
            tokio::spawn(async move {
                let mut stream = stream.map(Ok);
                let mut sender = sender;
                if let Err(error) = sender.send_all(&mut stream).await {
                    tracing::debug!(event = "download ended early", error = %error);
                }
            });
            let body = warp::reply::stream(receiver).into_response();
            Ok(file(body, &name, content_type(request), size, from))
        }
        Err(StoreError::Missing) => Err(gone()),
        Err(error) => Err(Problem::unavailable("object store", &error)),
    }
}

/// 410: it was there.
fn gone() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "link-expired",
        "This link works no more: a file is kept for 24 hours, or until it is deleted. Ask for the report again.",
    )
}

fn found() -> Response {
    let mut response = no_content();
    *response.status_mut() = StatusCode::FOUND;
    response
}

fn file(mut response: Response, name: &str, kind: &'static str, size: u64, from: u64) -> Response {
    response.extensions_mut().insert(Streamed);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(size - from));
    // The link is a key: it is no business of whatever is opened next.
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    if from > 0 {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {from}-{}/{size}", size.saturating_sub(1));
        response = with_header(response, "content-range", &range);
    }
    with_header(response, "content-disposition", &format!("attachment; filename=\"{name}\""))
}

/// `bytes=100-`: where a broken download goes on. Other ranges are answered with the whole file, as RFC 9110 §14.2 allows.
fn first_byte(range: &str) -> Option<u64> {
    range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// Such as `qafila-orders-2026-03-31.csv`.
fn file_name(request: &ExportRequested, key: &FileKey) -> String {
    let day = request.requested_at.to_utc().with_timezone(&chrono_tz::Asia::Riyadh).date_naive();
    format!("qafila-{}-{day}.{}", request.report_type, key.extension)
}

fn content_type(request: &ExportRequested) -> &'static str {
    match (request.format.as_str(), request.compression.as_deref()) {
        ("parquet", _) => "application/vnd.apache.parquet",
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
    fn a_broken_download_goes_on_where_it_stopped_and_other_ranges_begin_anew() {
        assert_eq!(first_byte("bytes=100-"), Some(100));
        for other in ["bytes=0-99", "bytes=-5", "bytes=1-,5-", "lines=1-", ""] {
            assert_eq!(first_byte(other), None, "{other}");
        }
    }
}
