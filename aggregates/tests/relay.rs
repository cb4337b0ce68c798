//! The relay against transactions that commit out of order, roll back and are held open, on a Postgres server of its own
//! (the horizon is cluster-wide, so other tests' transactions must not be in it).

mod outbox_schedules;

use anyhow::Result;
use outbox_schedules::{PrivatePostgres, Schedule};

#[tokio::test]
async fn nothing_is_skipped_or_reordered_whatever_order_transactions_commit_in() -> Result<()> {
    let postgres = PrivatePostgres::start().await?;
    for seed in 0..40 {
        let verdict = Schedule::seeded(seed).run(&postgres).await?;
        assert_eq!(verdict.lost, 0, "seed {seed}");
        assert_eq!(verdict.duplicated, 0, "seed {seed}");
        assert_eq!(verdict.reordered, 0, "seed {seed}");
    }
    postgres.stop().await
}

#[tokio::test]
async fn only_one_relay_is_active_and_a_lost_lock_stops_its_cursor() -> Result<()> {
    use qafila_aggregates::relay::outbox::{Outbox, OutboxError};
    let postgres = PrivatePostgres::start().await?;
    let pool = postgres.pool().await?;
    let mut first = Outbox::take_lock(&pool).await?.expect("the lock is free");
    assert!(Outbox::take_lock(&pool).await?.is_none(), "a second relay stands by");
    outbox_schedules::insert(&mut *pool.acquire().await?, "a", 1).await?;
    let events = first.next(10).await?;
    assert_eq!(events.len(), 1);
    // As if another relay had been active while this one was frozen.
    sqlx::query("UPDATE relay_cursor SET position = position + 100").execute(&pool).await?;
    assert!(matches!(first.advance(&events).await, Err(OutboxError::CursorMoved)));
    drop(pool);
    postgres.stop().await
}
