//! Money and quantities as Salla spells them: numbers, texts of PHP's `number_format`, and what floating point leaves behind.
//!
//! What has one meaning is read. Noise far below the currency's smallest unit is rounded away; [`Amount`] itself never rounds.

use qafila_schemas::amount::{Amount, SCALE};
use qafila_schemas::exchange::ExchangeRate;
use rust_decimal::{Decimal, RoundingStrategy};

use super::reading::{Notes, Object, Reading};
use super::values::{is_nothing, latin_digits, scalar};

/// A decimal, and whether digits were rounded away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounded {
    /// The decimal.
    pub amount: Amount,
    /// Whether it had more than four places.
    pub rounded: bool,
}

/// What an amount is of, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency {
    /// ISO 4217, in capitals.
    pub code: String,
    /// Whether the source names none, and this is what its store uses.
    pub is_assumed: bool,
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// Major units.
    pub amount: Amount,
    /// The one it names, or the one around it.
    pub currency: Currency,
}

/// Currencies whose smallest unit is so small that rounding to four places could change it: ISO 4217 with four places or more, and what
/// is no currency of a state.
const FINE_CURRENCIES: [&str; 6] = ["CLF", "UYW", "BTC", "ETH", "XBT", "USDT"];

/// A decimal from its text of JSON.
pub fn decimal(json: &str) -> Reading<Rounded> {
    if is_nothing(json) {
        return Reading::Empty;
    }
    let Some(text) = scalar(json) else { return Reading::Odd };
    match latin_digits(text.trim()).as_str() {
        "" | "null" => Reading::Empty,
        text => plain(text).and_then(rounded).map_or(Reading::Odd, Reading::Value),
    }
}

/// Money from its text of JSON: `{"amount": 302.5, "currency": "SAR"}`, or a bare amount, which is of `currency`; and whether it was
/// rounded.
pub fn money(json: &str, currency: &Currency) -> Reading<(Money, bool)> {
    let notes = Notes::default();
    let (reading, currency) = match Object::parse(json, String::new(), &notes) {
        Some(object) if object.has("amount") => {
            let named = named_currency(&object).unwrap_or_else(|| currency.clone());
            (decimal(object.raw("amount").unwrap_or("null")), named)
        }
        Some(_) if is_nothing(json) => (Reading::Empty, currency.clone()),
        Some(_) => (Reading::Odd, currency.clone()),
        None => (decimal(json), currency.clone()),
    };
    match reading {
        Reading::Value(read) if read.rounded && FINE_CURRENCIES.contains(&currency.code.as_str()) => {
            Reading::Odd
        }
        Reading::Value(read) => Reading::Value((Money { amount: read.amount, currency }, read.rounded)),
        Reading::Empty => Reading::Empty,
        Reading::Odd => Reading::Odd,
    }
}

/// An exchange rate from its text of JSON, `{"base_currency": "SAR", "exchange_currency": "USD", "rate": 0.266592}`, as facts spell it.
pub fn exchange_rate(json: &str) -> Reading<String> {
    let notes = Notes::default();
    let Some(object) = Object::parse(json, String::new(), &notes) else { return Reading::Odd };
    let currency = |name| object.text(name).value();
    let rate = object.raw("rate").and_then(scalar).and_then(|text| plain(&latin_digits(text.trim())));
    let read = currency("base_currency").zip(currency("exchange_currency")).zip(rate);
    let rate = read.and_then(|((base, other), rate)| ExchangeRate::new(&base, &other, rate));
    rate.map_or(Reading::Odd, |rate| Reading::Value(rate.to_string()))
}

/// The currency that an object names in its own words.
pub fn named_currency(object: &Object<'_, '_>) -> Option<Currency> {
    let code = object.text("currency").value().as_deref().and_then(currency_code)?;
    Some(Currency { code, is_assumed: false })
}

/// ISO 4217 in capitals; none where it is no code.
pub fn currency_code(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_uppercase();
    let is_code = code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
    (is_code || FINE_CURRENCIES.contains(&code.as_str())).then_some(code)
}

/// The digits without thousands separators, where only one reading is possible.
fn plain(text: &str) -> Option<Decimal> {
    let text: String = text.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}')).collect();
    let (commas, points) = (text.matches(',').count(), text.matches('.').count());
    let digits = match (commas, points) {
        (0, 0 | 1) => text,
        // 1,250.00 and 1,250
        (_, 0 | 1) if groups_of_three(text.split('.').next()?, ',') && is_before(&text, ',', '.') => {
            text.replace(',', "")
        }
        // 12,5 and 1250,00: no group has other than three digits.
        (1, 0) => text.replace(',', "."),
        // 1.250,00
        (1, _) if text.rfind(',') > text.rfind('.') && groups_of_three(text.split(',').next()?, '.') => {
            text.replace('.', "").replace(',', ".")
        }
        // 1.250.000
        (0, _) if groups_of_three(&text, '.') => text.replace('.', ""),
        _ => return None,
    };
    exact(&digits)
}

/// Whether the last `one` stands before the first `other`, where there is one.
fn is_before(text: &str, one: char, other: char) -> bool {
    text.find(other).is_none_or(|at| text.rfind(one) < Some(at))
}

fn groups_of_three(text: &str, separator: char) -> bool {
    let mut groups = text.trim_start_matches(['-', '+']).split(separator);
    let first = groups.next().unwrap_or_default();
    let is_digits = |group: &str| group.bytes().all(|b| b.is_ascii_digit());
    let mut more = groups.peekable();
    // No number that has groups begins with 0: that one has three decimals, as of Kuwait.
    let is_number = more.peek().is_none() || !first.starts_with('0');
    (1..=3).contains(&first.len())
        && is_number
        && is_digits(first)
        && more.all(|g| g.len() == 3 && is_digits(g))
}

/// Decimals of a [`Decimal`], at most.
const MAX_PLACES: u32 = 28;

/// The number that the digits spell; more of them than a [`Decimal`] holds are rounded there, far below any currency.
fn exact(digits: &str) -> Option<Decimal> {
    if !digits.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let Some((mantissa, exponent)) = digits.split_once(['e', 'E']) else {
        return digits.parse().ok();
    };
    let exponent: i32 = exponent.parse().ok()?;
    let mantissa: Decimal = mantissa.parse().ok()?;
    match (Decimal::from_scientific(digits), u32::try_from(-exponent)) {
        (Ok(decimal), _) => Some(decimal),
        // More decimals than fit, as of what 0.1 + 0.2 - 0.3 leaves in PHP: rounded, or so small that nothing is left.
        (Err(_), Ok(places @ 0..=MAX_PLACES)) => mantissa.checked_mul(Decimal::new(1, places)),
        (Err(_), Ok(_)) => Some(Decimal::ZERO),
        (Err(_), Err(_)) => None,
    }
}

fn rounded(decimal: Decimal) -> Option<Rounded> {
    let near = decimal.round_dp_with_strategy(SCALE, RoundingStrategy::MidpointNearestEven);
    let amount = Amount::try_from(near).ok()?;
    Some(Rounded { amount, rounded: near != decimal })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Option<String> {
        match decimal(json) {
            Reading::Value(read) => Some(read.amount.to_string()),
            Reading::Empty => Some("none".into()),
            Reading::Odd => None,
        }
    }

    #[test]
    fn what_has_one_meaning_is_read_and_what_has_two_is_not() {
        for (json, amount) in [
            ("39.46", "39.4600"),
            ("\"15.00\"", "15.0000"),
            ("0.1", "0.1000"),
            ("\"1,250.00\"", "1250.0000"),
            ("\"1,250\"", "1250.0000"),
            ("\"-12,345,678.5\"", "-12345678.5000"),
            ("\"1.250,00\"", "1250.0000"),
            ("\"1.250.000\"", "1250000.0000"),
            ("\"1 250.00\"", "1250.0000"),
            ("\"12,5\"", "12.5000"),
            ("\"1250,00\"", "1250.0000"),
            ("\"١٬٢٥٠٫٥٠\"", "1250.5000"),
            ("1.5e1", "15.0000"),
            ("302.49999999999994", "302.5000"),
            ("19.989999999999998", "19.9900"),
            ("86.95652173913", "86.9565"),
            ("1e-07", "0.0000"),
            ("1e-300", "0.0000"),
            ("1.4210854715202004e-14", "0.0000"),
            ("5.551115123125783e-17", "0.0000"),
            ("-5.551115123125783e-17", "0.0000"),
            ("1.23456789012345678e-3", "0.0012"),
            ("\"0,750\"", "0.7500"),
            ("\"-0,5\"", "-0.5000"),
            ("0.1000000000000000055511151231257827021181583404541015625", "0.1000"),
        ] {
            assert_eq!(read(json).as_deref(), Some(amount), "{json}");
        }
        for json in ["null", "\"\"", "[]", "{}", "\"null\"", "\" \""] {
            assert_eq!(read(json).as_deref(), Some("none"), "{json}");
        }
        for json in [
            "true",
            "\"لا\"",
            "\"1,2500.00\"",
            "\"12.5.5\"",
            "[1]",
            "{\"amount\":1}",
            "1e999",
            "\"-\"",
            "\".\"",
            "99999999999999999",
            "\"1,250,00\"",
            "\"NaN\"",
        ] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn an_exchange_rate_keeps_all_its_digits_and_an_odd_one_is_odd() {
        let rate = |json: &str| exchange_rate(json);
        let of_sample = r#"{"base_currency": "SAR", "exchange_currency": "USD", "rate": 0.266592}"#;
        assert_eq!(rate(of_sample), Reading::Value("SAR:USD:0.266592".into()));
        let spelt = r#"{"base_currency": "sar", "exchange_currency": "KWD", "rate": "0.0812"}"#;
        assert_eq!(rate(spelt), Reading::Value("SAR:KWD:0.0812".into()));
        for odd in [
            r#"{"base_currency": "SAR"}"#,
            r#"{"base_currency": "SAR", "exchange_currency": "USD", "rate": 0}"#,
            "5",
        ] {
            assert_eq!(rate(odd), Reading::Odd, "{odd}");
        }
    }

    #[test]
    fn money_is_an_object_or_a_bare_amount_of_the_currency_around_it() {
        let read = |json: &str| match money(json, &Currency { code: "SAR".into(), is_assumed: true }) {
            Reading::Value((Money { amount, currency }, _)) => {
                let whose = if currency.is_assumed { "assumed" } else { "named" };
                Some(format!("{amount} {} {whose}", currency.code))
            }
            Reading::Empty => Some("none".into()),
            Reading::Odd => None,
        };
        assert_eq!(read(r#"{"amount":302.5,"currency":"usd"}"#).as_deref(), Some("302.5000 USD named"));
        assert_eq!(read("302.5").as_deref(), Some("302.5000 SAR assumed"));
        assert_eq!(read("\"302.50\"").as_deref(), Some("302.5000 SAR assumed"));
        assert_eq!(
            read(r#"{"amount":"1,250.00","currency":null}"#).as_deref(),
            Some("1250.0000 SAR assumed")
        );
        for none in
            [r#"{"amount":null,"currency":"SAR"}"#, r#"{"amount":"","currency":"SAR"}"#, "{}", "[]", "null"]
        {
            assert_eq!(read(none).as_deref(), Some("none"), "{none}");
        }
        for odd in [
            r#"{"amount":true}"#,
            r#"{"currency":"SAR"}"#,
            "true",
            "[5]",
            r#"{"amount":0.00001,"currency":"BTC"}"#,
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_that_fits_is_read_exactly(units in -1_000_000_000_i64..1_000_000_000, places in 0_u32..=4) {
            let decimal = Decimal::new(units, places);
            let expected = Amount::try_from(decimal).expect("it fits");
            prop_assert_eq!(read(&decimal.to_string()), Some(expected.to_string()));
            prop_assert_eq!(read(&format!("\"{decimal}\"")), Some(expected.to_string()));
        }
    }
}
