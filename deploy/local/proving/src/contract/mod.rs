//! The OpenAPI document as a rule that answers are held against: status, type, body and problem code of each must stand in it.

pub mod front;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use http::{Method, StatusCode};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

const SCHEMAS: &str = "#/components/schemas/";
/// Routes beside the contract: the document itself, and pages to read it.
const BESIDE: [&str; 2] = ["/api/openapi.json", "/api/docs"];

/// The document, ready to check answers.
pub struct Contract {
    operations: Vec<Operation>,
    problem: Validator,
}

struct Operation {
    method: Method,
    path: Vec<String>,
    id: String,
    responses: BTreeMap<u16, Expected>,
}

/// What may come with a status: bodies by media type, and problem codes.
struct Expected {
    bodies: BTreeMap<String, Option<Validator>>,
    codes: Vec<String>,
}

/// An answer, as it came.
pub struct Answered<'a> {
    /// Method of its request.
    pub method: &'a Method,
    /// Path of its request.
    pub path: &'a str,
    /// Status.
    pub status: StatusCode,
    /// Media type, with its parameters.
    pub media_type: Option<&'a str>,
    /// Body; none where it is no JSON and was not read.
    pub body: Option<&'a [u8]>,
}

impl Contract {
    /// Of a document. Sets that may get values are closed here: what the document does not name, it lacks. So are objects.
    pub fn new(document: &Value) -> Result<Self> {
        let mut components = document["components"].clone();
        close(&mut components["schemas"]);
        let validator = |schema: &Value| {
            let mut root = schema.clone();
            root["components"] = components.clone();
            jsonschema::options()
                .should_validate_formats(true)
                .build(&root)
                .context("a schema of the document")
        };
        let mut operations = vec![];
        for (path, methods) in document["paths"].as_object().context("paths")? {
            for (method, operation) in methods.as_object().context("methods")? {
                let mut responses = BTreeMap::new();
                for (status, response) in operation["responses"].as_object().context("responses")? {
                    let mut bodies = BTreeMap::new();
                    for (media_type, content) in response["content"].as_object().into_iter().flatten() {
                        let is_json = is_json(media_type) && content["schema"].is_object();
                        let body = is_json.then(|| validator(&content["schema"])).transpose()?;
                        bodies.insert(media_type.clone(), body);
                    }
                    let codes = response["x-codes"].as_array().into_iter().flatten();
                    let codes = codes.filter_map(|code| code.as_str().map(str::to_owned)).collect();
                    responses.insert(status.parse()?, Expected { bodies, codes });
                }
                operations.push(Operation {
                    method: method.to_uppercase().parse()?,
                    path: path.split('/').map(str::to_owned).collect(),
                    id: operation["operationId"].as_str().unwrap_or_default().to_owned(),
                    responses,
                });
            }
        }
        let problem = validator(&json!({"$ref": format!("{SCHEMAS}Problem")}))?;
        Ok(Self { operations, problem })
    }

    /// Why an answer is outside the document; none where it stands in it.
    pub fn fault(&self, answered: &Answered<'_>) -> Option<String> {
        let said = |fault: String| {
            let body = answered.body.map(String::from_utf8_lossy).unwrap_or_default();
            Some(format!(
                "{} {} answered {}: {fault}: {body}",
                answered.method, answered.path, answered.status
            ))
        };
        if BESIDE.iter().any(|path| answered.path.starts_with(path)) {
            return None;
        }
        let Some(operation) = self.operation(answered) else {
            let is_named = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED].contains(&answered.status);
            return match body_fault(Some(&self.problem), answered) {
                None if is_named => None,
                fault => said(fault.unwrap_or_else(|| "no operation of the document".into())),
            };
        };
        let Some(expected) = operation.responses.get(&answered.status.as_u16()) else {
            return said(format!("{} has no such status", operation.id));
        };
        operation_fault(expected, answered).and_then(|fault| said(format!("{}: {fault}", operation.id)))
    }

    fn operation(&self, answered: &Answered<'_>) -> Option<&Operation> {
        let parts: Vec<&str> = answered.path.split('/').collect();
        let matches = |operation: &&Operation| {
            let method = if answered.method == Method::HEAD { &Method::GET } else { answered.method };
            operation.method == *method
                && operation.path.len() == parts.len()
                && operation
                    .path
                    .iter()
                    .zip(&parts)
                    .all(|(known, part)| known.starts_with('{') || known == part)
        };
        // A path without parameters is meant before one with them.
        let parameters =
            |operation: &&Operation| operation.path.iter().filter(|part| part.starts_with('{')).count();
        self.operations.iter().filter(matches).min_by_key(parameters)
    }
}

fn operation_fault(expected: &Expected, answered: &Answered<'_>) -> Option<String> {
    if answered.method == Method::HEAD {
        return None;
    }
    let media_type = answered.media_type.map(|text| text.split(';').next().unwrap_or_default().trim());
    let body = match media_type {
        None if expected.bodies.is_empty() => {
            return answered
                .body
                .is_some_and(|body| !body.is_empty())
                .then(|| "a body without a type".into());
        }
        None => return Some("a body is missing".into()),
        Some(media_type) => match expected.bodies.get(media_type) {
            Some(body) => body,
            None => return Some(format!("not of the type {media_type}")),
        },
    };
    if let Some(fault) = body_fault(body.as_ref(), answered) {
        return Some(fault);
    }
    if expected.codes.is_empty() || body.is_none() {
        return None;
    }
    let body: Value = serde_json::from_slice(answered.body.unwrap_or_default()).unwrap_or_default();
    let code = body["code"].as_str().unwrap_or_default();
    (!expected.codes.iter().any(|known| known == code)).then(|| format!("not with the code {code}"))
}

fn body_fault(validator: Option<&Validator>, answered: &Answered<'_>) -> Option<String> {
    let validator = validator?;
    let body: Value = match serde_json::from_slice(answered.body.unwrap_or_default()) {
        Ok(body) => body,
        Err(error) => return Some(format!("no JSON: {error}")),
    };
    let faults: Vec<String> =
        validator.iter_errors(&body).map(|error| format!("{} {error}", error.instance_path())).collect();
    (!faults.is_empty()).then(|| faults.join("; "))
}

/// Closes what the document leaves open, so that an answer that has more than the document tells is found.
fn close(schemas: &mut Value) {
    let parts: Vec<String> = schemas
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(_, schema)| schema["allOf"].as_array().into_iter().flatten())
        .filter_map(|part| part["$ref"].as_str()?.strip_prefix(SCHEMAS).map(str::to_owned))
        .collect();
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        let Some(fields) = schema.as_object_mut() else { continue };
        if is_open_set(fields) {
            let known = fields["anyOf"][0].clone();
            fields.remove("anyOf");
            fields.insert("allOf".into(), json!([known]));
        } else if fields.contains_key("allOf") {
            fields.insert("unevaluatedProperties".into(), false.into());
        } else if fields.contains_key("properties") && !parts.contains(name) {
            fields.entry("additionalProperties").or_insert(false.into());
        }
    }
}

/// Whether bodies of a media type are one JSON value.
pub fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

/// Known values beside any text.
fn is_open_set(fields: &Map<String, Value>) -> bool {
    let Some(choices) = fields.get("anyOf").and_then(Value::as_array) else { return false };
    choices.len() == 2
        && choices[0]["$ref"].as_str().is_some_and(|at| at.starts_with(&format!("{SCHEMAS}Known")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract() -> Contract {
        let document = json!({
            "components": {"schemas": {
                "Problem": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string"}}},
                "KnownState": {"type": "string", "enum": ["up"]},
                "State": {"anyOf": [{"$ref": "#/components/schemas/KnownState"}, {"type": "string"}]},
                "Thing": {"type": "object", "required": ["state"], "properties": {"state": {"$ref": "#/components/schemas/State"}}}
            }},
            "paths": {"/things/{id}": {"get": {"operationId": "getThing", "responses": {
                "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                "304": {},
                "404": {"x-codes": ["unknown-thing"], "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
            }}}}
        });
        Contract::new(&document).expect("a document")
    }

    fn fault(path: &str, status: u16, media_type: Option<&str>, body: &str) -> Option<String> {
        let status = StatusCode::from_u16(status).expect("a status");
        contract().fault(&Answered {
            method: &Method::GET,
            path,
            status,
            media_type,
            body: Some(body.as_bytes()),
        })
    }

    #[test]
    fn an_answer_outside_the_document_is_named_and_one_within_is_not() {
        let json = Some("application/json");
        let problem = Some("application/problem+json");
        assert_eq!(fault("/things/1", 200, json, r#"{"state": "up"}"#), None);
        assert_eq!(fault("/things/1", 304, None, ""), None);
        assert_eq!(fault("/things/1", 404, problem, r#"{"code": "unknown-thing"}"#), None);
        assert_eq!(fault("/other", 404, problem, r#"{"code": "not-found"}"#), None);
        for (status, media_type, body, wanted) in [
            (200, json, r#"{"state": "down"}"#, "down"),
            (200, json, r#"{"state": "up", "more": 1}"#, "more"),
            (200, json, "{}", "state"),
            (200, Some("text/html"), "up", "text/html"),
            (404, problem, r#"{"code": "another"}"#, "another"),
            (500, problem, r#"{"code": "x"}"#, "no such status"),
        ] {
            let found = fault("/things/1", status, media_type, body).unwrap_or_default();
            assert!(found.contains(wanted), "{status} {body}: {found}");
        }
        assert!(fault("/other", 200, json, r#"{"state": "up"}"#).is_some());
    }
}
