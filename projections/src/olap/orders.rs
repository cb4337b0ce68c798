//! Table `orders`: orders; lines as arrays of equal length.

use clickhouse::Row;
use qafila_schemas::amount::Amount;
use qafila_schemas::catalogue::{ORDERS, Topic};
use qafila_schemas::exchange::ExchangeRate;
use qafila_schemas::millis::Millis;
use qafila_schemas::records::fact::OrderFact;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::load::{FactRow, Place, Tombstone};

/// A row as ClickHouse takes it: decimals as ten-thousandths, times in milliseconds, what is absent is NULL.
#[derive(Debug, Clone, Default, Row, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of migrations/clickhouse")]
pub struct OrderRow {
    #[serde(with = "clickhouse::serde::uuid")]
    pub merchant_id: Uuid,
    pub store_id: i64,
    pub order_id: i64,
    pub revision: i64,
    pub is_deleted: u8,
    #[serde(with = "clickhouse::serde::uuid")]
    pub connection_id: Uuid,
    pub reference_id: Option<i64>,
    pub created_at: i64,
    pub created_at_from: Option<String>,
    pub payment_method: Option<String>,
    pub status_slug: Option<String>,
    pub status_name: Option<String>,
    pub custom_status_name: Option<String>,
    pub is_pending_payment: Option<bool>,
    pub total: Option<i64>,
    pub currency: Option<String>,
    pub sub_total: Option<i64>,
    pub shipping_cost: Option<i64>,
    pub cash_on_delivery: Option<i64>,
    pub tax: Option<i64>,
    pub discount: Option<i64>,
    pub customer_id: Option<i64>,
    pub channel: Option<String>,
    pub customer_name: Option<String>,
    pub customer_phone: Option<String>,
    pub customer_email: Option<String>,
    pub receiver_name: Option<String>,
    pub receiver_phone: Option<String>,
    pub receiver_email: Option<String>,
    pub city: Option<String>,
    pub country_code: Option<String>,
    pub exchange_rate: Option<String>,
    pub base_currency: Option<String>,
    pub base_total: Option<i64>,
    pub salla_updated_at: Option<i64>,
    pub lines_complete: u8,
    pub lines_id: Vec<Option<i64>>,
    pub lines_product_id: Vec<Option<i64>>,
    pub lines_product_found_by: Vec<Option<String>>,
    pub lines_name: Vec<Option<String>>,
    pub lines_sku: Vec<Option<String>>,
    pub lines_quantity: Vec<Option<i64>>,
    pub lines_unit_price: Vec<Option<i64>>,
    pub lines_discount: Vec<Option<i64>>,
    pub lines_tax: Vec<Option<i64>>,
    pub lines_total: Vec<Option<i64>>,
    pub loaded_at: i64,
    pub kafka_topic: String,
    pub kafka_partition: i32,
    pub kafka_offset: i64,
}

/// The total in the currency of the store, by the order's own exchange rate.
fn in_base(fact: &OrderFact) -> Option<(String, i64)> {
    let rate: ExchangeRate = fact.exchange_rate.as_deref()?.parse().ok()?;
    let total = rate.in_base(fact.total?, fact.currency.as_deref()?)?;
    Some((rate.base, total.mantissa()))
}

impl FactRow for OrderRow {
    const TABLE: &'static str = "orders";
    const GROUP: &'static str = "qafila-olap-orders";
    const TOPIC: Topic = ORDERS;
    type Fact = OrderFact;

    fn revision(&self) -> i64 {
        self.revision
    }

    fn of(f: OrderFact, place: Place) -> Self {
        let (base_currency, base_total) = in_base(&f).unzip();
        Self {
            merchant_id: f.merchant_id.0,
            order_id: f.order_id,
            revision: f.revision,
            is_deleted: 0,
            store_id: f.store_id,
            connection_id: f.connection_id.0,
            reference_id: f.reference_id,
            created_at: f.created_at.0,
            created_at_from: f.created_at_from,
            payment_method: f.payment_method,
            status_slug: f.status_slug,
            status_name: f.status_name,
            custom_status_name: f.custom_status_name,
            is_pending_payment: f.is_pending_payment,
            total: f.total.map(Amount::mantissa),
            currency: f.currency,
            sub_total: f.sub_total.map(Amount::mantissa),
            shipping_cost: f.shipping_cost.map(Amount::mantissa),
            cash_on_delivery: f.cash_on_delivery.map(Amount::mantissa),
            tax: f.tax.map(Amount::mantissa),
            discount: f.discount.map(Amount::mantissa),
            customer_id: f.customer_id,
            channel: f.channel,
            customer_name: f.customer_name,
            customer_phone: f.customer_phone,
            customer_email: f.customer_email,
            receiver_name: f.receiver_name,
            receiver_phone: f.receiver_phone,
            receiver_email: f.receiver_email,
            city: f.city,
            country_code: f.country_code,
            exchange_rate: f.exchange_rate,
            base_currency,
            base_total,
            salla_updated_at: f.salla_updated_at.map(|at| at.0),
            lines_complete: u8::from(f.lines_complete),
            lines_id: f.lines.iter().map(|l| l.line_id).collect(),
            lines_product_id: f.lines.iter().map(|l| l.product_id).collect(),
            lines_product_found_by: f.lines.iter().map(|l| l.product_found_by.clone()).collect(),
            lines_name: f.lines.iter().map(|l| l.name.clone()).collect(),
            lines_sku: f.lines.iter().map(|l| l.sku.clone()).collect(),
            lines_quantity: f.lines.iter().map(|l| l.quantity.map(Amount::mantissa)).collect(),
            lines_unit_price: f.lines.iter().map(|l| l.unit_price.map(Amount::mantissa)).collect(),
            lines_discount: f.lines.iter().map(|l| l.discount.map(Amount::mantissa)).collect(),
            lines_tax: f.lines.iter().map(|l| l.tax.map(Amount::mantissa)).collect(),
            lines_total: f.lines.iter().map(|l| l.total.map(Amount::mantissa)).collect(),
            loaded_at: Millis::now().0,
            kafka_topic: place.topic.to_owned(),
            kafka_partition: place.partition,
            kafka_offset: place.offset,
        }
    }

    fn deleted(tombstone: Tombstone, place: Place) -> Self {
        Self {
            merchant_id: tombstone.merchant_id.0,
            store_id: tombstone.store_id,
            order_id: tombstone.salla_id,
            revision: tombstone.revision,
            is_deleted: 1,
            loaded_at: Millis::now().0,
            kafka_topic: place.topic.to_owned(),
            kafka_partition: place.partition,
            kafka_offset: place.offset,
            ..Self::default()
        }
    }
}
