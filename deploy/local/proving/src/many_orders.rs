//! Many orders of one store in ClickHouse, as facts have them, without the way there: for exports, which begin where they are.

use anyhow::{Result, ensure};
use clickhouse::Client;
use qafila_ingest::keys::PostgresKeys;
use qafila_schemas::envelope::OperatorKeys;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::sealed::{KeyStore, Subject};
use serde::Serialize;

use crate::merchant::Merchant;
use crate::world::World;

const CUSTOMERS: i64 = 50_000;

/// Whose orders.
#[derive(Debug, Clone, Copy)]
pub struct Of {
    /// Merchant.
    pub merchant: MerchantId,
    /// Salla's id of the store.
    pub store: i64,
}

/// A merchant whose store, made of `seed`, has `rows` orders in ClickHouse.
pub async fn merchant_with_orders(world: &World, seed: u64, rows: u64) -> Result<Merchant> {
    let (merchant, store) = Merchant::with_store(&world.gateway, &world.sim_url, seed).await?;
    let operator = OperatorKeys::parse(&world.environment["QAFILA_OPERATOR_KEYS"])?;
    let keys = PostgresKeys::new(world.pool("QAFILA_DATABASE_INGEST_URL").await?, operator);
    let of = Of { merchant: MerchantId(merchant.id.parse()?), store: i64::try_from(store)? };
    fill(&world.clickhouse(), &keys, of, rows).await?;
    Ok(merchant)
}

/// Makes `rows` orders of 50,000 customers, personal fields sealed; every third has another receiver.
pub async fn fill(clickhouse: &Client, keys: &dyn KeyStore, of: Of, rows: u64) -> Result<()> {
    let Of { merchant, store } = of;
    seal(clickhouse, keys, merchant).await?;
    let sql = format!(
        "INSERT INTO orders (merchant_id, order_id, revision, is_deleted, store_id, reference_id, created_at, payment_method,
             status_slug, status_name, total, currency, sub_total, shipping_cost, cash_on_delivery, tax, discount, customer_id,
             channel, customer_name, customer_phone, customer_email, receiver_name, receiver_phone, city, country_code,
             salla_updated_at, lines_complete, lines_product_id, lines_name, lines_sku, lines_quantity, lines_unit_price, lines_total,
             kafka_topic, kafka_partition, kafka_offset)
         SELECT '{merchant}', 1000000000 + n.number, n.number, 0, {store}, 200000 + n.number,
             toDateTime64(1700000000 + n.number * 30, 3, 'UTC'), ['mada', 'cod', 'credit_card'][n.number % 3 + 1],
             'delivered', 'تم التوصيل', toDecimal64(100 + n.number % 900, 4) + 0.5, 'SAR', toDecimal64(90 + n.number % 900, 4), 10, 0,
             toDecimal64(n.number % 90, 4) / 10, 0, s.id, 'web', s.name, s.phone, s.email, if(n.number % 3 = 0, s.name, ''),
             if(n.number % 3 = 0, s.phone, ''), 'الرياض', 'SA', toDateTime64(1700001000 + n.number * 30, 3, 'UTC'), 1, [1, 2],
             ['تمر سكري', 'عسل سدر'], ['SKU-1', 'SKU-2'], [1, 2], [10.5, 20], [10.5, 40], 'salla.orders', n.number % 12, n.number
         FROM numbers({rows}) AS n INNER JOIN sealed AS s ON s.id = toInt64(n.number % {CUSTOMERS})
         SETTINGS max_insert_block_size = 200000"
    );
    clickhouse.query(&sql).execute().await?;
    let found: u64 = clickhouse.query("SELECT count() FROM orders FINAL").fetch_one().await?;
    ensure!(found == rows, "{found} orders of {rows}");
    // Merges of what was just inserted would run beside the rounds.
    Ok(clickhouse.query("OPTIMIZE TABLE orders FINAL").execute().await?)
}

#[derive(clickhouse::Row, Serialize)]
struct Sealed {
    id: i64,
    name: String,
    phone: String,
    email: String,
}

/// Seals the names, phones and addresses of all customers into a table.
async fn seal(clickhouse: &Client, keys: &dyn KeyStore, merchant: MerchantId) -> Result<()> {
    clickhouse
        .query("CREATE OR REPLACE TABLE sealed (id Int64, name String, phone String, email String) ENGINE = Memory")
        .execute()
        .await?;
    let mut insert = clickhouse.clone().with_validation(false).insert_unescaped::<Sealed>("sealed").await?;
    for start in (0..CUSTOMERS).step_by(5_000) {
        let subjects: Vec<Subject> = (start..start + 5_000).map(Subject::Customer).collect();
        let made = keys.keys_for_sealing(merchant, &subjects).await?;
        for subject in subjects {
            let (Subject::Customer(id), Some(key)) = (subject, made.get(&subject)) else { continue };
            insert
                .write(&Sealed {
                    id,
                    name: key.seal(&format!("أحمد السعيد {id}")),
                    phone: key.seal(&format!("+9665{id:08}")),
                    email: key.seal(&format!("customer{id}@example.com")),
                })
                .await?;
        }
    }
    Ok(insert.end().await?)
}
