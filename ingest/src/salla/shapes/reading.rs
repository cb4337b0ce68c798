//! Reading one JSON object of Salla's field by field: a field of an odd shape costs that field and nothing else. What cannot be read is
//! noted with its path, so that it is counted and named.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;

use qafila_schemas::amount::Amount;
use qafila_schemas::millis::Millis;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::amounts::{self, Currency, Money};
use super::{instants, values};

/// What a text of JSON is, read as a certain type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    /// A value.
    Value(T),
    /// One of PHP's spellings of nothing: `null`, `""`, `[]`, `{}`, where the type allows it `false` and `0`, too.
    Empty,
    /// No value of this type.
    Odd,
}

/// What a source says of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said<T> {
    /// Nothing: the field is left out, or cannot be read. What is known stays.
    Nothing,
    /// That there is none.
    Empty,
    /// This.
    Value(T),
}

impl<T> Said<T> {
    /// The value.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Nothing | Self::Empty => None,
        }
    }

    /// The value, changed.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Said<U> {
        match self {
            Self::Value(value) => Said::Value(change(value)),
            Self::Empty => Said::Empty,
            Self::Nothing => Said::Nothing,
        }
    }

    /// What `other` says where this says nothing, or that there is none.
    #[must_use]
    pub fn or(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Value(_) => self,
            Self::Nothing => other(),
            Self::Empty => match other() {
                Self::Nothing => Self::Empty,
                said => said,
            },
        }
    }
}

/// What was odd in a document.
#[derive(Debug, Default)]
pub struct Notes {
    unreadable: RefCell<Vec<String>>,
    rounded: Cell<u64>,
}

/// As many paths of one document are kept.
const MAX_PATHS: usize = 20;

impl Notes {
    fn unreadable(&self, path: &str, name: &dyn fmt::Display) {
        let mut all = self.unreadable.borrow_mut();
        if all.len() < MAX_PATHS {
            all.push(format!("{path}/{name}"));
        }
    }

    fn rounded(&self) {
        self.rounded.set(self.rounded.get() + 1);
    }

    /// Paths that could not be read, in the order of reading, and how many amounts were rounded.
    pub fn finish(self) -> (Vec<String>, u64) {
        (self.unreadable.into_inner(), self.rounded.into_inner())
    }
}

/// A JSON object. Of a name that comes twice the last counts, as everywhere.
#[derive(Debug)]
pub struct Object<'j, 'n> {
    fields: Vec<(Cow<'j, str>, &'j RawValue)>,
    path: String,
    notes: &'n Notes,
}

impl<'j, 'n> Object<'j, 'n> {
    /// The object that `json` spells; none where it is no object.
    pub fn parse(json: &'j str, path: String, notes: &'n Notes) -> Option<Self> {
        let Fields(fields) = serde_json::from_str(json).ok()?;
        Some(Self { fields, path, notes })
    }

    /// A field as it was written; none where it is left out.
    pub fn raw(&self, name: &str) -> Option<&'j str> {
        self.fields.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.get())
    }

    /// Whether the field is there at all.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Where in the document this object stands.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn read<T>(&self, name: &str, reader: impl FnOnce(&'j str) -> Reading<T>) -> Said<T> {
        let Some(raw) = self.raw(name) else { return Said::Nothing };
        match reader(raw) {
            Reading::Value(value) => Said::Value(value),
            Reading::Empty => Said::Empty,
            Reading::Odd => {
                self.note(name);
                Said::Nothing
            }
        }
    }

    /// Notes that a field cannot be read.
    pub fn note(&self, name: &str) {
        self.notes.unreadable(&self.path, &name);
    }

    /// A text; a number is read as one.
    pub fn text(&self, name: &str) -> Said<String> {
        self.read(name, values::text)
    }

    /// An id of Salla's; 0 is none.
    pub fn id(&self, name: &str) -> Said<i64> {
        self.read(name, values::raw_id)
    }

    /// A whole number.
    pub fn whole(&self, name: &str) -> Said<i64> {
        self.read(name, values::whole)
    }

    /// Yes or no.
    pub fn flag(&self, name: &str) -> Said<bool> {
        self.read(name, values::flag)
    }

    /// An instant.
    pub fn instant(&self, name: &str) -> Said<Millis> {
        self.read(name, instants::read)
    }

    /// A decimal of which four places say enough: a quantity, a sum of a discount.
    pub fn decimal(&self, name: &str) -> Said<Amount> {
        self.amount_read(name, |raw| match amounts::decimal(raw) {
            Reading::Value(read) => Reading::Value((read.amount, read.rounded)),
            Reading::Empty => Reading::Empty,
            Reading::Odd => Reading::Odd,
        })
    }

    /// Money: an object, or a bare number of `currency`.
    pub fn money(&self, name: &str, currency: &Currency) -> Said<Money> {
        self.amount_read(name, |raw| match amounts::money(raw, currency) {
            Reading::Value((money, rounded)) => Reading::Value((money, rounded)),
            Reading::Empty => Reading::Empty,
            Reading::Odd => Reading::Odd,
        })
    }

    fn amount_read<T>(&self, name: &str, reader: impl FnOnce(&'j str) -> Reading<(T, bool)>) -> Said<T> {
        self.read(name, reader).map(|(value, rounded)| {
            if rounded {
                self.notes.rounded();
            }
            value
        })
    }

    /// An object within; PHP spells an empty one in many ways.
    pub fn object(&self, name: &str) -> Said<Object<'j, 'n>> {
        self.read(name, |raw| {
            if values::is_empty_object(raw) {
                return Reading::Empty;
            }
            let within = Object::parse(raw, format!("{}/{name}", self.path), self.notes);
            within.map_or(Reading::Odd, Reading::Value)
        })
    }

    /// The exchange rate of an order (FACTS §4.1), as facts spell it.
    pub fn exchange_rate(&self) -> Said<String> {
        let read =
            |raw| if values::is_empty_object(raw) { Reading::Empty } else { amounts::exchange_rate(raw) };
        self.read("exchange_rate", read)
    }

    /// Rows within; a list whose gaps PHP filled with number keys is one, too.
    pub fn list(&self, name: &str) -> Said<Vec<&'j str>> {
        self.read(name, rows)
    }

    /// The objects within, and whether every row is one; the others are noted.
    pub fn objects(&self, name: &str) -> Said<(Vec<Object<'j, 'n>>, bool)> {
        let path = format!("{}/{name}", self.path);
        self.list(name).map(|rows| objects(&rows, &path, self.notes))
    }
}

/// The objects among `rows`, which stand at `path`, and whether every row is one; the others are noted.
pub fn objects<'j, 'n>(rows: &[&'j str], path: &str, notes: &'n Notes) -> (Vec<Object<'j, 'n>>, bool) {
    let mut found = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        match Object::parse(row, format!("{path}/{index}"), notes) {
            Some(object) => found.push(object),
            None => notes.unreadable(path, &index),
        }
    }
    let all = found.len() == rows.len();
    (found, all)
}

/// The rows of a list, or of an object whose keys are numbers.
pub fn rows(json: &str) -> Reading<Vec<&str>> {
    if values::is_empty_object(json) {
        return Reading::Empty;
    }
    if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(json) {
        return Reading::Value(list.into_iter().map(RawValue::get).collect());
    }
    match serde_json::from_str::<Fields<'_>>(json) {
        Ok(Fields(fields)) if fields.iter().all(|(key, _)| key.parse::<u64>().is_ok()) => {
            Reading::Value(fields.into_iter().map(|(_, row)| row.get()).collect())
        }
        _ => Reading::Odd,
    }
}

struct Fields<'j>(Vec<(Cow<'j, str>, &'j RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyObject;
        impl<'de> Visitor<'de> for AnyObject {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    fields.push((name, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(AnyObject)
    }
}

/// A name that is borrowed where it can be; serde's own `Cow` never is.
struct Name<'j>(Cow<'j, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyName;
        impl<'de> Visitor<'de> for AnyName {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(AnyName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_with_number_keys_is_a_list_and_an_object_with_names_is_none() {
        assert_eq!(rows(r#"[{"a":1},2]"#), Reading::Value(vec![r#"{"a":1}"#, "2"]));
        assert_eq!(rows(r#"{"0":1,"2":{"b":3}}"#), Reading::Value(vec!["1", r#"{"b":3}"#]));
        assert_eq!(rows(r#"{"id":1}"#), Reading::Odd);
        assert_eq!(rows("\"many\""), Reading::Odd);
        for empty in ["null", "[]", "{}", "\"\"", "[ ]", "false", "0"] {
            assert_eq!(rows(empty), Reading::Empty, "{empty}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_noted_with_its_path_and_nothing_is_said() {
        let notes = Notes::default();
        let json = r#"{"a":{"b":[true]},"c":"x","c":"y"}"#;
        let object = Object::parse(json, String::new(), &notes).expect("an object");
        let within = object.object("a").value().expect("an object");
        assert_eq!(within.text("b"), Said::Nothing);
        assert_eq!(object.objects("a").value().map(|(all, _)| all.len()), None);
        assert_eq!(object.text("c"), Said::Value("y".into()), "the last of two");
        assert_eq!(object.text("d"), Said::Nothing);
        assert_eq!(notes.finish().0, ["/a/b", "/a"]);
    }
}
