//! Every figure of every report against one that is counted from the simulator's orders alone: in eight time zones, three granularities, two
//! currencies, and with each comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, Timelike, Utc};
use chrono_tz::Tz;
use qafila_projections::olap::standing::{Standing, standing};
use qafila_proving::merchant::{Merchant, expect, make_store};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use qafila_schemas::amount::Amount;
use qafila_schemas::exchange::ExchangeRate;
use reqwest::StatusCode;
use salla_sim::catalogue::{CITIES, STATUSES};
use salla_sim::store::{Plan, Store};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

static SHARED: SharedWorld = SharedWorld::new("reports");
static IMPORTED: OnceCell<(Merchant, Vec<Order>)> = OnceCell::const_new();

const ZONES: [Tz; 8] = [
    Tz::Asia__Riyadh,
    Tz::UTC,
    Tz::America__New_York,
    Tz::Europe__London,
    Tz::Asia__Kolkata,
    Tz::Pacific__Auckland,
    Tz::America__Sao_Paulo,
    Tz::Asia__Kathmandu,
];
const GRANULARITIES: [&str; 3] = ["day", "week", "month"];
const COMPARISONS: [Option<&str>; 4] = [None, Some("previous"), Some("last-year"), Some("hijri-last-year")];
const DAYS: u64 = 120;

/// An order as the source tells it; amounts in ten-thousandths.
#[derive(Debug, Clone)]
struct Order {
    at: DateTime<Utc>,
    currency: String,
    status: &'static str,
    city: &'static str,
    payment: &'static str,
    customer: u64,
    total: i64,
    tax: i64,
    shipping: i64,
    /// SKU, else name, with units and sum.
    lines: Vec<(String, i64, i64)>,
}

impl Order {
    fn is(&self, wanted: Standing) -> bool {
        standing(Some(self.status), false) == wanted
    }

    fn day(&self, zone: Tz) -> NaiveDate {
        self.at.with_timezone(&zone).date_naive()
    }
}

/// The merchant that all tests read as, and all orders of the store.
async fn imported() -> Result<&'static (Merchant, Vec<Order>)> {
    IMPORTED
        .get_or_try_init(|| async {
            let world = SHARED.world().await?;
            let plan =
                Plan { seed: 1_604, orders: 600, customers: 50, products: 12, months: 20, ..Plan::default() };
            let store = make_store(&world.sim_url, &plan).await?;
            let merchant = Merchant::register(&world.gateway).await?;
            merchant.connect(store).await?;
            merchant.start_import(24).await?;
            merchant.watch_import(Duration::from_secs(180), |_| {}).await?;
            let orders = orders(world.sim.world().stores.get(&store).context("the store")?);
            let all = orders.len();
            let path = format!(
                "/api/v1/reports/top-products?from={}&to={}",
                Utc::now().date_naive() - Days::new(800),
                Utc::now().date_naive() + Days::new(1)
            );
            let without_lines = || async { expect(merchant.get(&path).await?, StatusCode::OK).await };
            until(without_lines, |report| report["ordersWithoutLines"] == 0).await?;
            let path = path.replace("top-products", "summary");
            let counted = || async { expect(merchant.get(&path).await?, StatusCode::OK).await };
            let orders_of = |summary: &Value| -> u64 {
                rows(summary, "figures").iter().filter_map(|f| f["orders"].as_u64()).sum()
            };
            until(counted, |summary| orders_of(summary) == all as u64).await?;
            anyhow::Ok((merchant, orders))
        })
        .await
}

fn orders(store: &Store) -> Vec<Order> {
    let order = |order: &salla_sim::store::Order| Order {
        at: order.created_at,
        currency: order.currency.to_owned(),
        status: STATUSES[order.status].1,
        city: CITIES[store.customers[order.customer].city],
        payment: order.payment_method,
        customer: store.customers[order.customer].id,
        total: order.total * 100,
        tax: order.tax * 100,
        shipping: order.shipping * 100,
        lines: order
            .lines
            .iter()
            .map(|line| {
                let product = &store.products[line.product];
                let told = if product.sku.is_empty() { &product.name } else { &product.sku };
                let units = i64::from(line.quantity);
                (told.clone(), units, units * line.price * 100)
            })
            .collect(),
    };
    store.orders.iter().map(order).collect()
}

/// First and last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span(NaiveDate, NaiveDate);

impl Span {
    fn has(self, day: NaiveDate) -> bool {
        self.0 <= day && day <= self.1
    }
}

/// The last days up to yesterday of a zone: not a whole number of months.
fn window(zone: Tz) -> Span {
    let to = Utc::now().with_timezone(&zone).date_naive() - Days::new(1);
    let from = to - Days::new(DAYS - 1);
    Span(if from.day() == 1 { from + Days::new(1) } else { from }, to)
}

/// The days that a window is compared with, but those of the Hijri year, which have a test of their own: these are taken from the answer.
fn compared(of: Span, comparison: &str, told: &Value) -> Result<Span> {
    let day = |name: &str| anyhow::Ok(told[name].as_str().context("a day")?.parse::<NaiveDate>()?);
    let told = Span(day("from")?, day("to")?);
    let length = (of.1 - of.0).num_days();
    let expected = match comparison {
        "previous" => Span(of.0 - Days::new(length as u64 + 1), of.0 - Days::new(1)),
        "last-year" => Span(of.0 - Months::new(12), of.1 - Months::new(12)),
        _ => {
            ensure!((told.1 - told.0).num_days() == length, "{told:?} is not as long as {of:?}");
            let before = (of.0 - told.0).num_days();
            ensure!((353..=356).contains(&before), "a Hijri year has 354 or 355 days, not {before}");
            told
        }
    };
    ensure!(told == expected, "{told:?} is not {expected:?}");
    Ok(told)
}

fn rows<'v>(body: &'v Value, list: &str) -> &'v [Value] {
    body[list].as_array().map_or(&[], Vec::as_slice)
}

fn money(amount: i64, currency: &str) -> Value {
    let amount = Amount::from_mantissa(amount).expect("it fits");
    json!({"amount": format!("{amount:.4}"), "currency": currency})
}

fn currencies<'o>(orders: impl Iterator<Item = &'o Order>) -> BTreeSet<String> {
    orders.map(|order| order.currency.clone()).collect()
}

/// Checks the figures of some orders of one currency, as summaries and trends tell them.
fn check(told: &Value, orders: &[&Order], currency: &str) -> Result<()> {
    let of = |standing| orders.iter().filter(move |order| order.is(standing));
    let sum = |standing| of(standing).map(|order| order.total).sum::<i64>();
    let sales = of(Standing::Sale).count() as i64;
    let expected = json!({
        "currency": currency,
        "orders": orders.len(),
        "salesCount": sales,
        "sales": money(sum(Standing::Sale), currency),
        "waitingForPaymentCount": of(Standing::WaitingForPayment).count(),
        "waitingForPayment": money(sum(Standing::WaitingForPayment), currency),
        "cancelledCount": of(Standing::Cancelled).count(),
        "cancelled": money(sum(Standing::Cancelled), currency),
        "returnedCount": of(Standing::Returned).count(),
        "returned": money(sum(Standing::Returned), currency),
    });
    for (name, value) in expected.as_object().into_iter().flatten() {
        ensure!(told[name] == *value, "{name} of {told} is not {value}");
    }
    let parts = &told["salesContain"];
    let part = |value: fn(&Order) -> i64| of(Standing::Sale).map(|order| value(order)).sum::<i64>();
    ensure!(parts["tax"] == money(part(|order| order.tax), currency), "{told}");
    ensure!(parts["shipping"] == money(part(|order| order.shipping), currency), "{told}");
    ensure!(parts["knownOf"] == sales, "{told}");
    Ok(())
}

fn within(orders: &[Order], span: Span, zone: Tz) -> Vec<&Order> {
    orders.iter().filter(|order| span.has(order.day(zone))).collect()
}

async fn report(
    merchant: &Merchant,
    path: &str,
    zone: Tz,
    comparison: Option<&str>,
) -> Result<(Span, Value)> {
    let span = window(zone);
    let separator = if path.contains('?') { '&' } else { '?' };
    let compare = comparison.map_or_else(String::new, |name| format!("&compare={name}"));
    let path = format!(
        "/api/v1/reports/{path}{separator}from={}&to={}&timezone={}{compare}",
        span.0,
        span.1,
        zone.name().replace('/', "%2F")
    );
    Ok((span, expect(merchant.get(&path).await?, StatusCode::OK).await?))
}

fn start(day: NaiveDate, granularity: &str) -> NaiveDate {
    match granularity {
        "week" => day - Days::new(u64::from(day.weekday().num_days_from_sunday())),
        "month" => day.with_day(1).expect("the first"),
        _ => day,
    }
}

#[test]
fn summaries_agree_with_the_source_in_every_zone_and_comparison() {
    SHARED.run(async {
        let (merchant, orders) = imported().await?;
        for zone in ZONES {
            for comparison in COMPARISONS {
                let (span, told) = report(merchant, "summary", zone, comparison).await?;
                summary(&told, &within(orders, span, zone))?;
                let Some(comparison) = comparison else {
                    ensure!(told["previous"].is_null(), "{told}");
                    continue;
                };
                let before = compared(span, comparison, &told["previous"])?;
                summary(&told["previous"], &within(orders, before, zone))?;
                changes(&told)?;
            }
        }
        Ok(())
    });
}

fn summary(told: &Value, orders: &[&Order]) -> Result<()> {
    let currencies = currencies(orders.iter().copied());
    ensure!(
        rows(told, "figures").len() == currencies.len(),
        "{told} has other currencies than {currencies:?}"
    );
    for figures in rows(told, "figures") {
        let currency = figures["currency"].as_str().context("a currency")?;
        let of_currency: Vec<&Order> =
            orders.iter().copied().filter(|order| order.currency == currency).collect();
        check(figures, &of_currency, currency)?;
    }
    let rate: ExchangeRate = "SAR:USD:0.266592".parse()?;
    let sales = orders.iter().filter(|order| order.is(Standing::Sale));
    let in_store = |order: &Order| {
        rate.in_base(Amount::from_mantissa(order.total).expect("it fits"), &order.currency)
            .map(Amount::mantissa)
    };
    let expected: i64 = sales.clone().filter_map(|order| in_store(order)).sum();
    let total = &told["total"];
    ensure!(
        total["sales"] == money(expected, "SAR") && total["withoutRate"] == 0,
        "{total} is not {expected}"
    );
    ensure!(total["salesCount"] == sales.count(), "{total}");
    Ok(())
}

/// Changes of a summary in percent, from its own figures, which were checked.
fn changes(told: &Value) -> Result<()> {
    let figure = |of: &Value, currency: &Value| {
        rows(of, "figures")
            .iter()
            .find(|figures| figures["currency"] == *currency)
            .map_or(0, |f| f["orders"].as_i64().unwrap_or(0))
    };
    for change in rows(&told["previous"], "changes") {
        let (now, before) =
            (figure(told, &change["currency"]), figure(&told["previous"], &change["currency"]));
        let expected = (before > 0).then(|| ((now - before) as f64 * 1_000.0 / before as f64).round() / 10.0);
        ensure!(change["orders"].as_f64() == expected, "{change} is not {expected:?}: {now} after {before}");
    }
    Ok(())
}

#[test]
fn trends_agree_with_the_source_in_every_zone_granularity_and_comparison_and_miss_no_point() {
    SHARED.run(async {
        let (merchant, orders) = imported().await?;
        for zone in ZONES {
            for granularity in GRANULARITIES {
                for comparison in COMPARISONS {
                    let path = format!("sales-trend?granularity={granularity}");
                    let (span, told) = report(merchant, &path, zone, comparison).await?;
                    let now = within(orders, span, zone);
                    let mut both = currencies(now.iter().copied());
                    let mut before = None;
                    if let Some(comparison) = comparison {
                        let days = compared(span, comparison, &told["previous"])?;
                        let of_days = within(orders, days, zone);
                        both.extend(currencies(of_days.iter().copied()));
                        before = Some((days, of_days));
                    }
                    trend(&told, span, &now, &both, zone, granularity)?;
                    if let Some((days, of_days)) = before {
                        trend(&told["previous"], days, &of_days, &both, zone, granularity)?;
                    }
                }
            }
        }
        Ok(())
    });
}

fn trend(
    told: &Value,
    span: Span,
    orders: &[&Order],
    currencies: &BTreeSet<String>,
    zone: Tz,
    granularity: &str,
) -> Result<()> {
    let starts: BTreeSet<NaiveDate> =
        span.0.iter_days().take_while(|day| *day <= span.1).map(|day| start(day, granularity)).collect();
    let points = rows(told, "points");
    ensure!(points.len() == starts.len() * currencies.len(), "{} points of {starts:?}", points.len());
    let mut seen = BTreeSet::new();
    for point in points {
        let from: NaiveDate = point["from"].as_str().context("a day")?.parse()?;
        let currency = point["figures"]["currency"].as_str().context("a currency")?;
        ensure!(
            starts.contains(&from) && seen.insert((from, currency)),
            "{point} is there twice, or no point"
        );
        let of_point: Vec<&Order> = orders
            .iter()
            .copied()
            .filter(|order| order.currency == currency && start(order.day(zone), granularity) == from)
            .collect();
        check(&point["figures"], &of_point, currency).with_context(|| format!("{from} in {zone}"))?;
    }
    Ok(())
}

#[test]
fn groups_and_hours_agree_with_the_source_in_every_zone_and_comparison() {
    SHARED.run(async {
        let (merchant, orders) = imported().await?;
        let keys: [(&str, fn(&Order) -> &str); 3] = [
            ("order-status", |order| order.status),
            ("by-city", |order| order.city),
            ("by-payment", |order| order.payment),
        ];
        for (place, zone) in ZONES.into_iter().enumerate() {
            for comparison in COMPARISONS {
                let granularity = GRANULARITIES[place % GRANULARITIES.len()];
                for (name, key) in keys {
                    let path = format!("{name}?granularity={granularity}&limit=3");
                    let (span, told) = report(merchant, &path, zone, comparison).await?;
                    let before = match comparison {
                        Some(comparison) => Some(compared(span, comparison, &told["previous"])?),
                        None => None,
                    };
                    let before = before.map(|days| within(orders, days, zone));
                    let now = within(orders, span, zone);
                    groups(&told, &now, before.as_deref(), key, zone, granularity).context(name)?;
                }
                let (span, told) = report(merchant, "by-hour", zone, comparison).await?;
                hours(&told, &within(orders, span, zone), zone)?;
                if let Some(comparison) = comparison {
                    let days = compared(span, comparison, &told["previous"])?;
                    hours(&told["previous"], &within(orders, days, zone), zone)?;
                }
            }
        }
        let (_, channels) = report(merchant, "by-channel", Tz::Asia__Riyadh, None).await?;
        ensure!(rows(&channels, "groups").iter().all(|group| group["key"].is_string()), "{channels}");
        Ok(())
    });
}

fn groups(
    told: &Value,
    now: &[&Order],
    before: Option<&[&Order]>,
    key: fn(&Order) -> &str,
    zone: Tz,
    granularity: &str,
) -> Result<()> {
    let figures = |told: &Value, orders: &[&Order], currency: &str| {
        let sales = orders.iter().filter(|order| order.is(Standing::Sale));
        let expected = json!({
            "orders": orders.len(),
            "total": money(orders.iter().map(|order| order.total).sum(), currency),
            "salesCount": sales.clone().count(),
            "sales": money(sales.map(|order| order.total).sum(), currency),
        });
        ensure!(*told == expected, "{told} is not {expected}");
        Ok(())
    };
    let mut left: Vec<&Order> = now.to_vec();
    for group in rows(told, "groups") {
        let currency = group["figures"]["sales"]["currency"].as_str().context("a currency")?;
        let is_of = |order: &&&Order| group["key"] == key(order) && order.currency == currency;
        let of_group: Vec<&Order> = now.iter().filter(is_of).copied().collect();
        figures(&group["figures"], &of_group, currency)?;
        left.retain(|order| !(group["key"] == key(order) && order.currency == currency));
        match before {
            Some(before) => {
                let of_group: Vec<&Order> = before.iter().filter(is_of).copied().collect();
                figures(&group["previous"], &of_group, currency)?;
            }
            None => ensure!(group["previous"].is_null(), "{group}"),
        }
        for point in rows(group, "points") {
            let from: NaiveDate = point["from"].as_str().context("a day")?.parse()?;
            let of_point: Vec<&Order> = of_group
                .iter()
                .copied()
                .filter(|order| start(order.day(zone), granularity) == from)
                .collect();
            figures(&point["figures"], &of_point, currency)?;
        }
        let counted: u64 = rows(group, "points").iter().filter_map(|p| p["figures"]["orders"].as_u64()).sum();
        ensure!(counted == of_group.len() as u64, "{counted} orders in the points of {group}");
    }
    // What is not shown is told together.
    for currency in currencies(left.iter().copied()) {
        let others = rows(told, "others").iter().find(|row| row["figures"]["sales"]["currency"] == currency);
        let of_currency: Vec<&Order> =
            left.iter().copied().filter(|order| order.currency == currency).collect();
        figures(&others.context("the others")?["figures"], &of_currency, &currency)?;
    }
    Ok(())
}

fn hours(told: &Value, orders: &[&Order], zone: Tz) -> Result<()> {
    let mut counted: BTreeMap<(String, u32, u32), (u64, i64)> = BTreeMap::new();
    for order in orders {
        let at = order.at.with_timezone(&zone);
        let place = (order.currency.clone(), at.weekday().num_days_from_sunday(), at.hour());
        let (count, sales) = counted.entry(place).or_default();
        *count += 1;
        *sales += if order.is(Standing::Sale) { order.total } else { 0 };
    }
    let all = rows(told, "hours");
    ensure!(all.len() == currencies(orders.iter().copied()).len() * 168, "{} hours", all.len());
    for hour in all {
        let number = |name: &str| {
            hour[name].as_u64().and_then(|number| u32::try_from(number).ok()).context("a number")
        };
        let currency = hour["sales"]["currency"].as_str().context("a currency")?.to_owned();
        let place = (currency.clone(), number("weekday")?, number("hour")?);
        let (count, sales) = counted.get(&place).copied().unwrap_or_default();
        ensure!(
            hour["orders"] == count && hour["sales"] == money(sales, &currency),
            "{hour} is not {count}, {sales}"
        );
    }
    Ok(())
}

#[test]
fn products_and_customers_agree_with_the_source_in_every_zone_and_comparison() {
    SHARED.run(async {
        let (merchant, orders) = imported().await?;
        for zone in ZONES {
            for comparison in COMPARISONS {
                let (span, told) = report(merchant, "top-products?limit=100", zone, comparison).await?;
                let before = match comparison {
                    Some(comparison) => Some(compared(span, comparison, &told["previous"])?),
                    None => None,
                };
                products(
                    &told,
                    &within(orders, span, zone),
                    before.map(|days| within(orders, days, zone)).as_deref(),
                )?;
                let (span, told) = report(merchant, "customers?limit=100", zone, comparison).await?;
                let before = match comparison {
                    Some(comparison) => Some(compared(span, comparison, &told["previous"])?),
                    None => None,
                };
                let first_day = Utc::now().with_timezone(&zone).date_naive() - Days::new(10_000);
                let earlier = within(orders, Span(first_day, span.0 - Days::new(1)), zone);
                let of_days = before.map(|days| within(orders, days, zone));
                customers(&told, &within(orders, span, zone), &earlier, of_days.as_deref())?;
            }
        }
        Ok(())
    });
}

/// What was sold of products by SKU, else name, and currency: orders, units, sum.
fn sold(orders: &[&Order]) -> BTreeMap<(String, String), (u64, i64, i64)> {
    let mut sold: BTreeMap<(String, String), (u64, i64, i64)> = BTreeMap::new();
    for order in orders.iter().filter(|order| order.is(Standing::Sale)) {
        let mut of_order: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for (told, units, sum) in &order.lines {
            let line = of_order.entry(told).or_default();
            *line = (line.0 + units, line.1 + sum);
        }
        for (told, (units, sum)) in of_order {
            let all = sold.entry((told.to_owned(), order.currency.clone())).or_default();
            *all = (all.0 + 1, all.1 + units, all.2 + sum);
        }
    }
    sold
}

fn products(told: &Value, now: &[&Order], before: Option<&[&Order]>) -> Result<()> {
    let (now, before) = (sold(now), before.map(sold));
    ensure!(rows(told, "products").len() == now.len(), "{} products", rows(told, "products").len());
    let same = |row: &Value, sold: (u64, i64, i64), currency: &str| {
        let quantity: Amount = row["quantity"].as_str().context("a quantity")?.parse()?;
        let units: Amount = sold.1.to_string().parse()?;
        ensure!(
            row["orders"] == sold.0 && quantity == units && row["sales"] == money(sold.2, currency),
            "{row} is not {sold:?}"
        );
        Ok(())
    };
    for row in rows(told, "products") {
        let by = if row["sku"].is_string() { &row["sku"] } else { &row["name"] };
        let currency = row["sales"]["currency"].as_str().context("a currency")?.to_owned();
        let place = (by.as_str().context("a SKU or a name")?.to_owned(), currency.clone());
        same(row, *now.get(&place).with_context(|| format!("no {place:?}"))?, &currency)?;
        match &before {
            Some(before) => {
                same(&row["previous"], before.get(&place).copied().unwrap_or_default(), &currency)?;
            }
            None => ensure!(row["previous"].is_null(), "{row}"),
        }
    }
    Ok(())
}

fn customers(told: &Value, now: &[&Order], earlier: &[&Order], before: Option<&[&Order]>) -> Result<()> {
    let buyers = |orders: &[&Order], currency: Option<&str>| -> BTreeSet<u64> {
        let sales = orders.iter().filter(|order| order.is(Standing::Sale));
        sales
            .filter(|order| currency.is_none_or(|code| order.currency == code))
            .map(|order| order.customer)
            .collect()
    };
    let known = buyers(earlier, None);
    let bought = buyers(now, None);
    ensure!(told["total"]["customers"] == bought.len(), "{}", told["total"]);
    ensure!(told["total"]["newCustomers"] == bought.difference(&known).count(), "{}", told["total"]);
    for row in rows(told, "counts") {
        let currency = row["currency"].as_str().context("a currency")?;
        let bought = buyers(now, Some(currency));
        ensure!(
            row["customers"] == bought.len() && row["newCustomers"] == bought.difference(&known).count(),
            "{row}"
        );
    }
    if let Some(before) = before {
        ensure!(told["previous"]["total"]["customers"] == buyers(before, None).len(), "{}", told["previous"]);
    }
    let figures = |orders: &[&Order], customer: &Value, currency: &str| {
        let of: Vec<&&Order> = orders
            .iter()
            .filter(|order| {
                order.is(Standing::Sale) && *customer == order.customer && order.currency == currency
            })
            .collect();
        (of.len(), money(of.iter().map(|order| order.total).sum(), currency))
    };
    for row in rows(told, "customers") {
        let currency = row["sales"]["currency"].as_str().context("a currency")?;
        let (orders, sales) = figures(now, &row["customerId"], currency);
        ensure!(row["orders"] == orders && row["sales"] == sales, "{row} is not {orders}, {sales}");
        if let Some(before) = before {
            let (orders, sales) = figures(before, &row["customerId"], currency);
            ensure!(
                row["previous"] == json!({"orders": orders, "sales": sales}),
                "{row} is not {orders}, {sales}"
            );
        }
    }
    Ok(())
}

#[test]
fn one_products_sales_add_up_to_its_place_among_the_others() {
    SHARED.run(async {
        let (merchant, _) = imported().await?;
        for (place, zone) in ZONES.into_iter().enumerate() {
            let granularity = GRANULARITIES[place % GRANULARITIES.len()];
            let (_, ranked) = report(merchant, "top-products", zone, Some("previous")).await?;
            let product = rows(&ranked, "products")
                .iter()
                .find(|row| row["productId"].is_i64())
                .context("a product")?;
            let path = format!("product/{}?granularity={granularity}", product["productId"]);
            let (_, told) = report(merchant, &path, zone, Some("previous")).await?;
            let currency = &product["sales"]["currency"];
            let of = |all: &Value| {
                rows(all, "sales").iter().find(|row| row["sales"]["currency"] == *currency).cloned()
            };
            let now = of(&told).context("sales")?;
            for name in ["orders", "quantity", "sales"] {
                ensure!(now[name] == product[name], "{name}: {now} is not {product}");
            }
            let counted: u64 = rows(&told, "points")
                .iter()
                .filter(|point| point["figures"]["sales"]["currency"] == *currency)
                .filter_map(|point| point["figures"]["orders"].as_u64())
                .sum();
            ensure!(now["orders"] == counted, "{counted} orders in the points of {told}");
        }
        Ok(())
    });
}

#[test]
fn a_report_needs_a_store_keeps_its_tag_while_nothing_comes_and_names_the_occasions_of_its_days() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let nobody = Merchant::register(&world.gateway).await?;
        for name in [
            "summary",
            "sales-trend",
            "top-products",
            "customers",
            "order-status",
            "by-city",
            "by-hour",
            "product/1",
        ] {
            let answer = nobody.get(&format!("/api/v1/reports/{name}")).await?;
            let problem = expect(answer, StatusCode::PRECONDITION_FAILED).await?;
            ensure!(problem["code"] == "not-connected", "{name}: {problem}");
        }
        let (merchant, _) = imported().await?;
        let path = "/api/v1/reports/summary?from=2026-01-01&to=2026-02-28&compare=last-year";
        // `asOf` may be of half a second ago, and the import has just ended.
        let asked_twice = || async {
            let first = merchant.get(path).await?;
            let tag = first.headers()["etag"].clone();
            ensure!(expect(first, StatusCode::OK).await?["asOf"].is_string(), "it says of which time it is");
            Ok(merchant.looking(path).header("if-none-match", &tag).send().await?.status())
        };
        until(asked_twice, |status| *status == StatusCode::NOT_MODIFIED).await?;
        let trend = "/api/v1/reports/sales-trend?from=2026-02-01&to=2026-03-31&granularity=week";
        let trend = expect(merchant.get(trend).await?, StatusCode::OK).await?;
        let names: Vec<&str> =
            rows(&trend, "occasions").iter().filter_map(|one| one["name"].as_str()).collect();
        ensure!(names == ["ramadan", "founding_day", "flag_day", "eid_al_fitr"], "{names:?}");
        Ok(())
    });
}
