//! The anti-corruption layer: Salla's rows become observations, personal fields sealed on the way.
//!
//! A row that does not map is an error with the path of the bad field; it goes to the dead letters and the
//! others go on.

pub mod customers;
pub mod order_details;
pub mod orders;
pub mod products;
pub mod seal;
pub mod values;
pub mod webhooks;

use std::borrow::Cow;

use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Entity, Kind, Source};
use qafila_schemas::records::observation::Observation;
use qafila_schemas::sealed::Subject;
use serde::de::DeserializeOwned;

/// Whose rows these are and how they were read.
#[derive(Debug, Clone)]
pub struct Provenance {
    /// Merchant.
    pub merchant_id: MerchantId,
    /// Connection.
    pub connection_id: ConnectionId,
    /// Store.
    pub store_id: i64,
    /// List, details or webhook.
    pub source: Source,
    /// When it was true at Salla (ARCHITECTURE §5).
    pub observed_at: Millis,
}

/// Whose store it is.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// Merchant.
    pub merchant_id: MerchantId,
    /// Connection.
    pub connection_id: ConnectionId,
    /// Store.
    pub store_id: i64,
}

impl Owner {
    /// What was true of the store at `observed_at`, as `source` says.
    pub fn provenance(&self, source: Source, observed_at: Millis) -> Provenance {
        let Self { merchant_id, connection_id, store_id } = *self;
        Provenance { merchant_id, connection_id, store_id, source, observed_at }
    }
}

/// A row that cannot become an observation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct Unmappable {
    /// JSON pointer to the bad field.
    pub path: String,
    /// What is wrong with it; never its value.
    pub reason: String,
}

/// An observation whose personal fields are still in clear. It can only be [sealed](seal::seal_all), never
/// written.
#[derive(Debug)]
pub struct Unsealed {
    pub(crate) observation: Observation,
    /// Whose personal fields they are; none where the entity has none.
    pub(crate) subject: Option<Subject>,
}

impl Unsealed {
    /// An observation of `kind` that tells nothing but the kind.
    pub fn of_kind(provenance: &Provenance, entity: Entity, salla_id: i64, kind: Kind) -> Self {
        let mut observation = observation(provenance, entity, salla_id);
        observation.kind = kind;
        Self { observation, subject: None }
    }

    /// Whether it tells only that the entity changed.
    pub fn is_news_only(&self) -> bool {
        self.observation.kind == Kind::Stale
    }

    /// Salla's id of the entity.
    pub fn salla_id(&self) -> i64 {
        self.observation.salla_id
    }
}

/// Reads a row, telling the path of what is wrong.
fn read<T: DeserializeOwned>(row: &str) -> Result<T, Unmappable> {
    let row = without_nul(row);
    let mut json = serde_json::Deserializer::from_str(&row);
    serde_path_to_error::deserialize(&mut json).map_err(|error| Unmappable {
        path: pointer(error.path()),
        reason: without_values(&error.inner().to_string()),
    })
}

/// The row without NUL characters, which JSON may spell and Postgres cannot hold.
fn without_nul(row: &str) -> Cow<'_, str> {
    const NUL: &str = "\\u0000";
    if !row.contains(NUL) {
        return Cow::Borrowed(row);
    }
    let mut kept = String::with_capacity(row.len());
    let mut rest = row;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        kept.push_str(before);
        // What follows a backslash belongs to it, a second one too.
        let characters = if escape[1..].starts_with('u') { 6 } else { 2 };
        let length = escape.char_indices().nth(characters).map_or(escape.len(), |(end, _)| end);
        if !escape.starts_with(NUL) {
            kept.push_str(&escape[..length]);
        }
        rest = &escape[length..];
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => "/?".into(),
        })
        .collect()
}

/// serde names the offending value, in quotes or backticks; it may be personal, so only its kind and what was expected stay.
/// Where a field is missing the name in backticks is ours.
fn without_values(reason: &str) -> String {
    let reason = reason.rsplit_once(" at line ").map_or(reason, |(before, _)| before);
    if reason.starts_with("missing field") {
        return reason.to_owned();
    }
    let Some(value) = reason.find(['"', '`']) else { return reason.to_owned() };
    // From the right: a value may hold the words itself, what we expect never does.
    let expected = reason.rfind(", expected ").filter(|at| *at > value).map_or("", |at| &reason[at..]);
    format!("{}…{expected}", &reason[..value])
}

fn observation(provenance: &Provenance, entity: Entity, salla_id: i64) -> Observation {
    Observation {
        merchant_id: provenance.merchant_id,
        connection_id: provenance.connection_id,
        store_id: provenance.store_id,
        entity,
        salla_id,
        kind: Kind::Seen,
        source: provenance.source.clone(),
        observed_at: provenance.observed_at,
        order: None,
        customer: None,
        product: None,
        cart: None,
    }
}

/// Key on `salla.observations`.
pub fn observation_key(observation: &Observation) -> String {
    format!("{}:{}:{}", observation.merchant_id, observation.entity, observation.salla_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_characters_vanish_and_text_that_only_looks_like_one_stays() {
        assert_eq!(without_nul(r#"{"a":"x\u0000y"}"#), r#"{"a":"xy"}"#);
        let text: String = read(r#""a\\u0000b""#).expect("a text");
        assert_eq!(text, r"a\u0000b");
        assert_eq!(read::<String>(r#""a\u0000\u0000b""#).as_deref(), Ok("ab"));
        // What is left of a mangled escape is no escape that was not there.
        assert!(read::<String>(r#""\u00\u000000""#).is_err());
        let long = format!("\"{}\\u0000\"", "\\\\".repeat(200_000));
        assert_eq!(without_nul(&long).len(), 400_002);
    }
}
