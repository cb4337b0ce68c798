//! Table `orders`: orders; lines as arrays of equal length.

use clickhouse::Row;
use qafila_schemas::amount::Amount;
use qafila_schemas::catalogue::{ORDERS, Topic};
use qafila_schemas::records::fact::OrderFact;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::load::{FactRow, Place, Tombstone};

/// A row as ClickHouse takes it: decimals as ten-thousandths, times in milliseconds, absent texts empty.
#[derive(Debug, Clone, Default, Row, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of migrations/clickhouse")]
pub struct OrderRow {
    #[serde(with = "clickhouse::serde::uuid")]
    pub merchant_id: Uuid,
    pub order_id: i64,
    pub revision: i64,
    pub is_deleted: u8,
    pub store_id: i64,
    #[serde(with = "clickhouse::serde::uuid")]
    pub connection_id: Uuid,
    pub reference_id: Option<i64>,
    pub created_at: i64,
    pub payment_method: String,
    pub status_slug: String,
    pub status_name: String,
    pub custom_status_name: String,
    pub is_pending_payment: u8,
    pub total: Option<i64>,
    pub currency: String,
    pub sub_total: Option<i64>,
    pub shipping_cost: Option<i64>,
    pub cash_on_delivery: Option<i64>,
    pub tax: Option<i64>,
    pub discount: Option<i64>,
    pub customer_id: Option<i64>,
    pub channel: String,
    pub customer_name: String,
    pub customer_phone: String,
    pub customer_email: String,
    pub receiver_name: String,
    pub receiver_phone: String,
    pub receiver_email: String,
    pub city: String,
    pub country_code: String,
    pub salla_updated_at: Option<i64>,
    pub lines_complete: u8,
    pub lines_product_id: Vec<i64>,
    pub lines_name: Vec<String>,
    pub lines_sku: Vec<String>,
    pub lines_quantity: Vec<i64>,
    pub lines_unit_price: Vec<Option<i64>>,
    pub lines_total: Vec<Option<i64>>,
    pub kafka_topic: String,
    pub kafka_partition: i32,
    pub kafka_offset: i64,
}

impl FactRow for OrderRow {
    const TABLE: &'static str = "orders";
    const GROUP: &'static str = "qafila-olap-orders";
    const TOPIC: Topic = ORDERS;
    type Fact = OrderFact;

    fn of(f: OrderFact, place: Place) -> Self {
        Self {
            merchant_id: f.merchant_id.0,
            order_id: f.order_id,
            revision: f.revision,
            is_deleted: 0,
            store_id: f.store_id,
            connection_id: f.connection_id.0,
            reference_id: f.reference_id,
            created_at: f.created_at.0,
            payment_method: f.payment_method.unwrap_or_default(),
            status_slug: f.status_slug.unwrap_or_default(),
            status_name: f.status_name.unwrap_or_default(),
            custom_status_name: f.custom_status_name.unwrap_or_default(),
            is_pending_payment: u8::from(f.is_pending_payment == Some(true)),
            total: f.total.map(Amount::mantissa),
            currency: f.currency.unwrap_or_default(),
            sub_total: f.sub_total.map(Amount::mantissa),
            shipping_cost: f.shipping_cost.map(Amount::mantissa),
            cash_on_delivery: f.cash_on_delivery.map(Amount::mantissa),
            tax: f.tax.map(Amount::mantissa),
            discount: f.discount.map(Amount::mantissa),
            customer_id: f.customer_id,
            channel: f.channel.unwrap_or_default(),
            customer_name: f.customer_name.unwrap_or_default(),
            customer_phone: f.customer_phone.unwrap_or_default(),
            customer_email: f.customer_email.unwrap_or_default(),
            receiver_name: f.receiver_name.unwrap_or_default(),
            receiver_phone: f.receiver_phone.unwrap_or_default(),
            receiver_email: f.receiver_email.unwrap_or_default(),
            city: f.city.unwrap_or_default(),
            country_code: f.country_code.unwrap_or_default(),
            salla_updated_at: f.salla_updated_at.map(|at| at.0),
            lines_complete: u8::from(f.lines_complete),
            lines_product_id: f.lines.iter().map(|l| l.product_id.unwrap_or_default()).collect(),
            lines_name: f.lines.iter().map(|l| l.name.clone()).collect(),
            lines_sku: f.lines.iter().map(|l| l.sku.clone().unwrap_or_default()).collect(),
            lines_quantity: f.lines.iter().map(|l| l.quantity.mantissa()).collect(),
            lines_unit_price: f.lines.iter().map(|l| l.unit_price.map(Amount::mantissa)).collect(),
            lines_total: f.lines.iter().map(|l| l.total.map(Amount::mantissa)).collect(),
            kafka_topic: place.topic.to_owned(),
            kafka_partition: place.partition,
            kafka_offset: place.offset,
        }
    }

    fn deleted(tombstone: Tombstone, place: Place) -> Self {
        Self {
            merchant_id: tombstone.merchant_id.0,
            order_id: tombstone.salla_id,
            revision: tombstone.revision,
            is_deleted: 1,
            kafka_topic: place.topic.to_owned(),
            kafka_partition: place.partition,
            kafka_offset: place.offset,
            ..Self::default()
        }
    }
}
