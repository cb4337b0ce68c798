//! What each place holds of a merchant's day, so that the places can be compared: read models, facts in ClickHouse, facts on the compacted
//! topics; the source's own sheet comes from ingest, by way of the root.

pub mod clickhouse;
pub mod parts;
pub mod postgres;
pub mod topics;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use qafila_schemas::amount::Amount;
use qafila_schemas::ids::MerchantId;

use parts::Parts;

/// Whose day.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// Merchant.
    pub merchant_id: MerchantId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// Day of creation of the orders, Asia/Riyadh.
    pub day: NaiveDate,
    /// The day's first instant, and the first after it.
    pub span: (DateTime<Utc>, DateTime<Utc>),
}

/// An order as a place has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEntry {
    /// Total in major units of the currency.
    pub total: Option<Amount>,
    /// ISO 4217.
    pub currency: String,
    /// Slug of the status.
    pub status: String,
    /// Its details and lines.
    pub parts: Parts,
}

/// What a place holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    /// Orders of the day.
    pub orders: BTreeMap<i64, OrderEntry>,
    /// All products.
    pub products: BTreeMap<i64, Parts>,
    /// All customers.
    pub customers: BTreeMap<i64, Parts>,
    /// All carts; none of the source, whose list of carts is no copy of what its webhooks tell.
    pub carts: Option<BTreeMap<i64, Parts>>,
}

/// One thing that a place has otherwise than another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `orders`, `products`, `customers` or `carts`.
    pub resource: &'static str,
    /// Salla's id.
    pub id: i64,
    /// In words.
    pub what: String,
}

impl Sheet {
    /// Sums of the orders by currency.
    pub fn sums(&self) -> BTreeMap<&str, Amount> {
        let mut sums: BTreeMap<&str, Amount> = BTreeMap::new();
        for order in self.orders.values() {
            let sum = sums.entry(&order.currency).or_default();
            *sum = *sum + order.total.unwrap_or_default();
        }
        sums
    }

    /// What this sheet has otherwise than `truth`.
    pub fn differences(&self, truth: &Self) -> Vec<Difference> {
        let mut found = compared("orders", &self.orders, &truth.orders, told);
        for (resource, ours, theirs) in
            [("products", &self.products, &truth.products), ("customers", &self.customers, &truth.customers)]
        {
            found.extend(compared(resource, ours, theirs, parts::told));
        }
        if let (Some(ours), Some(theirs)) = (&self.carts, &truth.carts) {
            found.extend(compared("carts", ours, theirs, parts::told));
        }
        found
    }
}

/// What is missing, what is otherwise, and what should not be there.
fn compared<T>(
    resource: &'static str,
    ours: &BTreeMap<i64, T>,
    theirs: &BTreeMap<i64, T>,
    told: impl Fn(&T, &T) -> Vec<String>,
) -> Vec<Difference> {
    let mut found = Vec::new();
    for (id, theirs) in theirs {
        let words = match ours.get(id) {
            None => vec!["is missing".to_owned()],
            Some(ours) => told(ours, theirs),
        };
        if !words.is_empty() {
            found.push(Difference { resource, id: *id, what: words.join(", ") });
        }
    }
    let what = match resource {
        "orders" => "should not be there, or is of another day",
        _ => "should not be there",
    };
    let surplus = ours.keys().filter(|id| !theirs.contains_key(id));
    found.extend(surplus.map(|id| Difference { resource, id: *id, what: what.into() }));
    found
}

fn told(ours: &OrderEntry, theirs: &OrderEntry) -> Vec<String> {
    let mut words = Vec::new();
    if (ours.total, &ours.currency) != (theirs.total, &theirs.currency) {
        let money = |entry: &OrderEntry| {
            format!("{} {}", entry.total.map_or_else(|| "nothing".into(), |t| t.to_string()), entry.currency)
        };
        words.push(format!("total {} instead of {}", money(ours), money(theirs)));
    }
    if ours.status != theirs.status {
        words.push(format!("status {:?} instead of {:?}", ours.status, theirs.status));
    }
    words.extend(parts::told(&ours.parts, &theirs.parts));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(orders: &[(i64, &str, &str)], products: &[i64]) -> Sheet {
        let entry = |total: &str, status: &str| OrderEntry {
            total: Some(total.parse().expect("an amount")),
            currency: "SAR".into(),
            status: status.into(),
            parts: Parts::new(),
        };
        Sheet {
            orders: orders.iter().map(|(id, total, status)| (*id, entry(total, status))).collect(),
            products: products.iter().map(|id| (*id, Parts::new())).collect(),
            ..Sheet::default()
        }
    }

    #[test]
    fn each_difference_is_named_with_what_it_is() {
        let truth = sheet(&[(1, "10", "paid"), (2, "20", "paid"), (3, "30", "paid")], &[7, 8]);
        assert_eq!(truth.differences(&truth), []);
        let ours = sheet(&[(1, "10", "paid"), (2, "21", "shipped"), (4, "5", "paid")], &[8, 9]);
        let told: Vec<String> = ours
            .differences(&truth)
            .into_iter()
            .map(|d| format!("{} {} {}", d.resource, d.id, d.what))
            .collect();
        assert_eq!(
            told,
            [
                "orders 2 total 21.0000 SAR instead of 20.0000 SAR, status \"shipped\" instead of \"paid\"",
                "orders 3 is missing",
                "orders 4 should not be there, or is of another day",
                "products 7 is missing",
                "products 9 should not be there",
            ]
        );
        assert_eq!(ours.sums()["SAR"].to_string(), "36.0000");
    }

    #[test]
    fn a_changed_line_detail_or_cart_is_seen_and_what_one_does_not_know_is_not_compared() {
        let mut truth = sheet(&[(1, "10", "paid")], &[7]);
        truth.carts = Some(BTreeMap::from([(5, Parts::from([("total", "9.0000".into())]))]));
        let mut ours = truth.clone();
        let (line, other) = ("S × 1.0000 at 10.0000 = 10.0000", "S × 2.0000 at 5.0000 = 10.0000");
        let parts = |pairs: &[(&'static str, &str)]| -> Parts {
            pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
        };
        truth.orders.get_mut(&1).expect("the order").parts = parts(&[("lines", line), ("tax", "1.0000")]);
        ours.orders.get_mut(&1).expect("the order").parts = parts(&[("lines", other), ("city", "الرياض")]);
        ours.products.insert(7, parts(&[("price", "1.0000")]));
        ours.carts = Some(BTreeMap::from([(5, parts(&[("total", "8.0000")]))]));
        let told: Vec<String> =
            ours.differences(&truth).into_iter().map(|d| format!("{} {}", d.resource, d.what)).collect();
        let expected = [
            format!("orders lines {other:?} instead of {line:?}"),
            "carts total \"8.0000\" instead of \"9.0000\"".into(),
        ];
        assert_eq!(told, expected);
    }
}
