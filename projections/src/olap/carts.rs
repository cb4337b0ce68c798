//! Table `carts`: abandoned carts; lines as arrays of equal length.

use clickhouse::Row;
use qafila_schemas::amount::Amount;
use qafila_schemas::catalogue::{CARTS, Topic};
use qafila_schemas::records::fact::CartFact;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::load::{FactRow, Place, Tombstone};

/// A row as ClickHouse takes it: decimals as ten-thousandths, times in milliseconds, what is absent is NULL.
#[derive(Debug, Clone, Default, Row, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of migrations/clickhouse")]
pub struct CartRow {
    #[serde(with = "clickhouse::serde::uuid")]
    pub merchant_id: Uuid,
    pub store_id: i64,
    pub cart_id: i64,
    pub revision: i64,
    pub is_deleted: u8,
    #[serde(with = "clickhouse::serde::uuid")]
    pub connection_id: Uuid,
    pub created_at: Option<i64>,
    pub created_at_from: Option<String>,
    pub total: Option<i64>,
    pub sub_total: Option<i64>,
    pub discount: Option<i64>,
    pub currency: Option<String>,
    pub status: Option<String>,
    pub customer_id: Option<i64>,
    pub customer_name: Option<String>,
    pub customer_phone: Option<String>,
    pub customer_email: Option<String>,
    pub checkout_url: Option<String>,
    pub city: Option<String>,
    pub coupon_code: Option<String>,
    pub lines_id: Vec<Option<i64>>,
    pub lines_product_id: Vec<Option<i64>>,
    pub lines_quantity: Vec<Option<i64>>,
    pub salla_updated_at: Option<i64>,
    pub kafka_topic: String,
    pub kafka_partition: i32,
    pub kafka_offset: i64,
}

impl FactRow for CartRow {
    const TABLE: &'static str = "carts";
    const GROUP: &'static str = "qafila-olap-carts";
    const TOPIC: Topic = CARTS;
    type Fact = CartFact;

    fn revision(&self) -> i64 {
        self.revision
    }

    fn of(f: CartFact, place: Place) -> Self {
        Self {
            merchant_id: f.merchant_id.0,
            cart_id: f.cart_id,
            revision: f.revision,
            is_deleted: 0,
            store_id: f.store_id,
            connection_id: f.connection_id.0,
            created_at: f.created_at.map(|at| at.0),
            created_at_from: f.created_at_from,
            total: f.total.map(Amount::mantissa),
            sub_total: f.sub_total.map(Amount::mantissa),
            discount: f.discount.map(Amount::mantissa),
            currency: f.currency,
            status: f.status,
            customer_id: f.customer_id,
            customer_name: f.customer_name,
            customer_phone: f.customer_phone,
            customer_email: f.customer_email,
            checkout_url: f.checkout_url,
            city: f.city,
            coupon_code: f.coupon_code,
            lines_id: f.lines.iter().map(|line| line.line_id).collect(),
            lines_product_id: f.lines.iter().map(|line| line.product_id).collect(),
            lines_quantity: f.lines.iter().map(|line| line.quantity.map(Amount::mantissa)).collect(),
            salla_updated_at: f.salla_updated_at.map(|at| at.0),
            kafka_topic: place.topic.to_owned(),
            kafka_partition: place.partition,
            kafka_offset: place.offset,
        }
    }

    fn deleted(tombstone: Tombstone, place: Place) -> Self {
        Self {
            merchant_id: tombstone.merchant_id.0,
            store_id: tombstone.store_id,
            cart_id: tombstone.salla_id,
            revision: tombstone.revision,
            is_deleted: 1,
            kafka_topic: place.topic.to_owned(),
            kafka_partition: place.partition,
            kafka_offset: place.offset,
            ..Self::default()
        }
    }
}
