//! Orders by last change, newest first, down to those that an earlier run has seen. A list row has no update time (FACTS §4.1): where two
//! pages in a row agree with us, the details of the last row tell whether everything behind it is older than what we look for.

use std::collections::{HashMap, HashSet};

use qafila_schemas::millis::Millis;

use super::orders::{MOST_SCANS, ORDERS, Orders, sorting};
use super::stored::Comparison;
use super::summary::Failure;
use crate::hydration::entity::EntityRead;
use crate::mapping::Owner;
use crate::refused_rows::row_id;
use crate::salla::client::Page;
use crate::sync::intake::day;
use crate::sync::plan::Window;
use crate::sync::stored::Range;

/// Pages in a row that agree with us before a row's details are asked for its update time.
const AGREEING: usize = 2;
/// Steps to the page before within one scan.
const MOST_STEPS_BACK: usize = 5;
/// Orders that a list seems to have lost and that are asked for before it is believed.
const MAX_ASKED_FOR: i64 = 5;

/// Rows above the stop, newest change first, and what was read of some of them already.
#[derive(Default)]
pub(super) struct Changed {
    /// In Salla's order.
    pub ids: Vec<i64>,
    /// Of those whose details were asked for on the way.
    pub read: HashMap<i64, EntityRead>,
}

/// How a scan of a list by last change ended.
enum Scanned {
    /// Everything behind it is older than what is looked for.
    Behind(Changed),
    /// The list has no more rows: so many were shown, and so many it says there are.
    Ended { changed: Changed, shown: i64, total: i64 },
    /// Salla shows no deeper pages.
    TooDeep,
}

impl Orders<'_> {
    /// The rows of a list by last change, newest first, down to the last one that changed after `seen_until`; none where Salla's
    /// deep pages end before that. A list that ends before it has shown what it counts, or that counts far fewer orders than are
    /// `expected`, is scanned again.
    pub(super) async fn newest(
        &self,
        window: Option<Window>,
        seen_until: Millis,
        expected: i64,
    ) -> Result<Option<Changed>, Failure> {
        let mut doubt = String::new();
        for scan in 1..=MOST_SCANS {
            match self.scan(window, seen_until).await? {
                Scanned::Behind(changed) => return Ok(Some(changed)),
                Scanned::TooDeep => return Ok(None),
                Scanned::Ended { changed, shown, total } => {
                    let plausible = total.saturating_mul(2) >= expected;
                    // However little it is, it is believed where what it leaves out is gone.
                    if shown >= total
                        && (plausible || scan == MOST_SCANS && self.are_gone(&changed.ids).await?)
                    {
                        return Ok(Some(changed));
                    }
                    doubt = format!(
                        "{shown} orders were listed where the list says {total}, and {expected} are stored"
                    );
                }
            }
        }
        Err(Failure::Disagrees(doubt))
    }

    /// Whether the newest stored orders beside those that are `listed` are gone: all scans may have come from one cache (FACTS §4), which
    /// details do not.
    async fn are_gone(&self, listed: &[i64]) -> Result<bool, Failure> {
        let Owner { merchant_id, store_id, .. } = self.run.owner;
        let range = Range { merchant_id, store_id, resource: ORDERS, created: None };
        let left_out = self.run.tools.stored.left_out(range, listed, MAX_ASKED_FOR).await;
        for row in left_out.map_err(Failure::ours)?.rows {
            if !matches!(self.run.entities.read(ORDERS, row.salla_id).await?, EntityRead::Gone(_)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn scan(&self, window: Option<Window>, seen_until: Millis) -> Result<Scanned, Failure> {
        let mut changed = Changed::default();
        let mut known = HashSet::new();
        let (mut page_number, mut agreeing, mut total) = (1, 0, 0);
        let (mut unnamed, mut steps_back) = (0, 0);
        loop {
            let page = self.run.page(ORDERS, page_number, sorting(window, "updated_at-desc")).await?;
            // An order that went meanwhile has moved the others up: the page before holds what slipped through. Pages that count
            // otherwise for good, as where one comes from a cache, are not gone back to for ever.
            if page.total < total && page_number > 1 && steps_back < MOST_STEPS_BACK {
                total = page.total;
                page_number -= 1;
                steps_back += 1;
                continue;
            }
            total = page.total;
            agreeing = if self.agrees(&page, window).await? { agreeing + 1 } else { 0 };
            let ids: Vec<i64> = page.rows.iter().map(|row| row_id(row.get())).collect();
            unnamed += ids.iter().filter(|id| **id <= 0).count();
            changed.ids.extend(ids.into_iter().filter(|id| *id > 0 && known.insert(*id)));
            if !page.has_next || page.rows.is_empty() {
                let shown = i64::try_from(known.len() + unnamed).unwrap_or(i64::MAX);
                return Ok(Scanned::Ended { changed, shown, total });
            }
            if agreeing >= AGREEING && self.is_behind(&mut changed, seen_until).await? {
                self.cut(&mut changed, seen_until).await?;
                return Ok(Scanned::Behind(changed));
            }
            page_number += 1;
            let config = self.run.client.config();
            if !config.shows(ORDERS, i64::from(page_number) * i64::from(config.orders_per_page)) {
                return Ok(Scanned::TooDeep);
            }
        }
    }

    /// Whether a page shows nothing that we do not know. What its rows tell otherwise is written: details alone would be compared with it again
    /// the next night.
    async fn agrees(&self, page: &Page, window: Option<Window>) -> Result<bool, Failure> {
        let provenance = self.run.list_provenance(page.asked_at);
        let rows = page.rows.iter().map(|row| crate::sync::intake::map(ORDERS, row.get(), &provenance));
        let within = |created: Option<Millis>| {
            window.zip(created).is_none_or(|(window, at)| window.side(day(at)) == 0)
        };
        let mapped: Vec<_> = rows
            .filter_map(Result::ok)
            .filter(|row| within(row.observation.order.as_ref().and_then(|order| order.created_at)))
            .collect();
        let (sealed, comparisons) = self.differences.compare(mapped).await?;
        let differing = sealed.observations.into_iter().zip(&comparisons);
        let differing = differing.filter(|(_, comparison)| matches!(comparison, Comparison::Differs));
        self.differences.write_listed(differing.map(|(observation, _)| observation).collect()).await?;
        Ok(comparisons.iter().all(|one| matches!(one, Comparison::Same | Comparison::Awaited)))
    }

    /// Whether the last row was changed before `seen_until`; one that is gone or cannot be read says nothing, so the one before it is
    /// asked.
    async fn is_behind(&self, changed: &mut Changed, seen_until: Millis) -> Result<bool, Failure> {
        for place in (0..changed.ids.len()).rev().take(AGREEING) {
            if let Some(at) = self.updated_at(changed, place).await? {
                return Ok(at < seen_until);
            }
        }
        Ok(false)
    }

    /// Leaves out the rows at the end that were changed before `seen_until`: halved again and again, since they are in order.
    async fn cut(&self, changed: &mut Changed, seen_until: Millis) -> Result<(), Failure> {
        let per_page = self.run.client.config().orders_per_page as usize;
        let mut low = changed.ids.len().saturating_sub(AGREEING * per_page);
        let mut high = changed.ids.len();
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.updated_at(changed, middle).await? {
                Some(at) if at < seen_until => high = middle,
                // One that does not tell is read whole anyway.
                _ => low = middle + 1,
            }
        }
        changed.ids.truncate(high);
        Ok(())
    }

    /// When the row at `place` was changed, as its details tell. What was read is kept.
    async fn updated_at(&self, changed: &mut Changed, place: usize) -> Result<Option<Millis>, Failure> {
        let id = changed.ids[place];
        if let std::collections::hash_map::Entry::Vacant(entry) = changed.read.entry(id) {
            entry.insert(self.run.entities.read(ORDERS, id).await?);
        }
        let Some(EntityRead::There { mapped: Ok(unsealed), .. }) = changed.read.get(&id) else {
            return Ok(None);
        };
        Ok(unsealed.observation.order.as_ref().and_then(|order| order.salla_updated_at))
    }
}
