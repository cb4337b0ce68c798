//! Pass 1: a slice is read page by page until it agrees. A page counts only after Kafka has acknowledged its observations, so
//! a crash reads at most that page again. A slice closes only when the ids that were read, the number that the source says and
//! the rows that are stored agree, or each difference has [explained itself](super::settle); otherwise it is scanned again, and says why.

use std::collections::HashMap;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use futures::stream::{self, TryStreamExt};
use qafila_aggregates::sync_job::{SliceReport, SyncJobCommand};
use qafila_schemas::millis::Millis;

use super::agreement::{Agreement, Known};
use super::intake::{Intake, SeenRow};
use super::query::SliceLists;
use super::slices::{PageOutcome, SliceState, Tally};
use super::work::LeasedRun;
use super::{Stop, Tools, plan};
use crate::hydration::entity::EntityReader;
use crate::salla::client::{Page, SallaClient};
use crate::salla::repeats::Repeats;

/// Slices read side by side where Salla lets few calls through, so that the newest are read first.
const FEWEST_SLICES_AT_ONCE: usize = 4;
const MOST_SLICES_AT_ONCE: usize = 16;
/// What a page takes from its call to its checkpoint, seconds.
const SECONDS_A_PAGE: f64 = 0.05;
/// Scans of a slice before others have their turn.
const SCANS_AT_ONCE: i32 = 4;
/// From this scan on as many rows may have gone unnoticed as the scan before has found to be gone: until then another scan finds them.
pub(super) const TOLERANT_SCAN: i32 = 4;

/// Reads the slices of one run.
#[derive(Clone)]
pub struct Scanner {
    /// What every run shares.
    pub tools: Arc<Tools>,
    /// The run.
    pub run: Arc<LeasedRun>,
    /// Salla, as the store sees it.
    pub client: SallaClient,
    /// Where rows go.
    pub intake: Intake,
    /// Reads an entity whole.
    pub entities: EntityReader,
    /// Asks for slices.
    pub lists: SliceLists,
    /// Rows that were listed and are not any more, as their details said, since the whole was compared last.
    pub went: Arc<AtomicI64>,
    /// Rows of which there was news and that were asked for, when, and whether no list shows them any more.
    pub left: Arc<Mutex<HashMap<(String, i64), (DateTime<Utc>, bool)>>>,
}

/// What came of looking at a scan that was read to its end.
enum Verdict {
    Agrees(Tally),
    Again(Option<String>),
}

impl Scanner {
    /// Reads all open slices that `of` picks, until they agree or have had their turns.
    pub async fn read(&self, of: impl Fn(&SliceState) -> bool) -> Result<(), Stop> {
        loop {
            let slices = self.tools.slices.all(self.run.lease.run_id).await.map_err(Stop::ours)?;
            let open: Vec<SliceState> =
                slices.into_iter().filter(|s| !(s.closed && s.reported) && of(s)).collect();
            // A slice that was split leaves new ones behind.
            let split = stream::iter(open.into_iter().map(Ok))
                .map_ok(|slice| async move { self.read_slice(slice).await })
                .try_buffer_unordered(self.slices_at_once())
                .try_fold(false, |any, split| async move { Ok(any | split) })
                .await?;
            if !split {
                return Ok(());
            }
        }
    }

    /// As many as the allowed rate keeps busy.
    fn slices_at_once(&self) -> usize {
        let seconds = self.client.config().minute.as_secs_f64();
        let wanted = self
            .client
            .per_minute()
            .map_or(f64::INFINITY, |calls| f64::from(calls) / seconds * SECONDS_A_PAGE);
        (wanted.ceil() as usize).clamp(FEWEST_SLICES_AT_ONCE, MOST_SLICES_AT_ONCE)
    }

    /// True where the slice was split.
    async fn read_slice(&self, mut slice: SliceState) -> Result<bool, Stop> {
        let mut scans = 0;
        while !slice.closed {
            if self.read_pages(&mut slice).await? {
                return Ok(true);
            }
            match self.judge(&slice).await? {
                Verdict::Agrees(tally) => {
                    held(self.tools.slices.close(self.run.lease, &slice, &tally).await)?;
                    if slice.scan <= planned_scans(&slice) {
                        self.tools.went_on(&self.run).await?;
                    }
                    slice.closed = true;
                    slice.ids = tally.ids;
                    slice.undated = tally.undated;
                }
                Verdict::Again(doubt) => {
                    if let Some(doubt) = &doubt {
                        scans += 1;
                        tracing::info!(event = "slice in doubt", merchantId = %self.run.merchant_id, resource = slice.resource,
                            slice = slice.name, scan = slice.scan, doubt);
                        metrics::counter!("qafila_sync_slices_in_doubt_total").increment(1);
                    }
                    held(self.tools.slices.scan_again(self.run.lease, &slice, doubt.as_deref()).await)?;
                    slice = SliceState {
                        resource: slice.resource,
                        name: slice.name,
                        scan: slice.scan + 1,
                        next_page: 1,
                        doubt: doubt.or(slice.doubt),
                        ..SliceState::default()
                    };
                    if scans == SCANS_AT_ONCE {
                        return Ok(false);
                    }
                }
            }
        }
        self.report(&slice).await.map(|()| false)
    }

    async fn report(&self, slice: &SliceState) -> Result<(), Stop> {
        self.tell(slice).await?;
        self.tools.slices.reported(self.run.lease, slice).await.map_err(Stop::ours)
    }

    async fn tell(&self, slice: &SliceState) -> Result<(), Stop> {
        let report = SliceReport {
            resource: slice.resource.clone(),
            slice: slice.name.clone(),
            total: slice.total.unwrap_or_default(),
            imported: slice.imported,
            skipped: slice.skipped,
        };
        let report = SyncJobCommand::ReportSlice { lease: self.run.lease, report };
        // What is read again and again is not said to go on.
        if slice.scan > planned_scans(slice) {
            self.tools.send(&self.run, report).await.map(drop)
        } else {
            self.tools.command(&self.run, report).await.map(drop)
        }
    }

    /// Reads the pages of a scan that are missing; true where the slice was split instead.
    async fn read_pages(&self, slice: &mut SliceState) -> Result<bool, Stop> {
        let window = self.window(slice);
        let lease = self.run.lease;
        let told = self.tools.slices.skipped_before(lease.run_id, slice).await.map_err(Stop::ours)?;
        let mut repeats = Repeats::default();
        while !Self::is_read(slice) {
            let per_page = self.client.config().per_page(&slice.resource);
            let page = self.fetch(slice, slice.next_page, per_page).await?;
            let parts = match slice.next_page {
                1 => self.lists.parts(&slice.resource, &slice.name, page.total).await?,
                _ => vec![],
            };
            if !parts.is_empty() {
                if slice.scan > 1 {
                    // What was told of it is told by its parts from now on.
                    slice.imported = 0;
                    slice.skipped = 0;
                    self.tell(slice).await?;
                }
                held(self.tools.slices.split(lease, slice, &parts).await)?;
                return Ok(true);
            }
            let (taken, mut rows) = self.intake.page(&slice.resource, window, &told, &page)?;
            self.note_other_days(slice, &rows);
            let mapped = taken.mapped();
            let unsealable = self.intake.write(&slice.resource, taken, &told).await?;
            for row in rows.iter_mut().filter(|row| unsealable.contains(&row.salla_id)) {
                row.skipped = true;
            }
            let outcome = PageOutcome {
                total: page.total,
                imported: mapped - unsealable.len() as i64,
                skipped: rows.iter().filter(|row| row.skipped).count() as i64,
                asked_at: Some(page.asked_at),
                rows,
            };
            let fresh = self.tools.slices.checkpoint(lease, slice, &outcome).await.map_err(Stop::ours)?;
            let fresh = fresh.ok_or(Stop::Lost)?;
            if fresh > 0 && slice.scan <= planned_scans(slice) {
                self.tools.went_on(&self.run).await?;
            }
            let is_endless = repeats.is_endless(usize::try_from(fresh).unwrap_or_default());
            slice.next_page += 1;
            slice.total = Some(outcome.total);
            slice.first_total = slice.first_total.or(slice.total);
            slice.scan_began_at = slice.scan_began_at.or(outcome.asked_at.map(Millis::to_utc));
            slice.imported += outcome.imported;
            slice.skipped += outcome.skipped;
            slice.seen += outcome.rows.len() as i64;
            if !page.has_next || page.rows.is_empty() || is_endless {
                break;
            }
        }
        Ok(false)
    }

    /// Days beside a slice are asked for as well, so a few rows of them are as they should be; most of them, or a row of other days
    /// altogether, are not.
    fn note_other_days(&self, slice: &SliceState, rows: &[SeenRow]) {
        let beside = rows.iter().filter(|row| matches!(row.side, -1 | 1)).count();
        let strays = rows.iter().filter(|row| row.side == plan::STRAY).count();
        if strays > 0 || slice.next_page == 1 && beside * 2 > rows.len() {
            tracing::info!(event = "list shows other days than were asked for", merchantId = %self.run.merchant_id,
                resource = slice.resource, slice = slice.name, rows = rows.len(), beside, strays);
        }
    }

    /// Whether the scan was read to its end before we were interrupted; Salla may give smaller pages than we ask for.
    fn is_read(slice: &SliceState) -> bool {
        slice.next_page > 1 && slice.total.is_some_and(|total| slice.seen >= total)
    }

    /// A page of a slice.
    pub(super) async fn fetch(&self, slice: &SliceState, page: i32, per_page: u32) -> Result<Page, Stop> {
        let page = self.lists.page(&slice.resource, &slice.name, page, per_page).await?;
        self.run.heard();
        Ok(page)
    }

    pub(super) fn window(&self, slice: &SliceState) -> Option<plan::Window> {
        self.lists.order_days(&slice.resource, &slice.name)
    }

    /// Looks at a scan that was read to its end. The first must agree with itself; from the second on each difference is settled by its
    /// id, because a store that never stands still has no two equal scans.
    async fn judge(&self, slice: &SliceState) -> Result<Verdict, Stop> {
        let tally = self.tools.slices.tally(self.run.lease.run_id, slice).await.map_err(Stop::ours)?;
        let (distinct, total) = (tally.distinct(), slice.total.unwrap_or_default());
        if slice.scan == 1 {
            if let Some(doubt) = contradiction(slice, distinct) {
                return Ok(Verdict::Again(Some(doubt)));
            }
            if !is_sorted(slice) {
                // No date to sort or ask by: complete after two scans (ARCHITECTURE §5).
                return Ok(Verdict::Again(None));
            }
        }
        let mut known = match self.settle(slice, &tally).await? {
            Ok(known) => known,
            Err(doubt) => return Ok(Verdict::Again(Some(doubt))),
        };
        if slice.scan < TOLERANT_SCAN {
            known.went = 0;
        }
        // The scan has counted a list that is not sorted, and a call of customers is everybody's.
        if !is_sorted(slice) && known.agreement(total) == Agreement::Agrees {
            return Ok(Verdict::Agrees(tally));
        }
        let count = || async { Ok(self.fetch(slice, 1, 1).await?.total) };
        let doubt = self.count_until_explained(count, |told| self.with_changes(slice, known, told)).await?;
        Ok(doubt.map_or(Verdict::Agrees(tally), |doubt| Verdict::Again(Some(doubt))))
    }

    /// With the rows that came or went since the scan began, where they may explain what the source tells.
    async fn with_changes(&self, slice: &SliceState, known: Known, told: i64) -> Result<Known, Stop> {
        Ok(match known.agreement(told) {
            Agreement::Unread(_) => {
                Known { beside: known.beside.max(self.came_since(slice).await?), ..known }
            }
            // What went during the only scan may have moved a row past it.
            Agreement::Missing(_) if slice.scan > 1 => {
                let began = slice.scan_began_at.unwrap_or_default();
                Known { gone: known.gone.max(self.went_since(self.range(slice), began).await?), ..known }
            }
            Agreement::Missing(_) | Agreement::Agrees => known,
        })
    }
}

/// Whether a list is sorted by creation, so that what comes meanwhile comes at its end.
fn is_sorted(slice: &SliceState) -> bool {
    slice.resource == "orders"
}

/// What a scan that was read to its end contradicts itself in; `distinct` different rows were read.
fn contradiction(slice: &SliceState, distinct: i64) -> Option<String> {
    let total = slice.total.unwrap_or_default();
    let first = slice.first_total.unwrap_or(total);
    if total < first {
        return Some(format!("the number of rows fell from {first} to {total} during the scan"));
    }
    (distinct != total).then(|| format!("{distinct} different rows were read where the source says {total}"))
}

/// Scans that a slice is planned for; those after them are for doubts.
fn planned_scans(slice: &SliceState) -> i32 {
    if is_sorted(slice) { 1 } else { 2 }
}

/// Whether a change under our lease happened.
pub(super) fn held(changed: Result<bool, sqlx::Error>) -> Result<(), Stop> {
    match changed {
        Ok(true) => Ok(()),
        Ok(false) => Err(Stop::Lost),
        Err(error) => Err(Stop::ours(error)),
    }
}
