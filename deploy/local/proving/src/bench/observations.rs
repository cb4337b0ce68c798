//! Sample records of a realistic size: an order with three lines.

use qafila_schemas::amount::Amount;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Entity, Kind, Source};
use qafila_schemas::records::fact::{ObservedFields, OrderFact};
use qafila_schemas::records::observation::{Observation, OrderLine, OrderObservation};

/// Start of the samples' time, 2025-01-01.
const EPOCH: i64 = 1_735_689_600_000;

fn lines() -> Vec<OrderLine> {
    ["عباية كريب أسود", "عطر عود ملكي", "تمر سكري فاخر"]
        .into_iter()
        .map(|name| OrderLine {
            name: Some(name.into()),
            quantity: Some(Amount::whole(2)),
            ..OrderLine::default()
        })
        .collect()
}

/// Version `version` of order `order` as a list row says it.
pub fn observation(merchant: MerchantId, connection: ConnectionId, order: i64, version: i64) -> Observation {
    Observation {
        merchant_id: merchant,
        connection_id: connection,
        store_id: 1_305_146_709,
        entity: Entity::Order,
        salla_id: order,
        kind: Kind::Seen,
        source: Source::List,
        // Versions lie further apart than the cache window, so the later one certainly wins.
        observed_at: Millis(EPOCH + version * 3_600_000),
        order: Some(Box::new(OrderObservation {
            reference_id: Some(order + 7),
            created_at: Some(Millis(EPOCH - order * 1_000)),
            payment_method: Some("mada".into()),
            status_id: Some(566_146_469),
            status_slug: Some("under_review".into()),
            status_name: Some("بإنتظار المراجعة".into()),
            is_pending_payment: Some(version % 2 == 0),
            total: Amount::from_mantissa(3_025_000 + version * 10_000).ok(),
            currency: Some("SAR".into()),
            lines: Some(lines()),
            ..OrderObservation::default()
        })),
        customer: None,
        product: None,
        cart: None,
        empty: vec![],
        assumed: vec![],
        unreadable: vec![],
    }
}

/// Order `order` as a fact.
pub fn fact(merchant: MerchantId, connection: ConnectionId, order: i64) -> OrderFact {
    let names = ["payment_method", "status_slug", "status_name", "total", "currency", "lines"];
    OrderFact {
        merchant_id: merchant,
        order_id: order,
        revision: order + 1,
        connection_id: connection,
        store_id: 1_305_146_709,
        reference_id: Some(order + 7),
        created_at: Millis(EPOCH - order * 1_000),
        created_at_from: Some("list".into()),
        payment_method: Some("mada".into()),
        status_id: Some(566_146_469),
        status_slug: Some("under_review".into()),
        status_name: Some("بإنتظار المراجعة".into()),
        custom_status_name: None,
        is_pending_payment: Some(false),
        total: Amount::from_mantissa(3_025_000).ok(),
        currency: Some("SAR".into()),
        sub_total: Amount::from_mantissa(2_500_000).ok(),
        shipping_cost: Amount::from_mantissa(250_000).ok(),
        cash_on_delivery: None,
        tax: Amount::from_mantissa(275_000).ok(),
        discount: None,
        customer_id: Some(order % 1_000),
        channel: Some("store".into()),
        customer_name: None,
        customer_phone: None,
        customer_email: None,
        receiver_name: None,
        receiver_phone: None,
        receiver_email: None,
        city: Some("الرياض".into()),
        country_code: Some("SA".into()),
        exchange_rate: None,
        admin_url: None,
        salla_updated_at: None,
        lines_complete: false,
        lines: lines(),
        unreadable: vec![],
        observed: vec![ObservedFields {
            observed_at: Millis(EPOCH),
            source: Source::List,
            fields: names.map(str::to_owned).to_vec(),
        }],
    }
}
