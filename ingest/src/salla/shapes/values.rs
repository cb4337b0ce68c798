//! Salla's value shapes (FACTS §3, §5): texts, ids, whole numbers, yes and no, and the ways in which PHP spells what is empty.

use chrono::FixedOffset;
use qafila_schemas::spelling;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::reading::Reading;

/// Asia/Riyadh: UTC+3 all year.
pub fn riyadh() -> FixedOffset {
    FixedOffset::east_opt(3 * 3600).expect("three hours are a valid offset")
}

/// A number, or a text that is one, for documents that are not read field by field.
pub fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let raw = <Box<RawValue>>::deserialize(deserializer)?;
    match raw_id(raw.get()) {
        Reading::Value(id) => Ok(id),
        Reading::Empty | Reading::Odd => Err(D::Error::custom("no whole number above 0")),
    }
}

/// An id of Salla's from its text of JSON. 0 and `false` are none.
pub fn raw_id(json: &str) -> Reading<i64> {
    match whole(json) {
        Reading::Value(0) => Reading::Empty,
        Reading::Value(id) if id < 0 => Reading::Odd,
        Reading::Odd if json == "false" => Reading::Empty,
        reading => reading,
    }
}

/// A whole number: `17`, `17.0`, `"17"`, `"١٧"`.
pub fn whole(json: &str) -> Reading<i64> {
    if is_nothing(json) {
        return Reading::Empty;
    }
    let Some(text) = scalar(json) else { return Reading::Odd };
    let text = latin_digits(text.trim());
    if text.is_empty() || text == "null" {
        return Reading::Empty;
    }
    let whole = text.split_once('.').map_or(text.as_str(), |(whole, rest)| {
        if !rest.is_empty() && rest.bytes().all(|b| b == b'0') { whole } else { "" }
    });
    whole.parse().map_or(Reading::Odd, Reading::Value)
}

/// A text; a number is read as one. Empty ones, the word "null" and `false` are none.
pub fn text(json: &str) -> Reading<String> {
    if is_nothing(json) || json == "false" {
        return Reading::Empty;
    }
    let Some(text) = scalar(json) else { return Reading::Odd };
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed == "null" {
        return Reading::Empty;
    }
    Reading::Value(if trimmed.len() == text.len() { text } else { trimmed.to_owned() })
}

/// Yes or no: `true`, `1`, `"1"`, `"true"`, `"yes"`, `"on"`, and their opposites.
pub fn flag(json: &str) -> Reading<bool> {
    match json {
        "true" | "1" => return Reading::Value(true),
        "false" | "0" => return Reading::Value(false),
        _ if is_nothing(json) => return Reading::Empty,
        _ => {}
    }
    let Some(text) = scalar(json) else { return Reading::Odd };
    match latin_digits(text.trim()).to_ascii_lowercase().as_str() {
        "1" | "1.0" | "true" | "yes" | "on" => Reading::Value(true),
        "0" | "0.0" | "false" | "no" | "off" => Reading::Value(false),
        "" | "null" => Reading::Empty,
        _ => Reading::Odd,
    }
}

/// Whether it is one of PHP's spellings of nothing: `null`, `""`, `[]`, `{}`.
pub fn is_nothing(json: &str) -> bool {
    if matches!(json, "null" | "\"\"" | "[]" | "{}") {
        return true;
    }
    let inner = json
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .or_else(|| json.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')));
    inner.is_some_and(|inner| inner.trim().is_empty())
}

/// Whether it stands for an object or a list that is not there.
pub fn is_empty_object(json: &str) -> bool {
    is_nothing(json) || matches!(json, "false" | "0" | "\"0\"" | "\"null\"" | "\"false\"")
}

/// The text of a text or of a number.
pub(super) fn scalar(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'0'..=b'9' | b'-' => Some(json.to_owned()),
        _ => None,
    }
}

/// Arabic-Indic and Persian digits, decimal point and thousands separator as ours.
pub fn latin_digits(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '٫' => '.',
            '٬' => ',',
            other => spelling::ascii_digit(other),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_as_numbers_and_texts_and_nought_is_none() {
        for json in ["17", "\"17\"", "\" 17 \"", "17.0", "\"١٧\"", "\"17.00\""] {
            assert_eq!(raw_id(json), Reading::Value(17), "{json}");
        }
        for json in ["0", "\"0\"", "null", "\"\"", "[]", "{}", "false", "\"null\"", "0.0"] {
            assert_eq!(raw_id(json), Reading::Empty, "{json}");
        }
        for json in ["true", "-5", "1.5", "\"x\"", "[1]", "{\"id\":1}", "1e30", "9223372036854775808", "1."] {
            assert_eq!(raw_id(json), Reading::Odd, "{json}");
        }
    }

    #[test]
    fn yes_and_no_have_many_spellings() {
        for (json, value) in
            [("1", true), ("\"1\"", true), ("\"true\"", true), ("0", false), ("\"0\"", false)]
        {
            assert_eq!(flag(json), Reading::Value(value), "{json}");
        }
        assert_eq!(flag("\"\""), Reading::Empty);
        assert_eq!(flag("2"), Reading::Odd);
        assert_eq!(flag("[true]"), Reading::Odd);
    }

    #[test]
    fn texts_are_trimmed_and_what_is_none_is_no_text() {
        assert_eq!(text("\" a \""), Reading::Value("a".into()));
        assert_eq!(text("12.50"), Reading::Value("12.50".into()));
        for json in ["null", "\"\"", "\" \"", "\"null\"", "[]", "false"] {
            assert_eq!(text(json), Reading::Empty, "{json}");
        }
        for json in ["true", "[\"a\"]", "{\"a\":1}"] {
            assert_eq!(text(json), Reading::Odd, "{json}");
        }
    }
}
