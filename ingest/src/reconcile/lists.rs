//! Products and customers, whose rows a list shows whole. Products are read whole every night; of customers a part that rotates,
//! because their calls are everybody's (FACTS §6).

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use qafila_schemas::millis::Millis;

use super::differences::{Differences, Reading};
use super::run::Run;
use super::stored::Comparison;
use super::summary::{Failure, Summary};
use crate::mapping::Owner;
use crate::refused_rows::row_id;
use crate::salla::client::{Page, SallaError};
use crate::salla::repeats::Repeats;
use crate::sync::intake::day as day_of;
use crate::sync::plan::{self, Window};
use crate::sync::query::SliceLists;
use crate::sync::stored::Range;

/// Entities that the list leaves out and Salla gives no answer to, before no more are asked for in a night.
const MAX_UNANSWERED: usize = 3;
/// Scans of a list that does not agree with itself.
const MOST_SCANS: usize = 3;
/// Pages of customers a night, at least.
const FEWEST_PAGES: u64 = 10;
const PRODUCTS: &str = "products";
const CUSTOMERS: &str = "customers";

/// How far a cycle of customers is.
#[derive(Debug, Clone)]
pub struct CustomersCursor {
    /// Slices of the list that are still to be read, the present one last (ARCHITECTURE §5; FACTS §4.4).
    pub slices: Vec<String>,
    /// The page of the present one that comes next.
    pub page: i32,
    /// When the cycle began.
    pub since: DateTime<Utc>,
    /// Everything was shown so far; otherwise nothing is concluded from what was not seen.
    pub shown: bool,
}

/// How far the cycle of customers is after a run.
pub struct CustomersDone {
    /// Figures, or why they count for nothing: the cycle goes on all the same.
    pub summary: Result<Summary, Failure>,
    /// Where the next night goes on; none where the cycle has ended.
    pub next: Option<CustomersCursor>,
    /// When the cycle began, where it has ended and has seen every customer: up to then nothing is missing.
    pub complete_to: Option<DateTime<Utc>>,
}

/// Reconciles a list of a run.
pub struct Lists<'r> {
    run: &'r Run,
    differences: &'r Differences<'r>,
}

impl<'r> Lists<'r> {
    /// Of `run`, whose differences are gathered in `differences`.
    pub fn new(run: &'r Run, differences: &'r Differences<'r>) -> Self {
        Self { run, differences }
    }

    /// All products.
    pub async fn products(&self) -> Result<Summary, Failure> {
        let began = self.run.client.salla_now();
        let mut listed = self.all_products().await?;
        let Owner { merchant_id, store_id, .. } = self.run.owner;
        let range = Range { merchant_id, store_id, resource: PRODUCTS, created: None };
        let settled = began.to_utc() - self.run.list_cache_window();
        let counts = self.run.tools.stored.counts(range, settled).await.map_err(Failure::ours)?;
        let there = usize::try_from(counts.there).unwrap_or_default();
        let unseen = self.run.tools.compared.unseen(merchant_id, store_id, PRODUCTS, settled).await;
        let mut absent = unseen.map_err(Failure::ours)?;
        absent.retain(|id| !listed.contains(id));
        if Differences::are_many(absent.len(), there) {
            // A list that leaves out so much once is read again before it is anybody's question.
            listed.extend(self.all_products().await?);
            absent.retain(|id| !listed.contains(id));
        }
        self.confirm(PRODUCTS, &absent, there).await?;
        self.differences.finish(there).await
    }

    /// Ids of all products, whose rows were compared on the way; by status where there are more than Salla's deep pages show.
    async fn all_products(&self) -> Result<HashSet<i64>, Failure> {
        let mut parts = vec![vec![]];
        let mut listed = HashSet::new();
        while let Some(query) = parts.pop() {
            match self.whole(PRODUCTS, &query).await? {
                Some(ids) => listed.extend(ids),
                None if query.is_empty() => {
                    let (from, until) = (self.run.today(), self.run.today());
                    let statuses = plan::split(PRODUCTS, "all", from, until);
                    parts.extend(
                        statuses.iter().filter_map(|slice| {
                            Some(vec![("status", plan::status(&slice.name)?.to_owned())])
                        }),
                    );
                }
                None => {
                    return Err(Failure::Disagrees(
                        "more products of a status than Salla's pages show".into(),
                    ));
                }
            }
        }
        Ok(listed)
    }

    /// A part of the customers, from where the cycle is; all of them where `whole`.
    pub async fn customers(
        &self,
        cursor: Option<CustomersCursor>,
        whole: bool,
    ) -> Result<CustomersDone, Failure> {
        let begin = || CustomersCursor {
            slices: vec!["all".into()],
            page: 1,
            since: self.run.client.salla_now().to_utc(),
            shown: true,
        };
        let mut cursor = cursor.filter(|_| !whole).unwrap_or_else(begin);
        // Its last day is the cycle's first, so that the last slice is the same one, without an end, in every night of it.
        let day = day_of(cursor.since.into());
        let lists = SliceLists::new(self.run.client.clone(), Window { first: day, last: day });
        let (mut read, mut a_night, mut taken) = (0, None, HashSet::new());
        let (mut of_slice, mut repeats) = (HashSet::new(), Repeats::default());
        while let Some(slice) = cursor.slices.last().cloned() {
            if !whole && a_night.is_some_and(|pages| read >= pages) {
                let summary = self.differences.finish(usize::MAX).await;
                // A row that could not be read was not seen: nothing is concluded from the cycle.
                cursor.shown &= summary.as_ref().is_ok_and(|summary| summary.failed == 0);
                return Ok(CustomersDone { summary, next: Some(cursor), complete_to: None });
            }
            let config = self.run.client.config();
            let per_page = config.per_page(CUSTOMERS);
            let page = lists.page(CUSTOMERS, &slice, cursor.page, per_page).await?;
            let parts = match cursor.page {
                1 => lists.parts(CUSTOMERS, &slice, page.total).await?,
                _ => vec![],
            };
            if !parts.is_empty() {
                cursor.slices.pop();
                cursor.slices.extend(parts.into_iter().map(|part| part.name));
                cursor.page = 1;
                if a_night.is_none() {
                    a_night = Some(self.pages_a_night(page.total).await?);
                }
                continue;
            }
            // Slices overlap by days: what another has shown in this run is on its way.
            self.take(CUSTOMERS, &page, |id| id <= 0 || taken.insert(id)).await?;
            self.run.look_at_customers(&ids(&page)).await?;
            let known = of_slice.len();
            of_slice.extend(ids(&page));
            let is_endless = repeats.is_endless(of_slice.len() - known);
            read += 1;
            if a_night.is_none() {
                let all =
                    if slice == "all" { page.total } else { lists.page(CUSTOMERS, "all", 1, 1).await?.total };
                a_night = Some(self.pages_a_night(all).await?);
            }
            let next = i64::from(cursor.page + 1) * i64::from(per_page);
            // A single day with more than Salla shows, as after a move from another platform: what it shows is compared.
            let is_cut_off = !config.shows(CUSTOMERS, page.total) && !config.shows(CUSTOMERS, next);
            cursor.shown &= !is_cut_off && !is_endless;
            if page.has_next && !page.rows.is_empty() && !is_cut_off && !is_endless {
                cursor.page += 1;
            } else {
                cursor.slices.pop();
                cursor.page = 1;
                (of_slice, repeats) = (HashSet::new(), Repeats::default());
            }
        }
        if !cursor.shown {
            let summary = self.differences.finish(usize::MAX).await;
            return Ok(CustomersDone { summary, next: None, complete_to: None });
        }
        let seen: HashSet<i64> = self.run.looked_at_customers().await?;
        let Owner { merchant_id, store_id, .. } = self.run.owner;
        let settled = cursor.since - self.run.list_cache_window();
        let unseen = self.run.tools.compared.unseen(merchant_id, store_id, CUSTOMERS, settled).await;
        let unseen = unseen.map_err(Failure::ours)?;
        let there = seen.len().max(unseen.len());
        let absent: Vec<i64> = unseen.into_iter().filter(|id| !seen.contains(id)).collect();
        self.confirm(CUSTOMERS, &absent, there).await?;
        let summary = self.differences.finish(there).await;
        if let Err(failure @ Failure::TooManyDeletions { .. }) = summary {
            return Err(failure);
        }
        Ok(CustomersDone { summary, next: None, complete_to: Some(cursor.since) })
    }

    /// Pages of customers that a night reads of a list of `total` rows.
    async fn pages_a_night(&self, total: i64) -> Result<u64, Failure> {
        let stores = self.run.tools.work.stores().await.map_err(Failure::ours)?;
        let config = self.run.client.config();
        let pages = total.max(0).cast_unsigned().div_ceil(u64::from(config.per_page(CUSTOMERS).max(1)));
        let nights = u64::from(self.run.tools.cycle_nights);
        Ok(pages_a_night(pages, nights, share_of_a_day(config.customers_per_window, stores)))
    }

    /// Reads a list to its end, until a scan agrees with itself; none where it is longer than Salla's deep pages show.
    async fn whole(
        &self,
        resource: &'static str,
        query: &[(&'static str, String)],
    ) -> Result<Option<HashSet<i64>>, Failure> {
        let mut doubt = String::new();
        for scan in 0..MOST_SCANS {
            let (mut listed, mut number, mut repeats) = (HashSet::new(), 1, Repeats::default());
            let total = loop {
                let page = self.run.page(resource, number, query.to_vec()).await?;
                if !self.run.client.config().shows(resource, page.total) {
                    return Ok(None);
                }
                let known = listed.len();
                listed.extend(ids(&page));
                let is_endless = repeats.is_endless(listed.len() - known);
                // A second scan is for its ids: what it shows was compared by the first, or is compared next night.
                if scan == 0 {
                    self.take(resource, &page, |_| true).await?;
                }
                if !page.has_next || page.rows.is_empty() || is_endless {
                    break page.total;
                }
                number += 1;
            };
            if i64::try_from(listed.len()).unwrap_or(i64::MAX) == total {
                return Ok(Some(listed));
            }
            doubt = format!("{} {resource} were listed where the list says {total}", listed.len());
        }
        Err(Failure::Disagrees(doubt))
    }

    /// Takes the rows of a page whose ids are `wanted`; what the list shows although it is deleted here is asked for.
    async fn take(
        &self,
        resource: &'static str,
        page: &Page,
        mut wanted: impl FnMut(i64) -> bool,
    ) -> Result<(), Failure> {
        let provenance = self.run.list_provenance(page.asked_at);
        let (mut readings, mut mapped) = (Vec::new(), Vec::new());
        for row in page.rows.iter().map(|row| row.get()).filter(|row| wanted(row_id(row))) {
            readings.push(match crate::sync::intake::map(resource, row, &provenance) {
                Ok(unsealed) => {
                    mapped.push(row_id(row));
                    Reading::Mapped(unsealed)
                }
                Err(error) => Reading::Unmappable(row.to_owned(), error),
            });
        }
        let comparisons = self.differences.take(readings).await?;
        let buried = mapped.into_iter().zip(comparisons).filter(|(_, one)| *one == Comparison::Buried);
        for (id, _) in buried {
            self.ask(resource, id).await?;
        }
        Ok(())
    }

    /// Asks for an entity by its id. One that cannot be read is its own failure, and the list goes on; says whether Salla answered.
    async fn ask(&self, resource: &'static str, id: i64) -> Result<bool, Failure> {
        let mut is_answered = true;
        let reading = match self.run.entities.read(resource, id).await {
            Ok(read) => Reading::from(read),
            Err(
                error @ (SallaError::Refused { .. }
                | SallaError::Unavailable { .. }
                | SallaError::Unreadable(_)),
            ) => {
                is_answered = !matches!(error, SallaError::Unavailable { .. });
                let owner = self.run.owner;
                tracing::warn!(event = "entity not readable", merchantId = %owner.merchant_id, storeId = owner.store_id,
                    resource, id, error = %error);
                Reading::Refused
            }
            Err(error) => return Err(error.into()),
        };
        self.differences.take(vec![reading]).await?;
        Ok(is_answered)
    }

    /// Asks for entities that the list leaves out; those that are gone become deletions. More than a run may delete by itself are
    /// not even asked for: then it is the list that is in doubt. Nor are the others asked for once Salla has given no answer to a few, each of
    /// which takes minutes: they count as failed, and the next night asks again.
    async fn confirm(&self, resource: &'static str, absent: &[i64], there: usize) -> Result<(), Failure> {
        if Differences::are_many(absent.len(), there) && !self.run.deletions_allowed {
            return Err(Failure::TooManyDeletions { resource, deletions: absent.len(), rows: there });
        }
        let mut unanswered = 0;
        for (index, id) in absent.iter().enumerate() {
            if unanswered == MAX_UNANSWERED {
                let left = absent.len() - index;
                tracing::warn!(
                    event = "absent entities not asked for",
                    storeId = self.run.owner.store_id,
                    resource,
                    left
                );
                let left = std::iter::repeat_with(|| Reading::Refused).take(left).collect();
                return self.differences.take(left).await.map(drop);
            }
            unanswered += usize::from(!self.ask(resource, *id).await?);
        }
        Ok(())
    }
}

/// Calls of `/customers` that a day leaves to each of so many stores, where nights take half of the budget; its window is ten minutes.
fn share_of_a_day(customers_per_window: u32, stores: u64) -> u64 {
    const WINDOWS_A_DAY: u64 = 144;
    u64::from(customers_per_window) * WINDOWS_A_DAY / 2 / stores.max(1)
}

/// Pages of a list of so many that a night reads: what a cycle of nights needs, and of a small list all of it, but no more than the store's
/// share of the day's calls; where stores are more than calls, one all the same.
fn pages_a_night(pages: u64, nights: u64, share: u64) -> u64 {
    pages.div_ceil(nights.max(1)).max(FEWEST_PAGES).min(share.max(1))
}

fn ids(page: &Page) -> Vec<i64> {
    page.rows.iter().map(|row| row_id(row.get())).collect()
}

impl Run {
    /// Now, by Salla's clock.
    pub(super) fn salla_now(&self) -> Millis {
        self.client.salla_now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nights_of_all_stores_end_however_many_stores_there_are() {
        assert_eq!(pages_a_night(3, 28, share_of_a_day(490, 1)), 10, "a small list whole");
        assert_eq!(pages_a_night(5_600, 28, share_of_a_day(490, 10)), 200, "a cycle's part");
        for stores in [1, 100, 7_000, 20_000] {
            let share = share_of_a_day(490, stores);
            let all = stores * pages_a_night(1_000, 28, share);
            assert!(
                all <= 490 * 144 / 2 || pages_a_night(1_000, 28, share) == 1,
                "{stores} stores: {all} pages"
            );
        }
        assert_eq!(pages_a_night(1_000, 28, share_of_a_day(490, 100_000)), 1, "more stores than calls");
    }
}
