//! Table `products`: products.

use clickhouse::Row;
use qafila_schemas::amount::Amount;
use qafila_schemas::catalogue::{PRODUCTS, Topic};
use qafila_schemas::records::fact::ProductFact;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::load::{FactRow, Place, Tombstone};

/// A row as ClickHouse takes it: decimals as ten-thousandths, times in milliseconds, what is absent is NULL.
#[derive(Debug, Clone, Default, Row, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of migrations/clickhouse")]
pub struct ProductRow {
    #[serde(with = "clickhouse::serde::uuid")]
    pub merchant_id: Uuid,
    pub store_id: i64,
    pub product_id: i64,
    pub revision: i64,
    pub is_deleted: u8,
    #[serde(with = "clickhouse::serde::uuid")]
    pub connection_id: Uuid,
    pub created_at: Option<i64>,
    pub created_at_from: Option<String>,
    pub name: Option<String>,
    pub sku: Option<String>,
    pub variant_skus: Vec<String>,
    pub kind: Option<String>,
    pub status: Option<String>,
    pub price: Option<i64>,
    pub regular_price: Option<i64>,
    pub sale_price: Option<i64>,
    pub cost_price: Option<i64>,
    pub currency: Option<String>,
    pub quantity: Option<i64>,
    pub unlimited_quantity: Option<bool>,
    pub is_available: Option<bool>,
    pub sold_quantity: Option<i64>,
    pub brand: Option<String>,
    pub image: Option<String>,
    pub categories: Vec<String>,
    pub salla_updated_at: Option<i64>,
    pub kafka_topic: String,
    pub kafka_partition: i32,
    pub kafka_offset: i64,
}

impl FactRow for ProductRow {
    const TABLE: &'static str = "products";
    const GROUP: &'static str = "qafila-olap-products";
    const TOPIC: Topic = PRODUCTS;
    type Fact = ProductFact;

    fn revision(&self) -> i64 {
        self.revision
    }

    fn of(f: ProductFact, place: Place) -> Self {
        Self {
            merchant_id: f.merchant_id.0,
            product_id: f.product_id,
            revision: f.revision,
            is_deleted: 0,
            store_id: f.store_id,
            connection_id: f.connection_id.0,
            created_at: f.created_at.map(|at| at.0),
            created_at_from: f.created_at_from,
            name: f.name,
            sku: f.sku,
            variant_skus: f.variant_skus,
            kind: f.kind,
            status: f.status,
            price: f.price.map(Amount::mantissa),
            regular_price: f.regular_price.map(Amount::mantissa),
            sale_price: f.sale_price.map(Amount::mantissa),
            cost_price: f.cost_price.map(Amount::mantissa),
            currency: f.currency,
            quantity: f.quantity,
            unlimited_quantity: f.unlimited_quantity,
            is_available: f.is_available,
            sold_quantity: f.sold_quantity,
            brand: f.brand,
            image: f.image,
            categories: f.categories,
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
            product_id: tombstone.salla_id,
            revision: tombstone.revision,
            is_deleted: 1,
            kafka_topic: place.topic.to_owned(),
            kafka_partition: place.partition,
            kafka_offset: place.offset,
            ..Self::default()
        }
    }
}
