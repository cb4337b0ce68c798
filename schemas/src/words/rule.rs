//! Rules that a field of a request may break: a closed family of codes, with the parameters that pages need to say them.

use super::{Language, Message, Params, say};

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule(Message);

macro_rules! rules {
    ($($(#[$doc:meta])* $code:literal $name:ident($($param:ident: $kind:ty),*);)*) => {
        impl Rule {
            /// Every code.
            pub const CODES: &[&str] = &[$($code),*];

            $(
                $(#[$doc])*
                pub fn $name($($param: $kind),*) -> Self {
                    Self(Message::new($code)$(.with(stringify!($param), $param))*)
                }
            )*
        }
    };
}

rules! {
    /// It is missing.
    "required" required();
    /// It is not a field of this request.
    "unknown-field" unknown_field();
    /// It is not a parameter of this route.
    "unknown-parameter" unknown_parameter();
    /// It is not a filter of this report, which has `filters`.
    "unknown-filter" unknown_filter(filters: &[&str]);
    /// It is given twice.
    "repeated" repeated();
    /// It has another type than `expected`: `string`, `integer`, `number`, `boolean`, `object`, `array` or `other`.
    "wrong-type" wrong_type(expected: &str);
    /// It must have `min` to `max` characters.
    "length" length(min: i64, max: i64);
    /// It must have `min` to `max` visible ASCII characters.
    "visible-ascii" visible_ascii(min: i64, max: i64);
    /// It must be `min` to `max`.
    "range" range(min: i64, max: i64);
    /// It must be one of `values`.
    "one-of" one_of(values: &[&str]);
    /// It must be an e-mail address.
    "email" email();
    /// It must be a phone number.
    "phone" phone();
    /// It must be a UUID.
    "uuid" uuid();
    /// It must be a number of Salla's.
    "id" id();
    /// It must be a day such as 2026-03-31.
    "day" day();
    /// It must be a day from `first` to `last`.
    "day-range" day_range(first: &str, last: &str);
    /// It must be a time such as 2026-03-31T00:00:00Z.
    "instant" instant();
    /// It must be a time zone of IANA.
    "time-zone" time_zone();
    /// It must not be after `field`.
    "not-after" not_after(field: &str);
    /// A report covers at most `days`.
    "too-many-days" too_many_days(days: i64);
    /// It gives more than `points` points.
    "too-many-points" too_many_points(points: i64);
    /// It has control characters.
    "control-characters" control_characters();
    /// It has more than `values` values.
    "too-many-values" too_many_values(values: i64);
    /// It has no word to look for.
    "no-word" no_word();
    /// It fits more than `people` people: another word or a contact is needed.
    "too-many-people" too_many_people(people: i64);
    /// It must be a cursor that this route gave.
    "cursor" cursor();
    /// It is only for `format`.
    "only-for-format" only_for_format(format: &str);
    /// It is not for `format`.
    "not-for-format" not_for_format(format: &str);
    /// The report has no personal data.
    "no-personal-data" no_personal_data();
    /// It was used for another request.
    "used-before" used_before();
    /// It is not the user's password.
    "wrong-password" wrong_password();
    /// It is the password that the user has.
    "same-password" same_password();
    /// It is one of the most common passwords.
    "password-common" password_common();
    /// It is one of the most common passwords with something added.
    "password-common-extended" password_common_extended();
    /// It must not contain the name of the e-mail address.
    "password-contains-name" password_contains_name();
    /// It must mix at least `classes` of lower case, upper case, digits and other characters.
    "password-classes" password_classes(classes: i64);
    /// Either a code or an error is sent.
    "code-or-error" code_or_error();
}

impl Rule {
    /// Code, in kebab case.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// Parameters of its text.
    pub fn params(&self) -> &Params {
        &self.0.params
    }

    /// Its text, as the end of a sentence that begins with the field.
    pub fn text(&self, language: Language) -> String {
        say(language, &format!("rule-{}", self.code()), self.params())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_text_in_both_languages() {
        for code in Rule::CODES {
            for language in [Language::Arabic, Language::English] {
                let id = format!("rule-{code}");
                assert_ne!(say(language, &id, &Params::new()), id);
            }
        }
        assert_eq!(Rule::length(1, 100).text(Language::English), "must have 1 to 100 characters");
        assert_eq!(Rule::one_of(&["12", "24"]).text(Language::English), "must be one of 12, 24");
    }
}
