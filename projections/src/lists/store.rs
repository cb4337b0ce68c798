//! Writing rows of lists: what is stored, what changed, and what is counted of it. One transaction at a time writes the lists of a store: the
//! lists of orders and of customers write rows of the same customers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use qafila_schemas::amount::Amount;
use qafila_schemas::ids::MerchantId;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::List;
use super::row::{Facet, Key, ListRow};

/// What is stored of a row, as far as others count it.
struct Known {
    revision: i64,
    is_listed: bool,
    terms: Vec<i64>,
    bought: Option<Bought>,
}

/// What a row adds to the figures of its customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bought {
    customer: Key,
    at: DateTime<Utc>,
    amount: i64,
}

/// Stores rows, one of each key, unless a newer one is there; counts them among facets and customers. Their stores are
/// [locked](lock_stores).
pub async fn store(connection: &mut PgConnection, list: List, rows: Vec<ListRow>) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let known = load(connection, list, &rows).await?;
    let is_newer = |row: &ListRow| known.get(&row.key).is_none_or(|known| known.revision < row.revision);
    let rows: Vec<ListRow> = rows.into_iter().filter(is_newer).collect();
    write(connection, list, &rows).await?;
    count_facets(connection, list, &rows, &known).await?;
    if list == List::Orders {
        count_sales(connection, &rows, &known).await?;
    }
    Ok(())
}

/// Waits until no other transaction writes lists of these stores. All take the locks in one order.
pub(super) async fn lock_stores(connection: &mut PgConnection, rows: &[ListRow]) -> Result<(), sqlx::Error> {
    let stores: BTreeSet<String> =
        rows.iter().map(|row| format!("lists of {}:{}", row.key.0, row.key.1)).collect();
    let stores: Vec<String> = stores.into_iter().collect();
    let locking = "SELECT pg_advisory_xact_lock(key) FROM (
        SELECT DISTINCT hashtextextended(store, 0) AS key FROM unnest($1::text[]) AS s (store) ORDER BY key) AS keys";
    sqlx::query(locking).bind(stores).execute(connection).await.map(drop)
}

async fn load(
    connection: &mut PgConnection,
    list: List,
    rows: &[ListRow],
) -> Result<HashMap<Key, Known>, sqlx::Error> {
    let sql = format!(
        "SELECT t.merchant_id, t.store_id, t.id, t.revision, t.is_listed, t.terms, t.customer_id, t.is_sale, t.created_at, t.amount
         FROM {} t JOIN unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS k (m, s, i)
             ON t.merchant_id = k.m AND t.store_id = k.s AND t.id = k.i",
        list.table()
    );
    let (merchants, stores, ids) = keys(rows.iter().map(|row| row.key));
    let found = sqlx::query(&sql).bind(merchants).bind(stores).bind(ids).fetch_all(connection).await?;
    found
        .iter()
        .map(|row| {
            let (merchant, store) = (MerchantId(row.try_get(0)?), row.try_get(1)?);
            let (is_listed, customer): (bool, Option<i64>) = (row.try_get(4)?, row.try_get(6)?);
            let (at, amount) = (row.try_get(8)?, row.try_get(9)?);
            let bought = customer.map(|id| Bought { customer: (merchant, store, id), at, amount });
            let is_sale: bool = row.try_get(7)?;
            let known = Known {
                revision: row.try_get(3)?,
                is_listed,
                terms: row.try_get(5)?,
                bought: bought.filter(|_| is_listed && is_sale),
            };
            Ok(((merchant, store, row.try_get(2)?), known))
        })
        .collect()
}

async fn write(connection: &mut PgConnection, list: List, rows: &[ListRow]) -> Result<(), sqlx::Error> {
    // What a customer bought is counted by their orders.
    let (taken, kept) = match list {
        List::Customers => ("0, true, 0", "amount = t.amount, has_amount = true, units = t.units"),
        _ => (
            "coalesce(n.amount, 0), n.amount IS NOT NULL, n.units",
            "amount = EXCLUDED.amount, has_amount = EXCLUDED.has_amount, units = EXCLUDED.units",
        ),
    };
    let sql = format!(
        "INSERT INTO {} AS t (merchant_id, store_id, id, revision, is_listed, created_at, status, payment_method, channel, city,
             customer_id, is_sale, terms, amount, has_amount, units)
         SELECT n.merchant_id, n.store_id, n.id, n.revision, n.is_listed, n.created_at, n.status, n.payment_method, n.channel, n.city,
             n.customer_id, n.is_sale, n.terms::bigint[], {taken}
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::boolean[], $6::timestamptz[], $7::text[], $8::text[],
                 $9::text[], $10::text[], $11::bigint[], $12::boolean[], $13::text[], $14::bigint[], $15::bigint[])
             AS n (merchant_id, store_id, id, revision, is_listed, created_at, status, payment_method, channel, city, customer_id, is_sale,
                 terms, amount, units)
         ON CONFLICT (merchant_id, store_id, id) DO UPDATE SET revision = EXCLUDED.revision, is_listed = EXCLUDED.is_listed,
             created_at = EXCLUDED.created_at, status = EXCLUDED.status, payment_method = EXCLUDED.payment_method,
             channel = EXCLUDED.channel, city = EXCLUDED.city, customer_id = EXCLUDED.customer_id, is_sale = EXCLUDED.is_sale,
             terms = EXCLUDED.terms, {kept}
         WHERE t.revision < EXCLUDED.revision",
        list.table()
    );
    let (merchants, stores, ids) = keys(rows.iter().map(|row| row.key));
    let texts =
        |of: fn(&ListRow) -> &Option<String>| rows.iter().map(|row| of(row).as_deref()).collect::<Vec<_>>();
    sqlx::query(&sql)
        .bind(merchants)
        .bind(stores)
        .bind(ids)
        .bind(rows.iter().map(|row| row.revision).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.is_listed).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.created_at.to_utc()).collect::<Vec<_>>())
        .bind(texts(|row| &row.status))
        .bind(texts(|row| &row.payment_method))
        .bind(texts(|row| &row.channel))
        .bind(texts(|row| &row.city))
        .bind(rows.iter().map(|row| row.customer_id).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.is_sale).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| array(&row.terms)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.amount.map(Amount::mantissa)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.units).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// Where a facet is counted: merchant, store, term.
type FacetKey = (MerchantId, i64, i64);

/// What changes in the facets of rows that take the place of others: by how much, and the value where it may be new.
fn facet_changes<'r>(
    rows: &'r [ListRow],
    known: &HashMap<Key, Known>,
) -> BTreeMap<FacetKey, (i64, Option<&'r Facet>)> {
    let mut changes: BTreeMap<FacetKey, (i64, Option<&Facet>)> = BTreeMap::new();
    for row in rows {
        let (merchant, store, _) = row.key;
        let before = known.get(&row.key).filter(|known| known.is_listed);
        let before: BTreeSet<i64> = before.iter().flat_map(|known| known.terms.iter().copied()).collect();
        let facets = if row.is_listed { row.facets.as_slice() } else { &[] };
        let now: BTreeMap<i64, &Facet> = facets.iter().map(|facet| (facet.term, facet)).collect();
        // Most terms are words: what the row still has is gone from no facet.
        let has =
            |term: &i64| now.contains_key(term) || row.is_listed && row.terms.binary_search(term).is_ok();
        for gone in before.iter().filter(|term| !has(term)) {
            changes.entry((merchant, store, *gone)).or_default().0 -= 1;
        }
        for (term, facet) in now.iter().filter(|(term, _)| !before.contains(*term)) {
            let (rows, value) = changes.entry((merchant, store, *term)).or_default();
            *rows += 1;
            *value = Some(facet);
        }
    }
    changes.retain(|_, (rows, _)| *rows != 0);
    changes
}

async fn count_facets(
    connection: &mut PgConnection,
    list: List,
    rows: &[ListRow],
    known: &HashMap<Key, Known>,
) -> Result<(), sqlx::Error> {
    let changes = facet_changes(rows, known);
    if changes.is_empty() {
        return Ok(());
    }
    let (merchants, stores, terms) = keys(changes.keys().copied());
    // A term that is gone may be no facet at all; then nothing is counted of it.
    let counts: Vec<i64> = changes.values().map(|(rows, _)| *rows).collect();
    let counted = "UPDATE list_facets f SET rows = f.rows + k.n
        FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $5::bigint[]) AS k (m, s, t, n)
        WHERE f.merchant_id = k.m AND f.store_id = k.s AND f.list = $4 AND f.term = k.t AND k.n < 0";
    let counting =
        sqlx::query(counted).bind(&merchants).bind(&stores).bind(&terms).bind(list.name()).bind(&counts);
    counting.execute(&mut *connection).await?;
    let facets = || changes.values().map(|(_, facet)| facet);
    sqlx::query(
        "INSERT INTO list_facets AS f (merchant_id, store_id, list, term, field, value, label, rows)
         SELECT k.m, k.s, $4, k.t, k.field, k.value, k.label, k.n
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[])
             AS k (m, s, t, n, field, value, label)
         WHERE k.n > 0
         ON CONFLICT (merchant_id, store_id, list, term)
             DO UPDATE SET rows = f.rows + EXCLUDED.rows, label = coalesce(EXCLUDED.label, f.label)",
    )
    .bind(merchants)
    .bind(stores)
    .bind(terms)
    .bind(list.name())
    .bind(counts)
    .bind(facets().map(|facet| facet.map(|facet| facet.field)).collect::<Vec<_>>())
    .bind(facets().map(|facet| facet.map(|facet| facet.value.as_str())).collect::<Vec<_>>())
    .bind(facets().map(|facet| facet.and_then(|facet| facet.label.as_deref())).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// What changes in the figures of a customer.
#[derive(Debug, Default, PartialEq, Eq)]
struct SalesChange {
    orders: i64,
    amount: i64,
    first: Option<DateTime<Utc>>,
    last: Option<DateTime<Utc>>,
    /// A sale is gone or was moved: the first and the last have to be looked up.
    is_less: bool,
}

fn sales_changes(rows: &[ListRow], known: &HashMap<Key, Known>) -> BTreeMap<Key, SalesChange> {
    let mut changes: BTreeMap<Key, SalesChange> = BTreeMap::new();
    for row in rows {
        let before = known.get(&row.key).and_then(|known| known.bought);
        let now = bought(row);
        if before == now {
            continue;
        }
        if let Some(before) = before {
            let change = changes.entry(before.customer).or_default();
            change.orders -= 1;
            change.amount = change.amount.saturating_sub(before.amount);
            change.is_less |= now.is_none_or(|now| (now.customer, now.at) != (before.customer, before.at));
        }
        if let Some(now) = now {
            let change = changes.entry(now.customer).or_default();
            change.orders += 1;
            change.amount = change.amount.saturating_add(now.amount);
            change.first = Some(change.first.map_or(now.at, |first| first.min(now.at)));
            change.last = Some(change.last.map_or(now.at, |last| last.max(now.at)));
        }
    }
    changes
}

fn bought(row: &ListRow) -> Option<Bought> {
    let (merchant, store, _) = row.key;
    let customer = (merchant, store, row.customer_id.filter(|_| row.is_listed && row.is_sale)?);
    Some(Bought { customer, at: row.created_at.to_utc(), amount: row.amount.map_or(0, Amount::mantissa) })
}

async fn count_sales(
    connection: &mut PgConnection,
    rows: &[ListRow],
    known: &HashMap<Key, Known>,
) -> Result<(), sqlx::Error> {
    let changes = sales_changes(rows, known);
    if changes.is_empty() {
        return Ok(());
    }
    let (merchants, stores, customers) = keys(changes.keys().copied());
    // Sums stay within a bigint whatever Salla says of totals.
    sqlx::query(
        "INSERT INTO customer_list AS c (merchant_id, store_id, id, revision, is_listed, created_at, amount, has_amount, units, first_at, last_at, terms)
         SELECT k.m, k.s, k.c, 0, false, 'epoch', k.amount, true, k.orders, coalesce(k.first, 'epoch'), coalesce(k.last, 'epoch'), '{}'
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::timestamptz[])
             AS k (m, s, c, amount, orders, first, last)
         ON CONFLICT (merchant_id, store_id, id) DO UPDATE SET
             amount = least(greatest(c.amount::numeric + EXCLUDED.amount, -9e18), 9e18)::bigint,
             units = c.units + EXCLUDED.units,
             first_at = CASE WHEN c.first_at = 'epoch' THEN EXCLUDED.first_at WHEN EXCLUDED.first_at = 'epoch' THEN c.first_at
                 ELSE least(c.first_at, EXCLUDED.first_at) END,
             last_at = greatest(c.last_at, EXCLUDED.last_at)",
    )
    .bind(merchants)
    .bind(stores)
    .bind(customers)
    .bind(changes.values().map(|change| change.amount).collect::<Vec<_>>())
    .bind(changes.values().map(|change| change.orders).collect::<Vec<_>>())
    .bind(changes.values().map(|change| change.first).collect::<Vec<_>>())
    .bind(changes.values().map(|change| change.last).collect::<Vec<_>>())
    .execute(&mut *connection)
    .await?;
    look_up_ends(connection, changes.iter().filter(|(_, change)| change.is_less).map(|(key, _)| *key)).await
}

/// Looks up the first and the last sale of customers.
async fn look_up_ends(
    connection: &mut PgConnection,
    customers: impl Iterator<Item = Key>,
) -> Result<(), sqlx::Error> {
    let (merchants, stores, ids) = keys(customers);
    if ids.is_empty() {
        return Ok(());
    }
    let of = |direction: &str| {
        format!(
            "coalesce((SELECT o.created_at FROM order_list o WHERE o.merchant_id = c.merchant_id AND o.store_id = c.store_id
                 AND o.customer_id = c.id AND o.is_listed AND o.is_sale ORDER BY o.created_at {direction} LIMIT 1), 'epoch')"
        )
    };
    let sql = format!(
        "UPDATE customer_list c SET first_at = {}, last_at = {}
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS k (m, s, c)
         WHERE c.merchant_id = k.m AND c.store_id = k.s AND c.id = k.c",
        of("ASC"),
        of("DESC")
    );
    sqlx::query(&sql).bind(merchants).bind(stores).bind(ids).execute(connection).await?;
    Ok(())
}

/// Keys as three arrays.
fn keys(keys: impl Iterator<Item = (MerchantId, i64, i64)>) -> (Vec<Uuid>, Vec<i64>, Vec<i64>) {
    let (mut merchants, mut stores, mut ids) = (vec![], vec![], vec![]);
    for (merchant, store, id) in keys {
        merchants.push(merchant.0);
        stores.push(store);
        ids.push(id);
    }
    (merchants, stores, ids)
}

/// Numbers as Postgres spells an array: an array of arrays would be flattened.
fn array(numbers: &[i64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}

#[cfg(test)]
mod tests {
    use qafila_schemas::millis::Millis;

    use super::*;
    use crate::olap::load::Tombstone;

    const MERCHANT: MerchantId = MerchantId(Uuid::from_u128(1));

    fn row(id: i64, customer: i64, at: i64, amount: i64, status: &str) -> ListRow {
        let facet = Facet { term: status.len() as i64, field: "status", value: status.into(), label: None };
        ListRow {
            is_listed: true,
            created_at: Millis(at),
            amount: Amount::from_mantissa(amount).ok(),
            customer_id: Some(customer),
            is_sale: status != "canceled",
            terms: vec![facet.term],
            facets: vec![facet],
            ..ListRow::deleted(Tombstone { merchant_id: MERCHANT, store_id: 2, salla_id: id, revision: 1 })
        }
    }

    fn known(rows: &[ListRow]) -> HashMap<Key, Known> {
        let known = |row: &ListRow| Known {
            revision: row.revision,
            is_listed: row.is_listed,
            terms: row.terms.clone(),
            bought: bought(row),
        };
        rows.iter().map(|row| (row.key, known(row))).collect()
    }

    fn deleted(id: i64) -> ListRow {
        ListRow::deleted(Tombstone { merchant_id: MERCHANT, store_id: 2, salla_id: id, revision: 2 })
    }

    #[test]
    fn a_value_is_counted_where_it_is_new_and_no_more_where_it_is_gone() {
        let before = [row(1, 7, 1, 1, "new"), row(2, 7, 1, 1, "new"), row(3, 7, 1, 1, "done")];
        let now = [row(1, 7, 1, 1, "done"), row(2, 7, 1, 1, "new"), deleted(3), row(4, 7, 1, 1, "sent!")];
        let changes = facet_changes(&now, &known(&before));
        let counted: Vec<(i64, i64)> =
            changes.iter().map(|((_, _, term), (rows, _))| (*term, *rows)).collect();
        assert_eq!(
            counted,
            [("new".len() as i64, -1), ("sent!".len() as i64, 1)],
            "one done came, another went"
        );
    }

    #[test]
    fn what_a_customer_bought_follows_their_orders() {
        let at = |ms| DateTime::from_timestamp_millis(ms).expect("a time");
        let customer = |id| (MERCHANT, 2, id);
        let fresh = sales_changes(&[row(1, 7, 5, 10, "new"), row(2, 7, 3, 20, "new")], &HashMap::new());
        let both =
            SalesChange { orders: 2, amount: 30, first: Some(at(3)), last: Some(at(5)), is_less: false };
        assert_eq!(fresh, BTreeMap::from([(customer(7), both)]));

        let before = known(&[row(1, 7, 5, 10, "new")]);
        assert!(sales_changes(&[row(1, 7, 5, 10, "done")], &before).is_empty(), "still the same sale");
        let moved = sales_changes(&[row(1, 8, 5, 12, "new")], &before);
        assert_eq!(
            (moved[&customer(7)].orders, moved[&customer(7)].amount, moved[&customer(7)].is_less),
            (-1, -10, true)
        );
        assert_eq!(
            (moved[&customer(8)].orders, moved[&customer(8)].amount, moved[&customer(8)].is_less),
            (1, 12, false)
        );
        for gone in [row(1, 7, 5, 10, "canceled"), deleted(1)] {
            let less = SalesChange { orders: -1, amount: -10, is_less: true, ..SalesChange::default() };
            assert_eq!(sales_changes(&[gone], &before), BTreeMap::from([(customer(7), less)]));
        }
    }
}
