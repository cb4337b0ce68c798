//! Figures of a currency, what they are in the currency of the store, and how they changed.

use qafila_projections::olap::reports::{Figures, InStoreCurrency};
use qafila_schemas::amount::Amount;
use serde::Serialize;
use utoipa::ToSchema;

use crate::money::MoneyBody;

/// Figures of one currency.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FiguresBody {
    currency: String,
    /// Orders, whatever became of them.
    orders: u64,
    /// Orders that count as sales: their status is known, their payment is not awaited, and they are neither cancelled nor returned nor on
    /// their way back.
    sales_count: u64,
    /// Their totals, with tax, shipping and fees, without discounts: what customers pay.
    sales: MoneyBody,
    average_sale: Option<MoneyBody>,
    sales_contain: SalePartsBody,
    /// Orders whose payment is awaited: no sales yet.
    waiting_for_payment_count: u64,
    waiting_for_payment: MoneyBody,
    cancelled_count: u64,
    cancelled: MoneyBody,
    /// Orders that were returned, or are on their way back.
    returned_count: u64,
    returned: MoneyBody,
}

/// What is in the sales, as far as Salla says it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SalePartsBody {
    tax: MoneyBody,
    shipping: MoneyBody,
    cash_on_delivery: MoneyBody,
    /// What the sales are without.
    discount: MoneyBody,
    /// Sales whose tax and shipping are known: all of them once the details have come.
    known_of: u64,
}

/// Sales of all currencies in the currency of the store, each by the exchange rate that Salla gave with its order.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoreTotalBody {
    /// ISO 4217.
    currency: String,
    /// Sales that the figure holds.
    sales_count: u64,
    sales: MoneyBody,
    average_sale: Option<MoneyBody>,
    /// Sales that it lacks, because Salla gave no rate with them.
    without_rate: u64,
}

/// How figures of one currency changed, in percent with one decimal; null where there was nothing before.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeBody {
    currency: String,
    orders: Option<f64>,
    sales_count: Option<f64>,
    sales: Option<f64>,
    average_sale: Option<f64>,
    waiting_for_payment_count: Option<f64>,
    cancelled_count: Option<f64>,
    returned_count: Option<f64>,
}

impl From<Figures> for FiguresBody {
    fn from(f: Figures) -> Self {
        let money = |amount: Amount| MoneyBody::new(amount, &f.currency);
        Self {
            orders: f.orders,
            sales_count: f.sales_count,
            sales: money(f.sales),
            average_sale: average(f.sales, f.sales_count).map(money),
            sales_contain: SalePartsBody {
                tax: money(f.contains.tax),
                shipping: money(f.contains.shipping),
                cash_on_delivery: money(f.contains.cash_on_delivery),
                discount: money(f.contains.discount),
                known_of: f.contains.known_of,
            },
            waiting_for_payment_count: f.waiting_count,
            waiting_for_payment: money(f.waiting),
            cancelled_count: f.cancelled_count,
            cancelled: money(f.cancelled),
            returned_count: f.returned_count,
            returned: money(f.returned),
            currency: f.currency,
        }
    }
}

impl StoreTotalBody {
    /// Of the figures of all currencies.
    pub(super) fn of(figures: &[Figures], currency: &str) -> Self {
        let all = figures.iter().map(|f| f.in_store);
        let without_rate: u64 = all.clone().map(|InStoreCurrency { without_rate, .. }| without_rate).sum();
        let sales: Amount = all.map(|InStoreCurrency { sales, .. }| sales).sum();
        let counted: u64 = figures.iter().map(|f| f.sales_count).sum();
        let sales_count = counted.saturating_sub(without_rate);
        Self {
            currency: currency.to_owned(),
            sales_count,
            sales: MoneyBody::new(sales, currency),
            average_sale: average(sales, sales_count).map(|amount| MoneyBody::new(amount, currency)),
            without_rate,
        }
    }
}

impl ChangeBody {
    /// From earlier figures to these, for each currency of both.
    pub(super) fn all(now: &[Figures], before: &[Figures]) -> Vec<Self> {
        let mut currencies: Vec<&str> = now.iter().chain(before).map(|f| f.currency.as_str()).collect();
        currencies.sort_unstable();
        currencies.dedup();
        let of = |all: &[Figures], currency: &str| {
            all.iter().find(|f| f.currency == currency).cloned().unwrap_or_else(|| Figures::none(currency))
        };
        currencies.into_iter().map(|currency| Self::one(&of(now, currency), &of(before, currency))).collect()
    }

    fn one(now: &Figures, before: &Figures) -> Self {
        let counts = |now: u64, before: u64| percent(i128::from(now), i128::from(before));
        let amounts = |now: Amount, before: Amount| percent(now.mantissa().into(), before.mantissa().into());
        let averages = average(now.sales, now.sales_count).zip(average(before.sales, before.sales_count));
        Self {
            currency: now.currency.clone(),
            orders: counts(now.orders, before.orders),
            sales_count: counts(now.sales_count, before.sales_count),
            sales: amounts(now.sales, before.sales),
            average_sale: averages.and_then(|(now, before)| amounts(now, before)),
            waiting_for_payment_count: counts(now.waiting_count, before.waiting_count),
            cancelled_count: counts(now.cancelled_count, before.cancelled_count),
            returned_count: counts(now.returned_count, before.returned_count),
        }
    }
}

/// Change in percent, to the nearest tenth, halves away from zero; none where there was nothing before.
pub(super) fn percent(now: i128, before: i128) -> Option<f64> {
    if before <= 0 {
        return None;
    }
    let (doubled, divisor) = ((now - before) * 2_000, before * 2);
    let tenths = (doubled.abs() + before) / divisor * doubled.signum();
    // Tenths of a percent are small numbers, which a float holds.
    Some(tenths as f64 / 10.0)
}

/// Sum by count, to the nearest ten-thousandth; none of nothing.
pub(super) fn average(sum: Amount, count: u64) -> Option<Amount> {
    let count = i64::try_from(count).ok().filter(|count| *count > 0)?;
    Amount::from_mantissa(rounded(sum.mantissa(), count)).ok()
}

/// A share of a sum, to the nearest ten-thousandth; halves away from zero, as money is rounded.
fn rounded(sum: i64, count: i64) -> i64 {
    let (whole, rest) = (sum / count, sum % count);
    if rest.unsigned_abs() * 2 >= count.unsigned_abs() { whole + sum.signum() } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_is_rounded_to_the_nearest_and_halves_away_from_zero() {
        assert_eq!([rounded(20, 3), rounded(10, 4), rounded(10, 3), rounded(-10, 4)], [7, 3, 3, -3]);
    }

    #[test]
    fn a_change_is_told_to_the_tenth_of_a_percent_and_from_nothing_there_is_none() {
        for (now, before, expected) in [
            (110, 100, 10.0),
            (90, 100, -10.0),
            (1, 3, -66.7),
            (2, 3, -33.3),
            (10_005, 10_000, 0.1),
            (9_995, 10_000, -0.1),
            (0, 5, -100.0),
        ] {
            let told = percent(now, before).expect("a change");
            assert!((told - expected).abs() < 1e-9, "{now} after {before}: {told}");
        }
        assert_eq!(percent(5, 0), None);
    }
}
