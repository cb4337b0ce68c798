//! Refuses to build while a field of a schema lacks its documentation or its privacy class
//! (ARCHITECTURE §3), a personal field is anything but a string that can be sealed, or a decimal has another scale than all others.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// What every decimal is, as `src/amount.rs` reads and writes it.
const DECIMAL: [(&str, u64); 2] = [("precision", 18), ("scale", 4)];
const CLASSES: [&str; 3] = ["none", "pseudonym", "personal"];

fn main() {
    println!("cargo:rerun-if-changed=avsc");
    let mut faults = Vec::new();
    for entry in fs::read_dir("avsc").expect("schemas/avsc holds the schemas") {
        let path = entry.expect("schemas/avsc is readable").path();
        let text = fs::read_to_string(&path).expect("a schema is readable text");
        match serde_json::from_str(&text) {
            Ok(schema) => check(&path, &schema, &mut faults),
            Err(error) => faults.push(format!("{}: {error}", path.display())),
        }
    }
    assert!(faults.is_empty(), "schemas that must not be released:\n{}", faults.join("\n"));
}

fn check(path: &Path, schema: &Value, faults: &mut Vec<String>) {
    match schema {
        Value::Array(branches) => branches.iter().for_each(|branch| check(path, branch, faults)),
        Value::Object(object) => {
            // A registry calls schemas of two scales compatible, and every reader would be wrong by powers of ten.
            let is_decimal = object.get("logicalType").is_some_and(|name| name == "decimal");
            if is_decimal
                && DECIMAL.iter().any(|(part, size)| object.get(*part).and_then(Value::as_u64) != Some(*size))
            {
                faults.push(format!("{}: a decimal is not of precision 18 and scale 4", path.display()));
            }
            for field in object.get("fields").and_then(Value::as_array).into_iter().flatten() {
                check_field(path, field, faults);
            }
            if object.get("type").is_some_and(|t| t == "array") {
                check(path, &object["items"], faults);
            }
        }
        _ => {}
    }
}

fn check_field(path: &Path, field: &Value, faults: &mut Vec<String>) {
    let name = field["name"].as_str().unwrap_or("?");
    let mut fault = |what: &str| faults.push(format!("{}: field {name}: {what}", path.display()));
    if field["doc"].as_str().is_none_or(|doc| doc.trim().is_empty()) {
        fault("no doc (unit, currency, time zone)");
    }
    match field["privacy"].as_str() {
        Some(class) if !CLASSES.contains(&class) => fault("privacy is not one of none, pseudonym, personal"),
        Some("personal") if !sealable(&field["type"]) => fault("a personal field must be a string or bytes"),
        Some(_) => {}
        None => fault("no privacy class"),
    }
    check(path, &field["type"], faults);
}

fn sealable(kind: &Value) -> bool {
    match kind {
        Value::String(name) => name == "string" || name == "bytes",
        Value::Array(branches) => branches.iter().all(|b| b == "null" || b == "string"),
        _ => false,
    }
}
