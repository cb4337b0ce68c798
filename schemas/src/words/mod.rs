//! What the system says to people, in Arabic and English: one catalogue, `ar.ftl` and `en.ftl` (Fluent). A [`Message`] is a stable code with
//! its parameters, which pages translate themselves; its text is for mails and for users of the API.

pub mod cause;
pub mod rule;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use serde::Serialize;

/// A language that the system speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// Arabic.
    Arabic,
    /// English.
    #[default]
    English,
}

impl Language {
    /// Of a locale that a user chose, `ar` or `en`; English of any other.
    pub fn of_locale(locale: &str) -> Self {
        if locale == "ar" { Self::Arabic } else { Self::English }
    }

    /// The one of ours that an `Accept-Language` header likes best (RFC 9110 §12.5.4); English where it likes neither.
    pub fn accepted(header: &str) -> Self {
        let mut best = (0.0, Self::English);
        for part in header.split(',') {
            let mut pieces = part.split(';').map(str::trim);
            let tag = pieces.next().unwrap_or_default().to_ascii_lowercase();
            let language = match tag.split('-').next().unwrap_or_default() {
                "ar" => Self::Arabic,
                "en" => Self::English,
                _ => continue,
            };
            let quality =
                pieces.find_map(|piece| piece.strip_prefix("q=")?.parse::<f64>().ok()).unwrap_or(1.0);
            if quality > best.0 {
                best = (quality, language);
            }
        }
        best.1
    }

    /// `ar` or `en`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Arabic => "ar",
            Self::English => "en",
        }
    }
}

/// A parameter of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Param {
    /// A number, which a text may count by.
    Number(i64),
    /// A text.
    Text(String),
    /// Several texts, such as the values that are allowed.
    Texts(Vec<String>),
}

impl From<i64> for Param {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Param {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[&str]> for Param {
    fn from(texts: &[&str]) -> Self {
        Self::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
    }
}

/// Parameters of a message by their names.
pub type Params = BTreeMap<&'static str, Param>;

/// A stable code with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Code, in kebab case, unique in its family.
    pub code: &'static str,
    /// Parameters that its text names.
    pub params: Params,
}

impl Message {
    /// A message without parameters.
    pub const fn new(code: &'static str) -> Self {
        Self { code, params: Params::new() }
    }

    /// With a parameter.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Param>) -> Self {
        self.params.insert(name, value.into());
        self
    }
}

/// The text of the message `id` of the catalogue; its id where there is none.
pub fn say(language: Language, id: &str, params: &Params) -> String {
    find(language, id, params).unwrap_or_else(|| {
        tracing::warn!(event = "message not in the catalogue", id);
        id.to_owned()
    })
}

/// The text of the message `id` of the catalogue; none where there is none.
fn find(language: Language, id: &str, params: &Params) -> Option<String> {
    let bundle = match language {
        Language::Arabic => &*ARABIC,
        Language::English => &*ENGLISH,
    };
    let pattern = bundle.get_message(id)?.value()?;
    let mut arguments = FluentArgs::with_capacity(params.len());
    for (name, value) in params {
        arguments.set(*name, argument(language, value));
    }
    let mut faults = vec![];
    let text = bundle.format_pattern(pattern, Some(&arguments), &mut faults).into_owned();
    if !faults.is_empty() {
        tracing::warn!(event = "message without a parameter", id, faults = ?faults);
    }
    Some(text)
}

fn argument(language: Language, value: &Param) -> FluentValue<'static> {
    match value {
        Param::Number(number) => FluentValue::from(*number),
        Param::Text(text) => FluentValue::from(text.clone()),
        Param::Texts(texts) => {
            let between = match language {
                Language::Arabic => "، ",
                Language::English => ", ",
            };
            FluentValue::from(texts.join(between))
        }
    }
}

static ARABIC: LazyLock<FluentBundle<FluentResource>> =
    LazyLock::new(|| bundle("ar", include_str!("ar.ftl")));
static ENGLISH: LazyLock<FluentBundle<FluentResource>> =
    LazyLock::new(|| bundle("en", include_str!("en.ftl")));

fn bundle(language: &str, text: &'static str) -> FluentBundle<FluentResource> {
    let resource = FluentResource::try_new(text.to_owned());
    let resource = resource.map_err(|(_, faults)| faults).expect("a test reads both files");
    let language = language.parse().expect("both are languages");
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // Marks around parameters are for pages; they would stand in logs and in JSON that machines read.
    bundle.set_use_isolating(false);
    bundle.add_function("COUNT", |arguments, _| counted(arguments)).expect("no function is there twice");
    bundle.add_resource(resource).expect("no message is there twice");
    bundle
}

/// A number that has the plural form which CLDR gives the argument. Arabic counts by the last two digits from 3 on (103 like 3, 111 like 11),
/// which `intl_pluralrules` 7 does not.
fn counted<'a>(arguments: &[FluentValue<'a>]) -> FluentValue<'a> {
    match arguments {
        [FluentValue::Number(number)] => {
            let last_digits = number.value % 100.0;
            FluentValue::from(if last_digits < 3.0 { number.value } else { last_digits })
        }
        _ => FluentValue::Error,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement, VariantKey};

    use super::*;

    /// Parameters that a pattern names, and the keys of each of its choices that counts.
    fn read(pattern: &Pattern<&str>, named: &mut BTreeSet<String>, counts: &mut Vec<BTreeSet<String>>) {
        for element in &pattern.elements {
            let PatternElement::Placeable { expression } = element else { continue };
            match expression {
                Expression::Inline(InlineExpression::VariableReference { id }) => {
                    named.insert(id.name.to_owned());
                }
                Expression::Inline(_) => {}
                Expression::Select { selector, variants } => {
                    let (chosen_by, is_count) = match selector {
                        InlineExpression::FunctionReference { arguments, .. } => {
                            (arguments.positional.first().expect("a function has an argument"), true)
                        }
                        selector => (selector, false),
                    };
                    if let InlineExpression::VariableReference { id } = chosen_by {
                        named.insert(id.name.to_owned());
                    }
                    let key = |key: &VariantKey<&str>| match key {
                        VariantKey::Identifier { name } => (*name).to_owned(),
                        VariantKey::NumberLiteral { value } => (*value).to_owned(),
                    };
                    let keys: BTreeSet<String> = variants.iter().map(|variant| key(&variant.key)).collect();
                    if ["zero", "one", "two", "few", "many"].iter().any(|form| keys.contains(*form)) {
                        assert!(is_count, "{keys:?} are chosen by COUNT");
                        counts.push(keys);
                    }
                    for variant in variants {
                        read(&variant.value, named, counts);
                    }
                }
            }
        }
    }

    fn messages(text: &str) -> BTreeMap<String, (BTreeSet<String>, Vec<BTreeSet<String>>)> {
        let resource = fluent_syntax::parser::parse(text).expect("the file is read");
        let mut all = BTreeMap::new();
        for entry in resource.body {
            let Entry::Message(message) = entry else { continue };
            let (mut named, mut counts) = (BTreeSet::new(), vec![]);
            read(&message.value.expect("each has a text"), &mut named, &mut counts);
            assert!(all.insert(message.id.name.to_owned(), (named, counts)).is_none(), "{}", message.id.name);
        }
        all
    }

    #[test]
    fn both_languages_say_the_same_messages_with_the_same_parameters_and_arabic_counts_in_six_forms() {
        let (arabic, english) = (messages(include_str!("ar.ftl")), messages(include_str!("en.ftl")));
        let ids = |all: &BTreeMap<String, _>| all.keys().cloned().collect::<Vec<_>>();
        assert_eq!(ids(&arabic), ids(&english));
        let six: BTreeSet<String> = ["zero", "one", "two", "few", "many", "other"].map(str::to_owned).into();
        for (id, (named, counts)) in &arabic {
            let (also_named, also_counts) = &english[id];
            assert_eq!(named, also_named, "{id}");
            assert_eq!(counts.len(), also_counts.len(), "{id} counts in both or in neither");
            for forms in counts {
                assert_eq!(*forms, six, "{id}");
            }
        }
    }

    #[test]
    fn a_text_counts_as_its_language_does() {
        let rows = |language, rows: i64| {
            say(language, "rule-too-many-days", &Message::new("").with("days", rows).params)
        };
        assert_eq!(rows(Language::English, 1), "covers at most 1 day");
        assert_eq!(rows(Language::English, 1_830), "covers at most 1830 days");
        let arabic: BTreeSet<String> = [0, 1, 2, 3, 11, 100].map(|n| rows(Language::Arabic, n)).into();
        assert_eq!(arabic.len(), 6, "{arabic:?}");
        // As CLDR says: https://www.unicode.org/cldr/charts/latest/supplemental/language_plural_rules.html#ar
        for (number, like) in
            [(103, 3), (110, 10), (111, 11), (1_899, 99), (101, 100), (1_002, 100), (10_000, 100)]
        {
            let as_said = |n| rows(Language::Arabic, n).replace(&n.to_string(), "#");
            assert_eq!(as_said(number), as_said(like), "{number}");
        }
    }

    #[test]
    fn the_language_that_is_liked_best_is_spoken() {
        for (header, language) in [
            ("ar-SA,ar;q=0.9,en;q=0.8", Language::Arabic),
            ("en-GB,en;q=0.9,ar;q=0.8", Language::English),
            ("fr, ar;q=0.2", Language::Arabic),
            ("ar;q=0, en;q=0.1", Language::English),
            ("de", Language::English),
            ("", Language::English),
            ("*", Language::English),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }
}
