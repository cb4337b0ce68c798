//! `qafila verify`: it passes where all four places agree, names what differs where they do not, and a repair makes them agree without
//! writing a fact itself.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use qafila_proving::merchant::{Merchant, make_store};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use qafila_schemas::catalogue::PRODUCTS;
use qafila_schemas::headers;
use qafila_schemas::writer::{Outgoing, TopicWriter};
use rdkafka::message::OwnedHeaders;
use salla_sim::store::{Plan, riyadh};

static SHARED: SharedWorld = SharedWorld::new("verify");

#[test]
fn every_place_that_differs_is_named_with_its_ids_and_a_repair_makes_all_agree() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let plan = Plan { seed: 971, orders: 400, customers: 30, products: 10, months: 1, ..Plan::default() };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        merchant.start_import(12).await?;
        merchant.watch_import(Duration::from_secs(120), |_| {}).await?;
        let (day, orders, product) = {
            let sim = world.sim.world();
            let store = sim.stores.get(&store).context("the store")?;
            let day = |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&riyadh()).date_naive();
            let wanted = day(store.orders[200].created_at);
            let of_day: Vec<i64> = store
                .orders
                .iter()
                .filter(|order| day(order.created_at) == wanted)
                .map(|order| order.id.cast_signed())
                .collect();
            (wanted.to_string(), of_day, store.products[2].id)
        };
        ensure!(orders.len() > 3, "{} orders on {day}", orders.len());
        let asked = ["verify", "--merchant", &merchant.id, "--day", &day];
        let verified = || async { Ok(world.run(&asked).await.map_err(|error| error.to_string())) };
        let said = until(verified, Result::is_ok).await?.unwrap_or_default();
        ensure!(
            said.contains("all four agree") && said.matches(&format!(" {} ", orders.len())).count() >= 4,
            "{said}"
        );
        let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        sqlx::query("UPDATE orders SET total = total + 1 WHERE merchant_id = $1::uuid AND order_id = $2")
            .bind(&merchant.id)
            .bind(orders[0])
            .execute(&owner)
            .await?;
        sqlx::query("DELETE FROM orders WHERE merchant_id = $1::uuid AND order_id = $2")
            .bind(&merchant.id)
            .bind(orders[1])
            .execute(&owner)
            .await?;
        sqlx::query(
            "UPDATE orders SET lines = jsonb_set(lines::jsonb, '{0,sku}', '\"changed\"')::json
             WHERE merchant_id = $1::uuid AND order_id = $2",
        )
        .bind(&merchant.id)
        .bind(orders[3])
        .execute(&owner)
        .await?;
        world
            .clickhouse()
            .query("DELETE FROM orders WHERE merchant_id = ? AND order_id = ?")
            .bind(&merchant.id)
            .bind(orders[2])
            .execute()
            .await?;
        let kafka = world.kafka()?;
        let tombstone = Outgoing {
            topic: kafka.topic(PRODUCTS.name),
            key: format!("{}:{store}:{product}", merchant.id),
            value: None,
            headers: headers::with(OwnedHeaders::new(), headers::REVISION, "0"),
        };
        TopicWriter::new(&kafka, 0)?.write_all(vec![tombstone]).await?;
        let refused = world.run(&asked).await.err().context("it differs")?.to_string();
        for told in [
            format!("Postgres: orders {} total", orders[0]),
            format!("Postgres: orders {} is missing", orders[1]),
            format!("Postgres: orders {} lines \"changed ×", orders[3]),
            format!("ClickHouse: orders {} is missing", orders[2]),
            format!("topics: products {product} is missing"),
        ] {
            ensure!(refused.contains(&told), "{told:?} is not in {refused}");
        }
        let repairing = world.run(&[&asked[..], &["--repair"]].concat()).await.err().context("it differs")?;
        ensure!(repairing.to_string().contains("are fetched"), "{repairing}");
        until(verified, Result::is_ok).await?.ok().context("all agree")?;
        Ok(())
    });
}
