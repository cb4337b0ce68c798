//! Orders of a night (ARCHITECTURE §5): those that changed since the last run, newest first, and a slice of older ones, so that every
//! order is looked at once a cycle. All are read whole, because a list shows neither items nor addresses.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use futures::stream::{self, TryStreamExt};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::Source;
use tokio::sync::mpsc;

use super::differences::{Differences, Reading};
use super::newest::Changed;
use super::run::Run;
use super::summary::{Failure, Summary};
use crate::hydration::entity::EntityRead;
use crate::mapping::Owner;
use crate::refused_rows::row_id;
use crate::salla::repeats::Repeats;
use crate::sync::intake::day;
use crate::sync::plan::{self, Window};
use crate::sync::stored::Range;

pub(super) const ORDERS: &str = "orders";
/// Orders read side by side; the store's rate limit decides the speed, not this.
const AT_ONCE: usize = 10;
/// Orders compared and written together at most, and orders that wait for it.
const CHUNK: usize = 20;
const WAITING: usize = 20;
/// Scans of a list that does not agree with itself.
pub(super) const MOST_SCANS: usize = 3;
/// Which orders are looked at.
#[derive(Debug, Clone, Copy)]
pub enum Scope {
    /// Changed since then, and, in a night, a slice of older ones that begins there.
    Changed {
        /// Changes before it were seen.
        since: DateTime<Utc>,
        /// Whether a slice has its turn.
        slice: bool,
        /// First day of the slice; none at the start of a cycle.
        slice_from: Option<NaiveDate>,
    },
    /// Created on these days.
    Days(Window),
}

/// What came of the orders: figures, and where the next slice begins.
pub struct OrdersDone {
    /// Figures, or why they count for nothing: then the changes are looked at again, but the slice has had its turn.
    pub summary: Result<Summary, Failure>,
    /// First day of the next slice; none where the next cycle begins. Absent where no slice had its turn.
    pub next_slice: Option<Option<NaiveDate>>,
}

/// Reconciles the orders of a run.
pub struct Orders<'r> {
    pub(super) run: &'r Run,
    pub(super) differences: &'r Differences<'r>,
}

impl<'r> Orders<'r> {
    /// Of `run`, whose differences are gathered in `differences`.
    pub fn new(run: &'r Run, differences: &'r Differences<'r>) -> Self {
        Self { run, differences }
    }

    /// Looks at what `scope` says.
    pub async fn reconcile(&self, scope: Scope) -> Result<OrdersDone, Failure> {
        let by_day =
            self.run.tools.compared.orders_by_day(self.run.owner.merchant_id, self.run.owner.store_id);
        let by_day = by_day.await.map_err(Failure::ours)?;
        let stored = by_day.iter().map(|(_, count)| count).sum::<i64>();
        let next_slice = match scope {
            Scope::Days(window) => {
                self.slice(window).await?;
                None
            }
            Scope::Changed { since, slice, slice_from } => {
                self.changed(since, stored).await?;
                if slice { Some(self.older(slice_from, &by_day).await?) } else { None }
            }
        };
        let rows = usize::try_from(stored).unwrap_or_default();
        Ok(OrdersDone { summary: self.differences.finish(rows).await, next_slice })
    }

    /// Everything that changed since `since`, as far as Salla's own order of changes tells; `stored` orders are known.
    async fn changed(&self, since: DateTime<Utc>, stored: i64) -> Result<(), Failure> {
        let seen_until = Millis::from(since - self.run.list_cache_window());
        let mut windows = vec![None];
        while let Some(window) = windows.pop() {
            let expected = if window.is_none() { stored } else { 0 };
            match self.newest(window, seen_until, expected).await? {
                Some(changed) => {
                    let Changed { ids, mut read } = changed;
                    let known: Vec<(i64, EntityRead)> =
                        ids.iter().filter_map(|id| Some((*id, read.remove(id)?))).collect();
                    let known_ids: HashSet<i64> = known.iter().map(|(id, _)| *id).collect();
                    self.take(known).await?;
                    let left: Vec<i64> = ids.into_iter().filter(|id| !known_ids.contains(id)).collect();
                    self.read_whole(left).await?;
                }
                // More changes than Salla's deep pages show: day by day of creation, in halves.
                None => windows.extend(self.halves(window).await?.map(Some)),
            }
        }
        Ok(())
    }

    async fn halves(&self, window: Option<Window>) -> Result<[Window; 2], Failure> {
        let window = match window {
            Some(window) => window,
            None => Window { first: self.run.first_day().await?, last: self.run.today() },
        };
        window.halves().ok_or_else(|| {
            Failure::Disagrees(format!("there are more orders of {} than Salla's pages show", window.first))
        })
    }

    /// A slice of older orders that has its turn, in size what a cycle of nights needs; says where the next one begins.
    async fn older(
        &self,
        from: Option<NaiveDate>,
        by_day: &[(NaiveDate, i64)],
    ) -> Result<Option<NaiveDate>, Failure> {
        let (earliest, today) = (self.run.first_day().await?, self.run.today());
        let first = from.filter(|day| (earliest..=today).contains(day)).unwrap_or(earliest);
        let last = slice_end(first, today, by_day, self.run.tools.cycle_nights);
        self.slice(Window { first, last }).await?;
        Ok(last.succ_opt().filter(|next| *next <= today))
    }

    /// Every order that was created on the days of `window`; in halves where they are more than Salla's deep pages show.
    async fn slice(&self, window: Window) -> Result<(), Failure> {
        let mut windows = vec![window];
        while let Some(window) = windows.pop() {
            match self.listed(window).await? {
                Some((listed, began)) => self.compare_slice(window, listed, began).await?,
                None => windows.extend(self.halves(Some(window)).await?),
            }
        }
        Ok(())
    }

    /// Orders that are listed of the days are read whole; what is stored and not listed is asked for by id.
    async fn compare_slice(&self, window: Window, listed: Vec<i64>, began: Millis) -> Result<(), Failure> {
        let Owner { merchant_id, store_id, .. } = self.run.owner;
        let range = Range { merchant_id, store_id, resource: ORDERS, created: Some(window.span()) };
        let left_out =
            self.run.tools.stored.left_out(range, &listed, i64::MAX).await.map_err(Failure::ours)?;
        // What came while we were reading need not be in the list yet.
        let settled = began.to_utc() - self.run.list_cache_window();
        let missing = left_out
            .rows
            .iter()
            .filter(|row| row.created_at.is_none_or(|at| at < settled))
            .map(|row| row.salla_id);
        let ids = listed.iter().copied().chain(missing).collect();
        self.read_whole(ids).await
    }

    /// Ids that Salla lists of the days, once a scan agrees with itself, and when the scan began; none where they are more than its
    /// deep pages show.
    async fn listed(&self, window: Window) -> Result<Option<(Vec<i64>, Millis)>, Failure> {
        let all = Window { first: self.run.first_day().await?, last: self.run.today() };
        let mut doubt = String::new();
        for _ in 0..MOST_SCANS {
            let (mut ids, mut within) = (HashSet::new(), Vec::new());
            let (mut number, mut began, mut repeats) = (1, None, Repeats::default());
            let total = loop {
                let page = self.run.page(ORDERS, number, sorting(Some(window), "created_at-asc")).await?;
                began = began.or(Some(page.asked_at));
                if !self.run.client.config().shows(ORDERS, page.total) {
                    return Ok(None);
                }
                let created = |row: &str| crate::mapping::orders::created_at(row).map(day);
                let days: Vec<_> = page.rows.iter().map(|row| created(row.get())).collect();
                let known = ids.len();
                for (row, side) in page.rows.iter().zip(plan::sides(window, all, &days)) {
                    let id = row_id(row.get());
                    let is_ours = matches!(side, 0 | plan::UNDATED | plan::STRAY);
                    if ids.insert(id) && is_ours && id > 0 {
                        within.push(id);
                    }
                }
                let is_endless = repeats.is_endless(ids.len() - known);
                if !page.has_next || page.rows.is_empty() || is_endless {
                    break page.total;
                }
                number += 1;
            };
            if i64::try_from(ids.len()).unwrap_or(i64::MAX) >= total {
                return Ok(Some((within, began.unwrap_or_default())));
            }
            doubt = format!(
                "{} orders of {} to {} were listed where the list says {total}",
                ids.len(),
                window.first,
                window.last
            );
        }
        Err(Failure::Disagrees(doubt))
    }

    /// Reads orders with details and items, and takes what differs; those that this run has looked at are passed over.
    async fn read_whole(&self, ids: Vec<i64>) -> Result<(), Failure> {
        let looked_at = self.run.looked_at(ORDERS).await?;
        let mut once = HashSet::new();
        let ids: Vec<i64> =
            ids.into_iter().filter(|id| !looked_at.contains(id) && once.insert(*id)).collect();
        let (read, mut to_take) = mpsc::channel(WAITING);
        let reading = async move {
            stream::iter(ids.into_iter().map(Ok))
                .map_ok(|id| async move { Ok::<_, Failure>((id, self.run.entities.read(ORDERS, id).await?)) })
                .try_buffer_unordered(AT_ONCE)
                // The other half has stopped, with a reason of its own.
                .try_for_each(|order| async { read.send(order).await.map_err(|_| Failure::Lost) })
                .await
        };
        // Beside the reading, so that no call waits for a write.
        let taking = async move {
            let mut chunk = Vec::new();
            while to_take.recv_many(&mut chunk, CHUNK).await > 0 {
                self.take(std::mem::take(&mut chunk)).await?;
            }
            Ok(())
        };
        tokio::try_join!(taking, reading).map(drop)
    }

    async fn take(&self, read: Vec<(i64, EntityRead)>) -> Result<(), Failure> {
        if read.is_empty() {
            return Ok(());
        }
        let refused = read.iter().filter(|(_, read)| matches!(read, EntityRead::Refused(_)));
        let refused: Vec<i64> = refused.map(|(id, _)| *id).collect();
        // Deletions and failures are told at the end of a run: a later try finds them again.
        let settled = read.iter().filter(|(_, read)| matches!(read, EntityRead::There { mapped: Ok(_), .. }));
        let settled: Vec<i64> = settled.map(|(id, _)| *id).collect();
        self.differences.take(read.into_iter().map(|(_, read)| Reading::from(read)).collect()).await?;
        self.differences.doubt_orders(&refused).await?;
        self.run.look_at(ORDERS, &settled).await
    }
}

impl Run {
    /// What we say of a list's rows: they may be as old as the cache window.
    pub(super) fn list_provenance(&self, asked_at: Millis) -> crate::mapping::Provenance {
        let window = self.list_cache_window().num_milliseconds();
        self.owner.provenance(Source::List, asked_at.minus(window))
    }
}

pub(super) fn sorting(window: Option<Window>, by: &str) -> Vec<(&'static str, String)> {
    let mut query = vec![("sort_by", by.to_owned())];
    query.extend(window.into_iter().flat_map(|window| crate::sync::query::order_days(window.asked())));
    query
}

/// The last day of a slice that begins with `first`: days until it holds its part of the stored orders, so that busy days make short
/// slices and a cycle has no more slices than nights.
fn slice_end(first: NaiveDate, today: NaiveDate, by_day: &[(NaiveDate, i64)], nights: u32) -> NaiveDate {
    let stored: u64 = by_day.iter().map(|(_, count)| count.max(&0).cast_unsigned()).sum();
    let share = stored.div_ceil(u64::from(nights.max(1))).max(1);
    let mut held = 0;
    for (day, count) in by_day.iter().filter(|(day, _)| (first..=today).contains(day)) {
        held += count.max(&0).cast_unsigned();
        // What is behind the last stored order belongs to its slice.
        if held >= share && by_day.last().is_some_and(|(last, _)| day < last) {
            return *day;
        }
    }
    today
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day_of(text: &str) -> NaiveDate {
        text.parse().expect("a day of the test")
    }

    #[test]
    fn a_cycle_of_slices_covers_every_day_once_in_no_more_nights_than_it_has() {
        let today = day_of("2026-11-26");
        let first = day_of("2024-11-26");
        let busy: Vec<(NaiveDate, i64)> = first
            .iter_days()
            .take_while(|day| *day <= today)
            .enumerate()
            .map(|(index, day)| (day, if index % 90 == 0 { 400 } else { (index % 7) as i64 }))
            .collect();
        for by_day in [busy, vec![], vec![(today, 3)], vec![(first, 1_000)]] {
            let (mut from, mut nights) = (first, 0);
            loop {
                nights += 1;
                let last = slice_end(from, today, &by_day, 28);
                assert!(last >= from && last <= today);
                match last.succ_opt().filter(|next| *next <= today) {
                    Some(next) => from = next,
                    None => break,
                }
            }
            assert!(nights <= 28, "{nights} nights for {} days", by_day.len());
        }
    }
}
