//! Merged carts: table `carts`, topic `salla.carts`. Only webhooks tell of them.

use qafila_schemas::catalogue::{CARTS, Topic};
use qafila_schemas::records::fact::{CartFact, CartObserved};
use qafila_schemas::records::observation::{CartContent, CartLine, CartStatus, Observation};
use sqlx::postgres::{PgArguments, PgRow};

use super::register::{Effect, Register, Rules, Stamp};
use super::row::{Base, MergedRow};
use super::table::{Columns, add, add_stamps, add_texts, decimal, time};

/// A cart as the merge knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cart {
    base: Base,
    content: Register<CartContent>,
    status: Register<CartStatus>,
}

impl MergedRow for Cart {
    const TABLE: &'static str = "carts";
    const ID: &'static str = "cart_id";
    const TOPIC: Topic = CARTS;
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("total", "numeric"),
        ("sub_total", "numeric"),
        ("discount", "numeric"),
        ("currency", "text"),
        ("customer_id", "bigint"),
        ("customer_name", "text"),
        ("customer_phone", "text"),
        ("customer_email", "text"),
        ("checkout_url", "text"),
        ("city", "text"),
        ("coupon_code", "text"),
        ("salla_updated_at", "timestamptz"),
        ("lines", "json"),
        ("content_at", "timestamptz"),
        ("content_source", "smallint"),
        ("status", "text"),
        ("status_at", "timestamptz"),
        ("status_source", "smallint"),
    ];
    type Fact = CartFact;

    fn blank(base: Base) -> Self {
        Self { base, content: Register::default(), status: Register::default() }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn observe(&mut self, observation: Observation, stamp: Stamp, rules: Rules) -> Effect {
        let Some(seen) = observation.cart.map(|seen| *seen) else { return Effect::default() };
        self.base.report_creation(stamp.origin, seen.created_at);
        let mut effect = Effect::default();
        if let Some(content) = seen.content {
            effect = effect.and(self.content.observe(stamp, content, rules));
        }
        if let Some(status) = seen.status {
            effect = effect.and(self.status.observe(stamp, status, rules));
        }
        effect
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        vec![self.content.stamp(), self.status.stamp()]
    }

    fn into_fact(self) -> Option<CartFact> {
        let created_at = self.base.created_at();
        let (content, content_stamp) = self.content.into_fact();
        let (status, status_stamp) = self.status.into_fact();
        let mut fact = CartFact {
            merchant_id: self.base.key.0,
            cart_id: self.base.key.1,
            revision: self.base.revision,
            connection_id: self.base.connection_id,
            store_id: self.base.store_id,
            created_at,
            total: None,
            sub_total: None,
            discount: None,
            currency: None,
            status: status.map(|status| status.status),
            customer_id: None,
            customer_name: None,
            customer_phone: None,
            customer_email: None,
            checkout_url: None,
            city: None,
            coupon_code: None,
            salla_updated_at: None,
            lines: vec![],
            observed: CartObserved { content: content_stamp, status: status_stamp },
        };
        if let Some(content) = content {
            fact.total = Some(content.total);
            fact.sub_total = content.sub_total;
            fact.discount = content.discount;
            fact.currency = Some(content.currency);
            fact.customer_id = content.customer_id;
            fact.customer_name = content.customer_name;
            fact.customer_phone = content.customer_phone;
            fact.customer_email = content.customer_email;
            fact.checkout_url = content.checkout_url;
            fact.city = content.city;
            fact.coupon_code = content.coupon_code;
            fact.salla_updated_at = content.salla_updated_at;
            fact.lines = content.lines;
        }
        Some(fact)
    }

    fn forget_stamps(fact: &mut CartFact) {
        fact.observed = CartObserved::default();
    }

    fn bind(rows: &[&Self], into: &mut PgArguments) -> Result<(), sqlx::Error> {
        type Text = fn(&CartContent) -> Option<&str>;
        let content = || rows.iter().map(|row| row.content.value());
        add(into, content().map(|c| decimal(c.map(|c| c.total))).collect::<Vec<_>>())?;
        add(into, content().map(|c| decimal(c.and_then(|c| c.sub_total))).collect::<Vec<_>>())?;
        add(into, content().map(|c| decimal(c.and_then(|c| c.discount))).collect::<Vec<_>>())?;
        add_texts(into, content().map(|c| c.map(|c| c.currency.as_str())))?;
        add(into, content().map(|c| c.and_then(|c| c.customer_id)).collect::<Vec<_>>())?;
        let texts: [Text; 6] = [
            |c| c.customer_name.as_deref(),
            |c| c.customer_phone.as_deref(),
            |c| c.customer_email.as_deref(),
            |c| c.checkout_url.as_deref(),
            |c| c.city.as_deref(),
            |c| c.coupon_code.as_deref(),
        ];
        for text in texts {
            add_texts(into, content().map(|c| c.and_then(text)))?;
        }
        add(into, content().map(|c| time(c.and_then(|c| c.salla_updated_at))).collect::<Vec<_>>())?;
        let lines: Vec<String> = content().map(lines_json).collect::<Result<_, _>>()?;
        add_texts(into, lines.iter().map(|text| Some(text.as_str())))?;
        add_stamps(into, rows.iter().map(|row| row.content.stamp()).collect())?;
        add_texts(into, rows.iter().map(|row| row.status.value().map(|status| status.status.as_str())))?;
        add_stamps(into, rows.iter().map(|row| row.status.stamp()).collect())
    }

    fn read(base: Base, row: &PgRow, first: usize) -> Result<Self, sqlx::Error> {
        let mut c = Columns::new(row, first);
        let content = CartContent {
            total: c.amount()?.unwrap_or_default(),
            sub_total: c.amount()?,
            discount: c.amount()?,
            currency: c.take::<Option<String>>()?.unwrap_or_default(),
            customer_id: c.take()?,
            customer_name: c.take()?,
            customer_phone: c.take()?,
            customer_email: c.take()?,
            checkout_url: c.take()?,
            city: c.take()?,
            coupon_code: c.take()?,
            salla_updated_at: c.time()?,
            lines: c.take::<sqlx::types::Json<Vec<CartLine>>>()?.0,
        };
        let content = c.register(content)?;
        let status = CartStatus { status: c.take::<Option<String>>()?.unwrap_or_default() };
        Ok(Self { base, content, status: c.register(status)? })
    }
}

fn lines_json(content: Option<&CartContent>) -> Result<String, sqlx::Error> {
    let lines = content.map(|content| content.lines.as_slice()).unwrap_or_default();
    serde_json::to_string(lines).map_err(|error| sqlx::Error::Encode(error.into()))
}
