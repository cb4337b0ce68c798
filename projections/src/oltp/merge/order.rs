//! Merged orders: table `orders`, topic `salla.orders`.

use qafila_schemas::catalogue::{ORDERS, Topic};
use qafila_schemas::millis::Millis;
use qafila_schemas::records::fact::OrderFact;
use qafila_schemas::records::observation::{Observation, OrderLine, OrderObservation};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgArguments;

use super::contacts::{Contacts, ContactsLedger};
use super::fields::{Claims, Fields, Layout};
use super::lines::{LinesLedger, OrderLines};
use super::register::{Origin, Register, Rules, Sightings, Stamp};
use super::row::{Base, MergedRow};
use super::table::{Columns, add, add_texts, time, unreadable_of};

static LAYOUT: Layout = Layout {
    texts: &[
        "customer_name",
        "customer_phone",
        "customer_email",
        "payment_method",
        "status_slug",
        "status_name",
        "custom_status_name",
        "currency",
        "channel",
        "receiver_name",
        "receiver_phone",
        "receiver_email",
        "city",
        "country_code",
        "exchange_rate",
        "unreadable",
    ],
    numbers: &["customer_id", "reference_id", "status_id"],
    amounts: &["total", "sub_total", "shipping_cost", "cash_on_delivery", "tax", "discount"],
    flags: &["is_pending_payment"],
};
/// The first texts are the customer's name, phone and e-mail address.
const CONTACTS: usize = 3;
const STATUS_SLUG: usize = 4;
const CUSTOM_STATUS_NAME: usize = 6;
const IS_PENDING: usize = 0;

/// An order as the merge knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    base: Base,
    fields: Fields,
    contacts: Contacts,
    /// The latest that any source told; webhooks tell none.
    salla_updated_at: Option<Millis>,
    lines: OrderLines,
    /// After the lines: what was seen of a field is stored by its place, and rows of before have none here.
    admin_url: Register<String>,
}

/// What the ledger keeps of an order alone.
#[derive(Default, Serialize, Deserialize)]
struct OwnLedger {
    contacts: ContactsLedger,
    lines: LinesLedger,
}

impl Order {
    fn own_ledger(&self) -> OwnLedger {
        OwnLedger { contacts: self.contacts.to_ledger(&self.fields), lines: self.lines.ledger() }
    }

    /// That a payment is awaited may be left out by webhooks: where one told another status since, only a read knows it.
    fn pending_doubt(&self, rules: Rules) -> Option<Millis> {
        let (slug, pending) = (self.fields.text(STATUS_SLUG), self.fields.flag(IS_PENDING));
        pending.value().filter(|pending| **pending)?;
        overtaken(slug.stamp(rules)?, pending.stamp(rules)?, rules)
    }

    /// The store's own name of a status is left out by webhooks: where one told another status since, only a read knows it.
    fn custom_status_doubt(&self, rules: Rules) -> Option<Millis> {
        let (slug, custom) = (self.fields.text(STATUS_SLUG), self.fields.text(CUSTOM_STATUS_NAME));
        custom.value()?;
        overtaken(slug.stamp(rules)?, custom.stamp(rules)?, rules)
    }
}

/// Since when it has to be read because a webhook told a status after what goes with it.
fn overtaken(told: Stamp, known: Stamp, rules: Rules) -> Option<Millis> {
    let is_overtaken = told.origin == Origin::Webhook && told != known && told.is_after(known, rules);
    is_overtaken.then(|| Millis(told.observed_at.0.saturating_add(1)))
}

fn claims(
    seen: OrderObservation,
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
            seen.payment_method,
            seen.status_slug,
            seen.status_name,
            seen.custom_status_name,
            seen.currency,
            seen.channel,
            seen.receiver_name,
            seen.receiver_phone,
            seen.receiver_email,
            seen.city,
            seen.country_code,
            seen.exchange_rate,
            unreadable,
        ],
        numbers: vec![seen.customer_id, seen.reference_id, seen.status_id],
        amounts: vec![
            seen.total,
            seen.sub_total,
            seen.shipping_cost,
            seen.cash_on_delivery,
            seen.tax,
            seen.discount,
        ],
        flags: vec![seen.is_pending_payment],
        empty,
        assumed,
    }
}

impl MergedRow for Order {
    const TABLE: &'static str = "orders";
    const ID: &'static str = "order_id";
    const TOPIC: Topic = ORDERS;
    type Fact = OrderFact;

    fn columns() -> Vec<(&'static str, &'static str)> {
        let own = [
            ("salla_updated_at", "timestamptz"),
            ("lines_complete", "boolean"),
            ("lines", "json"),
            ("admin_url", "text"),
        ];
        LAYOUT.columns().into_iter().chain(own).collect()
    }

    fn blank(base: Base) -> Self {
        Self {
            base,
            fields: Fields::blank(LAYOUT),
            contacts: Contacts::of_first(CONTACTS, &LAYOUT),
            salla_updated_at: None,
            lines: OrderLines::default(),
            admin_url: Register::default(),
        }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn observe(&mut self, observation: Observation, stamp: Stamp, rules: Rules) -> bool {
        let Observation { order, empty, assumed, unreadable, .. } = observation;
        let Some(mut seen) = order.map(|seen| *seen) else { return false };
        self.base.report_creation(stamp, seen.created_at);
        if stamp.origin == Origin::Details && seen.created_at.is_none() {
            // Details tell when it was placed, or nobody does: the best time known stands in.
            self.base.report_receipt(seen.salla_updated_at.unwrap_or(stamp.observed_at));
        }
        let latest = self.salla_updated_at.max(seen.salla_updated_at);
        let mut changed = latest != self.salla_updated_at;
        self.salla_updated_at = latest;
        let (lines, is_complete) = (seen.lines.take(), seen.lines_complete);
        // One that is left out, or is none any more, takes none away: the page of an order does not move.
        if let Some(admin_url) = seen.admin_url.take() {
            changed |= self.admin_url.observe(Some(admin_url), stamp, rules);
        }
        let claims = claims(seen, unreadable_of(&unreadable), empty, assumed);
        changed |= self.contacts.observe(&mut self.fields, claims, stamp, rules);
        if let Some(lines) = lines {
            changed |= self.lines.observe(lines, is_complete, stamp, rules);
        }
        changed
    }

    fn doubt(&self, rules: Rules) -> Option<Millis> {
        let fields = self.fields.doubt(rules, &["unreadable"]);
        fields
            .max(self.lines.doubt(rules))
            .max(self.custom_status_doubt(rules))
            .max(self.pending_doubt(rules))
    }

    fn remember(&mut self, rules: Rules) {
        let own = postcard::to_stdvec(&self.own_ledger()).unwrap_or_default();
        let own_seen = [self.lines.seen(), self.admin_url.seen()];
        self.base.ledger.remember(self.fields.seen().chain(own_seen), rules);
        self.base.ledger.own = own;
    }

    fn into_fact(self, rules: Rules) -> Option<OrderFact> {
        let created_at = self.base.created_at()?;
        let mut observed = self.fields.observed(rules);
        observed.add("lines", self.lines.stamp(rules));
        observed.add("admin_url", self.admin_url.stamp(rules));
        let contacts: [Option<String>; CONTACTS] =
            std::array::from_fn(|place| self.contacts.shown(&self.fields, place).map(str::to_owned));
        let [customer_name, customer_phone, customer_email] = contacts;
        let Self { base, fields, salla_updated_at, lines, admin_url, .. } = self;
        let mut values = fields.into_values();
        for _ in 0..CONTACTS {
            values.text();
        }
        Some(OrderFact {
            merchant_id: base.key.0,
            order_id: base.key.2,
            revision: base.revision,
            connection_id: base.connection_id,
            store_id: base.key.1,
            created_at,
            created_at_from: base.created_at_from(),
            customer_name,
            customer_phone,
            customer_email,
            payment_method: values.text(),
            status_slug: values.text(),
            status_name: values.text(),
            custom_status_name: values.text(),
            currency: values.text(),
            channel: values.text(),
            receiver_name: values.text(),
            receiver_phone: values.text(),
            receiver_email: values.text(),
            city: values.text(),
            country_code: values.text(),
            exchange_rate: values.text(),
            unreadable: super::table::unreadable(values.text()),
            customer_id: values.number(),
            reference_id: values.number(),
            status_id: values.number(),
            total: values.amount(),
            sub_total: values.amount(),
            shipping_cost: values.amount(),
            cash_on_delivery: values.amount(),
            tax: values.amount(),
            discount: values.amount(),
            is_pending_payment: values.flag(),
            salla_updated_at,
            lines_complete: lines.is_complete(),
            lines: lines.shown(),
            admin_url: admin_url.into_value(),
            observed: observed.into_fact(),
        })
    }

    fn forget_stamps(fact: &mut OrderFact) {
        (fact.observed, fact.unreadable) = (vec![], vec![]);
    }

    fn bind(rows: &[&Self], into: &mut PgArguments) -> Result<(), sqlx::Error> {
        let fields = rows.iter().map(|row| &row.fields);
        Fields::bind(fields, LAYOUT, |row, place, fields| rows[row].contacts.shown(fields, place), into)?;
        add(into, rows.iter().map(|row| time(row.salla_updated_at)).collect::<Vec<_>>())?;
        add(into, rows.iter().map(|row| row.lines.is_complete()).collect::<Vec<_>>())?;
        let lines: Vec<String> = rows
            .iter()
            .map(|row| {
                serde_json::to_string(&row.lines.shown()).map_err(|error| sqlx::Error::Encode(error.into()))
            })
            .collect::<Result<_, _>>()?;
        add_texts(into, lines.iter().map(|text| Some(text.as_str())))?;
        add_texts(into, rows.iter().map(|row| row.admin_url.value().map(String::as_str)))
    }

    fn read(
        base: Base,
        columns: &mut Columns<'_>,
        seen: &mut std::vec::IntoIter<Sightings>,
    ) -> Result<Self, sqlx::Error> {
        let own: OwnLedger = if base.ledger.own.is_empty() {
            OwnLedger::default()
        } else {
            postcard::from_bytes(&base.ledger.own).map_err(|error| sqlx::Error::Decode(error.into()))?
        };
        let OwnLedger { mut contacts, lines: ledger } = own;
        let fields = Fields::read(LAYOUT, columns, seen, &mut |place| contacts.take_hidden(place))?;
        let contacts = Contacts::of_first(CONTACTS, &LAYOUT).with(&contacts);
        let salla_updated_at = columns.time()?;
        let is_complete = columns.take()?;
        let lines: sqlx::types::Json<Vec<OrderLine>> = columns.take()?;
        let lines = OrderLines::stored(lines.0, is_complete, seen.next().unwrap_or_default(), ledger);
        let admin_url = Register::stored(columns.take()?, seen.next().unwrap_or_default());
        Ok(Self { base, fields, contacts, salla_updated_at, lines, admin_url })
    }

    fn unresolved_skus(&self) -> Vec<&str> {
        self.lines.unresolved_skus()
    }

    fn resolve(&mut self, product: &dyn Fn(&str) -> Option<i64>) -> bool {
        self.lines.resolve(product)
    }
}

#[cfg(test)]
mod tests {
    use qafila_schemas::ids::{ConnectionId, MerchantId};
    use qafila_schemas::open_set::{Entity, Kind, Source};

    use super::*;

    const RULES: Rules = Rules { list_cache_window_ms: 900_000 };

    fn told(source: Source, at: i64, created_at: Option<i64>, updated_at: Option<i64>) -> Observation {
        let seen = OrderObservation {
            created_at: created_at.map(Millis),
            salla_updated_at: updated_at.map(Millis),
            ..OrderObservation::default()
        };
        Observation {
            merchant_id: MerchantId::default(),
            connection_id: ConnectionId::default(),
            store_id: 1,
            entity: Entity::Order,
            salla_id: 7,
            kind: Kind::Seen,
            source,
            observed_at: Millis(at),
            order: Some(Box::new(seen)),
            customer: None,
            product: None,
            cart: None,
            empty: vec![],
            assumed: vec![],
            unreadable: vec![],
        }
    }

    /// When it was placed, and whose word that is.
    fn published(observations: &[&Observation]) -> Option<(i64, String)> {
        let mut row = Order::new_for(observations[0]);
        for observation in observations {
            row.observe((*observation).clone(), Stamp::of(observation), RULES);
        }
        let fact = row.into_fact(RULES)?;
        Some((fact.created_at.0, fact.created_at_from.unwrap_or_default()))
    }

    #[test]
    fn an_order_whose_date_nobody_can_read_is_published_with_the_best_time_known() {
        let (list, details) =
            (told(Source::List, 1_000, None, None), told(Source::Details, 2_000, None, Some(500)));
        assert_eq!(published(&[&list]), None, "its details may tell");
        assert_eq!(published(&[&list, &details]), Some((500, "receipt".into())));
        assert_eq!(published(&[&told(Source::Details, 2_000, None, None)]), Some((2_000, "receipt".into())));
        let webhook = told(Source::Webhook, 3_000, Some(400), None);
        assert_eq!(published(&[&webhook, &details]), Some((400, "webhook".into())));
        assert_eq!(published(&[&details, &webhook]), Some((400, "webhook".into())));
    }
}
