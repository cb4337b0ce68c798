//! Every filter and every order of each list against rows that are chosen and sorted from the simulator's store alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{Days, NaiveDate, Utc};
use chrono_tz::Tz;
use qafila_projections::olap::standing::{Standing, standing};
use qafila_proving::merchant::{Merchant, expect, make_store};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use qafila_schemas::amount::Amount;
use qafila_schemas::exchange::ExchangeRate;
use qafila_schemas::spelling;
use reqwest::StatusCode;
use salla_sim::catalogue::{CITIES, STATUSES};
use salla_sim::store::{Order, Plan, Product, Store};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

static SHARED: SharedWorld = SharedWorld::new("lists");
static IMPORTED: OnceCell<(Merchant, u64)> = OnceCell::const_new();

const ORDERS: usize = 400;
const CUSTOMERS: usize = 45;
const PRODUCTS: usize = 14;

/// The merchant that all tests read as, and their store.
async fn imported() -> Result<&'static (Merchant, u64)> {
    IMPORTED
        .get_or_try_init(|| async {
            let world = SHARED.world().await?;
            let plan = Plan {
                seed: 1_611,
                orders: ORDERS,
                customers: CUSTOMERS,
                products: PRODUCTS,
                months: 12,
                ..Plan::default()
            };
            let store = make_store(&world.sim_url, &plan).await?;
            let merchant = Merchant::register(&world.gateway).await?;
            merchant.connect(store).await?;
            merchant.start_import(24).await?;
            merchant.watch_import(Duration::from_secs(180), |_| {}).await?;
            let rows = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
            let listed = || async {
                let query = "SELECT (SELECT count(*) FROM order_list l JOIN orders o ON o.order_id = l.id
                         WHERE l.is_listed AND l.merchant_id = $1::uuid AND o.lines_complete AND l.revision = o.revision),
                     (SELECT count(*) FROM customer_list WHERE is_listed AND merchant_id = $1::uuid),
                     (SELECT count(*) FROM product_list WHERE is_listed AND merchant_id = $1::uuid)";
                let counted: (i64, i64, i64) = sqlx::query_as(query).bind(&merchant.id).fetch_one(&rows).await?;
                Ok(counted)
            };
            let all = (ORDERS as i64, CUSTOMERS as i64, PRODUCTS as i64);
            until(listed, |counted| *counted == all).await?;
            anyhow::Ok((merchant, store))
        })
        .await
}

async fn get(merchant: &Merchant, path: &str) -> Result<Value> {
    expect(merchant.get(&format!("/api/v1/{path}")).await?, StatusCode::OK).await
}

fn items(body: &Value) -> &[Value] {
    body["items"].as_array().map_or(&[], Vec::as_slice)
}

/// Ids of all pages of a list; every page says how many rows there are.
async fn ids(merchant: &Merchant, list: &str, query: &str) -> Result<Vec<u64>> {
    let (mut ids, mut cursor) = (vec![], String::new());
    let mut total = None;
    loop {
        let page = get(merchant, &format!("{list}?count=true&limit=37&{query}{cursor}")).await?;
        ids.extend(items(&page).iter().filter_map(|item| item["id"].as_u64()));
        let counted = page["total"]["count"].as_u64();
        ensure!(total.is_none() || total == Some(counted), "{page}");
        ensure!(page["total"]["isAtLeast"] == false, "{}", page["total"]);
        total = Some(counted);
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    ensure!(total == Some(Some(ids.len() as u64)), "{query}: {total:?} are not {}", ids.len());
    Ok(ids)
}

/// What the source says, without holding it.
async fn of_store<T>(tell: impl FnOnce(&Store) -> T) -> Result<T> {
    let store = imported().await?.1;
    let world = SHARED.world().await?;
    Ok(tell(world.sim.world().stores.get(&store).context("the store")?))
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Total in the currency of the store, ten-thousandths.
fn in_store(order: &Order) -> i64 {
    let rate = ExchangeRate::new("SAR", "USD", "0.266592".parse().expect("a rate")).expect("a rate");
    let total = Amount::from_mantissa(order.total * 100).expect("it fits");
    rate.in_base(total, order.currency).expect("a rate of its currency").mantissa()
}

fn slug(order: &Order) -> &'static str {
    STATUSES[order.status].1
}

fn is_sale(order: &Order) -> bool {
    standing(Some(slug(order)), false) == Standing::Sale
}

fn has_words(texts: &[&str], wanted: &str) -> bool {
    let words: BTreeSet<String> = texts.iter().flat_map(|text| spelling::words(text)).collect();
    spelling::words(wanted).iter().all(|word| words.contains(word))
}

/// A filter, and what it holds of.
type OrderFilter = (String, Box<dyn Fn(&Store, &Order) -> bool + Send + Sync>);

/// Every documented filter of orders, alone and together.
fn order_filters(store: &Store) -> Vec<OrderFilter> {
    let some = &store.orders[ORDERS / 3];
    let customer = &store.customers[some.customer];
    let (id, city) = (customer.id, CITIES[customer.city]);
    let (first, last, email) = (customer.first_name, customer.last_name, customer.email.clone());
    let (product, payment, number) = (some.lines[0].product, some.payment_method, some.reference_id);
    let (product_id, name) = (store.products[product].id, store.products[product].name.clone());
    let sku = store.products.iter().position(|product| !product.sku.is_empty()).expect("a SKU");
    let sku_text = store.products[sku].sku.clone();
    let day = |zone: Tz| move |order: &Order| order.created_at.with_timezone(&zone).date_naive();
    let to: NaiveDate = Utc::now().date_naive() - Days::new(40);
    let from = to - Days::new(150);
    let (riyadh, new_york) = (day(Tz::Asia__Riyadh), day(Tz::America__New_York));
    let mobile = customer.mobile;
    let with_word = move |store: &Store, order: &Order, wanted: &str| {
        let number = order.reference_id.to_string();
        let products = order.lines.iter().map(|line| &store.products[line.product]);
        let mut texts: Vec<&str> = products.flat_map(|product| [&*product.name, &*product.sku]).collect();
        texts.push(&number);
        has_words(&texts, wanted)
    };
    let arabic: String =
        number.to_string().chars().map(|d| char::from_u32(d as u32 - 48 + 0x660).expect("a digit")).collect();
    let (word, decorated) = (name.clone(), name.replace('ا', "أ").replace('ة', "ه").replace('ي', "ى"));
    let person = move |store: &Store, order: &Order| store.customers[order.customer].id == id;
    let named = move |store: &Store, order: &Order, words: &str| {
        let customer = &store.customers[order.customer];
        has_words(&[customer.first_name, customer.last_name], words)
    };
    vec![
        (String::new(), Box::new(|_: &Store, _: &Order| true)),
        ("status=canceled".into(), Box::new(|_: &Store, order: &Order| slug(order) == "canceled")),
        (
            "status=canceled&status=completed&status=delivered".into(),
            Box::new(|_: &Store, order: &Order| {
                ["canceled", "completed", "delivered"].contains(&slug(order))
            }),
        ),
        (
            format!("paymentMethod={payment}"),
            Box::new(move |_: &Store, order: &Order| order.payment_method == payment),
        ),
        (
            format!("paymentMethod={payment}&paymentMethod=cod&status=completed&status=delivered"),
            Box::new(move |_: &Store, order: &Order| {
                [payment, "cod"].contains(&order.payment_method)
                    && ["completed", "delivered"].contains(&slug(order))
            }),
        ),
        (
            format!("city={}", encoded(city)),
            Box::new(move |store: &Store, order: &Order| {
                CITIES[store.customers[order.customer].city] == city
            }),
        ),
        (
            format!("city={}&city={}", encoded(CITIES[0]), encoded(CITIES[1])),
            Box::new(|store: &Store, order: &Order| store.customers[order.customer].city < 2),
        ),
        (format!("customerId={id}"), Box::new(person)),
        (
            format!("productId={product_id}"),
            Box::new(move |_: &Store, order: &Order| order.lines.iter().any(|line| line.product == product)),
        ),
        (format!("number={number}"), Box::new(move |_: &Store, order: &Order| order.reference_id == number)),
        (
            format!("q={}", encoded(&arabic)),
            Box::new(move |store: &Store, order: &Order| with_word(store, order, &number.to_string())),
        ),
        (
            format!("q={}", encoded(&decorated)),
            Box::new(move |store: &Store, order: &Order| with_word(store, order, &word)),
        ),
        (
            format!("q={}", encoded(&sku_text)),
            Box::new(move |store: &Store, order: &Order| with_word(store, order, &sku_text)),
        ),
        (format!("from={from}"), Box::new(move |_: &Store, order: &Order| riyadh(order) >= from)),
        (format!("to={to}"), Box::new(move |_: &Store, order: &Order| riyadh(order) <= to)),
        (
            format!("from={from}&to={to}&timezone=America/New_York&status=completed"),
            Box::new(move |_: &Store, order: &Order| {
                (from..=to).contains(&new_york(order)) && slug(order) == "completed"
            }),
        ),
        ("amountFrom=400".into(), Box::new(|_: &Store, order: &Order| in_store(order) >= 4_000_000)),
        (
            "amountFrom=99.5&amountTo=1000".into(),
            Box::new(|_: &Store, order: &Order| (995_000..=10_000_000).contains(&in_store(order))),
        ),
        (format!("email={}", encoded(&email)), Box::new(person)),
        (format!("phone=0{mobile}"), Box::new(person)),
        (
            format!("name={}", encoded(first)),
            Box::new(move |store: &Store, order: &Order| named(store, order, first)),
        ),
        (
            format!("name={}", encoded(&format!("{last} {first}"))),
            Box::new(move |store: &Store, order: &Order| named(store, order, &format!("{last} {first}"))),
        ),
        ("q=%D9%84%D8%A7%D8%B4%D9%8A%D8%A1".into(), Box::new(|_: &Store, _: &Order| false)),
    ]
}

#[test]
fn orders_are_found_by_every_filter_in_every_order() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        let filters = of_store(order_filters).await?;
        for (filter, holds) in &filters {
            for sort in ["-createdAt", "createdAt", "-total", "total"] {
                let wanted = of_store(|store| {
                    let mut orders: Vec<&Order> =
                        store.orders.iter().filter(|order| holds(store, order)).collect();
                    match sort.trim_start_matches('-') {
                        "total" => orders.sort_by_key(|order| (in_store(order), order.id)),
                        _ => orders.sort_by_key(|order| (order.created_at, order.id)),
                    }
                    if sort.starts_with('-') {
                        orders.reverse();
                    }
                    orders.iter().map(|order| order.id).collect::<Vec<_>>()
                });
                let wanted = wanted.await?;
                ensure!(
                    wanted.len() < ORDERS || filter.is_empty() || filter.starts_with("amount"),
                    "{filter} filters nothing"
                );
                let found = ids(merchant, "orders", &format!("sort={sort}&{filter}")).await?;
                ensure!(
                    found == wanted,
                    "{filter} by {sort}: {} of {}: {found:?} is not {wanted:?}",
                    found.len(),
                    wanted.len()
                );
            }
        }
        Ok(())
    });
}

#[test]
fn facets_count_what_can_be_filtered_by() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        let counted = |body: &Value, filter: &str| -> BTreeMap<String, u64> {
            let of_filter =
                body["facets"].as_array().into_iter().flatten().find(|facet| facet["filter"] == filter);
            let values = of_filter.and_then(|facet| facet["values"].as_array()).into_iter().flatten();
            values
                .filter_map(|one| Some((one["value"].as_str()?.to_owned(), one["count"].as_u64()?)))
                .collect()
        };
        let of_orders = get(merchant, "orders/facets").await?;
        let (statuses, payments, cities) = of_store(|store| {
            let mut counts: [BTreeMap<String, u64>; 3] = Default::default();
            for order in &store.orders {
                let city = CITIES[store.customers[order.customer].city];
                for (map, value) in counts.iter_mut().zip([slug(order), order.payment_method, city]) {
                    *map.entry(value.to_owned()).or_default() += 1;
                }
            }
            let [statuses, payments, cities] = counts;
            (statuses, payments, cities)
        })
        .await?;
        ensure!(counted(&of_orders, "status") == statuses, "{of_orders}");
        ensure!(counted(&of_orders, "paymentMethod") == payments, "{of_orders}");
        ensure!(counted(&of_orders, "city") == cities, "{of_orders}");
        ensure!(counted(&of_orders, "channel").values().sum::<u64>() == ORDERS as u64, "{of_orders}");
        let labels =
            of_orders["facets"].as_array().into_iter().flatten().find(|facet| facet["filter"] == "status");
        let completed = labels
            .and_then(|facet| facet["values"].as_array())
            .into_iter()
            .flatten()
            .find(|one| one["value"] == "completed");
        ensure!(completed.is_some_and(|one| one["label"] == "تم التنفيذ"), "{of_orders}");
        let of_products = get(merchant, "products/facets").await?;
        let statuses = of_store(|store| {
            let mut statuses: BTreeMap<String, u64> = BTreeMap::new();
            for product in &store.products {
                *statuses.entry(product.status.to_owned()).or_default() += 1;
            }
            statuses
        });
        ensure!(counted(&of_products, "status") == statuses.await?, "{of_products}");
        let of_customers = get(merchant, "customers/facets").await?;
        ensure!(counted(&of_customers, "city").values().sum::<u64>() == CUSTOMERS as u64, "{of_customers}");
        Ok(())
    });
}

#[test]
fn customers_show_what_they_bought_and_are_sorted_by_it() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        /// Orders, sales in the store's currency, first and last order, and sales by currency in hundredths.
        #[derive(Default)]
        struct Bought {
            orders: u64,
            sales: i64,
            first: i64,
            last: i64,
            by_currency: BTreeMap<&'static str, (u64, i64)>,
        }
        let bought = of_store(|store| {
            let mut all: BTreeMap<u64, Bought> =
                store.customers.iter().map(|one| (one.id, Bought::default())).collect();
            for order in store.orders.iter().filter(|order| is_sale(order)) {
                let one = all.get_mut(&store.customers[order.customer].id).expect("a customer");
                let at = order.created_at.timestamp_micros();
                one.first = if one.orders == 0 { at } else { one.first.min(at) };
                one.last = one.last.max(at);
                one.orders += 1;
                one.sales += in_store(order);
                let (orders, sales) = one.by_currency.entry(order.currency).or_default();
                *orders += 1;
                *sales += order.total;
            }
            all
        })
        .await?;
        for (sort, key) in [
            ("sales", (|one: &Bought| one.sales) as fn(&Bought) -> i64),
            ("lastOrderAt", |one| one.last),
            ("createdAt", |_| 0),
        ] {
            let mut wanted: Vec<(i64, u64)> = bought.iter().map(|(id, one)| (key(one), *id)).collect();
            wanted.sort_unstable();
            let wanted: Vec<u64> = wanted.into_iter().map(|(_, id)| id).collect();
            ensure!(ids(merchant, "customers", &format!("sort={sort}")).await? == wanted, "{sort}");
            let reversed: Vec<u64> = wanted.into_iter().rev().collect();
            ensure!(ids(merchant, "customers", &format!("sort=-{sort}")).await? == reversed, "-{sort}");
        }
        let page = get(merchant, "customers?limit=100").await?;
        for item in items(&page) {
            let one = &bought[&item["id"].as_u64().context("an id")?];
            let sales = format!("{:.4}", Amount::from_mantissa(one.sales)?);
            ensure!(
                item["orders"] == one.orders && item["sales"] == json!({"amount": sales, "currency": "SAR"}),
                "{item}"
            );
            let shown = get(merchant, &format!("customers/{}", item["id"])).await?;
            let told: BTreeMap<String, (u64, String)> = shown["bought"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|one| {
                    let money = &one["sales"];
                    Some((
                        money["currency"].as_str()?.to_owned(),
                        (one["orders"].as_u64()?, money["amount"].as_str()?.to_owned()),
                    ))
                })
                .collect();
            let expected: BTreeMap<String, (u64, String)> = one
                .by_currency
                .iter()
                .map(|(currency, (orders, sales))| {
                    ((*currency).to_owned(), (*orders, format!("{}.{:02}00", sales / 100, sales % 100)))
                })
                .collect();
            ensure!(told == expected, "{shown}");
        }
        let middle = bought.values().map(|one| one.sales).max().context("customers")? / 2;
        let rich =
            bought.iter().filter(|(_, one)| one.sales >= middle).map(|(id, _)| *id).collect::<BTreeSet<_>>();
        let query = format!("amountFrom={}", Amount::from_mantissa(middle)?);
        ensure!(ids(merchant, "customers", &query).await?.into_iter().collect::<BTreeSet<_>>() == rich);
        let (city, first) =
            of_store(|store| (CITIES[store.customers[3].city], store.customers[3].first_name)).await?;
        let of_city = of_store(|store| {
            store
                .customers
                .iter()
                .filter(|one| CITIES[one.city] == city)
                .map(|one| one.id)
                .collect::<BTreeSet<_>>()
        });
        let found = ids(merchant, "customers", &format!("city={}", encoded(city))).await?;
        ensure!(found.into_iter().collect::<BTreeSet<_>>() == of_city.await?, "{city}");
        let named = of_store(|store| {
            let named = |name: &str| has_words(&[name], first);
            let them = store.customers.iter().filter(|one| named(one.first_name) || named(one.last_name));
            them.map(|one| one.id).collect::<BTreeSet<_>>()
        });
        let found = ids(merchant, "customers", &format!("name={}&group=11323141", encoded(first))).await?;
        ensure!(found.into_iter().collect::<BTreeSet<_>>() == named.await?, "{first}");
        Ok(())
    });
}

#[test]
fn products_are_found_while_somebody_types_and_sorted_by_price() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        let by_price = of_store(|store| {
            let mut products: Vec<&Product> = store.products.iter().collect();
            products.sort_by_key(|product| (product.price, product.id));
            products.iter().map(|product| product.id).collect::<Vec<_>>()
        });
        ensure!(ids(merchant, "products", "sort=price").await? == by_price.await?);
        let (name, status) =
            of_store(|store| (store.products[2].name.clone(), store.products[2].status)).await?;
        let word = spelling::words(&name).first().cloned().context("a word")?;
        for letters in 2..=word.chars().count() {
            let typed: String = word.chars().take(letters).collect();
            let wanted = of_store(|store| {
                let begins = |text: &str| spelling::words(text).iter().any(|word| word.starts_with(&typed));
                let found =
                    store.products.iter().filter(|product| begins(&product.name) || begins(&product.sku));
                found.map(|product| product.id).collect::<BTreeSet<_>>()
            })
            .await?;
            let found = ids(merchant, "products", &format!("q={}", encoded(&typed))).await?;
            // All simulated products have one brand, whose words are found, too.
            ensure!(
                wanted.is_subset(&found.iter().copied().collect()),
                "{typed}: {found:?} lacks some of {wanted:?}"
            );
        }
        let wanted = of_store(|store| {
            let of_status = store.products.iter().filter(|product| product.status == status);
            of_status.map(|product| product.id).collect::<BTreeSet<_>>()
        });
        let found = ids(merchant, "products", &format!("status={status}")).await?;
        ensure!(found.into_iter().collect::<BTreeSet<_>>() == wanted.await?, "{status}");
        Ok(())
    });
}

#[test]
fn a_product_shows_its_image_and_what_was_sold_of_it_lately() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        let riyadh = |at: chrono::DateTime<Utc>| at.with_timezone(&chrono_tz::Asia::Riyadh).date_naive();
        let from = riyadh(Utc::now()) - chrono::Days::new(29);
        // Orders and units by currency, of the product that most sales of these days have.
        let (id, sold) = of_store(|store| {
            let mut all: BTreeMap<usize, BTreeMap<&'static str, (u64, u64)>> = BTreeMap::new();
            for order in store.orders.iter().filter(|one| is_sale(one) && riyadh(one.created_at) >= from) {
                let products: BTreeSet<usize> = order.lines.iter().map(|line| line.product).collect();
                for product in products {
                    let lines = order.lines.iter().filter(|line| line.product == product);
                    let of_currency = all.entry(product).or_default().entry(order.currency).or_default();
                    of_currency.0 += 1;
                    of_currency.1 += lines.map(|line| u64::from(line.quantity)).sum::<u64>();
                }
            }
            let most = all.into_iter().max_by_key(|(_, sold)| sold.values().map(|one| one.0).sum::<u64>());
            most.map(|(product, sold)| (store.products[product].id, sold))
        })
        .await?
        .context("a sale within 30 days")?;
        let told = |shown: &Value| -> BTreeMap<String, (u64, String)> {
            let sales = shown["recentSales"]["sales"].as_array().into_iter().flatten();
            let one = |one: &Value| {
                let currency = one["sales"]["currency"].as_str()?.to_owned();
                Some((currency, (one["orders"].as_u64()?, one["quantity"].as_str()?.to_owned())))
            };
            sales.filter_map(one).collect()
        };
        let sold: BTreeMap<String, (u64, String)> = sold
            .into_iter()
            .map(|(currency, (orders, units))| (currency.to_owned(), (orders, format!("{units}.0000"))))
            .collect();
        let path = format!("products/{id}");
        let shown = until(|| get(merchant, &path), |shown| told(shown) == sold).await?;
        ensure!(shown["image"] == format!("https://cdn.example.com/p/{id}.jpg"), "{shown}");
        ensure!(shown["recentSales"]["from"] == from.to_string(), "{shown}");
        let page = get(merchant, "products?limit=100").await?;
        ensure!(items(&page).iter().all(|item| item["image"].is_string()), "{page}");
        Ok(())
    });
}

#[test]
fn the_history_of_an_order_is_fetched_once_and_its_notes_are_sealed() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        let world = SHARED.world().await?;
        let (id, status, made) = of_store(|store| {
            let order = &store.orders[50];
            (order.id, STATUSES[order.status].2, order.created_at)
        })
        .await?;
        let path = format!("orders/{id}/histories");
        let first = get(merchant, &path).await?;
        let entries = first["entries"].as_array().context("entries")?;
        ensure!(entries.len() == 2 && entries[1]["status"] == status, "{first}");
        let at: chrono::DateTime<Utc> = entries[0]["at"].as_str().context("a time")?.parse()?;
        ensure!((at - made).num_seconds() == 0 && entries[0]["note"] == "تم إنشاء الطلب", "{first}");
        ensure!(first["isCurrent"] == true && get(merchant, &path).await? == first, "it is kept");
        let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let kept: Value = sqlx::query_scalar("SELECT entries FROM order_histories WHERE order_id = $1")
            .bind(id.cast_signed())
            .fetch_one(&owner)
            .await?;
        ensure!(kept[0]["note"].as_str().is_some_and(|note| note.starts_with("pii:1:")), "{kept}");
        expect(merchant.get("/api/v1/orders/1/histories").await?, StatusCode::NOT_FOUND).await?;
        let stranger = Merchant::register(&world.gateway).await?;
        expect(stranger.get(&format!("/api/v1/{path}")).await?, StatusCode::NOT_FOUND).await?;
        let order = get(merchant, &format!("orders/{id}")).await?;
        ensure!(order["sums"]["other"]["amount"].is_string(), "{order}");
        Ok(())
    });
}

#[test]
fn a_key_reads_what_its_scopes_name_until_it_is_revoked() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        let world = SHARED.world().await?;
        let make = |scopes: Value| async move {
            let made =
                merchant.post("/api/v1/api-keys", &json!({"name": "Power BI", "scopes": scopes})).await?;
            expect(made, StatusCode::CREATED).await
        };
        let read = |key: &Value, path: &str| {
            let url = format!("{}/api/v1/{path}", world.gateway);
            let key = key["key"].as_str().unwrap_or_default().to_owned();
            async move { anyhow::Ok(reqwest::Client::new().get(url).bearer_auth(key).send().await?) }
        };
        let reports = make(json!(["reports"])).await?;
        let lists = make(json!(["lists"])).await?;
        let people = make(json!(["lists", "people"])).await?;
        expect(read(&reports, "reports/summary").await?, StatusCode::OK).await?;
        let refused = expect(read(&reports, "orders").await?, StatusCode::FORBIDDEN).await?;
        ensure!(refused["code"] == "scope-missing" && refused["params"]["scope"] == "lists", "{refused}");
        expect(read(&lists, "reports/summary").await?, StatusCode::FORBIDDEN).await?;
        let silent = expect(read(&lists, "customers?limit=100").await?, StatusCode::OK).await?;
        ensure!(
            items(&silent).len() == CUSTOMERS && items(&silent).iter().all(|one| one["email"].is_null()),
            "{silent}"
        );
        let refused = expect(read(&lists, "orders?email=a@b.sa").await?, StatusCode::FORBIDDEN).await?;
        ensure!(refused["params"]["scope"] == "people", "{refused}");
        let told = expect(read(&people, "customers?limit=1").await?, StatusCode::OK).await?;
        ensure!(items(&told).iter().all(|one| one["email"].is_string()), "{told}");
        for path in ["me", "api-keys", "sync/status", "notifications", "reports/exports"] {
            expect(read(&people, path).await?, StatusCode::UNAUTHORIZED).await?;
        }
        let known = get(merchant, "api-keys").await?;
        ensure!(
            items(&known).len() == 3 && items(&known).iter().all(|one| one["lastUsedAt"].is_string()),
            "{known}"
        );
        ensure!(items(&known).iter().all(|one| one.get("key").is_none()), "{known}");
        let stranger = Merchant::register(&world.gateway).await?;
        let path = format!("/api/v1/api-keys/{}", people["id"].as_str().context("an id")?);
        expect(stranger.delete(&path).await?, StatusCode::NOT_FOUND).await?;
        ensure!(merchant.delete(&path).await?.status() == StatusCode::NO_CONTENT);
        expect(read(&people, "customers").await?, StatusCode::UNAUTHORIZED).await?;
        for (body, field) in [
            (json!({"name": " ", "scopes": ["lists"]}), "/name"),
            (json!({"name": "x", "scopes": []}), "/scopes"),
            (json!({"name": "x", "scopes": ["lists", "write"]}), "/scopes/1"),
        ] {
            let refused = merchant.post("/api/v1/api-keys", &body).await?;
            let refused = expect(refused, StatusCode::UNPROCESSABLE_ENTITY).await?;
            ensure!(refused["errors"][0]["pointer"] == field, "{refused}");
        }
        Ok(())
    });
}
