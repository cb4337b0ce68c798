//! A request as handlers see it, and the answers they give.

use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use qafila_schemas::words::Language;
use qafila_schemas::words::rule::Rule;
use serde::Serialize;
use serde::de::DeserializeOwned;
use warp::Filter;
use warp::reply::{Reply, Response};

use crate::problem::{Code, FieldError, Problem};

/// Header that carries the client's address from the front to the handlers; clients cannot set it.
pub const CLIENT_HEADER: &str = "x-qafila-client";

/// What a handler needs of a request. The body has been read whole, within its limit, by the front.
#[derive(Debug, Clone)]
pub struct Call {
    /// Headers.
    pub headers: HeaderMap,
    /// Raw query string.
    pub query: String,
    /// Body.
    pub body: Bytes,
}

/// Extracts a [`Call`].
pub fn call() -> impl Filter<Extract = (Call,), Error = std::convert::Infallible> + Clone {
    warp::header::headers_cloned()
        .and(warp::query::raw().or(warp::any().map(String::new)).unify())
        .and(warp::body::bytes().or(warp::any().map(Bytes::new)).unify())
        .map(|headers, query, body| Call { headers, query, body })
}

impl Call {
    /// The body as JSON; unknown fields and wrong types are 422 with their pointer, no JSON at all is 400.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let kind = self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("application/json") {
            return Err(Problem::new(Code::UnsupportedMediaType));
        }
        // A list would be read field by field.
        if self.body.trim_ascii_start().first() == Some(&b'[') {
            return Err(Problem::invalid_field("", Rule::wrong_type("object")));
        }
        let mut json = serde_json::Deserializer::from_slice(&self.body);
        serde_path_to_error::deserialize(&mut json).map_err(|error| {
            if error.inner().is_data() {
                let path: String = error.path().to_string();
                let parent = if path == "." { String::new() } else { format!("/{}", path.replace('.', "/")) };
                Problem::invalid(vec![field_error(parent, &error.inner().to_string())])
            } else {
                Problem::new(Code::MalformedJson)
            }
        })
    }

    /// The query string as a struct; a bad parameter is 422.
    pub fn parameters(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_bytes()).into_owned().collect()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value)
    }

    /// The language that the client likes best.
    pub fn language(&self) -> Language {
        language(&self.headers)
    }

    /// The client's address.
    pub fn client(&self) -> Option<IpAddr> {
        self.header(CLIENT_HEADER)?.parse().ok()
    }
}

/// The language that `Accept-Language` likes best.
pub fn language(headers: &HeaderMap) -> Language {
    let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    header.map_or(Language::default(), Language::accepted)
}

/// serde's words as a rule of a field, without the value, which may be a secret, and without names of our types.
fn field_error(pointer: String, words: &str) -> FieldError {
    let words = words.rsplit_once(" at line ").map_or(words, |(before, _)| before);
    let named = || words.split('`').nth(1).unwrap_or_default();
    if words.starts_with("missing field") {
        return FieldError { pointer: format!("{pointer}/{}", named()), rule: Rule::required() };
    }
    if words.starts_with("unknown field") {
        return FieldError { pointer, rule: Rule::unknown_field() };
    }
    let expected = words.rsplit_once(", expected ").map_or("", |(_, expected)| expected);
    FieldError { pointer, rule: Rule::wrong_type(type_named(expected)) }
}

/// A type of JSON by serde's word for it.
fn type_named(expected: &str) -> &'static str {
    match expected {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" => "integer",
        "f32" | "f64" => "number",
        "a boolean" => "boolean",
        "a sequence" => "array",
        "a map" => "object",
        expected if expected.starts_with("struct ") => "object",
        expected if expected.contains("string") => "string",
        _ => "other",
    }
}

/// JSON with a status.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    let body = match serde_json::to_vec(value) {
        Ok(body) => body,
        Err(error) => return Problem::unavailable("json", &error).into_response(),
    };
    json_bytes(status, body.into())
}

/// What is JSON already.
pub fn json_bytes(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// 204.
pub fn no_content() -> Response {
    let mut response = Response::new(Bytes::new().into());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Adds a header whose value is ours.
pub fn with_header(mut response: Response, name: &'static str, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape matters")]
    struct Body {
        password: String,
        depth: i32,
    }

    fn fault(body: &str) -> FieldError {
        let headers =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let call = Call { headers, query: String::new(), body: Bytes::copy_from_slice(body.as_bytes()) };
        call.json::<Body>().expect_err("it is refused").errors.remove(0)
    }

    #[test]
    fn a_bad_body_is_told_by_field_and_rule_and_never_repeats_a_value() {
        let told = |pointer: &str, rule: Rule| FieldError { pointer: pointer.into(), rule };
        assert_eq!(fault("{}"), told("/password", Rule::required()));
        assert_eq!(fault(r#" ["secret", 5]"#), told("", Rule::wrong_type("object")));
        assert_eq!(fault(r#"{"password": 12345}"#), told("/password", Rule::wrong_type("string")));
        let depth = fault(r#"{"password": "x", "depth": "six"}"#);
        assert_eq!(depth, told("/depth", Rule::wrong_type("integer")));
        assert_eq!(fault(r#"{"secret": 1}"#).rule, Rule::unknown_field());
    }
}
