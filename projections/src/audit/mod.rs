//! What each place holds of a merchant's day, so that the places can be compared: read models, facts in ClickHouse, facts on the compacted
//! topics; the source's own sheet comes from ingest, by way of the root.

pub mod clickhouse;
pub mod postgres;
pub mod topics;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use qafila_schemas::amount::Amount;
use qafila_schemas::ids::MerchantId;

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
}

/// What a place holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    /// Orders of the day.
    pub orders: BTreeMap<i64, OrderEntry>,
    /// All products.
    pub products: BTreeSet<i64>,
    /// All customers.
    pub customers: BTreeSet<i64>,
}

/// One thing that a place has otherwise than another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `orders`, `products` or `customers`.
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
        let mut found = Vec::new();
        for (id, theirs) in &truth.orders {
            match self.orders.get(id) {
                None => found.push(Difference { resource: "orders", id: *id, what: "is missing".into() }),
                Some(ours) if ours != theirs => {
                    found.push(Difference { resource: "orders", id: *id, what: told(ours, theirs) });
                }
                Some(_) => {}
            }
        }
        let surplus = self.orders.keys().filter(|id| !truth.orders.contains_key(id));
        found.extend(surplus.map(|id| Difference {
            resource: "orders",
            id: *id,
            what: "should not be there, or is of another day".into(),
        }));
        found.extend(of_ids("products", &self.products, &truth.products));
        found.extend(of_ids("customers", &self.customers, &truth.customers));
        found
    }
}

fn told(ours: &OrderEntry, theirs: &OrderEntry) -> String {
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
    words.join(", ")
}

fn of_ids(resource: &'static str, ours: &BTreeSet<i64>, theirs: &BTreeSet<i64>) -> Vec<Difference> {
    let missing = theirs.difference(ours).map(|id| (id, "is missing"));
    let surplus = ours.difference(theirs).map(|id| (id, "should not be there"));
    missing.chain(surplus).map(|(id, what)| Difference { resource, id: *id, what: what.into() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(orders: &[(i64, &str, &str)], products: &[i64]) -> Sheet {
        let entry = |total: &str, status: &str| OrderEntry {
            total: Some(total.parse().expect("an amount")),
            currency: "SAR".into(),
            status: status.into(),
        };
        Sheet {
            orders: orders.iter().map(|(id, total, status)| (*id, entry(total, status))).collect(),
            products: products.iter().copied().collect(),
            customers: BTreeSet::new(),
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
}
