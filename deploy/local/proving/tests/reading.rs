//! The reader and the fencing of the fact publisher, on the real broker: nothing is skipped whatever happens to a group, and who
//! lost partitions publishes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use qafila_projections::oltp::merge::publish::{FactProducer, FactRecord};
use qafila_proving::totals::each_record;
use qafila_proving::world::World;
use qafila_schemas::catalogue::{CUSTOMERS, OBSERVATIONS, ORDERS, PRODUCTS};
use qafila_schemas::reader::{Batch, Decode, Decoded, OffsetKeeper, Reader, ReaderConfig};
use qafila_schemas::writer::{Outgoing, TopicWriter};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rdkafka::message::{BorrowedMessage, Message, OwnedHeaders};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

const RECORDS: usize = 600;
const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(20);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
static WORLD: OnceCell<World> = OnceCell::const_new();

fn run(test: impl Future<Output = Result<()>> + Send + 'static) {
    RUNTIME.block_on(RUNTIME.spawn(test)).expect("the test did not panic").expect("the rule holds");
}

/// A world whose Qafila is not started: the topics are the tests' own, one each.
async fn world() -> Result<&'static World> {
    WORLD.get_or_try_init(|| World::make("reading")).await
}

/// Reads a record's value as text.
struct Text;

impl Decode for Text {
    type Item = String;

    fn decode(&mut self, message: &BorrowedMessage<'_>) -> Decoded<String> {
        Decoded::Item(String::from_utf8_lossy(message.payload().unwrap_or_default()).into_owned())
    }
}

/// A group's member on one topic.
fn member(world: &World, topic: &str, slot: &str) -> Result<Reader<String>> {
    let config = ReaderConfig {
        group: format!("reading-{topic}"),
        slot: slot.into(),
        topics: vec![topic.into()],
        max_records: 10,
        max_bytes: 1 << 20,
        max_age: Duration::from_millis(20),
        offsets: OffsetKeeper::Broker,
    };
    Ok(Reader::start(&world.kafka()?, &world.registry()?, config, Text)?)
}

async fn fill(world: &World, topic: &str) -> Result<()> {
    let name = world.kafka()?.topic(topic);
    let records = (0..RECORDS)
        .map(|n| Outgoing {
            topic: name.clone(),
            key: format!("key-{n}"),
            value: Some(format!("value-{n}").into_bytes()),
            headers: OwnedHeaders::new(),
        })
        .collect();
    TopicWriter::new(&world.kafka()?, 5)?.write_all(records).await?;
    Ok(())
}

async fn until(what: &str, condition: impl Fn() -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        ensure!(Instant::now() < deadline, "{what} did not come about within {PATIENCE:?}");
        tokio::time::sleep(GLANCE).await;
    }
    Ok(())
}

async fn next(reader: &mut Reader<String>) -> Result<Batch<String>> {
    Ok(tokio::time::timeout(PATIENCE, reader.next()).await??)
}

/// What has been read and committed, by whomever.
#[derive(Default)]
struct Seen {
    next: BTreeMap<i32, i64>,
    values: BTreeSet<String>,
}

impl Seen {
    /// Takes a batch in; nothing may lie between it and what was taken before.
    fn take(&mut self, batch: &Batch<String>) -> Result<()> {
        for span in &batch.spans {
            let next = self.next.entry(span.partition).or_default();
            ensure!(
                span.first <= *next,
                "partition {} was read to {next}, then from {}",
                span.partition,
                span.first
            );
            *next = (*next).max(span.last + 1);
        }
        self.values.extend(batch.items.iter().map(|item| item.value.clone()));
        Ok(())
    }

    fn is_all(&self) -> bool {
        self.values.len() == RECORDS
    }
}

#[test]
fn rewinding_at_any_moment_skips_nothing() {
    run(async {
        let (world, topic) = (world().await?, CUSTOMERS.name);
        fill(world, topic).await?;
        let mut reader = member(world, topic, "one")?;
        let mut dice = ChaCha8Rng::seed_from_u64(7);
        let mut seen = Seen::default();
        while !seen.is_all() {
            let batch = next(&mut reader).await?;
            if dice.random_ratio(1, 5) {
                reader.assignment().rewind();
                ensure!(!reader.assignment().is_current(&batch), "a batch outlived a rewind");
            } else {
                seen.take(&batch)?;
                reader.assignment().commit(&batch);
            }
        }
        Ok(())
    });
}

#[test]
fn a_rebalance_while_nobody_takes_batches_skips_nothing() {
    run(async {
        let (world, topic) = (world().await?, PRODUCTS.name);
        fill(world, topic).await?;
        let mut one = member(world, topic, "one")?;
        until("a pause", || one.assignment().is_paused()).await?;
        let mut two = member(world, topic, "two")?;
        until("an assignment", || two.assignment().is_ready()).await?;
        let mut seen = Seen::default();
        let deadline = Instant::now() + PATIENCE;
        while !seen.is_all() {
            let (reader, batch) = tokio::select! {
                batch = one.next() => (&one, batch),
                batch = two.next() => (&two, batch),
                () = tokio::time::sleep_until(deadline.into()) => bail!("{} of {RECORDS} came", seen.values.len()),
            };
            let batch = batch?;
            seen.take(&batch)?;
            reader.assignment().commit(&batch);
        }
        Ok(())
    });
}

#[test]
fn facts_of_a_batch_that_was_polled_before_a_rebalance_are_refused_even_by_one_who_has_polled_since() {
    run(async {
        let (world, topic) = (world().await?, OBSERVATIONS.name);
        fill(world, topic).await?;
        let mut former = member(world, topic, "one")?;
        let batch = next(&mut former).await?;
        let second = member(world, topic, "two")?;
        until("an assignment", || second.assignment().is_ready()).await?;
        // The first member goes on polling all the while: its own metadata is fresh, the batch's is not.
        until("the rebalance", || !former.assignment().is_current(&batch)).await?;
        let later = next(&mut former).await?;

        let facts = Arc::<str>::from(world.kafka()?.topic(ORDERS.name));
        let kafka = world.kafka()?;
        let publish = |batch: Batch<String>, value: &'static str| {
            let (kafka, topic) = (kafka.clone(), Arc::clone(&facts));
            tokio::task::spawn_blocking(move || {
                let fact = FactRecord {
                    topic,
                    key: "key".into(),
                    value: Some(value.as_bytes().to_vec()),
                    headers: OwnedHeaders::new(),
                };
                let producer = FactProducer::start(&kafka, "reading-facts")?;
                let group = batch.group.as_ref().expect("a batch has its group's metadata");
                producer.publish(vec![fact], &batch.next_offsets(), group)
            })
        };
        ensure!(publish(batch, "stale").await?.is_err(), "a former owner published");
        publish(later, "fresh").await??;
        let mut published = vec![];
        each_record(&world.kafka()?, &facts, |_, value| published.extend(value.map(<[u8]>::to_vec)))?;
        ensure!(published == [b"fresh".to_vec()], "{published:?}");
        Ok(())
    });
}
