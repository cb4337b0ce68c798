//! Making one file: ClickHouse's rows, opened where personal, written in their format, compressed, hashed and stored, all
//! as a stream of blocks, so that memory does not grow with the file.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use clickhouse::{Client, Row};
use flate2::write::GzEncoder;
use object_store::WriteMultipart;
use parquet::errors::ParquetError;
use qafila_aggregates::export::StoredFile;
use qafila_schemas::sealed::{KeyStore, KeyStoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinError;

use super::csv_file::CsvFile;
use super::ndjson_file::NdjsonFile;
use super::parquet_file::ParquetFile;
use super::personal::Opener;
use super::report::Selection;
use super::rows::{Block, RowError};
use super::store::{ExportStore, FileKey, StoreError};
use super::work::Progress;

/// Rows are worked on in blocks of about so many bytes. With 64 KiB a file of a million rows took 15 % longer, and no less memory: what
/// is there is what the allocator keeps of blocks that another thread has freed, not what is under way.
const BLOCK: usize = 256 << 10;
/// Blocks between two steps.
const UNDER_WAY: usize = 2;
/// Size of a part of an upload: S3 takes 10,000 parts of at least 5 MiB.
const PART: usize = 5 << 20;
const PARTS_UNDER_WAY: usize = 1;
/// A server that is frozen keeps its connections, and would hold a worker for as long as an export may take.
const PATIENCE: Duration = Duration::from_secs(180);
/// Compressors are given so much at a time.
const PIECE: usize = 64 << 10;

/// How a file is written.
#[derive(Debug, Clone)]
pub struct Writing {
    /// `csv`, `ndjson` or `parquet`.
    pub format: String,
    /// `gzip`, `zstd` or none.
    pub compression: Option<String>,
    /// A CSV file begins with the mark that Excel needs.
    pub byte_order_mark: bool,
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

/// What a file is, beside it in the store.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'f> {
    job_id: String,
    merchant_id: String,
    store_id: i64,
    report: String,
    format: &'f str,
    compression: Option<&'f str>,
    rows: i64,
    bytes: i64,
    sha256: &'f str,
    filters: serde_json::Value,
    schema: Vec<ManifestColumn>,
    /// The file has everything that was stored up to these records of the facts' topic, and perhaps more.
    as_of: Vec<AsOf>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestColumn {
    name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    personal: bool,
}

#[derive(Debug, Clone, Serialize)]
struct AsOf {
    topic: String,
    partition: i32,
    offset: i64,
}

#[derive(Row, Deserialize)]
struct ExtentLine {
    topic: String,
    partition: i32,
    offset: i64,
    estimated: u64,
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
        let mut upload = WriteMultipart::new_with_chunk_size(self.store.begin(key).await?, PART);
        let written = self.write(selection, writing, &mut upload, counted).await;
        let file = match written {
            Ok(file) => file,
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

    /// Streams the rows through all steps into the upload. Steps that feed this one end with it.
    async fn write(
        &self,
        selection: &Selection,
        writing: &Writing,
        upload: &mut WriteMultipart,
        counted: &Arc<Counted>,
    ) -> Result<StoredFile, FileError> {
        let (raw, raw_received) = channel::<Bytes>(UNDER_WAY);
        let (blocks, mut blocks_received) = channel::<Opened>(UNDER_WAY);
        let rows = selection.rows(&self.clickhouse);
        let fetching = tokio::spawn(fetch(rows, raw));
        let personal: Vec<usize> =
            (0..selection.columns.len()).filter(|place| selection.columns[*place].is_personal).collect();
        let opener =
            (!personal.is_empty()).then(|| Opener::new(Arc::clone(&self.keys), selection.merchant, personal));
        let cutting = tokio::spawn(cut(selection.columns.clone(), opener, raw_received, blocks));
        let mut steps = [AbortOnDrop(fetching), AbortOnDrop(cutting)];
        let mut output = Output::new(selection, writing)?;
        while let Some(block) = blocks_received.recv().await {
            let block = block.await?;
            let rows = counted.rows.fetch_add(block.rows() as i64, Ordering::Relaxed) + block.rows() as i64;
            if rows > writing.most_rows {
                return Err(FileError::TooManyRows(writing.most_rows));
            }
            let (next, bytes) = tokio::task::spawn_blocking(move || output.rows(&block)).await??;
            output = next;
            counted.bytes.fetch_add(bytes.len() as i64, Ordering::Relaxed);
            upload.wait_for_capacity(PARTS_UNDER_WAY).await?;
            upload.write(&bytes);
        }
        for step in &mut steps {
            (&mut step.0).await??;
        }
        let (bytes, sha256, size) = tokio::task::spawn_blocking(move || output.finish()).await??;
        upload.wait_for_capacity(PARTS_UNDER_WAY).await?;
        upload.write(&bytes);
        Ok(StoredFile { rows: counted.rows.load(Ordering::Relaxed), bytes: size, sha256 })
    }
}

/// A task that ends with whoever waits for it.
struct AbortOnDrop(tokio::task::JoinHandle<Result<(), FileError>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Takes the answer as it comes.
async fn fetch(rows: clickhouse::query::Query, to: Sender<Bytes>) -> Result<(), FileError> {
    let mut answer = rows.fetch_bytes("RowBinary")?;
    loop {
        let next = tokio::time::timeout(PATIENCE, answer.next()).await.map_err(|_| FileError::Silent)?;
        let Some(bytes) = next? else { return Ok(()) };
        if to.send(bytes).await.is_err() {
            // The next step has ended, and says why.
            return Ok(());
        }
    }
}

/// A block that is being opened: some are at once, since that takes longest, and they stay in their order.
type Opened = tokio::task::JoinHandle<Block>;

/// Cuts the answer into blocks of whole rows, and has opened what is personal.
async fn cut(
    columns: Vec<&'static super::report::Column>,
    mut opener: Option<Opener>,
    mut from: Receiver<Bytes>,
    to: Sender<Opened>,
) -> Result<(), FileError> {
    let mut gathered = BytesMut::with_capacity(2 * BLOCK);
    loop {
        let piece = from.recv().await;
        let is_last = piece.is_none();
        gathered.extend_from_slice(&piece.unwrap_or_default());
        if gathered.is_empty() || (gathered.len() < BLOCK && !is_last) {
            if is_last {
                return Ok(());
            }
            continue;
        }
        let bytes = gathered.split().freeze();
        let (columns, whole) = (columns.clone(), bytes.clone());
        let (mut block, taken) = tokio::task::spawn_blocking(move || Block::cut(&columns, &whole)).await??;
        gathered.extend_from_slice(&bytes[taken..]);
        let keys = match &mut opener {
            Some(opener) => Some(opener.keys_of(&block).await?),
            None => None,
        };
        let opening = tokio::task::spawn_blocking(move || {
            if let Some(keys) = keys {
                keys.open(&mut block);
            }
            block
        });
        if to.send(opening).await.is_err() {
            return Ok(());
        }
        if is_last {
            return if gathered.is_empty() { Ok(()) } else { Err(FileError::CutOff) };
        }
    }
}

/// Rows in, bytes of the file out.
struct Output {
    format: Format,
    squeezer: Squeezer,
    hash: Sha256,
    size: i64,
}

enum Format {
    Csv(CsvFile),
    Ndjson(NdjsonFile),
    Parquet(Box<ParquetFile>),
}

/// Compresses what it is given, in pieces of one size: what a compressor makes depends on where its input is cut, and the same
/// rows must be the same file.
struct Squeezer {
    encoder: Encoder,
    waiting: Vec<u8>,
}

enum Encoder {
    None(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Output {
    fn new(selection: &Selection, writing: &Writing) -> Result<Self, FileError> {
        let compression = writing.compression.as_deref();
        let mut squeezer = Squeezer::new(compression.filter(|_| writing.format != "parquet"))?;
        let format = match writing.format.as_str() {
            "csv" => {
                squeezer.write(CsvFile::headings(
                    &selection.columns,
                    &writing.locale,
                    writing.byte_order_mark,
                ))?;
                Format::Csv(CsvFile::new(selection.filters.timezone))
            }
            "parquet" => Format::Parquet(Box::new(ParquetFile::new(&selection.columns, compression)?)),
            _ => Format::Ndjson(NdjsonFile::new(&selection.columns)),
        };
        Ok(Self { format, squeezer, hash: Sha256::new(), size: 0 })
    }

    fn rows(mut self, block: &Block) -> Result<(Self, Vec<u8>), FileError> {
        let bytes = match &mut self.format {
            Format::Csv(file) => file.rows(block),
            Format::Ndjson(file) => file.rows(block)?,
            Format::Parquet(file) => file.rows(block)?,
        };
        self.squeezer.write(bytes)?;
        let ready = self.squeezer.take();
        self.count(&ready);
        Ok((self, ready))
    }

    /// The rest of the file, its hash and its size.
    fn finish(mut self) -> Result<(Vec<u8>, String, i64), FileError> {
        if let Format::Parquet(file) =
            std::mem::replace(&mut self.format, Format::Ndjson(NdjsonFile::new(&[])))
        {
            self.squeezer.write(file.finish()?)?;
        }
        let squeezer = std::mem::replace(&mut self.squeezer, Squeezer::new(None)?);
        let rest = squeezer.finish()?;
        self.count(&rest);
        Ok((rest, hex::encode(self.hash.finalize()), self.size))
    }

    fn count(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as i64;
    }
}

impl Squeezer {
    fn new(compression: Option<&str>) -> std::io::Result<Self> {
        let encoder = match compression {
            Some("gzip") => Encoder::Gzip(GzEncoder::new(vec![], flate2::Compression::default())),
            Some("zstd") => Encoder::Zstd(zstd::stream::write::Encoder::new(vec![], 0)?),
            _ => Encoder::None(vec![]),
        };
        Ok(Self { encoder, waiting: vec![] })
    }

    fn write(&mut self, bytes: Vec<u8>) -> std::io::Result<()> {
        if let Encoder::None(out) = &mut self.encoder {
            if out.is_empty() {
                *out = bytes;
            } else {
                out.extend_from_slice(&bytes);
            }
            return Ok(());
        }
        self.waiting.extend_from_slice(&bytes);
        let whole = self.waiting.len() / PIECE * PIECE;
        for piece in self.waiting[..whole].chunks_exact(PIECE) {
            self.encoder.write_all(piece)?;
        }
        self.waiting.drain(..whole);
        Ok(())
    }

    fn take(&mut self) -> Vec<u8> {
        match &mut self.encoder {
            Encoder::None(out) => std::mem::take(out),
            Encoder::Gzip(encoder) => std::mem::take(encoder.get_mut()),
            Encoder::Zstd(encoder) => std::mem::take(encoder.get_mut()),
        }
    }

    fn finish(mut self) -> std::io::Result<Vec<u8>> {
        self.encoder.write_all(&self.waiting)?;
        match self.encoder {
            Encoder::None(out) => Ok(out),
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Encoder {
    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::None(out) => out.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }
}

fn manifest(
    selection: &Selection,
    writing: &Writing,
    key: &FileKey,
    file: &StoredFile,
    extent: Vec<ExtentLine>,
) -> Vec<u8> {
    let manifest = Manifest {
        job_id: key.job.to_string(),
        merchant_id: key.merchant.to_string(),
        store_id: selection.store,
        report: selection.report.name().to_owned(),
        format: &writing.format,
        compression: writing.compression.as_deref(),
        rows: file.rows,
        bytes: file.bytes,
        sha256: &file.sha256,
        filters: serde_json::from_str(&selection.filters.to_json()).unwrap_or_default(),
        schema: selection
            .columns
            .iter()
            .map(|column| ManifestColumn {
                name: column.name,
                kind: column.kind.name(),
                personal: column.is_personal,
            })
            .collect(),
        as_of: extent
            .into_iter()
            .map(|line| AsOf { topic: line.topic, partition: line.partition, offset: line.offset })
            .collect(),
    };
    serde_json::to_vec_pretty(&manifest).expect("texts and numbers are JSON")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn squeezed(compression: &str, text: &[u8], cuts: &[usize]) -> Vec<u8> {
        let mut squeezer = Squeezer::new(Some(compression)).expect("a compressor");
        let (mut out, mut rest) = (vec![], text);
        for cut in cuts {
            let (piece, more) = rest.split_at((*cut).min(rest.len()));
            squeezer.write(piece.to_vec()).expect("compressed");
            out.extend(squeezer.take());
            rest = more;
        }
        squeezer.write(rest.to_vec()).expect("compressed");
        out.extend(squeezer.finish().expect("finished"));
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_same_rows_are_the_same_file_wherever_blocks_end(cuts in prop::collection::vec(0_usize..90_000, 0..6)) {
            let text: Vec<u8> = (0..300_000_u32).flat_map(|n| (n / 7 % 1_000).to_string().into_bytes()).take(300_000).collect();
            for compression in ["gzip", "zstd"] {
                prop_assert_eq!(squeezed(compression, &text, &cuts), squeezed(compression, &text, &[]));
            }
        }
    }
}
