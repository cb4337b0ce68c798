//! Money and quantities: a decimal with four places, exact everywhere.
//!
//! On Avro it is `decimal(18,4)` over bytes, in JSON a string, in ClickHouse `Decimal(18,4)`, in Postgres
//! `numeric(18,4)`. What does not fit is refused, never rounded.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Digits after the point.
pub const SCALE: u32 = 4;
const ONE: i64 = 10_000;
const LIMIT: i64 = 1_000_000_000_000_000_000;

/// A decimal(18,4), held as a whole number of ten-thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Amount(i64);

/// Why a number is not an [`Amount`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not a decimal number at all.
    #[error("not a decimal number")]
    NotANumber,
    /// A digit beyond the fourth place that is not zero.
    #[error("more than 4 digits after the point")]
    TooFine,
    /// 18 digits are not enough.
    #[error("more than 14 digits before the point")]
    TooLarge,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From ten-thousandths.
    pub fn from_mantissa(mantissa: i64) -> Result<Self, AmountError> {
        if mantissa.unsigned_abs() < LIMIT.unsigned_abs() {
            Ok(Self(mantissa))
        } else {
            Err(AmountError::TooLarge)
        }
    }

    /// Whole units, such as pieces of a line.
    pub fn whole(units: i32) -> Self {
        Self(i64::from(units) * ONE)
    }

    /// Ten-thousandths.
    pub fn mantissa(self) -> i64 {
        self.0
    }

    /// The sum, or nothing where it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(|sum| Self::from_mantissa(sum).ok())
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let decimal = Decimal::from_str_exact(text)
            .or_else(|_| Decimal::from_scientific(text))
            .map_err(|_| if text.len() > 28 { AmountError::TooFine } else { AmountError::NotANumber })?;
        Self::try_from(decimal)
    }
}

impl TryFrom<Decimal> for Amount {
    type Error = AmountError;

    fn try_from(decimal: Decimal) -> Result<Self, Self::Error> {
        let mut decimal = decimal.normalize();
        if decimal.scale() > SCALE {
            return Err(AmountError::TooFine);
        }
        decimal.rescale(SCALE);
        if decimal.scale() != SCALE {
            return Err(AmountError::TooLarge);
        }
        i64::try_from(decimal.mantissa()).map_err(|_| AmountError::TooLarge).and_then(Self::from_mantissa)
    }
}

impl From<Amount> for Decimal {
    fn from(amount: Amount) -> Self {
        Self::new(amount.0, SCALE)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let digits = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:04}", digits / ONE.unsigned_abs(), digits % ONE.unsigned_abs())
    }
}

impl Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Amount {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        let bytes = self.0.to_be_bytes();
        serializer.serialize_bytes(&bytes[redundant_sign_bytes(bytes)..])
    }
}

/// Leading bytes that only repeat the sign: Avro wants the shortest two's complement.
fn redundant_sign_bytes(bytes: [u8; 8]) -> usize {
    (0..7)
        .take_while(|&i| {
            let (byte, next) = (bytes[i], bytes[i + 1]);
            (byte == 0x00 && next & 0x80 == 0) || (byte == 0xff && next & 0x80 != 0)
        })
        .count()
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(AmountVisitor)
        } else {
            deserializer.deserialize_bytes(AmountVisitor)
        }
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal with at most 4 places")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Amount, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Amount, E> {
        if bytes.is_empty() || bytes.len() > 8 {
            return Err(E::custom("a decimal(18,4) has 1 to 8 bytes"));
        }
        let negative = bytes[0] & 0x80 != 0;
        let mut full = if negative { [0xff; 8] } else { [0; 8] };
        full[8 - bytes.len()..].copy_from_slice(bytes);
        Amount::from_mantissa(i64::from_be_bytes(full)).map_err(E::custom)
    }

    fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Amount, E> {
        self.visit_bytes(&bytes)
    }
}

/// Reads an amount that a JSON document may spell as a number or as a string, from its exact text.
pub fn from_json_text(text: &str) -> Result<Amount, AmountError> {
    let text = text.trim();
    let digits = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
    digits.trim().parse()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_never_rounded() {
        assert_eq!("0.00001".parse::<Amount>(), Err(AmountError::TooFine));
        assert_eq!("1.00000".parse::<Amount>(), Ok(Amount::whole(1)));
        assert_eq!("100000000000000".parse::<Amount>(), Err(AmountError::TooLarge));
        assert_eq!("12,5".parse::<Amount>(), Err(AmountError::NotANumber));
        assert_eq!("".parse::<Amount>(), Err(AmountError::NotANumber));
    }

    #[test]
    fn salla_spells_amounts_as_numbers_or_strings() {
        assert_eq!(from_json_text("302.5").map(|a| a.to_string()), Ok("302.5000".into()));
        assert_eq!(from_json_text("\"1600\"").map(|a| a.to_string()), Ok("1600.0000".into()));
        assert_eq!(from_json_text("1.5e1").map(|a| a.to_string()), Ok("15.0000".into()));
    }

    proptest! {
        #[test]
        fn text_keeps_every_amount(mantissa in -(LIMIT - 1)..LIMIT) {
            let amount = Amount::from_mantissa(mantissa).expect("within the limit");
            prop_assert_eq!(amount.to_string().parse::<Amount>(), Ok(amount));
            prop_assert_eq!(Amount::try_from(Decimal::from(amount)), Ok(amount));
        }
    }
}
