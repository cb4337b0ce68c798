//! Errors as RFC 9457 `application/problem+json`: a stable type, a detail a person can act on, and the pointer of each
//! bad field.

use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use warp::reply::{Reply, Response};

/// Where problem types are described.
const TYPE_BASE: &str = "https://qafila.dev/problems/";
/// Media type.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One bad field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer, or the name of a query parameter.
    pub pointer: String,
    /// The rule.
    pub detail: String,
}

/// A problem on its way to the client. `requestId` is added where the request is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// Stable address of the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short text of the status.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What to do.
    pub detail: String,
    /// Bad fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl Problem {
    /// A problem of kind `slug`.
    pub fn new(status: StatusCode, slug: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{TYPE_BASE}{slug}"),
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            detail: sentence(detail.into()),
            errors: vec![],
            retry_after: None,
        }
    }

    /// 422: which field breaks which rule.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let mut problem =
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-input", "Some fields are not valid.");
        problem.errors = errors;
        problem
    }

    /// 422 for one field.
    pub fn invalid_field(pointer: &str, detail: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { pointer: pointer.to_owned(), detail: detail.into() }])
    }

    /// 404: the merchant has no `what` of that id.
    pub fn unknown(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            &format!("unknown-{what}"),
            format!("You have no {what} with this id."),
        )
    }

    /// 401: not logged in, or not any more.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Log in to go on.")
    }

    /// 503: something we depend on is down; nothing was done. The cause goes to the log, not to the client.
    pub fn unavailable(what: &str, cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(event = "dependency unavailable", what, cause = %cause);
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Qafila cannot do this at the moment. Nothing was changed; send the same request again.",
        )
        .retry_after(2)
    }

    /// Its status.
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// When to try again, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

/// Details are read by people: they begin like sentences, whatever error they come from.
fn sentence(text: String) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::unavailable("postgres", &error)
    }
}

impl Reply for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(body.into());
        *response.status_mut() = self.status_code();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.status == StatusCode::UNAUTHORIZED.as_u16() {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
