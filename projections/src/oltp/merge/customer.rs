//! Merged customers: table `customers`, topic `salla.customers`.

use qafila_schemas::catalogue::{CUSTOMERS, Topic};
use qafila_schemas::records::fact::{CustomerFact, CustomerObserved};
use qafila_schemas::records::observation::{CustomerProfile, Observation};
use sqlx::postgres::{PgArguments, PgRow};

use super::register::{Effect, Origin, Register, Rules, Stamp};
use super::row::{Base, MergedRow};
use super::table::{Columns, add, add_stamps, add_texts, time};

/// What a list or a webhook leaves out is unknown, not erased (ARCHITECTURE §5): lists tell fewer fields than details (FACTS §4.4). Says
/// whether anything was taken over.
fn fill(into: &mut CustomerProfile, from: &CustomerProfile) -> bool {
    let texts = [
        (&mut into.first_name, &from.first_name),
        (&mut into.last_name, &from.last_name),
        (&mut into.phone, &from.phone),
        (&mut into.email, &from.email),
        (&mut into.gender, &from.gender),
        (&mut into.birthday, &from.birthday),
        (&mut into.city, &from.city),
        (&mut into.country_code, &from.country_code),
        (&mut into.location, &from.location),
        (&mut into.currency, &from.currency),
    ];
    let mut filled = false;
    for (unknown, known) in texts.into_iter().filter(|(into, from)| into.is_none() && from.is_some()) {
        unknown.clone_from(known);
        filled = true;
    }
    if into.salla_updated_at.is_none() && from.salla_updated_at.is_some() {
        into.salla_updated_at = from.salla_updated_at;
        filled = true;
    }
    filled
}

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
        let Some(mut profile) = seen.profile else { return Effect::default() };
        let mut filled = false;
        if let Some((known_stamp, mut known)) = self.profile.stamp().zip(self.profile.value().cloned()) {
            if stamp.origin != Origin::Details {
                fill(&mut profile, &known);
            } else if known_stamp.origin != Origin::Details
                && known_stamp.is_after(stamp, rules)
                // A later read knows better what is empty; this one may come again.
                && Some(stamp.observed_at) >= self.base.read_at
            {
                filled = fill(&mut known, &profile);
                self.profile = Register::stored(Some((known_stamp, known)));
            }
        }
        let effect = self.profile.observe(stamp, profile, rules);
        Effect { changed: effect.changed || filled, ..effect }
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

    fn forget_stamps(fact: &mut CustomerFact) {
        fact.observed = CustomerObserved::default();
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

#[cfg(test)]
mod tests {
    use qafila_schemas::ids::{ConnectionId, MerchantId};
    use qafila_schemas::millis::Millis;
    use qafila_schemas::open_set::{Entity, Kind, Source};
    use qafila_schemas::records::observation::CustomerObservation;

    use super::*;

    const RULES: Rules = Rules { list_cache_window_ms: 900_000 };

    fn seen(source: Source, minute: i64, name: &str, country: Option<&str>) -> Observation {
        let profile = CustomerProfile {
            first_name: Some(name.into()),
            country_code: country.map(str::to_owned),
            ..CustomerProfile::default()
        };
        Observation {
            merchant_id: MerchantId::default(),
            connection_id: ConnectionId::default(),
            store_id: 1,
            entity: Entity::Customer,
            salla_id: 7,
            kind: Kind::Seen,
            source,
            observed_at: Millis(minute * 60_000),
            order: None,
            customer: Some(Box::new(CustomerObservation { created_at: None, profile: Some(profile) })),
            product: None,
            cart: None,
        }
    }

    fn merged(observations: &[&Observation]) -> Customer {
        let mut row = Customer::new_for(observations[0]);
        for observation in observations {
            row.fold((*observation).clone(), RULES);
        }
        row
    }

    #[test]
    fn what_a_list_leaves_out_is_not_erased_whatever_comes_first_and_what_details_leave_out_is() {
        let read = seen(Source::Details, 0, "Sara", Some("SA"));
        let listed = seen(Source::List, 60, "Sarah", None);
        let (one, other) = (merged(&[&read, &listed]), merged(&[&listed, &read]));
        assert_eq!(one, other);
        let profile = one.profile.value().expect("a profile");
        assert_eq!(
            (profile.first_name.as_deref(), profile.country_code.as_deref()),
            (Some("Sarah"), Some("SA"))
        );
        let again = seen(Source::Details, 90, "Sarah", None);
        assert_eq!(merged(&[&read, &listed, &again]).profile.value().expect("a profile").country_code, None);
        let login = seen(Source::Webhook, 120, "Sarah", None);
        let once = merged(&[&read, &again, &login]);
        assert_eq!(merged(&[&read, &again, &login, &read, &again, &login]), once, "a batch that comes again");
        let same = seen(Source::List, 5, "Sara", None);
        assert_eq!(merged(&[&read, &same]).base().stale_since, None, "it says nothing else");
    }
}
