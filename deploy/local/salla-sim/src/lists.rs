//! Lists of the merchant API (FACTS §4): filters, order, pages, and the lies that were asked for.

use chrono::{NaiveDate, Utc};
use http::StatusCode;
use rand::Rng;
use serde_json::{Value, json};

use crate::api::{invalid, not_found};
use crate::lies::Lie;
use crate::server::{Answer, Parameters, json_answer};
use crate::state::World;
use crate::store::{Customer, Order, Store, riyadh};
use crate::switches::OversizedPage;
use crate::{odd, shapes};

const DEFAULT_PER_PAGE: usize = 15;

/// `GET /orders`
pub fn orders(world: &mut World, store_id: u64, query: &Parameters) -> Answer {
    world.order_lists += 1;
    let arrives =
        world.faults.arrival_every > 0 && world.order_lists.is_multiple_of(world.faults.arrival_every);
    let lie = draw(world, store_id);
    let Some(store) = world.stores.get_mut(&store_id) else { return not_found() };
    if arrives || lie == Some(Lie::Arrival) {
        store.place_order(Utc::now());
    }
    let (from, to) = match (day(query, "from_date"), day(query, "to_date")) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(refusal), _) | (_, Err(refusal)) => return *refusal,
    };
    let (from, to) = if store.ignores_filters { (None, None) } else { (from, to) };
    let (first, last) = bounds(from, to, world.switches.inclusive_dates);
    if lie == Some(Lie::Vanishing) {
        let listed = store.orders_between(first, last);
        if !listed.is_empty() {
            let gone = listed[world.dice.random_range(0..listed.len())].id;
            store.remove_order(gone);
        }
    }
    let Some(store) = world.stores.get(&store_id) else { return not_found() };
    let listed: Vec<&Order> = store.orders_between(first, last).iter().filter(|o| !o.is_draft).collect();
    let default = if world.switches.newest_first { "created_at-desc" } else { "created_at-asc" };
    let (field, direction) =
        query.get("sort_by").unwrap_or(default).rsplit_once('-').unwrap_or(("created_at", "desc"));
    let mut sorted: Vec<&Order> = vec![];
    if field != "created_at" {
        sorted.clone_from(&listed);
        match field {
            "updated_at" => sorted.sort_by_key(|o| o.updated_at),
            "id" => sorted.sort_by_key(|o| o.id),
            "total" => sorted.sort_by_key(|o| o.total),
            _ => return invalid("sort_by", "قيمة الترتيب غير صحيحة"),
        }
    }
    let row = |index: usize| {
        let index = if direction == "desc" { listed.len() - 1 - index } else { index };
        let order = sorted.get(index).copied().unwrap_or(listed[index]);
        odd::order_of(store, order.id, shapes::order_row(store, order))
    };
    page(world, query, world.switches.orders_per_page, listed.len(), lie, row)
}

/// `GET /customers`
pub fn customers(world: &mut World, store_id: u64, query: &Parameters) -> Answer {
    let lie = draw(world, store_id);
    let Some(store) = world.stores.get(&store_id) else { return not_found() };
    let (mut from, mut to) = match (day(query, "date_from"), day(query, "date_to")) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(refusal), _) | (_, Err(refusal)) => return *refusal,
    };
    if store.ignores_filters {
        (from, to) = (None, None);
    }
    if world.switches.swapped_customer_dates {
        std::mem::swap(&mut from, &mut to);
    }
    let (first, last) = bounds(from, to, world.switches.inclusive_dates);
    let within = |customer: &&Customer| {
        let day = customer.created_at.with_timezone(&riyadh()).date_naive();
        (first..=last).contains(&day)
    };
    let all = from.is_none() && to.is_none();
    let mut rows: Vec<&Customer> =
        store.customers.iter().filter(|c| !c.gone).filter(|c| all || within(c)).collect();
    if world.switches.newest_first {
        rows.reverse();
    }
    let row = |index: usize| odd::customer_of(store, shapes::customer(rows[index], false));
    page(world, query, world.switches.others_per_page, rows.len(), lie, row)
}

/// `GET /products`
pub fn products(world: &mut World, store_id: u64, query: &Parameters) -> Answer {
    let lie = draw(world, store_id);
    let Some(store) = world.stores.get(&store_id) else { return not_found() };
    let status = query.get("status").filter(|_| !store.ignores_filters);
    let mut rows: Vec<_> =
        store.products.iter().filter(|p| !p.gone && status.is_none_or(|s| s == p.status)).collect();
    if world.switches.newest_first {
        rows.reverse();
    }
    page(world, query, world.switches.others_per_page, rows.len(), lie, |index| {
        odd::product_of(store, shapes::product(rows[index]))
    })
}

/// A list that is always empty.
pub fn nothing(world: &mut World, query: &Parameters) -> Answer {
    page(world, query, world.switches.others_per_page, 0, None, |_| json!({}))
}

fn draw(world: &mut World, store: u64) -> Option<Lie> {
    let dice = &mut world.dice;
    world.lies.get_mut(&store).and_then(|lies| lies.draw(dice))
}

fn day(query: &Parameters, name: &str) -> Result<Option<NaiveDate>, Box<Answer>> {
    query
        .get(name)
        .map(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d"))
        .transpose()
        .map_err(|_| Box::new(invalid(name, "صيغة التاريخ غير صحيحة")))
}

/// First and last day that bounds let through.
fn bounds(from: Option<NaiveDate>, to: Option<NaiveDate>, inclusive: bool) -> (NaiveDate, NaiveDate) {
    let (earliest, latest) = Store::days();
    let first = from.map_or(earliest, |day| if inclusive { day } else { day.succ_opt().unwrap_or(day) });
    let last = to.map_or(latest, |day| if inclusive { day } else { day.pred_opt().unwrap_or(day) });
    (first, last)
}

fn page(
    world: &World,
    query: &Parameters,
    maximum: usize,
    total: usize,
    lie: Option<Lie>,
    row: impl Fn(usize) -> Value,
) -> Answer {
    let asked = query.number("per_page").unwrap_or(DEFAULT_PER_PAGE).max(1);
    let page: usize = query.number("page").unwrap_or(1).max(1);
    if asked > maximum && world.switches.oversized_page == OversizedPage::Refuse {
        return invalid("per_page", "العدد أكبر من المسموح");
    }
    let per_page = asked.min(maximum);
    let deepest = world.switches.deep_page_rows;
    if deepest > 0 && page * per_page > deepest.max(per_page) {
        return invalid("page", "رقم الصفحة أكبر من المسموح");
    }
    let is_endless = lie == Some(Lie::EndlessPages);
    let first = if is_endless { 0 } else { ((page - 1) * per_page).min(total) };
    let mut shown: Vec<Value> = (first..(first + per_page).min(total))
        .map(|index| {
            let mut value = row(index);
            if world.faults.spoils(index) {
                value["id"] = json!("لا شيء");
            }
            value
        })
        .collect();
    let mut total = total;
    match lie {
        Some(Lie::CutPage) => shown.truncate(shown.len() / 2),
        Some(Lie::MovedTotal) => {
            total = total.saturating_sub(per_page.max(total / 3)).min(first + shown.len());
            shown.truncate(total.saturating_sub(first));
        }
        Some(Lie::EmptySuccess) => {
            shown.clear();
            total = 0;
        }
        Some(Lie::Duplicate) if shown.len() > 1 => shown[0] = shown[1].clone(),
        Some(Lie::EndlessPages) => total += page * per_page,
        Some(Lie::Duplicate | Lie::Arrival | Lie::Vanishing) | None => {}
    }
    let links = match world.switches.links {
        1 => json!([]),
        2 => json!({"next": null}),
        3 => json!({"next": format!("http://api.salla.dev/admin/v2/x?page={}", page + 1)}),
        _ => json!({}),
    };
    json_answer(
        StatusCode::OK,
        &json!({
            "status": 200,
            "success": true,
            "data": shown,
            "pagination": {
                "count": shown.len(),
                "total": total,
                "perPage": per_page,
                "currentPage": page,
                "totalPages": total.div_ceil(per_page),
                "links": links,
            },
        }),
    )
}
