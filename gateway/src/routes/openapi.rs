//! The OpenAPI 3.1 document, generated from the handlers, and a page to read it.

use std::fmt::Write as _;
use std::sync::Arc;

use http::{HeaderValue, StatusCode, header};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use warp::reply::Response;

use super::{Answer, auth, me, operations, reports, salla, sync};
use crate::app::App;
use crate::call::{Call, json};

#[derive(OpenApi)]
#[openapi(
    info(title = "Qafila", description = "HTTP contract of the gateway. Errors are RFC 9457 problem+json."),
    paths(
        auth::register, auth::login, auth::refresh, auth::logout, me::show, salla::authorization_url, salla::callback,
        sync::initial, sync::status, reports::summary, reports::sales_trend, operations::live, operations::ready
    ),
    modifiers(&BearerToken)
)]
struct Document;

struct BearerToken;

impl Modify for BearerToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// Paths of all routes, those beside the contract too.
pub fn paths() -> Vec<String> {
    let beside = ["/metrics", "/api/openapi.json", "/api/docs"].map(str::to_owned);
    Document::openapi().paths.paths.into_keys().chain(beside).collect()
}

/// `GET /api/openapi.json`
pub async fn document(_app: Arc<App>, _call: Call) -> Answer {
    Ok(json(StatusCode::OK, &Document::openapi()))
}

/// `GET /api/docs`
pub async fn page(_app: Arc<App>, _call: Call) -> Answer {
    let document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    let mut rows = String::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let words =
                operation["summary"].as_str().or(operation["description"].as_str()).unwrap_or_default();
            let statuses: Vec<&str> = operation["responses"]
                .as_object()
                .map(|r| r.keys().map(String::as_str).collect())
                .unwrap_or_default();
            // Writing to a String cannot fail. Everything here comes from our own code.
            let _ = write!(
                rows,
                "<tr><td><code>{}</code></td><td><code>{path}</code></td><td>{words}</td><td>{}</td></tr>",
                method.to_uppercase(),
                statuses.join(" ")
            );
        }
    }
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Qafila API</title>\
         <style>body{{font:16px system-ui;margin:2rem auto;max-width:60rem}}td{{padding:.3rem .8rem;border-top:1px solid #ddd}}</style>\
         <h1>Qafila API</h1><p>The whole contract: <a href=\"/api/openapi.json\">/api/openapi.json</a></p>\
         <table><tr><th>Method</th><th>Path</th><th>Does</th><th>Answers</th></tr>{rows}</table></html>"
    );
    let mut response = Response::new(page.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Ok(response)
}
