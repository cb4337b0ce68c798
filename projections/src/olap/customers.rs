//! Table `customers`: customers; personal fields stay sealed.

use clickhouse::Row;
use qafila_schemas::catalogue::{CUSTOMERS, Topic};
use qafila_schemas::records::fact::CustomerFact;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::load::{FactRow, Place, Tombstone};

/// A row as ClickHouse takes it: decimals as ten-thousandths, times in milliseconds, what is absent is NULL.
#[derive(Debug, Clone, Default, Row, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the columns of migrations/clickhouse")]
pub struct CustomerRow {
    #[serde(with = "clickhouse::serde::uuid")]
    pub merchant_id: Uuid,
    pub store_id: i64,
    pub customer_id: i64,
    pub revision: i64,
    pub is_deleted: u8,
    #[serde(with = "clickhouse::serde::uuid")]
    pub connection_id: Uuid,
    pub created_at: Option<i64>,
    pub created_at_from: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub gender: Option<String>,
    pub birthday: Option<String>,
    pub city: Option<String>,
    pub country_code: Option<String>,
    pub location: Option<String>,
    pub currency: Option<String>,
    pub groups: Vec<i64>,
    pub salla_updated_at: Option<i64>,
    pub kafka_topic: String,
    pub kafka_partition: i32,
    pub kafka_offset: i64,
}

impl FactRow for CustomerRow {
    const TABLE: &'static str = "customers";
    const GROUP: &'static str = "qafila-olap-customers";
    const TOPIC: Topic = CUSTOMERS;
    type Fact = CustomerFact;

    fn revision(&self) -> i64 {
        self.revision
    }

    fn of(f: CustomerFact, place: Place) -> Self {
        Self {
            merchant_id: f.merchant_id.0,
            customer_id: f.customer_id,
            revision: f.revision,
            is_deleted: 0,
            store_id: f.store_id,
            connection_id: f.connection_id.0,
            created_at: f.created_at.map(|at| at.0),
            created_at_from: f.created_at_from,
            first_name: f.first_name,
            last_name: f.last_name,
            phone: f.phone,
            email: f.email,
            gender: f.gender,
            birthday: f.birthday,
            city: f.city,
            country_code: f.country_code,
            location: f.location,
            currency: f.currency,
            groups: f.groups,
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
            customer_id: tombstone.salla_id,
            revision: tombstone.revision,
            is_deleted: 1,
            kafka_topic: place.topic.to_owned(),
            kafka_partition: place.partition,
            kafka_offset: place.offset,
            ..Self::default()
        }
    }
}
