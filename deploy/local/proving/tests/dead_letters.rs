//! Dead letters and `qafila dlq`: what was set aside is found with its reason, opened only by who may, tried again in order, and every
//! deed leaves a trace.

use anyhow::{Context, Result, ensure};
use qafila_proving::deliveries::Deliveries;
use qafila_proving::merchant::{Merchant, make_store};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use qafila_proving::world::World;
use qafila_schemas::catalogue::MERCHANT_EVENTS;
use qafila_schemas::contract::Contract;
use qafila_schemas::headers::{self, CloudEvent};
use qafila_schemas::ids::{MerchantId, UserId};
use qafila_schemas::millis::Millis;
use qafila_schemas::records::merchant::{MerchantRegistered, MerchantRenamed};
use qafila_schemas::writer::{Outgoing, TopicWriter};
use salla_sim::store::Plan;
use serde_json::json;

static SHARED: SharedWorld = SharedWorld::new("dead_letters");

/// The dead letters that `qafila dlq list` shows of a merchant, each line's first word.
async fn listed(world: &World, which: &[&str]) -> Result<Vec<String>> {
    let said = world.run(&[&["dlq", "list"], which].concat()).await?;
    let ids = said.lines().filter(|line| line.contains(" tried ")).filter_map(|line| line.split(' ').next());
    Ok(ids.map(str::to_owned).collect())
}

#[test]
fn a_webhook_that_does_not_map_is_found_opened_by_who_may_and_tried_again_with_a_trace() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let plan = Plan { seed: 951, orders: 1, customers: 1, products: 1, ..Plan::default() };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        let body = json!({"event": "abandoned.cart", "merchant": store, "created_at": chrono::Utc::now().to_rfc3339(),
            "data": {"id": [5], "total": "many", "customer": {"id": 1, "name": "A secret name"}}});
        Deliveries::to(world).deliver(&body).await?;
        let which = ["--merchant", &merchant.id, "--cause", "unmappable", "--topic", "salla.webhooks.raw"];
        let letters = until(|| async { listed(world, &which).await }, |letters| letters.len() == 1).await?;
        let shown = world.run(&["dlq", "show", &letters[0]]).await?;
        ensure!(shown.contains("qafila_dlq_path: /data/id") && shown.contains("abandoned.cart"), "{shown}");
        ensure!(!shown.contains("A secret name"), "{shown}");
        let open = ["dlq", "show", &letters[0], "--open", "--reason", "a ticket"];
        ensure!(world.run(&open).await.is_err_and(|refused| refused.to_string().contains("QAFILA_OPERATOR_MAY_OPEN")));
        let mut may = world.environment.clone();
        may.insert("QAFILA_OPERATOR_MAY_OPEN".into(), "true".into());
        let opened = world.command(&open, &may).output().await?;
        ensure!(String::from_utf8_lossy(&opened.stdout).contains("A secret name"));
        let retry = [&["dlq", "retry", "--reason", "the mapper was mended"], &which[..]].concat();
        let dry = world.run(&[&retry[..], &["--dry-run"]].concat()).await?;
        ensure!(dry.contains("1 would be retried"), "{dry}");
        ensure!(listed(world, &which).await? == letters, "a dry run does nothing");
        world.run(&retry).await?;
        // It fails again, and says so of the same delivery.
        let again = until(
            || async { listed(world, &which).await },
            |now| now.len() == 1 && *now != letters,
        )
        .await?;
        let shown = world.run(&["dlq", "show", &again[0]]).await?;
        ensure!(shown.contains("qafila_dlq_attempts: 2"), "{shown}");
        ensure!(shown.matches("qafila_dlq_position").count() == 1 && shown.contains("salla.webhooks.raw:"), "{shown}");
        world.run(&["dlq", "drop", "--reason", "Salla's fault", &again[0]]).await?;
        ensure!(listed(world, &which).await?.is_empty());
        let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let trail: Vec<(String, String)> = sqlx::query_as(
            "SELECT action, reason FROM dead_letter_actions WHERE letter = ANY($1) ORDER BY action_id",
        )
        .bind([&letters[0], &again[0]].map(String::as_str).to_vec())
        .fetch_all(&pool)
        .await?;
        let trail: Vec<(&str, &str)> = trail.iter().map(|(a, r)| (a.as_str(), r.as_str())).collect();
        let expected =
            [("opened", "a ticket"), ("retried", "the mapper was mended"), ("dropped", "Salla's fault")];
        ensure!(trail == expected, "{trail:?}");
        Ok(())
    });
}

#[test]
fn events_wait_behind_one_that_is_missing_and_are_applied_in_order_once_it_comes() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let contract = Contract::new(world.kafka()?, world.registry()?);
        let registered = contract.encoder::<MerchantRegistered>(&MERCHANT_EVENTS).await?;
        let renamed = contract.encoder::<MerchantRenamed>(&MERCHANT_EVENTS).await?;
        let writer = TopicWriter::new(&contract.kafka, 0)?;
        let merchant_id = MerchantId::generate();
        let key = merchant_id.to_string();
        let write = |sequence: i64| {
            let (value, kind) = if sequence == 1 {
                let event = MerchantRegistered {
                    merchant_id,
                    store_name: "one".into(),
                    locale: "ar".into(),
                    registered_by: UserId::generate(),
                    registered_at: Millis::now(),
                };
                (registered.encode_to_vec(&event), "qafila.merchant.MerchantRegistered")
            } else {
                let event = MerchantRenamed {
                    merchant_id,
                    store_name: format!("name {sequence}"),
                    requested_by: None,
                    renamed_at: Millis::now(),
                };
                (renamed.encode_to_vec(&event), "qafila.merchant.MerchantRenamed")
            };
            let id = format!("{key}:{sequence}");
            let event = CloudEvent { id: &id, kind, subject: &key, time: Millis::now() };
            let headers = headers::with(event.headers(), headers::SEQUENCE, &sequence.to_string());
            let topic = contract.kafka.topic(MERCHANT_EVENTS.name);
            anyhow::Ok(Outgoing { topic, key: key.clone(), value: Some(value?), headers })
        };
        // The first one is missing: the second is set aside, and whatever comes later waits behind it.
        writer.write_all(vec![write(2)?, write(3)?, write(4)?]).await?;
        let pool = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let parked = || async {
            let query = "SELECT count(*) FROM parked_records WHERE consumer = 'merchants' AND entity = $1";
            Ok(sqlx::query_scalar::<_, i64>(query).bind(&key).fetch_one(&pool).await?)
        };
        let is_open = || async {
            let query =
                "SELECT count(*) = 0 FROM parked_entities WHERE consumer = 'merchants' AND entity = $1";
            Ok(sqlx::query_scalar::<_, bool>(query).bind(&key).fetch_one(&pool).await?)
        };
        until(parked, |count| *count == 3).await?;
        let which = ["--merchant", key.as_str(), "--topic", MERCHANT_EVENTS.name];
        let letters = until(|| async { listed(world, &which).await }, |letters| letters.len() == 1).await?;
        let refused = world.run(&["dlq", "drop", "--reason", "tired of it", &letters[0]]).await;
        ensure!(refused.is_err_and(|why| why.to_string().contains("wait behind it")));
        // The missing one arrives at last: it is applied, and those that waited follow by themselves.
        writer.write_all(vec![write(1)?]).await?;
        let merchant = || async {
            let query = "SELECT sequence, store_name FROM merchants WHERE merchant_id = $1";
            Ok(sqlx::query_as::<_, (i64, String)>(query).bind(merchant_id.0).fetch_optional(&pool).await?)
        };
        until(merchant, |row| *row == Some((4, "name 4".into()))).await?;
        until(is_open, |open| *open).await?;
        ensure!(parked().await.context("the park")? == 0);
        // What is retried though it was applied changes nothing.
        world.run(&["dlq", "retry", "--reason", "it has come", &letters[0]]).await?;
        // Later ones go straight through.
        writer.write_all(vec![write(5)?]).await?;
        until(merchant, |row| *row == Some((5, "name 5".into()))).await?;
        // Where what is missing has not come, a retry changes nothing: all wait as before.
        writer.write_all(vec![write(7)?, write(8)?]).await?;
        let known = letters;
        let letters = || async {
            Ok(listed(world, &which).await?.into_iter().filter(|l| !known.contains(l)).collect())
        };
        let letters: Vec<String> = until(letters, |letters: &Vec<String>| letters.len() == 1).await?;
        until(parked, |count| *count == 2).await?;
        let said = world.run(&["dlq", "retry", "--reason", "too early", &letters[0]]).await?;
        ensure!(said.contains("goes on waiting"), "{said}");
        ensure!(listed(world, &which).await?.contains(&letters[0]), "it can be tried again");
        writer.write_all(vec![write(6)?]).await?;
        until(merchant, |row| *row == Some((8, "name 8".into()))).await?;
        until(is_open, |open| *open).await?;
        world.run(&["dlq", "retry", "--reason", "it has come", &letters[0]]).await?;
        ensure!(parked().await? == 0 && listed(world, &which).await?.is_empty());
        Ok(())
    });
}
