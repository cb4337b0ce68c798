//! What a fact is found, sorted and counted by.

use qafila_schemas::amount::Amount;
use qafila_schemas::exchange::ExchangeRate;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::millis::Millis;
use qafila_schemas::records::AvroRecord;
use qafila_schemas::records::fact::{CartFact, CustomerFact, OrderFact, ProductFact};

use super::List;
use super::terms::{Terms, distinct};
use crate::olap::load::Tombstone;
use crate::olap::standing::{Standing, standing};

/// Characters of a value that rows are filtered by: an index of Postgres takes no row of 2.7 kB, and filters take no longer ones.
pub const MAX_VALUE: usize = 100;

/// Merchant, store, Salla's id.
pub type Key = (MerchantId, i64, i64);

/// A row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRow {
    /// Whose, and which.
    pub key: Key,
    /// Of the fact.
    pub revision: i64,
    /// False where it is deleted.
    pub is_listed: bool,
    /// When it was made; the epoch where nobody says.
    pub created_at: Millis,
    /// Total or price in the currency of the store; none where it is not known in that.
    pub amount: Option<Amount>,
    /// Units sold of a product; 0 of all else.
    pub units: i64,
    /// Status (slug).
    pub status: Option<String>,
    /// How it is paid.
    pub payment_method: Option<String>,
    /// Where it was ordered.
    pub channel: Option<String>,
    /// City.
    pub city: Option<String>,
    /// Salla's id of its customer.
    pub customer_id: Option<i64>,
    /// Whether an order counts as a sale.
    pub is_sale: bool,
    /// Values that it is filtered by.
    pub facets: Vec<Facet>,
    /// All that it is found by, in order.
    pub terms: Vec<i64>,
}

/// A value that rows are filtered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    /// As rows have it.
    pub term: i64,
    /// Name of the filter.
    pub field: &'static str,
    /// Value.
    pub value: String,
    /// As the store names it, where it does.
    pub label: Option<String>,
}

/// A fact that has a list.
pub trait Listed: AvroRecord {
    /// Which.
    const LIST: List;

    /// Its row.
    fn row(&self) -> ListRow;
}

impl ListRow {
    /// Of something that is deleted.
    pub fn deleted(of: Tombstone) -> Self {
        Self {
            revision: of.revision,
            is_listed: false,
            ..Self::empty((of.merchant_id, of.store_id, of.salla_id))
        }
    }

    fn empty(key: Key) -> Self {
        Self {
            key,
            revision: 0,
            is_listed: true,
            created_at: Millis(0),
            amount: None,
            units: 0,
            status: None,
            payment_method: None,
            channel: None,
            city: None,
            customer_id: None,
            is_sale: false,
            facets: vec![],
            terms: vec![],
        }
    }

    /// With these values to filter by, and all that it is found by besides.
    fn found_by(mut self, facets: Vec<Facet>, others: impl IntoIterator<Item = i64>) -> Self {
        self.terms = distinct(facets.iter().map(|facet| facet.term).chain(others).collect());
        // One that is not kept would be counted anew with each change.
        self.facets = facets;
        self.facets.retain(|facet| self.terms.binary_search(&facet.term).is_ok());
        self
    }
}

impl Listed for OrderFact {
    const LIST: List = List::Orders;

    fn row(&self) -> ListRow {
        let of = Terms::of(self.merchant_id, self.store_id);
        let facets = facets(
            &of,
            [
                ("status", &self.status_slug, self.status_name.clone()),
                ("paymentMethod", &self.payment_method, None),
                ("channel", &self.channel, None),
                ("city", &self.city, None),
            ],
        );
        let number = self.reference_id.map(|number| of.word(&number.to_string()));
        let products = self.lines.iter().filter_map(|line| Some(of.id("product", line.product_id?)));
        let texts = self.lines.iter().flat_map(|line| [&line.sku, &line.name]).flatten();
        let words = texts.flat_map(|text| of.words(text));
        let row = ListRow {
            revision: self.revision,
            created_at: self.created_at,
            amount: in_store(self),
            status: filtered_by(self.status_slug.as_deref()),
            payment_method: filtered_by(self.payment_method.as_deref()),
            channel: filtered_by(self.channel.as_deref()),
            city: filtered_by(self.city.as_deref()),
            customer_id: self.customer_id,
            is_sale: standing(self.status_slug.as_deref(), self.is_pending_payment == Some(true))
                == Standing::Sale,
            ..ListRow::empty((self.merchant_id, self.store_id, self.order_id))
        };
        row.found_by(facets, number.into_iter().chain(products).chain(words))
    }
}

impl Listed for CustomerFact {
    const LIST: List = List::Customers;

    fn row(&self) -> ListRow {
        let of = Terms::of(self.merchant_id, self.store_id);
        let facets = facets(&of, [("city", &self.city, None), ("country", &self.country_code, None)]);
        let groups = self.groups.iter().map(|group| of.id("group", *group));
        let row = ListRow {
            revision: self.revision,
            created_at: self.created_at.unwrap_or(Millis(0)),
            city: filtered_by(self.city.as_deref()),
            ..ListRow::empty((self.merchant_id, self.store_id, self.customer_id))
        };
        row.found_by(facets, groups)
    }
}

impl Listed for ProductFact {
    const LIST: List = List::Products;

    fn row(&self) -> ListRow {
        let of = Terms::of(self.merchant_id, self.store_id);
        let own = [("status", &self.status, None), ("kind", &self.kind, None), ("brand", &self.brand, None)];
        let mut facets = facets(&of, own);
        facets.extend(self.categories.iter().filter_map(|name| facet(&of, "category", name, None)));
        // What many variants have comes last: there may be more terms than a row keeps.
        let skus = || self.sku.iter().chain(&self.variant_skus);
        let exactly = skus().map(|sku| of.value("sku", sku));
        let names = self.name.iter().chain(&self.brand).flat_map(|text| of.beginnings(text));
        let parts = skus().flat_map(|sku| of.beginnings(sku));
        let row = ListRow {
            revision: self.revision,
            created_at: self.created_at.unwrap_or(Millis(0)),
            amount: self.price,
            units: self.sold_quantity.unwrap_or(0),
            status: filtered_by(self.status.as_deref()),
            ..ListRow::empty((self.merchant_id, self.store_id, self.product_id))
        };
        row.found_by(facets, names.chain(exactly).chain(parts))
    }
}

impl Listed for CartFact {
    const LIST: List = List::Carts;

    fn row(&self) -> ListRow {
        let of = Terms::of(self.merchant_id, self.store_id);
        let facets = facets(&of, [("status", &self.status, None), ("city", &self.city, None)]);
        let products = self.lines.iter().filter_map(|line| Some(of.id("product", line.product_id?)));
        let row = ListRow {
            revision: self.revision,
            created_at: self.created_at.unwrap_or(Millis(0)),
            amount: self.total,
            status: filtered_by(self.status.as_deref()),
            city: filtered_by(self.city.as_deref()),
            customer_id: self.customer_id,
            ..ListRow::empty((self.merchant_id, self.store_id, self.cart_id))
        };
        row.found_by(facets, products)
    }
}

/// A value that rows are filtered by; one that is too long is none.
fn filtered_by(value: Option<&str>) -> Option<String> {
    value.filter(|value| is_short(value)).map(str::to_owned)
}

fn is_short(value: &str) -> bool {
    value.chars().count() <= MAX_VALUE
}

/// The total of an order in the currency of the store: by its own rate, and as it is where it has none.
fn in_store(order: &OrderFact) -> Option<Amount> {
    match order.exchange_rate.as_deref() {
        None => order.total,
        Some(rate) => rate.parse::<ExchangeRate>().ok()?.in_base(order.total?, order.currency.as_deref()?),
    }
}

fn facets<const N: usize>(
    of: &Terms,
    values: [(&'static str, &Option<String>, Option<String>); N],
) -> Vec<Facet> {
    let known =
        values.into_iter().filter_map(|(field, value, label)| facet(of, field, value.as_deref()?, label));
    known.collect()
}

/// None of a value that is empty, or too long.
fn facet(of: &Terms, field: &'static str, value: &str, label: Option<String>) -> Option<Facet> {
    (!value.is_empty() && is_short(value)).then(|| Facet {
        term: of.value(field, value),
        field,
        value: value.to_owned(),
        label,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_no_index_takes_is_left_out_and_costs_its_row_nothing_else() {
        let of = Terms::of(MerchantId::default(), 1);
        let long = "x".repeat(MAX_VALUE + 1);
        let found = facets(&of, [("status", &Some("new".into()), None), ("city", &Some(long.clone()), None)]);
        assert_eq!(found.iter().map(|facet| facet.field).collect::<Vec<_>>(), ["status"]);
        assert_eq!(filtered_by(Some(&long)), None);
        let longest = "ش".repeat(MAX_VALUE);
        assert_eq!(filtered_by(Some(&longest)).as_ref(), Some(&longest));
    }
}
