//! Rules of input (API.md); the web app applies the same ones before it sends.

use qafila_schemas::words::rule::Rule;

use crate::problem::FieldError;

/// Most used passwords of at least 12 characters; shorter ones are refused anyway.
const COMMON: [&str; 20] = [
    "password1234",
    "password12345",
    "123456789012",
    "1234567890123",
    "qwertyuiop12",
    "qwerty123456",
    "adminadmin12",
    "iloveyou1234",
    "welcome12345",
    "letmein12345",
    "monkey123456",
    "football1234",
    "princess1234",
    "sunshine1234",
    "abc123456789",
    "password2024",
    "password2025",
    "password2026",
    "saudiarabia1",
    "changeme1234",
];

/// Words that such passwords are made of.
const COMMON_WORDS: [&str; 16] = [
    "password",
    "passwort",
    "passwd",
    "qwerty",
    "qwertyuiop",
    "admin",
    "administrator",
    "welcome",
    "letmein",
    "iloveyou",
    "monkey",
    "dragon",
    "football",
    "changeme",
    "saudiarabia",
    "salla",
];

/// An e-mail address per the WHATWG form, in lower case.
pub fn email(text: &str) -> Result<String, Rule> {
    let text = text.trim().to_lowercase();
    let valid = text.len() <= 254
        && text.split_once('@').is_some_and(|(local, domain)| {
            let local_ok = !local.is_empty()
                && local.len() <= 64
                && local.bytes().all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&b));
            local_ok && domain.split('.').all(is_label)
        });
    if valid { Ok(text) } else { Err(Rule::email()) }
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

/// Every rule that a password breaks.
pub fn password(text: &str, email: &str) -> Vec<Rule> {
    let mut broken = Vec::new();
    let length = text.chars().count();
    if !(12..=128).contains(&length) {
        broken.push(Rule::length(12, 128));
    }
    let lower = text.to_lowercase();
    if COMMON.contains(&lower.as_str()) {
        broken.push(Rule::password_common());
    } else if is_dressed_up(&lower) {
        broken.push(Rule::password_common_extended());
    }
    let local = email.split('@').next().unwrap_or_default();
    if local.len() >= 3 && lower.contains(local) {
        broken.push(Rule::password_contains_name());
    }
    let classes: [fn(char) -> bool; 4] =
        [char::is_lowercase, char::is_uppercase, |c| c.is_numeric(), |c| !c.is_alphanumeric()];
    let present = classes.iter().filter(|class| text.chars().any(**class)).count();
    // Letters without case, such as Arabic ones, are a class of their own.
    let caseless = text.chars().any(|c| c.is_alphabetic() && !c.is_lowercase() && !c.is_uppercase());
    if present + usize::from(caseless) < 3 {
        broken.push(Rule::password_classes(3));
    }
    broken
}

/// Whether nothing but a common word, or next to nothing, is left without digits, signs and letters written as such.
fn is_dressed_up(lower: &str) -> bool {
    let plain = |c: char| match c {
        '@' | '4' => 'a',
        '0' => 'o',
        '3' => 'e',
        '$' | '5' => 's',
        '1' | '!' => 'i',
        other => other,
    };
    let letters =
        |text: &mut dyn Iterator<Item = char>| text.filter(|c| c.is_alphabetic()).collect::<String>();
    let as_it_is = letters(&mut lower.chars());
    // Only what stands before the last letter: digits and signs behind a word are what is added to it.
    let word = lower.trim_end_matches(|c: char| !c.is_alphabetic());
    let respelt = letters(&mut word.chars().map(plain));
    let has_run = ["12345678", "87654321", "11111111", "00000000"].iter().any(|run| lower.contains(run));
    COMMON_WORDS.iter().any(|word| *word == as_it_is || *word == respelt)
        || (has_run && as_it_is.chars().count() < 4)
}

/// A name that people see: trimmed, 1 to 100 characters, without control characters.
pub fn store_name(text: &str) -> Result<String, Rule> {
    let text = text.trim();
    let valid = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if valid { Ok(text.to_owned()) } else { Err(Rule::length(1, 100)) }
}

/// `ar` or `en`.
pub fn locale(text: &str) -> Result<String, Rule> {
    if matches!(text, "ar" | "en") { Ok(text.to_owned()) } else { Err(Rule::one_of(&["ar", "en"])) }
}

/// Collects broken rules by field.
#[derive(Debug, Default)]
pub struct Broken(pub Vec<FieldError>);

impl Broken {
    /// The value, or nothing and a remembered fault of the field at `pointer`.
    pub fn check<T>(&mut self, pointer: &str, outcome: Result<T, Rule>) -> Option<T> {
        outcome.map_err(|rule| self.add(pointer, rule)).ok()
    }

    /// Remembers a fault.
    pub fn add(&mut self, pointer: &str, rule: Rule) {
        self.0.push(FieldError { pointer: pointer.into(), rule });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_lower_cased_and_bad_ones_refused() {
        assert_eq!(email(" Sara@Example.COM ").as_deref(), Ok("sara@example.com"));
        for bad in ["", "a", "a@", "@b.sa", "a b@c.sa", "a@b..sa", "a@-b.sa", "a@b.sa-", "س@b.sa"] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn each_broken_rule_of_a_password_is_named() {
        assert!(password("Correct-Horse-7", "sara@example.com").is_empty());
        assert!(password("كلمة-سر-طويلة-7", "sara@example.com").is_empty());
        assert_eq!(password("Short-7", "sara@example.com"), [Rule::length(12, 128)]);
        assert_eq!(password("Xx-sara-9876543", "sara@example.com"), [Rule::password_contains_name()]);
        assert_eq!(password("Password1234", "x@y.sa").len(), 1);
        for dressed_up in ["Password123!", "P@ssw0rd1234", "Admin123456!", "Aa123456789!", "Qwertyuiop123!"] {
            let broken = password(dressed_up, "x@y.sa");
            assert!(broken.iter().any(|rule| rule.code().contains("common")), "{dressed_up}");
        }
        assert_eq!(password("aaaaaaaaaaaaaaaa", "x@y.sa").len(), 1);
        assert!(!password(&"aA1-".repeat(33), "x@y.sa").is_empty(), "132 characters");
    }
}
