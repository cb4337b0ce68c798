//! Where a store sells: what an amount without a currency and a phone without a country are of.

use crate::salla::shapes::amounts::{Currency, named_currency};
use crate::salla::shapes::reading::Object;

/// A store's currency and country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Market {
    currency: [u8; 3],
    country: &'static str,
}

/// Currencies of one country, and the country; Salla's stores sell in these above all.
const COUNTRIES: [(&str, &str); 20] = [
    ("SAR", "SA"),
    ("AED", "AE"),
    ("KWD", "KW"),
    ("BHD", "BH"),
    ("OMR", "OM"),
    ("QAR", "QA"),
    ("EGP", "EG"),
    ("JOD", "JO"),
    ("IQD", "IQ"),
    ("YER", "YE"),
    ("SYP", "SY"),
    ("LBP", "LB"),
    ("SDG", "SD"),
    ("LYD", "LY"),
    ("TND", "TN"),
    ("DZD", "DZ"),
    ("MAD", "MA"),
    ("TRY", "TR"),
    ("GBP", "GB"),
    ("INR", "IN"),
];

impl Default for Market {
    /// Salla's stores sell in riyals unless they say otherwise.
    fn default() -> Self {
        Self { currency: *b"SAR", country: "SA" }
    }
}

impl Market {
    /// Of a store that sells in `currency` (ISO 4217, in capitals); Saudi Arabia where that is unknown or of no one country.
    pub fn of_currency(currency: Option<&str>) -> Self {
        let Some(code) = currency.and_then(|code| <[u8; 3]>::try_from(code.as_bytes()).ok()) else {
            return Self::default();
        };
        if !code.iter().all(u8::is_ascii_uppercase) {
            return Self::default();
        }
        let country =
            COUNTRIES.iter().find(|(known, _)| known.as_bytes() == code).map_or("SA", |(_, country)| country);
        Self { currency: code, country }
    }

    /// What amounts are of where nothing is named.
    pub fn currency(&self) -> Currency {
        let code = std::str::from_utf8(&self.currency).unwrap_or("SAR").to_owned();
        Currency { code, is_assumed: true }
    }

    /// The currency that an object names for its amounts; the store's where it names none.
    pub fn currency_of(&self, object: &Object<'_, '_>) -> Currency {
        named_currency(object).unwrap_or_else(|| self.currency())
    }

    /// ISO 3166, two letters.
    pub fn country(&self) -> &'static str {
        self.country
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_of_its_currencys_country_and_saudi_where_nothing_is_known() {
        let of = |code| {
            let market = Market::of_currency(code);
            (market.currency().code, market.country())
        };
        assert_eq!(of(Some("KWD")), ("KWD".into(), "KW"));
        assert_eq!(of(Some("USD")), ("USD".into(), "SA"));
        for unknown in [None, Some(""), Some("riyal"), Some("sar")] {
            assert_eq!(of(unknown), ("SAR".into(), "SA"));
        }
    }
}
