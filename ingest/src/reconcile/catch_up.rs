//! Catching up: Salla gives an event up after about a quarter of an hour (FACTS §7). Whoever can take webhooks says so every few
//! seconds; where nobody did for longer than Salla tries, every store is told to look at what changed meanwhile, without anyone
//! asking.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

/// Salla tries again for about 15 minutes (FACTS §7), and some say for less: after an outage of fewer of its minutes nothing is missed.
const SALLA_TRIES_FOR_MINUTES: u32 = 10;
const TOLD_A_MINUTE: u32 = 12;

/// Where it is noted that webhooks can be taken.
#[derive(Clone)]
pub struct EndpointUptime {
    pool: PgPool,
    minute: Duration,
}

impl EndpointUptime {
    /// In tables behind `pool`, the ingest role's; `minute` is a minute of Salla's, less than 60 s where a simulation is quicker.
    pub fn new(pool: PgPool, minute: Duration) -> Self {
        Self { pool, minute }
    }

    /// How often it is to be told.
    pub fn told_every(&self) -> Duration {
        self.minute / TOLD_A_MINUTE
    }

    /// Notes that webhooks can be taken now. Where nobody could for longer than Salla tries, that is noted as an outage.
    pub async fn is_up(&self) -> Result<(), sqlx::Error> {
        let outage: Option<DateTime<Utc>> = sqlx::query_scalar(
            "WITH before AS (SELECT up_at FROM webhook_uptime FOR UPDATE),
             now_up AS (
                 INSERT INTO webhook_uptime (up_at) VALUES (now())
                 ON CONFLICT (one) DO UPDATE SET up_at = greatest(webhook_uptime.up_at, now())
             )
             INSERT INTO webhook_outages (began_at, ended_at)
             SELECT up_at, now() FROM before WHERE up_at < now() - $1
             RETURNING began_at",
        )
        .bind(self.minute * SALLA_TRIES_FOR_MINUTES)
        .fetch_optional(&self.pool)
        .await?;
        if let Some(began_at) = outage {
            metrics::counter!("qafila_webhook_outages_total").increment(1);
            tracing::warn!(event = "webhooks missed", since = %began_at);
        }
        Ok(())
    }
}

/// Tells every store of outages that it was not told of; it looks at once, each under its own budget.
pub(super) async fn spread(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let outages: Vec<(i64, DateTime<Utc>)> = sqlx::query_as(
        "SELECT outage_id, began_at FROM webhook_outages WHERE spread_at IS NULL ORDER BY outage_id FOR UPDATE SKIP LOCKED",
    )
    .fetch_all(&mut *transaction)
    .await?;
    for (outage, began_at) in outages {
        let told = sqlx::query(
            "UPDATE reconciliations SET catch_up_from = least(catch_up_from, $1), not_before = '-infinity' WHERE TRUE",
        )
        .bind(began_at)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("UPDATE webhook_outages SET spread_at = now() WHERE outage_id = $1")
            .bind(outage)
            .execute(&mut *transaction)
            .await?;
        tracing::info!(event = "catching up", since = %began_at, stores = told.rows_affected());
    }
    transaction.commit().await
}
