//! Clean-ups of stores whose app was removed, as far as they can be carried out before erasure exists: tokens, subscriptions and reads have ended,
//! and what was kept for reading is deleted. Merged rows, facts, keys and files are erased later; until then the clean-up stays due.

use std::time::Duration;

use sqlx::{FromRow, PgPool};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::held;

/// How often, in Salla's minutes.
const INTERVAL_MINUTES: u32 = 5;

#[derive(FromRow)]
struct Due {
    connection_id: Uuid,
    merchant_id: Uuid,
    store_id: i64,
}

/// Carries out what is due until `shutdown`; `pool` is the ingest role's, `minute` one of Salla's, less than 60 s where a simulation is quicker.
pub async fn keep(pool: PgPool, minute: Duration, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(minute * INTERVAL_MINUTES);
    // After a wait for the database there is nothing to catch up with.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = carry_out(&pool).await {
            tracing::warn!(event = "failed to clean up a removed store", error = %error);
        }
        if let Err(error) = held::forget(&pool).await {
            tracing::warn!(event = "failed to forget tokens that nobody confirmed", error = %error);
        }
    }
}

/// Carries out all that is due; says how many. One that fails is left for the next time and stops no other.
pub async fn carry_out(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let (mut count, mut tried) = (0, Vec::new());
    while let Some(due) = next(pool, &tried).await? {
        tried.push(due.connection_id);
        match carry_out_one(pool, &due).await {
            Ok(false) => {}
            Ok(true) => {
                count += 1;
                tracing::info!(event = "removed store cleaned up", merchantId = %due.merchant_id, storeId = due.store_id,
                    connectionId = %due.connection_id, left = "rows, facts, keys and files: to be erased");
            }
            Err(error) => {
                tracing::warn!(event = "failed to clean up a removed store", merchantId = %due.merchant_id,
                    storeId = due.store_id, connectionId = %due.connection_id, error = %error);
            }
        }
    }
    Ok(count)
}

/// A clean-up that is due, of a connection that has ended and that was not `tried`; those of live connections were cancelled when they were made.
async fn next(pool: &PgPool, tried: &[Uuid]) -> Result<Option<Due>, sqlx::Error> {
    sqlx::query_as(
        "SELECT k.connection_id, k.merchant_id, k.store_id FROM store_cleanups k JOIN salla_connections c USING (connection_id)
         WHERE k.due_at < now() AND k.done_at IS NULL AND k.cancelled_at IS NULL AND k.carried_out_at IS NULL
           AND c.wiped_at IS NOT NULL AND c.access_token IS NULL AND c.refresh_token IS NULL
           AND NOT k.connection_id = ANY($1)
         ORDER BY k.due_at LIMIT 1",
    )
    .bind(tried)
    .fetch_optional(pool)
    .await
}

/// False where somebody else carries it out, or has.
async fn carry_out_one(pool: &PgPool, due: &Due) -> Result<bool, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let ours = sqlx::query(
        "SELECT FROM store_cleanups WHERE connection_id = $1 AND carried_out_at IS NULL AND cancelled_at IS NULL
         FOR UPDATE SKIP LOCKED",
    );
    if ours.bind(due.connection_id).fetch_optional(&mut *transaction).await?.is_none() {
        return Ok(false);
    }
    // A token that was redeemed stays known: old events may be sent again.
    for statement in [
        "DELETE FROM webhook_subscriptions WHERE connection_id = $1",
        "DELETE FROM reconciliations WHERE connection_id = $1",
        "DELETE FROM sync_runs WHERE connection_id = $1 AND state = 'ended'",
    ] {
        sqlx::query(statement).bind(due.connection_id).execute(&mut *transaction).await?;
    }
    for statement in [
        "DELETE FROM order_histories WHERE merchant_id = $1 AND store_id = $2",
        "DELETE FROM order_drafts WHERE merchant_id = $1 AND store_id = $2",
    ] {
        sqlx::query(statement).bind(due.merchant_id).bind(due.store_id).execute(&mut *transaction).await?;
    }
    sqlx::query("UPDATE store_cleanups SET carried_out_at = now() WHERE connection_id = $1")
        .bind(due.connection_id)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(true)
}
