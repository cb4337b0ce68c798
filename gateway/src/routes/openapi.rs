//! The OpenAPI 3.1 document, generated from the handlers, and a page to read it.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use utoipa::openapi::PathItem;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use warp::reply::Response;

use super::{
    Answer, auth, carts, customers, downloads, exports, jobs, me, notifications, operations, orders,
    passwords, products, reconciliations, reports, salla, sync, webhooks,
};
use crate::app::App;
use crate::call::{Call, json as answer_json};
use crate::problem::MEDIA_TYPE;

#[derive(OpenApi)]
#[openapi(
    info(title = "Qafila", description = "HTTP contract of the gateway. Errors are RFC 9457 problem+json."),
    paths(
        auth::register, auth::login, auth::refresh, auth::logout, passwords::forgot, passwords::reset, passwords::change, me::show, me::change, salla::authorization_url,
        salla::callback, salla::claim, salla::disconnect,
        sync::initial, sync::restart, sync::cancel, sync::status, sync::estimate,
        notifications::list, notifications::read, notifications::read_all, reports::summary, reports::sales_trend,
        reports::rankings::top_products, reports::rankings::order_status, reports::rankings::customers, exports::request, exports::list, exports::show, exports::revoke, downloads::download, carts::list, orders::list, orders::show,
        customers::list, customers::show, products::list, products::show, reconciliations::list, jobs::initiate, jobs::status, webhooks::salla, operations::live, operations::ready, operations::metrics
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
        let key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Api-Key")));
        components.add_security_scheme("apiKey", key);
    }
}

/// Paths of all routes and their methods, those beside the contract too.
pub fn routes() -> Vec<(String, Vec<Method>)> {
    let beside = ["/api/openapi.json", "/api/docs"].map(|path| (path.to_owned(), vec![Method::GET]));
    let described = Document::openapi().paths.paths.into_iter();
    described.map(|(path, item)| (path, methods(&item))).chain(beside).collect()
}

fn methods(item: &PathItem) -> Vec<Method> {
    let all = [
        (Method::GET, &item.get),
        (Method::HEAD, &item.head),
        (Method::POST, &item.post),
        (Method::PUT, &item.put),
        (Method::PATCH, &item.patch),
        (Method::DELETE, &item.delete),
    ];
    all.into_iter().filter(|(_, operation)| operation.is_some()).map(|(method, _)| method).collect()
}

/// What every route answers beside what its handler names: the front and [`Call`] refuse before any handler is asked.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    for (path, methods) in document["paths"].as_object_mut().into_iter().flatten() {
        for operation in methods.as_object_mut().into_iter().flatten().map(|(_, operation)| operation) {
            complete(path, operation);
        }
    }
    document
});

fn complete(path: &str, operation: &mut Value) {
    let mut more: Vec<(&str, &str)> = vec![];
    if operation["requestBody"].is_object() && !path.starts_with("/api/webhooks/") {
        more.extend([
            ("400", "The body is no JSON."),
            ("413", "The body is too large."),
            ("415", "The body is not application/json."),
            ("422", "Fields are missing, unknown or break a rule."),
        ]);
    }
    if operation["security"].is_array() {
        more.push(("401", "Log in first."));
    }
    if path.starts_with("/api/") {
        more.push(("503", "Something Qafila needs is down; nothing was changed."));
    }
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for (status, description) in more {
        responses.entry(status).or_insert_with(|| {
            let schema = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
            json!({"description": description, "content": {"application/json": schema}})
        });
    }
    for (_, response) in responses.iter_mut().filter(|(status, _)| !status.starts_with('2')) {
        if response["content"]["application/json"]["schema"]["$ref"] == "#/components/schemas/Problem" {
            let schema = response["content"]["application/json"].take();
            response["content"] = json!({MEDIA_TYPE: schema});
        }
    }
}

/// `GET /api/openapi.json`
pub async fn document(_app: Arc<App>, _call: Call) -> Answer {
    Ok(answer_json(StatusCode::OK, &*DOCUMENT))
}

/// `GET /api/docs`
pub async fn page(_app: Arc<App>, _call: Call) -> Answer {
    let document = &*DOCUMENT;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_declared_as_problem_json_and_what_the_front_refuses_is_named() {
        let login = &DOCUMENT["paths"]["/api/v1/auth/login"]["post"]["responses"];
        for status in ["400", "401", "413", "415", "422", "429", "503"] {
            assert!(login[status]["content"][MEDIA_TYPE].is_object(), "{status}: {}", login[status]);
            assert!(login[status]["content"]["application/json"].is_null(), "{status}");
        }
        assert!(login["200"]["content"]["application/json"].is_object(), "{login}");
        let problem = &DOCUMENT["components"]["schemas"]["Problem"]["properties"];
        assert!(problem["requestId"].is_object(), "{problem}");
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let methods = DOCUMENT["paths"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(_, methods)| methods.as_object());
        let names: Vec<&str> =
            methods.flatten().filter_map(|(_, operation)| operation["operationId"].as_str()).collect();
        let different: std::collections::BTreeSet<&&str> = names.iter().collect();
        assert!(names.len() > 20 && different.len() == names.len(), "{names:?}");
    }

    #[test]
    fn every_path_that_answers_has_a_name_for_metrics() {
        let paths = routes();
        for path in ["/api/v1/sync/status", "/health/ready", "/metrics", "/api/docs"] {
            assert!(paths.iter().any(|(known, _)| known == path), "{path} in {paths:?}");
        }
    }
}
