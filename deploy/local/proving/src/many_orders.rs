//! Many orders of one store as facts and read models have them, without the way there: for exports, reports and lists, which begin
//! where they are.

use anyhow::{Context, Result, ensure};
use clickhouse::Client;
use qafila_ingest::keys::PostgresKeys;
use qafila_schemas::envelope::OperatorKeys;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::sealed::{Contact, KeyStore, Subject, SubjectId};
use serde::Serialize;
use sqlx::PgPool;

use crate::many_rows::fill_lists;
use crate::merchant::Merchant;
use crate::world::World;

/// Customers of a store.
pub const CUSTOMERS: i64 = 50_000;
/// Products of a store.
pub const PRODUCTS: u64 = 1_000;
/// One customer of so many has a name that is sealed.
const NAMED: usize = 50;
/// How many of these share a word of their names.
const NAMESAKES: i64 = 400;
/// A word that is in many names.
pub const SHARED_NAME: &str = "السعيد";

/// Whose orders.
#[derive(Debug, Clone, Copy)]
pub struct Of {
    /// Merchant.
    pub merchant: MerchantId,
    /// Salla's id of the store.
    pub store: i64,
}

/// A merchant whose store, made of `seed`, has `rows` orders in ClickHouse and in Postgres.
pub async fn merchant_with_orders(world: &World, seed: u64, rows: u64) -> Result<Merchant> {
    let (merchant, keys, of) = merchant_of(world, seed).await?;
    fill(&world.clickhouse(), &keys, of, rows).await?;
    fill_read_models(&world.pool("QAFILA_DATABASE_OWNER_URL").await?, &keys, of, rows).await?;
    Ok(merchant)
}

/// A merchant with a store of `rows` orders in Postgres alone: for lists.
pub async fn merchant_with_rows(world: &World, seed: u64, rows: u64) -> Result<Merchant> {
    let (merchant, keys, of) = merchant_of(world, seed).await?;
    fill_read_models(&world.pool("QAFILA_DATABASE_OWNER_URL").await?, &keys, of, rows).await?;
    Ok(merchant)
}

/// A merchant with a store of `rows` orders in ClickHouse alone: for reports.
pub async fn merchant_with_facts(world: &World, seed: u64, rows: u64) -> Result<Merchant> {
    let (merchant, keys, of) = merchant_of(world, seed).await?;
    fill(&world.clickhouse(), &keys, of, rows).await?;
    Ok(merchant)
}

/// A merchant with a store, and keys that seal for them.
async fn merchant_of(world: &World, seed: u64) -> Result<(Merchant, PostgresKeys, Of)> {
    let (merchant, store) = Merchant::with_store(&world.gateway, &world.sim_url, seed).await?;
    let operator = OperatorKeys::parse(&world.environment["QAFILA_OPERATOR_KEYS"])?;
    let keys = PostgresKeys::new(world.pool("QAFILA_DATABASE_INGEST_URL").await?, operator);
    let of = Of { merchant: MerchantId(merchant.id.parse()?), store: i64::try_from(store)? };
    Ok((merchant, keys, of))
}

/// Makes `rows` orders of 50,000 customers, personal fields sealed; every third has another receiver.
pub async fn fill(clickhouse: &Client, keys: &dyn KeyStore, of: Of, rows: u64) -> Result<()> {
    let Of { merchant, store } = of;
    seal(clickhouse, keys, of).await?;
    let sql = format!(
        "INSERT INTO orders (merchant_id, order_id, revision, is_deleted, store_id, reference_id, created_at, payment_method,
             status_slug, status_name, total, currency, sub_total, shipping_cost, cash_on_delivery, tax, discount, customer_id,
             channel, customer_name, customer_phone, customer_email, receiver_name, receiver_phone, city, country_code,
             salla_updated_at, lines_complete, lines_id, lines_product_id, lines_product_found_by, lines_name, lines_sku, lines_quantity, lines_unit_price, lines_discount,
             lines_tax, lines_total, kafka_topic, kafka_partition, kafka_offset)
         SELECT '{merchant}', 1000000000 + n.number, n.number, 0, {store}, 200000 + n.number,
             toDateTime64(1700000000 + n.number * 30, 3, 'UTC'), ['mada', 'cod', 'credit_card'][n.number % 3 + 1],
             'delivered', 'تم التوصيل', toDecimal64(100 + n.number % 900, 4) + 0.5, 'SAR', toDecimal64(90 + n.number % 900, 4), 10, 0,
             toDecimal64(n.number % 90, 4) / 10, 0, s.id, 'web', s.name, s.phone, s.email, if(n.number % 3 = 0, s.name, ''),
             if(n.number % 3 = 0, s.phone, ''), 'الرياض', 'SA', toDateTime64(1700001000 + n.number * 30, 3, 'UTC'), 1, [11, 12], [1, 2],
             ['line', 'line'], ['تمر سكري', 'عسل سدر'], ['SKU-1', 'SKU-2'], [1, 2], [10.5, 20], [0, 0], [1.5, 6],
             [10.5, 40], 'salla.orders', n.number % 12, n.number
         FROM numbers({rows}) AS n INNER JOIN sealed AS s ON s.id = toInt64(n.number % {CUSTOMERS})
         SETTINGS max_insert_block_size = 200000"
    );
    clickhouse.query(&sql).execute().await?;
    let found: u64 = clickhouse.query("SELECT count() FROM orders FINAL").fetch_one().await?;
    ensure!(found == rows, "{found} orders of {rows}");
    // Merges of what was just inserted would run beside the rounds.
    Ok(clickhouse.query("OPTIMIZE TABLE orders FINAL").execute().await?)
}

/// Makes the read models of `rows` orders, of 50,000 customers and of 1,000 products in Postgres. Of the customers, every fiftieth
/// has a name that is sealed, and can be looked up by their phone.
pub async fn fill_read_models(owner: &PgPool, keys: &dyn KeyStore, of: Of, rows: u64) -> Result<()> {
    let Of { merchant, store } = of;
    let known: Vec<i64> = (0..CUSTOMERS).step_by(NAMED).collect();
    let customer = |id: i64| Subject { store_id: store, id: SubjectId::Customer(id) };
    let subjects: Vec<Subject> = known.iter().copied().map(customer).collect();
    let made = keys.keys_for_sealing(merchant, &subjects).await?;
    let key_of = |id: &i64| made.get(&customer(*id)).context("a key");
    let names: Vec<String> =
        known.iter().map(|id| Ok(key_of(id)?.seal(&name(*id)))).collect::<Result<_>>()?;
    let contacts: Vec<(i64, Contact)> = known
        .iter()
        .map(|id| Ok((key_of(id)?.live_id().context("alive")?, Contact::Phone(phone(*id)))))
        .collect::<Result<_>>()?;
    // The words of names are digested by the system itself, as for every store that it finds without them.
    keys.remember(merchant, &contacts).await?;
    sqlx::query(
        "INSERT INTO products (merchant_id, product_id, revision, connection_id, store_id, created_list, read_at, name, sku, status,
             price, currency, quantity, categories)
         SELECT $1, p.id, 1, $1, $2, to_timestamp(1700000000 + p.id * 30), now(), 'تمر سكري ' || p.id, 'SKU-' || p.id, 'sale', 10.5,
             'SAR', 7, '{}'
         FROM generate_series(1, $3::bigint) AS p(id)",
    )
    .bind(merchant.0)
    .bind(store)
    .bind(PRODUCTS.cast_signed())
    .execute(owner)
    .await?;
    sqlx::query(
        "INSERT INTO customers (merchant_id, customer_id, revision, connection_id, store_id, created_list, read_at, first_name, city,
             country_code, groups)
         SELECT $1, c.id, 1, $1, $2, to_timestamp(1700000000 + c.id * 30), now(), k.name, 'الرياض', 'SA', '{}'
         FROM generate_series(0, $3::bigint - 1) AS c(id) LEFT JOIN unnest($4::bigint[], $5::text[]) AS k(id, name) ON k.id = c.id",
    )
    .bind(merchant.0)
    .bind(store)
    .bind(CUSTOMERS)
    .bind(&known)
    .bind(&names)
    .execute(owner)
    .await?;
    sqlx::query(
        "INSERT INTO orders (merchant_id, order_id, revision, connection_id, store_id, created_list, read_at, reference_id, payment_method,
             status_slug, status_name, total, currency, sub_total, shipping_cost, tax, discount, customer_id, channel, customer_name,
             city, country_code, lines_complete, lines)
         SELECT $1, 1000000000 + o.n, 1, $1, $2, to_timestamp(1700000000 + o.n * 30), now(), 200000 + o.n, 'mada',
             CASE WHEN o.n % 10 = 0 THEN 'canceled' ELSE 'delivered' END, 'تم التوصيل', 100 + o.n % 900, 'SAR', 90, 10, 0, 0,
             o.n % $3, 'web', k.name, 'الرياض', 'SA', true, '[]'
         FROM generate_series(0, $6::bigint - 1) AS o(n) LEFT JOIN unnest($4::bigint[], $5::text[]) AS k(id, name)
             ON k.id = o.n % $3",
    )
    .bind(merchant.0)
    .bind(store)
    .bind(CUSTOMERS)
    .bind(&known)
    .bind(&names)
    .bind(i64::try_from(rows)?)
    .execute(owner)
    .await?;
    sqlx::query(
        "INSERT INTO carts (merchant_id, cart_id, revision, connection_id, store_id, created_webhook, status, total, currency, lines)
         SELECT $1, c.id, 1, $1, $2, to_timestamp(1700000000 + c.id * 30), 'active', 10, 'SAR', '[]' FROM generate_series(1, 50000) AS c(id)",
    )
    .bind(merchant.0)
    .bind(store)
    .execute(owner)
    .await?;
    sqlx::query("ANALYZE orders, customers, products, carts").execute(owner).await?;
    fill_lists(owner, of, rows).await
}

/// When the `n`th order was made, in milliseconds since the Unix epoch.
pub fn created_at_ms(n: u64) -> i64 {
    (1_700_000_000 + n * 30).cast_signed() * 1_000
}

/// The name of a customer: the first of those who have one share a word.
fn name(customer: i64) -> String {
    let shared = if customer < NAMESAKES * NAMED as i64 { SHARED_NAME } else { "القحطاني" };
    format!("أحمد {shared} {customer}")
}

/// The phone of a customer.
pub fn phone(customer: i64) -> String {
    format!("+9665{customer:08}")
}

#[derive(clickhouse::Row, Serialize)]
struct Sealed {
    id: i64,
    name: String,
    phone: String,
    email: String,
}

/// Seals the names, phones and addresses of all customers into a table.
async fn seal(clickhouse: &Client, keys: &dyn KeyStore, Of { merchant, store }: Of) -> Result<()> {
    clickhouse
        .query("CREATE OR REPLACE TABLE sealed (id Int64, name String, phone String, email String) ENGINE = Memory")
        .execute()
        .await?;
    let mut insert = clickhouse.clone().with_validation(false).insert_unescaped::<Sealed>("sealed").await?;
    for start in (0..CUSTOMERS).step_by(5_000) {
        let customer = |id: i64| Subject { store_id: store, id: SubjectId::Customer(id) };
        let subjects: Vec<Subject> = (start..start + 5_000).map(customer).collect();
        let made = keys.keys_for_sealing(merchant, &subjects).await?;
        for subject in subjects {
            let (SubjectId::Customer(id), Some(key)) = (subject.id, made.get(&subject)) else { continue };
            insert
                .write(&Sealed {
                    id,
                    name: key.seal(&format!("أحمد السعيد {id}")),
                    phone: key.seal(&phone(id)),
                    email: key.seal(&format!("customer{id}@example.com")),
                })
                .await?;
        }
    }
    Ok(insert.end().await?)
}
