//! The reader and the fencing of the fact publisher, on the real broker: nothing is skipped whatever happens to a group, and who
//! lost partitions publishes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use qafila_projections::oltp::OltpRole;
use qafila_projections::oltp::events::run_merchants;
use qafila_projections::oltp::merge::publish::{FactProducer, FactRecord};
use qafila_proving::totals::each_record;
use qafila_proving::world::World;
use qafila_schemas::catalogue::{
    CUSTOMERS, MERCHANT_EVENTS, OBSERVATIONS, ORDERS, PRODUCTS, RECONCILIATION_RUNS, STORES,
};
use qafila_schemas::contract::Contract;
use qafila_schemas::headers::{self, CloudEvent};
use qafila_schemas::ids::{MerchantId, UserId};
use qafila_schemas::millis::Millis;
use qafila_schemas::reader::{Batch, Decode, Decoded, OffsetKeeper, Reader, ReaderConfig};
use qafila_schemas::records::merchant::{MerchantRegistered, MerchantRenamed};
use qafila_schemas::registry::Registry;
use qafila_schemas::writer::{Outgoing, TopicWriter};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message, OwnedHeaders};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

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

/// Reads text whose schema the registry has to be asked for so many times first.
struct Asking {
    left: usize,
}

impl Decode for Asking {
    type Item = String;

    fn decode(&mut self, message: &BorrowedMessage<'_>) -> Decoded<String> {
        if self.left > 0 {
            self.left -= 1;
            return Decoded::UnknownSchema(1);
        }
        Text.decode(message)
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
        fetch_min_bytes: 1,
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
fn a_registry_that_is_down_holds_the_reader_up_and_costs_nothing() {
    run(async {
        let (world, topic) = (world().await?, RECONCILIATION_RUNS.name);
        fill(world, topic).await?;
        let config = ReaderConfig {
            group: format!("reading-{topic}"),
            slot: "one".into(),
            topics: vec![topic.into()],
            max_records: 100,
            max_bytes: 1 << 20,
            max_age: Duration::from_millis(20),
            fetch_min_bytes: 1,
            offsets: OffsetKeeper::Broker,
        };
        // Nobody listens there.
        let registry = Registry::new("http://127.0.0.1:1")?;
        let mut reader = Reader::start(&world.kafka()?, &registry, config, Asking { left: 2 })?;
        let mut seen = Seen::default();
        while !seen.is_all() {
            seen.take(&next(&mut reader).await?)?;
        }
        Ok(())
    });
}

/// Reads text, but where it names a schema id: `unknown <id>`.
struct Naming;

impl Decode for Naming {
    type Item = String;

    fn decode(&mut self, message: &BorrowedMessage<'_>) -> Decoded<String> {
        let text = String::from_utf8_lossy(message.payload().unwrap_or_default());
        match text.strip_prefix("unknown ").and_then(|id| id.parse().ok()) {
            Some(id) => Decoded::UnknownSchema(id),
            None => Decoded::Item(text.into_owned()),
        }
    }
}

#[test]
fn a_record_whose_schema_nobody_knows_is_given_up_after_a_while_but_never_a_whole_batch() {
    run(async {
        let (world, topic) = (world().await?, STORES.name);
        let registry = world.registry()?.with_unknown_schema_grace(Duration::from_secs(2));
        let config = ReaderConfig {
            group: "reading-unknown".into(),
            slot: "one".into(),
            topics: vec![topic.into()],
            max_records: 100,
            max_bytes: 1 << 20,
            max_age: Duration::from_millis(200),
            fetch_min_bytes: 1,
            offsets: OffsetKeeper::Broker,
        };
        let name = world.kafka()?.topic(topic);
        let writer = TopicWriter::new(&world.kafka()?, 5)?;
        let record = |text: &str| Outgoing {
            topic: name.clone(),
            key: "one key".into(),
            value: Some(text.to_owned().into_bytes()),
            headers: OwnedHeaders::new(),
        };
        writer.write_all(vec![record("first"), record("unknown 2000000001"), record("last")]).await?;
        let mut reader = Reader::start(&world.kafka()?, &registry, config, Naming)?;
        let (mut read, mut given_up) = (Vec::new(), Vec::new());
        while read.len() < 2 || given_up.is_empty() {
            let batch = next(&mut reader).await?;
            reader.assignment().commit(&batch);
            read.extend(batch.items.into_iter().map(|item| item.value));
            given_up.extend(batch.bad.into_iter().map(|letter| letter.cause.code));
        }
        ensure!(read == ["first", "last"] && given_up == ["unknown_schema"], "{read:?} {given_up:?}");
        let many: Vec<Outgoing> =
            (0..50).map(|n| record(&format!("unknown {}", 2_000_000_002 + n % 2))).collect();
        writer.write_all(many).await?;
        // Some grace periods: the first few may be taken for bad ones.
        let until = Instant::now() + Duration::from_secs(15);
        let mut given_up = 0;
        while let Ok(batch) = tokio::time::timeout_at(until.into(), reader.next()).await {
            let batch = batch?;
            given_up += batch.bad.len();
            reader.assignment().commit(&batch);
        }
        ensure!(given_up <= 10, "{given_up} of 50 were given up");
        // Once one can be read, those before it go.
        writer.write_all(vec![record("good")]).await?;
        while !next(&mut reader).await?.items.iter().any(|item| item.value == "good") {}
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

/// Waits until the group has `members` and all know their partitions.
async fn settled(world: &World, group: &str, members: usize) -> Result<()> {
    let kafka = world.kafka()?;
    let consumer: Arc<BaseConsumer> = Arc::new(kafka.client().create()?);
    let group = kafka.topic(group);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (asked, name) = (Arc::clone(&consumer), group.clone());
        let is_settled = tokio::task::spawn_blocking(move || {
            let groups = asked.fetch_group_list(Some(&name), Duration::from_secs(5))?;
            let known = groups.groups().iter().find(|g| g.name() == name);
            Ok::<_, KafkaError>(known.is_some_and(|g| g.state() == "Stable" && g.members().len() == members))
        });
        if is_settled.await?? {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{group} has not settled");
        tokio::time::sleep(GLANCE).await;
    }
}

/// Events of one merchant: the registration, then new names, numbered from 1.
async fn tell(world: &World, merchant: MerchantId, sequences: std::ops::RangeInclusive<i64>) -> Result<()> {
    let contract = Contract::new(world.kafka()?, world.registry()?);
    let registered = contract.encoder::<MerchantRegistered>(&MERCHANT_EVENTS).await?;
    let renamed = contract.encoder::<MerchantRenamed>(&MERCHANT_EVENTS).await?;
    let mut records = vec![];
    for sequence in sequences {
        let now = Millis::now();
        let (value, kind) = if sequence == 1 {
            let (store_name, locale) = ("متجر".into(), "ar".into());
            let registered_by = UserId::generate();
            let event = MerchantRegistered {
                merchant_id: merchant,
                store_name,
                locale,
                registered_by,
                registered_at: now,
            };
            (registered.encode_to_vec(&event)?, 0)
        } else {
            let store_name = format!("name {sequence}");
            let event =
                MerchantRenamed { merchant_id: merchant, store_name, requested_by: None, renamed_at: now };
            (renamed.encode_to_vec(&event)?, 1)
        };
        let subject = merchant.to_string();
        let id = format!("merchant:{subject}:{sequence}");
        let event = CloudEvent {
            id: &id,
            kind: MERCHANT_EVENTS.records[kind].full_name,
            subject: &subject,
            time: now,
        };
        records.push(Outgoing {
            topic: contract.kafka.topic(MERCHANT_EVENTS.name),
            key: subject.clone(),
            value: Some(value),
            headers: headers::with(event.headers(), headers::SEQUENCE, &sequence.to_string()),
        });
    }
    TopicWriter::new(&contract.kafka, 0)?.write_all(records).await?;
    Ok(())
}

#[test]
fn a_batch_that_is_committed_while_a_rebalance_reads_its_offsets_costs_no_event() {
    run(async {
        let world = world().await?;
        let pool = world.pool("QAFILA_DATABASE_OLTP_URL").await?;
        let owner = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let projecting = |slot: &str, shutdown: &CancellationToken| {
            let role = OltpRole {
                pool: pool.clone(),
                contract: Contract::new(world.kafka()?, world.registry()?),
                slot: slot.into(),
                list_cache_window: Duration::ZERO,
            };
            anyhow::Ok(tokio::spawn(run_merchants(role, shutdown.clone())))
        };
        let merchant = MerchantId::generate();
        let reached = async |sequence: i64| {
            let deadline = Instant::now() + PATIENCE;
            loop {
                let at: Option<i64> =
                    sqlx::query_scalar("SELECT sequence FROM merchants WHERE merchant_id = $1")
                        .bind(merchant.0)
                        .fetch_optional(&owner)
                        .await?;
                if at == Some(sequence) {
                    return anyhow::Ok(());
                }
                ensure!(Instant::now() < deadline, "the read model is at {at:?}, not at {sequence}");
                tokio::time::sleep(GLANCE).await;
            }
        };
        let shutdown = CancellationToken::new();
        let one = projecting("one", &shutdown)?;
        tell(world, merchant, 1..=1).await?;
        reached(1).await?;

        // The next batch is held up between its start and its commit …
        let mut held = owner.begin().await?;
        sqlx::query("SELECT FROM projection_offsets WHERE projection = 'merchants' FOR UPDATE")
            .fetch_all(&mut *held)
            .await?;
        tell(world, merchant, 2..=20).await?;
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()";
        let deadline = Instant::now() + PATIENCE;
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&owner).await? == 0 {
            ensure!(Instant::now() < deadline, "no batch waits");
            tokio::time::sleep(GLANCE).await;
        }
        // … while another process joins, whose partitions begin where the offsets still are.
        tell(world, merchant, 21..=40).await?;
        let two = projecting("two", &shutdown)?;
        settled(world, "qafila-projection-merchants", 2).await?;
        held.rollback().await?;
        reached(40).await?;
        shutdown.cancel();
        one.await??;
        two.await??;
        Ok(())
    });
}
