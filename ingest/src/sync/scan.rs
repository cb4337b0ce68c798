//! Pass 1: a slice is read page by page until it agrees. A page counts only after Kafka has acknowledged its observations, so
//! a crash reads at most that page again. A slice closes only when the ids that were read, the number that the source says and
//! the rows that are stored agree; otherwise it is scanned again, and says why.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{self, TryStreamExt};
use qafila_aggregates::sync_job::{SliceReport, SyncJobCommand};
use qafila_schemas::millis::Millis;

use super::intake::{Intake, SeenRow, Taken, day};
use super::query::SliceLists;
use super::slices::{PageOutcome, SliceState, Tally};
use super::stored::{Range, StoredRow};
use super::work::LeasedRun;
use super::{Stop, Tools, plan};
use crate::hydration::entity::{EntityRead, EntityReader};
use crate::salla::client::{Page, SallaClient};

/// Slices read side by side where Salla lets few calls through, so that the newest are read first.
const FEWEST_SLICES_AT_ONCE: usize = 4;
const MOST_SLICES_AT_ONCE: usize = 16;
/// What a page takes from its call to its checkpoint, seconds.
const SECONDS_A_PAGE: f64 = 0.05;
/// Scans of a slice before others have their turn.
const SCANS_AT_ONCE: i32 = 4;
/// How long the read models may be behind.
const STORED_WITHIN: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(20);
const LONGEST_GLANCE: Duration = Duration::from_secs(1);
/// Rows of a scan that are asked for one by one.
const MOST_CONFIRMED: usize = 500;
/// Rows of the last minutes that a list leaves out and that are asked for one by one.
const MOST_RECENT: usize = 100;
/// More rows than so many, and than one in a hundred, do not vanish: then it is the list that is in doubt.
const FEW_VANISHED: usize = 20;

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
}

/// What came of looking at a scan that was read to its end.
enum Verdict {
    Agrees(Tally),
    Again(Option<String>),
}

/// Whether an entity that a list leaves out is there.
enum Presence {
    /// With the creation that it tells, where it does.
    There(Option<Millis>),
    Gone,
    /// Salla refuses to say.
    Unknown,
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
        let lease = self.run.lease;
        self.tools.command(&self.run, SyncJobCommand::ReportSlice { lease, report }).await.map(drop)
    }

    /// Reads the pages of a scan that are missing; true where the slice was split instead.
    async fn read_pages(&self, slice: &mut SliceState) -> Result<bool, Stop> {
        let window = self.window(slice);
        let lease = self.run.lease;
        let told = self.tools.slices.skipped_before(lease.run_id, slice).await.map_err(Stop::ours)?;
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
            let (taken, rows) = self.intake.page(&slice.resource, window, &told, &page)?;
            self.note_other_days(slice, &rows);
            let outcome = PageOutcome {
                total: page.total,
                imported: taken.mapped(),
                skipped: rows.iter().filter(|row| row.skipped).count() as i64,
                asked_at: Some(page.asked_at),
                rows,
            };
            self.intake.write(taken).await?;
            held(self.tools.slices.checkpoint(lease, slice, &outcome).await)?;
            self.run.progressed();
            slice.next_page += 1;
            slice.total = Some(outcome.total);
            slice.first_total = slice.first_total.or(slice.total);
            slice.scan_began_at = slice.scan_began_at.or(outcome.asked_at.map(Millis::to_utc));
            slice.imported += outcome.imported;
            slice.skipped += outcome.skipped;
            slice.seen += outcome.rows.len() as i64;
            if !page.has_next || page.rows.is_empty() {
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
        Ok(self.lists.page(&slice.resource, &slice.name, page, per_page).await?)
    }

    pub(super) fn window(&self, slice: &SliceState) -> Option<plan::Window> {
        self.lists.order_days(&slice.resource, &slice.name)
    }

    /// Looks at a scan that was read to its end: first against what the source says, then against what is stored.
    async fn judge(&self, slice: &SliceState) -> Result<Verdict, Stop> {
        let tally = self.tools.slices.tally(self.run.lease.run_id, slice).await.map_err(Stop::ours)?;
        let (distinct, total) = (tally.distinct(), slice.total.unwrap_or_default());
        let first = slice.first_total.unwrap_or(total);
        if total < first {
            return Ok(Verdict::Again(Some(format!(
                "the number of rows fell from {first} to {total} during the scan"
            ))));
        }
        if distinct != total {
            let read = format!("{distinct} different rows were read where the source says {total}");
            return Ok(Verdict::Again(Some(read)));
        }
        if slice.resource == "orders" {
            let count = self.fetch(slice, 1, 1).await?.total;
            if count != distinct {
                let doubt = format!("{distinct} rows were read, then the source says {count}");
                return Ok(Verdict::Again(Some(doubt)));
            }
        } else if slice.scan == 1 {
            // No date to sort or ask by: complete when two scans agree (ARCHITECTURE §5).
            return Ok(Verdict::Again(None));
        } else if tally.before != distinct || tally.again != distinct {
            let doubt =
                format!("two scans differ: {} rows, then {distinct}, {} in both", tally.before, tally.again);
            return Ok(Verdict::Again(Some(doubt)));
        }
        let scanned_twice = tally.before == distinct && tally.again == distinct;
        Ok(match self.stored(slice, scanned_twice).await? {
            Some(doubt) => Verdict::Again(Some(doubt)),
            None => Verdict::Agrees(tally),
        })
    }

    /// Waits until what was read is stored, and confirms that what is stored and was not read is gone. Some doubt where the
    /// list and the details contradict each other.
    async fn stored(&self, slice: &SliceState, scanned_twice: bool) -> Result<Option<String>, Stop> {
        let (ids, skipped) =
            self.tools.slices.seen(self.run.lease.run_id, slice).await.map_err(Stop::ours)?;
        let rows = match self.wait_for(slice, &ids).await? {
            Ok(rows) => rows,
            Err(doubt) => return Ok(Some(doubt)),
        };
        let known: HashSet<i64> = ids.iter().chain(&skipped).copied().collect();
        let began = slice.scan_began_at.unwrap_or_default() - self.list_cache_window();
        // Parts of customers and products cannot be told apart among what is stored.
        let comparable = slice.resource == "orders" || slice.name == "all";
        let (missing, recent): (Vec<&StoredRow>, Vec<&StoredRow>) = rows
            .values()
            .filter(|_| comparable)
            .filter(|row| row.deleted_at.is_none() && !known.contains(&row.salla_id))
            .partition(|row| row.created_at.is_none_or(|at| at < began));
        let mut missing: Vec<i64> = missing.into_iter().map(|row| row.salla_id).collect();
        if slice.resource == "orders" && !missing.is_empty() {
            let elsewhere = self.tools.slices.listed_elsewhere(self.run.lease.run_id, &missing).await;
            let elsewhere = elsewhere.map_err(Stop::ours)?;
            missing.retain(|id| !elsewhere.contains(id));
        }
        // What came while we were reading need not be in the list yet, but may have gone again.
        for row in recent.into_iter().take(MOST_RECENT) {
            self.presence(&slice.resource, row.salla_id).await?;
        }
        let revived =
            ids.iter().copied().filter(|id| rows.get(id).is_some_and(|row| row.deleted_at.is_some()));
        let doubtful: Vec<i64> = missing.iter().copied().chain(revived).collect();
        let many = doubtful.len() > FEW_VANISHED && doubtful.len() * 100 > known.len();
        if many && !scanned_twice {
            return Ok(Some(format!("{} stored rows are not in the list", doubtful.len())));
        }
        for salla_id in doubtful.iter().take(MOST_CONFIRMED) {
            let Presence::There(created) = self.presence(&slice.resource, *salla_id).await? else { continue };
            // One whose date was changed belongs elsewhere.
            let belongs_here =
                self.window(slice).zip(created).is_none_or(|(window, at)| window.side(day(at)) == 0);
            if belongs_here && missing.contains(salla_id) {
                return Ok(Some(format!("the list leaves out {salla_id}, which is there")));
            }
        }
        let left = doubtful.len().saturating_sub(MOST_CONFIRMED);
        Ok((left > 0).then(|| format!("{left} more stored rows are not in the list")))
    }

    pub(super) fn list_cache_window(&self) -> chrono::Duration {
        chrono::Duration::from_std(self.client.config().list_cache_window).unwrap_or_default()
    }

    /// Asks for one entity and writes what it is.
    async fn presence(&self, resource: &str, salla_id: i64) -> Result<Presence, Stop> {
        let read = self.entities.read(resource, salla_id).await?;
        let presence = match &read {
            EntityRead::There { created, .. } => Presence::There(*created),
            EntityRead::Gone(_) => Presence::Gone,
            EntityRead::Refused(_) => Presence::Unknown,
        };
        let mut taken = Taken::default();
        self.intake.take(&mut taken, resource, salla_id, read)?;
        self.intake.write(taken).await?;
        Ok(presence)
    }

    /// Whether a row of the slice was found to be gone after its accepted scan began.
    pub(super) async fn lost_since(&self, slice: &SliceState) -> Result<bool, Stop> {
        let rows = self.tools.stored.rows(self.range(slice), &[]).await.map_err(Stop::ours)?;
        Ok(rows.iter().any(|row| row.deleted_at.is_some() && row.deleted_at > slice.scan_began_at))
    }

    fn range<'s>(&self, slice: &'s SliceState) -> Range<'s> {
        Range {
            merchant_id: self.run.merchant_id,
            store_id: self.run.store_id,
            resource: &slice.resource,
            created: self.window(slice).map(plan::Window::span),
        }
    }

    /// The stored rows of a slice, once `ids` are among them. Where they do not come the run is interrupted, because whoever stores
    /// them may be down; where it then still finds some missing, a doubt: they are read, and written, once more.
    async fn wait_for(
        &self,
        slice: &SliceState,
        ids: &[i64],
    ) -> Result<Result<HashMap<i64, StoredRow>, String>, Stop> {
        let range = self.range(slice);
        let (mut glance, deadline) = (GLANCE, Instant::now() + STORED_WITHIN);
        loop {
            let rows = self.tools.stored.rows(range, ids).await.map_err(Stop::ours)?;
            let rows: HashMap<i64, StoredRow> = rows.into_iter().map(|row| (row.salla_id, row)).collect();
            let missing: Vec<i64> = ids.iter().filter(|id| !rows.contains_key(id)).copied().collect();
            let Some(one) = missing.first() else { return Ok(Ok(rows)) };
            if Instant::now() > deadline {
                let doubt = format!(
                    "{} rows of {} {} are not stored after {STORED_WITHIN:?}, such as {one}",
                    missing.len(),
                    slice.resource,
                    slice.name
                );
                return if self.run.vain_tries() > 0 { Ok(Err(doubt)) } else { Err(Stop::Ours(doubt)) };
            }
            tokio::time::sleep(glance).await;
            glance = (glance * 2).min(LONGEST_GLANCE);
        }
    }
}

/// Whether a change under our lease happened.
pub(super) fn held(changed: Result<bool, sqlx::Error>) -> Result<(), Stop> {
    match changed {
        Ok(true) => Ok(()),
        Ok(false) => Err(Stop::Lost),
        Err(error) => Err(Stop::ours(error)),
    }
}
