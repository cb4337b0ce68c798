//! Merged customers: table `customers`, topic `salla.customers`.

use qafila_schemas::catalogue::{CUSTOMERS, Topic};
use qafila_schemas::millis::Millis;
use qafila_schemas::records::fact::CustomerFact;
use qafila_schemas::records::observation::{CustomerObservation, Observation};
use sqlx::postgres::PgArguments;

use super::fields::{Claims, Fields, Layout};
use super::register::{Register, Rules, Sightings, Stamp};
use super::row::{Base, MergedRow};
use super::table::{Columns, add, add_texts, time, unreadable, unreadable_of};

const LAYOUT: Layout = Layout {
    texts: &[
        "first_name",
        "last_name",
        "phone",
        "email",
        "gender",
        "birthday",
        "city",
        "country_code",
        "location",
        "currency",
        "unreadable",
    ],
    numbers: &[],
    amounts: &[],
    flags: &[],
};

/// A customer as the merge knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Customer {
    base: Base,
    fields: Fields,
    groups: Register<Vec<i64>>,
    /// The latest that any source told.
    salla_updated_at: Option<Millis>,
}

fn claims(
    seen: CustomerObservation,
    unreadable: Option<String>,
    mut empty: Vec<String>,
    assumed: Vec<String>,
) -> Claims {
    if unreadable.is_none() {
        empty.push("unreadable".into());
    }
    Claims {
        texts: vec![
            seen.first_name,
            seen.last_name,
            seen.phone,
            seen.email,
            seen.gender,
            seen.birthday,
            seen.city,
            seen.country_code,
            seen.location,
            seen.currency,
            unreadable,
        ],
        empty,
        assumed,
        ..Claims::default()
    }
}

impl MergedRow for Customer {
    const TABLE: &'static str = "customers";
    const ID: &'static str = "customer_id";
    const TOPIC: Topic = CUSTOMERS;
    type Fact = CustomerFact;

    fn columns() -> Vec<(&'static str, &'static str)> {
        let own = [("groups", "bigint[]"), ("salla_updated_at", "timestamptz")];
        LAYOUT.columns().into_iter().chain(own).collect()
    }

    fn blank(base: Base) -> Self {
        Self { base, fields: Fields::blank(LAYOUT), groups: Register::default(), salla_updated_at: None }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn observe(&mut self, observation: Observation, stamp: Stamp, rules: Rules) -> bool {
        let Observation { customer, empty, assumed, unreadable, .. } = observation;
        let Some(mut seen) = customer.map(|seen| *seen) else { return false };
        self.base.report_creation(stamp, seen.created_at);
        let latest = self.salla_updated_at.max(seen.salla_updated_at);
        let mut changed = latest != self.salla_updated_at;
        self.salla_updated_at = latest;
        if let Some(groups) = seen.groups.take() {
            changed |= self.groups.observe(Some(groups), stamp, rules);
        }
        changed | self.fields.observe(claims(seen, unreadable_of(&unreadable), empty, assumed), stamp, rules)
    }

    fn doubt(&self, rules: Rules) -> Option<Millis> {
        self.fields.doubt(rules, &["unreadable"]).max(self.groups.seen().doubt(rules))
    }

    fn remember(&mut self, rules: Rules) {
        self.base.ledger.remember(self.fields.seen().chain(std::iter::once(self.groups.seen())), rules);
    }

    fn into_fact(self, rules: Rules) -> Option<CustomerFact> {
        let mut observed = self.fields.observed(rules);
        observed.add("groups", self.groups.stamp(rules));
        let Self { base, fields, groups, salla_updated_at } = self;
        let mut values = fields.into_values();
        Some(CustomerFact {
            merchant_id: base.key.0,
            customer_id: base.key.2,
            revision: base.revision,
            connection_id: base.connection_id,
            store_id: base.key.1,
            created_at: base.created_at(),
            created_at_from: base.created_at_from(),
            first_name: values.text(),
            last_name: values.text(),
            phone: values.text(),
            email: values.text(),
            gender: values.text(),
            birthday: values.text(),
            city: values.text(),
            country_code: values.text(),
            location: values.text(),
            currency: values.text(),
            unreadable: unreadable(values.text()),
            groups: groups.into_value().unwrap_or_default(),
            salla_updated_at,
            observed: observed.into_fact(),
        })
    }

    fn forget_stamps(fact: &mut CustomerFact) {
        (fact.observed, fact.unreadable) = (vec![], vec![]);
    }

    fn bind(rows: &[&Self], into: &mut PgArguments) -> Result<(), sqlx::Error> {
        let shown = |_, place: usize, fields| Fields::text(fields, place).value().map(String::as_str);
        Fields::bind(rows.iter().map(|row| &row.fields), LAYOUT, shown, into)?;
        let groups: Vec<String> =
            rows.iter().map(|row| number_array(row.groups.value().map_or(&[], Vec::as_slice))).collect();
        add_texts(into, groups.iter().map(|text| Some(text.as_str())))?;
        add(into, rows.iter().map(|row| time(row.salla_updated_at)).collect::<Vec<_>>())
    }

    fn read(
        base: Base,
        columns: &mut Columns<'_>,
        seen: &mut std::vec::IntoIter<Sightings>,
    ) -> Result<Self, sqlx::Error> {
        let fields = Fields::read(LAYOUT, columns, seen, &mut |_| None)?;
        let groups: Vec<i64> = columns.take()?;
        let seen = seen.next().unwrap_or_default();
        let groups = Register::stored((seen != Sightings::default()).then_some(groups), seen);
        Ok(Self { base, fields, groups, salla_updated_at: columns.time()? })
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
    use qafila_schemas::open_set::{Entity, Kind, Source};

    use super::*;

    const RULES: Rules = Rules { list_cache_window_ms: 900_000 };

    fn seen(source: Source, minute: i64, name: &str, country: Option<&str>, empty: &[&str]) -> Observation {
        let customer = CustomerObservation {
            first_name: Some(name.into()),
            country_code: country.map(str::to_owned),
            ..CustomerObservation::default()
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
            customer: Some(Box::new(customer)),
            product: None,
            cart: None,
            empty: empty.iter().map(|name| (*name).to_owned()).collect(),
            assumed: vec![],
            unreadable: vec![],
        }
    }

    fn merged(observations: &[&Observation]) -> Customer {
        let mut row = Customer::new_for(observations[0]);
        for observation in observations {
            row.fold((*observation).clone(), RULES);
        }
        row
    }

    fn name_and_country(row: &Customer) -> (Option<&str>, Option<&str>) {
        let text = |place| row.fields.text(place).value().map(String::as_str);
        (text(0), text(7))
    }

    #[test]
    fn what_a_source_leaves_out_is_not_erased_whatever_comes_first_and_what_it_says_is_not_there_is() {
        let read = seen(Source::Details, 0, "Sara", Some("SA"), &[]);
        let listed = seen(Source::List, 60, "Sarah", None, &[]);
        assert_eq!(merged(&[&read, &listed]), merged(&[&listed, &read]));
        assert_eq!(name_and_country(&merged(&[&read, &listed])), (Some("Sarah"), Some("SA")));
        let again = seen(Source::Details, 90, "Sarah", None, &[]);
        assert_eq!(name_and_country(&merged(&[&read, &listed, &again])), (Some("Sarah"), Some("SA")));
        let emptied = seen(Source::Details, 95, "Sarah", None, &["country_code"]);
        assert_eq!(name_and_country(&merged(&[&read, &emptied, &listed])), (Some("Sarah"), None));
        let late = seen(Source::Webhook, 30, "S", Some("KW"), &[]);
        assert_eq!(merged(&[&emptied, &late, &read]), merged(&[&late, &read, &emptied]));
        let fills = merged(&[&listed, &again, &late]);
        assert_eq!(
            name_and_country(&fills),
            (Some("Sarah"), Some("KW")),
            "an older one fills what newer ones leave out"
        );
        let once = merged(&[&read, &again, &late]);
        assert_eq!(merged(&[&read, &again, &late, &read, &again, &late]), once, "a batch that comes again");
        let same = seen(Source::List, 5, "Sara", None, &[]);
        assert_eq!(merged(&[&read, &same]).base().stale_since, None, "it says nothing else");
    }
}
