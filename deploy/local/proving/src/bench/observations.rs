//! Sample records of a realistic size: an order with three lines.

use qafila_schemas::amount::Amount;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Entity, Kind, Source};
use qafila_schemas::records::fact::{GroupStamp, OrderFact, OrderObserved};
use qafila_schemas::records::observation::{
    Observation, OrderAmounts, OrderHeader, OrderItems, OrderLine, OrderObservation, OrderStatus,
};

/// Start of the samples' time, 2025-01-01.
const EPOCH: i64 = 1_735_689_600_000;

fn lines() -> Vec<OrderLine> {
    ["عباية كريب أسود", "عطر عود ملكي", "تمر سكري فاخر"]
        .into_iter()
        .map(|name| OrderLine {
            line_id: None,
            product_id: None,
            name: name.into(),
            sku: None,
            quantity: Amount::whole(2),
            unit_price: None,
            discount: None,
            tax: None,
            total: None,
            options: None,
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
            header: Some(OrderHeader { payment_method: "mada".into() }),
            status: Some(OrderStatus {
                status_id: Some(566_146_469),
                slug: "under_review".into(),
                name: Some("بإنتظار المراجعة".into()),
                custom_name: None,
                is_pending_payment: Some(version % 2 == 0),
            }),
            amounts: Some(OrderAmounts {
                total: Amount::from_mantissa(3_025_000 + version * 10_000).unwrap_or_default(),
                currency: "SAR".into(),
            }),
            breakdown: None,
            details: None,
            items: Some(OrderItems { complete: false, lines: lines() }),
        })),
        customer: None,
        product: None,
        cart: None,
    }
}

/// Order `order` as a fact.
pub fn fact(merchant: MerchantId, connection: ConnectionId, order: i64) -> OrderFact {
    let stamp = || Some(GroupStamp { observed_at: Millis(EPOCH), source: Source::List });
    OrderFact {
        merchant_id: merchant,
        order_id: order,
        revision: order + 1,
        connection_id: connection,
        store_id: 1_305_146_709,
        reference_id: Some(order + 7),
        created_at: Millis(EPOCH - order * 1_000),
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
        salla_updated_at: None,
        lines_complete: false,
        lines: lines(),
        observed: OrderObserved {
            header: stamp(),
            status: stamp(),
            amounts: stamp(),
            breakdown: None,
            details: None,
            items: stamp(),
        },
    }
}
