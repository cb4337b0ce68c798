//! Many rows of lists, as their projection makes them of facts, without the facts.

use anyhow::Result;
use qafila_projections::lists::List;
use qafila_projections::lists::row::{Facet, ListRow};
use qafila_projections::lists::store::store;
use qafila_projections::lists::terms::{Terms, distinct};
use qafila_projections::olap::load::Tombstone;
use qafila_schemas::amount::Amount;
use qafila_schemas::millis::Millis;
use sqlx::PgPool;

use crate::many_orders::{CUSTOMERS, Of, PRODUCTS, created_at_ms};

const BATCH: u64 = 5_000;
/// Carts beside the orders.
const CARTS: u64 = 50_000;
/// Cities of orders: the second has half of them, each further one half of the rest, the last one in two thousand.
const CITIES: [&str; 12] =
    ["جدة", "الرياض", "مكة", "المدينة", "الدمام", "الخبر", "تبوك", "أبها", "حائل", "نجران", "جازان", "عرعر"];

/// Fills the lists of a store with `rows` orders and what goes with them.
pub async fn fill_lists(owner: &PgPool, of: Of, rows: u64) -> Result<()> {
    let terms = Terms::of(of.merchant, of.store);
    fill(owner, List::Orders, rows, |n| order(of, &terms, n, rows)).await?;
    fill(owner, List::Customers, CUSTOMERS.cast_unsigned(), |n| customer(of, &terms, n)).await?;
    fill(owner, List::Products, PRODUCTS, |n| product(of, &terms, n)).await?;
    fill(owner, List::Carts, CARTS, |n| cart(of, &terms, n)).await?;
    // GIN keeps what is new in a list of its own until a vacuum.
    sqlx::query("VACUUM ANALYZE order_list, customer_list, product_list, cart_list, list_facets")
        .execute(owner)
        .await?;
    Ok(())
}

async fn fill(owner: &PgPool, list: List, rows: u64, row: impl Fn(u64) -> ListRow) -> Result<()> {
    let mut at = 0;
    while at < rows {
        let end = (at + BATCH).min(rows);
        let mut transaction = owner.begin().await?;
        store(&mut transaction, list, (at..end).map(&row).collect()).await?;
        transaction.commit().await?;
        at = end;
    }
    Ok(())
}

/// The `n`th order of `rows`: what is new is under review, one in ten is canceled, and one status is only of the oldest.
fn order(of: Of, terms: &Terms, n: u64, rows: u64) -> ListRow {
    let status = match n {
        n if n < rows / 100 => "restored",
        n if n + rows / 200 > rows => "under_review",
        n if n % 10 == 0 => "canceled",
        _ => "delivered",
    };
    let payment = ["mada", "cod", "credit_card"][(n % 3) as usize];
    let channel = if n.is_multiple_of(5) { "mobile-app" } else { "store" };
    let city = CITIES[(n.wrapping_mul(2_654_435_761) % (1 << 11) + 1).leading_zeros() as usize - 52];
    let facets = facets(
        terms,
        &[("status", status), ("paymentMethod", payment), ("channel", channel), ("city", city)],
    );
    // Each product is sold for a part of the time.
    let products = [n * PRODUCTS / rows, (n * 7) % PRODUCTS];
    let words = products.iter().flat_map(|product| {
        let mut terms_of_line = terms.words(&format!("تمر سكري {product}"));
        terms_of_line.extend(terms.words(&format!("SKU-{product}")));
        terms_of_line.push(terms.id("product", product.cast_signed()));
        terms_of_line
    });
    let all =
        facets.iter().map(|facet| facet.term).chain(words).chain([terms.word(&(200_000 + n).to_string())]);
    ListRow {
        created_at: Millis(created_at_ms(n)),
        amount: Some(Amount::whole((100 + n * 7_919 % 90_000) as i32)),
        status: Some(status.into()),
        payment_method: Some(payment.into()),
        channel: Some(channel.into()),
        city: Some(city.into()),
        customer_id: Some((n % CUSTOMERS.cast_unsigned()).cast_signed()),
        is_sale: status != "canceled" && status != "restored",
        terms: distinct(all.collect()),
        facets,
        ..row(of, 1_000_000_000 + n)
    }
}

fn customer(of: Of, terms: &Terms, n: u64) -> ListRow {
    let city = CITIES[(n % 12) as usize];
    let facets = facets(terms, &[("city", city), ("country", "SA")]);
    let all = facets.iter().map(|facet| facet.term).chain([terms.id("group", (n % 7).cast_signed())]);
    ListRow {
        created_at: Millis(created_at_ms(n)),
        city: Some(city.into()),
        terms: distinct(all.collect()),
        facets,
        ..row(of, n)
    }
}

fn product(of: Of, terms: &Terms, n: u64) -> ListRow {
    let status = if n.is_multiple_of(9) { "out" } else { "sale" };
    let category = format!("category {}", n % 20);
    let facets = facets(
        terms,
        &[("status", status), ("kind", "product"), ("brand", "Qafila"), ("category", &category)],
    );
    let mut all: Vec<i64> = facets.iter().map(|facet| facet.term).collect();
    all.extend(terms.beginnings(&format!("تمر سكري {n} SKU-{n}")));
    all.push(terms.value("sku", &format!("SKU-{n}")));
    ListRow {
        created_at: Millis(created_at_ms(n)),
        amount: Some(Amount::whole((n % 300) as i32)),
        units: (n % 70).cast_signed(),
        status: Some(status.into()),
        terms: distinct(all),
        facets,
        ..row(of, n + 1)
    }
}

fn cart(of: Of, terms: &Terms, n: u64) -> ListRow {
    let status = if n.is_multiple_of(4) { "purchased" } else { "active" };
    let facets = facets(terms, &[("status", status), ("city", CITIES[(n % 12) as usize])]);
    let all =
        facets.iter().map(|facet| facet.term).chain([terms.id("product", (n % PRODUCTS).cast_signed())]);
    ListRow {
        created_at: Millis(created_at_ms(n)),
        amount: Some(Amount::whole((n % 900) as i32)),
        status: Some(status.into()),
        city: Some(CITIES[(n % 12) as usize].into()),
        customer_id: Some((n % CUSTOMERS.cast_unsigned()).cast_signed()),
        terms: distinct(all.collect()),
        facets,
        ..row(of, n + 1)
    }
}

fn facets(terms: &Terms, values: &[(&'static str, &str)]) -> Vec<Facet> {
    let facet = |(field, value): &(&'static str, &str)| Facet {
        term: terms.value(field, value),
        field,
        value: (*value).to_owned(),
        label: None,
    };
    values.iter().map(facet).collect()
}

fn row(of: Of, id: u64) -> ListRow {
    let place =
        Tombstone { merchant_id: of.merchant, store_id: of.store, salla_id: id.cast_signed(), revision: 1 };
    ListRow { is_listed: true, ..ListRow::deleted(place) }
}
