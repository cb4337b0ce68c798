//! Money as answers spell it (API.md): a text, never a float, with its currency.

use std::fmt::Display;

use serde::Serialize;
use utoipa::ToSchema;

/// Money.
#[derive(Debug, Serialize, ToSchema, PartialEq, Eq)]
pub struct MoneyBody {
    /// A decimal with four places, as text.
    amount: String,
    /// ISO 4217.
    currency: String,
}

impl MoneyBody {
    /// A decimal in major units of `currency`.
    pub fn new(amount: impl Display, currency: &str) -> Self {
        Self { amount: format!("{amount:.4}"), currency: currency.to_owned() }
    }
}
