//! What the derived document lacks: problems of every operation, answers without a body to `If-None-Match`, and which fields are always
//! there.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::problems;
use crate::problem::{Code, MEDIA_TYPE};

const SCHEMAS: &str = "#/components/schemas/";

/// Completes the document.
pub(super) fn complete(document: &mut Value) {
    let sent = schemas_of_requests(document);
    for (name, schema) in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        if !sent.contains(name) {
            require_all(schema);
        }
    }
    for (path, methods) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            let codes = problems::of(path, operation);
            let Some(responses) = operation["responses"].as_object_mut() else { continue };
            add_problems(responses, &codes);
            if method == "get" && path.starts_with("/api/v1/") {
                responses.insert(
                    "304".into(),
                    json!({"description": "It is still what the `ETag` in `If-None-Match` names."}),
                );
            }
        }
    }
}

/// One answer for each status, with the codes that may come with it: in words, and as `x-codes`.
fn add_problems(responses: &mut Map<String, Value>, codes: &[Code]) {
    let statuses: BTreeSet<StatusCode> = codes.iter().map(|code| code.status()).collect();
    for status in statuses {
        let of_status = || codes.iter().filter(|code| code.status() == status);
        let words: Vec<String> =
            of_status().map(|code| format!("`{}`: {}", code.as_str(), code.about())).collect();
        let names: Vec<&str> = of_status().map(|code| code.as_str()).collect();
        let schema = json!({"$ref": format!("{SCHEMAS}Problem")});
        // A page for browsers stays beside the problem.
        let response = responses.entry(status.as_str()).or_insert_with(|| json!({"content": {}}));
        response["description"] = words.join("\n\n").into();
        response["x-codes"] = names.into();
        response["content"][MEDIA_TYPE] = json!({"schema": schema});
    }
}

/// Answers always have all their fields; what is unknown is null.
fn require_all(schema: &mut Value) {
    let parts = schema.get_mut("allOf").and_then(Value::as_array_mut);
    parts.into_iter().flatten().for_each(require_all);
    if let Some(properties) = schema["properties"].as_object() {
        schema["required"] = properties.keys().cloned().collect::<Vec<_>>().into();
    }
}

/// Names of the schemas that requests are made of: there a field may be left out.
fn schemas_of_requests(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(_, methods)| methods.as_object().into_iter().flatten());
    for (_, operation) in operations {
        add_named(&operation["requestBody"], document, &mut found);
    }
    found
}

fn add_named(within: &Value, document: &Value, found: &mut BTreeSet<String>) {
    match within {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix(SCHEMAS));
            if let Some(name) = name
                && found.insert(name.to_owned())
            {
                add_named(&document["components"]["schemas"][name], document, found);
            }
            fields.values().for_each(|value| add_named(value, document, found));
        }
        Value::Array(items) => items.iter().for_each(|item| add_named(item, document, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::DOCUMENT;
    use super::*;

    fn required(name: &str) -> Vec<&'static str> {
        let fields = DOCUMENT["components"]["schemas"][name]["required"].as_array();
        fields.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    #[test]
    fn fields_of_answers_are_always_there_and_those_of_requests_only_where_they_must_be() {
        assert!(required("ProductBody").contains(&"price") && required("SyncStatusBody").contains(&"cause"));
        assert!(required("Problem").contains(&"requestId"));
        assert_eq!(required("ExportRequestBody"), ["reportType", "format"]);
        assert!(required("ExportFiltersBody").is_empty(), "a request has it, too");
        let price = &DOCUMENT["components"]["schemas"]["ProductBody"]["properties"]["price"];
        assert!(price["oneOf"].as_array().is_some_and(|kinds| kinds.contains(&json!({"type": "null"}))));
    }

    #[test]
    fn every_error_is_declared_as_problem_json_with_its_codes() {
        let login = &DOCUMENT["paths"]["/api/v1/auth/login"]["post"]["responses"];
        for status in ["400", "401", "408", "413", "415", "422", "429", "503"] {
            assert!(login[status]["content"][MEDIA_TYPE].is_object(), "{status}: {}", login[status]);
            assert!(login[status]["content"]["application/json"].is_null(), "{status}");
        }
        assert_eq!(login["401"]["x-codes"], json!(["wrong-credentials"]));
        assert!(login["200"]["content"]["application/json"].is_object(), "{login}");
        let me = &DOCUMENT["paths"]["/api/v1/me"]["get"]["responses"];
        assert!(me["304"].is_object() && me["304"]["content"].is_null(), "{me}");
    }
}
