//! Reading one run: its slices side by side, page by page. A page counts only after Kafka has acknowledged its
//! observations, so a crash reads at most that page again.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, TryStreamExt};
use qafila_aggregates::commands::CommandError;
use qafila_aggregates::sync_job::{SliceReport, SyncJobCommand, SyncJobError};
use qafila_schemas::catalogue::{OBSERVATIONS, SYNC_PROGRESS};
use qafila_schemas::dead_letter::{Cause, DeadLetter, DeadLetters};
use qafila_schemas::envelope::{DATA_KEY_HEADER, KEY_ID_HEADER};
use qafila_schemas::headers::{self, CloudEvent};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::Source;
use qafila_schemas::records::observation::Observation;
use qafila_schemas::writer::Outgoing;
use rand::Rng;
use rdkafka::message::OwnedHeaders;
use tokio_util::sync::CancellationToken;

use super::progress::{Expected, Meter};
use super::tolerance::Excess;
use super::work::{LEASE, LeasedRun, PageOutcome, SliceState};
use super::{Tools, plan};
use crate::mapping::seal::seal_all;
use crate::mapping::values::riyadh;
use crate::mapping::{Provenance, Unmappable, Unsealed, customers, observation_key, orders, products};
use crate::salla::client::{Page, SallaClient, SallaError};

/// Slices read side by side; the store's rate limit decides the speed, not this.
const SLICES_AT_ONCE: usize = 4;
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
const TRY_AGAIN: Duration = Duration::from_secs(3);
const MOST_PAUSES: i64 = 40;

/// Why a run stopped before its end.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("the lease is lost, or the run was ended by others")]
    Lost,
    #[error(transparent)]
    Salla(#[from] SallaError),
    #[error("no token for this connection")]
    NotConnected,
    #[error("{} of {} rows of {} could not be read", .0.skipped, .0.rows, .0.resource)]
    Invalid(Excess),
    #[error("{0}")]
    Ours(String),
}

impl Stop {
    fn ours(error: impl std::fmt::Display) -> Self {
        Self::Ours(error.to_string())
    }

    /// Code and advice of a run that has failed; none where it will be tried again.
    fn failure(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::NotConnected => {
                Some(("not_connected", "Connect your Salla store again, then start the import again."))
            }
            Self::Salla(SallaError::Unauthorized(_)) => Some((
                "reauthorisation_needed",
                "Salla no longer accepts our access. Connect your store again.",
            )),
            Self::Salla(SallaError::Unavailable { .. }) => Some((
                "salla_unavailable",
                "Salla did not answer. Resume the import in a while; nothing is lost.",
            )),
            Self::Salla(SallaError::Refused { .. } | SallaError::NotFound) => {
                Some(("salla_refused", "Salla refused a request. Contact support with the job's id."))
            }
            Self::Invalid(_) => Some((
                "too_many_invalid_rows",
                "Too many of the store's rows could not be read. They are kept: contact support with the job's id.",
            )),
            Self::Lost | Self::Ours(_) => None,
        }
    }
}

/// Works on one leased run.
pub struct Importer {
    tools: Arc<Tools>,
    run: LeasedRun,
    worker: String,
    stop: CancellationToken,
}

impl Importer {
    /// For `run`; ends early once `stop` is cancelled.
    pub fn new(tools: Arc<Tools>, run: LeasedRun, worker: String, stop: CancellationToken) -> Self {
        Self { tools, run, worker, stop }
    }

    /// Takes over, reads, and says how it ended.
    pub async fn run(self) {
        let (run_id, merchant) = (self.run.lease.run_id, self.run.merchant_id);
        tracing::info!(event = "sync taken over", merchantId = %merchant, jobId = %self.run.job_id, runId = %run_id, epoch = self.run.lease.epoch);
        let outcome = tokio::select! {
            outcome = self.work() => outcome,
            () = self.hold() => Err(Stop::Lost),
            () = self.stop.cancelled() => Err(Stop::Lost),
        };
        let ended = match outcome {
            Ok(sequence) => self.tools.work.end(self.run.lease, sequence).await,
            Err(stop) => self.give_up(stop).await,
        };
        if let Err(error) = ended {
            // The lease runs out, and the run is taken again.
            tracing::warn!(event = "run not put down", runId = %run_id, error = %error);
        }
    }

    async fn give_up(&self, stop: Stop) -> Result<(), sqlx::Error> {
        tracing::warn!(event = "sync interrupted", merchantId = %self.run.merchant_id, jobId = %self.run.job_id, reason = %stop);
        let Some((cause, advice)) = stop.failure() else {
            return self.tools.work.release(self.run.lease, self.pause()).await;
        };
        let fail = SyncJobCommand::Fail { lease: self.run.lease, cause: cause.into(), advice: advice.into() };
        match self.command(fail).await {
            Ok(sequence) => {
                tracing::warn!(event = "sync failed", merchantId = %self.run.merchant_id, jobId = %self.run.job_id, cause);
                self.tools.work.end(self.run.lease, sequence).await
            }
            Err(_) => self.tools.work.release(self.run.lease, self.pause()).await,
        }
    }

    /// Grows with every time the run was taken up, because each is an event and some calls.
    fn pause(&self) -> Duration {
        let times = self.run.lease.epoch.clamp(1, MOST_PAUSES) as f64;
        TRY_AGAIN.mul_f64(times * rand::rng().random_range(0.5..=1.0))
    }

    /// Renews the lease until it is lost.
    async fn hold(&self) {
        let mut failures_since = None;
        loop {
            tokio::time::sleep(LEASE / 5).await;
            match self.tools.work.renew(self.run.lease).await {
                Ok(true) => failures_since = None,
                Ok(false) => return,
                Err(_) => {
                    // While the database is down nobody else can take the run either, but our lease may end.
                    let since = *failures_since.get_or_insert_with(std::time::Instant::now);
                    if since.elapsed() > LEASE {
                        return;
                    }
                }
            }
        }
    }

    /// Reads everything; returns the sequence of the job's last event.
    async fn work(&self) -> Result<i64, Stop> {
        let take_over = SyncJobCommand::TakeOver { lease: self.run.lease, worker: self.worker.clone() };
        self.command(take_over).await?;
        let token = self.tools.vault.access_token(self.run.connection_id).await.map_err(Stop::ours)?;
        let token = token.ok_or(Stop::NotConnected)?;
        let client = SallaClient::new(self.tools.http.clone(), Arc::clone(&self.tools.salla), token);
        let expected = self.expected(&client).await?;
        let report = self.report_progress(&expected);
        tokio::select! {
            outcome = self.read_slices(&client) => outcome?,
            never = report => match never {},
        }
        self.publish_progress(&mut Meter::default(), &expected).await?;
        let slices = self.tools.work.slices(self.run.lease.run_id).await.map_err(Stop::ours)?;
        if let Some(excess) = self.tools.tolerance.exceeded(&slices) {
            return Err(Stop::Invalid(excess));
        }
        let sequence = self.command(SyncJobCommand::Complete { lease: self.run.lease }).await?;
        tracing::info!(event = "sync completed", merchantId = %self.run.merchant_id, jobId = %self.run.job_id);
        Ok(sequence)
    }

    async fn read_slices(&self, client: &SallaClient) -> Result<(), Stop> {
        let slices = self.tools.work.slices(self.run.lease.run_id).await.map_err(Stop::ours)?;
        stream::iter(slices.into_iter().filter(|slice| !slice.reported).map(Ok))
            .try_for_each_concurrent(SLICES_AT_ONCE, |slice| self.read_slice(client, slice))
            .await
    }

    async fn read_slice(&self, client: &SallaClient, mut slice: SliceState) -> Result<(), Stop> {
        while !slice.finished {
            let page = self.fetch(client, &slice).await?;
            let outcome = self.take_in(&slice, page).await?;
            let counted =
                self.tools.work.checkpoint(self.run.lease, &slice, outcome).await.map_err(Stop::ours)?;
            if !counted {
                return Err(Stop::Lost);
            }
            slice.next_page += 1;
            slice.total = Some(outcome.total);
            slice.imported += outcome.imported;
            slice.skipped += outcome.skipped;
            slice.finished = outcome.last;
        }
        let report = SliceReport {
            resource: slice.resource.clone(),
            slice: slice.name.clone(),
            total: slice.total.unwrap_or_default(),
            imported: slice.imported,
            skipped: slice.skipped,
        };
        self.command(SyncJobCommand::ReportSlice { lease: self.run.lease, report }).await?;
        self.tools.work.reported(self.run.lease, &slice).await.map_err(Stop::ours)
    }

    async fn fetch(&self, client: &SallaClient, slice: &SliceState) -> Result<Page, Stop> {
        let mut query = vec![("page", slice.next_page.to_string())];
        if slice.resource == "orders" {
            query.push(("per_page", client.config().orders_per_page.to_string()));
            query.push(("sort_by", "created_at-asc".into()));
            if let Some(window) = self.window(slice) {
                let (from, to) = window.asked();
                query.push(("from_date", from.to_string()));
                query.push(("to_date", to.to_string()));
            }
        } else {
            query.push(("per_page", client.config().others_per_page.to_string()));
        }
        Ok(client.page(&slice.resource, &query).await?)
    }

    fn window(&self, slice: &SliceState) -> Option<plan::Window> {
        plan::days(&slice.name, self.run.from_day, self.run.until_day)
    }

    /// Maps, seals and writes one page; returns once Kafka has all of it.
    async fn take_in(&self, slice: &SliceState, page: Page) -> Result<PageOutcome, Stop> {
        let provenance = self.provenance(page.asked_at);
        let window = (slice.resource == "orders").then(|| self.window(slice)).flatten();
        let mut mapped: Vec<Unsealed> = Vec::with_capacity(page.rows.len());
        let mut letters = Vec::new();
        for row in &page.rows {
            let row = row.get();
            // A neighbour's day: it is read, and counted, there.
            if window.is_some_and(|w| orders::created_at(row).is_some_and(|at| !w.contains(day(at)))) {
                continue;
            }
            match map(&slice.resource, row, &provenance) {
                Ok(unsealed) => mapped.push(unsealed),
                Err(error) => letters.push(self.dead_letter(row, &error)?),
            }
        }
        let outcome = PageOutcome {
            total: page.total,
            seen: page.rows.len() as i64,
            imported: mapped.len() as i64,
            skipped: letters.len() as i64,
            last: !page.has_next,
        };
        let sealed = seal_all(&*self.tools.keys, self.run.merchant_id, mapped).await.map_err(Stop::ours)?;
        let records: Vec<Outgoing> = sealed.iter().map(|o| self.record(o)).collect::<Result<_, _>>()?;
        self.tools.writer.write_all(records).await.map_err(Stop::ours)?;
        DeadLetters::new(self.tools.writer.clone(), "ingest").write(letters).await.map_err(Stop::ours)?;
        Ok(outcome)
    }

    /// A list may come from a cache of Salla's, so what it says may be as old as the cache window.
    fn provenance(&self, asked_at: Millis) -> Provenance {
        let window = i64::try_from(self.tools.salla.list_cache_window.as_millis()).unwrap_or(i64::MAX);
        Provenance {
            merchant_id: self.run.merchant_id,
            connection_id: self.run.connection_id,
            store_id: self.run.store_id,
            source: Source::List,
            observed_at: asked_at.minus(window),
        }
    }

    fn record(&self, observation: &Observation) -> Result<Outgoing, Stop> {
        let key = observation_key(observation);
        let id = format!("{key}:{}:{}", observation.source, observation.observed_at.0);
        let event = CloudEvent {
            id: &id,
            kind: OBSERVATIONS.records[0].full_name,
            subject: &key,
            time: Millis::now(),
        };
        let headers = event.headers();
        let value = self.tools.observations.encode_to_vec(observation).map_err(Stop::ours)?;
        Ok(Outgoing {
            topic: self.tools.contract.kafka.topic(OBSERVATIONS.name),
            key,
            value: Some(value),
            headers,
        })
    }

    /// The row, sealed whole: what did not map may hold personal data anywhere.
    fn dead_letter(&self, row: &str, error: &Unmappable) -> Result<DeadLetter, Stop> {
        let sealed = self.tools.rows.seal(row.as_bytes()).map_err(Stop::ours)?;
        let headers = headers::with(OwnedHeaders::new(), KEY_ID_HEADER, &sealed.data_key.key_id);
        let wrapped: String = hex::encode(&sealed.data_key.bytes);
        Ok(DeadLetter {
            topic: self.tools.contract.kafka.topic(OBSERVATIONS.name),
            position: None,
            key: Some(self.run.merchant_id.to_string().into_bytes()),
            value: Some(sealed.bytes),
            headers: Some(headers::with(headers, DATA_KEY_HEADER, &wrapped)),
            cause: Cause {
                code: "unmappable",
                detail: error.reason.clone(),
                path: Some(error.path.clone()),
                merchant: Some(self.run.merchant_id.to_string()),
            },
        })
    }

    /// Rows the source says there are, asked with pages of one row.
    async fn expected(&self, client: &SallaClient) -> Result<Expected, Stop> {
        let mut expected = Expected::new();
        for resource in ["orders", "customers", "products"] {
            let mut query = vec![("page", "1".to_owned()), ("per_page", "1".to_owned())];
            if resource == "orders" {
                query.push(("from_date", self.run.from_day.to_string()));
                query.push(("to_date", self.run.until_day.to_string()));
            }
            expected.insert(resource.into(), client.page(resource, &query).await?.total);
        }
        Ok(expected)
    }

    async fn report_progress(&self, expected: &Expected) -> std::convert::Infallible {
        let mut meter = Meter::default();
        loop {
            if let Err(error) = self.publish_progress(&mut meter, expected).await {
                // Progress is told again in a second; the import goes on.
                tracing::debug!(event = "progress not told", error = %error);
            }
            tokio::time::sleep(PROGRESS_EVERY).await;
        }
    }

    async fn publish_progress(&self, meter: &mut Meter, expected: &Expected) -> Result<(), Stop> {
        let slices = self.tools.work.slices(self.run.lease.run_id).await.map_err(Stop::ours)?;
        let progress = meter.progress(&self.run, &slices, expected);
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

    /// Returns the job's sequence after the command.
    async fn command(&self, command: SyncJobCommand) -> Result<i64, Stop> {
        match self.tools.jobs.execute(&self.run.job_id.to_string(), command).await {
            Ok(committed) => Ok(committed.position.sequence),
            Err(CommandError::Refused(
                SyncJobError::StaleEpoch { .. } | SyncJobError::AnotherRun | SyncJobError::NotRunning,
            )) => Err(Stop::Lost),
            Err(error) => Err(Stop::ours(error)),
        }
    }
}

fn map(resource: &str, row: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    match resource {
        "orders" => orders::from_list(row, provenance),
        "customers" => customers::from_row(row, provenance),
        _ => products::from_row(row, provenance),
    }
}

/// The day of an instant in Asia/Riyadh.
fn day(at: Millis) -> chrono::NaiveDate {
    at.to_utc().with_timezone(&riyadh()).date_naive()
}
