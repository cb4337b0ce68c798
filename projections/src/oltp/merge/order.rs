//! Merged orders: table `orders`, topic `salla.orders`.

use qafila_schemas::catalogue::{ORDERS, Topic};
use qafila_schemas::millis::Millis;
use qafila_schemas::records::fact::{OrderFact, OrderObserved};
use qafila_schemas::records::observation::{
    Observation, OrderAmounts, OrderBreakdown, OrderDetails, OrderHeader, OrderItems, OrderLine, OrderStatus,
};
use sqlx::postgres::{PgArguments, PgRow};

use super::register::{Effect, Register, Rules, Stamp};
use super::row::{Base, MergedRow};
use super::table::{Columns, add, add_stamps, add_texts, decimal, time};

/// An order as the merge knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    base: Base,
    reference_id: Option<i64>,
    header: Register<OrderHeader>,
    status: Register<OrderStatus>,
    amounts: Register<OrderAmounts>,
    breakdown: Register<OrderBreakdown>,
    details: Register<OrderDetails>,
    /// The latest that any source told; webhooks tell none. Not in `details`, so that they do not erase it.
    salla_updated_at: Option<Millis>,
    items: Register<OrderItems>,
}

impl Order {
    /// Thin lines (name and quantity) never replace complete ones; where they tell something else, the order
    /// has to be fetched.
    fn observe_items(&mut self, items: OrderItems, stamp: Stamp, rules: Rules) -> Effect {
        match (self.items.value(), self.items.stamp()) {
            (Some(known), Some(known_stamp)) if known.complete && !items.complete => {
                let doubt = stamp.may_be_after(known_stamp, rules) && !same_goods(known, &items);
                Effect { changed: false, doubt: doubt.then(|| after_both(stamp, known_stamp)) }
            }
            (Some(known), Some(known_stamp)) if !known.complete && items.complete => {
                let doubt = known_stamp.may_be_after(stamp, rules) && !same_goods(known, &items);
                self.items = Register::stored(Some((stamp, items)));
                Effect { changed: true, doubt: doubt.then(|| after_both(stamp, known_stamp)) }
            }
            (Some(known), Some(known_stamp)) if known.complete => {
                let (mut kept, mut items) = (known.clone(), items);
                fill_products(&mut items, known);
                let filled = fill_products(&mut kept, &items);
                if filled {
                    self.items = Register::stored(Some((known_stamp, kept)));
                }
                let effect = self.items.observe(stamp, items, rules);
                Effect { changed: effect.changed || filled, ..effect }
            }
            _ => self.items.observe(stamp, items, rules),
        }
    }
}

/// Salla's list of items names no products, its webhooks do (FACTS §4.3, §7). Which product a line is of does not change, so it is kept,
/// whichever of them tells the rest. Says whether anything was taken over.
fn fill_products(into: &mut OrderItems, from: &OrderItems) -> bool {
    let mut filled = false;
    for line in into.lines.iter_mut().filter(|line| line.product_id.is_none()) {
        let told = from.lines.iter().filter(|known| known.product_id.is_some());
        line.product_id = told.clone().find(|known| is_same_line(line, known)).and_then(|l| l.product_id);
        filled |= line.product_id.is_some();
    }
    filled
}

fn is_same_line(one: &OrderLine, other: &OrderLine) -> bool {
    let same_id = one.line_id.is_some() && one.line_id == other.line_id;
    let same_sku = one.sku.is_some() && one.sku == other.sku;
    same_id || same_sku || one.sku.is_none() && other.sku.is_none() && one.name == other.name
}

/// Only a read that begins after both tells which is right.
fn after_both(one: Stamp, other: Stamp) -> Millis {
    Millis(one.observed_at.max(other.observed_at).0.saturating_add(1))
}

/// Whether two lists of lines name the same goods in the same numbers, in whatever order.
fn same_goods(one: &OrderItems, other: &OrderItems) -> bool {
    let goods = |items: &OrderItems| {
        let mut goods: Vec<_> = items.lines.iter().map(|l| (l.name.clone(), l.quantity)).collect();
        goods.sort_unstable();
        goods
    };
    goods(one) == goods(other)
}

impl MergedRow for Order {
    const TABLE: &'static str = "orders";
    const ID: &'static str = "order_id";
    const TOPIC: Topic = ORDERS;
    const COLUMNS: &'static [(&'static str, &'static str)] = &[
        ("reference_id", "bigint"),
        ("payment_method", "text"),
        ("header_at", "timestamptz"),
        ("header_source", "smallint"),
        ("status_id", "bigint"),
        ("status_slug", "text"),
        ("status_name", "text"),
        ("custom_status_name", "text"),
        ("is_pending_payment", "boolean"),
        ("status_at", "timestamptz"),
        ("status_source", "smallint"),
        ("total", "numeric"),
        ("currency", "text"),
        ("amounts_at", "timestamptz"),
        ("amounts_source", "smallint"),
        ("sub_total", "numeric"),
        ("shipping_cost", "numeric"),
        ("cash_on_delivery", "numeric"),
        ("tax", "numeric"),
        ("discount", "numeric"),
        ("breakdown_at", "timestamptz"),
        ("breakdown_source", "smallint"),
        ("customer_id", "bigint"),
        ("channel", "text"),
        ("customer_name", "text"),
        ("customer_phone", "text"),
        ("customer_email", "text"),
        ("receiver_name", "text"),
        ("receiver_phone", "text"),
        ("receiver_email", "text"),
        ("city", "text"),
        ("country_code", "text"),
        ("salla_updated_at", "timestamptz"),
        ("details_at", "timestamptz"),
        ("details_source", "smallint"),
        ("lines_complete", "boolean"),
        ("lines", "json"),
        ("items_at", "timestamptz"),
        ("items_source", "smallint"),
    ];
    type Fact = OrderFact;

    fn blank(base: Base) -> Self {
        Self {
            base,
            reference_id: None,
            header: Register::default(),
            status: Register::default(),
            amounts: Register::default(),
            breakdown: Register::default(),
            details: Register::default(),
            salla_updated_at: None,
            items: Register::default(),
        }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn observe(&mut self, observation: Observation, stamp: Stamp, rules: Rules) -> Effect {
        let Some(seen) = observation.order.map(|seen| *seen) else { return Effect::default() };
        let mut effect = Effect::default();
        if self.reference_id.is_none() && seen.reference_id.is_some() {
            self.reference_id = seen.reference_id;
            effect.changed = true;
        }
        self.base.report_creation(stamp.origin, seen.created_at);
        if let Some(header) = seen.header {
            effect = effect.and(self.header.observe(stamp, header, rules));
        }
        if let Some(status) = seen.status {
            effect = effect.and(self.status.observe(stamp, status, rules));
        }
        if let Some(amounts) = seen.amounts {
            effect = effect.and(self.amounts.observe(stamp, amounts, rules));
        }
        if let Some(breakdown) = seen.breakdown {
            effect = effect.and(self.breakdown.observe(stamp, breakdown, rules));
        }
        if let Some(mut details) = seen.details {
            let latest = self.salla_updated_at.max(details.salla_updated_at.take());
            effect.changed |= latest != self.salla_updated_at;
            self.salla_updated_at = latest;
            effect = effect.and(self.details.observe(stamp, details, rules));
        }
        if let Some(items) = seen.items {
            effect = effect.and(self.observe_items(items, stamp, rules));
        }
        effect
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        vec![
            self.header.stamp(),
            self.status.stamp(),
            self.amounts.stamp(),
            self.breakdown.stamp(),
            self.details.stamp(),
            self.items.stamp(),
        ]
    }

    fn into_fact(self) -> Option<OrderFact> {
        let created_at = self.base.created_at()?;
        let (header, header_stamp) = self.header.into_fact();
        let (status, status_stamp) = self.status.into_fact();
        let (status_slug, status) =
            status.map_or((None, OrderStatus::default()), |mut s| (Some(std::mem::take(&mut s.slug)), s));
        let (amounts, amounts_stamp) = self.amounts.into_fact();
        let (total, currency) = amounts.map(|a| (a.total, a.currency)).unzip();
        let (breakdown, breakdown_stamp) = self.breakdown.into_fact();
        let breakdown = breakdown.unwrap_or_default();
        let (details, details_stamp) = self.details.into_fact();
        let details = details.unwrap_or_default();
        let (items, items_stamp) = self.items.into_fact();
        let items = items.unwrap_or_default();
        Some(OrderFact {
            merchant_id: self.base.key.0,
            order_id: self.base.key.1,
            revision: self.base.revision,
            connection_id: self.base.connection_id,
            store_id: self.base.store_id,
            reference_id: self.reference_id,
            created_at,
            payment_method: header.map(|h| h.payment_method),
            status_id: status.status_id,
            status_slug,
            status_name: status.name,
            custom_status_name: status.custom_name,
            is_pending_payment: status.is_pending_payment,
            total,
            currency,
            sub_total: breakdown.sub_total,
            shipping_cost: breakdown.shipping_cost,
            cash_on_delivery: breakdown.cash_on_delivery,
            tax: breakdown.tax,
            discount: breakdown.discount,
            customer_id: details.customer_id,
            channel: details.channel,
            customer_name: details.customer_name,
            customer_phone: details.customer_phone,
            customer_email: details.customer_email,
            receiver_name: details.receiver_name,
            receiver_phone: details.receiver_phone,
            receiver_email: details.receiver_email,
            city: details.city,
            country_code: details.country_code,
            salla_updated_at: self.salla_updated_at,
            lines_complete: items.complete,
            lines: items.lines,
            observed: OrderObserved {
                header: header_stamp,
                status: status_stamp,
                amounts: amounts_stamp,
                breakdown: breakdown_stamp,
                details: details_stamp,
                items: items_stamp,
            },
        })
    }

    fn forget_stamps(fact: &mut OrderFact) {
        fact.observed = OrderObserved::default();
    }

    fn bind(rows: &[&Self], into: &mut PgArguments) -> Result<(), sqlx::Error> {
        macro_rules! texts {
            ($register:ident, |$v:ident| $get:expr) => {
                add_texts(into, rows.iter().map(|r| r.$register.value().and_then(|$v| $get)))?
            };
        }
        macro_rules! values {
            ($register:ident, |$v:ident| $get:expr) => {
                add(into, rows.iter().map(|r| r.$register.value().and_then(|$v| $get)).collect::<Vec<_>>())?
            };
        }
        macro_rules! stamps {
            ($register:ident) => {
                add_stamps(into, rows.iter().map(|r| r.$register.stamp()).collect())?
            };
        }
        add(into, rows.iter().map(|r| r.reference_id).collect::<Vec<_>>())?;
        texts!(header, |h| Some(h.payment_method.as_str()));
        stamps!(header);
        values!(status, |s| s.status_id);
        texts!(status, |s| Some(s.slug.as_str()));
        texts!(status, |s| s.name.as_deref());
        texts!(status, |s| s.custom_name.as_deref());
        values!(status, |s| s.is_pending_payment);
        stamps!(status);
        values!(amounts, |a| decimal(Some(a.total)));
        texts!(amounts, |a| Some(a.currency.as_str()));
        stamps!(amounts);
        values!(breakdown, |b| decimal(b.sub_total));
        values!(breakdown, |b| decimal(b.shipping_cost));
        values!(breakdown, |b| decimal(b.cash_on_delivery));
        values!(breakdown, |b| decimal(b.tax));
        values!(breakdown, |b| decimal(b.discount));
        stamps!(breakdown);
        values!(details, |d| d.customer_id);
        texts!(details, |d| d.channel.as_deref());
        texts!(details, |d| d.customer_name.as_deref());
        texts!(details, |d| d.customer_phone.as_deref());
        texts!(details, |d| d.customer_email.as_deref());
        texts!(details, |d| d.receiver_name.as_deref());
        texts!(details, |d| d.receiver_phone.as_deref());
        texts!(details, |d| d.receiver_email.as_deref());
        texts!(details, |d| d.city.as_deref());
        texts!(details, |d| d.country_code.as_deref());
        add(into, rows.iter().map(|r| time(r.salla_updated_at)).collect::<Vec<_>>())?;
        stamps!(details);
        add(into, rows.iter().map(|r| r.items.value().is_some_and(|i| i.complete)).collect::<Vec<_>>())?;
        let lines: Vec<String> =
            rows.iter().map(|r| lines_json(r.items.value())).collect::<Result<_, _>>()?;
        add_texts(into, lines.iter().map(|text| Some(text.as_str())))?;
        stamps!(items);
        Ok(())
    }

    fn read(base: Base, row: &PgRow, first: usize) -> Result<Self, sqlx::Error> {
        let mut c = Columns::new(row, first);
        let reference_id = c.take()?;
        let header = OrderHeader { payment_method: text(&mut c)? };
        let header = c.register(header)?;
        let status = OrderStatus {
            status_id: c.take()?,
            slug: text(&mut c)?,
            name: c.take()?,
            custom_name: c.take()?,
            is_pending_payment: c.take()?,
        };
        let status = c.register(status)?;
        let amounts = OrderAmounts { total: c.amount()?.unwrap_or_default(), currency: text(&mut c)? };
        let amounts = c.register(amounts)?;
        let breakdown = OrderBreakdown {
            sub_total: c.amount()?,
            shipping_cost: c.amount()?,
            cash_on_delivery: c.amount()?,
            tax: c.amount()?,
            discount: c.amount()?,
        };
        let breakdown = c.register(breakdown)?;
        let details = OrderDetails {
            customer_id: c.take()?,
            channel: c.take()?,
            customer_name: c.take()?,
            customer_phone: c.take()?,
            customer_email: c.take()?,
            receiver_name: c.take()?,
            receiver_phone: c.take()?,
            receiver_email: c.take()?,
            city: c.take()?,
            country_code: c.take()?,
            salla_updated_at: None,
        };
        let salla_updated_at = c.time()?;
        let details = c.register(details)?;
        let complete = c.take()?;
        let lines: sqlx::types::Json<Vec<OrderLine>> = c.take()?;
        let items = c.register(OrderItems { complete, lines: lines.0 })?;
        Ok(Self { base, reference_id, header, status, amounts, breakdown, details, salla_updated_at, items })
    }
}

fn text(columns: &mut Columns<'_>) -> Result<String, sqlx::Error> {
    Ok(columns.take::<Option<String>>()?.unwrap_or_default())
}

fn lines_json(items: Option<&OrderItems>) -> Result<String, sqlx::Error> {
    let lines = items.map(|i| i.lines.as_slice()).unwrap_or_default();
    serde_json::to_string(lines).map_err(|error| sqlx::Error::Encode(error.into()))
}

#[cfg(test)]
mod tests {
    use qafila_schemas::ids::{ConnectionId, MerchantId};
    use qafila_schemas::open_set::{Entity, Kind, Source};
    use qafila_schemas::records::observation::OrderObservation;

    use super::*;

    const RULES: Rules = Rules { list_cache_window_ms: 900_000 };

    fn line(line_id: i64, sku: Option<&str>, product_id: Option<i64>, quantity: &str) -> OrderLine {
        OrderLine {
            line_id: Some(line_id),
            product_id,
            name: "dates".into(),
            sku: sku.map(str::to_owned),
            quantity: quantity.parse().expect("a quantity"),
            unit_price: None,
            discount: None,
            tax: None,
            total: None,
            options: None,
        }
    }

    fn seen(source: Source, minute: i64, lines: Vec<OrderLine>) -> Observation {
        let items = Some(OrderItems { complete: true, lines });
        Observation {
            merchant_id: MerchantId::default(),
            connection_id: ConnectionId::default(),
            store_id: 1,
            entity: Entity::Order,
            salla_id: 7,
            kind: Kind::Seen,
            source,
            observed_at: Millis(minute * 60_000),
            order: Some(Box::new(OrderObservation { items, ..OrderObservation::default() })),
            customer: None,
            product: None,
            cart: None,
        }
    }

    fn merged(observations: [&Observation; 2]) -> OrderItems {
        let mut row = Order::new_for(observations[0]);
        for observation in observations {
            row.fold(observation.clone(), RULES);
        }
        row.items.value().cloned().expect("lines")
    }

    #[test]
    fn the_products_that_a_webhook_names_stay_when_a_read_names_none_whatever_comes_first() {
        let told = [line(1, Some("A"), Some(10), "1"), line(2, None, Some(20), "1")];
        let webhook = seen(Source::Webhook, 0, told.to_vec());
        let read = [line(1, Some("A"), None, "3"), line(2, None, None, "1"), line(3, Some("C"), None, "1")];
        let read = seen(Source::Details, 60, read.to_vec());
        let (one, other) = (merged([&webhook, &read]), merged([&read, &webhook]));
        assert_eq!(one, other);
        let products: Vec<Option<i64>> = one.lines.iter().map(|line| line.product_id).collect();
        assert_eq!(products, [Some(10), Some(20), None]);
        assert_eq!(one.lines[0].quantity, "3".parse().expect("a quantity"), "the rest is the read's");
    }
}
