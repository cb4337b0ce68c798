//! The end of pass 1: what was read is compared once more with what the source says now, and orders with one count of them
//! all. Slices whose count has moved are opened again.

use chrono::{DateTime, NaiveDate, Utc};

use super::query::order_days;
use super::scan::{Scanner, held};
use super::slices::SliceState;
use super::{Stop, plan};

/// Pauses after which a resource without a single row is asked for again.
const TIMES_NOTHING_IS_ASKED: usize = 3;

impl Scanner {
    /// Some doubt where something does not agree; what can be read again is open again then. Today moves by itself, so it is
    /// asked last.
    pub async fn compare_whole(&self) -> Result<Option<String>, Stop> {
        let slices = self.tools.slices.all(self.run.lease.run_id).await.map_err(Stop::ours)?;
        let (today, orders): (Vec<_>, Vec<_>) = slices
            .iter()
            .filter(|slice| slice.closed && slice.resource == "orders")
            .partition(|slice| self.is_today(slice));
        if let Some(doubt) = self.compare_orders(&orders).await? {
            return Ok(Some(doubt));
        }
        if self.reopen_shrunk(slices.iter().filter(|s| s.closed && s.resource == "orders")).await? {
            return Ok(Some("orders that were read are gone since".into()));
        }
        let read_whole: Vec<_> = slices.iter().filter(|s| s.closed && s.resource != "orders").collect();
        for resource in ["customers", "products"] {
            let parts: Vec<_> =
                read_whole.iter().copied().filter(|s| s.resource == resource && s.name != "all").collect();
            if let Some(doubt) = self.compare_parts(resource, &parts).await? {
                return Ok(Some(doubt));
            }
        }
        let moved = self.reopen_moved(&read_whole).await?
            || self.confirm_nothing(&slices).await?
            || self.reopen_moved(&today).await?;
        Ok(moved.then(|| "the source counts differently than before".into()))
    }

    fn is_today(&self, slice: &SliceState) -> bool {
        self.window(slice).is_some_and(|w| w.first == w.last && w.last == self.run.until_day)
    }

    /// The sum of the slices against one count of the whole.
    async fn compare_orders(&self, slices: &[&SliceState]) -> Result<Option<String>, Stop> {
        let windows = || slices.iter().filter_map(|slice| self.window(slice));
        let (first, last) = (windows().map(|w| w.first).min(), windows().map(|w| w.last).max());
        let Some((first, last)) = first.zip(last) else { return Ok(None) };
        let (undated, strays) = self.tools.slices.undated(self.run.lease.run_id).await.map_err(Stop::ours)?;
        let sum = slices.iter().map(|slice| slice.ids[1]).sum::<i64>() + undated + strays;
        // A row of another day than was asked for may have been listed by the slice of its day, too.
        let agrees = |count: i64| (sum - strays..=sum).contains(&count);
        // A row of a neighbour's day shows that the days named are included (FACTS §4.1).
        let inclusive = slices.iter().any(|slice| slice.ids[0] + slice.ids[2] > 0);
        let whole = plan::Window { first, last };
        let count = self.count(if inclusive { (first, last) } else { whole.asked() }).await?;
        if agrees(count) {
            return Ok(None);
        }
        // Where Salla's days begin at another hour than ours, the days around the whole tell (FACTS §5).
        let at = |day, side: usize| {
            let outermost = |s: &&&SliceState| {
                self.window(s).is_some_and(|w| if side == 0 { w.first == day } else { w.last == day })
            };
            slices.iter().filter(outermost).map(|s| s.ids[side]).sum::<i64>()
        };
        if inclusive && agrees(self.count(whole.asked()).await? - at(first, 0) - at(last, 2)) {
            return Ok(None);
        }
        self.reopen_moved(slices).await?;
        Ok(Some(format!("{sum} orders were read from {first} to {last}, and the source says {count}")))
    }

    /// Opens the slices again of which an order was found to be gone since: if it went during the scan, the pages moved and
    /// another may have been passed over. True where there are any.
    async fn reopen_shrunk<'s>(&self, slices: impl Iterator<Item = &'s SliceState>) -> Result<bool, Stop> {
        let mut shrunk = false;
        for slice in slices {
            if self.lost_since(slice).await? {
                let doubt = "an order that was read is gone since";
                held(self.tools.slices.scan_again(self.run.lease, slice, Some(doubt)).await)?;
                shrunk = true;
            }
        }
        Ok(shrunk)
    }

    /// The parts of customers or products together against one count of the whole.
    async fn compare_parts(&self, resource: &str, parts: &[&SliceState]) -> Result<Option<String>, Stop> {
        if parts.is_empty() {
            return Ok(None);
        }
        let query = [("page", "1".to_owned()), ("per_page", "1".to_owned())];
        let count = self.client.page(resource, &query).await?.total;
        let known = self.tools.slices.union(self.run.lease.run_id, resource).await.map_err(Stop::ours)?;
        if known == count {
            return Ok(None);
        }
        let doubt = format!("{known} {resource} were read in parts, and the source says {count}");
        for slice in parts {
            held(self.tools.slices.scan_again(self.run.lease, slice, Some(&doubt)).await)?;
        }
        Ok(Some(doubt))
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
                if self.reopen_moved(&of).await? {
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
        Ok(self.client.page("orders", &query).await?.total)
    }

    /// Opens the slices again that have another number of rows than when they were closed; true where there are any.
    async fn reopen_moved(&self, slices: &[&SliceState]) -> Result<bool, Stop> {
        let mut moved = false;
        for slice in slices {
            let count = self.fetch(slice, 1, 1).await?.total;
            let known = slice.known();
            if count != known {
                let doubt = format!("{known} rows were read, and now the source says {count}");
                held(self.tools.slices.scan_again(self.run.lease, slice, Some(&doubt)).await)?;
                moved = true;
            }
        }
        Ok(moved)
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
