//! Webhooks of Salla (FACTS §7, §8): what an event says of our entities.
//!
//! An event that is about an entity of ours and tells less than we need, or in a shape that we do not know, is still news: the
//! entity is marked stale and fetched. Only an event that does not even name its entity is unmappable.

pub mod app;
mod carts;
mod entities;
mod envelope;

use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Entity, Kind, Source};
use qafila_schemas::records::observation::Observation;

pub use envelope::Envelope;

use super::{Owner, Provenance, Unmappable, Unsealed};
use entities::Told;

/// Salla tries three times, about five minutes apart (FACTS §7).
const LATEST_MS: i64 = 20 * 60_000;
/// Clocks differ; more is a time in another zone than it says.
const MAX_AHEAD_MS: i64 = 60_000;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// An order, a customer, a product or a cart: it becomes an observation.
    Entity(EntityEvent),
    /// The app itself: its tokens, its installation, its subscription.
    App,
    /// Nothing that we use, or nothing that we know: kept as it came, and counted.
    Unused,
}

/// What an event says of which entity, as its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntityEvent {
    /// A whole order.
    Order,
    /// An entry of an order's history, with the order inside.
    OrderHistory,
    /// An order is gone.
    OrderDeleted,
    /// A whole product.
    Product,
    /// A part of a product changed.
    ProductPart,
    /// A product is gone.
    ProductDeleted,
    /// A whole customer.
    Customer,
    /// A whole cart.
    Cart,
    /// A cart became an order.
    CartPurchased,
    /// The status of a cart.
    CartStatus,
}

/// Every store event that we use, and what it says (FACTS §8). We subscribe to exactly these.
pub const STORE_EVENTS: [(&str, EntityEvent); 37] = [
    ("order.created", EntityEvent::Order),
    ("order.updated", EntityEvent::Order),
    ("order.status.updated", EntityEvent::OrderHistory),
    ("order.cancelled", EntityEvent::Order),
    ("order.refunded", EntityEvent::Order),
    ("order.deleted", EntityEvent::OrderDeleted),
    ("order.products.updated", EntityEvent::Order),
    ("order.payment.updated", EntityEvent::Order),
    ("order.coupon.updated", EntityEvent::Order),
    ("order.total.price.updated", EntityEvent::Order),
    ("order.shipment.creating", EntityEvent::Order),
    ("order.shipment.created", EntityEvent::Order),
    ("order.shipment.cancelled", EntityEvent::Order),
    ("order.shipment.return.creating", EntityEvent::Order),
    ("order.shipment.return.created", EntityEvent::Order),
    ("order.shipment.return.cancelled", EntityEvent::Order),
    ("order.shipping.address.updated", EntityEvent::Order),
    ("order.customer.updated", EntityEvent::Order),
    ("product.created", EntityEvent::Product),
    ("product.updated", EntityEvent::Product),
    ("product.available", EntityEvent::Product),
    ("product.quantity.low", EntityEvent::Product),
    ("product.deleted", EntityEvent::ProductDeleted),
    ("product.price.updated", EntityEvent::ProductPart),
    ("product.status.updated", EntityEvent::ProductPart),
    ("product.image.updated", EntityEvent::ProductPart),
    ("product.category.updated", EntityEvent::ProductPart),
    ("product.brand.updated", EntityEvent::ProductPart),
    ("product.tags.updated", EntityEvent::ProductPart),
    ("product.channels.changed", EntityEvent::ProductPart),
    ("customer.created", EntityEvent::Customer),
    ("customer.updated", EntityEvent::Customer),
    ("customer.login", EntityEvent::Customer),
    ("abandoned.cart", EntityEvent::Cart),
    ("abandoned.cart.updated", EntityEvent::Cart),
    ("abandoned.cart.purchased", EntityEvent::CartPurchased),
    ("abandoned.cart.status.changed", EntityEvent::CartStatus),
];

/// What an event of this name is about.
pub fn topic(event: &str) -> Topic {
    if event.starts_with("app.") {
        return Topic::App;
    }
    let known = STORE_EVENTS.iter().find(|(name, _)| *name == event);
    known.map_or(Topic::Unused, |(_, what)| Topic::Entity(*what))
}

/// An event of a store as observations: what it tells, and, where that alone cannot be relied on, that there was news.
/// `received_at` is when it reached us, by Salla's clock.
///
/// News counts from when we received it: an event tells whole seconds, and a read that began within that second may be older. A
/// deletion is confirmed by a read; so is an event whose time is not what a delivery and its retries take, and one that tells a part. An
/// event without a readable time is news, and counts as the last retry of one; of a cart, which is not fetched, it counts from its receipt.
pub fn observe(
    what: EntityEvent,
    envelope: &Envelope,
    owner: Owner,
    received_at: Millis,
) -> Result<Vec<Unsealed>, Unmappable> {
    let told_at = envelope.created_at.unwrap_or(match what {
        EntityEvent::Cart | EntityEvent::CartPurchased | EntityEvent::CartStatus => received_at,
        // It may be the last retry; so old it overrules nothing that is known.
        _ => received_at.minus(LATEST_MS),
    });
    let provenance = owner.provenance(Source::Webhook, told_at.min(received_at));
    let data = envelope.data.get();
    let told = match what {
        EntityEvent::Order => entities::order(data, &provenance),
        EntityEvent::OrderHistory => entities::order_of_history(data, &provenance),
        EntityEvent::OrderDeleted => entities::order_deleted(data, &provenance),
        EntityEvent::Product => entities::product(data, &provenance),
        EntityEvent::ProductPart => entities::product_part(data, &provenance),
        EntityEvent::ProductDeleted => entities::product_deleted(data, &provenance),
        EntityEvent::Customer => entities::customer(data, &provenance),
        EntityEvent::CartPurchased => whole_cart(data, &provenance, Some("purchased")),
        EntityEvent::Cart | EntityEvent::CartStatus => whole_cart(data, &provenance, None),
    };
    let Told { seen, is_part } =
        told.map_err(|error| Unmappable { path: format!("/data{}", error.path), ..error })?;
    let Observation { entity, salla_id, kind, .. } = &seen.observation;
    if *entity == Entity::Cart {
        return Ok(vec![seen]);
    }
    let news_at = owner.provenance(Source::Webhook, received_at);
    let news = Unsealed::of_kind(&news_at, entity.clone(), *salla_id, Kind::Stale);
    let is_timely = (received_at.0 - LATEST_MS..=received_at.0 + MAX_AHEAD_MS).contains(&told_at.0);
    let has_time = envelope.created_at.is_some();
    // That it is gone is said with its time, or not at all.
    let is_told_alone = *kind == Kind::Stale || *kind == Kind::Deleted && !has_time;
    Ok(match (is_told_alone, is_part || !is_timely || !has_time) {
        (true, _) => vec![news],
        (false, true) => vec![seen, news],
        (false, false) => vec![seen],
    })
}

fn whole_cart(data: &str, provenance: &Provenance, event_status: Option<&str>) -> Result<Told, Unmappable> {
    carts::cart(data, provenance, event_status).map(|seen| Told { seen, is_part: false })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use qafila_schemas::ids::{ConnectionId, MerchantId};

    use super::*;
    use crate::mapping::market::Market;

    const CREATED: &str = "Sun Jun 26 2022 12:21:48 GMT+0300";

    fn owner() -> Owner {
        Owner {
            merchant_id: MerchantId::generate(),
            connection_id: ConnectionId::generate(),
            store_id: 7,
            market: Market::default(),
        }
    }

    /// What an event tells, received a moment after it happened.
    fn observed(body: &str) -> Result<Unsealed, Unmappable> {
        observed_after(body, 900).map(|mut all| all.remove(0))
    }

    fn observed_after(body: &str, millis: i64) -> Result<Vec<Unsealed>, Unmappable> {
        let envelope = Envelope::read(body)?;
        let Topic::Entity(what) = topic(&envelope.event) else { panic!("{} is not used", envelope.event) };
        observe(what, &envelope, owner(), Millis(envelope.created_at.expect("a time").0 + millis))
    }

    fn of(event: &str, data: &str) -> String {
        format!(r#"{{"event":"{event}","merchant":7,"created_at":"{CREATED}","data":{data}}}"#)
    }

    fn sample(event: &str) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/local/salla-sim/samples");
        fs::read_to_string(folder.join(format!("webhook.{event}.json"))).expect("a sample")
    }

    #[test]
    fn every_sample_of_an_event_that_we_use_says_what_it_should() {
        let whole = [
            ("order.created", Entity::Order, 2_116_149_737),
            ("order.updated.derived", Entity::Order, 2_116_149_737),
            ("order.status.updated", Entity::Order, 629_263_027),
            ("product.created", Entity::Product, 1_025_569_331),
            ("customer.created.derived", Entity::Customer, 225_167_971),
            ("customer.login", Entity::Customer, 225_167_971),
            ("abandoned.cart", Entity::Cart, 1_097_962_121),
            ("abandoned.cart.status.changed", Entity::Cart, 1_305_879_817),
            // Its number alone, so it is fetched, too.
            ("order.shipment.cancelled", Entity::Order, 1_427_738_113),
        ];
        let stale = [
            ("product.category.updated", Entity::Product, 1_234_540_307),
            ("product.channels.changed", Entity::Product, 710_434_693),
            ("product.price.updated", Entity::Product, 1_462_551_237),
            ("product.status.updated", Entity::Product, 799_860_060),
        ];
        let gone = [("product.deleted.derived", Entity::Product, 1_025_569_331)];
        let all = [(Kind::Seen, &whole[..]), (Kind::Stale, &stale[..]), (Kind::Deleted, &gone[..])];
        for (kind, samples) in all {
            for (event, entity, id) in samples {
                let observation = observed(&sample(event)).expect(event).observation;
                assert_eq!((&observation.kind, &observation.entity), (&kind, entity), "{event}");
                assert_eq!(observation.salla_id, *id, "{event}");
                assert_eq!(observation.source, Source::Webhook, "{event}");
            }
        }
    }

    #[test]
    fn no_sample_is_forgotten() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/local/salla-sim/samples");
        let mut unused = Vec::new();
        for file in fs::read_dir(folder).expect("samples") {
            let name = file.expect("a file").file_name().into_string().expect("text");
            let Some(event) = name.strip_prefix("webhook.").and_then(|n| n.strip_suffix(".json")) else {
                continue;
            };
            if event == "signature.vectors" {
                continue;
            }
            let body = fs::read_to_string(
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/local/salla-sim/samples").join(&name),
            );
            let envelope = Envelope::read(&body.expect("a sample")).unwrap_or_else(|e| panic!("{name}: {e}"));
            if topic(&envelope.event) == Topic::Unused {
                unused.push(envelope.event);
            }
        }
        unused.sort();
        let expected = [
            "brand.created",
            "category.created",
            "communication.sms.send",
            "invoice.created",
            "review.added",
            "shipment.creating",
            "shipping.company.deleted",
            "store.owner.changed",
            "storetax.created",
        ];
        assert_eq!(unused, expected);
    }

    #[test]
    fn an_order_of_a_webhook_is_whole_with_its_receiver_and_its_lines() {
        let observation = observed(&sample("order.created")).expect("it maps").observation;
        assert_eq!(observation.observed_at.to_string(), "2022-06-26T09:21:48.000Z");
        let order = observation.order.expect("an order");
        assert_eq!(order.customer_id, Some(225_167_971));
        assert_eq!(order.receiver_name.as_deref(), Some("Mohammed Ali"));
        assert!(order.lines_complete);
        assert_eq!(order.lines.expect("lines")[0].product_id, Some(720_881_993));
        let history = observed(&sample("order.status.updated")).expect("it maps").observation;
        assert_eq!(history.empty, [""; 0], "what the order leaves out it does not say");
        let order = history.order.expect("an order");
        assert_eq!(order.status_slug.as_deref(), Some("completed"));
        assert_eq!((order.country_code.as_deref(), order.city.as_deref()), (Some("SA"), Some("الرياض")));
        assert_eq!(order.lines.expect("lines")[0].product_id, Some(2_047_473_815));
    }

    #[test]
    fn an_odd_shape_costs_its_field_alone_and_only_what_names_no_entity_is_unmappable() {
        let both = [Kind::Seen, Kind::Stale];
        for (event, data, id) in [
            ("order.updated", r#"{"id":"17","amounts":"many"}"#, 17),
            ("order.status.updated", r#"{"id":1,"order":{"id":18,"status":"done"}}"#, 18),
            ("order.created", r#"{"id":19,"items":{},"customer":[],"status":[]}"#, 19),
            ("product.updated", r#"{"id":20,"name":null}"#, 20),
            ("customer.updated", r#"{"id":"21","groups":"all"}"#, 21),
        ] {
            let all = observed_after(&of(event, data), 900).expect(event);
            let kinds: Vec<Kind> = all.iter().map(|one| one.observation.kind.clone()).collect();
            assert_eq!(kinds, both, "{event}");
            assert!(all.iter().all(|one| one.salla_id() == id), "{event}");
        }
        let cart =
            observed(&of("abandoned.cart", r#"{"id":5,"total":"many"}"#)).expect("it maps").observation;
        assert_eq!(cart.unreadable, ["/total"]);
        for (event, data, path) in [
            ("order.updated", r#"{"reference_id":1}"#, "/data/id"),
            ("order.status.updated", r#"{"id":5,"status":"done"}"#, "/data/order"),
            ("order.status.updated", r#"{"id":5,"order":{"id":[]}}"#, "/data/order/id"),
            ("product.deleted", "[]", "/data"),
        ] {
            assert_eq!(observed(&of(event, data)).map(drop).expect_err(event).path, path, "{event}");
        }
    }

    #[test]
    fn without_a_readable_time_an_event_is_news_and_of_a_cart_it_counts_from_its_receipt() {
        let observe_at = |event: &str, time: &str| {
            let body = format!(
                r#"{{"event":"{event}","merchant":7,"created_at":{time},"data":{{"id":5,"total":3}}}}"#
            );
            let envelope = Envelope::read(&body).expect("an envelope");
            let Topic::Entity(what) = topic(&envelope.event) else { panic!("{event} is not used") };
            let all = observe(what, &envelope, owner(), Millis(1_700_000_000_000)).expect("it maps");
            all.into_iter()
                .map(|one| (one.observation.kind, one.observation.observed_at.0))
                .collect::<Vec<_>>()
        };
        for time in ["\"soon\"", "null", "17"] {
            let oldest = 1_700_000_000_000 - LATEST_MS;
            let both = [(Kind::Seen, oldest), (Kind::Stale, 1_700_000_000_000)];
            assert_eq!(observe_at("order.updated", time), both, "{time}");
            assert_eq!(observe_at("order.deleted", time), [(Kind::Stale, 1_700_000_000_000)], "{time}");
            assert_eq!(observe_at("abandoned.cart", time), [(Kind::Seen, 1_700_000_000_000)], "{time}");
        }
    }

    #[test]
    fn news_counts_from_its_receipt_and_what_cannot_be_relied_on_is_news_too() {
        const MINUTE: i64 = 60_000;
        let kinds = |body: &str, after: i64| -> Vec<(Kind, i64)> {
            let created_at = Envelope::read(body).expect("an envelope").created_at.expect("a time").0;
            let all = observed_after(body, after).expect("it maps");
            all.iter()
                .map(|u| (u.observation.kind.clone(), u.observation.observed_at.0 - created_at))
                .collect()
        };
        let order = sample("order.created");
        assert_eq!(kinds(&order, 900), [(Kind::Seen, 0)]);
        assert_eq!(kinds(&order, 15 * MINUTE), [(Kind::Seen, 0)], "the last retry");
        assert_eq!(kinds(&order, 60 * MINUTE), [(Kind::Seen, 0), (Kind::Stale, 60 * MINUTE)]);
        let ahead = -180 * MINUTE;
        assert_eq!(kinds(&order, ahead), [(Kind::Seen, ahead), (Kind::Stale, ahead)], "never in the future");
        assert_eq!(kinds(&sample("product.price.updated"), 900), [(Kind::Stale, 900)]);
        assert_eq!(kinds(&sample("product.deleted.derived"), 900), [(Kind::Deleted, 0), (Kind::Stale, 900)]);
        assert_eq!(kinds(&sample("abandoned.cart"), ahead), [(Kind::Seen, ahead)]);
        let bare = of("customer.updated", r#"{"id":21,"city":"Jeddah"}"#);
        assert_eq!(kinds(&bare, 900), [(Kind::Seen, 0), (Kind::Stale, 900)], "it tells a part");
    }

    #[test]
    fn a_cart_may_have_bare_numbers_and_no_customer() {
        let body = of(
            "abandoned.cart.purchased",
            r#"{"id":5,"total":"12.5","subtotal":12,"coupon":{"code":"ten"},"items":[{"product_id":3,"quantity":1}]}"#,
        );
        let cart = observed(&body).expect("it maps").observation.cart.expect("a cart");
        let texts =
            (cart.total.map(|t| t.to_string()), cart.currency.as_deref(), cart.coupon_code.as_deref());
        assert_eq!(texts, (Some("12.5000".to_owned()), Some("SAR"), Some("ten")));
        assert_eq!(
            (cart.status.as_deref(), cart.lines.map(|lines| lines.len())),
            (Some("purchased"), Some(1))
        );
        let without_items = of("abandoned.cart.purchased", r#"{"id":5,"total":"12.5","items":[]}"#);
        let cart = observed(&without_items).expect("it maps").observation.cart.expect("a cart");
        assert_eq!(cart.lines, None, "it must not empty what is known");
    }
}
