//! Kafka: brokers, topics as the catalogue says, how far each consumer is behind, dead letters.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use qafila_ingest::webhooks;
use qafila_projections::olap::carts::CartRow;
use qafila_projections::olap::customers::CustomerRow;
use qafila_projections::olap::load::FactRow;
use qafila_projections::olap::orders::OrderRow;
use qafila_projections::olap::products::ProductRow;
use qafila_projections::oltp::merge;
use qafila_schemas::catalogue::{
    COMPLETENESS, EXPORT_EVENTS, MERCHANT_EVENTS, OBSERVATIONS, RECONCILIATION_RUNS, SYNC_JOB_EVENTS,
    SYNC_PROGRESS, TOPICS, Topic, WEBHOOKS_RAW, dead_letter_topic,
};
use qafila_schemas::dead_letter::LetterId;
use qafila_schemas::millis::Millis;
use qafila_schemas::topics;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::{DEADLINE, Finding, postgres};
use crate::config::Config;

const FAR_BEHIND: i64 = 100_000;
/// A record that a consumer has not read for so long is held up by something, however few they are.
const LATE_MS: i64 = 5 * 60 * 1_000;
/// Consumers that keep their offsets in Postgres: one that has never run has no row there.
const STORED: [(&str, Topic); 11] = [
    ("merchants", MERCHANT_EVENTS),
    ("sync_jobs", SYNC_JOB_EVENTS),
    ("sync_progress", SYNC_PROGRESS),
    ("sync feed", SYNC_JOB_EVENTS),
    ("exports", EXPORT_EVENTS),
    ("export_work", EXPORT_EVENTS),
    ("store_completeness", COMPLETENESS),
    ("reconciliation_runs", RECONCILIATION_RUNS),
    ("notifications_merchants", MERCHANT_EVENTS),
    ("notifications_sync_jobs", SYNC_JOB_EVENTS),
    ("notifications_exports", EXPORT_EVENTS),
];
/// Of so many offsets, at most, records are told from the markers of transactions.
const MAX_READ: i64 = 10_000;
const POLL: Duration = Duration::from_millis(100);
/// With two, every loss of a broker stops all writing.
const COPIES_IN_PRODUCTION: i32 = 3;

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let way_out = "Start the brokers, or check QAFILA_KAFKA_BROKERS and QAFILA_KAFKA_PROPERTIES.";
    let faults = match topics::faults(&config.kafka, config.replication).await {
        Ok(faults) => faults,
        Err(error) => return vec![Finding::broken("kafka", error.to_string(), way_out)],
    };
    let topics = match faults.first() {
        None => Finding::fine(
            "topics",
            format!("{} and their dead letters are as the catalogue says", TOPICS.len()),
        ),
        Some(first) => Finding::broken(
            "topics",
            format!("{} differ from the catalogue, such as {first}", faults.len()),
            "`qafila topics apply` makes what is missing and sets min.insync.replicas; other settings, and copies, are changed with Kafka's own tools.",
        ),
    };
    let mut findings = vec![topics];
    findings.extend(copies(config.is_production, config.replication));
    findings.extend(lags(config).await);
    findings.push(dead_letters(config).await);
    findings
}

/// Whether so many copies of each partition outlive the loss of a broker while another is being replaced.
fn copies(is_production: bool, replication: i32) -> Option<Finding> {
    (is_production && replication < COPIES_IN_PRODUCTION).then(|| {
        Finding::broken(
            "copies",
            format!("QAFILA_KAFKA_REPLICATION is {replication}: a broker that is lost takes acknowledged events with it, or stops everything"),
            "Set it to 3 on three brokers or more, and give existing topics as many copies with Kafka's own tools.",
        )
    })
}

/// Ends of the partitions of a topic: first and next offset.
async fn ends(config: &Config, topic: String) -> Result<Vec<(i64, i64)>, String> {
    let client = config.kafka.client();
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = client.create()?;
        let metadata = consumer.fetch_metadata(Some(&topic), DEADLINE)?;
        let partitions = metadata.topics().first().map_or(0, |t| t.partitions().len());
        (0..i32::try_from(partitions).unwrap_or(0))
            .map(|partition| consumer.fetch_watermarks(&topic, partition, DEADLINE))
            .collect::<Result<Vec<_>, _>>()
    });
    asked.await.map_err(|e| e.to_string())?.map_err(|e: rdkafka::error::KafkaError| e.to_string())
}

async fn lags(config: &Config) -> Vec<Finding> {
    let stored = match stored_offsets(config).await {
        Ok(stored) => stored,
        Err(error) => return vec![Finding::broken("consumers", error, "Run `qafila migrate`.")],
    };
    let mut findings = Vec::new();
    let is_known = |consumer: &str| stored.iter().any(|(name, ..)| name == consumer);
    let never_ran: Vec<_> = STORED.into_iter().filter(|(consumer, _)| !is_known(consumer)).collect();
    for (consumer, topic) in never_ran {
        findings.push(lag(config, consumer, topic.name, &BTreeMap::new()).await);
    }
    for (consumer, topic, offsets) in stored {
        findings.push(lag(config, &consumer, &topic, &offsets).await);
    }
    let of_brokers = [
        ("merge", merge::GROUP, OBSERVATIONS),
        ("webhook mapper", webhooks::GROUP, WEBHOOKS_RAW),
        ("ClickHouse's orders", OrderRow::GROUP, OrderRow::TOPIC),
        ("ClickHouse's customers", CustomerRow::GROUP, CustomerRow::TOPIC),
        ("ClickHouse's products", ProductRow::GROUP, ProductRow::TOPIC),
        ("ClickHouse's carts", CartRow::GROUP, CartRow::TOPIC),
    ];
    for (consumer, group, topic) in of_brokers {
        findings.push(match committed_offsets(config, group, topic).await {
            Ok(offsets) => lag(config, consumer, topic.name, &offsets).await,
            Err(error) => Finding::broken(format!("lag of {consumer}"), error, "Check QAFILA_KAFKA_BROKERS."),
        });
    }
    findings
}

async fn lag(config: &Config, consumer: &str, topic: &str, offsets: &BTreeMap<i32, i64>) -> Finding {
    let what = format!("lag of {consumer}");
    let ends = match ends(config, config.kafka.topic(topic)).await {
        Ok(ends) => ends,
        Err(error) => return Finding::broken(what, error, "Check QAFILA_KAFKA_BROKERS."),
    };
    let gaps: Vec<(i32, i64, i64)> = (0_i32..)
        .zip(ends)
        .map(|(partition, (first, next))| {
            (partition, offsets.get(&partition).copied().unwrap_or(first).max(first), next)
        })
        .filter(|(_, from, next)| next > from)
        .collect();
    let mut behind: i64 = gaps.iter().map(|(_, from, next)| next - from).sum();
    let mut late_ms = 0;
    if behind > 0 {
        let unread = match unread(config, config.kafka.topic(topic), gaps).await {
            Ok(unread) => unread,
            Err(error) => return Finding::broken(what, error, "Check QAFILA_KAFKA_BROKERS."),
        };
        behind = unread.records.unwrap_or(behind);
        late_ms = unread.oldest_ms.map_or(0, |at| Millis::now().0 - at);
    }
    let advice = "Is its role running? Start more processes of it, or look for what holds it up in its log.";
    if late_ms > LATE_MS && behind > 0 {
        let minutes = late_ms / 60_000;
        return Finding::attention(
            what,
            format!("{behind} records, the oldest is {minutes} min old"),
            advice,
        );
    }
    if behind > FAR_BEHIND {
        return Finding::attention(what, format!("{behind} records"), advice);
    }
    Finding::fine(what, format!("{behind} records"))
}

/// Records that a consumer has not read.
#[derive(Default)]
struct Unread {
    /// How many; none where they are too many to be told from the markers of transactions, or that took too long.
    records: Option<i64>,
    /// When the oldest of those that were looked at was written, ms since the epoch.
    oldest_ms: Option<i64>,
}

/// Records of offsets of partitions, each from one to before another. Transactions end with a marker, which has an offset and is no record.
async fn unread(config: &Config, topic: String, gaps: Vec<(i32, i64, i64)>) -> Result<Unread, String> {
    let mut client = config.kafka.client();
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer =
            client.set("group.id", "qafila-doctor").set("enable.partition.eof", "true").create()?;
        let mut wanted = TopicPartitionList::new();
        for (partition, from, _) in &gaps {
            wanted.add_partition_offset(&topic, *partition, Offset::Offset(*from))?;
        }
        consumer.assign(&wanted)?;
        let mut open: BTreeMap<i32, i64> =
            gaps.iter().map(|(partition, _, next)| (*partition, *next)).collect();
        let are_many = gaps.iter().map(|(_, from, next)| next - from).sum::<i64>() > MAX_READ;
        let (mut records, mut oldest_ms, deadline) = (0, None::<i64>, Instant::now() + DEADLINE);
        while !open.is_empty() && Instant::now() < deadline {
            match consumer.poll(POLL) {
                Some(Ok(message)) => {
                    let end = open.get(&message.partition()).copied().unwrap_or_default();
                    let is_unread = message.offset() < end;
                    records += i64::from(is_unread);
                    if let Some(at) = message.timestamp().to_millis().filter(|_| is_unread) {
                        oldest_ms = Some(oldest_ms.map_or(at, |oldest| oldest.min(at)));
                    }
                    if are_many || message.offset() + 1 >= end {
                        open.remove(&message.partition());
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
                Some(Err(error)) => return Err(error),
                None => {}
            }
        }
        let records = (open.is_empty() && !are_many).then_some(records);
        Ok::<_, KafkaError>(Unread { records, oldest_ms })
    });
    asked.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
}

type Offsets = Vec<(String, String, BTreeMap<i32, i64>)>;

/// Where consumers that keep their offsets in Postgres are.
async fn stored_offsets(config: &Config) -> Result<Offsets, String> {
    let mut owner = postgres::connect(config.owner_url.as_str()).await?;
    let rows: Vec<(String, String, i32, i64)> = sqlx::query_as(
        "SELECT projection, topic, partition, next_offset FROM projection_offsets
         UNION ALL SELECT 'sync feed', topic, partition, next_offset FROM ingest_offsets ORDER BY 1, 2, 3",
    )
    .fetch_all(&mut owner)
    .await
    .map_err(|error| error.to_string())?;
    let mut all: BTreeMap<(String, String), BTreeMap<i32, i64>> = BTreeMap::new();
    for (consumer, topic, partition, next) in rows {
        let topic = topic.strip_prefix(&config.kafka.prefix).unwrap_or(&topic).to_owned();
        all.entry((consumer, topic)).or_default().insert(partition, next);
    }
    Ok(all.into_iter().map(|((consumer, topic), offsets)| (consumer, topic, offsets)).collect())
}

/// Where a consumer whose offsets are the broker's is.
async fn committed_offsets(config: &Config, group: &str, topic: Topic) -> Result<BTreeMap<i32, i64>, String> {
    let (mut client, name) = (config.kafka.client(), config.kafka.topic(topic.name));
    let group = config.kafka.topic(group);
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = client.set("group.id", &group).create()?;
        let mut wanted = TopicPartitionList::new();
        wanted.add_partition_range(&name, 0, topic.partitions - 1);
        let committed = consumer.committed_offsets(wanted, DEADLINE)?;
        let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
        let known =
            committed.elements().iter().filter_map(|e| Some((e.partition(), offset(e.offset())?))).collect();
        Ok::<BTreeMap<i32, i64>, rdkafka::error::KafkaError>(known)
    });
    asked.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
}

async fn dead_letters(config: &Config) -> Finding {
    let seen_to = match seen_to(config).await {
        Ok(seen_to) => seen_to,
        Err(error) => return Finding::broken("dead letters", error, "Run `qafila migrate`."),
    };
    let mut waiting = BTreeMap::new();
    for topic in TOPICS {
        match ends(config, dead_letter_topic(&config.kafka.topic(topic.name))).await {
            Ok(ends) => {
                let of_topic = |partition: i32, first: i64, next: i64| {
                    let kept = seen_to.iter().filter(|letter| {
                        letter.topic == topic.name && letter.partition == partition && letter.offset >= first
                    });
                    next - first - kept.count() as i64
                };
                let letters: i64 =
                    (0_i32..).zip(ends).map(|(p, (first, next))| of_topic(p, first, next)).sum();
                if letters > 0 {
                    waiting.insert(topic.name, letters);
                }
            }
            Err(error) => return Finding::broken("dead letters", error, "Run `qafila topics apply`."),
        }
    }
    if waiting.is_empty() {
        return Finding::fine("dead letters", "none");
    }
    let found: Vec<String> = waiting.iter().map(|(topic, letters)| format!("{letters} of {topic}")).collect();
    Finding::attention(
        "dead letters",
        found.join(", "),
        "`qafila dlq list` tells why, where and since when; `qafila dlq retry` or `drop` sees to them.",
    )
}

/// Dead letters that were retried or dropped.
async fn seen_to(config: &Config) -> Result<Vec<LetterId>, String> {
    let mut connection = postgres::connect(config.role_url("qafila_ingest").as_str()).await?;
    let letters: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT letter FROM dead_letter_actions WHERE action <> 'opened'")
            .fetch_all(&mut connection)
            .await
            .map_err(|error| error.to_string())?;
    Ok(letters.iter().filter_map(|letter| letter.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_with_fewer_than_three_copies_is_broken_and_a_local_stack_with_one_is_not() {
        assert!(copies(false, 1).is_none());
        assert!(copies(true, 1).is_some() && copies(true, 2).is_some());
        assert!(copies(true, 3).is_none());
    }
}
