//! Merged products: table `products`, topic `salla.products`.

use qafila_schemas::catalogue::{PRODUCTS, Topic};
use qafila_schemas::records::fact::{ProductFact, ProductObserved};
use qafila_schemas::records::observation::{Observation, ProductCore};
use sqlx::postgres::{PgArguments, PgRow};

use super::register::{Effect, Register, Rules, Stamp};
use super::row::{Base, MergedRow};
use super::table::{Columns, add, add_stamps, add_texts, decimal, time};

/// A product as the merge knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    base: Base,
    core: Register<ProductCore>,
}

impl MergedRow for Product {
    const TABLE: &'static str = "products";
    const ID: &'static str = "product_id";
    const TOPIC: Topic = PRODUCTS;
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("name", "text"),
        ("sku", "text"),
        ("kind", "text"),
        ("status", "text"),
        ("price", "numeric"),
        ("regular_price", "numeric"),
        ("sale_price", "numeric"),
        ("cost_price", "numeric"),
        ("currency", "text"),
        ("quantity", "bigint"),
        ("unlimited_quantity", "boolean"),
        ("is_available", "boolean"),
        ("sold_quantity", "bigint"),
        ("brand", "text"),
        ("categories", "text[]"),
        ("salla_updated_at", "timestamptz"),
        ("core_at", "timestamptz"),
        ("core_source", "smallint"),
    ];
    type Fact = ProductFact;

    fn blank(base: Base) -> Self {
        Self { base, core: Register::default() }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn observe(&mut self, observation: Observation, stamp: Stamp, rules: Rules) -> Effect {
        let Some(seen) = observation.product.map(|seen| *seen) else { return Effect::default() };
        self.base.report_creation(stamp.origin, seen.created_at);
        seen.core.map_or_else(Effect::default, |core| self.core.observe(stamp, core, rules))
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        vec![self.core.stamp()]
    }

    fn into_fact(self) -> Option<ProductFact> {
        let (core, stamp) = self.core.into_fact();
        let seen = core.is_some();
        let p = core.unwrap_or_default();
        Some(ProductFact {
            merchant_id: self.base.key.0,
            product_id: self.base.key.1,
            revision: self.base.revision,
            connection_id: self.base.connection_id,
            store_id: self.base.store_id,
            created_at: self.base.created_at(),
            name: seen.then_some(p.name),
            sku: p.sku,
            kind: p.kind,
            status: p.status,
            price: p.price,
            regular_price: p.regular_price,
            sale_price: p.sale_price,
            cost_price: p.cost_price,
            currency: p.currency,
            quantity: p.quantity,
            unlimited_quantity: p.unlimited_quantity,
            is_available: p.is_available,
            sold_quantity: p.sold_quantity,
            brand: p.brand,
            categories: p.categories,
            salla_updated_at: p.salla_updated_at,
            observed: ProductObserved { core: stamp },
        })
    }

    fn forget_stamps(fact: &mut ProductFact) {
        fact.observed = ProductObserved::default();
    }

    fn bind(rows: &[&Self], into: &mut PgArguments) -> Result<(), sqlx::Error> {
        macro_rules! texts {
            ($($get:expr),+) => {{
                let all: &[fn(&ProductCore) -> Option<&str>] = &[$($get),+];
                for text in all {
                    add_texts(into, rows.iter().map(|r| r.core.value().and_then(*text)))?;
                }
            }};
        }
        macro_rules! values {
            ($($get:expr),+) => {
                $(add(into, rows.iter().map(|r| r.core.value().and_then($get)).collect::<Vec<_>>())?;)+
            };
        }
        texts!(|p| Some(p.name.as_str()), |p| p.sku.as_deref(), |p| p.kind.as_deref(), |p| p
            .status
            .as_deref());
        values!(|p| decimal(p.price), |p| decimal(p.regular_price), |p| decimal(p.sale_price), |p| decimal(
            p.cost_price
        ));
        texts!(|p| p.currency.as_deref());
        values!(|p| p.quantity, |p| p.unlimited_quantity, |p| p.is_available, |p| p.sold_quantity);
        texts!(|p| p.brand.as_deref());
        let categories: Vec<String> =
            rows.iter().map(|r| text_array(r.core.value().map_or(&[], |p| &p.categories))).collect();
        add_texts(into, categories.iter().map(|text| Some(text.as_str())))?;
        values!(|p| time(p.salla_updated_at));
        add_stamps(into, rows.iter().map(|r| r.core.stamp()).collect())
    }

    fn read(base: Base, row: &PgRow, first: usize) -> Result<Self, sqlx::Error> {
        let mut c = Columns::new(row, first);
        let core = ProductCore {
            name: c.take::<Option<String>>()?.unwrap_or_default(),
            sku: c.take()?,
            kind: c.take()?,
            status: c.take()?,
            price: c.amount()?,
            regular_price: c.amount()?,
            sale_price: c.amount()?,
            cost_price: c.amount()?,
            currency: c.take()?,
            quantity: c.take()?,
            unlimited_quantity: c.take()?,
            is_available: c.take()?,
            sold_quantity: c.take()?,
            brand: c.take()?,
            categories: c.take()?,
            salla_updated_at: c.time()?,
        };
        Ok(Self { base, core: c.register(core)? })
    }
}

/// A Postgres array as text, every element quoted.
fn text_array(texts: &[String]) -> String {
    let quoted: Vec<String> =
        texts.iter().map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    format!("{{{}}}", quoted.join(","))
}
