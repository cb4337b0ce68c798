//! The rules of a sync job.

use std::collections::BTreeMap;

use chrono::{Months, NaiveDate};
use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use qafila_schemas::ids::{JobId, MerchantId, RunId, UserId};
use qafila_schemas::millis::Millis;
use qafila_schemas::records::sync as s;
use serde::{Deserialize, Serialize};

use super::{Lease, SliceReport, StartRun, SyncJobCommand, SyncJobEvent, job_id};
use crate::Clock;

/// Why a sync job refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyncJobError {
    /// A run is under way.
    #[error("an import is already running")]
    AlreadyRunning,
    /// Only two depths are offered.
    #[error("depthInMonths must be 12 or 24")]
    UnknownDepth,
    /// There is no run, or it has ended.
    #[error("no import is running")]
    NotRunning,
    /// Only a failed or paused run can be resumed.
    #[error("the import is not failed or paused; one that has ended is started anew")]
    NotResumable,
    /// Another worker holds the run.
    #[error("lease epoch {given} is stale: the run is held under epoch {current}")]
    StaleEpoch {
        /// Epoch of the command.
        given: i64,
        /// Epoch of the run.
        current: i64,
    },
    /// The command is about an older run.
    #[error("the command is about another run")]
    AnotherRun,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words of API.md")]
pub enum SyncStatus {
    #[default]
    NotStarted,
    Requested,
    Running,
    Paused,
    Completed,
    Failed,
    Cancelled,
}

impl SyncStatus {
    fn is_open(self) -> bool {
        matches!(self, Self::Requested | Self::Running | Self::Paused)
    }
}

/// A sync job as its events tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncJob {
    run: Option<Run>,
    /// Order days that completed runs have read, in Asia/Riyadh.
    covered: Option<(NaiveDate, NaiveDate)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    merchant_id: MerchantId,
    job_id: JobId,
    run_id: RunId,
    epoch: i64,
    status: SyncStatus,
    /// Why it waits, as a stable code.
    #[serde(default)]
    cause: Option<String>,
    from_day: NaiveDate,
    until_day: NaiveDate,
    /// (resource, slice) → (imported, skipped)
    slices: BTreeMap<String, BTreeMap<String, (i64, i64)>>,
}

type Decision = Result<Option<SyncJobEvent>, SyncJobError>;

impl SyncJob {
    /// Where the present run stands.
    pub fn status(&self) -> SyncStatus {
        self.run.as_ref().map_or(SyncStatus::NotStarted, |run| run.status)
    }

    /// Id of the present run.
    pub fn run_id(&self) -> Option<RunId> {
        self.run.as_ref().map(|run| run.run_id)
    }

    fn decide(&self, command: SyncJobCommand, clock: Clock) -> Decision {
        match command {
            SyncJobCommand::Start(run) => self.start(run, clock),
            SyncJobCommand::TakeOver { lease, worker, goes_on } => {
                self.take_over(lease, worker, goes_on, clock)
            }
            SyncJobCommand::ReportSlice { lease, report } => self.report(lease, report, clock),
            SyncJobCommand::Pause { lease, cause, advice, until } => {
                self.pause(lease, cause, advice, until, clock)
            }
            SyncJobCommand::Resume { lease } => {
                let run = self.held(lease)?;
                Ok((run.status == SyncStatus::Paused).then(|| resumed(run, None, clock)))
            }
            SyncJobCommand::Complete { lease, hydrated, hydration_skipped } => {
                self.complete(lease, hydrated, hydration_skipped, clock)
            }
            SyncJobCommand::Fail { lease, cause, advice } => self.fail(lease, cause, advice, clock),
            SyncJobCommand::Restart { requested_by } => match &self.run {
                Some(run) if matches!(run.status, SyncStatus::Failed | SyncStatus::Paused) => {
                    Ok(Some(resumed(run, requested_by, clock)))
                }
                _ => Err(SyncJobError::NotResumable),
            },
            SyncJobCommand::Cancel { requested_by } => match &self.run {
                Some(run) if run.status == SyncStatus::Cancelled => Ok(None),
                Some(run) if run.status.is_open() || run.status == SyncStatus::Failed => {
                    Ok(Some(SyncJobEvent::SyncCancelled(s::SyncCancelled {
                        merchant_id: run.merchant_id,
                        job_id: run.job_id,
                        run_id: run.run_id,
                        epoch: run.epoch,
                        requested_by,
                        cancelled_at: clock.now(),
                    })))
                }
                _ => Err(SyncJobError::NotRunning),
            },
        }
    }

    fn start(&self, start: StartRun, clock: Clock) -> Decision {
        if !matches!(start.depth_in_months, 12 | 24) {
            return Err(SyncJobError::UnknownDepth);
        }
        match &self.run {
            Some(run) if run.run_id == start.run_id => return Ok(None),
            Some(run) if run.status.is_open() => return Err(SyncJobError::AlreadyRunning),
            _ => {}
        }
        let months = Months::new(start.depth_in_months.unsigned_abs());
        let from = start.today.checked_sub_months(months).unwrap_or(start.today);
        let (from_day, until_day) = self.missing(from, start.today);
        Ok(Some(SyncJobEvent::SyncRequested(s::SyncRequested {
            merchant_id: start.merchant_id,
            job_id: job_id(start.connection_id),
            run_id: start.run_id,
            connection_id: start.connection_id,
            store_id: start.store_id,
            depth_in_months: start.depth_in_months,
            from_day,
            until_day,
            requested_by: start.requested_by,
            requested_at: clock.now(),
        })))
    }

    /// The days of orders a new run has to read: what lies before the days already read, or what came after; where
    /// both are missing, one window over everything, which reads the middle again rather than leave an end out.
    fn missing(&self, from: NaiveDate, today: NaiveDate) -> (NaiveDate, NaiveDate) {
        match self.covered {
            Some((first, last)) if from < first && last >= today => (from, first),
            Some((first, last)) if from >= first => (last, today),
            _ => (from, today),
        }
    }

    fn take_over(&self, lease: Lease, worker: String, goes_on: bool, clock: Clock) -> Decision {
        let run = self.not_later_than(lease)?;
        let is_paused = run.status == SyncStatus::Paused;
        let is_told = if is_paused { goes_on } else { lease.epoch > run.epoch };
        Ok(is_told.then(|| {
            SyncJobEvent::SyncTakenOver(s::SyncTakenOver {
                merchant_id: run.merchant_id,
                job_id: run.job_id,
                run_id: run.run_id,
                epoch: lease.epoch,
                worker,
                taken_over_at: clock.now(),
            })
        }))
    }

    /// A run that is tried again and again waits all the while: only another reason is an event.
    fn pause(
        &self,
        lease: Lease,
        cause: String,
        advice: Option<String>,
        until: Option<Millis>,
        clock: Clock,
    ) -> Decision {
        let run = self.held_or_paused(lease)?;
        if run.status == SyncStatus::Paused && run.cause.as_ref() == Some(&cause) {
            return Ok(None);
        }
        Ok(Some(SyncJobEvent::SyncPaused(s::SyncPaused {
            merchant_id: run.merchant_id,
            job_id: run.job_id,
            run_id: run.run_id,
            epoch: lease.epoch,
            cause,
            advice,
            until,
            paused_at: clock.now(),
        })))
    }

    /// What was read again while the run waits is no end of the wait.
    fn report(&self, lease: Lease, report: SliceReport, clock: Clock) -> Decision {
        let run = self.held_or_paused(lease)?;
        // A slice that was read again says something else than before.
        let known = run.slices.get(&report.resource).and_then(|slices| slices.get(&report.slice));
        if known == Some(&(report.imported, report.skipped)) {
            return Ok(None);
        }
        Ok(Some(SyncJobEvent::SliceImported(s::SliceImported {
            merchant_id: run.merchant_id,
            job_id: run.job_id,
            run_id: run.run_id,
            epoch: lease.epoch,
            resource: report.resource,
            slice: report.slice,
            total: report.total,
            imported: report.imported,
            skipped: report.skipped,
            imported_at: clock.now(),
        })))
    }

    fn complete(&self, lease: Lease, hydrated: i64, hydration_skipped: i64, clock: Clock) -> Decision {
        if let Some(run) = &self.run
            && run.run_id == lease.run_id
            && run.status == SyncStatus::Completed
        {
            return Ok(None);
        }
        let run = self.held(lease)?;
        let imported =
            |resource: &str| run.slices.get(resource).map_or(0, |s| s.values().map(|(done, _)| done).sum());
        Ok(Some(SyncJobEvent::SyncCompleted(s::SyncCompleted {
            merchant_id: run.merchant_id,
            job_id: run.job_id,
            run_id: run.run_id,
            epoch: run.epoch,
            orders: imported("orders"),
            customers: imported("customers"),
            products: imported("products"),
            skipped: run.slices.values().flat_map(BTreeMap::values).map(|(_, skipped)| skipped).sum(),
            hydrated: Some(hydrated),
            hydration_skipped: Some(hydration_skipped),
            completed_at: clock.now(),
        })))
    }

    fn fail(&self, lease: Lease, cause: String, advice: String, clock: Clock) -> Decision {
        if let Some(run) = &self.run
            && run.run_id == lease.run_id
            && run.status == SyncStatus::Failed
        {
            return Ok(None);
        }
        let run = self.held(lease)?;
        Ok(Some(SyncJobEvent::SyncFailed(s::SyncFailed {
            merchant_id: run.merchant_id,
            job_id: run.job_id,
            run_id: run.run_id,
            epoch: run.epoch,
            cause,
            advice,
            failed_at: clock.now(),
        })))
    }

    /// The present run, if it is `run_id` and open.
    fn open(&self, run_id: RunId) -> Result<&Run, SyncJobError> {
        let run = self.run.as_ref().ok_or(SyncJobError::NotRunning)?;
        if run.run_id != run_id {
            return Err(SyncJobError::AnotherRun);
        }
        if run.status.is_open() { Ok(run) } else { Err(SyncJobError::NotRunning) }
    }

    /// The present run, if it is open and no event names a later lease.
    fn not_later_than(&self, lease: Lease) -> Result<&Run, SyncJobError> {
        let run = self.open(lease.run_id)?;
        if lease.epoch < run.epoch {
            return Err(SyncJobError::StaleEpoch { given: lease.epoch, current: run.epoch });
        }
        Ok(run)
    }

    /// The present run, if it is held under this very lease, or paused and held under no later one: a worker that tries a paused run has
    /// appended no event of its lease.
    fn held_or_paused(&self, lease: Lease) -> Result<&Run, SyncJobError> {
        match self.not_later_than(lease)? {
            run if run.status == SyncStatus::Paused => Ok(run),
            _ => self.held(lease),
        }
    }

    /// The present run, if it is open and held under this very lease.
    fn held(&self, lease: Lease) -> Result<&Run, SyncJobError> {
        let run = self.open(lease.run_id)?;
        if run.epoch == lease.epoch {
            Ok(run)
        } else {
            Err(SyncJobError::StaleEpoch { given: lease.epoch, current: run.epoch })
        }
    }
}

fn resumed(run: &Run, requested_by: Option<UserId>, clock: Clock) -> SyncJobEvent {
    SyncJobEvent::SyncResumed(s::SyncResumed {
        merchant_id: run.merchant_id,
        job_id: run.job_id,
        run_id: run.run_id,
        epoch: run.epoch,
        requested_by,
        resumed_at: clock.now(),
    })
}

impl Aggregate for SyncJob {
    const TYPE: &'static str = "sync-job";
    type Command = SyncJobCommand;
    type Event = SyncJobEvent;
    type Error = SyncJobError;
    type Services = Clock;

    async fn handle(
        &mut self,
        command: SyncJobCommand,
        clock: &Clock,
        sink: &EventSink<Self>,
    ) -> Result<(), SyncJobError> {
        if let Some(event) = self.decide(command, *clock)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: SyncJobEvent) {
        if let SyncJobEvent::SyncRequested(e) = event {
            self.run = Some(Run {
                merchant_id: e.merchant_id,
                job_id: e.job_id,
                run_id: e.run_id,
                epoch: 0,
                status: SyncStatus::Requested,
                cause: None,
                from_day: e.from_day,
                until_day: e.until_day,
                slices: BTreeMap::new(),
            });
            return;
        }
        let Some(run) = &mut self.run else { return };
        match event {
            SyncJobEvent::SyncTakenOver(e) => {
                run.epoch = e.epoch;
                run.status = SyncStatus::Running;
            }
            SyncJobEvent::SliceImported(e) => {
                run.slices.entry(e.resource).or_default().insert(e.slice, (e.imported, e.skipped));
            }
            SyncJobEvent::SyncPaused(e) => {
                run.epoch = e.epoch;
                run.status = SyncStatus::Paused;
                run.cause = Some(e.cause);
            }
            // Nobody has it until it is taken over.
            SyncJobEvent::SyncResumed(_) => run.status = SyncStatus::Requested,
            SyncJobEvent::SyncCompleted(_) => {
                run.status = SyncStatus::Completed;
                self.covered = Some(match self.covered {
                    Some((first, last)) => (first.min(run.from_day), last.max(run.until_day)),
                    None => (run.from_day, run.until_day),
                });
            }
            SyncJobEvent::SyncFailed(_) => run.status = SyncStatus::Failed,
            SyncJobEvent::SyncCancelled(_) => run.status = SyncStatus::Cancelled,
            SyncJobEvent::SyncRequested(_) => {}
        }
    }
}
