//! One run from its lease to its end: both passes, what must agree before it is complete, and what becomes of it where it stops.

use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use qafila_aggregates::commands::CommandError;
use qafila_aggregates::lease;
use qafila_aggregates::sync_job::{SyncJobCommand, SyncJobError};
use qafila_schemas::catalogue::{SYNC_JOB_EVENTS, SYNC_PROGRESS};
use qafila_schemas::dead_letter::{Cause, DeadLetter, DeadLetters};
use qafila_schemas::headers::CloudEvent;
use qafila_schemas::millis::Millis;
use qafila_schemas::words::cause::{OF_FAILED_SYNC, OF_PAUSED_SYNC};
use qafila_schemas::writer::Outgoing;
use rand::Rng;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

use super::capacity::Place;
use super::completeness::{self, Complete, Read};
use super::hydrate::Hydrator;
use super::intake::Intake;
use super::plan::Window;
use super::progress::{Expected, Meter, Snapshot};
use super::query::SliceLists;
use super::scan::Scanner;
use super::slices::SliceState;
use super::stop::{Fate, WaitsFor};
use super::work::{LEASE, LeasedRun};
use super::{Stop, Tools};
use crate::hydration::entity::EntityReader;
use crate::salla::budget::Urgency;
use crate::salla::client::SallaClient;

const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// Salla's minutes without an answer after which a run says that it waits.
const MAX_SILENCE_MINUTES: u32 = 15;
/// The read models may be waited for, however short a minute is in a simulation.
const MIN_SILENCE: Duration = Duration::from_secs(20);
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// A pause doubles with every few tries, because each of them is an event and some calls.
const TRIES_A_DOUBLING: i32 = 6;
const MAX_PAUSE: Duration = Duration::from_secs(30 * 60);
/// Times that open slices are read again before others have their turn.
const ROUNDS: u32 = 3;
const FIRST_APPEND_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_APPEND_PAUSE: Duration = Duration::from_secs(10);
/// Failures of the last append that raise the alarm.
const ALARM_AFTER: u32 = 3;

/// Works on one leased run.
pub struct Importer {
    tools: Arc<Tools>,
    run: Arc<LeasedRun>,
    /// Its place among the runs of this process.
    place: Place,
    stop: CancellationToken,
    /// What the source said at the start.
    expected: OnceLock<Expected>,
}

impl Importer {
    /// For `run`, in its `place`; ends early once `stop` is cancelled.
    pub fn new(tools: Arc<Tools>, run: LeasedRun, place: Place, stop: CancellationToken) -> Self {
        Self { tools, run: Arc::new(run), place, stop, expected: OnceLock::new() }
    }

    /// Takes over, reads, and says how it ended.
    pub async fn run(self) {
        let (run_id, merchant) = (self.run.lease.run_id, self.run.merchant_id);
        tracing::info!(event = "sync taken over", merchantId = %merchant, jobId = %self.run.job_id, runId = %run_id, epoch = self.run.lease.epoch);
        let outcome = tokio::select! {
            outcome = self.work() => outcome,
            () = self.hold() => Err(Stop::Lost),
            () = self.stop.cancelled() => Err(Stop::Lost),
            stop = self.standing_still() => Err(stop),
        };
        let ended = match outcome {
            Ok(sequence) => self.tools.work.end(self.run.lease, sequence).await,
            Err(stop) => self.put_down(stop).await,
        };
        if let Err(error) = ended {
            // The lease runs out, and the run is taken again.
            tracing::warn!(event = "run not put down", runId = %run_id, error = %error);
        }
    }

    async fn put_down(&self, stop: Stop) -> Result<(), sqlx::Error> {
        let lease = self.run.lease;
        tracing::warn!(event = "sync interrupted", merchantId = %self.run.merchant_id, jobId = %self.run.job_id, reason = %stop);
        let fate = stop.fate(self.run.vain_tries());
        // Nobody speaks for a run that another has taken: the lease is renewed, and what is said is said within it.
        let said_until = Instant::now() + LEASE / 5 * 4;
        if fate != Fate::TriedAgain && !self.tools.work.renew(&self.run).await? {
            return Ok(());
        }
        match fate {
            Fate::TriedAgain => self.tools.work.release(&self.run, self.pause()).await,
            Fate::Failed { cause } => {
                let advice = OF_FAILED_SYNC.advice_for_events(cause);
                let fail = SyncJobCommand::Fail { lease, cause: cause.into(), advice };
                let Some(sequence) = self.told_by(said_until, fail).await else {
                    return self.tools.work.release(&self.run, self.pause()).await;
                };
                tracing::warn!(event = "sync failed", merchantId = %self.run.merchant_id, jobId = %self.run.job_id, cause);
                let ended = self.tools.work.end(lease, sequence).await;
                if let Err(error) = self.bury(cause, &stop).await {
                    tracing::warn!(event = "dead letter of the job not written", runId = %lease.run_id, error = %error);
                }
                self.publish_standing(None).await;
                ended
            }
            Fate::Paused { cause, waits_for } => self.put_down_paused(cause, waits_for, said_until).await,
        }
    }

    async fn put_down_paused(
        &self,
        cause: &'static str,
        waits_for: WaitsFor,
        said_until: Instant,
    ) -> Result<(), sqlx::Error> {
        let lease = self.run.lease;
        let pause = match waits_for {
            WaitsFor::Minutes(minutes) | WaitsFor::Turn(minutes) => {
                Some(self.tools.salla.config().minutes(minutes, TRY_AGAIN))
            }
            WaitsFor::GrowingTime => Some(self.pause()),
            WaitsFor::Access(_) => None,
        };
        let until = pause.map(|pause| Millis(Millis::now().0 + pause.as_millis() as i64));
        let advice = Some(OF_PAUSED_SYNC.advice_for_events(cause));
        let command = SyncJobCommand::Pause { lease, cause: cause.into(), advice, until };
        let mut told = self.told_by(said_until, command.clone()).await;
        if told.is_none() && self.tools.take_over(&self.run, true).await.is_ok() {
            // It was resumed by its merchant while it was tried, and knew of no worker since.
            told = self.told_by(said_until, command).await;
        }
        if told.is_none() {
            // What nobody was told of is tried again.
            return self.tools.work.release(&self.run, self.pause()).await;
        }
        tracing::warn!(event = "sync paused", merchantId = %self.run.merchant_id, jobId = %self.run.job_id, cause);
        // Kafka may be what it waits for.
        if timeout_at(said_until.into(), self.publish_standing(until)).await.is_err() {
            tracing::warn!(event = "failed to publish progress", runId = %lease.run_id, error = "no answer in time");
        }
        match waits_for {
            WaitsFor::Access(generation) => self.tools.work.wait_for_access(&self.run, generation).await,
            WaitsFor::Turn(_) => {
                self.tools.work.release_to_queue(&self.run, pause.unwrap_or(TRY_AGAIN)).await
            }
            WaitsFor::Minutes(_) | WaitsFor::GrowingTime => {
                self.tools.work.release(&self.run, pause.unwrap_or(TRY_AGAIN)).await
            }
        }
    }

    /// The job's sequence once it was told something; none where it refuses that, or does not hear it in time.
    async fn told_by(&self, deadline: Instant, command: SyncJobCommand) -> Option<i64> {
        let told = timeout_at(deadline.into(), self.tools.command(&self.run, command)).await;
        told.ok()?.ok()
    }

    /// The dead letter of the job: which run it was, and why.
    async fn bury(&self, cause: &'static str, stop: &Stop) -> Result<(), Stop> {
        let run = &self.run;
        let record = serde_json::json!({
            "jobId": run.job_id.to_string(),
            "runId": run.lease.run_id.to_string(),
            "connectionId": run.connection_id.to_string(),
            "storeId": run.store_id,
            "fromDay": run.from_day,
            "untilDay": run.until_day,
            "epoch": run.lease.epoch,
        });
        let letter = DeadLetter {
            topic: self.tools.contract.kafka.topic(SYNC_JOB_EVENTS.name),
            position: None,
            key: Some(run.merchant_id.to_string().into_bytes()),
            value: Some(record.to_string().into_bytes()),
            headers: None,
            cause: Cause {
                code: cause,
                detail: stop.to_string(),
                path: None,
                merchant: Some(run.merchant_id.to_string()),
            },
        };
        let letters = DeadLetters::new(self.tools.writer.clone(), "ingest-sync");
        letters.write(vec![letter]).await.map_err(Stop::ours)
    }

    /// Grows with the times the run was taken up in vain.
    fn pause(&self) -> Duration {
        let doublings = (self.run.vain_tries() / TRIES_A_DOUBLING).clamp(0, 16);
        let ceiling = TRY_AGAIN.mul_f64(2_f64.powi(doublings)).min(MAX_PAUSE);
        ceiling.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// Ends once no answer has come for long: a run waits for nothing without saying so.
    async fn standing_still(&self) -> Stop {
        let most = self.tools.salla.config().minutes(MAX_SILENCE_MINUTES, MIN_SILENCE);
        loop {
            let silent = self.run.silent_for();
            if silent >= most && self.tools.salla.is_queued(self.run.store_id) {
                // It waits for its turn among the stores that read customers.
                self.run.heard();
                continue;
            }
            if silent >= most {
                let is_held = self.tools.salla.is_held(self.run.store_id);
                return Stop::Silent { seconds: silent.as_secs(), is_held };
            }
            tokio::time::sleep(most.saturating_sub(silent)).await;
        }
    }

    /// Renews the lease until it is lost.
    async fn hold(&self) {
        lease::hold("sync run", LEASE, LEASE / 5, || self.tools.work.renew(&self.run)).await;
    }

    /// Reads everything; returns the sequence of the job's last event.
    async fn work(&self) -> Result<i64, Stop> {
        let lease = self.run.lease;
        // One that got no further the last time is not said to go on before it does.
        let goes_on = self.run.tries <= 1;
        self.tools.take_over(&self.run, goes_on).await?;
        if !self.run.done {
            self.read_everything().await?;
            if !self.tools.work.done(lease).await.map_err(Stop::ours)? {
                return Err(Stop::Lost);
            }
        }
        let sequence = self.append_the_end().await?;
        tracing::info!(event = "sync completed", merchantId = %self.run.merchant_id, jobId = %self.run.job_id);
        Ok(sequence)
    }

    async fn read_everything(&self) -> Result<(), Stop> {
        let run = Arc::clone(&self.run);
        let client = self.tools.salla.store(run.connection_id, run.store_id, Urgency::Background);
        let intake = Intake::new(Arc::clone(&self.tools), Arc::clone(&run));
        let entities = EntityReader::new(client.clone(), run.owner());
        let scanner = Scanner {
            tools: Arc::clone(&self.tools),
            run: Arc::clone(&run),
            lists: SliceLists::new(client.clone(), Window { first: run.from_day, last: run.until_day }),
            client: client.clone(),
            intake: intake.clone(),
            entities: entities.clone(),
            went: Arc::default(),
            left: Arc::default(),
        };
        let written = self.tools.hydrations.written(run.lease.run_id).await.map_err(Stop::ours)?;
        let written = Arc::new(Mutex::new(written));
        let hydrator = Hydrator { tools: Arc::clone(&self.tools), run, entities, intake, written };
        let expected = self.ask_expected(&client).await?;
        let expected = self.expected.get_or_init(|| expected);
        let orders = expected.get("orders").copied().unwrap_or_default();
        scanner.join_slices_where_days_are_ignored(orders).await?;
        tokio::select! {
            outcome = self.both_passes(&scanner, &hydrator) => outcome?,
            never = self.report_progress(&client) => match never {},
        }
        self.publish_progress(&mut self.meter(), client.per_minute(), None).await?;
        let slices = self.slices().await?;
        let hydration = self.tools.hydrations.of(self.run.lease.run_id).await.map_err(Stop::ours)?;
        let details = hydration.map_or((0, 0), |h| (h.done, h.skipped));
        if let Some(excess) = self.tools.tolerance.exceeded(&slices, details) {
            return Err(Stop::Invalid(excess));
        }
        self.state_completeness(&scanner, &slices).await
    }

    /// Lists first; then details beside the customers, whose budget is another one; then whatever did not agree, again.
    async fn both_passes(&self, scanner: &Scanner, hydrator: &Hydrator) -> Result<(), Stop> {
        let customers = |slice: &SliceState| slice.resource == "customers";
        let orders = async {
            scanner.read(|slice| !customers(slice)).await?;
            hydrator.run().await?;
            self.leave_place_to_others(customers).await
        };
        let (mut orders, mut of_customers) = (pin!(orders), pin!(scanner.read(customers)));
        tokio::select! {
            outcome = &mut orders => {
                outcome?;
                of_customers.await?;
            }
            // Where Salla refuses customers alone, orders are read all the same.
            outcome = &mut of_customers => {
                if matches!(outcome, Err(Stop::Lost)) {
                    return outcome;
                }
                orders.await?;
                outcome?;
            }
        }
        let mut last = None;
        for round in 1..=ROUNDS {
            let doubt = scanner.compare_whole(round == ROUNDS).await?;
            scanner.read(|_| true).await?;
            let open = self.slices().await?.into_iter().find(|slice| !slice.closed).map(in_doubt);
            let Some(doubt) = open.or(doubt) else {
                // What was read again may have brought new orders.
                return hydrator.run().await;
            };
            tracing::info!(event = "import in doubt", merchantId = %self.run.merchant_id, round, doubt);
            last = Some(doubt);
        }
        Err(Stop::Disagrees(last.unwrap_or_default()))
    }

    /// Where only customers are left to read, which may take hours, another store's orders get the place.
    async fn leave_place_to_others(&self, customers: impl Fn(&SliceState) -> bool) -> Result<(), Stop> {
        let are_left = self.slices().await?.iter().any(|slice| customers(slice) && !slice.closed);
        if are_left && !self.place.wait_for_customers() {
            return Err(Stop::QueueFull);
        }
        Ok(())
    }

    async fn slices(&self) -> Result<Vec<SliceState>, Stop> {
        self.tools.slices.all(self.run.lease.run_id).await.map_err(Stop::ours)
    }

    async fn state_completeness(&self, scanner: &Scanner, slices: &[SliceState]) -> Result<(), Stop> {
        let complete: Vec<Complete> = ["orders", "customers", "products"]
            .into_iter()
            .filter_map(|resource| {
                let read = match resource {
                    "orders" => Read::Since(completeness::from_first_day(&self.run)),
                    _ => Read::Whole,
                };
                scanner.complete_to(slices, resource).map(|to| Complete {
                    resource,
                    read,
                    to,
                    takes_back: None,
                })
            })
            .collect();
        self.tools.completeness.state(self.run.owner(), &complete).await.map_err(Stop::ours)
    }

    /// Everything is done, so nothing may stop the last event: it is tried until it is there, with an alarm.
    async fn append_the_end(&self) -> Result<i64, Stop> {
        let hydration = self.tools.hydrations.of(self.run.lease.run_id).await.map_err(Stop::ours)?;
        let complete = SyncJobCommand::Complete {
            lease: self.run.lease,
            hydrated: hydration.map_or(0, |h| h.done),
            hydration_skipped: hydration.map_or(0, |h| h.skipped),
        };
        let mut pause = FIRST_APPEND_PAUSE;
        for failures in 1_u32.. {
            match self.tools.command(&self.run, complete.clone()).await {
                Ok(sequence) => return Ok(sequence),
                Err(Stop::Ours(reason)) => {
                    metrics::counter!("qafila_sync_end_not_appended_total").increment(1);
                    if failures >= ALARM_AFTER {
                        tracing::error!(event = "end of a sync not appended", merchantId = %self.run.merchant_id,
                            jobId = %self.run.job_id, runId = %self.run.lease.run_id, failures, reason);
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_APPEND_PAUSE);
                }
                Err(stop) => return Err(stop),
            }
        }
        Err(Stop::Lost)
    }

    /// Rows the source says there are, asked with pages of one row.
    async fn ask_expected(&self, client: &SallaClient) -> Result<Expected, Stop> {
        let mut expected = Expected::new();
        // Customers tell their number with their first page: their budget is everybody's.
        for resource in ["orders", "products"] {
            let mut query = vec![("page", "1".to_owned()), ("per_page", "1".to_owned())];
            if resource == "orders" {
                query.push(("from_date", self.run.from_day.to_string()));
                query.push(("to_date", self.run.until_day.to_string()));
            }
            expected.insert(resource.into(), client.page(resource, &query).await?.total);
        }
        Ok(expected)
    }

    fn meter(&self) -> Meter {
        let config = self.tools.salla.config();
        Meter::new(config.minute, config.orders_per_page, config.others_per_page)
    }

    async fn report_progress(&self, client: &SallaClient) -> std::convert::Infallible {
        let mut meter = self.meter();
        loop {
            if let Err(error) = self.publish_progress(&mut meter, client.per_minute(), None).await {
                // It is published again in a second; the import goes on.
                tracing::debug!(event = "failed to publish progress", error = %error);
            }
            tokio::time::sleep(PROGRESS_EVERY).await;
        }
    }

    /// Publishes where a run stands that stops, and when it is tried again.
    async fn publish_standing(&self, until: Option<Millis>) {
        if let Err(error) = self.publish_progress(&mut self.meter(), None, until).await {
            tracing::warn!(event = "failed to publish progress", runId = %self.run.lease.run_id, error = %error);
        }
    }

    async fn publish_progress(
        &self,
        meter: &mut Meter,
        allowed: Option<u32>,
        paused_until: Option<Millis>,
    ) -> Result<(), Stop> {
        let slices = self.slices().await?;
        let hydration = self.tools.hydrations.of(self.run.lease.run_id).await.map_err(Stop::ours)?;
        let nothing = Expected::new();
        let expected = self.expected.get().unwrap_or(&nothing);
        let snapshot = Snapshot { slices: &slices, hydration, expected, allowed };
        let mut progress = meter.progress(&self.run, &snapshot);
        progress.paused_until = paused_until;
        let key = self.run.merchant_id.to_string();
        let id = format!("{}:{}:{}", self.run.lease.run_id, self.run.lease.epoch, progress.reported_at.0);
        let event = CloudEvent {
            id: &id,
            kind: SYNC_PROGRESS.records[0].full_name,
            subject: &key,
            time: progress.reported_at,
        };
        let record = Outgoing {
            topic: self.tools.contract.kafka.topic(SYNC_PROGRESS.name),
            headers: event.headers(),
            value: Some(self.tools.progress.encode_to_vec(&progress).map_err(Stop::ours)?),
            key,
        };
        self.tools.writer.write_all(vec![record]).await.map(drop).map_err(Stop::ours)
    }
}

/// Why a slice is open.
fn in_doubt(slice: SliceState) -> String {
    let doubt = slice.doubt.unwrap_or_else(|| "not read to its end".into());
    format!("{} {}: {doubt}", slice.resource, slice.name)
}

impl Tools {
    /// The run got further: its tries are counted anew, and it is not said to wait any more.
    pub(super) async fn went_on(&self, run: &LeasedRun) -> Result<(), Stop> {
        run.progressed();
        self.take_over(run, true).await
    }

    /// Tells the job of the run's lease; of one that only may go on, nothing is told while it is paused.
    async fn take_over(&self, run: &LeasedRun, goes_on: bool) -> Result<(), Stop> {
        if goes_on && !run.announce() {
            return Ok(());
        }
        let worker = self.work.worker().to_owned();
        self.send(run, SyncJobCommand::TakeOver { lease: run.lease, worker, goes_on }).await.map(drop)
    }

    /// Sends a command to the run's job; returns the job's sequence after it.
    pub(super) async fn command(&self, run: &LeasedRun, command: SyncJobCommand) -> Result<i64, Stop> {
        if !matches!(command, SyncJobCommand::Pause { .. }) {
            self.take_over(run, true).await?;
        }
        self.send(run, command).await
    }

    /// Sends a command that does not say that the run goes on.
    pub(super) async fn send(&self, run: &LeasedRun, command: SyncJobCommand) -> Result<i64, Stop> {
        match self.jobs.execute(&run.job_id.to_string(), command).await {
            Ok(committed) => Ok(committed.position.sequence),
            Err(CommandError::Refused(
                SyncJobError::StaleEpoch { .. } | SyncJobError::AnotherRun | SyncJobError::NotRunning,
            )) => Err(Stop::Lost),
            Err(error) => Err(Stop::ours(error)),
        }
    }
}
