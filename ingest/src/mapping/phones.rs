//! Phone numbers: one spelling (E.164) for one number, for mapping, search and erasure alike. What cannot be read as a number of a
//! country keeps its text and claims nothing.

use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, PhoneNumber, country};

use crate::salla::shapes::values::latin_digits;

/// Version of the rules of this file. Raise it with every change of what [`phone`] returns: the digests of stored contacts are then
/// recomputed.
pub const SPELLING: u32 = 2;

/// A phone number as a source gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phone {
    /// E.164.
    Known(String),
    /// The text as it came, with its country code before it where one came with it: no country's number can be made of it.
    Text(String),
}

impl Phone {
    /// The number, or the text.
    pub fn into_text(self) -> String {
        match self {
            Self::Known(text) | Self::Text(text) => text,
        }
    }
}

/// Reads a number that may be written with or without its country code, beside which a code may stand (`966`, `+966`, `00966`). Without
/// either it is of `country` (ISO 3166, two letters). None where there is no digit.
pub fn phone(country: &str, code: Option<&str>, number: &str) -> Option<Phone> {
    let number = latin_digits(number.trim());
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return None;
    }
    let code = latin_digits(code.unwrap_or_default().trim());
    let has_code = !code.is_empty();
    let code = calling_code(&code).unwrap_or_default();
    // A number with letters is no number; the words of an extension are not worth a guess.
    let is_number = number
        .chars()
        .all(|c| c.is_ascii_digit() || "+-() ./\u{a0}\u{200e}\u{200f}\u{202a}\u{202c}".contains(c));
    // Beside a code that is none, nobody says of which country it is.
    let country = if has_code { "" } else { country };
    let candidates = if is_number { candidates(country, code, &number, &digits) } else { Vec::new() };
    let known = candidates.iter().find(|n| phonenumber::is_valid(n));
    // Tables of valid numbers lag behind; how a mobile number begins and how long it is does not change.
    let known = known.or_else(|| candidates.iter().find(|n| is_like_a_mobile(n)));
    Some(match known {
        Some(known) => Phone::Known(known.format().mode(Mode::E164).to_string()),
        None if code.is_empty() || digits.starts_with(code) || number.starts_with('+') => Phone::Text(number),
        None => Phone::Text(format!("+{code} {number}")),
    })
}

/// The digits of `966`, `+966` or `00966`; none where it is no calling code.
fn calling_code(text: &str) -> Option<&str> {
    let digits = text.trim_matches('+').trim_start_matches('0');
    let digits = digits.strip_suffix(".0").unwrap_or(digits);
    let is_code = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    is_code.then_some(digits)
}

/// Whether [`phone`] knew the number that this is the text of.
pub fn is_e164(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && matches!(phone("SA", None, text), Some(Phone::Known(known)) if known == text)
}

/// Digits of a number with its country's code, at least, where nothing says that there is a code: the Gulf's have 11 and 12, and a local
/// number of Saudi Arabia with one too many has 10.
const MIN_DIGITS_WITH_CODE: usize = 11;

/// What the text may mean, likelier first.
fn candidates(country: &str, code: &str, number: &str, digits: &str) -> Vec<PhoneNumber> {
    let international = |digits: &str| phonenumber::parse(None, format!("+{digits}")).ok();
    let significant = digits.trim_start_matches('0');
    let is_international = number.starts_with('+') || digits.starts_with("00");
    let mut candidates = Vec::new();
    if !is_international {
        if code.is_empty() {
            let country = country.parse::<country::Id>().ok();
            candidates.extend(country.and_then(|country| phonenumber::parse(Some(country), digits).ok()));
        } else {
            candidates.extend(international(&format!("{code}{significant}")));
        }
    }
    // A local number with a digit too many or too few is a mistyped one, and no other country's.
    let own = candidates.first().map(|number: &PhoneNumber| number.code().value());
    let may_be_foreign = is_international || !digits.starts_with('0') && digits.len() >= MIN_DIGITS_WITH_CODE;
    candidates.extend(
        international(significant).filter(|other| may_be_foreign || own == Some(other.code().value())),
    );
    candidates
}

fn is_like_a_mobile(number: &PhoneNumber) -> bool {
    let digits = number.national().value().to_string();
    let regions = DATABASE.by_code(&number.code().value()).unwrap_or_default();
    regions.into_iter().filter_map(|region| region.descriptors().mobile()).any(|mobile| {
        let begins = mobile.example().and_then(|example| example.chars().next());
        begins == digits.chars().next() && mobile.possible_length().contains(&(digits.len() as u16))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: Option<&str>, number: &str) -> Phone {
        phone("SA", code, number).expect("there are digits")
    }

    #[test]
    fn one_number_has_one_spelling_however_it_is_written() {
        for (code, number) in [
            (Some("+966"), "500000017"),
            (Some("966"), "0500000017"),
            (Some("+966"), "966500000017"),
            (Some("+966"), "00966500000017"),
            (Some("+966"), "+966500000017"),
            (Some("00966"), "500000017"),
            (Some("+966"), "٠٥٠٠٠٠٠٠١٧"),
            (Some("٩٦٦"), "۵۰۰۰۰۰۰۱۷"),
            (Some("+971"), "+966500000017"),
            (None, "0500000017"),
            (None, "500000017"),
            (None, "966500000017"),
            (None, "+9660500000017"),
            (None, "00966500000017"),
            (None, "+966 50 000 0017"),
            (None, "(050) 000-0017"),
            (None, "٠٥٠٠٠٠٠٠١٧"),
        ] {
            assert_eq!(read(code, number), Phone::Known("+966500000017".into()), "{code:?} {number}");
        }
        for number in ["0522037223", "522037223", "٠٥٢٢٠٣٧٢٢٣", "+966 52 203 7223"] {
            assert_eq!(read(None, number), Phone::Known("+966522037223".into()), "{number}");
        }
        assert_eq!(read(Some("967"), "777777777"), Phone::Known("+967777777777".into()));
        assert_eq!(read(Some("+20"), "01001234567"), Phone::Known("+201001234567".into()));
        assert_eq!(read(None, "+201001234567"), Phone::Known("+201001234567".into()));
        let of_kuwait = phone("KW", None, "50000017");
        assert_eq!(of_kuwait, Some(Phone::Known("+96550000017".into())));
    }

    #[test]
    fn what_is_no_number_of_a_country_keeps_its_text_and_is_no_other_countrys() {
        for number in
            ["999123456789", "17", "+96652318526", "050000001", "05000000170", "500000017 ext 5", "777777777"]
        {
            assert_eq!(read(None, number), Phone::Text(number.into()), "{number}");
        }
        assert_eq!(read(Some("+966"), "12"), Phone::Text("+966 12".into()));
        // One digit too many would be of Belize, Cuba, the United States.
        for (code, number, text) in [
            (None, "05016001234", "05016001234"),
            (None, "5016001234", "5016001234"),
            (None, "50071285", "50071285"),
            (None, "05351234567", "05351234567"),
            (Some("+966"), "5016001234", "+966 5016001234"),
            (Some("+20"), "012012345678", "+20 012012345678"),
        ] {
            assert_eq!(read(code, number), Phone::Text(text.into()), "{number}");
        }
        assert_eq!(read(None, "201001234567"), Phone::Known("+201001234567".into()));
        assert_eq!(read(Some("966.0"), "500000017"), Phone::Known("+966500000017".into()));
        for code in ["302.4", "2026-11-28", "many", "-1"] {
            assert_eq!(read(Some(code), "500000017"), Phone::Text("500000017".into()), "{code}");
        }
        assert_eq!(phone("SA", Some("+966"), "none"), None);
    }
}
