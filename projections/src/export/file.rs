//! Making one file: ClickHouse's rows, opened where personal, written in their format, compressed, hashed and stored, all
//! as a stream of blocks, so that memory does not grow with the file.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use clickhouse::Client;
use object_store::WriteMultipart;
use parquet::errors::ParquetError;
use qafila_aggregates::export::StoredFile;
use qafila_schemas::millis::Millis;
use qafila_schemas::sealed::{KeyStore, KeyStoreError};
use rust_xlsxwriter::XlsxError;
use tokio::sync::mpsc::{channel, unbounded_channel};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::manifest::{ExtentLine, manifest};
use super::output::Output;
use super::personal::Opener;
use super::report::Selection;
use super::rows::RowError;
use super::steps::{Openers, Piece, UNDER_WAY, cut, fetch, put_out};
use super::store::{ExportStore, FileKey, StoreError};
use super::work::Progress;

/// Threads that open personal cells, which takes longest; they take blocks in turn.
const OPENERS: usize = 2;
/// Size of a part of an upload: S3 takes 10,000 parts of at least 5 MiB.
const PART: usize = 5 << 20;
/// Parts that are being stored while the next is filled.
const PARTS_UNDER_WAY: usize = 2;
/// A server that is frozen keeps its connections, and would hold a worker for as long as an export may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(180);

/// How a file is written.
#[derive(Debug, Clone)]
pub struct Writing {
    /// `csv`, `xlsx`, `ndjson` or `parquet`.
    pub format: String,
    /// `gzip`, `zstd` or none.
    pub compression: Option<String>,
    /// A CSV file begins with the mark that Excel needs.
    pub byte_order_mark: bool,
    /// What stands between the cells of a CSV file; ASCII.
    pub delimiter: u8,
    /// Whether a CSV cell that a spreadsheet would take for a formula begins with an apostrophe.
    pub formula_guard: bool,
    /// Language of the headings.
    pub locale: String,
    /// More rows than this are refused.
    pub most_rows: i64,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// ClickHouse.
    #[error("ClickHouse: {0}")]
    ClickHouse(#[from] clickhouse::error::Error),
    /// ClickHouse sent something else.
    #[error(transparent)]
    Rows(#[from] RowError),
    /// ClickHouse says nothing.
    #[error("ClickHouse sent nothing for {}s", PATIENCE.as_secs())]
    Silent,
    /// The rows end in the middle of one.
    #[error("ClickHouse's answer was cut off")]
    CutOff,
    /// Keys of personal fields.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Writing the format.
    #[error("writing the file: {0}")]
    Format(String),
    /// More rows than allowed.
    #[error("the report has more than {0} rows")]
    TooManyRows(i64),
    /// A step has panicked.
    #[error("a step of the export ended badly: {0}")]
    Step(#[from] JoinError),
}

impl From<std::io::Error> for FileError {
    fn from(error: std::io::Error) -> Self {
        Self::Format(error.to_string())
    }
}

impl From<XlsxError> for FileError {
    fn from(error: XlsxError) -> Self {
        Self::Format(error.to_string())
    }
}

impl From<ParquetError> for FileError {
    fn from(error: ParquetError) -> Self {
        Self::Format(error.to_string())
    }
}

impl From<object_store::Error> for FileError {
    fn from(error: object_store::Error) -> Self {
        Self::Store(error.into())
    }
}

/// How far a file is, for whoever watches.
#[derive(Debug, Default)]
pub struct Counted {
    rows: AtomicI64,
    bytes: AtomicI64,
    total: AtomicI64,
}

impl Counted {
    /// Now.
    pub fn progress(&self) -> Progress {
        let total = self.total.load(Ordering::Relaxed);
        Progress {
            rows: self.rows.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            total: (total > 0).then_some(total),
        }
    }
}

/// What makes files.
#[derive(Clone)]
pub struct Maker {
    /// Facts.
    pub clickhouse: Client,
    /// Keys of personal fields.
    pub keys: Arc<dyn KeyStore>,
    /// Where files go.
    pub store: ExportStore,
}

impl Maker {
    /// Makes the file of `selection` and its manifest. Where it fails, or the future is dropped, there is no file.
    pub async fn make(
        &self,
        selection: &Selection,
        writing: &Writing,
        key: &FileKey,
        counted: &Arc<Counted>,
    ) -> Result<StoredFile, FileError> {
        let asked = selection.extent(&self.clickhouse).fetch_all();
        let extent: Vec<ExtentLine> =
            tokio::time::timeout(PATIENCE, asked).await.map_err(|_| FileError::Silent)??;
        if selection.is_countable() {
            let estimated = extent.iter().map(|line| line.estimated).sum::<u64>();
            counted.total.store(i64::try_from(estimated).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
        let orders_without_details = self.without_details(selection).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(self.store.begin(key).await?, PART);
        let written = self.write(selection, writing, &mut upload, counted).await;
        let file = match written {
            Ok(file) => StoredFile { orders_without_details, ..file },
            Err(error) => {
                if let Err(error) = upload.abort().await {
                    tracing::warn!(event = "upload not given up", file = %key, error = %error);
                }
                return Err(error);
            }
        };
        upload.finish().await?;
        self.store.put_manifest(key, manifest(selection, writing, key, &file, extent)).await?;
        Ok(file)
    }

    /// How many orders' details had not come, where the report shows them.
    async fn without_details(&self, selection: &Selection) -> Result<Option<i64>, FileError> {
        let Some(counting) = selection.without_details(&self.clickhouse) else { return Ok(None) };
        let counted = tokio::time::timeout(PATIENCE, counting.fetch_one::<u64>()).await;
        Ok(i64::try_from(counted.map_err(|_| FileError::Silent)??).ok())
    }

    /// Streams the rows through all steps into the upload. Steps that feed this one end with it.
    async fn write(
        &self,
        selection: &Selection,
        writing: &Writing,
        upload: &mut WriteMultipart,
        counted: &Arc<Counted>,
    ) -> Result<StoredFile, FileError> {
        let (raw, raw_received) = channel(UNDER_WAY);
        let (spare, spared) = unbounded_channel();
        let (pieces, mut pieces_received) = channel(UNDER_WAY);
        let output = Output::new(selection, writing)?;
        let mut fetching = AbortOnDrop(tokio::spawn(fetch(selection.rows(&self.clickhouse), raw)));
        let (columns, opener) = (selection.columns.clone(), self.opener(selection));
        let Openers { to, from, threads } = Openers::start(if opener.is_some() { OPENERS } else { 1 });
        let cutting = spawn_blocking(move || cut(&columns, opener, raw_received, spared, to));
        let putting = spawn_blocking(move || put_out(output, from, &spare, &pieces));
        while let Some(Piece { rows, bytes }) = pieces_received.recv().await {
            if counted.rows.fetch_add(rows, Ordering::Relaxed) + rows > writing.most_rows {
                return Err(FileError::TooManyRows(writing.most_rows));
            }
            counted.bytes.fetch_add(bytes.len() as i64, Ordering::Relaxed);
            upload.wait_for_capacity(PARTS_UNDER_WAY).await?;
            upload.put(bytes);
        }
        (&mut fetching.0).await??;
        cutting.await??;
        for thread in threads {
            thread.await?;
        }
        let output = putting.await??;
        let (rest, mut rest_received) = channel::<Vec<u8>>(UNDER_WAY);
        let finishing = spawn_blocking(move || output.finish(|piece| rest.blocking_send(piece).is_ok()));
        while let Some(bytes) = rest_received.recv().await {
            counted.bytes.fetch_add(bytes.len() as i64, Ordering::Relaxed);
            upload.wait_for_capacity(PARTS_UNDER_WAY).await?;
            upload.put(bytes.into());
        }
        let (sha256, size) = finishing.await??;
        Ok(StoredFile {
            rows: counted.rows.load(Ordering::Relaxed),
            bytes: size,
            sha256,
            complete_from: selection.complete.as_ref().and_then(|complete| complete.from).map(Millis::from),
            complete_to: selection.complete.as_ref().map(|complete| complete.to.into()),
            orders_without_details: None,
        })
    }

    /// What opens personal cells, where the file has any.
    fn opener(&self, selection: &Selection) -> Option<Opener> {
        let personal: Vec<usize> =
            (0..selection.columns.len()).filter(|place| selection.columns[*place].is_personal).collect();
        (!personal.is_empty()).then(|| Opener::new(Arc::clone(&self.keys), selection.merchant, personal))
    }
}

/// A task that ends with whoever waits for it.
struct AbortOnDrop(JoinHandle<Result<(), FileError>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
