//! Up to when a store is said to be complete between two reconciliations: webhooks carry it on where they all come, and only there.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Utc};
use qafila_proving::merchant::{Merchant, expect, make_store};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use reqwest::StatusCode;
use salla_sim::store::Plan;
use sqlx::{FromRow, PgPool};

/// Salla's minute is short, so that its tries of a delivery are soon over; and its lists are no older than they look.
static SHARED: SharedWorld = SharedWorld::with_settings(
    "completeness",
    &[("QAFILA_SALLA_MINUTE_MS", "300"), ("QAFILA_SALLA_LIST_CACHE_SECONDS", "0")],
);

#[derive(Debug, FromRow)]
struct Said {
    complete_from: Option<DateTime<Utc>>,
    complete_to: DateTime<Utc>,
    cause: Option<String>,
}

async fn said(pool: &PgPool, store: u64, resource: &str) -> Result<Option<Said>> {
    let query = "SELECT complete_from, complete_to, cause FROM store_completeness WHERE store_id = $1 AND resource = $2";
    Ok(sqlx::query_as(query).bind(store.cast_signed()).bind(resource).fetch_optional(pool).await?)
}

/// Waits until completeness of a resource has moved beyond `beyond`; says up to when.
async fn moves(pool: &PgPool, store: u64, resource: &str, beyond: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let moved =
        |said: &Option<Said>| said.as_ref().is_some_and(|it| it.complete_to > beyond && it.cause.is_none());
    let said = until(|| said(pool, store, resource), moved).await?;
    Ok(said.map_or(beyond, |it| it.complete_to))
}

async fn stands(pool: &PgPool, store: u64, resource: &str, cause: &str) -> Result<DateTime<Utc>> {
    let stands = |said: &Option<Said>| said.as_ref().is_some_and(|it| it.cause.as_deref() == Some(cause));
    let said = until(|| said(pool, store, resource), stands).await?;
    Ok(said.map_or(DateTime::UNIX_EPOCH, |it| it.complete_to))
}

async fn set(pool: &PgPool, sql: &str) -> Result<()> {
    ensure!(sqlx::query(sql).execute(pool).await?.rows_affected() == 1, "{sql}");
    Ok(())
}

#[test]
fn completeness_moves_with_webhooks_covers_carts_and_tells_why_it_stands_still() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let plan = Plan { seed: 1_504, orders: 8, customers: 4, products: 3, months: 2, ..Plan::default() };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        let subscribed = || async {
            let query = "SELECT complete_since FROM webhook_subscriptions";
            Ok(sqlx::query_scalar::<_, Option<DateTime<Utc>>>(query).fetch_optional(&pool).await?.flatten())
        };
        let subscribed = until(subscribed, Option::is_some).await?;
        merchant.start_import(12).await?;
        merchant.watch_import(Duration::from_secs(120), |_| {}).await?;
        // The import says so itself; everything later is said because of webhooks.
        for resource in ["orders", "customers", "products"] {
            let first = moves(&pool, store, resource, DateTime::UNIX_EPOCH).await?;
            moves(&pool, store, resource, first).await?;
        }
        let first = moves(&pool, store, "carts", DateTime::UNIX_EPOCH).await?;
        moves(&pool, store, "carts", first).await?;
        let from = said(&pool, store, "carts").await?.and_then(|it| it.complete_from);
        let millis = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_millis());
        ensure!(millis(from) == millis(subscribed), "{from:?}, {subscribed:?}");

        // Nobody looks at the subscriptions meanwhile.
        set(
            &pool,
            "UPDATE webhook_subscriptions SET state = 'failing', due_at = now() + interval '1 hour'",
        )
        .await?;
        let stood = stands(&pool, store, "orders", "webhooks_failing").await?;
        stands(&pool, store, "carts", "webhooks_failing").await?;
        set(&pool, "UPDATE webhook_subscriptions SET state = 'complete'").await?;
        // What came after the last look may have gone nowhere.
        let looked_at: Option<DateTime<Utc>> =
            sqlx::query_scalar("SELECT checked_at FROM webhook_subscriptions").fetch_one(&pool).await?;
        let looked_at = looked_at.context("a look")?;
        let cause_of = || async { Ok(said(&pool, store, "orders").await?.map(|it| (it.complete_to, it.cause))) };
        let stated = until(cause_of, |it| it.as_ref().is_some_and(|(_, cause)| cause.is_none())).await?;
        ensure!(stated.is_some_and(|(to, _)| to <= looked_at), "complete beyond the look of {looked_at}");
        set(&pool, "UPDATE webhook_subscriptions SET due_at = now()").await?;
        moves(&pool, store, "orders", stood).await?;

        // An outage whose changes nobody has read yet.
        set(
            &pool,
            "INSERT INTO webhook_outages (began_at, ended_at, spread_at) VALUES (now() - interval '1 hour', now(), now())",
        )
        .await?;
        let ended: DateTime<Utc> =
            sqlx::query_scalar("SELECT max(ended_at) FROM webhook_outages").fetch_one(&pool).await?;
        ensure!(stands(&pool, store, "orders", "changes_unread").await? < ended);
        let summary = || async { expect(merchant.get("/api/v1/reports/summary").await?, StatusCode::OK).await };
        until(summary, |summary| summary["completeCause"] == "changes_unread").await?;
        Ok(())
    });
}
