//! `/api/v1/reports/export…`: asking for a report as a file, watching it, and revoking it.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use http::StatusCode;
use qafila_aggregates::commands::CommandError;
use qafila_aggregates::export::{
    COMPRESSIONS, DELIMITERS, ExportCommand, ExportError, ExportStatus, FORMATS, REPORTS, RequestExport,
    job_id,
};
use qafila_projections::export::filters::Filters;
use qafila_projections::export::links::Linked;
use qafila_projections::export::report::Report;
use qafila_projections::oltp::exports::{self, ExportView};
use qafila_schemas::ids::{JobId, MerchantId};
use qafila_schemas::words::Language;
use qafila_schemas::words::cause::OF_EXPORT;
use qafila_schemas::words::rule::Rule;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::sync::status::percentage;
use super::{Answer, present_store};
use crate::app::App;
use crate::auth::rules::Broken;
use crate::call::{Call, json, no_content, with_header};
use crate::page::PageRequest;
use crate::problem::{Code, Problem};
use crate::values::{
    Compression, Delimiter, ExportCause, ExportFormat, ExportReport, ExportStatusName, GranularityName,
};
use crate::wait::{self, POSITION_HEADER};

const KEY_HEADER: &str = "idempotency-key";
const LONGEST_KEY: usize = 255;
/// Files that a merchant may wait for at once.
const MOST_OPEN: i64 = 50;

/// Which report, as what.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExportRequestBody {
    #[schema(value_type = ExportReport)]
    report_type: String,
    #[schema(value_type = ExportFormat)]
    format: String,
    /// What the report is narrowed to.
    #[serde(default)]
    #[schema(value_type = Option<ExportFiltersBody>)]
    filters: Map<String, Value>,
    /// The file is as it is where absent.
    #[serde(default)]
    #[schema(value_type = Option<Compression>)]
    compression: Option<String>,
    /// Whether a CSV file begins with the mark that Excel needs to read Arabic; true where absent.
    #[serde(default)]
    byte_order_mark: Option<bool>,
    /// A comma where absent.
    #[serde(default)]
    #[schema(value_type = Option<Delimiter>)]
    delimiter: Option<String>,
    /// Whether a CSV cell that a spreadsheet would take for a formula (as a phone with its `+`) begins with an apostrophe;
    /// true where absent.
    #[serde(default)]
    formula_guard: Option<bool>,
    /// Whether names, phones, addresses and the like are in the file; true where absent.
    #[serde(default)]
    personal_data: Option<bool>,
    /// Whether a mail comes when the file is ready or cannot be made; as the settings of `/me` say where absent.
    #[serde(default)]
    mail: Option<bool>,
}

/// What a report is narrowed to. Days are those of the time zone; both ends are included. Which filters a report has: orders all but
/// `granularity`; order items and carts `from`, `to`, `status`; customers none; products `status`; a trend `from`, `to`, `granularity`; order status
/// and top products `from`, `to`; each `timezone`.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "the document alone: filters are read with rules of their own")]
pub struct ExportFiltersBody {
    /// First day.
    from: Option<NaiveDate>,
    /// Last day, included.
    to: Option<NaiveDate>,
    /// An IANA time zone; Asia/Riyadh where absent.
    timezone: Option<String>,
    /// Width of a point of a trend; a day where absent.
    #[schema(value_type = Option<GranularityName>)]
    granularity: Option<String>,
    /// Salla's slug of a status of orders, or a status of products.
    status: Option<String>,
    /// Salla's id of a customer.
    customer_id: Option<i64>,
}

/// The export that was accepted.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportAcceptedBody {
    #[schema(format = Uuid)]
    job_id: String,
    /// Wait for it with `Prefer: wait`.
    position: String,
}

/// A page of exports, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportsBody {
    items: Vec<ExportBody>,
    /// Give it as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// Where an export stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportBody {
    #[schema(format = Uuid)]
    job_id: String,
    #[schema(value_type = ExportStatusName)]
    status: String,
    #[schema(value_type = ExportReport)]
    report_type: String,
    #[schema(value_type = ExportFormat)]
    format: String,
    #[schema(value_type = Option<Compression>)]
    compression: Option<String>,
    personal_data: Option<bool>,
    #[schema(value_type = ExportFiltersBody)]
    filters: Value,
    requested_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    /// Rows in the file, so far or in all, without the headings.
    rows: Option<i64>,
    /// Size of the file, so far or in all.
    bytes: Option<i64>,
    /// 0 to 100; below 100 until the file is complete, null where nobody knows how long it will be.
    percent: Option<f64>,
    eta_seconds: Option<i64>,
    /// SHA-256 of the file, in hex.
    sha256: Option<String>,
    /// From when on everything of the store is in the file; null where that is from the first, or was not known.
    complete_from: Option<DateTime<Utc>>,
    /// Up to when; null where that was not known when the file was begun, as before the import has ended.
    complete_to: Option<DateTime<Utc>>,
    /// Orders of the file whose lines and customers had not come when it was begun; null where the report does not show them.
    orders_without_details: Option<i64>,
    /// When the link stops working.
    expires_at: Option<DateTime<Utc>>,
    /// Where the file is, for any browser; null where it cannot be had.
    #[schema(value_type = Option<url::Url>)]
    link: Option<String>,
    /// Where its manifest is: columns, filters, hash, and how far the facts had come; null where it cannot be had.
    #[schema(value_type = Option<url::Url>)]
    manifest_link: Option<String>,
    /// Why it failed; null otherwise.
    #[schema(value_type = Option<ExportCause>)]
    cause: Option<String>,
    /// What to do about it, in the language of `Accept-Language`.
    advice: Option<String>,
}

/// Asks for a report as a file.
#[utoipa::path(post, operation_id = "requestExport", path = "/api/v1/reports/export", tag = "exports", security(("bearer" = [])),
    params(("idempotency-key" = Option<String>, Header, description = "1 to 255 characters: the same key is the same export")),
    request_body = ExportRequestBody, responses((status = 202, body = ExportAcceptedBody)))]
pub async fn request(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let (merchant, user_id) = (identity.merchant_id, identity.user_id);
    let key = idempotency_key(&call)?;
    let body: ExportRequestBody = call.json()?;
    let (report, filters) = checked(&body)?;
    if !app.health.is_up("kafka") {
        return Err(Problem::unavailable("kafka", &"an export needs Kafka"));
    }
    let user = app.registration.signed_in(identity).await?;
    let job = job_id(merchant, &key.unwrap_or_else(|| Uuid::now_v7().to_string()));
    let (known, _) =
        app.exports.load(&job.to_string()).await.map_err(|e| Problem::unavailable("event store", &e))?;
    let store_id = match known.request() {
        // A repeat is answered whatever has changed since, and takes no room.
        Some(known) => known.store_id.unwrap_or_default(),
        None => store_with_room(&app, merchant).await?,
    };
    let is_csv = body.format == "csv";
    let wanted = RequestExport {
        merchant_id: merchant,
        job_id: job,
        report_type: body.report_type,
        filters: filters.to_json(),
        locale: user.locale,
        store_id,
        compression: body.compression,
        byte_order_mark: is_csv.then_some(body.byte_order_mark.unwrap_or(true)),
        delimiter: is_csv.then(|| body.delimiter.unwrap_or_else(|| DELIMITERS[0].into())),
        formula_guard: is_csv.then_some(body.formula_guard.unwrap_or(true)),
        personal_data: report.is_personal().then_some(body.personal_data.unwrap_or(true)),
        mail: body.mail,
        format: body.format,
        requested_by: Some(user_id),
    };
    let (report, format) = (wanted.report_type.clone(), wanted.format.clone());
    let committed =
        app.exports.execute(&job.to_string(), ExportCommand::Request(wanted)).await.map_err(refused)?;
    if !committed.events.is_empty() {
        tracing::info!(event = "export requested", merchantId = %merchant, jobId = %job, report, format);
    }
    let accepted = ExportAcceptedBody { job_id: job.to_string(), position: committed.position.to_string() };
    Ok(json(StatusCode::ACCEPTED, &accepted))
}

/// The merchant's store, if more files may be waited for.
async fn store_with_room(app: &App, merchant: MerchantId) -> Result<i64, Problem> {
    let store_id = present_store(app, merchant).await?.ok_or_else(super::sync::not_connected)?;
    if exports::open(&app.query_pool, merchant).await? >= MOST_OPEN {
        return Err(Problem::new(Code::TooManyExports).with("count", MOST_OPEN).retry_after(10));
    }
    Ok(store_id)
}

/// The client's key, if it gives one.
fn idempotency_key(call: &Call) -> Result<Option<String>, Problem> {
    let Some(value) = call.headers.get(KEY_HEADER) else { return Ok(None) };
    let fits =
        |key: &&str| (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    value
        .to_str()
        .ok()
        .filter(fits)
        .map(|key| Some(key.to_owned()))
        .ok_or_else(|| Problem::invalid_field("Idempotency-Key", Rule::visible_ascii(1, 255)))
}

/// The report and its filters; everything that is wrong is named.
fn checked(body: &ExportRequestBody) -> Result<(Report, Filters), Problem> {
    let mut broken = Broken::default();
    if !FORMATS.contains(&body.format.as_str()) {
        broken.add("/format", Rule::one_of(&FORMATS));
    }
    if body.compression.as_deref().is_some_and(|name| !COMPRESSIONS.contains(&name)) {
        broken.add("/compression", Rule::one_of(&COMPRESSIONS));
    }
    if body.delimiter.as_deref().is_some_and(|name| !DELIMITERS.contains(&name)) {
        broken.add("/delimiter", Rule::one_of(&DELIMITERS));
    }
    if body.format == "xlsx" && body.compression.is_some() {
        broken.add("/compression", Rule::not_for_format("xlsx"));
    }
    if body.format != "csv" {
        let only_csv = [
            ("/byteOrderMark", body.byte_order_mark.is_some()),
            ("/delimiter", body.delimiter.is_some()),
            ("/formulaGuard", body.formula_guard.is_some()),
        ];
        for (name, _) in only_csv.into_iter().filter(|(_, is_given)| *is_given) {
            broken.add(name, Rule::only_for_format("csv"));
        }
    }
    let Some(report) = Report::named(&body.report_type) else {
        broken.add("/reportType", Rule::one_of(&REPORTS));
        return Err(Problem::invalid(broken.0));
    };
    if body.personal_data == Some(true) && !report.is_personal() {
        broken.add("/personalData", Rule::no_personal_data());
    }
    match Filters::check(report, &body.filters) {
        Ok(filters) if broken.0.is_empty() => return Ok((report, filters)),
        Ok(_) => {}
        Err(bad) => {
            for bad in bad {
                broken.add(&format!("/filters/{}", bad.name), bad.rule);
            }
        }
    }
    Err(Problem::invalid(broken.0))
}

fn refused(error: CommandError<ExportError>) -> Problem {
    match error {
        CommandError::Refused(ExportError::AnotherRequest) => {
            Problem::invalid_field("Idempotency-Key", Rule::used_before())
        }
        CommandError::Refused(ExportError::Unknown) => Problem::new(Code::UnknownExport),
        CommandError::Refused(refusal) => {
            let reason = if matches!(refusal, ExportError::Ended) { "ended" } else { "changed" };
            Problem::new(Code::ExportConflict).with("reason", reason)
        }
        error => Problem::unavailable("event store", &error),
    }
}

/// The exports of the merchant; revoked ones are not shown.
#[utoipa::path(get, operation_id = "listExports", path = "/api/v1/reports/exports", tag = "exports", security(("bearer" = [])),
    params(("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
        ("limit" = Option<i64>, Query, description = "1 to 100, 20 where absent"),
        ("prefer" = Option<String>, Header, description = "`wait=2`: seconds to wait for the position"),
        ("x-qafila-position" = Option<String>, Header, description = "Position a command answered with")),
    responses((status = 200, body = ExportsBody)))]
pub async fn list(app: Arc<App>, call: Call) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let page = PageRequest::<Uuid>::only(&call)?;
    let applied = wait::for_position(&app, &call, identity.merchant_id).await?;
    let mut found = exports::list(&app.query_pool, identity.merchant_id, page.cursor, page.wanted()).await?;
    let next_cursor = page.cut(&mut found, |last| (last.requested_at, last.job_id));
    let items =
        found.into_iter().map(|view| body(&app, identity.merchant_id, view, call.language())).collect();
    let answer = json(StatusCode::OK, &ExportsBody { items, next_cursor });
    Ok(if applied { with_header(answer, "preference-applied", "wait") } else { answer })
}

/// One export.
#[utoipa::path(get, operation_id = "getExport", path = "/api/v1/reports/exports/{jobId}", tag = "exports", security(("bearer" = [])),
    params(("jobId" = Uuid, Path), ("prefer" = Option<String>, Header, description = "`wait=2`: seconds to wait for the position"),
        ("x-qafila-position" = Option<String>, Header, description = "Position a command answered with")),
    responses((status = 200, body = ExportBody)))]
pub async fn show(app: Arc<App>, call: Call, id: String) -> Answer {
    let identity = app.access_tokens.identify(&call)?;
    let job: JobId = id.parse().map_err(|_| Problem::new(Code::UnknownExport))?;
    let applied = wait::for_position(&app, &call, identity.merchant_id).await?;
    let view = match exports::find(&app.query_pool, identity.merchant_id, job).await? {
        Some(view) => view,
        None => not_shown_yet(&app, identity.merchant_id, job).await?,
    };
    let answer = json(StatusCode::OK, &body(&app, identity.merchant_id, view, call.language()));
    Ok(if applied { with_header(answer, "preference-applied", "wait") } else { answer })
}

/// An export that the read model does not show: it was asked for a moment ago, or never.
async fn not_shown_yet(app: &App, merchant: MerchantId, job: JobId) -> Result<ExportView, Problem> {
    let loaded = app.exports.load(&job.to_string()).await;
    let (export, _) = loaded.map_err(|error| Problem::unavailable("event store", &error))?;
    let request = export.request().filter(|request| request.merchant_id == merchant);
    let request = request.ok_or_else(|| Problem::new(Code::UnknownExport))?;
    let find = || exports::find(&app.query_pool, merchant, job);
    let status = match export.status() {
        None | Some(ExportStatus::Requested) => "requested",
        Some(ExportStatus::Running) => "running",
        Some(ExportStatus::Completed) => "completed",
        Some(ExportStatus::Failed) => "failed",
        Some(ExportStatus::Revoked) => "revoked",
        Some(ExportStatus::Expired) => "expired",
    };
    Ok(wait::until_shown(find).await?.unwrap_or_else(|| ExportView::of_request(request, status)))
}

/// Revokes an export: its link stops working at once, and its file is removed.
#[utoipa::path(delete, operation_id = "revokeExport", path = "/api/v1/reports/exports/{jobId}", tag = "exports", security(("bearer" = [])),
    params(("jobId" = Uuid, Path)),
    responses((status = 204, headers(("X-Qafila-Position" = String, description = "Wait for it with `Prefer: wait`")))))]
pub async fn revoke(app: Arc<App>, call: Call, id: String) -> Answer {
    let identity = app.identify_for_command(&call).await?;
    let job: JobId = id.parse().map_err(|_| Problem::new(Code::UnknownExport))?;
    // From the events, not from a read model: what was asked for a moment ago can be revoked.
    let (export, _) =
        app.exports.load(&job.to_string()).await.map_err(|e| Problem::unavailable("event store", &e))?;
    if export.request().is_none_or(|request| request.merchant_id != identity.merchant_id) {
        return Err(Problem::new(Code::UnknownExport));
    }
    let command = ExportCommand::Revoke { requested_by: Some(identity.user_id) };
    let committed = app.exports.execute(&job.to_string(), command).await.map_err(refused)?;
    tracing::info!(event = "export revoked", merchantId = %identity.merchant_id, jobId = %job);
    Ok(with_header(no_content(), POSITION_HEADER, &committed.position.to_string()))
}

fn body(app: &App, merchant: MerchantId, view: ExportView, language: Language) -> ExportBody {
    let advice = view.cause.as_deref().and_then(|cause| OF_EXPORT.advice(language, cause));
    let is_running = view.status == "running";
    let is_over = view.status == "completed" && view.expires_at.is_some_and(|end| end <= Utc::now());
    let known = view.rows_done.zip(view.rows_total).filter(|_| is_running);
    let link = (view.status == "completed" && !is_over)
        .then_some(view.expires_at)
        .flatten()
        .map(|expires_at| app.download_links.link(Linked { merchant, job: JobId(view.job_id), expires_at }));
    ExportBody {
        job_id: view.job_id.to_string(),
        rows: view.rows.or(view.rows_done.filter(|_| is_running)),
        bytes: view.bytes.or(view.bytes_done.filter(|_| is_running)),
        percent: match view.status.as_str() {
            "completed" | "expired" => Some(100.0),
            "requested" => Some(0.0),
            status => known.map(|known| percentage(status, Some(known))),
        },
        eta_seconds: known.and_then(|known| eta(view.began_at?, view.progressed_at?, known)),
        status: if is_over { "expired".into() } else { view.status },
        report_type: view.report_type,
        format: view.format,
        compression: view.compression,
        personal_data: view.personal_data,
        filters: view.filters.0,
        requested_at: view.requested_at,
        started_at: view.started_at,
        ended_at: view.ended_at,
        sha256: view.sha256,
        complete_from: view.complete_from,
        complete_to: view.complete_to,
        orders_without_details: view.orders_without_details,
        expires_at: view.expires_at,
        manifest_link: link.as_ref().map(|link| format!("{link}/manifest")),
        link,
        cause: view.cause,
        advice: advice.or(view.advice),
    }
}

/// Seconds until the rest is written as fast as what is.
fn eta(began_at: DateTime<Utc>, told_at: DateTime<Utc>, (done, total): (i64, i64)) -> Option<i64> {
    let elapsed = (told_at - began_at).num_milliseconds();
    let rest = (total - done).max(0);
    (done > 0 && elapsed > 0).then(|| (rest as f64 * elapsed as f64 / done as f64 / 1_000.0).ceil() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(body: &str) -> Result<(Report, Filters), Vec<String>> {
        let body: ExportRequestBody = serde_json::from_str(body).expect("a body");
        checked(&body).map_err(|problem| problem.errors.into_iter().map(|error| error.pointer).collect())
    }

    #[test]
    fn every_unknown_report_format_and_filter_is_named() {
        let bad = asked(
            r#"{"reportType":"orders","format":"xls","compression":"rar","filters":{"colour":"red","from":"x"}}"#,
        );
        assert_eq!(
            bad,
            Err(["/format", "/compression", "/filters/colour", "/filters/from"].map(str::to_owned).into())
        );
        assert_eq!(asked(r#"{"reportType":"taxes","format":"csv"}"#), Err(vec!["/reportType".to_owned()]));
        let bad =
            asked(r#"{"reportType":"products","format":"ndjson","byteOrderMark":true,"personalData":true}"#);
        assert_eq!(bad, Err(["/byteOrderMark", "/personalData"].map(str::to_owned).into()));
        assert!(asked(r#"{"reportType":"orders","format":"csv"}"#).is_ok());
        let packed = asked(
            r#"{"reportType":"carts","format":"xlsx","compression":"gzip","filters":{"status":"active"}}"#,
        );
        assert_eq!(packed, Err(vec!["/compression".to_owned()]));
    }

    #[test]
    fn the_rest_takes_as_long_as_what_is_done_and_nobody_guesses_before() {
        let at = |second| DateTime::from_timestamp(second, 0).expect("a time");
        assert_eq!(eta(at(0), at(10), (250, 1_000)), Some(30));
        assert_eq!(eta(at(0), at(10), (0, 1_000)), None);
        assert_eq!(eta(at(0), at(10), (1_100, 1_000)), Some(0));
    }
}
