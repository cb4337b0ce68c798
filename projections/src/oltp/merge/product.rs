//! Merged products: table `products`, topic `salla.products`.

use qafila_schemas::catalogue::{PRODUCTS, Topic};
use qafila_schemas::millis::Millis;
use qafila_schemas::records::fact::ProductFact;
use qafila_schemas::records::observation::{Observation, ProductObservation};
use sqlx::postgres::PgArguments;

use super::fields::{Claims, Fields, Layout};
use super::register::{Register, Rules, Sightings, Stamp};
use super::resolution::can_be_looked_up;
use super::row::{Base, MergedRow};
use super::table::{Columns, add, add_texts, text_array, time, unreadable, unreadable_of};

const LAYOUT: Layout = Layout {
    texts: &["name", "sku", "kind", "status", "currency", "brand", "unreadable"],
    numbers: &["quantity", "sold_quantity"],
    amounts: &["price", "regular_price", "sale_price", "cost_price"],
    flags: &["unlimited_quantity", "is_available"],
};
const SKU: usize = 1;

/// A product as the merge knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    base: Base,
    fields: Fields,
    categories: Register<Vec<String>>,
    variant_skus: Register<Vec<String>>,
    /// After the lists: what was seen of a field is stored by its place, and rows of before have none here.
    image: Register<String>,
    /// The latest that any source told.
    salla_updated_at: Option<Millis>,
}

impl Product {
    /// SKUs that lines of orders may name it by: its own, and those of its variants.
    pub fn skus(&self) -> impl Iterator<Item = &str> {
        let own = self.fields.text(SKU).value();
        let all = own.into_iter().chain(self.variant_skus.value().into_iter().flatten());
        all.map(String::as_str).filter(|sku| can_be_looked_up(sku))
    }
}

fn claims(
    seen: ProductObservation,
    unreadable: Option<String>,
    mut empty: Vec<String>,
    assumed: Vec<String>,
) -> Claims {
    if unreadable.is_none() {
        empty.push("unreadable".into());
    }
    Claims {
        texts: vec![seen.name, seen.sku, seen.kind, seen.status, seen.currency, seen.brand, unreadable],
        numbers: vec![seen.quantity, seen.sold_quantity],
        amounts: vec![seen.price, seen.regular_price, seen.sale_price, seen.cost_price],
        flags: vec![seen.unlimited_quantity, seen.is_available],
        empty,
        assumed,
    }
}

impl MergedRow for Product {
    const TABLE: &'static str = "products";
    const ID: &'static str = "product_id";
    const TOPIC: Topic = PRODUCTS;
    type Fact = ProductFact;

    fn columns() -> Vec<(&'static str, &'static str)> {
        let own = [
            ("categories", "text[]"),
            ("variant_skus", "text[]"),
            ("image", "text"),
            ("salla_updated_at", "timestamptz"),
        ];
        LAYOUT.columns().into_iter().chain(own).collect()
    }

    fn blank(base: Base) -> Self {
        Self {
            base,
            fields: Fields::blank(LAYOUT),
            categories: Register::default(),
            variant_skus: Register::default(),
            image: Register::default(),
            salla_updated_at: None,
        }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn observe(&mut self, observation: Observation, stamp: Stamp, rules: Rules) -> bool {
        let Observation { product, empty, assumed, unreadable, .. } = observation;
        let Some(mut seen) = product.map(|seen| *seen) else { return false };
        self.base.report_creation(stamp, seen.created_at);
        let latest = self.salla_updated_at.max(seen.salla_updated_at);
        let mut changed = latest != self.salla_updated_at;
        self.salla_updated_at = latest;
        if let Some(categories) = seen.categories.take() {
            changed |= self.categories.observe(Some(categories), stamp, rules);
        }
        if let Some(skus) = seen.variant_skus.take() {
            changed |= self.variant_skus.observe(Some(skus), stamp, rules);
        }
        let image = seen.image.take();
        if image.is_some() || empty.iter().any(|field| field == "image") {
            changed |= self.image.observe(image, stamp, rules);
        }
        changed | self.fields.observe(claims(seen, unreadable_of(&unreadable), empty, assumed), stamp, rules)
    }

    fn doubt(&self, rules: Rules) -> Option<Millis> {
        let lists = self.categories.seen().doubt(rules).max(self.variant_skus.seen().doubt(rules));
        // Sources may name one image by several addresses: that is no reason to read the product again.
        self.fields.doubt(rules, &["unreadable"]).max(lists)
    }

    fn remember(&mut self, rules: Rules) {
        let own = [self.categories.seen(), self.variant_skus.seen(), self.image.seen()];
        self.base.ledger.remember(self.fields.seen().chain(own), rules);
    }

    fn into_fact(self, rules: Rules) -> Option<ProductFact> {
        let mut observed = self.fields.observed(rules);
        observed.add("categories", self.categories.stamp(rules));
        observed.add("variant_skus", self.variant_skus.stamp(rules));
        observed.add("image", self.image.stamp(rules));
        let Self { base, fields, categories, variant_skus, image, salla_updated_at } = self;
        let mut values = fields.into_values();
        Some(ProductFact {
            merchant_id: base.key.0,
            product_id: base.key.2,
            revision: base.revision,
            connection_id: base.connection_id,
            store_id: base.key.1,
            created_at: base.created_at(),
            created_at_from: base.created_at_from(),
            name: values.text(),
            sku: values.text(),
            kind: values.text(),
            status: values.text(),
            currency: values.text(),
            brand: values.text(),
            unreadable: unreadable(values.text()),
            quantity: values.number(),
            sold_quantity: values.number(),
            price: values.amount(),
            regular_price: values.amount(),
            sale_price: values.amount(),
            cost_price: values.amount(),
            unlimited_quantity: values.flag(),
            is_available: values.flag(),
            categories: categories.into_value().unwrap_or_default(),
            variant_skus: variant_skus.into_value().unwrap_or_default(),
            image: image.into_value(),
            salla_updated_at,
            observed: observed.into_fact(),
        })
    }

    fn forget_stamps(fact: &mut ProductFact) {
        (fact.observed, fact.unreadable) = (vec![], vec![]);
    }

    fn bind(rows: &[&Self], into: &mut PgArguments) -> Result<(), sqlx::Error> {
        let shown = |_, place: usize, fields| Fields::text(fields, place).value().map(String::as_str);
        Fields::bind(rows.iter().map(|row| &row.fields), LAYOUT, shown, into)?;
        for list in [|row: &Self| &row.categories, |row: &Self| &row.variant_skus]
            as [fn(&Self) -> &Register<Vec<String>>; 2]
        {
            let texts: Vec<String> =
                rows.iter().map(|row| text_array(list(row).value().map_or(&[], Vec::as_slice))).collect();
            add_texts(into, texts.iter().map(|text| Some(text.as_str())))?;
        }
        add_texts(into, rows.iter().map(|row| row.image.value().map(String::as_str)))?;
        add(into, rows.iter().map(|row| time(row.salla_updated_at)).collect::<Vec<_>>())
    }

    fn read(
        base: Base,
        columns: &mut Columns<'_>,
        seen: &mut std::vec::IntoIter<Sightings>,
    ) -> Result<Self, sqlx::Error> {
        let fields = Fields::read(LAYOUT, columns, seen, &mut |_| None)?;
        let mut list = || -> Result<_, sqlx::Error> {
            let (texts, seen): (Vec<String>, _) = (columns.take()?, seen.next().unwrap_or_default());
            Ok(Register::stored((seen != Sightings::default()).then_some(texts), seen))
        };
        let (categories, variant_skus) = (list()?, list()?);
        let image = Register::stored(columns.take()?, seen.next().unwrap_or_default());
        Ok(Self { base, fields, categories, variant_skus, image, salla_updated_at: columns.time()? })
    }
}
