//! The anti-corruption layer: Salla's rows become observations, personal fields sealed on the way.
//!
//! A field of an odd shape costs that field alone: it is absent, counted and named. Only a document that is no JSON object or that names no
//! id is an error; it goes to the dead letters and the others go on.

mod addresses;
pub mod customers;
pub mod market;
pub mod orders;
mod people;
pub mod phones;
pub mod products;
pub mod seal;
mod statuses;
pub mod webhooks;

use std::borrow::Cow;

use market::Market;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Entity, Kind, Source};
use qafila_schemas::records::observation::Observation;
use qafila_schemas::sealed::{Subject, SubjectId};

use crate::salla::shapes::amounts::{Currency, Money};
use crate::salla::shapes::reading::{Notes, Object, Said};

/// Whose rows these are and how they were read.
#[derive(Debug, Clone)]
pub struct Provenance {
    /// Merchant.
    pub merchant_id: MerchantId,
    /// Connection.
    pub connection_id: ConnectionId,
    /// Store.
    pub store_id: i64,
    /// Where the store sells.
    pub market: Market,
    /// List, details or webhook.
    pub source: Source,
    /// When it was true at Salla (ARCHITECTURE §5).
    pub observed_at: Millis,
}

/// Merchant, connection, store and currency, as `salla_connections` has them.
pub type OwnerRow = (uuid::Uuid, uuid::Uuid, i64, Option<String>);

/// Whose store it is.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// Merchant.
    pub merchant_id: MerchantId,
    /// Connection.
    pub connection_id: ConnectionId,
    /// Store.
    pub store_id: i64,
    /// Where the store sells.
    pub market: Market,
}

impl Owner {
    /// Of a row of `salla_connections`: merchant, connection, store, the store's currency.
    pub fn of_row((merchant, connection, store_id, currency): OwnerRow) -> Self {
        Self {
            merchant_id: MerchantId(merchant),
            connection_id: ConnectionId(connection),
            store_id,
            market: Market::of_currency(currency.as_deref()),
        }
    }

    /// What was true of the store at `observed_at`, as `source` says.
    pub fn provenance(&self, source: Source, observed_at: Millis) -> Provenance {
        let Self { merchant_id, connection_id, store_id, market } = *self;
        Provenance { merchant_id, connection_id, store_id, market, source, observed_at }
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
    pub(crate) subject_id: Option<SubjectId>,
    /// Whether it is a draft, where that is said.
    pub(crate) is_draft: Option<bool>,
}

impl Unsealed {
    /// An observation of `kind` that tells nothing but the kind.
    pub fn of_kind(provenance: &Provenance, entity: Entity, salla_id: i64, kind: Kind) -> Self {
        let mut observation = observation(provenance, entity, salla_id);
        observation.kind = kind;
        Self { observation, subject_id: None, is_draft: None }
    }

    /// The entity that it is of, to be told where it cannot be sealed.
    pub fn named(&self) -> seal::Unsealable {
        seal::Unsealable { entity: self.observation.entity.clone(), salla_id: self.observation.salla_id }
    }

    /// With the currency of its amounts among what is assumed, where the document names none.
    fn with_currency(mut self, currency: Option<&Currency>) -> Self {
        if currency.is_some_and(|currency| currency.is_assumed) {
            self.observation.assumed.push("currency".to_owned());
        }
        self
    }

    /// With what the document says is not there, and what could not be read, which is counted.
    fn noted(
        mut observation: Observation,
        subject_id: Option<SubjectId>,
        empty: Vec<String>,
        notes: Notes,
    ) -> Self {
        let (unreadable, rounded) = notes.finish();
        let entity = observation.entity.to_string();
        if !unreadable.is_empty() {
            metrics::counter!("qafila_unreadable_fields_total", "entity" => entity.clone())
                .increment(unreadable.len() as u64);
            tracing::debug!(event = "fields not readable", entity, paths = unreadable.join(" "));
        }
        if rounded > 0 {
            metrics::counter!("qafila_amounts_rounded_total", "entity" => entity).increment(rounded);
        }
        observation.empty = empty;
        observation.unreadable = unreadable;
        Self { observation, subject_id, is_draft: None }
    }

    /// Whose personal fields they are.
    pub(crate) fn subject(&self) -> Option<Subject> {
        let store_id = self.observation.store_id;
        self.subject_id.map(|id| Subject { store_id, id })
    }

    /// Whether it tells only that the entity changed.
    pub fn is_news_only(&self) -> bool {
        self.observation.kind == Kind::Stale
    }

    /// Salla's id of the entity.
    pub fn salla_id(&self) -> i64 {
        self.observation.salla_id
    }

    /// The observation, its personal fields in clear: for tests of mapping and merging, which write nothing.
    pub fn into_clear(self) -> Observation {
        self.observation
    }
}

/// A document of Salla's, made safe to read: without what Postgres cannot hold (NUL) or no text can be (half an emoji).
struct Document<'d>(Cow<'d, str>);

impl<'d> Document<'d> {
    fn read(text: &'d str) -> Self {
        Self(without_nul(text.trim()))
    }

    fn object<'j, 'n>(&'j self, notes: &'n Notes) -> Result<Object<'j, 'n>, Unmappable> {
        Object::parse(&self.0, String::new(), notes)
            .ok_or_else(|| Unmappable { path: String::new(), reason: "no JSON object".into() })
    }
}

/// Salla's id of what a document is about.
fn document_id(object: &Object<'_, '_>) -> Result<i64, Unmappable> {
    let absent =
        || Unmappable { path: format!("{}/id", object.path()), reason: "no whole number above 0".into() };
    object.id("id").value().ok_or_else(absent)
}

/// Salla's id of a row, whatever else is wrong with it.
pub fn row_id(row: &str) -> Option<i64> {
    let notes = Notes::default();
    Object::parse(row.trim(), String::new(), &notes)?.id("id").value()
}

/// The document without NUL characters, which JSON may spell and Postgres cannot hold, and with a replacement character for each half of a
/// surrogate pair that stands alone.
pub(crate) fn without_nul(row: &str) -> Cow<'_, str> {
    const NUL: &str = "\\u0000";
    if !row.contains("\\u") {
        return Cow::Borrowed(row);
    }
    let mut kept = String::with_capacity(row.len());
    let mut rest = row;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        kept.push_str(before);
        // What follows a backslash belongs to it, a second one too.
        let characters = if escape[1..].starts_with('u') { 6 } else { 2 };
        let mut length = escape.char_indices().nth(characters).map_or(escape.len(), |(end, _)| end);
        if is_surrogate(escape, 'd', b"89ab") && is_surrogate(&escape[length..], 'd', b"cdef") {
            length += 6;
            kept.push_str(&escape[..length]);
        } else if is_surrogate(escape, 'd', b"89abcdef") {
            kept.push('\u{fffd}');
        } else if !escape.starts_with(NUL) {
            kept.push_str(&escape[..length]);
        }
        rest = &escape[length..];
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

/// Whether `escape` begins with a whole `\uXXXX` whose first digits are these.
fn is_surrogate(escape: &str, first: char, second: &[u8]) -> bool {
    let Some(digits) = escape.strip_prefix("\\u").and_then(|rest| rest.as_bytes().get(..4)) else {
        return false;
    };
    digits.iter().all(u8::is_ascii_hexdigit)
        && char::from(digits[0]).eq_ignore_ascii_case(&first)
        && second.contains(&digits[1].to_ascii_lowercase())
}

/// Nothing of a store of Salla's was made before: a machine's epoch, or a mistake.
const FIRST_CREATION: Millis = Millis(946_684_800_000);

/// When something was made.
fn creation(of: &Object<'_, '_>, name: &str) -> Option<Millis> {
    match of.instant(name).value() {
        Some(at) if at < FIRST_CREATION => {
            of.note(name);
            None
        }
        at => at,
    }
}

/// The currency of a row: the one that its amounts or the document `around` them name, else what the store uses, where there is an
/// amount.
fn row_currency<'s>(
    amounts: impl IntoIterator<Item = &'s Said<Money>>,
    around: &Currency,
) -> Option<Currency> {
    let told: Vec<&Currency> = amounts
        .into_iter()
        .filter_map(|said| match said {
            Said::Value(money) => Some(&money.currency),
            Said::Empty | Said::Nothing => None,
        })
        .collect();
    let named = told.iter().copied().find(|currency| !currency.is_assumed);
    named.or_else(|| Some(around).filter(|around| !around.is_assumed)).or(told.first().copied()).cloned()
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
        empty: vec![],
        assumed: vec![],
        unreadable: vec![],
    }
}

/// Key on `salla.observations`.
pub fn observation_key(observation: &Observation) -> String {
    format!("{}:{}:{}", observation.merchant_id, observation.entity, observation.salla_id)
}

#[cfg(test)]
mod testing {
    use super::*;

    /// Of some store.
    pub(super) fn provenance(source: Source) -> Provenance {
        let (merchant_id, connection_id) = (MerchantId::default(), ConnectionId::default());
        Owner { merchant_id, connection_id, store_id: 7, market: Market::default() }
            .provenance(source, Millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_characters_vanish_and_text_that_only_looks_like_one_stays() {
        let read = |json: &str| serde_json::from_str::<String>(&without_nul(json));
        assert_eq!(without_nul(r#"{"a":"x\u0000y"}"#), r#"{"a":"xy"}"#);
        assert_eq!(read(r#""a\\u0000b""#).expect("a text"), r"a\u0000b");
        assert_eq!(read(r#""a\u0000\u0000b""#).expect("a text"), "ab");
        // What is left of a mangled escape is no escape that was not there.
        assert!(read(r#""\u00\u000000""#).is_err());
        let long = format!("\"{}\\u0000\"", "\\\\".repeat(200_000));
        assert_eq!(without_nul(&long).len(), 400_002);
    }

    #[test]
    fn half_an_emoji_is_replaced_and_a_whole_one_stays() {
        let read = |json: &str| serde_json::from_str::<String>(&without_nul(json)).expect("a text");
        for (json, text) in [
            (r#""a\ud83d""#, "a\u{fffd}"),
            (r#""\ude00b""#, "\u{fffd}b"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\uD83D\uDE00""#, "\u{1f600}"),
            (r#""\\ud83d""#, r"\ud83d"),
            (r#""\u0041\u062a""#, "A\u{62a}"),
        ] {
            assert_eq!(read(json), text, "{json}");
        }
    }
}
