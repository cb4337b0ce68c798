//! Webhooks end to end: what is acknowledged is in Kafka and then in the read models, what is forged or repeated changes nothing,
//! and nothing secret of any body can be found in clear.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use qafila_gateway::webhooks::{NotTaken, WebhookIntake, WebhookSecrets, WebhookVerifier};
use qafila_ingest::mapping::webhooks::STORE_EVENTS;
use qafila_proving::merchant::{Merchant, expect, make_store};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::totals::each_record;
use qafila_proving::waiting::until;
use qafila_proving::world::World;
use qafila_schemas::catalogue::{OBSERVATIONS, TOPICS, WEBHOOKS_RAW, dead_letter_topic};
use qafila_schemas::contract::Contract;
use qafila_schemas::envelope::OperatorKeys;
use qafila_schemas::kafka::KafkaConfig;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use salla_sim::store::Plan;
use salla_sim::webhooks::sign;
use serde_json::{Value, json};
use sqlx::Row;

static SHARED: SharedWorld = SharedWorld::new("webhooks");

/// As Salla spells times.
fn ago(seconds: i64) -> String {
    let at = chrono::Utc::now() - chrono::Duration::seconds(seconds);
    at.format("%a %b %d %Y %H:%M:%S GMT+0000").to_string()
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../salla-sim/samples")
}

fn sample(event: &str) -> Result<Value> {
    Ok(serde_json::from_str(&fs::read_to_string(samples().join(format!("webhook.{event}.json")))?)?)
}

async fn connected(world: &World, seed: u64) -> Result<(Merchant, u64)> {
    let plan = Plan { seed, orders: 5, customers: 3, products: 2, ..Plan::default() };
    let store = make_store(&world.sim_url, &plan).await?;
    let merchant = Merchant::register(&world.gateway).await?;
    merchant.connect(store).await?;
    Ok((merchant, store))
}

fn secret(world: &World) -> &str {
    &world.environment["QAFILA_SALLA_WEBHOOK_SECRETS"]
}

async fn send(world: &World, body: &[u8], signature: &str) -> Result<Response> {
    let request = Client::new()
        .post(format!("{}/api/webhooks/salla", world.gateway))
        .header("content-type", "application/json")
        .header("x-salla-security-strategy", "Signature")
        .header("x-salla-signature", signature);
    Ok(request.body(body.to_vec()).send().await?)
}

async fn deliver(world: &World, event: &Value) -> Result<()> {
    let body = serde_json::to_vec(event)?;
    let answer = send(world, &body, &sign(secret(world), &body)).await?;
    ensure!(answer.status() == StatusCode::OK, "{} was answered {}", event["event"], answer.status());
    Ok(())
}

fn event(store: u64, name: &str, at: &str, data: Value) -> Value {
    json!({"event": name, "merchant": store, "created_at": at, "data": data})
}

fn records_of(world: &World, topic: &str, key: &str) -> Result<usize> {
    let kafka = world.kafka()?;
    let mut count = 0;
    each_record(&kafka, &kafka.topic(topic), |found, _| count += usize::from(found == key))?;
    Ok(count)
}

#[test]
fn an_order_of_a_webhook_is_in_postgres_and_clickhouse_and_the_same_bytes_again_change_nothing() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, store) = connected(world, 501).await?;
        let mut created = sample("order.created")?;
        created["merchant"] = json!(store);
        created["created_at"] = json!(ago(0));
        for _ in 0..3 {
            deliver(world, &created).await?;
        }
        let pool = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let order = || async {
            let row = sqlx::query(
                "SELECT status_slug, total::text, customer_name, receiver_name, revision FROM orders
                 WHERE merchant_id = $1::uuid AND order_id = 2116149737",
            );
            let row = row.bind(&merchant.id).fetch_optional(&pool).await?;
            let Some(row) = row else { return Ok(None) };
            let texts: [String; 4] = [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?];
            Ok(Some((texts, row.try_get::<i64, _>(4)?)))
        };
        let (texts, revision) = until(&order, Option::is_some).await?.context("an order")?;
        ensure!(texts[..2] == ["under_review".to_owned(), "196.0000".to_owned()], "{texts:?}");
        ensure!(texts[2..].iter().all(|name| name.starts_with("pii:1:")), "{texts:?}");
        let clickhouse = world.clickhouse();
        let count = || async {
            let query = "SELECT count() FROM orders FINAL WHERE merchant_id = ? AND order_id = 2116149737";
            Ok(clickhouse.query(query).bind(&merchant.id).fetch_one::<u64>().await?)
        };
        until(count, |count| *count == 1).await?;
        // A later one of the same store was mapped, so all before it were.
        let data = json!({"id": 77, "status": "purchased"});
        deliver(world, &event(store, "abandoned.cart.status.changed", &ago(0), data)).await?;
        let carts = || async {
            let query = "SELECT status FROM carts WHERE merchant_id = $1::uuid AND cart_id = 77";
            Ok(sqlx::query_scalar::<_, String>(query).bind(&merchant.id).fetch_optional(&pool).await?)
        };
        until(carts, |status| status.as_deref() == Some("purchased")).await?;
        ensure!(records_of(world, WEBHOOKS_RAW.name, &store.to_string())? == 4);
        ensure!(records_of(world, OBSERVATIONS.name, &format!("{}:order:2116149737", merchant.id))? == 1);
        let (_, later) = order().await?.context("an order")?;
        ensure!(later == revision, "revision {revision} became {later}");
        Ok(())
    });
}

#[test]
fn an_older_status_and_a_late_update_of_a_deleted_order_change_nothing() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, store) = connected(world, 502).await?;
        let mut newer = sample("order.updated.derived")?;
        newer["merchant"] = json!(store);
        newer["created_at"] = json!(ago(60));
        newer["data"]["status"]["slug"] = json!("delivered");
        let mut older = newer.clone();
        older["created_at"] = json!(ago(120));
        older["data"]["status"]["slug"] = json!("delivering");
        let id = newer["data"]["id"].as_i64().context("an id")?;
        deliver(world, &newer).await?;
        deliver(world, &older).await?;
        let pool = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let key = format!("{}:order:{id}", merchant.id);
        until(|| async { records_of(world, OBSERVATIONS.name, &key) }, |count| *count == 2).await?;
        let order = || async {
            let query = "SELECT status_slug, deleted_at IS NOT NULL FROM orders
                         WHERE merchant_id = $1::uuid AND order_id = $2";
            let row: Option<(String, bool)> =
                sqlx::query_as(query).bind(&merchant.id).bind(id).fetch_optional(&pool).await?;
            Ok(row)
        };
        let gone = event(store, "order.deleted", &ago(30), json!({"id": id}));
        deliver(world, &gone).await?;
        let mut late = newer.clone();
        late["created_at"] = json!(ago(10));
        deliver(world, &late).await?;
        // The deletion, its news, the late update, and what reading it has confirmed.
        until(|| async { records_of(world, OBSERVATIONS.name, &key) }, |count| *count >= 6).await?;
        until(order, |row| *row == Some(("delivered".to_owned(), true))).await?;
        Ok(())
    });
}

#[test]
fn what_is_forged_too_large_or_no_json_is_refused_and_reaches_no_topic() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let body = serde_json::to_vec(&event(4_711, "order.deleted", &ago(0), json!({"id": 1})))?;
        let answer = send(world, &body, &sign("another-secret-of-someone", &body)).await?;
        ensure!(answer.status() == StatusCode::UNAUTHORIZED, "{}", answer.status());
        ensure!(answer.headers()["content-type"] == "application/problem+json");
        let mut changed = body.clone();
        changed.push(b' ');
        ensure!(
            send(world, &changed, &sign(secret(world), &body)).await?.status() == StatusCode::UNAUTHORIZED
        );
        let unsigned = Client::new().post(format!("{}/api/webhooks/salla", world.gateway));
        ensure!(unsigned.body(body.clone()).send().await?.status() == StatusCode::UNAUTHORIZED);
        let large = vec![b' '; (1 << 20) + 1];
        let answer = send(world, &large, &sign(secret(world), &large)).await?;
        ensure!(answer.status() == StatusCode::PAYLOAD_TOO_LARGE, "{}", answer.status());
        let form = Client::new()
            .post(format!("{}/api/webhooks/salla", world.gateway))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-salla-signature", sign(secret(world), &body));
        ensure!(form.body(body).send().await?.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE);
        ensure!(records_of(world, WEBHOOKS_RAW.name, "4711")? == 0);
        Ok(())
    });
}

#[test]
fn an_event_that_names_no_order_is_a_dead_letter_and_those_behind_it_go_on() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, store) = connected(world, 503).await?;
        deliver(world, &event(store, "order.updated", &ago(0), json!({"reference_id": 5}))).await?;
        deliver(world, &event(store, "order.updated", &ago(0), json!({"id": "88", "amounts": "many"})))
            .await?;
        let pool = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let stale = || async {
            let query = "SELECT count(*) FROM orders
                         WHERE merchant_id = $1::uuid AND order_id = 88 AND stale_since IS NOT NULL";
            Ok(sqlx::query_scalar::<_, i64>(query).bind(&merchant.id).fetch_one(&pool).await?)
        };
        until(stale, |count| *count == 1).await?;
        let letters = dead_letter_topic(WEBHOOKS_RAW.name);
        ensure!(records_of(world, &letters, &store.to_string())? == 1);
        Ok(())
    });
}

#[test]
fn a_store_is_subscribed_to_every_event_once_what_is_lost_is_mended_and_disconnecting_ends_all() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, store) = connected(world, 505).await?;
        let mut wanted: Vec<&str> = STORE_EVENTS.iter().map(|(event, _)| *event).collect();
        wanted.sort_unstable();
        let webhooks = || async {
            let me = expect(merchant.get("/api/v1/me").await?, StatusCode::OK).await?;
            Ok(me["connection"]["webhooks"].clone())
        };
        let complete = until(webhooks, |webhooks| webhooks["state"] == "complete").await?;
        ensure!(complete["subscribed"] == wanted.len(), "{complete}");
        let events =
            || world.sim.world().webhooks.events(store).into_iter().map(str::to_owned).collect::<Vec<_>>();
        ensure!(events() == wanted, "{:?}", events());
        world.sim.world().webhooks.lose(store, "order.created");
        let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        sqlx::query("UPDATE webhook_subscriptions SET due_at = now()").execute(&pool).await?;
        until(|| async { Ok(events()) }, |events| *events == wanted).await?;
        let ending = Client::new()
            .delete(format!("{}/api/v1/salla/connection", world.gateway))
            .bearer_auth(merchant.token());
        ensure!(ending.send().await?.status() == StatusCode::ACCEPTED);
        until(|| async { Ok(events()) }, Vec::is_empty).await?;
        Ok(())
    });
}

#[test]
fn news_of_a_part_makes_the_whole_be_fetched_and_an_entity_that_is_gone_is_deleted() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, store) = connected(world, 506).await?;
        let (product, order) = {
            let sim = world.sim.world();
            let store = sim.stores.get(&store).context("the store")?;
            (store.products[0].id, store.orders[0].id)
        };
        let now = chrono::Utc::now().to_rfc3339();
        let price = json!({"id": product, "price": 1, "currency": "SAR"});
        deliver(world, &event(store, "product.price.updated", &now, price)).await?;
        deliver(world, &event(store, "order.shipment.cancelled", &now, json!({"id": order}))).await?;
        deliver(world, &event(store, "order.shipment.cancelled", &now, json!({"id": 404}))).await?;
        let pool = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let state = |table: &'static str, id: i64| {
            let (pool, merchant) = (pool.clone(), merchant.id.clone());
            move || {
                let (pool, merchant) = (pool.clone(), merchant.clone());
                async move {
                    let query = format!(
                        "SELECT read_at > stale_since, deleted_at IS NOT NULL FROM {table}s
                         WHERE merchant_id = $1::uuid AND {table}_id = $2"
                    );
                    let row: Option<(Option<bool>, bool)> =
                        sqlx::query_as(&query).bind(merchant).bind(id).fetch_optional(&pool).await?;
                    Ok(row)
                }
            }
        };
        let was_read = |row: &Option<(Option<bool>, bool)>| *row == Some((Some(true), false));
        until(state("product", i64::try_from(product)?), was_read).await?;
        until(state("order", i64::try_from(order)?), was_read).await?;
        until(state("order", 404), |row| matches!(row, Some((_, true)))).await?;
        Ok(())
    });
}

#[test]
fn carts_are_listed_newest_first_with_their_customers_in_clear_for_their_merchant_alone() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, store) = connected(world, 507).await?;
        let mut cart = sample("abandoned.cart")?;
        cart["merchant"] = json!(store);
        cart["created_at"] = json!(ago(5));
        deliver(world, &cart).await?;
        let mut newer = cart.clone();
        newer["data"]["id"] = json!(5);
        newer["data"]["created_at"]["date"] = json!("2025-01-21 18:00:00.000000");
        deliver(world, &newer).await?;
        let purchased = json!({"id": 5, "status": "purchased"});
        deliver(world, &event(store, "abandoned.cart.status.changed", &ago(0), purchased)).await?;
        let carts = |query: &'static str| {
            let merchant = &merchant;
            move || async move {
                expect(merchant.get(&format!("/api/v1/carts{query}")).await?, StatusCode::OK).await
            }
        };
        let one = until(carts("?status=purchased"), |page| page["items"][0]["id"] == 5).await?;
        ensure!(one["items"].as_array().map(Vec::len) == Some(1), "{one}");
        let first = until(carts("?limit=1"), |page| page["nextCursor"].is_string()).await?;
        ensure!(first["items"][0]["id"] == 5, "{first}");
        let cursor = first["nextCursor"].as_str().context("a cursor")?;
        let next =
            expect(merchant.get(&format!("/api/v1/carts?limit=1&cursor={cursor}")).await?, StatusCode::OK)
                .await?;
        let item = &next["items"][0];
        ensure!(next["nextCursor"].is_null() && item["id"] == 1_097_962_121, "{next}");
        ensure!(
            item["customer"]["name"] == "User Name" && item["customer"]["phone"] == "+977612917082",
            "{item}"
        );
        ensure!(item["total"] == json!({"amount": "100.0000", "currency": "SAR"}), "{item}");
        ensure!(item["checkoutUrl"].as_str().is_some_and(|url| url.starts_with("https://")), "{item}");
        ensure!(item["lines"][0] == json!({"productId": 401_511_871, "quantity": "2.0000"}), "{item}");
        let other = Merchant::register(&world.gateway).await?;
        let page = expect(other.get("/api/v1/carts").await?, StatusCode::OK).await?;
        ensure!(page["items"] == json!([]), "{page}");
        Ok(())
    });
}

/// Texts that must not be found: tokens, one-time codes, and the secret itself.
fn secrets_of(value: &Value, found: &mut Vec<String>) {
    const SECRET: [&str; 7] =
        ["access_token", "refresh_token", "content", "email", "mobile", "checkout_url", "phone"];
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if let (true, Some(text)) = (SECRET.contains(&name.as_str()), field.as_str()) {
                    // Shorter ones are found in anything.
                    found.extend((text.len() >= 8).then(|| text.to_owned()));
                }
                secrets_of(field, found);
            }
        }
        Value::Array(all) => all.iter().for_each(|one| secrets_of(one, found)),
        _ => {}
    }
}

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

#[test]
fn no_token_code_or_secret_of_any_sample_is_found_in_clear_on_any_topic_table_or_log() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let (merchant, store) = connected(world, 504).await?;
        let mut secrets = vec![secret(world).to_owned()];
        let mut sent = 0;
        for file in fs::read_dir(samples())? {
            let name = file?.file_name().into_string().ok().context("a name")?;
            if !name.starts_with("webhook.") || name.contains("signature") {
                continue;
            }
            let mut body: Value = serde_json::from_str(&fs::read_to_string(samples().join(&name))?)?;
            secrets_of(&body, &mut secrets);
            body["merchant"] = json!(store);
            deliver(world, &body).await?;
            // Bodies that cannot be mapped become dead letters, sealed as they are.
            body["data"] = json!({"content": body["data"].to_string()});
            deliver(world, &body).await?;
            sent += 2;
        }
        ensure!(sent > 50 && secrets.len() > 20, "{sent} bodies, {} secrets", secrets.len());
        deliver(world, &event(store, "order.deleted", &ago(0), json!({"id": 99}))).await?;
        let pool = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let last = || async {
            let query = "SELECT count(*) FROM orders WHERE merchant_id = $1::uuid AND order_id = 99";
            Ok(sqlx::query_scalar::<_, i64>(query).bind(&merchant.id).fetch_one(&pool).await?)
        };
        until(last, |count| *count == 1).await?;
        let kafka = world.kafka()?;
        let mut places: Vec<(String, Vec<u8>)> = vec![("the log".into(), fs::read(world.log())?)];
        for topic in TOPICS.iter().flat_map(|t| [t.name.to_owned(), dead_letter_topic(t.name)]) {
            let mut bytes = Vec::new();
            each_record(&kafka, &kafka.topic(&topic), |key, value| {
                bytes.extend_from_slice(key.as_bytes());
                bytes.extend_from_slice(value.unwrap_or_default());
            })?;
            places.push((topic, bytes));
        }
        let dump = Command::new("pg_dump")
            .args(["--data-only", "--no-owner", "--dbname", &world.environment["QAFILA_DATABASE_OWNER_URL"]])
            .output();
        places.push(("Postgres".into(), dumped(dump, world).await?));
        for (place, bytes) in &places {
            let found = secrets.iter().find(|secret| contains(bytes, secret));
            ensure!(found.is_none(), "{found:?} is in clear in {place}");
        }
        Ok(())
    });
}

/// All tables as text, by `pg_dump` where there is one.
async fn dumped(dump: std::io::Result<std::process::Output>, world: &World) -> Result<Vec<u8>> {
    if let Some(output) = dump.ok().filter(|output| output.status.success()) {
        return Ok(output.stdout);
    }
    let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            .fetch_all(&pool)
            .await?;
    ensure!(tables.len() > 20, "only {tables:?}");
    let mut bytes = Vec::new();
    for table in tables {
        let rows: Vec<String> =
            sqlx::query_scalar(&format!("SELECT t::text FROM {table} t")).fetch_all(&pool).await?;
        bytes.extend(rows.join("\n").into_bytes());
    }
    Ok(bytes)
}

#[test]
fn without_kafka_nothing_is_acknowledged() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        // Nobody listens at port 9.
        let contract = Contract::new(KafkaConfig::at("127.0.0.1:9"), world.registry()?);
        let keys = OperatorKeys::parse(&world.environment["QAFILA_OPERATOR_KEYS"])?;
        let secrets = WebhookSecrets::parse(secret(world)).context("a secret")?;
        let intake = WebhookIntake::new(contract, keys, WebhookVerifier::new(&secrets, false))?;
        let body = serde_json::to_vec(&event(1, "order.deleted", &ago(0), json!({"id": 1})))?;
        let mut headers = HeaderMap::new();
        headers.insert("x-salla-signature", HeaderValue::from_str(&sign(secret(world), &body))?);
        let taken = intake.take(&headers, &body).await;
        ensure!(matches!(taken, Err(NotTaken::NotReady)), "{taken:?}");
        intake.warm_up().await?;
        let taken = intake.take(&headers, &body).await;
        ensure!(matches!(taken, Err(NotTaken::Unwritten(_))), "{taken:?}");
        Ok(())
    });
}
