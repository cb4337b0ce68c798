//! One export under its lease: taken over, made, completed or failed. What may pass is tried again, a bounded number of times;
//! what the user can change fails at once and says what to change.

use std::sync::Arc;
use std::time::{Duration, Instant};

use qafila_aggregates::commands::{CommandError, Commands};
use qafila_aggregates::export::{Export, ExportCommand, ExportError, StoredFile};
use qafila_aggregates::lease;
use qafila_schemas::catalogue::EXPORT_EVENTS;
use qafila_schemas::dead_letter::{Cause, DeadLetter, DeadLetters};
use qafila_schemas::kafka::KafkaConfig;
use qafila_schemas::millis::Millis;
use qafila_schemas::records::export::ExportRequested;
use qafila_schemas::words::cause::OF_EXPORT;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::arrival;
use super::file::{Counted, FileError, Maker, Writing};
use super::filters::Filters;
use super::report::{Report, Selection};
use super::store::{FileKey, extension};
use super::work::{LEASE, Leased, Released, WorkStore};
use crate::oltp::completeness::Complete;

/// Tries that may fail before an export has failed.
pub const MOST_TRIES: i32 = 5;
/// Workers that may take an export: one that kills every worker must not come back for ever.
const MOST_TAKEN: i32 = 12;
/// A link works so long after completion (API.md).
const LINK_LIFE_MS: i64 = 24 * 3_600_000;
const RENEW_EVERY: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What an export may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Rows of a file.
    pub rows: i64,
    /// Time to make it.
    pub time: Duration,
    /// Exports of a merchant under way at once, across all processes.
    pub per_merchant: i64,
    /// Exports that one process makes at once.
    pub per_process: usize,
}

/// Makes exports, one at a time each call.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) work: WorkStore,
    pub(super) exports: Commands<Export>,
    pub(super) maker: Maker,
    pub(super) dead_letters: DeadLetters,
    pub(super) kafka: KafkaConfig,
    pub(super) limits: Limits,
}

enum Outcome {
    Made(StoredFile),
    /// There will be no file; one of [`OF_EXPORT`].
    Failed(&'static str),
    /// It may go better later.
    Interrupted(FileError),
    /// Somebody else has it, or nobody wants it any more.
    Lost,
    /// This process stops.
    Stopped,
}

impl Worker {
    /// Sees an export through to its end, as far as this lease goes.
    pub(super) async fn run(&self, leased: Leased, shutdown: CancellationToken) {
        let job = leased.job();
        let started = Instant::now();
        if let Err(error) = self.see_through(&leased, shutdown).await {
            tracing::warn!(event = "export interrupted", jobId = %job, epoch = leased.epoch, error = %error);
        }
        metrics::histogram!("qafila_export_seconds").record(started.elapsed().as_secs_f64());
    }

    async fn see_through(&self, leased: &Leased, shutdown: CancellationToken) -> Result<(), sqlx::Error> {
        let take_over =
            ExportCommand::TakeOver { epoch: leased.epoch, worker: self.work.worker().to_owned() };
        match self.exports.execute(&leased.job().to_string(), take_over).await {
            Ok(_) => {}
            Err(CommandError::Refused(ExportError::StaleEpoch { .. })) => return Ok(()),
            Err(CommandError::Refused(_)) => return self.has_ended(leased).await,
            Err(error) => {
                tracing::warn!(event = "export not taken over", jobId = %leased.job(), error = %error);
                return self.work.release(leased, Duration::from_secs(2), Released::Unharmed).await;
            }
        }
        if leased.tries > MOST_TAKEN {
            let detail = format!("every one of {MOST_TAKEN} workers that took it has ended or lost it");
            return self.fail(leased, "interrupted", Some(detail)).await;
        }
        let key = key(leased);
        match self.make(leased, &key, shutdown).await {
            Outcome::Made(file) => self.complete(leased, &key, file).await,
            Outcome::Failed(cause) => self.fail(leased, cause, None).await,
            Outcome::Interrupted(error) if leased.failures + 1 >= MOST_TRIES => {
                self.fail(leased, given_up(&error), Some(error.to_string())).await
            }
            Outcome::Interrupted(error) => {
                let pause = Duration::from_secs(2 << leased.failures.clamp(0, 6)).min(LONGEST_PAUSE);
                tracing::warn!(
                    event = "export tried again", jobId = %leased.job(), failures = leased.failures + 1, pause_s = pause.as_secs(), error = %error
                );
                self.work.release(leased, pause, Released::Failed).await
            }
            Outcome::Lost => {
                tracing::info!(event = "export lost", jobId = %leased.job(), epoch = leased.epoch);
                self.work.release(leased, RENEW_EVERY, Released::Unharmed).await
            }
            Outcome::Stopped => self.work.release(leased, Duration::ZERO, Released::Stopped).await,
        }
    }

    /// The aggregate takes no more work: it has ended, and perhaps well, by a worker that could not note it any more. Then its
    /// file stays.
    async fn has_ended(&self, leased: &Leased) -> Result<(), sqlx::Error> {
        match self.exports.load(&leased.job().to_string()).await {
            Ok((export, _)) => match export.file() {
                Some(file) => self.work.completed(leased, file.expires_at.to_utc()).await,
                None => self.work.ended(leased).await,
            },
            Err(error) => {
                tracing::warn!(event = "export not looked at", jobId = %leased.job(), error = %error);
                self.work.release(leased, Duration::from_secs(2), Released::Unharmed).await
            }
        }
    }

    async fn make(&self, leased: &Leased, key: &FileKey, shutdown: CancellationToken) -> Outcome {
        let request = &leased.request.0;
        let Some((selection, writing)) = self.plan(request) else {
            return Outcome::Failed("unknown_report");
        };
        let counted = Arc::new(Counted::default());
        let making = async {
            // Before the first row is asked for: what becomes complete later may not be in the file.
            let complete = self.known_complete(&selection).await;
            self.maker.make(&Selection { complete, ..selection }, &writing, key, &counted).await
        };
        tokio::select! {
            made = tokio::time::timeout(self.limits.time, making) => match made {
                Ok(Ok(file)) => Outcome::Made(file),
                Ok(Err(FileError::TooManyRows(_))) => Outcome::Failed("too_many_rows"),
                Ok(Err(error)) => Outcome::Interrupted(error),
                Err(_) => Outcome::Failed("timed_out"),
            },
            () = self.hold(leased, &counted) => Outcome::Lost,
            () = shutdown.cancelled() => Outcome::Stopped,
        }
    }

    /// Of which time everything is in ClickHouse. Where nobody can tell, nothing is claimed, and the file is made all the same.
    async fn known_complete(&self, selection: &Selection) -> Option<Complete> {
        let complete = self.work.complete(selection).await.unwrap_or_else(|error| {
            tracing::warn!(event = "completeness not known", error = %error);
            None
        })?;
        let (kafka, report) = (self.kafka.clone(), selection.report);
        let waiting = spawn_blocking(move || arrival::wait(&kafka, report, complete.stated_at));
        let waited = waiting.await.map_err(|error| error.to_string());
        match waited.and_then(|known| known.map_err(|error| error.to_string())) {
            Ok(has_arrived) => has_arrived.then_some(complete),
            Err(error) => {
                tracing::warn!(event = "arrival of facts not known", error);
                None
            }
        }
    }

    fn plan(&self, request: &ExportRequested) -> Option<(Selection, Writing)> {
        let report = Report::named(&request.report_type)?;
        let filters: serde_json::Value = serde_json::from_str(&request.filters).ok()?;
        let filters = Filters::check(report, filters.as_object()?).ok()?;
        let selection = Selection {
            report,
            columns: report.columns(request.personal_data.unwrap_or(true)),
            merchant: request.merchant_id,
            store: request.store_id?,
            filters,
            complete: None,
        };
        let writing = Writing {
            format: request.format.clone(),
            compression: request.compression.clone(),
            byte_order_mark: request.byte_order_mark.unwrap_or(false),
            delimiter: request.delimiter.as_deref().and_then(|text| text.bytes().next()).unwrap_or(b','),
            formula_guard: request.formula_guard.unwrap_or(true),
            locale: request.locale.clone(),
            most_rows: self.limits.rows,
        };
        Some((selection, writing))
    }

    /// Renews the lease and tells how far the file is; ends once the lease is lost.
    async fn hold(&self, leased: &Leased, counted: &Counted) {
        lease::hold("export", LEASE, RENEW_EVERY, || self.work.renew(leased, counted.progress())).await;
    }

    async fn complete(&self, leased: &Leased, key: &FileKey, file: StoredFile) -> Result<(), sqlx::Error> {
        let expires_at = Millis(Millis::now().0 + LINK_LIFE_MS);
        let (rows, bytes) = (file.rows, file.bytes);
        let command = ExportCommand::Complete { epoch: leased.epoch, file, expires_at };
        match self.exports.execute(&leased.job().to_string(), command).await {
            Ok(_) => {
                metrics::counter!("qafila_exports_total", "outcome" => "completed").increment(1);
                tracing::info!(
                    event = "export completed", merchantId = %key.merchant, jobId = %key.job, rows, bytes
                );
                self.work.completed(leased, expires_at.to_utc()).await
            }
            Err(CommandError::Refused(refusal)) => {
                tracing::info!(event = "export not wanted any more", jobId = %key.job, cause = %refusal);
                // Its own file: another lease's has another key.
                if let Err(error) = self.maker.store.remove_file(key).await {
                    tracing::warn!(event = "file not removed", file = %key, error = %error);
                }
                match refusal {
                    ExportError::StaleEpoch { .. } => Ok(()),
                    _ => self.has_ended(leased).await,
                }
            }
            Err(error) => {
                tracing::warn!(event = "export not completed", jobId = %key.job, error = %error);
                self.work.release(leased, Duration::from_secs(2), Released::Unharmed).await
            }
        }
    }

    /// Ends the export without a file. `detail` where nobody knows what to change: then the job is a dead letter, too.
    async fn fail(
        &self,
        leased: &Leased,
        cause: &'static str,
        detail: Option<String>,
    ) -> Result<(), sqlx::Error> {
        if let Some(detail) = detail
            && let Err(error) = self.dead_letters.write(vec![self.dead_letter(leased, cause, detail)]).await
        {
            tracing::warn!(event = "export not failed yet", jobId = %leased.job(), error = %error);
            return self.work.release(leased, LONGEST_PAUSE, Released::Unharmed).await;
        }
        let merchant = leased.request.merchant_id;
        let command = ExportCommand::Fail {
            epoch: leased.epoch,
            cause: cause.into(),
            advice: OF_EXPORT.advice_for_events(cause),
        };
        match self.exports.execute(&leased.job().to_string(), command).await {
            Ok(_) => {
                metrics::counter!("qafila_exports_total", "outcome" => "failed").increment(1);
                tracing::warn!(event = "export failed", merchantId = %merchant, jobId = %leased.job(), cause);
                self.work.ended(leased).await
            }
            Err(CommandError::Refused(ExportError::StaleEpoch { .. })) => Ok(()),
            Err(CommandError::Refused(_)) => self.has_ended(leased).await,
            Err(error) => {
                tracing::warn!(event = "export not failed yet", jobId = %leased.job(), error = %error);
                self.work.release(leased, Duration::from_secs(2), Released::Unharmed).await
            }
        }
    }

    fn dead_letter(&self, leased: &Leased, code: &'static str, detail: String) -> DeadLetter {
        let request = &leased.request.0;
        let merchant = request.merchant_id.to_string();
        DeadLetter {
            topic: self.kafka.topic(EXPORT_EVENTS.name),
            position: None,
            key: Some(merchant.clone().into_bytes()),
            value: serde_json::to_vec(request).ok(),
            headers: None,
            cause: Cause {
                code,
                detail: format!(
                    "export {}, taken {} times, failed {} times before: {detail}",
                    leased.job(),
                    leased.tries,
                    leased.failures
                ),
                path: None,
                merchant: Some(merchant),
            },
        }
    }
}

fn key(leased: &Leased) -> FileKey {
    let request = &leased.request.0;
    FileKey {
        merchant: request.merchant_id,
        job: leased.job(),
        epoch: leased.epoch,
        extension: extension(&request.format, request.compression.as_deref()),
    }
}

/// The end of an export that was tried as often as it may be.
fn given_up(error: &FileError) -> &'static str {
    match error {
        FileError::ClickHouse(_) | FileError::CutOff | FileError::Silent | FileError::Rows(_) => {
            "source_unavailable"
        }
        FileError::Store(_) => "storage_unavailable",
        FileError::Keys(_) => "keys_unavailable",
        FileError::Format(_) | FileError::TooManyRows(_) | FileError::Step(_) => "internal",
    }
}
