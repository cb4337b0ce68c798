//! Telling a delivery from its repeats (ARCHITECTURE §5): by the hash of the bytes that Salla signed, stored with the position of
//! the record that brought them. The same position again is processed again, because a crash may have come between; another
//! position within an hour is a repeat.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use qafila_schemas::reader::Item;
use sqlx::PgPool;

use super::inbox::Delivery;

/// Salla sends a webhook again within minutes (FACTS §7). Later the same bytes may be news: an event that tells no time looks the same each time. One
/// that tells a time changes nothing again.
const RETRIED_FOR: Duration = Duration::from_secs(60 * 60);

/// Table `webhook_deliveries`.
pub(super) struct Deliveries {
    pool: PgPool,
}

impl Deliveries {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Of each delivery whether it is the first of its bytes.
    pub(super) async fn claim(&self, items: &[Item<Delivery>]) -> Result<Vec<bool>, sqlx::Error> {
        let mut firsts: HashMap<&str, &Delivery> = HashMap::with_capacity(items.len());
        for item in items {
            firsts.entry(&item.value.body_sha256).or_insert(&item.value);
        }
        // In one order everywhere: two processes with the same repeats must not wait for each other.
        let mut fresh: Vec<&Delivery> = firsts.into_values().collect();
        fresh.sort_unstable_by(|one, other| one.body_sha256.cmp(&other.body_sha256));
        let (hashes, positions): (Vec<&str>, Vec<&str>) =
            fresh.iter().map(|d| (d.body_sha256.as_str(), d.position.as_str())).unzip();
        let received: Vec<DateTime<Utc>> = fresh.iter().map(|d| d.received_at.to_utc()).collect();
        let known: HashMap<String, String> = sqlx::query_as(
            "INSERT INTO webhook_deliveries (body_sha256, position, received_at)
             SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[])
             ON CONFLICT (body_sha256) DO UPDATE SET
                 position = CASE WHEN webhook_deliveries.received_at < EXCLUDED.received_at - $4
                     THEN EXCLUDED.position ELSE webhook_deliveries.position END,
                 received_at = CASE WHEN webhook_deliveries.received_at < EXCLUDED.received_at - $4
                     THEN EXCLUDED.received_at ELSE webhook_deliveries.received_at END
             RETURNING body_sha256, position",
        )
        .bind(&hashes)
        .bind(&positions)
        .bind(&received)
        .bind(RETRIED_FOR)
        .fetch_all(&self.pool)
        .await?
        .into_iter()
        .collect();
        let is_first = |delivery: &Delivery| known.get(&delivery.body_sha256) == Some(&delivery.position);
        Ok(items.iter().map(|item| is_first(&item.value)).collect())
    }

    /// Forgets what Salla cannot send again and what no dead letter can bring back: both end with the topic's retention.
    pub(super) async fn forget(&self) -> Result<(), sqlx::Error> {
        loop {
            let forgotten = sqlx::query(
                "DELETE FROM webhook_deliveries WHERE body_sha256 IN (
                     SELECT body_sha256 FROM webhook_deliveries WHERE received_at < now() - interval '31 days' LIMIT 10000)",
            )
            .execute(&self.pool)
            .await?;
            if forgotten.rows_affected() == 0 {
                return Ok(());
            }
        }
    }
}
