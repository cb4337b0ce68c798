//! `list_<name>`: the 95th percentile of lists and of the details of what is in them over 100,000 orders of a merchant, asked for by four
//! users at once, and, as `…_alone`, by one; beside `GET /health/live`. `lists_1m` is the slowest of every filter in every order, and of the
//! facets, over 1,000,000 orders with four users.

use anyhow::{Context, Result};

use super::measurement;
use super::reports::{MILLION, USERS, measure, p95};
use crate::many_orders::{SHARED_NAME, merchant_with_rows, phone};
use crate::record::Measurement;
use crate::world::World;

/// The lists and the details of what is in them, of Postgres.
pub async fn lists() -> Result<Vec<Measurement>> {
    let phone = phone(450).replace('+', "%2B");
    let paths = [
        ("orders", "orders".to_owned()),
        ("orders_of_a_hundred", "orders?limit=100".to_owned()),
        ("orders_by_status", "orders?status=canceled&sort=createdAt".to_owned()),
        ("orders_by_number", "orders?number=277777".to_owned()),
        ("orders_by_phone", format!("orders?phone={phone}")),
        ("orders_of_a_customer", "orders?customerId=4711".to_owned()),
        ("order", "orders/1000077777".to_owned()),
        ("customers", "customers".to_owned()),
        ("customers_by_phone", format!("customers?phone={phone}")),
        ("customer", "customers/4711".to_owned()),
        ("products", "products".to_owned()),
        ("products_by_sku", "products?sku=SKU-700".to_owned()),
        ("product", "products/700".to_owned()),
    ];
    let named = paths.map(|(name, path)| (format!("list_{name}"), format!("/api/v1/{path}")));
    let mut measured = measure("bench_lists", named.to_vec(), vec![]).await?;
    measured.push(of_a_million().await?);
    Ok(measured)
}

/// The slowest of all filters in all orders over 1,000,000 orders.
async fn of_a_million() -> Result<Measurement> {
    let mut world = World::make("bench_lists_1m").await?;
    world.start()?;
    world.ready().await?;
    let merchant = merchant_with_rows(&world, 5_004, MILLION).await?;
    let pid = world.pid().context("a process")?.to_string();
    let live = p95(&merchant, "/health/live", USERS).await?;
    let cpu = super::cpu_seconds_of(&pid)?;
    let mut all = vec![];
    for path in every_list() {
        let ours = p95(&merchant, &format!("/api/v1/{path}"), USERS).await?;
        all.push((ours, path));
    }
    all.sort_by(|one, other| other.0.total_cmp(&one.0));
    for (ours, path) in all.iter().take(15) {
        println!("  {path} of 1,000,000 orders p95 {ours:.1} ms");
    }
    let cpu = super::cpu_seconds_of(&pid)? - cpu;
    let rss = super::peak_rss_mb(&pid)?;
    world.remove().await?;
    let slowest = all.first().context("lists")?.0;
    measurement("lists_1m", slowest, live, "ms p95", cpu, rss)
}

/// Every documented filter, those that most and that fewest rows have, in every order; the facets; several filters together.
fn every_list() -> Vec<String> {
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let phone = phone(450).replace('+', "%2B");
    let (riyadh, rare) = (encoded("الرياض"), encoded("عرعر"));
    let (jeddah, dates) = (encoded("جدة"), encoded("تمر"));
    let name = encoded(SHARED_NAME);
    let people = format!("email=nobody@example.com|phone={phone}|name={name}");
    let orders = format!(
        "|status=delivered|status=canceled|status=restored|status=under_review|status=restored&status=under_review|paymentMethod=cod|\
         paymentMethod=cod&paymentMethod=mada|channel=mobile-app|city={riyadh}|city={rare}|city={riyadh}&city={rare}&city={jeddah}|\
         status=canceled&city={rare}|number=577777|customerId=4711|productId=3|productId=997|q={dates}|q=SKU-3|q={dates}%20997|q=577777|\
         from=2024-03-01&to=2024-03-31|from=2024-03-05&to=2024-03-05|to=2023-11-20|amountFrom=50000|amountFrom=100&amountTo=101|\
         from=2024-03-01&to=2024-03-31&status=canceled&amountFrom=500&q={dates}|{people}"
    );
    let customers = format!(
        "|city={riyadh}|country=SA|group=3|amountFrom=100000|amountTo=10|from=2023-11-15&to=2023-11-16|{people}"
    );
    let products = format!(
        "|status=out|kind=product|brand=Qafila|category=category%203|category=category%203&category=category%204|sku=SKU-700|q={dates}|q=SKU-70|amountFrom=100&amountTo=120|from=2023-11-14"
    );
    let carts = format!(
        "|status=active|city={riyadh}|customerId=4711|productId=3|amountFrom=500|from=2023-11-14&to=2023-11-16|{people}"
    );
    let lists = [
        ("orders", orders, &["-createdAt", "createdAt", "-total", "total"][..]),
        (
            "customers",
            customers,
            &["-createdAt", "createdAt", "-lastOrderAt", "lastOrderAt", "-sales", "sales"],
        ),
        (
            "products",
            products,
            &["-createdAt", "createdAt", "-price", "price", "-soldQuantity", "soldQuantity"],
        ),
        ("carts", carts, &["-createdAt", "createdAt", "-total", "total"]),
    ];
    let mut all = vec![];
    for (list, filters, sorts) in &lists {
        all.push(format!("{list}/facets"));
        for filter in filters.split('|') {
            all.extend(sorts.iter().map(|sort| format!("{list}?sort={sort}&{filter}")));
        }
    }
    all
}
