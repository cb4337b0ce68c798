//! Which product a line of an order is of, where no source says it: the product with the line's SKU. Salla's list of items names no
//! products (FACTS §4.3).
//!
//! A product that comes after the order is found, too: SKUs that are new are looked up among the lines that wait, and their orders are asked
//! to be published again, which resolves them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use qafila_schemas::catalogue::OBSERVATIONS;
use qafila_schemas::codec::Encoder;
use qafila_schemas::headers::CloudEvent;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Entity, Kind, Source};
use qafila_schemas::records::observation::Observation;
use qafila_schemas::writer::{Outgoing, TopicWriter};
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::super::{OltpRole, ProjectionError};
use super::order::Order;
use super::product::Product;
use super::row::MergedRow;

/// Merchant, store and SKU.
pub type SkuOfStore = (MerchantId, i64, String);

/// Bytes of the longest SKU that products are found by. It is part of a key, which Postgres bounds; Salla's own are far shorter.
const MAX_SKU_BYTES: usize = 500;
/// Orders that are asked to be published again at once.
const PORTION: i64 = 1_000;
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks at all lines that wait, not only at those of SKUs that are new.
const WHOLE_EVERY: Duration = Duration::from_secs(5 * 60);

/// Whether a product can be found by this SKU.
pub fn can_be_looked_up(sku: &str) -> bool {
    sku.len() <= MAX_SKU_BYTES
}

/// The products of the SKUs that `rows` would like to know: of two the one that had the SKU first, one that is deleted last.
pub async fn products_of<'r, R: MergedRow>(
    connection: &mut PgConnection,
    rows: impl Iterator<Item = &'r R>,
) -> Result<HashMap<SkuOfStore, i64>, sqlx::Error> {
    let (mut merchants, mut stores, mut skus) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let (merchant, store, _) = row.base().key;
        for sku in row.unresolved_skus() {
            merchants.push(merchant.0);
            stores.push(store);
            skus.push(sku.to_owned());
        }
    }
    if skus.is_empty() {
        return Ok(HashMap::new());
    }
    let found: Vec<(Uuid, i64, String, i64)> = sqlx::query_as(
        "SELECT DISTINCT ON (p.merchant_id, p.store_id, p.sku) p.merchant_id, p.store_id, p.sku, p.product_id
         FROM product_skus p JOIN (SELECT DISTINCT * FROM unnest($1::uuid[], $2::bigint[], $3::text[])) AS w (m, s, k)
           ON p.merchant_id = w.m AND p.store_id = w.s AND p.sku = w.k
         LEFT JOIN products d ON d.merchant_id = p.merchant_id AND d.store_id = p.store_id AND d.product_id = p.product_id
         ORDER BY p.merchant_id, p.store_id, p.sku, coalesce(d.deleted_at > coalesce(d.read_at, '-infinity'), false), p.since, p.product_id",
    )
    .bind(merchants)
    .bind(stores)
    .bind(skus)
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().map(|(m, store, sku, product)| ((MerchantId(m), store, sku), product)).collect())
}

/// Remembers the SKUs of products; those that are new are looked up among the lines that wait.
pub async fn name_products(connection: &mut PgConnection, products: &[Product]) -> Result<(), sqlx::Error> {
    let (mut merchants, mut stores, mut skus, mut ids, mut since) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for product in products {
        let base = product.base();
        for sku in product.skus() {
            merchants.push(base.key.0.0);
            stores.push(base.key.1);
            skus.push(sku);
            ids.push(base.key.2);
            since.push(base.seen_at.unwrap_or_default().to_utc());
        }
    }
    if skus.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO product_skus (merchant_id, store_id, sku, product_id, since)
         SELECT DISTINCT ON (m, s, k, p) m, s, k, p, t
         FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[]) AS n (m, s, k, p, t)
         ORDER BY m, s, k, p, t
         ON CONFLICT (merchant_id, store_id, sku, product_id) DO UPDATE SET since = excluded.since
         WHERE excluded.since < product_skus.since",
    )
    .bind(merchants)
    .bind(stores)
    .bind(skus)
    .bind(ids)
    .bind(since)
    .execute(connection)
    .await
    .map(drop)
}

/// Remembers orders whose lines wait for a product.
pub async fn await_products(connection: &mut PgConnection, orders: &[Order]) -> Result<(), sqlx::Error> {
    let (mut merchants, mut stores, mut skus, mut ids) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for order in orders {
        let (merchant, store, id) = order.base().key;
        for sku in order.unresolved_skus() {
            merchants.push(merchant.0);
            stores.push(store);
            skus.push(sku);
            ids.push(id);
        }
    }
    if skus.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO lines_without_product (merchant_id, store_id, sku, order_id)
         SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[]) ON CONFLICT DO NOTHING",
    )
    .bind(merchants)
    .bind(stores)
    .bind(skus)
    .bind(ids)
    .execute(connection)
    .await
    .map(drop)
}

/// Asks for orders to be published again whose product has come, until `shutdown`.
pub async fn run(role: OltpRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    let resolver = Resolver {
        pool: role.pool.clone(),
        topic: role.contract.kafka.topic(OBSERVATIONS.name),
        encoder: role.contract.encoder(&OBSERVATIONS).await?,
        writer: role.contract.writer()?,
    };
    // After an outage, lines of any age may wait for SKUs that are known.
    let mut next_whole = Instant::now();
    while !shutdown.is_cancelled() {
        let whole = Instant::now() >= next_whole;
        if whole {
            next_whole = Instant::now() + WHOLE_EVERY;
        }
        match resolver.resolve(whole).await {
            // There may be more.
            Ok(asked) if asked >= PORTION as u64 => {
                if whole {
                    next_whole = Instant::now();
                }
                continue;
            }
            Ok(_) => {}
            Err(error) => {
                metrics::counter!("qafila_projection_failures_total", "projection" => "resolution")
                    .increment(1);
                tracing::warn!(event = "failed to resolve products of lines", error = %error);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = shutdown.cancelled() => {}
        }
    }
    Ok(())
}

struct Resolver {
    pool: PgPool,
    topic: String,
    encoder: Encoder<Observation>,
    writer: TopicWriter,
}

type Waiting = (Uuid, i64, String, i64, Uuid);

impl Resolver {
    /// One portion, of all lines or of those of new SKUs; says how many lines it was about. Lines are forgotten only once Kafka has the request of their order; a SKU that is new
    /// is looked up again a minute later, because an order that is merged at this moment does not see it.
    async fn resolve(&self, whole: bool) -> Result<u64, ProjectionError> {
        let waiting: Vec<Waiting> = sqlx::query_as(
            "SELECT l.merchant_id, l.store_id, l.sku, l.order_id, o.connection_id
             FROM product_skus p
             JOIN lines_without_product l USING (merchant_id, store_id, sku)
             JOIN orders o ON o.merchant_id = l.merchant_id AND o.store_id = l.store_id AND o.order_id = l.order_id
             WHERE $2 OR p.look_up_until > now() LIMIT $1",
        )
        .bind(PORTION)
        .bind(whole)
        .fetch_all(&self.pool)
        .await?;
        if waiting.is_empty() {
            return Ok(0);
        }
        let records: Vec<Outgoing> = waiting.iter().map(|one| self.request(one)).collect::<Result<_, _>>()?;
        self.writer.write_all(records).await?;
        let (mut merchants, mut stores, mut skus, mut orders) = (vec![], vec![], vec![], vec![]);
        for (merchant, store, sku, order, _) in &waiting {
            merchants.push(*merchant);
            stores.push(*store);
            skus.push(sku.as_str());
            orders.push(*order);
        }
        sqlx::query(
            "DELETE FROM lines_without_product l
             USING unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[]) AS d (m, s, k, o)
             WHERE l.merchant_id = d.m AND l.store_id = d.s AND l.sku = d.k AND l.order_id = d.o",
        )
        .bind(merchants)
        .bind(stores)
        .bind(skus)
        .bind(orders)
        .execute(&self.pool)
        .await?;
        metrics::counter!("qafila_lines_resolved_total").increment(waiting.len() as u64);
        Ok(waiting.len() as u64)
    }

    fn request(
        &self,
        (merchant, store_id, _, order_id, connection): &Waiting,
    ) -> Result<Outgoing, ProjectionError> {
        let observation = Observation {
            merchant_id: MerchantId(*merchant),
            connection_id: ConnectionId(*connection),
            store_id: *store_id,
            entity: Entity::Order,
            salla_id: *order_id,
            kind: Kind::Publish,
            source: Source::Repair,
            observed_at: Millis::now(),
            order: None,
            customer: None,
            product: None,
            cart: None,
            empty: vec![],
            assumed: vec![],
            unreadable: vec![],
        };
        let key = format!("{merchant}:{}:{order_id}", Entity::Order);
        let id = format!("resolution:{key}:{}", Uuid::new_v4());
        let kind = OBSERVATIONS.records[0].full_name;
        let headers = CloudEvent { id: &id, kind, subject: &key, time: observation.observed_at }.headers();
        let value = Some(self.encoder.encode_to_vec(&observation)?);
        Ok(Outgoing { topic: self.topic.clone(), key, value, headers })
    }
}
