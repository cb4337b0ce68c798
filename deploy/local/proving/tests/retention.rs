//! Housekeeping: every table has a stated retention, what is over is deleted, and what is still needed stays however old it is.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use qafila_aggregates::housekeeping::tidy;
use qafila_ingest::connect::cleanup;
use qafila_proving::world::World;
use qafila_stack::layout::Layout;
use sqlx::{Executor, PgPool};
use tokio::sync::OnceCell;

static WORLD: OnceCell<World> = OnceCell::const_new();

/// Tables as they are made; Qafila does not run.
async fn world() -> Result<&'static World> {
    WORLD.get_or_try_init(|| World::make("retention")).await
}

async fn tidied(pool: &str, tables: &'static [qafila_aggregates::housekeeping::Retention]) -> Result<()> {
    let deleted = tidy(&world().await?.pool(pool).await?, tables).await;
    ensure!(deleted.len() == tables.len(), "only some could be tidied: {deleted:?}");
    Ok(())
}

async fn left(owner: &PgPool, query: &str) -> Result<Vec<String>> {
    sqlx::query_scalar(query).fetch_all(owner).await.with_context(|| query.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_has_a_stated_retention_and_every_rule_is_of_a_table_that_is_stated() -> Result<()> {
    let owner = world().await?.pool("QAFILA_DATABASE_OWNER_URL").await?;
    let made: BTreeSet<String> = left(
        &owner,
        "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations'",
    )
    .await?
    .into_iter()
    .collect();
    let page = std::fs::read_to_string(Layout::find()?.root.join("docs/retention.md"))?;
    let rows =
        page.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|row| row.split(" | ").next());
    let stated: BTreeSet<String> =
        rows.flat_map(|names| names.split(", ")).map(|name| name.replace('`', "")).collect();
    let differing: Vec<_> = made.symmetric_difference(&stated).collect();
    ensure!(differing.is_empty(), "made or stated, not both: {differing:?}");
    let rules = qafila_ingest::retention::TABLES.iter().chain(qafila_projections::retention::TABLES);
    for rule in rules {
        ensure!(stated.contains(rule.table), "{} is not stated", rule.table);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_goes_and_what_is_still_needed_stays_however_old_it_is() -> Result<()> {
    let owner = world().await?.pool("QAFILA_DATABASE_OWNER_URL").await?;
    // Connections: one alive for years, one that ended long ago.
    let (alive, ended, failed) = (
        "11111111-1111-4111-8111-111111111111",
        "22222222-2222-4222-8222-222222222222",
        "77777777-7777-4777-8777-777777777777",
    );
    let (merchant, years) = ("33333333-3333-4333-8333-333333333333", "now() - interval '900 days'");
    let run = |number: u32| format!("00000000-0000-4000-8000-{number:012}");
    let connection = |id: &str, store: i64, wiped: &str| {
        format!(
            "INSERT INTO salla_connections (connection_id, merchant_id, store_id, store_name, scopes, key_id, expires_at, connected_at, wiped_at)
             VALUES ('{id}', '{merchant}', {store}, 'a store', '{{}}', 'k', {years}, {years}, {wiped})"
        )
    };
    let sync_run = |number: u32, of: &str, state: &str, done: &str, at: &str| {
        let id = run(number);
        format!(
            "INSERT INTO sync_runs (run_id, job_id, merchant_id, connection_id, store_id, from_day, until_day, requested_at, state, done_at, ended_at)
             VALUES ('{id}', '{id}', '{merchant}', '{of}', 1, '2024-01-01', '2024-02-01', {at}, '{state}', {done}, {at});
             INSERT INTO sync_slices (run_id, resource, slice, ordinal) VALUES ('{id}', 'orders', '2024-01', 1);
             INSERT INTO sync_seen (run_id, resource, slice, scan, salla_id) VALUES ('{id}', 'customers', 'all', 1, {number})"
        )
    };
    let statements = [
        connection(alive, 1, "NULL"),
        connection(ended, 2, "now() - interval '500 days'"),
        connection(failed, 7, "NULL"),
        // Runs of the live one: two complete ones, a failed one, one that has been open for years.
        sync_run(1, alive, "ended", years, years),
        sync_run(2, alive, "ended", "now() - interval '800 days'", "now() - interval '800 days'"),
        sync_run(3, alive, "ended", "NULL", years),
        sync_run(4, alive, "open", "NULL", years),
        sync_run(5, alive, "ended", "NULL", "now() - interval '5 days'"),
        sync_run(6, ended, "ended", years, years),
        // Failed long ago, and may be started again.
        sync_run(7, failed, "ended", "NULL", years),
        format!(
            "INSERT INTO token_refreshes (connection_id, refresh_hash, worker, answer_until, intended_at)
             VALUES ('{alive}', 'a', 'w', {years}, {years}), ('{ended}', 'b', 'w', {years}, {years})"
        ),
        format!("INSERT INTO store_claim_links (token_hash, store_id, expires_at) VALUES ('old', 3, {years}), ('new', 4, now())"),
        format!(
            "INSERT INTO easy_mode_installs (store_id, key_id, access_token, scopes, expires_at, held_since)
             VALUES (5, 'k', 't', '{{}}', {years}, {years}), (6, 'k', 't', '{{}}', now() - interval '1 day', now() - interval '20 days')"
        ),
        format!(
            "INSERT INTO reconciliations (connection_id, merchant_id, store_id, night_at, orders_since)
             VALUES ('{alive}', '{merchant}', 1, now(), now());
             INSERT INTO reconciliation_seen (scope, resource, salla_id, seen_at)
             VALUES ('{alive}', 'refused orders', 7, {years}), ('{ended}', 'orders', 8, {years}), ('{ended}', 'orders', 9, now())"
        ),
        format!(
            "INSERT INTO order_drafts (merchant_id, store_id, order_id, said_at, by_webhook, is_draft)
             VALUES ('{merchant}', 1, 1, {years}, true, true), ('{merchant}', 1, 2, {years}, true, false), ('{merchant}', 1, 3, now(), true, false)"
        ),
        format!(
            "INSERT INTO order_histories (merchant_id, store_id, order_id, fetched_at, entries, status)
             VALUES ('{merchant}', 1, 1, {years}, '[]', ''), ('{merchant}', 1, 2, now(), '[]', '')"
        ),
        format!(
            "INSERT INTO notifications (notification_id, merchant_id, kind, created_at)
             VALUES (gen_random_uuid(), '{merchant}', 'old', {years}), (gen_random_uuid(), '{merchant}', 'new', now())"
        ),
        format!(
            "INSERT INTO notify_lost (connection_id, noted_at) VALUES ('{ended}', {years}), ('{alive}', now());
             INSERT INTO notify_runs (run_id, noted_at) VALUES ('{ended}', {years}), ('{alive}', now())"
        ),
    ];
    for statement in &statements {
        owner.execute(statement.as_str()).await.with_context(|| statement.clone())?;
    }
    // A run's ids are deleted before the run: in the next round.
    for _ in 0..2 {
        tidied("QAFILA_DATABASE_INGEST_URL", qafila_ingest::retention::TABLES).await?;
    }
    tidied("QAFILA_DATABASE_OLTP_URL", qafila_projections::retention::TABLES).await?;
    let number =
        |id: &str| id.trim_start_matches("00000000-0000-4000-8000-").parse::<u32>().unwrap_or_default();
    let runs = async |query: &str| {
        let mut found: Vec<u32> = left(&owner, query).await?.iter().map(|id| number(id)).collect();
        found.sort_unstable();
        anyhow::Ok(found)
    };
    ensure!(runs("SELECT run_id::text FROM sync_runs").await? == [1, 2, 4, 5, 7], "runs");
    ensure!(
        runs("SELECT run_id::text FROM sync_slices").await? == [2, 4, 5, 7],
        "slices of the last complete run"
    );
    ensure!(runs("SELECT run_id::text FROM sync_seen").await? == [4, 5], "ids of runs that may go on");
    for (query, expected) in [
        ("SELECT connection_id::text FROM token_refreshes", vec![alive]),
        ("SELECT convert_from(token_hash, 'UTF8') FROM store_claim_links", vec!["new"]),
        ("SELECT store_id::text FROM easy_mode_installs", vec!["6"]),
        ("SELECT salla_id::text FROM reconciliation_seen ORDER BY 1", vec!["7", "9"]),
        ("SELECT order_id::text FROM order_drafts ORDER BY 1", vec!["1", "3"]),
        ("SELECT order_id::text FROM order_histories", vec!["2"]),
        ("SELECT kind FROM notifications", vec!["new"]),
        ("SELECT connection_id::text FROM notify_lost", vec![alive]),
        ("SELECT run_id::text FROM notify_runs", vec![alive]),
    ] {
        let found = left(&owner, query).await?;
        ensure!(found == expected, "{query}: {found:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_due_clean_up_ends_reads_of_the_store_and_stays_due_until_its_rows_are_erased() -> Result<()> {
    let world = world().await?;
    let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
    let (gone, back, merchant) = (
        "44444444-4444-4444-8444-444444444444",
        "55555555-5555-4555-8555-555555555555",
        "66666666-6666-4666-8666-666666666666",
    );
    for (id, store, cancelled) in [(gone, 41, "NULL"), (back, 42, "now()")] {
        let statement = format!(
            "INSERT INTO salla_connections (connection_id, merchant_id, store_id, store_name, scopes, key_id, expires_at, wiped_at)
             VALUES ('{id}', '{merchant}', {store}, 'a store', '{{}}', 'k', now(), now());
             INSERT INTO reconciliations (connection_id, merchant_id, store_id, night_at, orders_since)
             VALUES ('{id}', '{merchant}', {store}, now(), now());
             INSERT INTO store_cleanups (connection_id, merchant_id, store_id, due_at, cancelled_at)
             VALUES ('{id}', '{merchant}', {store}, now() - interval '1 minute', {cancelled})"
        );
        owner.execute(statement.as_str()).await?;
    }
    let ingest = world.pool("QAFILA_DATABASE_INGEST_URL").await?;
    ensure!(cleanup::carry_out(&ingest).await? == 1 && cleanup::carry_out(&ingest).await? == 0);
    let of_merchant = format!("WHERE merchant_id = '{merchant}'");
    let nights =
        left(&owner, &format!("SELECT connection_id::text FROM reconciliations {of_merchant}")).await?;
    ensure!(nights == [back], "{nights:?}");
    let query = format!(
        "SELECT connection_id::text FROM store_cleanups {of_merchant} AND carried_out_at IS NOT NULL AND done_at IS NULL"
    );
    ensure!(left(&owner, &query).await? == [gone]);
    Ok(())
}
