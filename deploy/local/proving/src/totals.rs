//! What a merchant's store holds, counted in four places: the simulator, Postgres, ClickHouse and the compacted topics.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::{Months, NaiveDate, Utc};
use clickhouse::Row;
use qafila_schemas::amount::Amount;
use qafila_schemas::catalogue::{CUSTOMERS, ORDERS, PRODUCTS, TOPICS, Topic};
use qafila_schemas::codec::split_header;
use qafila_schemas::kafka::KafkaConfig;
use qafila_schemas::records::AvroRecord;
use qafila_schemas::records::fact::{CustomerFact, OrderFact, ProductFact};
use qafila_schemas::registry::Registry;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use salla_sim::store::riyadh;
use serde::Deserialize;
use sqlx::{PgPool, Row as _};

const BROKER: Duration = Duration::from_secs(10);

/// Sums of order totals by day (Asia/Riyadh) and currency.
pub type ByDay = BTreeMap<NaiveDate, BTreeMap<String, Amount>>;

/// Counts and sums.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Orders.
    pub orders: u64,
    /// Customers.
    pub customers: u64,
    /// Products.
    pub products: u64,
    /// Sums.
    pub by_day: ByDay,
}

impl Totals {
    /// Sum of all totals in one currency.
    pub fn sum(&self, currency: &str) -> Amount {
        self.by_day.values().filter_map(|day| day.get(currency)).copied().sum()
    }

    /// Currencies that occur.
    pub fn currencies(&self) -> Vec<String> {
        let mut all: Vec<String> = self.by_day.values().flat_map(|day| day.keys().cloned()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What differs from `other`, in words.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (what, ours, theirs) in [
            ("orders", self.orders, other.orders),
            ("customers", self.customers, other.customers),
            ("products", self.products, other.products),
        ] {
            if ours != theirs {
                found.push(format!("{what}: {ours} against {theirs}"));
            }
        }
        let days: std::collections::BTreeSet<_> = self.by_day.keys().chain(other.by_day.keys()).collect();
        let differing: Vec<_> =
            days.into_iter().filter(|day| self.by_day.get(day) != other.by_day.get(day)).collect();
        if let Some(first) = differing.first() {
            found.push(format!(
                "sums of {} days, first {first}: {:?} against {:?}",
                differing.len(),
                self.by_day.get(first),
                other.by_day.get(first)
            ));
        }
        found
    }
}

/// Everything the four places say.
#[derive(Debug, Clone)]
pub struct Everywhere {
    /// The source.
    pub simulator: Totals,
    /// Read models.
    pub postgres: Totals,
    /// Facts.
    pub clickhouse: Totals,
    /// The last record of every key of the compacted topics.
    pub topics: Totals,
}

impl Everywhere {
    /// Where a place differs from the source.
    pub fn differences(&self) -> Vec<String> {
        [("Postgres", &self.postgres), ("ClickHouse", &self.clickhouse), ("topics", &self.topics)]
            .into_iter()
            .flat_map(|(place, totals)| {
                totals.differences(&self.simulator).into_iter().map(move |d| format!("{place}: {d}"))
            })
            .collect()
    }
}

/// Where the four places are.
pub struct Places {
    /// Address of the simulator.
    pub simulator: String,
    /// A pool that may read all merchants' read models.
    pub postgres: PgPool,
    /// ClickHouse.
    pub clickhouse: clickhouse::Client,
    /// Kafka.
    pub kafka: KafkaConfig,
    /// Schema registry.
    pub registry: Registry,
}

impl Places {
    /// Counts everywhere until all agree or patience ends; returns the last count.
    pub async fn agree(
        &self,
        merchant: &str,
        store: u64,
        months: u32,
        patience: Duration,
    ) -> Result<Everywhere> {
        let deadline = Instant::now() + patience;
        loop {
            let counted = self.count(merchant, store, months).await?;
            if counted.differences().is_empty() || Instant::now() > deadline {
                return Ok(counted);
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Counts everywhere.
    pub async fn count(&self, merchant: &str, store: u64, months: u32) -> Result<Everywhere> {
        Ok(Everywhere {
            simulator: self.simulator(store, months).await?,
            postgres: self.postgres(merchant, store).await?,
            clickhouse: self.clickhouse(merchant, store).await?,
            topics: self.topics(merchant, store).await?,
        })
    }

    async fn simulator(&self, store: u64, months: u32) -> Result<Totals> {
        let until = Utc::now().with_timezone(&riyadh()).date_naive();
        let from = until.checked_sub_months(Months::new(months)).context("a day before the calendar")?;
        let url = format!("{}/_sim/stores/{store}/totals?from={from}&until={until}", self.simulator);
        let said: salla_sim::store::Totals = reqwest::get(url).await?.error_for_status()?.json().await?;
        let mut by_day = ByDay::new();
        for (day, sums) in said.by_day {
            for (currency, hundredths) in sums {
                by_day.entry(day).or_default().insert(currency, Amount::from_mantissa(hundredths * 100)?);
            }
        }
        Ok(Totals { orders: said.orders, customers: said.customers, products: said.products, by_day })
    }

    async fn postgres(&self, merchant: &str, store: u64) -> Result<Totals> {
        let (merchant, store): (uuid::Uuid, i64) = (merchant.parse()?, store.cast_signed());
        let mut totals = Totals::default();
        let rows = sqlx::query(
            "SELECT (created_at AT TIME ZONE 'Asia/Riyadh')::date, currency, sum(total)::text, count(*) FROM orders
             WHERE merchant_id = $1 AND store_id = $2 AND (deleted_at IS NULL OR deleted_at <= read_at) GROUP BY 1, 2",
        )
        .bind(merchant)
        .bind(store)
        .fetch_all(&self.postgres)
        .await?;
        for row in rows {
            let sum: Amount = row.try_get::<String, _>(2)?.parse()?;
            totals.by_day.entry(row.try_get(0)?).or_default().insert(row.try_get(1)?, sum);
            totals.orders += u64::try_from(row.try_get::<i64, _>(3)?)?;
        }
        for (table, count) in [("customers", &mut totals.customers), ("products", &mut totals.products)] {
            let sql = format!("SELECT count(*) FROM {table} WHERE merchant_id = $1 AND store_id = $2");
            let counted: i64 =
                sqlx::query_scalar(&sql).bind(merchant).bind(store).fetch_one(&self.postgres).await?;
            *count = u64::try_from(counted)?;
        }
        Ok(totals)
    }

    async fn clickhouse(&self, merchant: &str, store: u64) -> Result<Totals> {
        #[derive(Row, Deserialize)]
        struct Line {
            day: String,
            currency: String,
            sum: String,
            count: u64,
        }
        let lines: Vec<Line> = self
            .clickhouse
            .query(
                "SELECT toString(toDate(created_at, 'Asia/Riyadh')) AS day, ifNull(toString(currency), '') AS currency,
                     toString(sum(ifNull(total, 0))) AS sum, count() AS count
                 FROM orders FINAL WHERE merchant_id = {merchant:UUID} AND store_id = {store:Int64} GROUP BY day, currency",
            )
            .param("merchant", merchant)
            .param("store", store)
            .fetch_all()
            .await?;
        let mut totals = Totals::default();
        for line in lines {
            totals.by_day.entry(line.day.parse()?).or_default().insert(line.currency, line.sum.parse()?);
            totals.orders += line.count;
        }
        for (table, count) in [("customers", &mut totals.customers), ("products", &mut totals.products)] {
            let sql = format!(
                "SELECT count() FROM {table} FINAL WHERE merchant_id = {{merchant:UUID}} AND store_id = {{store:Int64}}"
            );
            let query = self.clickhouse.query(&sql).param("merchant", merchant).param("store", store);
            *count = query.fetch_one().await?;
        }
        Ok(totals)
    }

    async fn topics(&self, merchant: &str, store: u64) -> Result<Totals> {
        let customers = self.facts::<CustomerFact>(CUSTOMERS, merchant).await?;
        let products = self.facts::<ProductFact>(PRODUCTS, merchant).await?;
        let orders = self.facts::<OrderFact>(ORDERS, merchant).await?;
        let is_of = |id: i64| id == store.cast_signed();
        let mut totals = Totals {
            customers: customers.iter().filter(|fact| is_of(fact.store_id)).count() as u64,
            products: products.iter().filter(|fact| is_of(fact.store_id)).count() as u64,
            ..Totals::default()
        };
        for fact in orders.into_iter().filter(|fact| is_of(fact.store_id)) {
            let day = fact.created_at.to_utc().with_timezone(&riyadh()).date_naive();
            let sum =
                totals.by_day.entry(day).or_default().entry(fact.currency.unwrap_or_default()).or_default();
            *sum = *sum + fact.total.unwrap_or_default();
            totals.orders += 1;
        }
        Ok(totals)
    }

    /// The last facts of all keys of a merchant.
    async fn facts<T: AvroRecord>(&self, topic: Topic, merchant: &str) -> Result<Vec<T>> {
        let (mut decoder, prefix) = (self.registry.decoder::<T>()?, format!("{merchant}:"));
        let (mut facts, records) = (Vec::new(), self.last_records(topic.name).await?);
        for (_, value) in records.into_iter().filter(|(key, _)| key.starts_with(&prefix)) {
            self.registry.learn(split_header(&value)?.0).await?;
            facts.push(decoder.decode(&value)?.context("a fact of a schema the registry does not know")?);
        }
        Ok(facts)
    }

    /// The last committed value of every key, tombstones left out.
    async fn last_records(&self, topic: &str) -> Result<HashMap<String, Vec<u8>>> {
        let name = self.kafka.topic(topic);
        let config = self.kafka.clone();
        tokio::task::spawn_blocking(move || {
            let mut last = HashMap::new();
            each_record(&config, &name, |key, value| match value {
                Some(value) => drop(last.insert(key, value.to_vec())),
                None => drop(last.remove(&key)),
            })?;
            Ok(last)
        })
        .await?
    }

    /// Records on each topic of the catalogue, repeats included.
    pub async fn records(&self) -> Result<BTreeMap<&'static str, i64>> {
        let kafka = self.kafka.clone();
        tokio::task::spawn_blocking(move || {
            let consumer: BaseConsumer = kafka.client().create()?;
            let mut counted = BTreeMap::new();
            for topic in TOPICS {
                let name = kafka.topic(topic.name);
                let mut records = 0;
                for partition in 0..topic.partitions {
                    let (low, high) = consumer.fetch_watermarks(&name, partition, BROKER)?;
                    records += high - low;
                }
                counted.insert(topic.name, records);
            }
            Ok(counted)
        })
        .await?
    }
}

/// Reads keys and values of a topic from its beginning to its present end, partition by partition in order.
pub fn each_record(
    kafka: &KafkaConfig,
    topic: &str,
    mut see: impl FnMut(String, Option<&[u8]>),
) -> Result<()> {
    each_message(kafka, topic, |message| {
        let key = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
        see(key, message.payload());
    })
}

/// Reads a topic from its beginning to its present end, partition by partition in order.
pub fn each_message(
    kafka: &KafkaConfig,
    topic: &str,
    mut see: impl FnMut(&BorrowedMessage<'_>),
) -> Result<()> {
    let consumer: BaseConsumer = kafka
        .client()
        .set("group.id", "qafila-proving")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(topic), BROKER)?;
    let partitions = metadata.topics().first().map_or(0, |t| t.partitions().len());
    ensure!(partitions > 0, "topic {topic} does not exist");
    let mut assignment = TopicPartitionList::new();
    for partition in 0..partitions {
        assignment.add_partition_offset(topic, i32::try_from(partition)?, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let mut ended = HashSet::new();
    let deadline = Instant::now() + Duration::from_secs(120);
    while ended.len() < partitions {
        ensure!(Instant::now() < deadline, "reading {topic} took too long");
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => see(&message),
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(partition))) => drop(ended.insert(partition)),
            Some(Err(error)) => return Err(error.into()),
            None => {}
        }
    }
    Ok(())
}
