//! Salla's exchange rate of an order, and what an amount is in the currency of the store (docs: FACTS §4.1, `exchange_rate`).

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::amount::{Amount, SCALE};

/// How much of another currency one unit of the store's is, as Salla said it with the order. As text `SAR:USD:0.266592`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeRate {
    /// Currency of the store, ISO 4217.
    pub base: String,
    /// The other currency.
    pub other: String,
    /// Units of the other for one unit of the base; more than 0.
    pub rate: Decimal,
}

/// A text that is no exchange rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an exchange rate is such as SAR:USD:0.266592")]
pub struct NotARate;

impl ExchangeRate {
    /// A rate of two different currencies; none where it is not above 0, or a currency is no code of three letters.
    pub fn new(base: &str, other: &str, rate: Decimal) -> Option<Self> {
        let code = |text: &str| {
            let code = text.trim().to_ascii_uppercase();
            (code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
        };
        let (base, other) = (code(base)?, code(other)?);
        (rate > Decimal::ZERO).then_some(Self { base, other, rate: rate.normalize() })
    }

    /// An amount of `currency` in the currency of the store, to the nearest ten-thousandth, halves away from zero; none where the rate does
    /// not tell, or it does not fit.
    pub fn in_base(&self, amount: Amount, currency: &str) -> Option<Amount> {
        if currency == self.base {
            return Some(amount);
        }
        if currency != self.other {
            return None;
        }
        let exact = Decimal::new(amount.mantissa(), SCALE).checked_div(self.rate)?;
        let rounded = exact.round_dp_with_strategy(SCALE, RoundingStrategy::MidpointAwayFromZero);
        Amount::try_from(rounded).ok()
    }
}

impl fmt::Display for ExchangeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.base, self.other, self.rate)
    }
}

impl FromStr for ExchangeRate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(NotARate);
        let (base, other, rate) = (part()?, part()?, part()?);
        Self::new(base, other, rate.parse().map_err(|_| NotARate)?).ok_or(NotARate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_told_in_the_currency_of_the_store_to_the_nearest_ten_thousandth() {
        let rate: ExchangeRate = "SAR:USD:0.266592".parse().expect("a rate");
        let amount = |text: &str| text.parse::<Amount>().expect("an amount");
        assert_eq!(rate.in_base(amount("55"), "SAR"), Some(amount("55")));
        assert_eq!(rate.in_base(amount("26.6592"), "USD"), Some(amount("100")));
        assert_eq!(rate.in_base(amount("10"), "USD"), Some(amount("37.5105")));
        assert_eq!(rate.in_base(amount("-10"), "USD"), Some(amount("-37.5105")));
        assert_eq!(rate.in_base(amount("10"), "KWD"), None);
        assert_eq!(rate.to_string().parse(), Ok(rate));
    }

    #[test]
    fn what_is_no_rate_is_none() {
        for text in ["", "SAR", "SAR:USD", "SAR:USD:0", "SAR:USD:-1", "SAR:US:1", "SAR:USD:x", "ر.س:USD:1"]
        {
            assert_eq!(text.parse::<ExchangeRate>(), Err(NotARate), "{text}");
        }
    }
}
