//! Finding rows of a list: filtered, sorted, a page at a time.
//!
//! Rows are found along an index that is in the wanted order. Where what is asked for has another index (terms, days, amounts), a bounded walk
//! goes along the order first: what many rows have is found there. What few have is then looked up by its own index, and sorted.

use std::time::Duration;

use chrono::{DateTime, Datelike, Utc};
use qafila_schemas::ids::MerchantId;
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder};

use super::List;
use crate::oltp::scope::for_merchant_within;

/// A query of a list takes no longer: all merchants share the connections.
const MAX_TIME: Duration = Duration::from_secs(10);
/// Rows that a walk looks at.
const WALK: i64 = 400;
/// Rows that are looked up: what more have is a condition of a walk without an end.
const MAX_LOOKED_UP: i64 = 5_000;
/// Rows within days or amounts that are looked up: these are read along an index, each for less.
const MAX_WITHIN: i64 = 10_000;
/// Rows with the terms among those of a walk from which on the terms are of many rows: to look these up would be in vain.
const MANY_OF_A_WALK: i64 = 8;

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// When a row was made.
    Created,
    /// Total, price, or what a customer bought for.
    Amount,
    /// Units sold of a product.
    Units,
    /// A customer's last sale.
    Last,
}

/// How a list is sorted; rows with the same key by Salla's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// Largest or newest first.
    pub is_descending: bool,
}

/// Rows that are wanted; what is empty or none does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Of one of these statuses (slugs).
    pub status: Vec<String>,
    /// Paid in one of these ways.
    pub payment_method: Vec<String>,
    /// Of one of these channels.
    pub channel: Vec<String>,
    /// Of one of these cities.
    pub city: Vec<String>,
    /// Of this customer.
    pub customer_id: Option<i64>,
    /// Of one of these people.
    pub people: Option<People>,
    /// Made at or after.
    pub from: Option<DateTime<Utc>>,
    /// Made before.
    pub until: Option<DateTime<Utc>>,
    /// At least so much, in ten-thousandths.
    pub amount_from: Option<i64>,
    /// At most so much, in ten-thousandths.
    pub amount_to: Option<i64>,
    /// With all of these [terms](super::terms).
    pub every: Vec<i64>,
    /// With one of each of these.
    pub any_of: Vec<Vec<i64>>,
    /// One of the terms is of few rows: it is looked up at once.
    pub is_rare: bool,
    /// In this order.
    pub sort: Sort,
}

/// People as rows name them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct People {
    /// Salla's ids of customers.
    pub customers: Vec<i64>,
    /// Salla's ids of rows whose customer is not known, or, in the list of customers, of the customers.
    pub rows: Vec<i64>,
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Place {
    /// What it is sorted by: a time in microseconds since the Unix epoch, ten-thousandths, or units.
    pub key: i64,
    /// Salla's id.
    pub id: i64,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            status: vec![],
            payment_method: vec![],
            channel: vec![],
            city: vec![],
            customer_id: None,
            people: None,
            from: None,
            until: None,
            amount_from: None,
            amount_to: None,
            every: vec![],
            any_of: vec![],
            is_rare: false,
            sort: Sort { key: SortKey::Created, is_descending: true },
        }
    }
}

/// Rows of a merchant's store from behind `after`, at most `limit`. `pool` is the query role's.
pub async fn find(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    list: List,
    wanted: &Wanted,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<Place>, sqlx::Error> {
    if wanted.is_of_nobody() {
        return Ok(vec![]);
    }
    let mut scope = for_merchant_within(pool, merchant, MAX_TIME).await?;
    let finding = Finding { merchant, store_id, list, wanted, after };
    if wanted.has_terms() || wanted.has_range_across_order() {
        let mut is_of_many = false;
        if !wanted.is_rare {
            let mut walk = finding.walk(limit);
            let walked: Vec<Walked> = walk.build_query_as().persistent(false).fetch_all(&mut *scope).await?;
            let is_whole_list = walked.iter().all(|row| row.walked < WALK);
            is_of_many = walked.iter().all(|row| row.with_terms >= MANY_OF_A_WALK);
            let found: Vec<Place> = walked.into_iter().filter_map(Walked::place).collect();
            if found.len() as i64 == limit || is_whole_list {
                return Ok(found);
            }
        }
        if !(wanted.has_terms() && is_of_many) {
            let mut look_up = finding.look_up(limit);
            let found: Vec<LookedUp> =
                look_up.build_query_as().persistent(false).fetch_all(&mut *scope).await?;
            if found.iter().all(|row| row.looked_up <= wanted.max_looked_up()) {
                return Ok(found.into_iter().filter_map(LookedUp::place).collect());
            }
        }
    }
    // Which conditions hold is known only with the values: a plan that was made without them would walk the whole store.
    finding.select(limit).build_query_as().persistent(false).fetch_all(&mut *scope).await
}

/// How many rows are wanted, counted to `limit`.
pub async fn count(
    pool: &PgPool,
    merchant: MerchantId,
    store_id: i64,
    list: List,
    wanted: &Wanted,
    limit: i64,
) -> Result<i64, sqlx::Error> {
    if wanted.is_of_nobody() {
        return Ok(0);
    }
    let mut scope = for_merchant_within(pool, merchant, MAX_TIME).await?;
    let finding = Finding { merchant, store_id, list, wanted, after: None };
    if wanted.has_terms() {
        let mut look_up = finding.look_up(MAX_LOOKED_UP);
        let found: Vec<LookedUp> = look_up.build_query_as().persistent(false).fetch_all(&mut *scope).await?;
        if found.iter().all(|row| row.looked_up <= MAX_LOOKED_UP) {
            let found = found.into_iter().filter_map(LookedUp::place).count() as i64;
            return Ok(found.min(limit));
        }
    }
    let mut sql = QueryBuilder::new(format!("SELECT count(*) FROM (SELECT FROM {} AS l", list.table()));
    finding.conditions(&mut sql, None);
    finding.terms(&mut sql);
    sql.push(" LIMIT ").push_bind(limit).push(") AS counted");
    sql.build_query_scalar().persistent(false).fetch_one(&mut *scope).await
}

/// A row that a walk found, or none; how many rows it looked at, and how many of these have the terms.
#[derive(FromRow)]
struct Walked {
    walked: i64,
    with_terms: i64,
    key: Option<i64>,
    id: Option<i64>,
}

impl Walked {
    fn place(self) -> Option<Place> {
        Some(Place { key: self.key?, id: self.id? })
    }
}

/// A row that was looked up, or none, and how many rows there are of the kind.
#[derive(FromRow)]
struct LookedUp {
    looked_up: i64,
    key: Option<i64>,
    id: Option<i64>,
}

impl LookedUp {
    fn place(self) -> Option<Place> {
        Some(Place { key: self.key?, id: self.id? })
    }
}

impl Wanted {
    /// Whether people are asked for whom nobody is: an empty list of ids would be looked for in the whole store.
    fn is_of_nobody(&self) -> bool {
        self.people.as_ref().is_some_and(|people| people.customers.is_empty() && people.rows.is_empty())
    }

    /// Whether rows are looked up by terms, whose index knows no order.
    fn has_terms(&self) -> bool {
        !self.every.is_empty() || !self.any_of.is_empty()
    }

    /// Whether days or amounts are asked for that the order knows nothing of.
    fn has_range_across_order(&self) -> bool {
        self.range_across_order().is_some()
    }

    /// What such a range is of.
    fn range_across_order(&self) -> Option<SortKey> {
        let has_days = self.from.is_some() || self.until.is_some();
        let has_amounts = self.amount_from.is_some() || self.amount_to.is_some();
        let ranges = [(has_days, SortKey::Created), (has_amounts, SortKey::Amount)];
        ranges.into_iter().find(|(is_there, of)| *is_there && *of != self.sort.key).map(|(_, of)| of)
    }

    fn max_looked_up(&self) -> i64 {
        if self.has_terms() { MAX_LOOKED_UP } else { MAX_WITHIN }
    }

    /// A filter of several values whose index is in the order of creation: each value is then read along it.
    fn several(&self) -> Option<(&'static str, &[String])> {
        let all = [
            ("status", &self.status),
            ("payment_method", &self.payment_method),
            ("channel", &self.channel),
            ("city", &self.city),
        ];
        let several = all.into_iter().find(|(_, values)| values.len() > 1);
        several.filter(|_| self.sort.key == SortKey::Created).map(|(name, values)| (name, values.as_slice()))
    }
}

impl SortKey {
    /// As the indexes have it.
    fn column(self) -> &'static str {
        match self {
            Self::Created => "created_at",
            Self::Amount => "amount",
            Self::Units => "units",
            Self::Last => "last_at",
        }
    }

    /// Whether a row may have this [key](Place::key): times are within what Postgres and its readers know.
    pub fn can_be(self, key: i64) -> bool {
        !self.is_time()
            || DateTime::from_timestamp_micros(key).is_some_and(|at| (1900..=2200).contains(&at.year()))
    }

    fn is_time(self) -> bool {
        matches!(self, Self::Created | Self::Last)
    }

    /// As [`Place`] has it.
    fn selected(self) -> String {
        let column = self.column();
        if self.is_time() {
            format!("(extract(epoch FROM {column}) * 1000000)::bigint")
        } else {
            column.to_owned()
        }
    }
}

struct Finding<'w> {
    merchant: MerchantId,
    store_id: i64,
    list: List,
    wanted: &'w Wanted,
    after: Option<Place>,
}

impl<'w> Finding<'w> {
    /// All wanted rows in order.
    fn select(&self, limit: i64) -> QueryBuilder<'w, Postgres> {
        let mut sql = QueryBuilder::new("");
        match self.wanted.several() {
            Some((column, values)) => {
                sql.push("SELECT key, id FROM (");
                for (index, value) in values.iter().enumerate() {
                    sql.push(if index == 0 { "(" } else { " UNION ALL (" });
                    self.ordered(&mut sql, Some((column, value)), limit);
                    sql.push(")");
                }
                let direction = self.direction();
                sql.push(format!(") AS each ORDER BY key {direction}, id {direction} LIMIT "))
                    .push_bind(limit);
            }
            _ => self.ordered(&mut sql, None, limit),
        }
        sql
    }

    /// Those of the wanted rows that are among the first in order.
    fn walk(&self, limit: i64) -> QueryBuilder<'w, Postgres> {
        let mut sql = QueryBuilder::new("WITH l AS MATERIALIZED (SELECT * FROM ");
        sql.push(self.list.table()).push(" AS l WHERE ");
        self.scope(&mut sql);
        self.behind(&mut sql);
        self.order(&mut sql, WALK);
        sql.push(") SELECT counted.walked, counted.with_terms, found.key, found.id FROM (SELECT count(*) AS walked, count(*) FILTER (WHERE true");
        self.terms(&mut sql);
        sql.push(") AS with_terms FROM l) AS counted LEFT JOIN LATERAL (");
        sql.push(format!("SELECT {} AS key, id FROM l", self.key().selected()));
        self.conditions(&mut sql, None);
        self.terms(&mut sql);
        self.order(&mut sql, limit);
        sql.push(") AS found ON true");
        sql
    }

    /// The wanted among the rows that have the terms, or that are within days and amounts, unless there are too many of these.
    fn look_up(&self, limit: i64) -> QueryBuilder<'w, Postgres> {
        let (table, wanted) = (self.list.table(), self.wanted);
        let mut sql = QueryBuilder::new("WITH l AS MATERIALIZED (SELECT * FROM ");
        if wanted.has_terms() {
            sql.push(format!("{table}_with_terms(")).push_bind(self.store_id);
            sql.push(", ").push_bind(&wanted.every).push(", ");
            sql.push_bind(wanted.any_of.first().map_or(&[][..], Vec::as_slice));
            sql.push(", ").push_bind(MAX_LOOKED_UP + 1).push(")");
        } else {
            // In the order of the range: its index is the one that is read, whatever else is asked for.
            let of = wanted.range_across_order().unwrap_or(self.key());
            sql.push(format!("{table} AS l WHERE "));
            self.scope(&mut sql);
            match of {
                SortKey::Created => self.within_days(&mut sql),
                _ => self.within_amounts(&mut sql),
            }
            sql.push(format!(" ORDER BY {}, id LIMIT ", of.column())).push_bind(MAX_WITHIN + 1);
        }
        sql.push(") SELECT counted.looked_up, found.key, found.id FROM (SELECT count(*) AS looked_up FROM l) AS counted LEFT JOIN LATERAL (");
        sql.push(format!("SELECT {} AS key, id FROM l", self.key().selected()));
        self.conditions(&mut sql, None);
        self.behind(&mut sql);
        self.order(&mut sql, limit);
        sql.push(") AS found ON true");
        sql
    }

    fn ordered(
        &self,
        sql: &mut QueryBuilder<'w, Postgres>,
        one: Option<(&'static str, &'w str)>,
        limit: i64,
    ) {
        sql.push(format!("SELECT {} AS key, id FROM {} AS l", self.key().selected(), self.list.table()));
        self.conditions(sql, one);
        self.terms(sql);
        self.behind(sql);
        self.order(sql, limit);
    }

    fn scope(&self, sql: &mut QueryBuilder<'w, Postgres>) {
        sql.push("merchant_id = ")
            .push_bind(self.merchant.0)
            .push(" AND store_id = ")
            .push_bind(self.store_id);
        sql.push(" AND is_listed");
    }

    /// All but the terms that are [looked up](Self::look_up); of a filter of several values only `one`, where it is given.
    fn conditions(&self, sql: &mut QueryBuilder<'w, Postgres>, one: Option<(&'static str, &'w str)>) {
        let wanted = self.wanted;
        sql.push(" WHERE ");
        self.scope(sql);
        for (column, values) in [
            ("status", &wanted.status),
            ("payment_method", &wanted.payment_method),
            ("channel", &wanted.channel),
            ("city", &wanted.city),
        ] {
            let one = one.filter(|(name, _)| *name == column).map(|(_, value)| value);
            match (one, values.as_slice()) {
                (Some(value), _) => sql.push(format!(" AND {column} = ")).push_bind(value),
                (None, []) => sql,
                (None, [value]) => sql.push(format!(" AND {column} = ")).push_bind(value),
                (None, values) => sql.push(format!(" AND {column} = ANY(")).push_bind(values).push(")"),
            };
        }
        if let Some(customer) = wanted.customer_id {
            sql.push(" AND customer_id = ").push_bind(customer);
        }
        if let Some(people) = &wanted.people {
            // An OR is not looked up by two indexes where one condition will do.
            match (people.customers.as_slice(), people.rows.as_slice()) {
                (customers, []) => sql.push(" AND customer_id = ANY(").push_bind(customers).push(")"),
                ([], rows) => sql.push(" AND id = ANY(").push_bind(rows).push(")"),
                (customers, rows) => {
                    sql.push(" AND (customer_id = ANY(").push_bind(customers);
                    sql.push(") OR id = ANY(").push_bind(rows).push("))")
                }
            };
        }
        self.within_days(sql);
        self.within_amounts(sql);
        for terms in wanted.any_of.iter().skip(1) {
            sql.push(" AND terms && ").push_bind(terms);
        }
    }

    fn within_days(&self, sql: &mut QueryBuilder<'w, Postgres>) {
        if let Some(from) = self.wanted.from {
            sql.push(" AND created_at >= ").push_bind(from);
        }
        if let Some(until) = self.wanted.until {
            // What was made at a time that nobody knows was not made before another.
            sql.push(" AND created_at > 'epoch' AND created_at < ").push_bind(until);
        }
    }

    fn within_amounts(&self, sql: &mut QueryBuilder<'w, Postgres>) {
        if let Some(amount) = self.wanted.amount_from {
            sql.push(" AND has_amount AND amount >= ").push_bind(amount);
        }
        if let Some(amount) = self.wanted.amount_to {
            sql.push(" AND has_amount AND amount <= ").push_bind(amount);
        }
    }

    /// The terms that are [looked up](Self::look_up), as conditions.
    fn terms(&self, sql: &mut QueryBuilder<'w, Postgres>) {
        if !self.wanted.every.is_empty() {
            sql.push(" AND terms @> ").push_bind(&self.wanted.every);
        }
        if let Some(terms) = self.wanted.any_of.first() {
            sql.push(" AND terms && ").push_bind(terms);
        }
    }

    fn behind(&self, sql: &mut QueryBuilder<'w, Postgres>) {
        let Some(after) = self.after else { return };
        let behind = if self.wanted.sort.is_descending { "<" } else { ">" };
        sql.push(format!(" AND ({}, id) {behind} (", self.key().column()));
        match DateTime::from_timestamp_micros(after.key).filter(|_| self.key().is_time()) {
            Some(at) => sql.push_bind(at),
            None => sql.push_bind(after.key),
        };
        sql.push(", ").push_bind(after.id).push(")");
    }

    fn order(&self, sql: &mut QueryBuilder<'w, Postgres>, limit: i64) {
        let (column, direction) = (self.key().column(), self.direction());
        sql.push(format!(" ORDER BY {column} {direction}, id {direction} LIMIT ")).push_bind(limit);
    }

    fn key(&self) -> SortKey {
        self.wanted.sort.key
    }

    fn direction(&self) -> &'static str {
        if self.wanted.sort.is_descending { "DESC" } else { "ASC" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(wanted: &Wanted) -> String {
        let finding = Finding {
            merchant: MerchantId::default(),
            store_id: 2,
            list: List::Orders,
            wanted,
            after: Some(Place { key: 1, id: 2 }),
        };
        finding.select(21).sql().to_owned()
    }

    #[test]
    fn several_values_are_each_read_along_their_index_where_that_is_in_the_wanted_order() {
        let mut wanted =
            Wanted { status: vec!["a".into(), "b".into()], city: vec!["c".into()], ..Wanted::default() };
        assert_eq!(sql(&wanted).matches("status = ").count(), 2);
        assert_eq!(sql(&wanted).matches("city = ").count(), 2);
        wanted.sort.key = SortKey::Amount;
        assert_eq!(sql(&wanted).matches("status = ANY(").count(), 1);
    }

    #[test]
    fn terms_are_looked_up_where_the_owner_looks_and_else_are_conditions() {
        let wanted = Wanted { every: vec![7], any_of: vec![vec![8], vec![9]], ..Wanted::default() };
        let finding = Finding {
            merchant: MerchantId::default(),
            store_id: 2,
            list: List::Orders,
            wanted: &wanted,
            after: None,
        };
        let look_up = finding.look_up(21).sql().to_owned();
        assert!(look_up.contains("FROM order_list_with_terms("));
        assert_eq!(look_up.matches("terms && ").count(), 1, "the first group is looked up");
        assert_eq!(sql(&wanted).matches("terms && ").count(), 2);
        assert!(wanted.has_terms() && !Wanted::default().has_terms());

        let mut in_days = Wanted { from: Some(Utc::now()), ..Wanted::default() };
        assert!(!in_days.has_range_across_order(), "days are in the order of creation");
        in_days.sort.key = SortKey::Amount;
        assert!(in_days.has_range_across_order());
        let finding = Finding { wanted: &in_days, ..finding };
        let look_up = finding.look_up(21).sql().to_owned();
        assert!(look_up.contains("FROM order_list AS l WHERE") && !look_up.contains("with_terms("));
    }
}
