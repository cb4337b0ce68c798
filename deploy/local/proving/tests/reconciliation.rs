//! Nightly reconciliation and catching up, end to end: what no webhook told is healed, and what agrees is left alone.

use std::time::Duration;

use anyhow::{Result, ensure};
use chrono::Utc;
use qafila_proving::merchant::Merchant;
use qafila_proving::nights::{NIGHTS_WHEN_ASKED, changes, due, imported, night, of, runs};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::totals::each_record;
use qafila_proving::waiting::until;
use qafila_proving::world::World;
use qafila_schemas::catalogue::{OBSERVATIONS, ORDERS};
use reqwest::StatusCode;
use salla_sim::store::{Plan, Store};

static SHARED: SharedWorld = SharedWorld::with_settings("reconcile", NIGHTS_WHEN_ASKED);
/// An outage is every store's: this one has no others.
static OUTAGE: SharedWorld = SharedWorld::with_settings(
    "outage",
    &[("QAFILA_RECONCILE_CRON", "0 2 1 1 *"), ("QAFILA_SALLA_MINUTE_MS", "3000")],
);
const MONTHS: u32 = 24;

fn with_store<T>(world: &World, store: u64, change: impl FnOnce(&mut Store) -> T) -> T {
    change(world.sim.world().stores.get_mut(&store).expect("the store"))
}

async fn agrees(world: &World, merchant: &Merchant, store: u64) -> Result<()> {
    let counted = world.places().await?.agree(&merchant.id, store, MONTHS, Duration::from_secs(30)).await?;
    ensure!(counted.differences().is_empty(), "{:?}", counted.differences());
    Ok(())
}

fn records_of(world: &World, topic: &str, merchant: &Merchant) -> Result<usize> {
    let (kafka, mut count) = (world.kafka()?, 0);
    each_record(&kafka, &kafka.topic(topic), |key, _| count += usize::from(key.starts_with(&merchant.id)))?;
    Ok(count)
}

#[test]
fn a_night_heals_what_no_webhook_told_and_the_next_one_changes_nothing() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let plan = Plan { seed: 801, orders: 120, customers: 40, products: 15, ..Plan::default() };
        let (merchant, store) = imported(world, &plan, MONTHS).await?;
        let (quantity_of, city_of, gone) = with_store(world, store, |store| {
            let now = Utc::now();
            store.place_order(now);
            let ids: Vec<u64> = store.orders.iter().map(|order| order.id).collect();
            store.set_status(ids[5], "canceled", now);
            // Nobody is told that lines and customers changed: not even the update time is.
            let order = store.order_mut(ids[30]).expect("an order");
            order.lines[0].quantity += 7;
            let order = store.order_mut(ids[40]).expect("an order");
            order.customer = (order.customer + 1) % 40;
            store.remove_order(ids[50]);
            store.products[3].price += 1_000;
            store.products[4].gone = true;
            let customer = &mut store.customers[5];
            customer.gender = if customer.gender == "male" { "female" } else { "male" };
            store.customers[6].gone = true;
            (ids[30], ids[40], ids[50])
        });
        let first = night(world, &merchant).await?;
        ensure!(changes(of(&first, "orders")) == (1, 4), "{first:#?}");
        ensure!(changes(of(&first, "products")) == (0, 2), "{first:#?}");
        ensure!(changes(of(&first, "customers")) == (0, 2), "{first:#?}");
        let pool = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let healed = || async {
            let row: (bool, bool, bool) = sqlx::query_as(
                "SELECT (SELECT lines::text LIKE '%' FROM orders WHERE order_id = $2 AND merchant_id = $1::uuid AND read_at > now() - interval '1 hour'),
                     (SELECT customer_id IS NOT NULL FROM orders WHERE order_id = $3 AND merchant_id = $1::uuid),
                     (SELECT deleted_at > read_at FROM orders WHERE order_id = $4 AND merchant_id = $1::uuid)",
            )
            .bind(&merchant.id)
            .bind(quantity_of as i64)
            .bind(city_of as i64)
            .bind(gone as i64)
            .fetch_one(&pool)
            .await?;
            Ok(row)
        };
        until(healed, |row| *row == (true, true, true)).await?;
        let deleted = || async {
            let query = "SELECT (SELECT count(*) FROM products WHERE merchant_id = $1::uuid AND deleted_at > coalesce(read_at, '-infinity'))
                + (SELECT count(*) FROM customers WHERE merchant_id = $1::uuid AND deleted_at > coalesce(read_at, '-infinity'))";
            Ok(sqlx::query_scalar::<_, i64>(query).bind(&merchant.id).fetch_one(&pool).await?)
        };
        until(deleted, |count| *count == 2).await?;
        // What was in doubt is fetched meanwhile.
        let stale = || async {
            let query = "SELECT (SELECT count(*) FROM products WHERE merchant_id = $1::uuid AND stale_since > coalesce(read_at, '-infinity'))
                + (SELECT count(*) FROM customers WHERE merchant_id = $1::uuid AND stale_since > coalesce(read_at, '-infinity'))";
            Ok(sqlx::query_scalar::<_, i64>(query).bind(&merchant.id).fetch_one(&pool).await?)
        };
        until(stale, |count| *count == 0).await?;
        let before = (records_of(world, OBSERVATIONS.name, &merchant)?, records_of(world, ORDERS.name, &merchant)?);
        let second = night(world, &merchant).await?;
        for run in &second {
            ensure!(changes(run) == (0, 0) && run["cause"].is_null(), "{second:#?}");
        }
        let after = (records_of(world, OBSERVATIONS.name, &merchant)?, records_of(world, ORDERS.name, &merchant)?);
        ensure!(before == after, "{before:?} records became {after:?}");
        ensure!(of(&second, "orders")["summary"]["fetched"].as_i64() >= Some(120), "{second:#?}");
        // What was deleted is back, as it was, and no webhook tells.
        with_store(world, store, |store| {
            store.products[4].gone = false;
            store.customers[6].gone = false;
        });
        let third = night(world, &merchant).await?;
        ensure!(changes(of(&third, "products")) == (0, 1), "{third:#?}");
        ensure!(changes(of(&third, "customers")) == (0, 1), "{third:#?}");
        until(deleted, |count| *count == 0).await?;
        Ok(())
    });
}

#[test]
fn a_night_that_would_delete_too_much_stops_and_a_person_may_allow_it() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let plan = Plan { seed: 802, orders: 90, customers: 10, products: 5, ..Plan::default() };
        let (merchant, store) = imported(world, &plan, MONTHS).await?;
        let (from, to) = with_store(world, store, |store| {
            let ids: Vec<u64> = store.orders.iter().map(|order| order.id).collect();
            let days = (store.orders[0].created_at.date_naive(), Utc::now().date_naive());
            for id in &ids[10..40] {
                store.remove_order(*id);
            }
            days
        });
        let run = night(world, &merchant).await?;
        ensure!(of(&run, "orders")["cause"] == "too_many_deletions", "{run:#?}");
        ensure!(
            of(&run, "orders")["advice"].is_string() && of(&run, "products")["cause"].is_null(),
            "{run:#?}"
        );
        let (from, to) = (from.to_string(), to.to_string());
        let asked =
            ["reconcile", "--merchant", &merchant.id, "--from", &from, "--to", &to, "--resource", "orders"];
        let dry = world.run(&[&asked[..], &["--dry-run", "--allow-deletions"]].concat()).await?;
        ensure!(
            dry.matches("is gone at Salla").count() == 30 && dry.contains("nothing was written"),
            "{dry}"
        );
        let said = world.run(&[&asked[..], &["--allow-deletions"]].concat()).await?;
        ensure!(said.contains("deleted 30"), "{said}");
        agrees(world, &merchant, store).await
    });
}

#[test]
fn while_our_endpoint_was_down_nothing_is_missed_and_nobody_has_to_ask() {
    OUTAGE.run(async {
        let world = OUTAGE.world().await?;
        let plan = Plan { seed: 803, orders: 60, customers: 10, products: 5, ..Plan::default() };
        let (merchant, store) = imported(world, &plan, MONTHS).await?;
        let order = with_store(world, store, |store| {
            let id = store.orders[10].id;
            store.set_status(id, "restored", Utc::now());
            store.place_order(Utc::now());
            store.products[0].price += 500;
            id
        });
        let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        // As if nobody had been there to take webhooks since an hour ago.
        sqlx::query("UPDATE webhook_uptime SET up_at = now() - interval '1 hour'").execute(&owner).await?;
        let pool = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let status = || async {
            let query = "SELECT status_slug FROM orders WHERE merchant_id = $1::uuid AND order_id = $2";
            Ok(sqlx::query_scalar::<_, Option<String>>(query)
                .bind(&merchant.id)
                .bind(order as i64)
                .fetch_one(&pool)
                .await?)
        };
        until(status, |slug| slug.as_deref() == Some("restored")).await?;
        agrees(world, &merchant, store).await?;
        // Lists may have come from Salla's cache: it is done once more, when that is over.
        let waits = || async {
            let query = "SELECT run_id IS NULL AND catch_up_from IS NOT NULL AND not_before > now() FROM reconciliations WHERE merchant_id = $1::uuid";
            Ok(sqlx::query_scalar::<_, bool>(query).bind(&merchant.id).fetch_one(&owner).await?)
        };
        until(waits, |waits| *waits).await?;
        for statement in [
            "UPDATE webhook_outages SET ended_at = ended_at - interval '20 minutes'",
            "UPDATE reconciliations SET not_before = now()",
        ] {
            sqlx::query(statement).execute(&owner).await?;
        }
        let caught_up = || async {
            let query = "SELECT catch_up_from IS NULL FROM reconciliations WHERE merchant_id = $1::uuid";
            Ok(sqlx::query_scalar::<_, bool>(query).bind(&merchant.id).fetch_one(&owner).await?)
        };
        until(caught_up, |done| *done).await?;
        Ok(())
    });
}

#[test]
fn a_store_that_was_disconnected_has_one_recorded_failure_with_its_cause() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let plan = Plan { seed: 804, orders: 5, customers: 3, products: 2, ..Plan::default() };
        let (merchant, _) = imported(world, &plan, MONTHS).await?;
        let ending = reqwest::Client::new()
            .delete(format!("{}/api/v1/salla/connection", world.gateway))
            .bearer_auth(merchant.token());
        ensure!(ending.send().await?.status() == StatusCode::ACCEPTED);
        let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        sqlx::query("UPDATE reconciliations SET night_at = now() WHERE merchant_id = $1::uuid")
            .bind(&merchant.id)
            .execute(&pool)
            .await?;
        let recorded = until(|| async { runs(&merchant).await }, |runs| !runs.is_empty()).await?;
        ensure!(recorded.len() == 1 && recorded[0]["cause"] == "not_connected", "{recorded:#?}");
        until(|| async { due(&pool, &merchant).await }, Option::is_none).await?;
        Ok(())
    });
}

#[test]
fn what_an_interrupted_night_read_is_stated_as_complete_by_the_next_one() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let plan = Plan { seed: 806, orders: 20, customers: 5, products: 5, ..Plan::default() };
        let (merchant, _) = imported(world, &plan, MONTHS).await?;
        let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        // As after a run that read all changes of two days and could not say whether they were stored.
        for statement in [
            "UPDATE completeness SET complete_to = now() - interval '2 days', cause = 'not_stored_yet'
             WHERE resource = 'orders' AND connection_id IN (SELECT connection_id FROM salla_connections WHERE merchant_id = $1::uuid)",
            "UPDATE reconciliations SET orders_since = now() WHERE merchant_id = $1::uuid",
        ] {
            let changed = sqlx::query(statement).bind(&merchant.id).execute(&pool).await?;
            ensure!(changed.rows_affected() == 1, "{statement}");
        }
        night(world, &merchant).await?;
        let stated = || async {
            let query = "SELECT k.complete_to > now() - interval '1 day' AND k.cause IS NULL FROM completeness k
                JOIN salla_connections c USING (connection_id) WHERE c.merchant_id = $1::uuid AND k.resource = 'orders'";
            Ok(sqlx::query_scalar::<_, Option<bool>>(query).bind(&merchant.id).fetch_one(&pool).await?)
        };
        until(stated, |stated| *stated == Some(true)).await.map(drop)
    });
}
