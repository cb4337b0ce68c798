//! The end of pass 1: what was read is compared once more with what the source says now, and orders with one count of them
//! all. Slices whose count has moved are opened again, unless it is known what came and what went.

use std::sync::atomic::Ordering;

use chrono::{DateTime, NaiveDate, Utc};

use super::agreement::{Agreement, Known};
use super::query::order_days;
use super::scan::{Scanner, TOLERANT_SCAN, held};
use super::slices::SliceState;
use super::stored::Range;
use super::{Stop, plan};

/// Pauses after which a resource without a single row is asked for again.
const TIMES_NOTHING_IS_ASKED: usize = 3;

impl Scanner {
    /// Some doubt where something does not agree; what can be read again is open again then. Today moves by itself, so it is
    /// asked last. `is_last` where nothing is read again after it.
    pub async fn compare_whole(&self, is_last: bool) -> Result<Option<String>, Stop> {
        let slices = self.tools.slices.all(self.run.lease.run_id).await.map_err(Stop::ours)?;
        // As many as went lately may go unnoticed while this looks; before the last time another scan finds them.
        let went = self.went.swap(0, Ordering::Relaxed) * i64::from(is_last);
        let (today, orders): (Vec<_>, Vec<_>) = slices
            .iter()
            .filter(|slice| slice.closed && slice.resource == "orders")
            .partition(|slice| self.is_today(slice));
        // A row of a neighbour's day shows that the days named are included (FACTS §4.1).
        let shows_neighbours = |slice: &&SliceState| slice.ids[0] + slice.ids[2] > 0;
        let inclusive = orders.iter().chain(&today).any(shows_neighbours);
        if let Some(doubt) = self.compare_orders(&orders, inclusive, went).await? {
            return Ok(Some(doubt));
        }
        if self.reopen_shrunk(slices.iter().filter(|s| s.closed && s.resource == "orders")).await? {
            return Ok(Some("orders that were read are gone since".into()));
        }
        let others = || slices.iter().filter(|slice| slice.closed && slice.resource != "orders");
        let (whole, parts): (Vec<_>, Vec<_>) = others().partition(|slice| slice.name == "all");
        for resource in ["customers", "products"] {
            let parts: Vec<_> = parts.iter().copied().filter(|s| s.resource == resource).collect();
            if let Some(doubt) = self.compare_parts(resource, &parts, went).await? {
                return Ok(Some(doubt));
            }
        }
        let moved = self.reopen_moved(&whole, went).await?
            || self.confirm_nothing(&slices).await?
            || self.reopen_moved(&today, went).await?;
        Ok(moved.then(|| "the source counts differently than before".into()))
    }

    fn is_today(&self, slice: &SliceState) -> bool {
        self.window(slice).is_some_and(|w| w.first == w.last && w.last == self.run.until_day)
    }

    /// The sum of the slices against one count of the whole; `inclusive` where it is known that the days named are included.
    async fn compare_orders(
        &self,
        slices: &[&SliceState],
        inclusive: bool,
        went: i64,
    ) -> Result<Option<String>, Stop> {
        let windows = || slices.iter().filter_map(|slice| self.window(slice));
        let (first, last) = (windows().map(|w| w.first).min(), windows().map(|w| w.last).max());
        let Some((first, last)) = first.zip(last) else { return Ok(None) };
        let (undated, strays) = self.tools.slices.undated(self.run.lease.run_id).await.map_err(Stop::ours)?;
        let within = slices.iter().map(|slice| slice.ids[1]).sum::<i64>();
        let sum = within + undated + strays;
        let whole = plan::Window { first, last };
        let Some(one) = slices.first() else { return Ok(None) };
        let range = Range { created: Some(whole.span()), ..self.range(one) };
        let asked = if inclusive { (first, last) } else { whole.asked() };
        let known = async |told| {
            let mut known = self.known_among(range, within, undated + strays, slices).await?;
            if !inclusive {
                known.beside += self.of_neighbours(whole, range).await?;
            }
            // A row of another day than was asked for may have been listed by the slice of its day, too.
            self.with_news(Known { gone: known.gone + strays, went, ..known }, told, range, slices).await
        };
        let Some(doubt) = self.count_until_explained(|| self.count(asked), known).await? else {
            return Ok(None);
        };
        // Where Salla's days begin at another hour than ours, the days around the whole tell (FACTS §5).
        let at = |day, side: usize| {
            let outermost = |s: &&&SliceState| {
                self.window(s).is_some_and(|w| if side == 0 { w.first == day } else { w.last == day })
            };
            slices.iter().filter(outermost).map(|s| s.ids[side]).sum::<i64>()
        };
        if inclusive {
            let count = self.count(whole.asked()).await? - at(first, 0) - at(last, 2);
            if (sum - strays..=sum).contains(&count) {
                return Ok(None);
            }
        }
        self.reopen_moved(slices, went).await?;
        Ok(Some(format!("orders from {first} to {last}: {doubt}")))
    }

    /// Orders that are known of the days around the whole, which are asked for where it is not known whether the days named are included:
    /// they may have come after their own slice was read.
    async fn of_neighbours(&self, whole: plan::Window, range: Range<'_>) -> Result<i64, Stop> {
        let (own, (first, last)) = (whole.span(), whole.asked());
        let asked = plan::Window { first, last }.span();
        let mut known = 0;
        for created in [(asked.0, own.0), (own.1, asked.1)] {
            let of = Range { created: Some(created), ..range };
            known += self.tools.stored.counts(of, created.0).await.map_err(Stop::ours)?.there;
        }
        Ok(known)
    }

    /// What is known of rows of which `listed` were read within `range`, and `elsewhere` outside of it: those that are stored within it and
    /// there beside them, or those of them that are not there any more.
    async fn known_among(
        &self,
        range: Range<'_>,
        listed: i64,
        elsewhere: i64,
        slices: &[&SliceState],
    ) -> Result<Known, Stop> {
        let began = slices.iter().filter_map(|slice| slice.scan_began_at).min().unwrap_or_default();
        let stored = self.tools.stored.counts(range, began).await.map_err(Stop::ours)?;
        // Rows that do not map are listed and not stored.
        let there = stored.there + slices.iter().map(|slice| slice.skipped).sum::<i64>();
        let mut beside = (there - listed).max(0);
        if beside > 0 && range.created.is_none() {
            // What an earlier import stored of customers and products explains no row that this one has not read.
            let came = Range { created: Some((began, DateTime::<Utc>::MAX_UTC)), ..range };
            beside = beside.min(self.tools.stored.counts(came, began).await.map_err(Stop::ours)?.there);
        }
        Ok(Known { listed: listed + elsewhere, gone: (listed - there).max(0), beside, went: 0 })
    }

    /// Opens the slices again of which an order was found to be gone or a draft since: if it went during the scan, the pages moved and
    /// another may have been passed over. True where there are any. A store that never stands still is not read for ever: the last scans are
    /// settled id by id alone.
    async fn reopen_shrunk<'s>(&self, slices: impl Iterator<Item = &'s SliceState>) -> Result<bool, Stop> {
        let (run, mut shrunk) = (self.run.lease.run_id, false);
        for slice in slices.filter(|slice| slice.scan < TOLERANT_SCAN) {
            let (range, began) = (self.range(slice), slice.scan_began_at.unwrap_or_default());
            let counts = self.tools.stored.counts(range, began).await.map_err(Stop::ours)?;
            if counts.deleted > 0
                || self.tools.drafts.left_scan(run, range, slice).await.map_err(Stop::ours)?
            {
                let doubt = "an order that was read is gone since";
                held(self.tools.slices.scan_again(self.run.lease, slice, Some(doubt)).await)?;
                shrunk = true;
            }
        }
        Ok(shrunk)
    }

    /// The parts of customers or products together against one count of the whole.
    async fn compare_parts(
        &self,
        resource: &str,
        parts: &[&SliceState],
        went: i64,
    ) -> Result<Option<String>, Stop> {
        let Some(one) = parts.first() else { return Ok(None) };
        let range = Range { created: None, ..self.range(one) };
        let listed = self.tools.slices.union(self.run.lease.run_id, resource).await.map_err(Stop::ours)?;
        let query = [("page", "1".to_owned()), ("per_page", "1".to_owned())];
        let count = async || {
            let total = self.client.page(resource, &query).await?.total;
            self.run.heard();
            Ok(total)
        };
        let known = async |told| {
            let known = self.known_among(range, listed, 0, parts).await?;
            self.with_news(Known { went, ..known }, told, range, parts).await
        };
        let Some(doubt) = self.count_until_explained(count, known).await? else { return Ok(None) };
        let doubt = format!("{resource} in parts: {doubt}");
        if !self.reopen_counted(parts, &doubt).await? {
            for slice in parts {
                held(self.tools.slices.scan_again(self.run.lease, slice, Some(&doubt)).await)?;
            }
        }
        Ok(Some(doubt))
    }

    /// Opens those parts again that have another number of rows than when they were closed; true where there are any.
    async fn reopen_counted(&self, parts: &[&SliceState], doubt: &str) -> Result<bool, Stop> {
        let mut are_any = false;
        for slice in parts {
            if self.fetch(slice, 1, 1).await?.total != slice.known() {
                held(self.tools.slices.scan_again(self.run.lease, slice, Some(doubt)).await)?;
                are_any = true;
            }
        }
        Ok(are_any)
    }

    /// That a store has nothing at all of something is asked several times: an empty answer is the cheapest mistake. True
    /// where slices are open again.
    async fn confirm_nothing(&self, slices: &[SliceState]) -> Result<bool, Stop> {
        for resource in ["orders", "customers", "products"] {
            let of: Vec<_> = slices.iter().filter(|s| s.resource == resource && s.closed).collect();
            if of.is_empty() || of.iter().any(|slice| slice.ids.iter().sum::<i64>() > 0) {
                continue;
            }
            for _ in 0..TIMES_NOTHING_IS_ASKED {
                tokio::time::sleep(self.client.config().minute / 60).await;
                if self.reopen_moved(&of, 0).await? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Orders that the source says there are from one day to another.
    async fn count(&self, days: (NaiveDate, NaiveDate)) -> Result<i64, Stop> {
        let mut query = vec![("page", "1".to_owned()), ("per_page", "1".to_owned())];
        query.extend(order_days(days));
        let total = self.client.page("orders", &query).await?.total;
        self.run.heard();
        Ok(total)
    }

    /// Opens the slices again that have another number of rows than when they were closed, and not because of rows that are known to
    /// have come or gone since; true where there are any.
    async fn reopen_moved(&self, slices: &[&SliceState], went: i64) -> Result<bool, Stop> {
        let mut moved = false;
        for slice in slices {
            let Some(doubt) = self.moved(slice, went).await? else { continue };
            held(self.tools.slices.scan_again(self.run.lease, slice, Some(&doubt)).await)?;
            moved = true;
        }
        Ok(moved)
    }

    /// Why the slice's number of rows is not the one it was closed with; none where it is, or where each difference is known.
    async fn moved(&self, slice: &SliceState, went: i64) -> Result<Option<String>, Stop> {
        let count = async || Ok(self.fetch(slice, 1, 1).await?.total);
        let known = async |told| {
            if told == slice.known() {
                return Ok(Known { listed: told, ..Known::default() });
            }
            let known = self.known_since(slice, went).await?;
            self.with_news(known, told, self.range(slice), &[slice]).await
        };
        self.count_until_explained(count, known).await
    }

    /// With the rows that went since they were listed, as those tell of which there was news: asked only where the source counts fewer rows
    /// than are known.
    async fn with_news(
        &self,
        known: Known,
        told: i64,
        range: Range<'_>,
        slices: &[&SliceState],
    ) -> Result<Known, Stop> {
        if !matches!(known.agreement(told), Agreement::Missing(_)) {
            return Ok(known);
        }
        let began = slices.iter().filter_map(|slice| slice.scan_began_at).min().unwrap_or_default();
        let went = self.went_since(range, began).await?;
        Ok(Known { went: known.went.max(went), ..known })
    }

    /// What is known now of the rows that a closed slice counts: those of the days around it, too.
    async fn known_since(&self, slice: &SliceState, went: i64) -> Result<Known, Stop> {
        let elsewhere = slice.ids[0] + slice.ids[2] + slice.undated;
        let mut known = self.known_among(self.range(slice), slice.ids[1], elsewhere, &[slice]).await?;
        if let Some(window) = self.window(slice) {
            let began = slice.scan_began_at.unwrap_or_default();
            let (first, last) = window.asked();
            let (own, asked) = (window.span(), plan::Window { first, last }.span());
            // Of the days behind the slice only what came since is told apart.
            let behind = Range { created: Some((own.1.max(began), asked.1)), ..self.range(slice) };
            known.beside += self.tools.stored.counts(behind, began).await.map_err(Stop::ours)?.there;
        }
        Ok(Known { went, ..known })
    }

    /// When the accepted scans of a resource began, the earliest that still moves counts; none while one is open.
    pub fn complete_to(&self, slices: &[SliceState], resource: &str) -> Option<DateTime<Utc>> {
        let of: Vec<_> = slices.iter().filter(|s| s.resource == resource).collect();
        if of.iter().any(|s| !s.closed) {
            return None;
        }
        let moving = |s: &&&SliceState| self.window(s).is_none_or(|w| w.last == self.run.until_day);
        let began = of.iter().filter(moving).filter_map(|s| s.scan_began_at).min()?;
        let read_to = began - self.list_cache_window();
        // Orders are listed up to the end of the run's last day, however late that is read.
        let last_day = plan::Window { first: self.run.until_day, last: self.run.until_day };
        Some(if resource == "orders" { read_to.min(last_day.span().1) } else { read_to })
    }
}
