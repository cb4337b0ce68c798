//! `webhook_order`: a page, two webhooks, a late retry of the first, a deletion and a details answer, in every order in which they can arrive,
//! merged one by one into Postgres: the row is always the same. One run is one order; there are 720.

use std::time::Duration;

use anyhow::{Context, Result};
use qafila_projections::oltp::OltpRole;
use qafila_projections::oltp::merge::Merger;
use qafila_schemas::amount::Amount;
use qafila_schemas::contract::Contract;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Entity, Kind, Source};
use qafila_schemas::records::observation::{
    Observation, OrderAmounts, OrderDetails, OrderItems, OrderLine, OrderObservation, OrderStatus,
};
use sqlx::PgPool;

use super::RunOutcome;
use crate::world::World;

/// Orders of arrival of what is [told](told).
pub const ORDERS_OF_ARRIVAL: u64 = 720;
const WINDOW: Duration = Duration::from_secs(900);
const MINUTE: i64 = 60_000;

/// Where the runs happen.
pub struct WebhookOrder {
    world: World,
    merger: Merger,
    pool: PgPool,
    merchant: MerchantId,
    connection: ConnectionId,
    expected: Option<String>,
}

impl WebhookOrder {
    /// Makes a world whose Qafila is not started: the merge is called by itself.
    pub async fn prepare() -> Result<Self> {
        let world = World::make("torture_order").await?;
        let pool = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let role = OltpRole {
            pool: pool.clone(),
            contract: Contract { kafka: world.kafka()?, registry: world.registry()? },
            slot: "torture".into(),
            list_cache_window: WINDOW,
        };
        let merger = Merger::new(&role).await?;
        let (merchant, connection) = (MerchantId::generate(), ConnectionId::generate());
        Ok(Self { world, merger, pool, merchant, connection, expected: None })
    }

    /// The run of `seed`: the order of arrival with that number.
    pub async fn run(&mut self, seed: u64) -> Result<RunOutcome> {
        let id = i64::try_from(seed)?;
        let mut all: Vec<Option<Observation>> =
            told(self.merchant, self.connection, id).into_iter().map(Some).collect();
        for place in permutation(seed % ORDERS_OF_ARRIVAL, all.len()) {
            let observation = all[place].take().context("each once")?;
            self.merger.merge(std::iter::once(observation)).await?;
        }
        let row: String = sqlx::query_scalar(
            // A doubt that a later read has settled is none: what counts is whether the row is in doubt.
            "SELECT (to_jsonb(o) - 'order_id' - 'revision' - 'stale_since'
                 || jsonb_build_object('in_doubt', coalesce(stale_since > read_at, stale_since IS NOT NULL)))::text
             FROM orders o WHERE merchant_id = $1 AND order_id = $2",
        )
        .bind(self.merchant.0)
        .bind(id)
        .fetch_one(&self.pool)
        .await?;
        let expected = self.expected.get_or_insert_with(|| row.clone());
        let wrong = *expected != row;
        if wrong {
            println!("  seed {seed}:\n    {row}\n    instead of\n    {expected}");
        }
        Ok(RunOutcome { wrong, ..RunOutcome::default() })
    }

    /// Removes the world.
    pub async fn finish(self) -> Result<()> {
        self.pool.close().await;
        self.world.remove().await
    }
}

/// The permutation of `length` places with this number.
fn permutation(number: u64, length: usize) -> Vec<usize> {
    let mut left: Vec<usize> = (0..length).collect();
    let mut number = usize::try_from(number).unwrap_or_default();
    (1..=length)
        .rev()
        .map(|count| {
            let place = number % count;
            number /= count;
            left.remove(place)
        })
        .collect()
}

fn told(merchant_id: MerchantId, connection_id: ConnectionId, id: i64) -> Vec<Observation> {
    let observation =
        |kind: Kind, source: Source, minute: i64, order: Option<OrderObservation>| Observation {
            merchant_id,
            connection_id,
            store_id: 1,
            entity: Entity::Order,
            salla_id: id,
            kind,
            source,
            observed_at: Millis(minute * MINUTE),
            order: order.map(Box::new),
            customer: None,
            product: None,
            cart: None,
        };
    let seen = |status: &str, total: i64, quantity: i64, whole: bool| OrderObservation {
        reference_id: Some(17),
        created_at: Some(Millis(MINUTE)),
        header: None,
        status: Some(OrderStatus { slug: status.into(), ..OrderStatus::default() }),
        amounts: Amount::from_mantissa(total * 10_000)
            .ok()
            .map(|total| OrderAmounts { total, currency: "SAR".into() }),
        breakdown: None,
        details: whole.then(|| OrderDetails { customer_id: Some(5), ..OrderDetails::default() }),
        items: Amount::from_mantissa(quantity * 10_000).ok().map(|quantity| OrderItems {
            complete: whole,
            lines: vec![OrderLine {
                line_id: whole.then_some(9),
                product_id: whole.then_some(3),
                name: "tea".into(),
                sku: None,
                quantity,
                unit_price: None,
                discount: None,
                tax: None,
                total: None,
                options: None,
            }],
        }),
    };
    vec![
        observation(Kind::Seen, Source::List, 100, Some(seen("under_review", 10, 1, false))),
        observation(Kind::Seen, Source::Webhook, 110, Some(seen("in_progress", 10, 1, true))),
        observation(Kind::Seen, Source::Webhook, 118, Some(seen("delivering", 12, 2, true))),
        // The first webhook again, in other bytes.
        observation(Kind::Seen, Source::Webhook, 110, Some(seen("in_progress", 10, 1, true))),
        observation(Kind::Deleted, Source::Webhook, 125, None),
        observation(Kind::Seen, Source::Details, 130, Some(seen("delivered", 12, 2, true))),
    ]
}
