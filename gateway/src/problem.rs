//! Errors as RFC 9457 `application/problem+json`: a stable code with parameters, which pages translate; a text in the language of the request
//! that a person can act on; and the pointer, code and parameters of each bad field.

use http::{HeaderValue, StatusCode, header};
use qafila_schemas::words::rule::Rule;
use qafila_schemas::words::{Language, Param, Params, say};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use warp::reply::{Reply, Response};

use crate::values::{ProblemCode, RuleCode};

/// Where problem types are described.
const TYPE_BASE: &str = "https://qafila.dev/problems/";
/// Media type.
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($(#[doc = $about:literal] $code:literal $name:ident $status:ident;)*) => {
        /// What went wrong, as a stable code. Values may be added.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $about] $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// In kebab case.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// What has happened, for the document.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$name => $about.trim_ascii(),)*
                }
            }

            /// The status that it is answered with.
            pub fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)*
                }
            }
        }
    };
}

codes! {
    /// Fields break rules; `errors` names them.
    "invalid-input" InvalidInput UNPROCESSABLE_ENTITY;
    /// The body is no JSON.
    "malformed-json" MalformedJson BAD_REQUEST;
    /// The body is of another type than JSON.
    "unsupported-media-type" UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE;
    /// The body is larger than `bytes`.
    "too-large" TooLarge PAYLOAD_TOO_LARGE;
    /// The body was cut off.
    "cut-off" CutOff BAD_REQUEST;
    /// The body did not arrive in time.
    "timeout" Timeout REQUEST_TIMEOUT;
    /// The request cannot be read.
    "bad-request" BadRequest BAD_REQUEST;
    /// `X-Qafila-Position` is none that a command answered with.
    "bad-position" BadPosition BAD_REQUEST;
    /// There is nothing at this address.
    "not-found" NotFound NOT_FOUND;
    /// The address takes another method.
    "method-not-allowed" MethodNotAllowed METHOD_NOT_ALLOWED;
    /// Not logged in, or not any more.
    "unauthorized" Unauthorized UNAUTHORIZED;
    /// No valid key in `X-Api-Key`.
    "api-key-refused" ApiKeyRefused UNAUTHORIZED;
    /// The key may not read this: it lacks the scope `scope`.
    "scope-missing" ScopeMissing FORBIDDEN;
    /// The merchant has as many keys as there may be.
    "too-many-api-keys" TooManyKeys CONFLICT;
    /// A webhook is not signed with one of our secrets, for `reason`.
    "webhook-refused" WebhookRefused UNAUTHORIZED;
    /// Something Qafila needs is down; nothing was changed.
    "unavailable" Unavailable SERVICE_UNAVAILABLE;
    /// More is under way than Qafila takes at once.
    "busy" Busy SERVICE_UNAVAILABLE;
    /// Too many attempts; again in `minutes`.
    "too-many-attempts" TooManyAttempts TOO_MANY_REQUESTS;
    /// The address is registered.
    "email-taken" EmailTaken CONFLICT;
    /// Address or password is wrong.
    "wrong-credentials" WrongCredentials UNAUTHORIZED;
    /// The link of a mail for a new password works no more.
    "link-spent" LinkSpent BAD_REQUEST;
    /// The link of a mail for connecting a store works no more.
    "claim-spent" ClaimSpent BAD_REQUEST;
    /// An authorisation was used, has expired, or was begun by somebody else.
    "state-refused" StateRefused BAD_REQUEST;
    /// An authorisation was not begun from Qafila.
    "state-unknown" StateUnknown BAD_REQUEST;
    /// Salla was not given the merchant's approval.
    "access-denied" AccessDenied FORBIDDEN;
    /// The store is connected to another account.
    "store-taken" StoreTaken CONFLICT;
    /// Another store, `current`, is connected. Nothing was changed: `POST /api/v1/salla/auth/confirm`, or `replaces` of a claim, puts `new` in its place.
    "other-store" OtherStore CONFLICT;
    /// There is no connection to end.
    "nothing-connected" NothingConnected NOT_FOUND;
    /// No store is connected.
    "not-connected" NotConnected PRECONDITION_FAILED;
    /// Only a new authorisation gives access again.
    "reauthorisation-needed" ReauthorisationNeeded PRECONDITION_FAILED;
    /// Salla failed.
    "salla-failed" SallaFailed BAD_GATEWAY;
    /// Salla cannot be reached.
    "salla-unreachable" SallaUnreachable BAD_GATEWAY;
    /// The import is in a state that does not allow it, for `reason`.
    "sync-conflict" SyncConflict CONFLICT;
    /// The export is in a state that does not allow it, for `reason`.
    "export-conflict" ExportConflict CONFLICT;
    /// `count` files are waited for already.
    "too-many-exports" TooManyExports TOO_MANY_REQUESTS;
    /// No merchant has this id.
    "unknown-merchant" UnknownMerchant NOT_FOUND;
    /// There is no order of this id.
    "unknown-order" UnknownOrder NOT_FOUND;
    /// There is no customer of this id.
    "unknown-customer" UnknownCustomer NOT_FOUND;
    /// There is no cart of this id.
    "unknown-cart" UnknownCart NOT_FOUND;
    /// There is no key of this id.
    "unknown-api-key" UnknownApiKey NOT_FOUND;
    /// There is no product of this id.
    "unknown-product" UnknownProduct NOT_FOUND;
    /// There is no export of this id.
    "unknown-export" UnknownExport NOT_FOUND;
    /// There is no notification of this id.
    "unknown-notification" UnknownNotification NOT_FOUND;
    /// It is no link of ours.
    "unknown-link" UnknownLink NOT_FOUND;
    /// The link's time is over, or its file was deleted.
    "link-expired" LinkExpired GONE;
    /// The file has only `bytes`.
    "no-such-range" NoSuchRange RANGE_NOT_SATISFIABLE;
}

/// A field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer, or the name of a query parameter.
    pub pointer: String,
    /// The rule.
    pub rule: Rule,
}

/// A problem on its way to the client. It gets its words where the request's language and id are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong.
    pub code: Code,
    /// Parameters of its text.
    pub params: Params,
    /// Bad fields.
    pub errors: Vec<FieldError>,
    retry_after: Option<u64>,
}

impl Problem {
    /// A problem with this code.
    pub fn new(code: Code) -> Self {
        Self { code, params: Params::new(), errors: vec![], retry_after: None }
    }

    /// With a parameter of its text.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Param>) -> Self {
        self.params.insert(name, value.into());
        self
    }

    /// 422: which field breaks which rule.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(Code::InvalidInput) }
    }

    /// 422 for one field.
    pub fn invalid_field(pointer: &str, rule: Rule) -> Self {
        Self::invalid(vec![FieldError { pointer: pointer.to_owned(), rule }])
    }

    /// 401: not logged in, or not any more.
    pub fn unauthorized() -> Self {
        Self::new(Code::Unauthorized)
    }

    /// 503: something we depend on is down; nothing was done. The cause goes to the log, not to the client.
    pub fn unavailable(what: &str, cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(event = "dependency unavailable", what, cause = %cause);
        Self::new(Code::Unavailable).retry_after(2)
    }

    /// Its status.
    pub fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// When to try again, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// As the client reads it.
    pub fn body(&self, language: Language, request_id: &str) -> ProblemBody {
        let status = self.status_code();
        let field = |error: &FieldError| FieldErrorBody {
            pointer: error.pointer.clone(),
            code: error.rule.code(),
            params: json_of(error.rule.params()),
            detail: error.rule.text(language),
        };
        ProblemBody {
            kind: format!("{TYPE_BASE}{}", self.code.as_str()),
            code: self.code.as_str(),
            params: json_of(&self.params),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: say(language, &format!("problem-{}", self.code.as_str()), &self.params),
            errors: self.errors.iter().map(field).collect(),
            request_id: request_id.to_owned(),
        }
    }
}

fn json_of(params: &Params) -> Value {
    serde_json::to_value(params).unwrap_or_default()
}

/// A problem (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Stable address of the kind of problem.
    #[serde(rename = "type")]
    kind: String,
    /// What went wrong.
    #[schema(value_type = ProblemCode)]
    code: &'static str,
    /// Parameters of the text, by the code.
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    params: Value,
    /// Short text of the status, in English.
    title: &'static str,
    /// HTTP status.
    status: u16,
    /// What to do, in the language that `Accept-Language` likes best: Arabic or English.
    detail: String,
    /// Fields that break a rule; empty where no field is at fault.
    errors: Vec<FieldErrorBody>,
    /// Finds the request in the log.
    request_id: String,
}

/// A field that breaks a rule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FieldError)]
pub struct FieldErrorBody {
    /// JSON pointer of a field of the body, or the name of a parameter or header.
    pointer: String,
    /// The rule.
    #[schema(value_type = RuleCode)]
    code: &'static str,
    /// Parameters of the text, by the code.
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    params: Value,
    /// The rule, as the end of a sentence that begins with the field.
    detail: String,
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::unavailable("postgres", &error)
    }
}

impl Reply for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(bytes::Bytes::new().into());
        *response.status_mut() = self.status_code();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.status_code() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_problem_has_a_code_of_its_own_and_a_text_in_both_languages() {
        let codes: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), Code::ALL.len());
        for code in Code::ALL {
            for language in [Language::Arabic, Language::English] {
                let body = Problem::new(*code).body(language, "1");
                assert!(!body.detail.starts_with("problem-"), "{code:?}");
                let is_arabic = body.detail.chars().any(|c| ('\u{600}'..='\u{6ff}').contains(&c));
                assert_eq!(is_arabic, language == Language::Arabic, "{code:?}: {}", body.detail);
            }
        }
    }

    #[test]
    fn a_problem_is_told_by_codes_with_parameters_and_in_the_language_of_the_request() {
        let problem = Problem::invalid_field("/depthInMonths", Rule::one_of(&["12", "24"]));
        let body = serde_json::to_value(problem.body(Language::English, "r")).expect("JSON");
        assert_eq!(
            body["errors"],
            serde_json::json!([{"pointer": "/depthInMonths", "code": "one-of", "params": {"values": ["12", "24"]},
                "detail": "must be one of 12, 24"}])
        );
        assert_eq!(
            (&body["code"], &body["status"], &body["requestId"]),
            (&"invalid-input".into(), &422.into(), &"r".into())
        );
        let arabic = serde_json::to_value(problem.body(Language::Arabic, "r")).expect("JSON");
        assert_eq!(arabic["code"], body["code"]);
        assert_ne!(arabic["detail"], body["detail"]);
    }
}
