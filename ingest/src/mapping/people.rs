//! People inside orders and carts, and how their fields are spelt.

use super::phones::{Phone, phone};
use crate::salla::shapes::reading::{Object, Said};

/// The customer inside an order or a cart.
pub(super) struct Person {
    /// Salla's id; none of a guest.
    pub(super) id: Said<i64>,
    pub(super) name: Said<String>,
    pub(super) phone: Said<String>,
    pub(super) email: Said<String>,
    pub(super) city: Said<String>,
    pub(super) country_code: Said<String>,
}

impl Person {
    /// The person that the field `name` holds, or its id alone. Of one whose id cannot be read nothing is said: whose data it is, is not
    /// known.
    pub(super) fn read(of: &Object<'_, '_>, name: &str, country: &str) -> Said<Self> {
        let Some(raw) = of.raw(name) else { return Said::Nothing };
        if !raw.starts_with(['{', '[']) {
            return of.id(name).map(Self::of_id);
        }
        let person = match of.object(name) {
            Said::Value(person) => person,
            Said::Empty => return Said::Empty,
            Said::Nothing => return Said::Nothing,
        };
        let id = match person.id("id") {
            Said::Nothing if person.has("id") => return Said::Nothing,
            // A guest's is 0, null or empty; one that is left out says nothing of whose order it is.
            said => said,
        };
        Said::Value(Self {
            id,
            name: full_name(&person),
            phone: phone_text(&person, "mobile", Some("mobile_code"), country),
            email: email(&person),
            city: person.text("city"),
            country_code: country_code(&person),
        })
    }

    fn of_id(id: i64) -> Self {
        Self {
            id: Said::Value(id),
            name: Said::Nothing,
            phone: Said::Nothing,
            email: Said::Nothing,
            city: Said::Nothing,
            country_code: Said::Nothing,
        }
    }
}

/// Details and webhooks name a person in one piece or in two.
fn full_name(person: &Object<'_, '_>) -> Said<String> {
    let whole = person.text("name").or(|| person.text("full_name"));
    whole.or(|| match (person.text("first_name"), person.text("last_name")) {
        (Said::Value(first), Said::Value(last)) => Said::Value(format!("{first} {last}")),
        (first, last) => first.or(|| last),
    })
}

/// E.164 where it is a number of a country, else the text as it came.
pub(super) fn phone_text(of: &Object<'_, '_>, name: &str, code: Option<&str>, country: &str) -> Said<String> {
    let code = code.and_then(|code| of.text(code).value());
    // A number with a fraction is no phone; one with a point alone is one that PHP made a float.
    let is_fraction =
        |raw: &str| !raw.starts_with('"') && raw.strip_suffix(".0").unwrap_or(raw).contains(['.', 'e', 'E']);
    if of
        .raw(name)
        .is_some_and(|raw| raw.starts_with(|c: char| c.is_ascii_digit() || c == '-') && is_fraction(raw))
    {
        of.note(name);
        return Said::Nothing;
    }
    match of.text(name) {
        // What PHP makes of none, as with ids.
        Said::Value(text) if is_zero(&text) => Said::Empty,
        Said::Value(text) => {
            if let Some(phone) = phone(country, code.as_deref(), text.strip_suffix(".0").unwrap_or(&text)) {
                Said::Value(Phone::into_text(phone))
            } else {
                of.note(name);
                Said::Nothing
            }
        }
        said => said,
    }
}

fn is_zero(text: &str) -> bool {
    let digits = text.strip_suffix(".0").unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b == b'0')
}

/// In lower case.
pub(super) fn email(of: &Object<'_, '_>) -> Said<String> {
    of.text("email").map(|email| email.to_lowercase())
}

/// ISO 3166 in capitals, from `country_code`, or from `country` where that is a code.
pub(super) fn country_code(of: &Object<'_, '_>) -> Said<String> {
    let code = |text: String| {
        let is_code = text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic());
        is_code.then(|| text.to_ascii_uppercase())
    };
    let said = match of.text("country_code") {
        Said::Value(text) => {
            if let Some(code) = code(text) {
                Said::Value(code)
            } else {
                of.note("country_code");
                Said::Nothing
            }
        }
        said => said,
    };
    said.or(|| match of.raw("country").filter(|raw| raw.starts_with('"')).map(|_| of.text("country")) {
        Some(Said::Value(text)) => code(text).map_or(Said::Nothing, Said::Value),
        _ => Said::Nothing,
    })
}
