//! Where files are kept: a folder of this machine, or a bucket that speaks S3. The key of a file tells whose it is, which
//! export and which lease made it: `exports/{merchantId}/{jobId}.{epoch}.{ext}`. With the epoch in it, a worker that was frozen
//! and overtaken can never change the file of the one that took over.

use std::fmt;
use std::fs::DirBuilder;
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::signer::{Method, Signer};
use object_store::{GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};
use qafila_schemas::ids::{JobId, MerchantId};
use url::Url;

const FOLDER: &str = "exports";
/// A link behind ours works so long (API.md).
const LINK: Duration = Duration::from_secs(5 * 60);
/// The marks that a file has not been finished under, in a folder: `name.csv#1`.
const UNFINISHED: char = '#';

/// Where a deployment keeps files.
#[derive(Clone)]
pub enum StoreConfig {
    /// A folder.
    Folder(PathBuf),
    /// A bucket.
    Bucket {
        /// Its name.
        bucket: String,
        /// Address of the service; AWS where absent.
        endpoint: Option<Url>,
        /// Its region.
        region: String,
        /// Who we are there.
        access_key: String,
        /// What proves it.
        secret_key: String,
    },
}

impl fmt::Display for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "the folder {}", folder.display()),
            Self::Bucket { bucket, .. } => write!(f, "the bucket {bucket}"),
        }
    }
}

/// Which file of which export.
#[derive(Debug, Clone)]
pub struct FileKey {
    /// Whose.
    pub merchant: MerchantId,
    /// The export.
    pub job: JobId,
    /// The lease that made it.
    pub epoch: i64,
    /// Its extension, such as `csv.gz`.
    pub extension: String,
}

/// The extension of a file of this format and compression.
pub fn extension(format: &str, compression: Option<&str>) -> String {
    match (format, compression) {
        // What is in it is compressed, not the file.
        ("parquet" | "xlsx", _) | (_, None) => format.to_owned(),
        (_, Some("gzip")) => format!("{format}.gz"),
        (_, Some("zstd")) => format!("{format}.zst"),
        (_, Some(other)) => format!("{format}.{other}"),
    }
}

/// How a stored file reaches a browser.
pub enum Delivery {
    /// By a link of the store, which works for five minutes.
    Link(Url),
    /// From us: its bytes.
    Bytes {
        /// Size of the whole file.
        size: u64,
        /// The bytes that follow, of those.
        range: Range<u64>,
        /// The bytes.
        stream: BoxStream<'static, Result<Bytes, StoreError>>,
    },
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such file.
    #[error("there is no such file")]
    Missing,
    /// It cannot be used at the moment, or not at all.
    #[error("object store: {0}")]
    Unavailable(String),
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            error => Self::Unavailable(error.to_string()),
        }
    }
}

/// The store of export files. Clones share it.
#[derive(Clone)]
pub struct ExportStore {
    objects: Arc<dyn ObjectStore>,
    bucket: Option<Arc<AmazonS3>>,
    folder: Option<PathBuf>,
}

impl ExportStore {
    /// Opens the store; a folder is made where it is missing.
    pub fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        match config {
            StoreConfig::Folder(folder) => {
                // Personal data is in the files: nobody else on this machine may read them.
                DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
                    StoreError::Unavailable(format!("making the folder {}: {error}", folder.display()))
                })?;
                let files = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
                Ok(Self { objects: Arc::new(files), bucket: None, folder: Some(folder.clone()) })
            }
            StoreConfig::Bucket { bucket, endpoint, region, access_key, secret_key } => {
                let mut builder = AmazonS3Builder::new()
                    .with_bucket_name(bucket)
                    .with_region(region)
                    .with_access_key_id(access_key)
                    .with_secret_access_key(secret_key);
                if let Some(endpoint) = endpoint {
                    builder = builder
                        .with_endpoint(endpoint.as_str().trim_end_matches('/'))
                        .with_allow_http(endpoint.scheme() == "http");
                }
                let bucket = Arc::new(builder.build()?);
                Ok(Self {
                    objects: Arc::clone(&bucket) as Arc<dyn ObjectStore>,
                    bucket: Some(bucket),
                    folder: None,
                })
            }
        }
    }

    /// Whether the store can be used, without changing anything: what is wrong, if something is.
    pub async fn look(config: &StoreConfig) -> Result<(), StoreError> {
        if let StoreConfig::Folder(folder) = config {
            let is_there = folder.is_dir();
            let missing = || StoreError::Unavailable(format!("there is no folder {}", folder.display()));
            return is_there.then_some(()).ok_or_else(missing);
        }
        let store = Self::open(config)?;
        let mut listed = store.objects.list(Some(&Path::from(FOLDER)));
        listed.next().await.transpose()?;
        Ok(())
    }

    /// Begins a file, which is there as a whole once it is finished, or not at all.
    pub async fn begin(&self, key: &FileKey) -> Result<Box<dyn MultipartUpload>, StoreError> {
        Ok(self.objects.put_multipart(&key.path()).await?)
    }

    /// Writes the manifest beside a file.
    pub async fn put_manifest(&self, key: &FileKey, manifest: Vec<u8>) -> Result<(), StoreError> {
        self.objects.put(&key.manifest(), PutPayload::from(manifest)).await?;
        Ok(())
    }

    /// What stands beside a file: its manifest, JSON.
    pub async fn manifest(&self, key: &FileKey) -> Result<Bytes, StoreError> {
        Ok(self.objects.get(&key.manifest()).await?.bytes().await?)
    }

    /// A file, or the part of it that `wanted` makes of its size.
    pub async fn deliver(
        &self,
        key: &FileKey,
        method: &Method,
        wanted: impl FnOnce(u64) -> Range<u64> + Send,
    ) -> Result<Delivery, StoreError> {
        if let Some(bucket) = &self.bucket {
            bucket.head(&key.path()).await?;
            let link = bucket.signed_url(method.clone(), &key.path(), LINK).await?;
            return Ok(Delivery::Link(link));
        }
        let size = self.objects.head(&key.path()).await?.size;
        let range = wanted(size);
        if range.is_empty() {
            return Ok(Delivery::Bytes { size, range, stream: futures::stream::empty().boxed() });
        }
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let stream = self.objects.get_opts(&key.path(), options).await?.into_stream();
        Ok(Delivery::Bytes { size, range, stream: stream.map_err(StoreError::from).boxed() })
    }

    /// Removes one file and its manifest.
    pub async fn remove_file(&self, key: &FileKey) -> Result<(), StoreError> {
        self.delete(vec![key.path(), key.manifest()]).await
    }

    /// Removes all files of an export, finished or not, whichever lease made them.
    pub async fn remove(&self, merchant: MerchantId, job: JobId) -> Result<(), StoreError> {
        let folder = Path::from_iter([FOLDER, &merchant.to_string()]);
        let start = format!("{job}.");
        let objects = self.objects.list(Some(&folder));
        let of_job = objects.try_filter(|object| {
            futures::future::ready(object.location.filename().is_some_and(|name| name.starts_with(&start)))
        });
        let paths: Vec<Path> = of_job.map_ok(|object| object.location).try_collect().await?;
        self.delete(paths).await?;
        self.remove_unfinished(folder, move |name, _| name.starts_with(&start)).await
    }

    /// Removes what is older than `age`: what crashes have left behind.
    pub async fn remove_older(&self, age: Duration) -> Result<(), StoreError> {
        let before = Utc::now() - age;
        let folder = Path::from(FOLDER);
        let old = self
            .objects
            .list(Some(&folder))
            .try_filter(|object| futures::future::ready(object.last_modified < before));
        let paths: Vec<Path> = old.map_ok(|object| object.location).try_collect().await?;
        self.delete(paths).await?;
        self.remove_unfinished(folder, move |_, written| written > age).await
    }

    async fn delete(&self, paths: Vec<Path>) -> Result<(), StoreError> {
        for path in paths {
            match self.objects.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Removes files of a folder that were never finished, where `is_over` says so of name and age. A bucket drops them by its
    /// own rule for incomplete uploads.
    async fn remove_unfinished(
        &self,
        folder: Path,
        is_over: impl Fn(&str, Duration) -> bool + Send + 'static,
    ) -> Result<(), StoreError> {
        let Some(root) = self.folder.clone() else { return Ok(()) };
        let removing = move || -> std::io::Result<()> {
            let mut folders = vec![root.join(folder.as_ref())];
            while let Some(folder) = folders.pop() {
                let entries = match std::fs::read_dir(&folder) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    entries => entries?,
                };
                for entry in entries {
                    let entry = entry?;
                    let metadata = match entry.metadata() {
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                        metadata => metadata?,
                    };
                    if metadata.is_dir() {
                        folders.push(entry.path());
                        continue;
                    }
                    let name = entry.file_name().to_string_lossy().into_owned();
                    let age = metadata.modified()?.elapsed().unwrap_or_default();
                    if name.contains(UNFINISHED) && is_over(&name, age) {
                        std::fs::remove_file(entry.path())?;
                    }
                }
            }
            Ok(())
        };
        let removed = tokio::task::spawn_blocking(removing).await;
        removed
            .map_err(|error| StoreError::Unavailable(error.to_string()))?
            .map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

impl FileKey {
    fn path(&self) -> Path {
        Path::from_iter([
            FOLDER.to_owned(),
            self.merchant.to_string(),
            format!("{}.{}.{}", self.job, self.epoch, self.extension),
        ])
    }

    fn manifest(&self) -> Path {
        Path::from_iter([
            FOLDER.to_owned(),
            self.merchant.to_string(),
            format!("{}.{}.{}.manifest.json", self.job, self.epoch, self.extension),
        ])
    }
}

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path().as_ref())
    }
}
