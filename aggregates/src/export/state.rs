//! The rules of an export.

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use qafila_schemas::ids::UserId;
use qafila_schemas::millis::Millis;
use qafila_schemas::records::export as x;
use serde::{Deserialize, Serialize};

use super::{ExportCommand, ExportEvent, RequestExport, StoredFile};
use crate::Clock;

/// Reports that can be exported (API.md).
pub const REPORTS: [&str; 8] = [
    "sales-trend",
    "order-status",
    "top-products",
    "orders",
    "order-items",
    "customers",
    "products",
    "carts",
];
/// Formats of files (API.md).
pub const FORMATS: [&str; 4] = ["csv", "xlsx", "ndjson", "parquet"];
/// Compressions of files.
pub const COMPRESSIONS: [&str; 2] = ["gzip", "zstd"];
/// What may stand between the cells of a CSV file: a comma, a semicolon (Excel of many languages expects it) or a tab.
pub const DELIMITERS: [&str; 3] = [",", ";", "\t"];

/// Why an export refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// No such report.
    #[error("reportType must be one of {}", REPORTS.join(", "))]
    UnknownReport,
    /// No such format.
    #[error("format must be one of {}", FORMATS.join(", "))]
    UnknownFormat,
    /// No such compression.
    #[error("compression must be one of {}", COMPRESSIONS.join(", "))]
    UnknownCompression,
    /// No such delimiter.
    #[error("delimiter must be a comma, a semicolon or a tab")]
    UnknownDelimiter,
    /// The same key asked for something else before.
    #[error("this Idempotency-Key was used for another export")]
    AnotherRequest,
    /// Nobody asked for it.
    #[error("there is no such export")]
    Unknown,
    /// It has ended.
    #[error("the export has ended")]
    Ended,
    /// There is no file whose time could be over.
    #[error("there is no file")]
    NoFile,
    /// The link still works.
    #[error("the link works until its time is over")]
    NotYet,
    /// Another worker holds it.
    #[error("lease epoch {given} is stale: the export is held under epoch {current}")]
    StaleEpoch {
        /// Epoch of the command.
        given: i64,
        /// Epoch of the export.
        current: i64,
    },
}

/// Where an export stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words of API.md")]
pub enum ExportStatus {
    Requested,
    Running,
    Completed,
    Failed,
    Revoked,
    Expired,
}

/// An export as its events tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    known: Option<Known>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    request: x::ExportRequested,
    status: ExportStatus,
    epoch: i64,
    expires_at: Option<Millis>,
    sha256: String,
}

/// A file that can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileThere {
    /// The lease that made it.
    pub epoch: i64,
    /// When the link to it stops working.
    pub expires_at: Millis,
    /// Its hash, lower-case hex.
    pub sha256: String,
}

type Decision = Result<Option<ExportEvent>, ExportError>;

impl Export {
    /// Where it stands; none where nobody asked for it.
    pub fn status(&self) -> Option<ExportStatus> {
        self.known.as_ref().map(|known| known.status)
    }

    /// What was asked for; none where nobody asked.
    pub fn request(&self) -> Option<&x::ExportRequested> {
        self.known.as_ref().map(|known| &known.request)
    }

    /// Its file; none where there is none, or not any more.
    pub fn file(&self) -> Option<FileThere> {
        let known = self.known.as_ref().filter(|known| known.status == ExportStatus::Completed)?;
        Some(FileThere { epoch: known.epoch, expires_at: known.expires_at?, sha256: known.sha256.clone() })
    }

    fn decide(&self, command: ExportCommand, clock: Clock) -> Decision {
        match command {
            ExportCommand::Request(request) => self.ask(request, clock),
            ExportCommand::TakeOver { epoch, worker } => self.take_over(epoch, worker, clock),
            ExportCommand::Complete { epoch, file, expires_at } => {
                self.complete(epoch, file, expires_at, clock)
            }
            ExportCommand::Fail { epoch, cause, advice } => self.fail(epoch, cause, advice, clock),
            ExportCommand::Revoke { requested_by } => self.revoke(requested_by, clock),
            ExportCommand::Expire => self.expire(clock),
        }
    }

    fn ask(&self, request: RequestExport, clock: Clock) -> Decision {
        if !REPORTS.contains(&request.report_type.as_str()) {
            return Err(ExportError::UnknownReport);
        }
        if !FORMATS.contains(&request.format.as_str()) {
            return Err(ExportError::UnknownFormat);
        }
        if request.compression.as_deref().is_some_and(|name| !COMPRESSIONS.contains(&name)) {
            return Err(ExportError::UnknownCompression);
        }
        if request.delimiter.as_deref().is_some_and(|name| !DELIMITERS.contains(&name)) {
            return Err(ExportError::UnknownDelimiter);
        }
        let wanted = x::ExportRequested {
            merchant_id: request.merchant_id,
            job_id: request.job_id,
            report_type: request.report_type,
            format: request.format,
            filters: request.filters,
            locale: request.locale,
            store_id: Some(request.store_id),
            compression: request.compression,
            byte_order_mark: request.byte_order_mark,
            delimiter: request.delimiter,
            formula_guard: request.formula_guard,
            personal_data: request.personal_data,
            mail: request.mail,
            requested_by: request.requested_by,
            requested_at: clock.now(),
        };
        let Some(known) = &self.known else { return Ok(Some(ExportEvent::ExportRequested(wanted))) };
        // When it is asked again, and by whom, does not make it another one, nor what is not the request's: language and store.
        let first = &known.request;
        let same = x::ExportRequested {
            requested_by: first.requested_by,
            requested_at: first.requested_at,
            locale: first.locale.clone(),
            store_id: first.store_id,
            ..wanted
        } == *first;
        if same { Ok(None) } else { Err(ExportError::AnotherRequest) }
    }

    fn take_over(&self, epoch: i64, worker: String, clock: Clock) -> Decision {
        let known = self.open()?;
        if epoch < known.epoch {
            return Err(ExportError::StaleEpoch { given: epoch, current: known.epoch });
        }
        if epoch == known.epoch {
            return Ok(None);
        }
        Ok(Some(ExportEvent::ExportTakenOver(x::ExportTakenOver {
            merchant_id: known.request.merchant_id,
            job_id: known.request.job_id,
            epoch,
            worker,
            taken_over_at: clock.now(),
        })))
    }

    fn complete(&self, epoch: i64, file: StoredFile, expires_at: Millis, clock: Clock) -> Decision {
        if self.ended_as(ExportStatus::Completed, epoch) {
            return Ok(None);
        }
        let known = self.held(epoch)?;
        Ok(Some(ExportEvent::ExportCompleted(x::ExportCompleted {
            merchant_id: known.request.merchant_id,
            job_id: known.request.job_id,
            epoch,
            rows: file.rows,
            bytes: file.bytes,
            sha256: file.sha256,
            complete_from: file.complete_from,
            complete_to: file.complete_to,
            orders_without_details: file.orders_without_details,
            expires_at,
            requested_by: known.request.requested_by,
            completed_at: clock.now(),
        })))
    }

    fn fail(&self, epoch: i64, cause: String, advice: String, clock: Clock) -> Decision {
        if self.ended_as(ExportStatus::Failed, epoch) {
            return Ok(None);
        }
        let known = self.held(epoch)?;
        Ok(Some(ExportEvent::ExportFailed(x::ExportFailed {
            merchant_id: known.request.merchant_id,
            job_id: known.request.job_id,
            epoch,
            cause,
            advice,
            requested_by: known.request.requested_by,
            failed_at: clock.now(),
        })))
    }

    fn revoke(&self, requested_by: Option<UserId>, clock: Clock) -> Decision {
        let known = self.known()?;
        // Of one that failed or expired there is no file, but it need not be shown any more.
        if known.status == ExportStatus::Revoked {
            return Ok(None);
        }
        Ok(Some(ExportEvent::ExportRevoked(x::ExportRevoked {
            merchant_id: known.request.merchant_id,
            job_id: known.request.job_id,
            requested_by,
            revoked_at: clock.now(),
        })))
    }

    fn expire(&self, clock: Clock) -> Decision {
        let known = self.known()?;
        match (known.status, known.expires_at) {
            (ExportStatus::Expired | ExportStatus::Revoked, _) => Ok(None),
            (ExportStatus::Completed, Some(end)) if end > clock.now() => Err(ExportError::NotYet),
            (ExportStatus::Completed, _) => Ok(Some(ExportEvent::ExportExpired(x::ExportExpired {
                merchant_id: known.request.merchant_id,
                job_id: known.request.job_id,
                expired_at: clock.now(),
            }))),
            _ => Err(ExportError::NoFile),
        }
    }

    fn known(&self) -> Result<&Known, ExportError> {
        self.known.as_ref().ok_or(ExportError::Unknown)
    }

    fn open(&self) -> Result<&Known, ExportError> {
        let known = self.known()?;
        let is_open = matches!(known.status, ExportStatus::Requested | ExportStatus::Running);
        if is_open { Ok(known) } else { Err(ExportError::Ended) }
    }

    /// The open export, where `epoch` is the one that holds it.
    fn held(&self, epoch: i64) -> Result<&Known, ExportError> {
        let known = self.open()?;
        if epoch != known.epoch || epoch == 0 {
            return Err(ExportError::StaleEpoch { given: epoch, current: known.epoch });
        }
        Ok(known)
    }

    /// Whether the worker of `epoch` has ended it so: then its command is a repeat.
    fn ended_as(&self, status: ExportStatus, epoch: i64) -> bool {
        self.known.as_ref().is_some_and(|known| known.status == status && known.epoch == epoch)
    }
}

impl Aggregate for Export {
    const TYPE: &'static str = "export";
    type Command = ExportCommand;
    type Event = ExportEvent;
    type Error = ExportError;
    type Services = Clock;

    async fn handle(
        &mut self,
        command: ExportCommand,
        clock: &Clock,
        sink: &EventSink<Self>,
    ) -> Result<(), ExportError> {
        if let Some(event) = self.decide(command, *clock)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: ExportEvent) {
        if let ExportEvent::ExportRequested(request) = event {
            self.known = Some(Known {
                request,
                status: ExportStatus::Requested,
                epoch: 0,
                expires_at: None,
                sha256: String::new(),
            });
            return;
        }
        let Some(known) = &mut self.known else { return };
        match event {
            ExportEvent::ExportTakenOver(e) => {
                known.epoch = e.epoch;
                known.status = ExportStatus::Running;
            }
            ExportEvent::ExportCompleted(e) => {
                known.status = ExportStatus::Completed;
                known.expires_at = Some(e.expires_at);
                known.sha256 = e.sha256;
            }
            ExportEvent::ExportFailed(_) => known.status = ExportStatus::Failed,
            ExportEvent::ExportRevoked(_) => known.status = ExportStatus::Revoked,
            ExportEvent::ExportExpired(_) => known.status = ExportStatus::Expired,
            ExportEvent::ExportRequested(_) => {}
        }
    }
}
