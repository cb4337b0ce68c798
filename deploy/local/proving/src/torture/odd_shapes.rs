//! `odd_shapes`: every documented payload of every event and list that we use, with one field at a time replaced by each of [`ODD`]: by that
//! payload alone the record arrives, and what differs from the payload as documented is absent or right. One run is one field with one
//! value. No server is needed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, Result, ensure};
use qafila_ingest::mapping::market::Market;
use qafila_ingest::mapping::webhooks::app::app_event;
use qafila_ingest::mapping::webhooks::{Envelope, Topic, observe, topic};
use qafila_ingest::mapping::{Owner, Unmappable, Unsealed, customers, orders, products};
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Kind, Source};
use serde_json::{Value, json};

use super::RunOutcome;
use crate::samples::{names, sample};

/// What a field is replaced by, each spelt as JSON, with all that it may be read as: its text, its number, its instant.
const ODD: [(&str, &[&str]); 30] = [
    ("null", &[]),
    ("\"\"", &[]),
    ("\" \"", &[]),
    ("[]", &[]),
    ("{}", &[]),
    ("true", &["true", "1"]),
    ("false", &["false"]),
    ("0", &["0", "0.0000", "false"]),
    ("1", &["1", "1.0000", "true", "+1"]),
    ("\"1\"", &["1", "1.0000", "true", "+1"]),
    ("\"0\"", &["0", "0.0000", "false"]),
    ("-1", &["-1", "-1.0000"]),
    ("10.0", &["10", "10.0", "10.0000"]),
    ("\"2.5\"", &["2.5", "2.5000", "25"]),
    ("302.49999999999994", &["302.5000", "302.49999999999994"]),
    ("86.95652173913", &["86.9565", "86.95652173913"]),
    ("\"1,250.00\"", &["1250.0000", "1,250.00", "1250"]),
    ("{\"amount\":null,\"currency\":\"SAR\"}", &[]),
    ("{\"amount\":\"\",\"currency\":\"SAR\"}", &[]),
    ("{\"0\":{\"id\":5},\"3\":{\"id\":6}}", &["5", "6"]),
    ("\"0000-00-00 00:00:00\"", &["0000-00-00 00:00:00"]),
    ("\"-0001-11-30 00:00:00\"", &["-0001-11-30 00:00:00"]),
    ("\"1443-11-17 14:48:20\"", &["1443-11-17 14:48:20"]),
    ("\"2026-11-28\"", &["2026-11-28", "2026-11-27T21:00:00.000Z"]),
    (
        "{\"date\":\"2026-11-28 10:00:00\",\"timezone_type\":2,\"timezone\":\"EDT\"}",
        &["2026-11-28T14:00:00.000Z", "2026-11-28"],
    ),
    ("\"half \\ud83d\"", &["half \u{fffd}"]),
    ("\"under_review\"", &["under_review", "566146469"]),
    ("[\"a\",{\"b\":[1]}]", &["a"]),
    ("9007199254740993", &["9007199254740993", "9007199254740993.0000", "+9007199254740993"]),
    ("\"نص عربي\"", &["نص عربي"]),
];

/// Paths that cost their record when they cannot be read, and why. `*` is any one step.
const EXCEPTIONS: [(&str, &str); 9] = [
    ("/event", "it says what the document is about"),
    ("/merchant", "it says whose the document is"),
    ("/data", "it is the document"),
    ("/data/id", "it says which entity the document is about"),
    ("/data/order", "it is the document: an entry of an order's history names the order alone here"),
    ("/data/order/id", "it says which order the entry of the history is about"),
    ("/id", "it says which entity the row is about"),
    ("", "it is the row"),
    ("/data/access_token", "without it there is nothing to keep"),
];

const STORE: i64 = 1_305_146_709;
const RECEIVED: Millis = Millis(1_795_000_000_000);

/// A documented payload, and how it is read.
struct Subject {
    name: String,
    document: Value,
    reader: ReadAs,
}

#[derive(Clone, Copy)]
enum ReadAs {
    Webhook,
    Order,
    OrderDetails,
    Items,
    Customer,
    Product,
}

/// All payloads, their fields, and the pairs of field and value.
pub struct OddShapes {
    subjects: Vec<Subject>,
    /// Subject, path; each with every odd value.
    fields: Vec<(usize, String)>,
}

/// What a payload tells: observations, or the events of the app that it is.
type Told = Result<Vec<Value>, Unmappable>;

impl OddShapes {
    /// Reads the payloads.
    pub fn prepare() -> Result<Self> {
        let mut subjects = Vec::new();
        for name in names() {
            if let Some(event) = name.strip_prefix("webhook.").filter(|n| *n != "signature.vectors.json") {
                let document = sample(&name);
                let used = document["event"].as_str().map(topic);
                if used.is_some_and(|used| used != Topic::Unused) {
                    subjects.push(Subject { name: event.to_owned(), document, reader: ReadAs::Webhook });
                }
            }
        }
        for (name, file, reader) in [
            ("orders", "orders.list.json", ReadAs::Order),
            ("order", "order.details.light.json", ReadAs::OrderDetails),
            ("items", "order.items.list.json", ReadAs::Items),
            ("customers", "customers.list.json", ReadAs::Customer),
            ("customer", "customer.details.json", ReadAs::Customer),
            ("products", "products.list.json", ReadAs::Product),
            ("product", "product.details.json", ReadAs::Product),
        ] {
            let data = sample(file)["data"].take();
            let rows = match data {
                Value::Array(rows) => rows,
                row => vec![row],
            };
            for (place, document) in rows.into_iter().enumerate() {
                subjects.push(Subject { name: format!("{name} {place}"), document, reader });
            }
        }
        let mut fields = Vec::new();
        for (place, subject) in subjects.iter().enumerate() {
            let mut paths = Vec::new();
            collect(&subject.document, String::new(), &mut paths);
            fields.extend(paths.into_iter().map(|path| (place, path)));
        }
        ensure!(fields.len() > 1_000, "only {} fields", fields.len());
        Ok(Self { subjects, fields })
    }

    /// Pairs of field and value.
    pub fn pairs(&self) -> u64 {
        (self.fields.len() * ODD.len()) as u64
    }

    /// The pair of number `seed`, from 1.
    pub fn run(&mut self, seed: u64) -> Result<RunOutcome> {
        let pair = usize::try_from((seed.max(1) - 1) % self.pairs())?;
        let (subject, path) = self.fields.get(pair / ODD.len()).context("a field")?;
        let subject = &self.subjects[*subject];
        let (odd, meanings) = ODD[pair % ODD.len()];
        let text = replaced(&subject.document, path, odd)?;
        let told = catch_unwind(AssertUnwindSafe(|| subject.read(&text)));
        let Ok(told) = told else {
            println!("  {} {path} = {odd}: panics", subject.name);
            return Ok(RunOutcome { wrong: true, ..RunOutcome::default() });
        };
        let told = match told {
            Ok(told) => told,
            Err(_) if is_excepted(path) => return Ok(RunOutcome::default()),
            Err(error) => {
                println!("  {} {path} = {odd}: lost, {error}", subject.name);
                return Ok(RunOutcome { lost: 1, ..RunOutcome::default() });
            }
        };
        let usual =
            subject.read(&subject.document.to_string()).map_err(|error| anyhow::anyhow!("{error}"))?;
        if is_excepted(path) {
            return Ok(RunOutcome::default());
        }
        let fault = compare(&usual, &told, meanings, path);
        if let Some(fault) = &fault {
            println!("  {} {path} = {odd}: {fault}", subject.name);
        }
        Ok(RunOutcome { wrong: fault.is_some(), ..RunOutcome::default() })
    }

    /// Nothing is left behind.
    pub async fn finish(self) -> Result<()> {
        Ok(())
    }
}

impl Subject {
    fn read(&self, text: &str) -> Told {
        let (merchant_id, connection_id) = (MerchantId::default(), ConnectionId::default());
        let owner = Owner { merchant_id, connection_id, store_id: STORE, market: Market::default() };
        let of = |source| owner.provenance(source, RECEIVED);
        let one = |seen: Result<Unsealed, Unmappable>| seen.map(|seen| vec![seen]);
        let all = match self.reader {
            ReadAs::Webhook => {
                let envelope = Envelope::read(text)?;
                match topic(&envelope.event) {
                    Topic::Entity(what) => observe(what, &envelope, owner, RECEIVED)?,
                    Topic::App | Topic::Unused => {
                        let at = envelope.created_at.unwrap_or(RECEIVED).to_utc();
                        let event = app_event(&envelope.event, &envelope.data, at)?;
                        return Ok(vec![json!({ "app": format!("{event:?}") })]);
                    }
                }
            }
            ReadAs::Order => one(orders::from_list(text, &of(Source::List)))?,
            ReadAs::OrderDetails => one(orders::whole(text, "[]", &of(Source::Details)))?,
            ReadAs::Items => {
                let details = sample("order.details.light.json")["data"].take();
                one(orders::whole(&details.to_string(), &format!("[{text}]"), &of(Source::Details)))?
            }
            ReadAs::Customer => one(customers::from_row(text, &of(Source::List)))?,
            ReadAs::Product => one(products::from_row(text, &of(Source::List)))?,
        };
        let told =
            all.into_iter().map(Unsealed::into_clear).filter(|o| o.kind != Kind::Stale || is_part(self));
        Ok(told.filter_map(|observation| serde_json::to_value(observation).ok()).collect())
    }
}

/// Events that tell only that something changed.
fn is_part(subject: &Subject) -> bool {
    subject.document["event"].as_str().is_some_and(|event| event.starts_with("product."))
}

/// Every field below, objects and lists too.
fn collect(value: &Value, path: String, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
                into.push(path.clone());
                collect(field, path, into);
            }
        }
        // The first row stands for the others.
        Value::Array(rows) => {
            if let Some(row) = rows.first() {
                collect(row, format!("{path}/0"), into);
            }
        }
        _ => {}
    }
}

/// The document with `odd`, which need not be what serde_json holds, in the place of a field.
fn replaced(document: &Value, path: &str, odd: &str) -> Result<String> {
    const MARK: &str = "\u{1}odd\u{1}";
    let mut document = document.clone();
    *document.pointer_mut(path).with_context(|| format!("no {path}"))? = json!(MARK);
    Ok(document.to_string().replace(&json!(MARK).to_string(), odd))
}

fn is_excepted(path: &str) -> bool {
    EXCEPTIONS.iter().any(|(excepted, _)| *excepted == path)
}

/// What is told otherwise than usual and is neither absent nor one of `meanings`.
fn compare(usual: &[Value], told: &[Value], meanings: &[&str], path: &str) -> Option<String> {
    if told.is_empty() && !usual.is_empty() {
        return Some("it does not arrive".into());
    }
    // Without its time an event counts as old, and a deletion is news alone.
    if path == "/created_at" {
        return None;
    }
    for (usual, told) in usual.iter().zip(told) {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        leaves(usual, String::new(), &mut before);
        leaves(told, String::new(), &mut after);
        for (path, leaf) in after {
            let is_usual = before.iter().any(|(known, value)| *known == path && *value == leaf);
            let is_ours = ["/empty", "/unreadable", "/assumed", "/app"].iter().any(|ours| path.starts_with(ours))
                // What was chosen and written is kept as it came, whatever it is.
                || path.ends_with("/options");
            // A name without its half, a phone without its country: what is left of what was told.
            let is_part = |whole: &Value| {
                leaf.as_str().is_some_and(|part| whole.as_str().is_some_and(|whole| whole.contains(part)))
            };
            let was_told = before.iter().any(|(_, value)| *value == leaf || is_part(value));
            if !is_usual && !is_ours && !is_meant(&leaf, meanings) && !was_told {
                return Some(format!("{path} is {leaf}"));
            }
        }
    }
    None
}

/// Absent, or one of the readings; flags and how a product was found follow from others.
fn is_meant(leaf: &Value, meanings: &[&str]) -> bool {
    match leaf {
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => true,
        Value::Number(number) => {
            let at = number.as_i64().map(|millis| Millis(millis).to_string());
            meanings.contains(&number.to_string().as_str())
                || at.is_some_and(|at| meanings.contains(&at.as_str()))
        }
        Value::String(text) => {
            let texts = [text.as_str(), text.trim_start_matches('+')];
            meanings
                .iter()
                .any(|meaning| texts.contains(meaning) || text.contains(meaning) && !meaning.is_empty())
        }
    }
}

fn leaves(value: &Value, path: String, into: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                leaves(field, format!("{path}/{name}"), into);
            }
        }
        Value::Array(rows) => {
            for (place, row) in rows.iter().enumerate() {
                leaves(row, format!("{path}/{place}"), into);
            }
        }
        leaf => into.push((path, leaf.clone())),
    }
}
