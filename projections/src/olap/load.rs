//! Fact topics → ClickHouse, idempotent by three belts (TECHNIQUES §B): a deduplication token of the offsets a batch
//! covers, `ReplacingMergeTree(revision)`, and topic, partition and offset as columns. Offsets are committed only after
//! ClickHouse has answered; a batch that failed is kept and sent again under the same token.

use std::fmt::Write as _;
use std::marker::PhantomData;
use std::time::Duration;

use clickhouse::{Row, RowOwned, RowWrite};
use qafila_schemas::catalogue::Topic;
use qafila_schemas::codec::{Decoder, split_header};
use qafila_schemas::dead_letter::DeadLetters;
use qafila_schemas::headers;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::reader::{Batch, Decode, Decoded, Item, OffsetKeeper, Reader, ReaderConfig, undecodable};
use qafila_schemas::records::AvroRecord;
use rdkafka::message::{BorrowedMessage, Message};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::pace::{MAX_AGE, MIN_AGE, Pace};
use super::{BATCH_ROWS, OlapRole};
use crate::oltp::ProjectionError;

/// For a piece of a batch to be taken.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// For the answer to a whole batch.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);
/// Tries of a batch that ClickHouse does not take in time, before it is read again in parts.
const TRIES_OF_A_BATCH: i32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A row of a fact table.
pub trait FactRow: Row + RowOwned + RowWrite + Send + Sync + 'static {
    /// Table.
    const TABLE: &'static str;
    /// Consumer group.
    const GROUP: &'static str;
    /// Fact topic.
    const TOPIC: Topic;
    /// Fact.
    type Fact: AvroRecord;
    /// A row of a fact.
    fn of(fact: Self::Fact, place: Place) -> Self;
    /// Its revision.
    fn revision(&self) -> i64;
    /// A row that says the key is deleted.
    fn deleted(tombstone: Tombstone, place: Place) -> Self;
}

/// Where a record stood.
#[derive(Debug, Clone)]
pub struct Place {
    /// Topic of the catalogue.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// A tombstone: key and revision are all there is.
#[derive(Debug, Clone, Copy)]
pub struct Tombstone {
    /// Merchant.
    pub merchant_id: MerchantId,
    /// Store.
    pub store_id: i64,
    /// Salla's id.
    pub salla_id: i64,
    /// Revision.
    pub revision: i64,
}

/// What a fact topic holds under a key.
pub enum FactItem<F> {
    /// The present state.
    Present(Box<F>),
    /// Nothing any more.
    Deleted(Tombstone),
}

/// Loads one topic into its table until `shutdown`.
pub async fn run<R: FactRow>(role: OlapRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    let config = ReaderConfig {
        group: R::GROUP.into(),
        slot: role.slot.clone(),
        topics: vec![R::TOPIC.name.into()],
        max_records: BATCH_ROWS,
        max_bytes: 32 << 20,
        max_age: MIN_AGE,
        fetch_min_bytes: 1,
        offsets: OffsetKeeper::Broker,
    };
    let decode = DecodeFacts::<R::Fact>::new(role.contract.registry.decoder()?);
    let mut reader = Reader::start(&role.contract.kafka, &role.contract.registry, config, decode)?;
    let dead_letters = DeadLetters::new(role.contract.writer()?, R::GROUP);
    let mut pace = Pace::default();
    loop {
        let mut batch = tokio::select! {
            batch = reader.next() => batch?,
            () = tokio::time::sleep(MAX_AGE * 2), if pace != Pace::default() => {
                pace = Pace::default();
                reader.assignment().set_batch_age(pace.age());
                continue;
            }
            () = shutdown.cancelled() => return Ok(()),
        };
        let rows: Vec<R> = std::mem::take(&mut batch.items).into_iter().map(row).collect();
        let token = token(&batch, rows.iter().map(R::revision));
        pace = pace.after(rows.len());
        reader.assignment().set_batch_age(pace.age());
        let bad = std::mem::take(&mut batch.bad);
        let (mut pause, mut failures) = (FIRST_PAUSE, 0);
        while reader.assignment().is_current(&batch) && !shutdown.is_cancelled() {
            let outcome = match insert(&role.clickhouse, &rows, &token).await {
                Ok(()) => dead_letters.write(bad.clone()).await.map_err(|e| (e.to_string(), false)),
                Err(error) => Err((error.to_string(), is_too_much(&error))),
            };
            let Err((error, is_too_much)) = outcome else {
                reader.assignment().commit(&batch);
                reader.assignment().finished_batch();
                metrics::counter!("qafila_olap_rows_total", "table" => R::TABLE).increment(rows.len() as u64);
                break;
            };
            metrics::counter!("qafila_projection_failures_total", "projection" => R::GROUP).increment(1);
            tracing::warn!(event = "insert failed", table = R::TABLE, rows = rows.len(), error);
            failures += i32::from(is_too_much);
            if failures >= TRIES_OF_A_BATCH {
                // It is read again in parts; rows that ClickHouse has after all are replaced by themselves.
                reader.assignment().halve_batches();
                reader.assignment().rewind();
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Whether ClickHouse may take less of it: it did not answer in time, or had no memory for so much.
fn is_too_much(error: &clickhouse::error::Error) -> bool {
    match error {
        clickhouse::error::Error::TimedOut => true,
        clickhouse::error::Error::BadResponse(reason) => reason.contains("MEMORY_LIMIT_EXCEEDED"),
        _ => false,
    }
}

fn row<R: FactRow>(item: Item<FactItem<R::Fact>>) -> R {
    let place = Place { topic: R::TOPIC.name, partition: item.placed.partition, offset: item.placed.offset };
    match item.value {
        FactItem::Present(fact) => R::of(*fact, place),
        FactItem::Deleted(tombstone) => R::deleted(tombstone, place),
    }
}

/// Inserts rows as one block per table partition; the same token a second time adds nothing.
pub async fn insert<R: FactRow>(
    client: &clickhouse::Client,
    rows: &[R],
    token: &str,
) -> Result<(), clickhouse::error::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let client = client.clone().with_validation(false).with_setting("insert_deduplication_token", token);
    // A server that is silent must not hold our partitions for ever; the token makes the repeat harmless.
    let mut insert = client
        .insert_unescaped::<R>(R::TABLE)
        .await?
        .with_timeouts(Some(SEND_DEADLINE), Some(ANSWER_DEADLINE));
    for row in rows {
        insert.write(row).await?;
    }
    insert.end().await
}

/// `topic:partition:first-last` of every partition the batch covers, and a digest of its revisions: a topic that was made anew repeats its
/// offsets, but revisions never come again.
fn token<T>(batch: &Batch<T>, revisions: impl Iterator<Item = i64>) -> String {
    let mut token = batch.spans.iter().fold(String::new(), |mut token, span| {
        // Writing to a String cannot fail.
        let _ = write!(token, "{}:{}:{}-{};", span.topic, span.partition, span.first, span.last);
        token
    });
    let digest =
        revisions.fold(Sha256::new(), |digest, revision| digest.chain_update(revision.to_be_bytes()));
    let _ = write!(token, "{:x}", digest.finalize());
    token
}

/// Decodes fact topics.
pub struct DecodeFacts<F> {
    decoder: Decoder<F>,
    fact: PhantomData<F>,
}

impl<F: AvroRecord> DecodeFacts<F> {
    /// With the process's schemas.
    pub fn new(decoder: Decoder<F>) -> Self {
        Self { decoder, fact: PhantomData }
    }
}

impl<F: AvroRecord> Decode for DecodeFacts<F> {
    type Item = FactItem<F>;

    fn decode(&mut self, message: &BorrowedMessage<'_>) -> Decoded<FactItem<F>> {
        let Some(bytes) = message.payload() else {
            return match tombstone(message) {
                Some(tombstone) => Decoded::Item(FactItem::Deleted(tombstone)),
                None => Decoded::Bad(undecodable(
                    "a tombstone needs the key `<merchant id>:<store id>:<salla id>` and the header revision",
                )),
            };
        };
        match self.decoder.decode(bytes) {
            Ok(Some(fact)) => Decoded::Item(FactItem::Present(Box::new(fact))),
            Ok(None) => Decoded::UnknownSchema(split_header(bytes).map(|(id, _)| id).unwrap_or_default()),
            Err(error) => Decoded::Bad(undecodable(&error.to_string())),
        }
    }
}

fn tombstone(message: &BorrowedMessage<'_>) -> Option<Tombstone> {
    let key = std::str::from_utf8(message.key()?).ok()?;
    let mut parts = key.split(':');
    let (merchant, store, id) = (parts.next()?, parts.next()?, parts.next()?);
    let revision = headers::number(message.headers()?, headers::REVISION)?;
    let (merchant_id, store_id, salla_id) = (merchant.parse().ok()?, store.parse().ok()?, id.parse().ok()?);
    parts.next().is_none().then_some(Tombstone { merchant_id, store_id, salla_id, revision })
}
