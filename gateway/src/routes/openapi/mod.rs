//! The OpenAPI 3.1 document, generated from the handlers and completed, and pages to read it.

mod completion;
pub mod docs;
mod problems;

use std::sync::{Arc, LazyLock};

use http::{Method, StatusCode};
use serde_json::Value;
use utoipa::openapi::PathItem;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{
    Answer, api_keys, auth, carts, customers, downloads, exports, histories, jobs, me, notifications,
    operations, orders, passwords, products, reconciliations, reports, salla, sync, webhooks,
};
use crate::app::App;
use crate::auth::sessions::COOKIE;
use crate::call::{Call, json as answer_json};
use crate::problem::ProblemBody;
use crate::values::{
    CartSort, ComparisonName, CustomerSort, DepthInMonths, GranularityName, OrderSort, ProductSort,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Qafila", description = "HTTP contract of the gateway. Errors are RFC 9457 problem+json; `Accept-Language` (`ar`, `en`) is the language of their texts and of all advice. The web app is served from the gateway's own origin: there is no CORS. Log in, keep `accessToken` in memory (15 minutes); on 401 ask `POST /api/v1/auth/refresh`, whose cookie is HttpOnly, SameSite=Strict and of the path /api/v1/auth, and repeat once."),
    paths(
        auth::register, auth::login, auth::refresh, auth::logout, passwords::forgot, passwords::reset, passwords::change, me::show, me::change, salla::authorization_url,
        salla::callback, salla::confirm, salla::claim, salla::disconnect,
        sync::initial, sync::restart, sync::cancel, sync::status::status, sync::runs::list, sync::estimate::estimate,
        notifications::list, notifications::read, notifications::read_all, reports::summary::summary, reports::trend::sales_trend,
        reports::rankings::top_products, reports::rankings::customers, reports::groups::order_status, reports::groups::by_city,
        reports::groups::by_payment, reports::groups::by_channel, reports::hours::by_hour, reports::product::product, exports::request, exports::list, exports::show, exports::revoke, downloads::download, downloads::manifest, carts::list, carts::facets, carts::show, orders::list, orders::facets, orders::show, histories::show,
        customers::list, customers::facets, customers::show, products::list, products::facets, products::show, api_keys::list, api_keys::make, api_keys::revoke, reconciliations::list, jobs::initiate, jobs::status, webhooks::salla, operations::live, operations::ready, operations::metrics
    ),
    components(schemas(
        ProblemBody, CartSort, ComparisonName, CustomerSort, DepthInMonths, GranularityName, OrderSort, ProductSort
    )),
    modifiers(&Credentials)
)]
struct Document;

struct Credentials;

impl Modify for Credentials {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
        let key = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("qafila_key_…");
        let about = "A key of the merchant's own tools, which reads what its scopes name.";
        components
            .add_security_scheme("merchantKey", SecurityScheme::Http(key.description(Some(about)).build()));
        let key = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Api-Key")));
        components.add_security_scheme("apiKey", key);
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE)));
        components.add_security_scheme("refreshCookie", cookie);
    }
}

/// Paths of all routes and their methods, those beside the contract too.
pub fn routes() -> Vec<(String, Vec<Method>)> {
    let beside = ["/api/openapi.json", "/api/docs", "/api/docs/{file}"]
        .map(|path| (path.to_owned(), vec![Method::GET]));
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

/// The document, complete.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    completion::complete(&mut document);
    document
});

/// The document: what every answer keeps to.
pub fn described() -> &'static Value {
    &DOCUMENT
}

/// `GET /api/openapi.json`
pub async fn document(_app: Arc<App>, _call: Call) -> Answer {
    Ok(answer_json(StatusCode::OK, &*DOCUMENT))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let is_camel = |name: &&str| name.chars().all(|letter| letter.is_ascii_alphanumeric());
        assert!(names.iter().all(is_camel), "{names:?}");
    }

    /// All references within a part of the document.
    fn references(within: &Value, found: &mut Vec<String>) {
        match within {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn the_web_apps_client_is_generated_of_this_document() {
        let kept = include_str!("../../../../spa/openapi.json");
        let is_same = kept.trim_end() == format!("{:#}", super::described());
        assert!(is_same, "run: target/debug/qafila openapi > spa/openapi.json");
    }

    #[test]
    fn whatever_the_document_refers_to_is_in_it() {
        let mut found = vec![];
        references(&DOCUMENT, &mut found);
        assert!(found.len() > 100);
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("of this document");
            assert!(DOCUMENT.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_path_that_answers_has_a_name_for_metrics() {
        let paths = routes();
        for path in ["/api/v1/sync/status", "/health/ready", "/metrics", "/api/docs"] {
            assert!(paths.iter().any(|(known, _)| known == path), "{path} in {paths:?}");
        }
    }
}
