//! Merged carts: table `carts`, topic `salla.carts`. Only webhooks tell of them.

use qafila_schemas::catalogue::{CARTS, Topic};
use qafila_schemas::millis::Millis;
use qafila_schemas::records::fact::CartFact;
use qafila_schemas::records::observation::{CartLine, CartObservation, Observation};
use sqlx::postgres::PgArguments;

use super::contacts::{Contacts, ContactsLedger};
use super::fields::{Claims, Fields, Layout};
use super::register::{Register, Rules, Sightings, Stamp};
use super::row::{Base, MergedRow};
use super::table::{Columns, add, add_texts, time, unreadable, unreadable_of};

static LAYOUT: Layout = Layout {
    texts: &[
        "customer_name",
        "customer_phone",
        "customer_email",
        "city",
        "status",
        "currency",
        "checkout_url",
        "coupon_code",
        "unreadable",
    ],
    numbers: &["customer_id"],
    amounts: &["total", "sub_total", "discount"],
    flags: &[],
};

/// The first texts are the customer's name, phone, e-mail address and city.
const CONTACTS: usize = 4;
const STATUS: usize = 4;
/// What a cart is of which no event told a status: all that comes with `abandoned.cart`.
const ABANDONED: &str = "active";

/// A cart as the merge knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cart {
    base: Base,
    fields: Fields,
    contacts: Contacts,
    lines: Register<Vec<CartLine>>,
    /// The latest that any source told.
    salla_updated_at: Option<Millis>,
}

fn claims(
    seen: CartObservation,
    unreadable: Option<String>,
    mut empty: Vec<String>,
    assumed: Vec<String>,
) -> Claims {
    if unreadable.is_none() {
        empty.push("unreadable".into());
    }
    Claims {
        texts: vec![
            seen.customer_name,
            seen.customer_phone,
            seen.customer_email,
            seen.city,
            seen.status,
            seen.currency,
            seen.checkout_url,
            seen.coupon_code,
            unreadable,
        ],
        numbers: vec![seen.customer_id],
        amounts: vec![seen.total, seen.sub_total, seen.discount],
        flags: vec![],
        empty,
        assumed,
    }
}

impl MergedRow for Cart {
    const TABLE: &'static str = "carts";
    const ID: &'static str = "cart_id";
    const TOPIC: Topic = CARTS;
    type Fact = CartFact;

    fn columns() -> Vec<(&'static str, &'static str)> {
        let own = [("lines", "json"), ("salla_updated_at", "timestamptz")];
        LAYOUT.columns().into_iter().chain(own).collect()
    }

    fn blank(base: Base) -> Self {
        Self {
            base,
            fields: Fields::blank(LAYOUT),
            contacts: Contacts::of_first(CONTACTS, &LAYOUT),
            lines: Register::default(),
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
        let Observation { cart, empty, assumed, unreadable, .. } = observation;
        let Some(mut seen) = cart.map(|seen| *seen) else { return false };
        self.base.report_creation(stamp, seen.created_at);
        // An event may be the first we hear of a cart, and say nothing of when it was made.
        self.base.report_receipt(stamp.observed_at);
        let latest = self.salla_updated_at.max(seen.salla_updated_at);
        let mut changed = latest != self.salla_updated_at;
        self.salla_updated_at = latest;
        if let Some(lines) = seen.lines.take() {
            changed |= self.lines.observe(Some(lines), stamp, rules);
        }
        let claims = claims(seen, unreadable_of(&unreadable), empty, assumed);
        changed | self.contacts.observe(&mut self.fields, claims, stamp, rules)
    }

    fn doubt(&self, _rules: Rules) -> Option<Millis> {
        // There is nothing to read a cart from.
        None
    }

    fn remember(&mut self, rules: Rules) {
        self.base.ledger.remember(self.fields.seen().chain(std::iter::once(self.lines.seen())), rules);
        self.base.ledger.own =
            postcard::to_stdvec(&self.contacts.to_ledger(&self.fields)).unwrap_or_default();
    }

    fn into_fact(self, rules: Rules) -> Option<CartFact> {
        let mut observed = self.fields.observed(rules);
        observed.add("lines", self.lines.stamp(rules));
        let contacts: [Option<String>; CONTACTS] =
            std::array::from_fn(|place| self.contacts.shown(&self.fields, place).map(str::to_owned));
        let [customer_name, customer_phone, customer_email, city] = contacts;
        let Self { base, fields, lines, salla_updated_at, .. } = self;
        let mut values = fields.into_values();
        for _ in 0..CONTACTS {
            values.text();
        }
        Some(CartFact {
            merchant_id: base.key.0,
            cart_id: base.key.2,
            revision: base.revision,
            connection_id: base.connection_id,
            store_id: base.key.1,
            created_at: base.created_at(),
            created_at_from: base.created_at_from(),
            customer_name,
            customer_phone,
            customer_email,
            status: values.text().or_else(|| Some(ABANDONED.to_owned())),
            currency: values.text(),
            checkout_url: values.text(),
            city,
            coupon_code: values.text(),
            unreadable: unreadable(values.text()),
            customer_id: values.number(),
            total: values.amount(),
            sub_total: values.amount(),
            discount: values.amount(),
            lines: lines.into_value().unwrap_or_default(),
            salla_updated_at,
            observed: observed.into_fact(),
        })
    }

    fn forget_stamps(fact: &mut CartFact) {
        (fact.observed, fact.unreadable) = (vec![], vec![]);
    }

    fn bind(rows: &[&Self], into: &mut PgArguments) -> Result<(), sqlx::Error> {
        let shown = |row: usize, place, fields| {
            let said = rows[row].contacts.shown(fields, place);
            said.or((place == STATUS).then_some(ABANDONED))
        };
        Fields::bind(rows.iter().map(|row| &row.fields), LAYOUT, shown, into)?;
        let lines: Vec<String> =
            rows.iter().map(|row| lines_json(row.lines.value())).collect::<Result<_, _>>()?;
        add_texts(into, lines.iter().map(|text| Some(text.as_str())))?;
        add(into, rows.iter().map(|row| time(row.salla_updated_at)).collect::<Vec<_>>())
    }

    fn read(
        base: Base,
        columns: &mut Columns<'_>,
        seen: &mut std::vec::IntoIter<Sightings>,
    ) -> Result<Self, sqlx::Error> {
        let mut contacts: ContactsLedger = if base.ledger.own.is_empty() {
            ContactsLedger::default()
        } else {
            postcard::from_bytes(&base.ledger.own).map_err(|error| sqlx::Error::Decode(error.into()))?
        };
        let fields = Fields::read(LAYOUT, columns, seen, &mut |place| contacts.take_hidden(place))?;
        let contacts = Contacts::of_first(CONTACTS, &LAYOUT).with(&contacts);
        let lines: sqlx::types::Json<Vec<CartLine>> = columns.take()?;
        let seen = seen.next().unwrap_or_default();
        let lines = Register::stored((seen != Sightings::default()).then_some(lines.0), seen);
        Ok(Self { base, fields, contacts, lines, salla_updated_at: columns.time()? })
    }
}

fn lines_json(lines: Option<&Vec<CartLine>>) -> Result<String, sqlx::Error> {
    let lines = lines.map(Vec::as_slice).unwrap_or_default();
    serde_json::to_string(lines).map_err(|error| sqlx::Error::Encode(error.into()))
}

#[cfg(test)]
mod tests {
    use qafila_schemas::ids::{ConnectionId, MerchantId};
    use qafila_schemas::open_set::{Entity, Kind, Source};

    use super::*;

    const RULES: Rules = Rules { list_cache_window_ms: 900_000 };

    fn event(at: i64, status: Option<&str>) -> Observation {
        let seen = CartObservation { status: status.map(str::to_owned), ..CartObservation::default() };
        Observation {
            merchant_id: MerchantId::default(),
            connection_id: ConnectionId::default(),
            store_id: 1,
            entity: Entity::Cart,
            salla_id: 7,
            kind: Kind::Seen,
            source: Source::Webhook,
            observed_at: Millis(at),
            order: None,
            customer: None,
            product: None,
            cart: Some(Box::new(seen)),
            empty: vec![],
            assumed: vec![],
            unreadable: vec![],
        }
    }

    fn status(events: &[Observation]) -> Option<String> {
        let mut cart = Cart::new_for(&events[0]);
        for event in events {
            cart.fold(event.clone(), RULES);
        }
        cart.into_fact(RULES).expect("a cart is always a fact").status
    }

    #[test]
    fn an_event_without_a_status_never_makes_a_purchased_cart_an_abandoned_one() {
        let (purchased, later) = (event(1_000, Some("purchased")), event(2_000, None));
        assert_eq!(status(&[purchased.clone(), later.clone()]).as_deref(), Some("purchased"));
        assert_eq!(status(&[later.clone(), purchased]).as_deref(), Some("purchased"));
        assert_eq!(status(&[later]).as_deref(), Some("active"), "all that is known is the event's name");
    }
    /// An event of a customer, whose id may be left out.
    fn named(at: i64, customer: Option<i64>, phone: Option<&str>, city: Option<&str>) -> Observation {
        let mut event = event(at, None);
        let seen = CartObservation {
            customer_id: customer,
            customer_phone: phone.map(str::to_owned),
            city: city.map(str::to_owned),
            ..CartObservation::default()
        };
        event.cart = Some(Box::new(seen));
        event
    }

    fn shown(events: &[&Observation]) -> (Option<i64>, Option<String>, Option<String>) {
        let mut cart = Cart::new_for(events[0]);
        for event in events {
            cart.fold((*event).clone(), RULES);
        }
        let fact = cart.into_fact(RULES).expect("a cart is always a fact");
        (fact.customer_id, fact.customer_phone, fact.city)
    }

    #[test]
    fn a_cart_never_shows_the_phone_or_city_of_one_person_beside_another() {
        let (first, second) =
            (named(1_000, Some(1), Some("+966500000001"), Some("Riyadh")), named(2_000, Some(2), None, None));
        assert_eq!(shown(&[&first, &second]), (Some(2), None, None));
        assert_eq!(shown(&[&second, &first]), (Some(2), None, None), "in any order");
        let back = named(3_000, Some(1), None, None);
        let kept = (Some(1), Some("+966500000001".to_owned()), Some("Riyadh".to_owned()));
        assert_eq!(shown(&[&first, &second, &back]), kept);
    }

    #[test]
    fn contacts_of_nobody_named_displace_none_that_are_somebodys() {
        let named_one = named(1_000, Some(1), Some("+966500000001"), Some("Riyadh"));
        let unnamed = named(2_000, None, Some("+966500000002"), None);
        let known = (Some(1), Some("+966500000001".to_owned()), Some("Riyadh".to_owned()));
        assert_eq!(shown(&[&named_one, &unnamed]), known);
        assert_eq!(shown(&[&unnamed, &named_one]), known);
        assert_eq!(shown(&[&unnamed]), (None, Some("+966500000002".into()), None));
        let mut emptied = unnamed.clone();
        emptied.cart = Some(Box::default());
        emptied.empty = vec!["customer_phone".into()];
        assert_eq!(shown(&[&named_one, &emptied]), known, "nor take them away");
    }
}
