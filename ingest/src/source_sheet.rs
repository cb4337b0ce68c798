//! What Salla itself says of a merchant's day, for whoever proves that all places agree: orders of the day with their details and lines, and
//! all products and customers.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::open_set::Source;
use qafila_schemas::records::observation::Observation;
use sqlx::PgPool;

use crate::hydration::entity::{EntityRead, EntityReader};
use crate::mapping::{Owner, OwnerRow, orders};
use crate::refused_rows::row_id;
use crate::salla::client::{SallaClient, SallaError};
use crate::sync::intake::{day as day_of, map};
use crate::sync::plan::Window;
use crate::sync::query::SliceLists;

/// What Salla says.
#[derive(Debug, Clone, Default)]
pub struct SourceSheet {
    /// Orders of the day, as their details and items tell them.
    pub orders: BTreeMap<i64, Observation>,
    /// All products, as the list tells them.
    pub products: BTreeMap<i64, Option<Observation>>,
    /// All customers, as the list tells them.
    pub customers: BTreeMap<i64, Option<Observation>>,
    /// Rows that do not map: nobody can say whether they agree.
    pub unmappable: usize,
}

/// The merchant's live connection; none where there is none.
pub async fn owner(pool: &PgPool, merchant: MerchantId) -> Result<Option<Owner>, sqlx::Error> {
    let row: Option<OwnerRow> = sqlx::query_as(
        "SELECT merchant_id, connection_id, store_id, store_currency FROM salla_connections WHERE merchant_id = $1 AND wiped_at IS NULL
         ORDER BY connected_at DESC LIMIT 1",
    )
    .bind(merchant.0)
    .fetch_optional(pool)
    .await?;
    Ok(row.map(Owner::of_row))
}

/// Asks Salla: the list of the day's orders, then details and items of each, two calls an order.
pub async fn read(client: &SallaClient, owner: Owner, day: NaiveDate) -> Result<SourceSheet, SallaError> {
    let mut sheet = SourceSheet::default();
    let window = Window { first: day, last: day };
    let provenance = owner.provenance(Source::List, client.salla_now());
    for row in rows(client, window, "orders", &format!("{day}..{day}")).await? {
        if orders::created_at(&row).is_none_or(|at| window.side(day_of(at)) != 0) {
            continue;
        }
        match map("orders", &row, &provenance) {
            Ok(unsealed) => drop(sheet.orders.insert(unsealed.salla_id(), unsealed.observation)),
            Err(_) => sheet.unmappable += 1,
        }
    }
    let ids: Vec<i64> = sheet.orders.keys().copied().collect();
    for id in ids {
        match order(client, owner, id, day).await? {
            Some(whole) => drop(sheet.orders.insert(id, whole)),
            None => drop(sheet.orders.remove(&id)),
        }
    }
    let today = day_of(client.salla_now());
    let whole = Window { first: today, last: today };
    for (resource, found) in [("products", &mut sheet.products), ("customers", &mut sheet.customers)] {
        for row in rows(client, whole, resource, "all").await? {
            let said = map(resource, &row, &provenance).ok().map(|unsealed| unsealed.observation);
            found.insert(row_id(&row), said);
        }
    }
    Ok(sheet)
}

/// One order as its details tell it, which no cache stands before; none where it is gone, or is of another day.
pub async fn order(
    client: &SallaClient,
    owner: Owner,
    id: i64,
    day: NaiveDate,
) -> Result<Option<Observation>, SallaError> {
    let read = EntityReader::new(client.clone(), owner).read("orders", id).await?;
    Ok(match read {
        EntityRead::There { mapped: Ok(unsealed), created, .. }
            if created.is_none_or(|at| day_of(at) == day) =>
        {
            Some(unsealed.observation)
        }
        _ => None,
    })
}

/// Whether a product or a customer is there.
pub async fn is_there(
    client: &SallaClient,
    owner: Owner,
    resource: &str,
    id: i64,
) -> Result<bool, SallaError> {
    let read = EntityReader::new(client.clone(), owner).read(resource, id).await?;
    Ok(matches!(read, EntityRead::There { .. }))
}

/// Rows of a slice; in parts where they are more than Salla's deep pages show. One may come twice.
async fn rows(
    client: &SallaClient,
    span: Window,
    resource: &str,
    slice: &str,
) -> Result<Vec<String>, SallaError> {
    let lists = SliceLists::new(client.clone(), span);
    let per_page = client.config().per_page(resource);
    let mut slices = vec![slice.to_owned()];
    let mut all = Vec::new();
    while let Some(slice) = slices.pop() {
        for number in 1.. {
            let page = lists.page(resource, &slice, number, per_page).await?;
            let parts = match number {
                1 => lists.parts(resource, &slice, page.total).await?,
                _ => vec![],
            };
            if !parts.is_empty() {
                slices.extend(parts.into_iter().map(|part| part.name));
                break;
            }
            all.extend(page.rows.iter().map(|row| row.get().to_owned()));
            if !page.has_next || page.rows.is_empty() {
                break;
            }
        }
    }
    Ok(all)
}
