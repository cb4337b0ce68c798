//! Merged customers: table `customers`, topic `salla.customers`.

use qafila_schemas::catalogue::{CUSTOMERS, Topic};
use qafila_schemas::records::fact::{CustomerFact, CustomerObserved};
use qafila_schemas::records::observation::{CustomerProfile, Observation};
use sqlx::postgres::{PgArguments, PgRow};

use super::register::{Effect, Register, Rules, Stamp};
use super::row::{Base, MergedRow};
use super::table::{Columns, add, add_stamps, add_texts, time};

/// A customer as the merge knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Customer {
    base: Base,
    profile: Register<CustomerProfile>,
}

impl MergedRow for Customer {
    const TABLE: &'static str = "customers";
    const ID: &'static str = "customer_id";
    const TOPIC: Topic = CUSTOMERS;
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("first_name", "text"),
        ("last_name", "text"),
        ("phone", "text"),
        ("email", "text"),
        ("gender", "text"),
        ("birthday", "text"),
        ("city", "text"),
        ("country_code", "text"),
        ("location", "text"),
        ("currency", "text"),
        ("groups", "bigint[]"),
        ("salla_updated_at", "timestamptz"),
        ("profile_at", "timestamptz"),
        ("profile_source", "smallint"),
    ];
    type Fact = CustomerFact;

    fn blank(base: Base) -> Self {
        Self { base, profile: Register::default() }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn observe(&mut self, observation: Observation, stamp: Stamp, rules: Rules) -> Effect {
        let Some(seen) = observation.customer.map(|seen| *seen) else { return Effect::default() };
        self.base.report_creation(stamp.origin, seen.created_at);
        seen.profile.map_or_else(Effect::default, |profile| self.profile.observe(stamp, profile, rules))
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        vec![self.profile.stamp()]
    }

    fn into_fact(self) -> Option<CustomerFact> {
        let (profile, stamp) = self.profile.into_fact();
        let p = profile.unwrap_or_default();
        Some(CustomerFact {
            merchant_id: self.base.key.0,
            customer_id: self.base.key.1,
            revision: self.base.revision,
            connection_id: self.base.connection_id,
            store_id: self.base.store_id,
            created_at: self.base.created_at(),
            first_name: p.first_name,
            last_name: p.last_name,
            phone: p.phone,
            email: p.email,
            gender: p.gender,
            birthday: p.birthday,
            city: p.city,
            country_code: p.country_code,
            location: p.location,
            currency: p.currency,
            groups: p.groups,
            salla_updated_at: p.salla_updated_at,
            observed: CustomerObserved { profile: stamp },
        })
    }

    fn bind(rows: &[&Self], into: &mut PgArguments) -> Result<(), sqlx::Error> {
        type Text = fn(&CustomerProfile) -> Option<&str>;
        let texts: [Text; 10] = [
            |p| p.first_name.as_deref(),
            |p| p.last_name.as_deref(),
            |p| p.phone.as_deref(),
            |p| p.email.as_deref(),
            |p| p.gender.as_deref(),
            |p| p.birthday.as_deref(),
            |p| p.city.as_deref(),
            |p| p.country_code.as_deref(),
            |p| p.location.as_deref(),
            |p| p.currency.as_deref(),
        ];
        for text in texts {
            add_texts(into, rows.iter().map(|r| r.profile.value().and_then(text)))?;
        }
        let groups: Vec<String> =
            rows.iter().map(|r| number_array(r.profile.value().map_or(&[], |p| &p.groups))).collect();
        add_texts(into, groups.iter().map(|text| Some(text.as_str())))?;
        add(
            into,
            rows.iter().map(|r| time(r.profile.value().and_then(|p| p.salla_updated_at))).collect::<Vec<_>>(),
        )?;
        add_stamps(into, rows.iter().map(|r| r.profile.stamp()).collect())
    }

    fn read(base: Base, row: &PgRow, first: usize) -> Result<Self, sqlx::Error> {
        let mut c = Columns::new(row, first);
        let profile = CustomerProfile {
            first_name: c.take()?,
            last_name: c.take()?,
            phone: c.take()?,
            email: c.take()?,
            gender: c.take()?,
            birthday: c.take()?,
            city: c.take()?,
            country_code: c.take()?,
            location: c.take()?,
            currency: c.take()?,
            groups: c.take()?,
            salla_updated_at: c.time()?,
        };
        Ok(Self { base, profile: c.register(profile)? })
    }
}

/// A Postgres array as text.
fn number_array(numbers: &[i64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}
