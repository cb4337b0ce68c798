//! The webhook mapper (ARCHITECTURE §5): from `salla.webhooks.raw` to observations. A delivery is opened, told from its repeats,
//! mapped and written; offsets move only after Kafka has acknowledged what came of it.

mod deliveries;
mod inbox;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use qafila_schemas::catalogue::WEBHOOKS_RAW;
use qafila_schemas::contract::Contract;
use qafila_schemas::dead_letter::{Cause, DeadLetter, DeadLetters};
use qafila_schemas::envelope::{BodySealer, OperatorKeys};
use qafila_schemas::ids::MerchantId;
use qafila_schemas::reader::{Batch, Item, OffsetKeeper, ReadError, Reader, ReaderConfig};
use qafila_schemas::records::webhook::SEALED_FOR;
use qafila_schemas::registry::RegistryError;
use qafila_schemas::sealed::KeyStore;
use qafila_schemas::writer::{TopicWriter, WriteError};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use self::deliveries::Deliveries;
use self::inbox::{DecodeDeliveries, Delivery};
use crate::mapping::webhooks::{Envelope, Topic, observe, topic};
use crate::mapping::{Owner, Unmappable, Unsealed};
use crate::observations::{ObservationError, ObservationWriter};
use crate::owners;

/// Consumer group.
pub const GROUP: &str = "qafila-ingest-webhooks";
const CONSUMER: &str = "ingest-webhooks";
const BATCH_RECORDS: usize = 1_000;
const BATCH_BYTES: usize = 8 << 20;
const BATCH_AGE: Duration = Duration::from_millis(5);
const PAUSE: Duration = Duration::from_millis(500);
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// Why the role ended.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Kafka, writing.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Kafka, reading.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The schema registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Why a batch is read again.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Observations(#[from] ObservationError),
    #[error(transparent)]
    DeadLetters(#[from] WriteError),
}

/// What the role needs.
pub struct WebhookRole {
    /// The ingest role's pool.
    pub pool: PgPool,
    /// Kafka and registry.
    pub contract: Contract,
    /// The operator's keys, which open bodies.
    pub operator_keys: OperatorKeys,
    /// Keys of personal data.
    pub keys: Arc<dyn KeyStore>,
    /// Stable slot of this process.
    pub slot: String,
}

/// Maps webhooks until `shutdown`.
pub async fn run(role: WebhookRole, shutdown: CancellationToken) -> Result<(), WebhookError> {
    let config = ReaderConfig {
        group: GROUP.into(),
        slot: role.slot,
        topics: vec![WEBHOOKS_RAW.name.into()],
        max_records: BATCH_RECORDS,
        max_bytes: BATCH_BYTES,
        max_age: BATCH_AGE,
        offsets: OffsetKeeper::Broker,
    };
    let contract = role.contract;
    let decode =
        DecodeDeliveries::new(contract.registry.decoder()?, BodySealer::new(role.operator_keys, SEALED_FOR));
    let writer = TopicWriter::new(&contract.kafka, 0)?;
    let mapper = Mapper {
        observations: ObservationWriter::new(&contract, role.keys, writer.clone()).await?,
        dead_letters: DeadLetters::new(writer, CONSUMER),
        deliveries: Deliveries::new(role.pool.clone()),
        pool: role.pool,
    };
    let mut reader = Reader::start(&contract.kafka, &contract.registry, config, decode)?;
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    loop {
        let mut batch = tokio::select! {
            batch = reader.next() => batch?,
            _ = sweep.tick() => {
                if let Err(error) = mapper.deliveries.forget().await {
                    tracing::warn!(event = "old deliveries not forgotten", error = %error);
                }
                continue;
            }
            () = shutdown.cancelled() => return Ok(()),
        };
        match mapper.map(&mut batch).await {
            Ok(()) => reader.assignment().commit(&batch),
            Err(error) => {
                tracing::warn!(event = "webhooks interrupted", error = %error);
                reader.assignment().rewind();
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Maps batches.
struct Mapper {
    observations: ObservationWriter,
    dead_letters: DeadLetters,
    deliveries: Deliveries,
    pool: PgPool,
}

/// What came of a delivery.
enum Outcome {
    Observed(Unsealed, MerchantId),
    /// Not ours to use, for the reason of this name.
    Passed(&'static str),
    Unmappable(Unmappable, Option<MerchantId>),
}

impl Mapper {
    async fn map(&self, batch: &mut Batch<Delivery>) -> Result<(), Interrupted> {
        let items = std::mem::take(&mut batch.items);
        let mut letters = std::mem::take(&mut batch.bad);
        let fresh = self.deliveries.claim(&items).await?;
        let stores = items.iter().filter_map(|item| item.value.store_id).collect();
        let owners = owners::of(&self.pool, stores).await?;
        let mut observed: HashMap<MerchantId, Vec<Unsealed>> = HashMap::new();
        for (item, fresh) in items.into_iter().zip(fresh) {
            let outcome = if fresh { outcome(&item.value, &owners) } else { Outcome::Passed("repeated") };
            count(&item.value, &outcome);
            match outcome {
                Outcome::Observed(unsealed, merchant) => observed.entry(merchant).or_default().push(unsealed),
                Outcome::Passed(_) => {}
                Outcome::Unmappable(error, merchant) => letters.extend(letter(item, error, merchant)),
            }
        }
        for (merchant, unsealed) in observed {
            self.observations.write(merchant, unsealed).await?;
        }
        self.dead_letters.write(letters).await?;
        Ok(())
    }
}

fn outcome(delivery: &Delivery, owners: &HashMap<i64, Owner>) -> Outcome {
    let envelope = match delivery.body().and_then(Envelope::read) {
        Ok(envelope) => envelope,
        // An event that we do not use may have any shape.
        Err(_) if topic(&delivery.event) == Topic::Unused => return Outcome::Passed("unused"),
        Err(error) => return Outcome::Unmappable(error, None),
    };
    let Topic::Entity(what) = topic(&envelope.event) else { return Outcome::Passed("unused") };
    // A store that nobody is connected to: what is missed meanwhile is read when somebody connects it.
    let Some(owner) = owners.get(&envelope.merchant) else { return Outcome::Passed("unclaimed") };
    match observe(what, &envelope, *owner) {
        Ok(unsealed) => Outcome::Observed(unsealed, owner.merchant_id),
        Err(error) => Outcome::Unmappable(error, Some(owner.merchant_id)),
    }
}

fn count(delivery: &Delivery, outcome: &Outcome) {
    let word = match outcome {
        Outcome::Observed(unsealed, _) if unsealed.is_news_only() => "stale",
        Outcome::Observed(..) => "observed",
        Outcome::Passed(word) => word,
        Outcome::Unmappable(..) => "unmappable",
    };
    // Only names that we know become series.
    let event = if topic(&delivery.event) == Topic::Unused { "other" } else { &delivery.event };
    metrics::counter!("qafila_webhooks_mapped_total", "event" => event.to_owned(), "outcome" => word)
        .increment(1);
}

fn letter(item: Item<Delivery>, error: Unmappable, merchant: Option<MerchantId>) -> Option<DeadLetter> {
    let cause = Cause {
        code: "unmappable",
        detail: error.reason,
        path: Some(error.path),
        merchant: merchant.map(|merchant| merchant.to_string()),
    };
    Some(item.record?.into_dead_letter(item.placed, cause))
}
