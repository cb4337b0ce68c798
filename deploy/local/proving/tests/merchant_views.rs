//! What a merchant reads: reports that rank, and lists and details of orders, customers and products, held against the store itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use qafila::config::Config;
use qafila::stored::ReadModels;
use qafila_ingest::contact_spelling::ContactSpelling;
use qafila_ingest::keys::PostgresKeys;
use qafila_ingest::mapping::market::Market;
use qafila_projections::olap::standing::{Standing, standing};
use qafila_proving::merchant::{Merchant, expect, make_store};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use qafila_schemas::amount::Amount;
use qafila_schemas::ids::MerchantId;
use reqwest::StatusCode;
use salla_sim::catalogue::STATUSES;
use salla_sim::store::{Order, Plan, Store};
use serde_json::Value;
use tokio::sync::OnceCell;

static SHARED: SharedWorld = SharedWorld::new("views");
static IMPORTED: OnceCell<(Merchant, u64)> = OnceCell::const_new();

/// The merchant that all tests read as.
async fn imported() -> Result<&'static (Merchant, u64)> {
    IMPORTED
        .get_or_try_init(|| async {
            let world = SHARED.world().await?;
            let plan =
                Plan { seed: 861, orders: 300, customers: 40, products: 12, months: 10, ..Plan::default() };
            let store = make_store(&world.sim_url, &plan).await?;
            let merchant = Merchant::register(&world.gateway).await?;
            merchant.connect(store).await?;
            merchant.start_import(12).await?;
            merchant.watch_import(Duration::from_secs(120), |_| {}).await?;
            let loaded = || async { report(&merchant, "order-status").await };
            until(loaded, |report| orders_of(report) == 300).await?;
            for (list, rows) in [("orders", 300), ("customers", 40), ("products", 12)] {
                let path = format!("/api/v1/{list}?count=true&limit=1");
                let listed = || async { expect(merchant.get(&path).await?, StatusCode::OK).await };
                until(listed, |page| page["total"]["count"] == rows).await?;
            }
            anyhow::Ok((merchant, store))
        })
        .await
}

async fn report(merchant: &Merchant, name: &str) -> Result<Value> {
    let to = chrono::Utc::now().date_naive() + chrono::Days::new(1);
    let from = to - chrono::Days::new(400);
    let path = format!("/api/v1/reports/{name}?from={from}&to={to}");
    expect(merchant.get(&path).await?, StatusCode::OK).await
}

fn rows<'v>(body: &'v Value, list: &str) -> &'v [Value] {
    body[list].as_array().map_or(&[], Vec::as_slice)
}

/// Orders of all groups of a report.
fn orders_of(body: &Value) -> u64 {
    rows(body, "groups").iter().filter_map(|row| row["figures"]["orders"].as_u64()).sum()
}

/// What is told of the store, without holding it.
async fn of_store<T>(store: u64, tell: impl FnOnce(&Store) -> T) -> Result<T> {
    let world = SHARED.world().await?;
    Ok(tell(world.sim.world().stores.get(&store).context("the store")?))
}

fn sales(store: &Store) -> impl Iterator<Item = &Order> {
    // In the simulator's stores a payment is awaited where the status says so.
    store.orders.iter().filter(|order| standing(Some(STATUSES[order.status].1), false) == Standing::Sale)
}

/// By what the lines of a product were put together: Salla's items tell no product id (FACTS §4.3).
fn told_by(product: &Value) -> &Value {
    if product["sku"].is_string() { &product["sku"] } else { &product["name"] }
}

fn money(halalas: i64) -> String {
    format!("{}.{:02}00", halalas / 100, halalas % 100)
}

/// All pages of a list.
async fn all(merchant: &Merchant, path: &str) -> Result<Vec<Value>> {
    let (mut items, mut cursor) = (vec![], String::new());
    loop {
        let page = expect(merchant.get(&format!("{path}?limit=70{cursor}")).await?, StatusCode::OK).await?;
        items.extend_from_slice(rows(&page, "items"));
        let Some(next) = page["nextCursor"].as_str() else { return Ok(items) };
        cursor = format!("&cursor={next}");
    }
}

fn ids(items: &[Value]) -> Vec<u64> {
    items.iter().filter_map(|item| item["id"].as_u64()).collect()
}

#[test]
fn rankings_agree_with_the_store() {
    SHARED.run(async {
        let (merchant, store) = imported().await?;
        let mut by_status: BTreeMap<String, u64> = BTreeMap::new();
        let mut by_product: BTreeMap<(String, String), (i64, i64)> = BTreeMap::new();
        let mut buyers: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        of_store(*store, |store| {
            for order in &store.orders {
                *by_status.entry(STATUSES[order.status].1.to_owned()).or_default() += 1;
            }
            for order in sales(store) {
                buyers.entry(order.currency.to_owned()).or_default().insert(order.customer);
                for line in &order.lines {
                    let product = &store.products[line.product];
                    let sku = if product.sku.is_empty() { &product.name } else { &product.sku }.clone();
                    let (units, sum) = by_product.entry((order.currency.to_owned(), sku)).or_default();
                    *units += i64::from(line.quantity);
                    *sum += i64::from(line.quantity) * line.price;
                }
            }
        })
        .await?;
        let statuses = report(merchant, "order-status").await?;
        let mut told: BTreeMap<String, u64> = BTreeMap::new();
        for row in rows(&statuses, "groups") {
            *told.entry(row["key"].as_str().unwrap_or_default().to_owned()).or_default() +=
                row["figures"]["orders"].as_u64().unwrap_or_default();
        }
        ensure!(told == by_status, "{told:?} is not {by_status:?}");
        let whole = || async { report(merchant, "top-products").await };
        let products = until(whole, |report| report["ordersWithoutLines"] == 0).await?;
        ensure!(!rows(&products, "products").is_empty(), "{products:#}");
        for row in rows(&products, "products") {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let key = (text(&row["sales"]["currency"]), text(told_by(row)));
            let (units, sum) = by_product.get(&key).with_context(|| format!("no {key:?}"))?;
            let quantity: Amount = text(&row["quantity"]).parse()?;
            ensure!(
                quantity == units.to_string().parse()? && row["sales"]["amount"] == money(*sum),
                "{row} is not {units}, {sum}"
            );
        }
        let best =
            by_product.iter().filter(|((currency, _), _)| currency == "SAR").max_by_key(|(_, (_, sum))| *sum);
        let first = rows(&products, "products").iter().find(|row| row["sales"]["currency"] == "SAR");
        ensure!(
            first.map(told_by) == best.map(|((_, sku), _)| Value::from(sku.clone())).as_ref(),
            "{first:?}"
        );
        let customers = report(merchant, "customers").await?;
        for row in rows(&customers, "counts") {
            let bought = buyers[row["currency"].as_str().unwrap_or_default()].len() as u64;
            ensure!(row["customers"] == bought && row["newCustomers"] == bought, "{row} is not {bought}");
        }
        let top = rows(&customers, "customers").first().context("customers")?;
        let named = of_store(*store, |store| {
            let id = top["customerId"].as_u64();
            let known = store.customers.iter().find(|customer| Some(customer.id) == id);
            known.map(|customer| format!("{} {}", customer.first_name, customer.last_name))
        });
        ensure!(top["name"].as_str().map(str::to_owned) == named.await?, "{top}");
        Ok(())
    });
}

#[test]
fn lists_show_every_row_once_and_details_are_opened_for_their_merchant_alone() {
    SHARED.run(async {
        let (merchant, store) = imported().await?;
        // A list shows rows a moment after they were merged.
        let orders = until(|| all(merchant, "/api/v1/orders"), |orders| orders.len() == 300).await?;
        let wanted =
            of_store(*store, |store| store.orders.iter().rev().map(|o| o.id).collect::<Vec<_>>()).await?;
        ensure!(
            ids(&orders).iter().collect::<BTreeSet<_>>() == wanted.iter().collect(),
            "{} orders",
            orders.len()
        );
        let made: Vec<&str> = orders.iter().filter_map(|order| order["createdAt"].as_str()).collect();
        ensure!(made.len() == 300 && made.is_sorted_by(|newer, older| newer >= older), "newest first");
        let oldest =
            expect(merchant.get("/api/v1/orders?sort=createdAt&limit=1").await?, StatusCode::OK).await?;
        ensure!(oldest["items"][0]["createdAt"] == *made.last().context("orders")?, "{oldest}");
        let (id, number, email, lines) = of_store(*store, |store| {
            let order = &store.orders[100];
            (order.id, order.reference_id, store.customers[order.customer].email.clone(), order.lines.len())
        })
        .await?;
        let found =
            expect(merchant.get(&format!("/api/v1/orders?number={number}")).await?, StatusCode::OK).await?;
        ensure!(ids(rows(&found, "items")) == [id], "{found}");
        let order = expect(merchant.get(&format!("/api/v1/orders/{id}")).await?, StatusCode::OK).await?;
        ensure!(
            order["customer"]["email"] == email.as_str() && rows(&order, "lines").len() == lines,
            "{order:#}"
        );
        ensure!(order["linesComplete"] == true, "{order:#}");
        ensure!(order["adminUrl"] == format!("https://s.salla.sa/orders/order/{id:x}"), "{order:#}");
        let sold = of_store(*store, |store| sales(store).count() as u64).await?;
        let bought = |found: &Vec<Value>| found.iter().filter_map(|one| one["orders"].as_u64()).sum::<u64>();
        let is_told = |found: &Vec<Value>| found.len() == 40 && bought(found) == sold;
        let customers = until(|| all(merchant, "/api/v1/customers"), is_told).await?;
        let one = format!("/api/v1/customers/{}", ids(&customers)[7]);
        let mut one = expect(merchant.get(&one).await?, StatusCode::OK).await?;
        one.as_object_mut().context("a customer")?.remove("bought");
        ensure!(
            one == customers[7] && one["email"].as_str().is_some_and(|email| email.contains('@')),
            "{one}"
        );
        let by_email = format!("/api/v1/customers?email={}", email.to_uppercase());
        let by_email = expect(merchant.get(&by_email).await?, StatusCode::OK).await?;
        ensure!(rows(&by_email, "items").iter().any(|one| one["email"] == email.as_str()), "{by_email}");
        let phone = one["phone"].as_str().context("a phone")?.trim_start_matches('+');
        let by_phone =
            expect(merchant.get(&format!("/api/v1/customers?phone=%2B{phone}")).await?, StatusCode::OK)
                .await?;
        ensure!(rows(&by_phone, "items").contains(&one), "{by_phone}");
        let of_person = format!("/api/v1/orders?limit=100&email={email}");
        let wanted = orders.iter().filter(|order| order["customer"]["email"] == email.as_str());
        let wanted = ids(&wanted.cloned().collect::<Vec<_>>());
        // A list is found by what its rows say a moment after they say it.
        let asked = || async { expect(merchant.get(&of_person).await?, StatusCode::OK).await };
        until(asked, |found| ids(rows(found, "items")) == wanted).await?;
        let nobody =
            expect(merchant.get("/api/v1/orders?email=nobody@example.com").await?, StatusCode::OK).await?;
        ensure!(rows(&nobody, "items").is_empty(), "{nobody}");
        let products = until(|| all(merchant, "/api/v1/products"), |found| found.len() == 12).await?;
        let known = products.iter().find(|product| product["sku"].is_string()).context("a SKU")?;
        let sku = known["sku"].as_str().unwrap_or_default();
        let found =
            expect(merchant.get(&format!("/api/v1/products?sku={sku}")).await?, StatusCode::OK).await?;
        ensure!(rows(&found, "items") == std::slice::from_ref(known), "{found}");
        let world = SHARED.world().await?;
        let stranger = Merchant::register(&world.gateway).await?;
        for path in [format!("/api/v1/orders/{id}"), format!("/api/v1/customers/{}", ids(&customers)[7])] {
            expect(stranger.get(&path).await?, StatusCode::NOT_FOUND).await?;
        }
        expect(merchant.get("/api/v1/orders/abc").await?, StatusCode::NOT_FOUND).await?;
        for (path, field) in [
            ("orders?sort=city", "sort"),
            ("orders?number=x", "number"),
            ("orders?phone=x", "phone"),
            ("products?name=x", "name"),
        ] {
            let refused = merchant.get(&format!("/api/v1/{path}")).await?;
            let refused = expect(refused, StatusCode::UNPROCESSABLE_ENTITY).await?;
            ensure!(refused["errors"][0]["pointer"] == field, "{refused}");
        }
        Ok(())
    });
}

#[test]
fn whoever_was_erased_or_is_of_another_store_is_found_by_no_contact() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let plan = Plan { seed: 862, orders: 3, customers: 4, products: 2, months: 1, ..Plan::default() };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        merchant.start_import(12).await?;
        merchant.watch_import(Duration::from_secs(60), |_| {}).await?;
        let (id, email) = of_store(store, |store| (store.customers[2].id, store.customers[2].email.clone())).await?;
        let path = format!("/api/v1/customers?email={email}");
        let search = || async { expect(merchant.get(&path).await?, StatusCode::OK).await };
        until(search, |found| ids(rows(found, "items")) == [id]).await?;
        let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let (here, elsewhere) = (format!("{store}:customer:{id}"), format!("1:customer:{id}"));
        for (from, to) in [(&here, &elsewhere), (&elsewhere, &here)] {
            sqlx::query("UPDATE subject_keys SET subject = $3 WHERE merchant_id = $1::uuid AND subject = $2")
                .bind(&merchant.id)
                .bind(from)
                .bind(to)
                .execute(&owner)
                .await?;
            let found = search().await?;
            ensure!(ids(rows(&found, "items")).len() == usize::from(to == &here), "the contact is of {to}");
        }
        let destroyed = sqlx::query(
            "UPDATE subject_keys SET wrapped = NULL, destroyed_at = now() WHERE merchant_id = $1::uuid AND subject = $2",
        )
        .bind(&merchant.id)
        .bind(&here)
        .execute(&owner)
        .await?;
        ensure!(destroyed.rows_affected() == 1, "the key of customer {id}");
        ensure!(rows(&search().await?, "items").is_empty(), "a contact is left");
        let shown = expect(merchant.get(&format!("/api/v1/customers/{id}")).await?, StatusCode::OK).await?;
        ensure!(shown["email"].is_null() && shown["phone"].is_null(), "{shown}");
        let left: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM contact_digests c JOIN subject_keys k USING (subject_key_id) WHERE k.destroyed_at IS NOT NULL
                 AND k.merchant_id = $1::uuid",
        )
        .bind(&merchant.id)
        .fetch_one(&owner)
        .await?;
        ensure!(left == 0, "{left} digests are left");
        Ok(())
    });
}

#[test]
fn where_phones_are_spelt_by_other_rules_the_digests_of_whoever_is_stored_are_recomputed() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let plan = Plan { seed: 863, orders: 3, customers: 4, products: 2, months: 1, ..Plan::default() };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        merchant.start_import(12).await?;
        merchant.watch_import(Duration::from_secs(60), |_| {}).await?;
        let (id, email) =
            of_store(store, |store| (store.customers[2].id, store.customers[2].email.clone())).await?;
        let path = format!("/api/v1/customers?email={email}");
        let search = || async { expect(merchant.get(&path).await?, StatusCode::OK).await };
        until(search, |found| ids(rows(found, "items")) == [id]).await?;
        let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        sqlx::query("DELETE FROM contact_digests WHERE merchant_id = $1::uuid")
            .bind(&merchant.id)
            .execute(&owner)
            .await?;
        ensure!(rows(&search().await?, "items").is_empty(), "the digests were deleted");
        // A process of its own, which knows of no digest that was written before.
        let config = Config::read(|name| world.environment.get(name).cloned())?;
        let read_models = ReadModels { pool: owner.clone(), list_cache_window: Duration::from_secs(900) };
        let spelling = ContactSpelling {
            pool: owner.clone(),
            keys: Arc::new(PostgresKeys::new(owner.clone(), config.operator_keys)),
            stored: Arc::new(read_models),
        };
        let merchant_id = MerchantId(merchant.id.parse()?);
        ensure!(spelling.recompute(merchant_id, store.cast_signed(), Market::default()).await? >= 4);
        ensure!(ids(rows(&search().await?, "items")) == [id]);
        // The system does so by itself where the rules or the store's country have changed, and once.
        let spelling = || async {
            let query = "SELECT contacts_spelling FROM salla_connections WHERE store_id = $1";
            Ok(sqlx::query_scalar::<_, Option<String>>(query)
                .bind(store.cast_signed())
                .fetch_one(&owner)
                .await?)
        };
        let done = until(spelling, Option::is_some).await?;
        sqlx::query("UPDATE salla_connections SET contacts_spelling = '0:SAR' WHERE store_id = $1")
            .bind(store.cast_signed())
            .execute(&owner)
            .await?;
        until(spelling, |spelling| *spelling == done).await.map(drop)
    });
}
