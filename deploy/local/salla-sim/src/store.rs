//! A simulated store: its history, made from a seed, with daily, weekly and Ramadan seasonality.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Datelike, Days, FixedOffset, NaiveDate, TimeZone, Utc, Weekday};
use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::catalogue::{FIRST_NAMES, GOODS, HOURS, LAST_NAMES, PAYMENTS, RAMADAN, STATUSES};

/// Asia/Riyadh: UTC+3, no daylight saving.
pub fn riyadh() -> FixedOffset {
    FixedOffset::east_opt(3 * 3600).expect("three hours are a valid offset")
}

/// What a store is made from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Salla's id of the store; 0 for one derived from the seed.
    pub id: u64,
    /// Decides everything.
    pub seed: u64,
    /// Orders in all.
    pub orders: usize,
    /// Customers in all.
    pub customers: usize,
    /// Products in all.
    pub products: usize,
    /// Months of history.
    pub months: u32,
    /// Last day of history, `YYYY-MM-DD`; today where absent.
    pub until: Option<NaiveDate>,
    /// `basic`, `plus`, `pro`, `special`, or `unlimited`.
    pub plan: String,
    /// Every row is told in odd shapes: what it means stays the same.
    pub odd: bool,
    /// Lists ignore their filters by day and by status: every slice is the whole.
    pub ignores_filters: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            id: 0,
            seed: 1,
            orders: 2_000,
            customers: 500,
            products: 100,
            months: 24,
            until: None,
            plan: "unlimited".into(),
            odd: false,
            ignores_filters: false,
        }
    }
}

/// A line of an order; amounts in halalas.
#[derive(Debug, Clone)]
pub struct Line {
    /// Index of the product.
    pub product: usize,
    /// Units.
    pub quantity: u32,
    /// Price of one.
    pub price: i64,
}

/// An order; amounts in halalas of its currency.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "named as in Salla's documentation")]
pub struct Order {
    pub id: u64,
    pub reference_id: u64,
    pub created_at: DateTime<Utc>,
    /// Where lists find it, by the days that they are asked for; the order of the list.
    pub filed_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub status: usize,
    pub payment_method: &'static str,
    pub currency: &'static str,
    pub customer: usize,
    pub lines: Vec<Line>,
    pub sub_total: i64,
    pub shipping: i64,
    pub cod_fee: i64,
    pub tax: i64,
    pub discount: i64,
    pub total: i64,
    /// It is there, and no list shows it.
    pub is_draft: bool,
}

/// A customer.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "named as in Salla's documentation")]
pub struct Customer {
    pub id: u64,
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub gender: &'static str,
    pub mobile: u64,
    pub email: String,
    pub city: usize,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Deleted: nobody is shown it any more.
    pub gone: bool,
}

/// A product; amounts in halalas.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "named as in Salla's documentation")]
pub struct Product {
    pub id: u64,
    pub name: String,
    pub sku: String,
    pub price: i64,
    pub quantity: u32,
    pub status: &'static str,
    pub updated_at: DateTime<Utc>,
    /// Deleted: nobody is shown it any more.
    pub gone: bool,
}

/// A store with its whole history.
#[derive(Debug)]
pub struct Store {
    /// Salla's id.
    pub id: u64,
    /// Name.
    pub name: String,
    /// Plan, decides the rate limit.
    pub plan: String,
    /// Every row is told in odd shapes.
    pub odd: bool,
    /// Lists ignore their filters.
    pub ignores_filters: bool,
    /// Orders by creation.
    pub orders: Vec<Order>,
    /// Customers.
    pub customers: Vec<Customer>,
    /// Products.
    pub products: Vec<Product>,
    by_id: HashMap<u64, usize>,
    placed: usize,
    salt: u64,
    dice: ChaCha8Rng,
    as_of: DateTime<Utc>,
}

/// What a store holds, to check others against: counts, and sums of order totals in halalas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Orders in the window.
    pub orders: u64,
    /// Customers.
    pub customers: u64,
    /// Products.
    pub products: u64,
    /// Day in Riyadh → currency → sum of totals, in hundredths of the currency.
    pub by_day: BTreeMap<NaiveDate, BTreeMap<String, i64>>,
}

/// Ids look random and never repeat: an odd multiplier permutes 31 bits.
fn scattered(index: u64, salt: u64) -> u64 {
    100_000_000 + ((index.wrapping_mul(2_654_435_761).wrapping_add(salt.wrapping_mul(40_503))) & 0x7fff_ffff)
}

impl Store {
    /// Makes the store that `plan` describes; the same plan makes the same store.
    pub fn generate(plan: &Plan, today: NaiveDate) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(plan.seed);
        let id = if plan.id == 0 { scattered(plan.seed, 7) } else { plan.id };
        let until = plan.until.unwrap_or(today);
        let from = until.checked_sub_months(chrono::Months::new(plan.months)).unwrap_or(until);
        let products: Vec<Product> =
            (0..plan.products.max(1)).map(|i| product(i, plan.seed, from, &mut dice)).collect();
        let customers: Vec<Customer> =
            (0..plan.customers.max(1)).map(|i| customer(i, plan.seed, from, &mut dice)).collect();
        let mut moments = moments(from, until, plan.orders, &mut dice);
        moments.sort_unstable();
        let mut store = Self {
            id,
            name: format!("متجر القافلة {id}"),
            plan: plan.plan.clone(),
            odd: plan.odd,
            ignores_filters: plan.ignores_filters,
            orders: Vec::with_capacity(plan.orders),
            customers,
            products,
            by_id: HashMap::with_capacity(plan.orders),
            placed: 0,
            salt: plan.seed,
            dice,
            as_of: midnight(until),
        };
        for moment in moments {
            store.place_order(moment);
        }
        store
    }

    /// A new order at `moment`, which must not be before the last one.
    pub fn place_order(&mut self, moment: DateTime<Utc>) -> &Order {
        let order = self.draw_order(self.placed, moment);
        self.placed += 1;
        let index = self.orders.len();
        self.by_id.insert(order.id, index);
        self.orders.push(order);
        &self.orders[index]
    }

    /// A new customer at `moment`.
    pub fn add_customer(&mut self, moment: DateTime<Utc>) {
        let mut new = customer(self.customers.len(), self.salt, moment.date_naive(), &mut self.dice);
        (new.created_at, new.updated_at) = (moment, moment);
        self.customers.push(new);
    }

    /// A new product at `moment`.
    pub fn add_product(&mut self, moment: DateTime<Utc>) {
        let mut new = product(self.products.len(), self.salt, moment.date_naive(), &mut self.dice);
        new.updated_at = moment;
        self.products.push(new);
    }

    /// An order by Salla's id.
    pub fn order(&self, id: u64) -> Option<&Order> {
        self.by_id.get(&id).map(|&index| &self.orders[index])
    }

    /// An order by Salla's id, to be changed behind everybody's back.
    pub fn order_mut(&mut self, id: u64) -> Option<&mut Order> {
        self.by_id.get(&id).map(|&index| &mut self.orders[index])
    }

    /// Days before and after anything that a store can hold.
    pub fn days() -> (NaiveDate, NaiveDate) {
        let day = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default();
        (day(1970), day(2200))
    }

    /// Orders placed from `first` to `last`, both included, by creation.
    pub fn orders_between(&self, first: NaiveDate, last: NaiveDate) -> &[Order] {
        let begin = self.orders.partition_point(|o| o.filed_at < midnight(first));
        let end = match last.succ_opt() {
            Some(next) => self.orders.partition_point(|o| o.filed_at < midnight(next)),
            None => self.orders.len(),
        };
        &self.orders[begin.min(end)..end]
    }

    /// Deletes an order, as a merchant may.
    pub fn remove_order(&mut self, id: u64) -> Option<Order> {
        let index = self.by_id.remove(&id)?;
        let removed = self.orders.remove(index);
        for place in self.by_id.values_mut().filter(|place| **place > index) {
            *place -= 1;
        }
        Some(removed)
    }

    /// Changes the status of an order at `now`.
    pub fn set_status(&mut self, id: u64, slug: &str, now: DateTime<Utc>) -> Option<&Order> {
        let index = *self.by_id.get(&id)?;
        let status = STATUSES.iter().position(|(_, s, _)| *s == slug)?;
        let order = &mut self.orders[index];
        order.status = status;
        order.updated_at = now;
        Some(order)
    }

    /// What the store holds of orders placed from `from` to `until`, both included, in Riyadh.
    pub fn totals(&self, from: NaiveDate, until: NaiveDate) -> Totals {
        let mut totals = Totals {
            orders: 0,
            customers: self.customers.iter().filter(|c| !c.gone).count() as u64,
            products: self.products.iter().filter(|p| !p.gone).count() as u64,
            by_day: BTreeMap::new(),
        };
        for order in &self.orders {
            let day = order.created_at.with_timezone(&riyadh()).date_naive();
            if (from..=until).contains(&day) {
                totals.orders += 1;
                *totals.by_day.entry(day).or_default().entry(order.currency.to_owned()).or_default() +=
                    order.total;
            }
        }
        totals
    }

    fn draw_order(&mut self, index: usize, created_at: DateTime<Utc>) -> Order {
        let dice = &mut self.dice;
        let lines: Vec<Line> = (0..dice.random_range(1..=4_usize))
            .map(|_| {
                // The square makes a few products sell much more than the rest.
                let share: f64 = dice.random::<f64>().powi(2);
                let product = ((share * self.products.len() as f64) as usize).min(self.products.len() - 1);
                Line { product, quantity: dice.random_range(1..=3), price: self.products[product].price }
            })
            .collect();
        let goods: i64 = lines.iter().map(|l| l.price * i64::from(l.quantity)).sum();
        let discount = if dice.random_bool(0.15) { goods / 10 } else { 0 };
        let shipping = if goods > 30_000 { 0 } else { 2_500 };
        let payment_method = weighted(&PAYMENTS, dice);
        let cod_fee = if payment_method == "cod" { 1_500 } else { 0 };
        let taxed = goods - discount + shipping + cod_fee;
        let tax = taxed * 15 / 100;
        Order {
            id: scattered(index as u64, self.salt),
            reference_id: 10_000_000 + index as u64,
            created_at,
            filed_at: created_at,
            updated_at: created_at,
            status: status_of_age(self.as_of - created_at, dice),
            payment_method,
            currency: if dice.random_bool(0.03) { "USD" } else { "SAR" },
            customer: dice.random_range(0..self.customers.len()),
            sub_total: goods,
            shipping,
            cod_fee,
            tax,
            discount,
            total: taxed + tax,
            is_draft: false,
            lines,
        }
    }
}

fn product(index: usize, seed: u64, from: NaiveDate, dice: &mut ChaCha8Rng) -> Product {
    let (name, price) = GOODS[index % GOODS.len()];
    let variant = crate::catalogue::VARIANTS[(index / GOODS.len()) % crate::catalogue::VARIANTS.len()];
    let edition = index / (GOODS.len() * crate::catalogue::VARIANTS.len());
    let suffix = if edition == 0 { String::new() } else { format!(" {}", edition + 1) };
    let quantity = dice.random_range(0..200);
    Product {
        id: scattered(index as u64, seed ^ 0x50),
        name: format!("{name} {variant}{suffix}"),
        sku: if dice.random_bool(0.1) { String::new() } else { format!("QF-{index:05}") },
        price: i64::from(price) * 100 + i64::from(dice.random_range(0..4_u32)) * 25,
        quantity,
        status: if quantity == 0 { "out" } else { "sale" },
        updated_at: midnight(from) + chrono::Duration::hours(dice.random_range(0..2_000)),
        gone: false,
    }
}

fn customer(index: usize, seed: u64, from: NaiveDate, dice: &mut ChaCha8Rng) -> Customer {
    let (first_name, gender) = FIRST_NAMES[dice.random_range(0..FIRST_NAMES.len())];
    let id = scattered(index as u64, seed ^ 0xc0);
    let created_at = midnight(from) + chrono::Duration::hours(dice.random_range(0..5_000));
    Customer {
        id,
        first_name,
        last_name: LAST_NAMES[dice.random_range(0..LAST_NAMES.len())],
        gender,
        mobile: 500_000_000 + id % 99_999_999,
        email: format!("customer{id}@example.com"),
        city: dice.random_range(0..crate::catalogue::CITIES.len()),
        created_at,
        updated_at: created_at,
        gone: false,
    }
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    let local = day.and_hms_opt(0, 0, 0).expect("midnight exists");
    riyadh().from_local_datetime(&local).single().map(|t| t.to_utc()).unwrap_or_default()
}

/// Draws the moments of `count` orders between two days.
fn moments(from: NaiveDate, until: NaiveDate, count: usize, dice: &mut ChaCha8Rng) -> Vec<DateTime<Utc>> {
    let days: Vec<NaiveDate> = from.iter_days().take_while(|day| *day < until).collect();
    if days.is_empty() {
        return vec![];
    }
    let mut sum = 0.0;
    let weights: Vec<f64> = days
        .iter()
        .enumerate()
        .map(|(index, day)| {
            sum += weight(*day, index, days.len());
            sum
        })
        .collect();
    (0..count)
        .map(|_| {
            let point = dice.random::<f64>() * sum;
            let index = weights.partition_point(|w| *w < point).min(days.len() - 1);
            let hour = hour(dice);
            let within = dice.random_range(0..3_600);
            midnight(days[index]) + chrono::Duration::seconds(i64::from(hour) * 3_600 + within)
        })
        .collect()
}

/// How busy a day is: growth over the history, weekends, Ramadan.
fn weight(day: NaiveDate, index: usize, days: usize) -> f64 {
    let growth = 1.0 + index as f64 / days as f64;
    let weekly = match day.weekday() {
        Weekday::Thu | Weekday::Fri => 1.4,
        Weekday::Sun => 0.8,
        _ => 1.0,
    };
    let date = |(y, m, d)| NaiveDate::from_ymd_opt(y, m, d);
    let in_ramadan = RAMADAN.iter().any(|(first, last)| {
        date(*first).zip(date(*last)).is_some_and(|(first, last)| {
            // The week before the feast is the busiest.
            (first..=last).contains(&day) || day.checked_sub_days(Days::new(2)).is_some_and(|d| d == last)
        })
    });
    growth * weekly * if in_ramadan { 1.8 } else { 1.0 }
}

fn hour(dice: &mut ChaCha8Rng) -> u32 {
    let total: u32 = HOURS.iter().sum();
    let mut point = dice.random_range(0..total);
    for (hour, weight) in (0_u32..).zip(HOURS) {
        if point < weight {
            return hour;
        }
        point -= weight;
    }
    23
}

fn weighted(choices: &[(&'static str, u32)], dice: &mut ChaCha8Rng) -> &'static str {
    let total: u32 = choices.iter().map(|(_, weight)| weight).sum();
    let mut point = dice.random_range(0..total);
    for (choice, weight) in choices {
        if point < *weight {
            return choice;
        }
        point -= weight;
    }
    choices[0].0
}

/// Old orders are done, a few cancelled or returned; young ones are on their way.
fn status_of_age(age: chrono::Duration, dice: &mut ChaCha8Rng) -> usize {
    let slug = match dice.random_range(0..100) {
        0..8 => "canceled",
        8..12 if age.num_days() > 7 => "restored",
        _ if age.num_days() > 14 => "completed",
        _ if age.num_days() > 7 => "delivered",
        _ if age.num_days() > 2 => "shipped",
        12..40 => "under_review",
        40..50 => "payment_pending",
        _ => "in_progress",
    };
    STATUSES.iter().position(|(_, s, _)| *s == slug).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_seed_decides_everything_and_ids_never_repeat() {
        let plan = Plan { orders: 3_000, until: NaiveDate::from_ymd_opt(2026, 6, 1), ..Plan::default() };
        let today = NaiveDate::from_ymd_opt(2026, 11, 1).expect("a day");
        let (one, two) = (Store::generate(&plan, today), Store::generate(&plan, today));
        let from = NaiveDate::from_ymd_opt(2020, 1, 1).expect("a day");
        assert_eq!(one.totals(from, today), two.totals(from, today));
        assert_eq!(one.orders.iter().map(|o| o.id).collect::<HashSet<_>>().len(), 3_000);
        assert!(one.orders.windows(2).all(|pair| pair[0].created_at <= pair[1].created_at));
    }

    #[test]
    fn ramadan_is_busier_than_the_month_after() {
        let plan = Plan { orders: 20_000, until: NaiveDate::from_ymd_opt(2026, 6, 1), ..Plan::default() };
        let store = Store::generate(&plan, NaiveDate::from_ymd_opt(2026, 6, 1).expect("a day"));
        let day = |m, d| NaiveDate::from_ymd_opt(2026, m, d).expect("a day");
        let ramadan = store.totals(day(2, 18), day(3, 17)).orders;
        let after = store.totals(day(3, 25), day(4, 21)).orders;
        assert!(ramadan > after * 13 / 10, "{ramadan} against {after}");
    }
}
