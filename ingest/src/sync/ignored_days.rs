//! What a run does where Salla ignores the days that a list of orders is asked for: every slice is the whole list then, and reading them
//! all costs as many calls as there are slices. The list is read once, as one slice.

use super::plan::Window;
use super::scan::{Scanner, held};
use super::slices::SliceState;
use super::{Stop, plan};

impl Scanner {
    /// Makes one slice of those of orders, where the first and the last of them both hold all `total` rows; nothing where one of
    /// them is begun.
    pub(super) async fn join_slices_where_days_are_ignored(&self, total: i64) -> Result<(), Stop> {
        let slices = self.tools.slices.all(self.run.lease.run_id).await.map_err(Stop::ours)?;
        let orders: Vec<&SliceState> = slices.iter().filter(|slice| slice.resource == "orders").collect();
        let is_begun = |slice: &&SliceState| slice.closed || slice.scan > 1 || slice.next_page > 1;
        if total == 0 || orders.iter().any(is_begun) {
            return Ok(());
        }
        let windows = || orders.iter().filter_map(|slice| self.window(slice).map(|window| (slice, window)));
        let earliest = windows().min_by_key(|(_, window)| window.first);
        let latest = windows().max_by_key(|(_, window)| window.first);
        let Some(((earliest, first), (latest, last))) = earliest.zip(latest) else { return Ok(()) };
        if !have_no_day_in_common(first, last) {
            return Ok(());
        }
        // Asked for one after the other: nearly every store has fewer orders in its first month than in all.
        for slice in [earliest, latest] {
            if self.lists.count("orders", &slice.name).await? < total {
                return Ok(());
            }
        }
        tracing::warn!(event = "Salla ignores the days of orders", merchantId = %self.run.merchant_id, total);
        metrics::counter!("qafila_sync_ignored_filters_total").increment(1);
        let whole = plan::whole(self.run.from_day, self.run.until_day);
        held(self.tools.slices.join(self.run.lease, &whole).await)
    }
}

/// Whether no row can be in both, with the days around them that are asked for as well.
fn have_no_day_in_common(first: Window, last: Window) -> bool {
    first.asked().1 < last.asked().0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slices_that_cannot_share_a_row_tell_that_days_are_ignored() {
        let window = |first: &str, last: &str| Window {
            first: first.parse().expect("a day of the test"),
            last: last.parse().expect("a day of the test"),
        };
        let today = window("2026-11-28", "2026-11-28");
        assert!(have_no_day_in_common(window("2026-09-01", "2026-09-30"), today));
        assert!(!have_no_day_in_common(window("2026-11-01", "2026-11-27"), today));
        assert!(!have_no_day_in_common(today, today));
    }
}
