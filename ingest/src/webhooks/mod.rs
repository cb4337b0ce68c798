//! The webhook mapper (ARCHITECTURE §5): from `salla.webhooks.raw` to observations. A delivery is opened, told from its repeats,
//! mapped and written; offsets move only after Kafka has acknowledged what came of it.

pub mod coverage;
mod deliveries;
mod inbox;
pub mod packing;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt, TryStreamExt};
use qafila_schemas::catalogue::WEBHOOKS_RAW;
use qafila_schemas::contract::Contract;
use qafila_schemas::dead_letter::{Cause, DeadLetter, DeadLetters};
use qafila_schemas::envelope::{BodySealer, OperatorKeys, SealError};
use qafila_schemas::ids::MerchantId;
use qafila_schemas::millis::Millis;
use qafila_schemas::reader::{Batch, Item, OffsetKeeper, Reader, ReaderConfig};
use qafila_schemas::records::webhook::SEALED_FOR;
use qafila_schemas::sealed::KeyStoreError;
use qafila_schemas::writer::WriteError;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use self::deliveries::Deliveries;
use self::inbox::{DecodeDeliveries, Delivery};
use crate::app_events::queue::{AppEventQueue, Arrived, QueueError};
use crate::drafts::Drafts;
use crate::mapping::seal::{KEY_IS_DAMAGED, UNSEALABLE, Unsealable};
use crate::mapping::webhooks::app::app_event;
use crate::mapping::webhooks::{Envelope, Topic, observe, topic};
use crate::mapping::{Owner, Unmappable, Unsealed};
use crate::observations::{ObservationError, ObservationWriter};
use crate::owners;
use crate::role_error::RoleError;
use crate::salla::client::SallaApi;

/// Consumer group.
pub const GROUP: &str = "qafila-ingest-webhooks";
const CONSUMER: &str = "ingest-webhooks";
const BATCH_RECORDS: usize = 1_000;
const BATCH_BYTES: usize = 8 << 20;
/// A batch costs a write to each partition, a claim and a commit, whether it has one delivery or hundreds.
const BATCH_AGE: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(500);
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// A batch that takes longer hangs on something: it is begun anew.
const A_BATCH_TAKES: Duration = Duration::from_secs(90);
/// Merchants whose observations are on their way at once.
const WRITES_AT_ONCE: usize = 32;

/// Why a batch is read again.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Observations(#[from] ObservationError),
    #[error(transparent)]
    DeadLetters(#[from] WriteError),
    #[error(transparent)]
    AppEvents(#[from] QueueError),
    /// Whoever took it has a key that we were not given: nothing is given up for that.
    #[error("sealed under operator key {0:?}, which is not in QAFILA_OPERATOR_KEYS of this process")]
    UnknownKey(String),
    #[error("a batch did not end within {A_BATCH_TAKES:?}")]
    TooSlow,
}

/// What the role needs.
pub struct WebhookRole {
    /// The ingest role's pool.
    pub pool: PgPool,
    /// Kafka and registry.
    pub contract: Contract,
    /// The operator's keys, which open bodies.
    pub operator_keys: OperatorKeys,
    /// Where observations go.
    pub observations: Arc<ObservationWriter>,
    /// Salla, for its clock.
    pub salla: Arc<SallaApi>,
    /// Stable slot of this process.
    pub slot: String,
}

/// Maps webhooks until `shutdown`.
pub async fn run(role: WebhookRole, shutdown: CancellationToken) -> Result<(), RoleError> {
    let config = ReaderConfig {
        group: GROUP.into(),
        slot: role.slot,
        topics: vec![WEBHOOKS_RAW.name.into()],
        max_records: BATCH_RECORDS,
        max_bytes: BATCH_BYTES,
        max_age: BATCH_AGE,
        fetch_min_bytes: 1,
        offsets: OffsetKeeper::Broker,
    };
    let contract = role.contract;
    let app_events = AppEventQueue::new(role.pool.clone(), role.operator_keys.clone());
    let decode =
        DecodeDeliveries::new(contract.registry.decoder()?, BodySealer::new(role.operator_keys, SEALED_FOR));
    let mapper = Mapper {
        observations: role.observations,
        app_events,
        dead_letters: DeadLetters::new(contract.writer()?, CONSUMER),
        deliveries: Deliveries::new(role.pool.clone()),
        salla: role.salla,
        drafts: Drafts::new(role.pool.clone()),
        pool: role.pool.clone(),
    };
    let forgetting = tokio::spawn(forget(Deliveries::new(role.pool), shutdown.clone()));
    let mut reader = Reader::start(&contract.kafka, &contract.registry, config, decode)?;
    let ended = loop {
        let mut batch = tokio::select! {
            batch = reader.next() => match batch { Ok(batch) => batch, Err(error) => break Err(error.into()) },
            () = shutdown.cancelled() => break Ok(()),
        };
        let mapped = tokio::time::timeout(A_BATCH_TAKES, mapper.map(&mut batch)).await;
        match mapped.unwrap_or(Err(Interrupted::TooSlow)) {
            Ok(()) => {
                reader.assignment().commit(&batch);
                reader.assignment().finished_batch();
            }
            Err(error) => {
                metrics::counter!("qafila_webhooks_interrupted_total").increment(1);
                tracing::warn!(event = "webhooks interrupted", error = %error);
                // What is too much for a slow database at once may be done in parts.
                reader.assignment().halve_batches();
                reader.assignment().rewind();
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    forgetting.abort();
    ended
}

/// Forgets old deliveries, hour by hour.
async fn forget(deliveries: Deliveries, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        if let Err(error) = deliveries.forget().await {
            tracing::warn!(event = "old deliveries not forgotten", error = %error);
        }
        tokio::time::sleep(FORGET_EVERY).await;
    }
}

/// Maps batches.
struct Mapper {
    observations: Arc<ObservationWriter>,
    app_events: AppEventQueue,
    dead_letters: DeadLetters,
    deliveries: Deliveries,
    salla: Arc<SallaApi>,
    drafts: Drafts,
    pool: PgPool,
}

/// What came of a delivery.
enum Outcome {
    /// Observations, and whose.
    Observed(Vec<Unsealed>, MerchantId),
    /// An event of the app itself, of this store.
    App(Envelope),
    /// Not ours to use, for the reason of this name.
    Passed(&'static str),
    /// Set aside.
    Unmappable(Unmappable, Option<MerchantId>),
}

/// What a merchant's deliveries told, and the deliveries, each with what it told of.
type Told = (Vec<Unsealed>, Vec<(Vec<Unsealable>, Item<Delivery>)>);

impl Mapper {
    async fn map(&self, batch: &mut Batch<Delivery>) -> Result<(), Interrupted> {
        let items = std::mem::take(&mut batch.items);
        let mut letters = std::mem::take(&mut batch.bad);
        if let Some(key) = items.iter().find_map(|item| item.value.unknown_key()) {
            return Err(Interrupted::UnknownKey(key));
        }
        let fresh = self.deliveries.claim(&items).await?;
        let stores = items.iter().filter_map(|item| item.value.store()).collect();
        let owners = owners::of(&self.pool, stores).await?;
        // Received by our clock; told by Salla's.
        let ahead_ms = self.salla.now().0 - Millis::now().0;
        let mut told: HashMap<MerchantId, Told> = HashMap::new();
        for (item, fresh) in items.into_iter().zip(fresh) {
            let outcome =
                if fresh { outcome(&item.value, &owners, ahead_ms) } else { Outcome::Passed("repeated") };
            count(&item.value, &outcome);
            match outcome {
                Outcome::Observed(unsealed, merchant) => {
                    let (all, items) = told.entry(merchant).or_default();
                    items.push((unsealed.iter().map(Unsealed::named).collect(), item));
                    all.extend(unsealed);
                }
                Outcome::App(envelope) => self.put_app_event(&item.value, &envelope).await?,
                Outcome::Passed(_) => {}
                Outcome::Unmappable(error, merchant) => {
                    letters.extend(letter(item, "unmappable", error, merchant));
                }
            }
        }
        let writing = told.into_iter().map(|(merchant, told)| self.write(merchant, told));
        let unsealable: Vec<Vec<DeadLetter>> =
            stream::iter(writing).buffer_unordered(WRITES_AT_ONCE).try_collect().await?;
        letters.extend(unsealable.into_iter().flatten());
        self.dead_letters.write(letters).await?;
        Ok(())
    }

    /// App events may need Salla's answer: they are decided beside the mapper.
    async fn put_app_event(&self, delivery: &Delivery, envelope: &Envelope) -> Result<(), Interrupted> {
        let arrived = Arrived {
            position: &delivery.position,
            store_id: envelope.merchant,
            event: &envelope.event,
            created_at: envelope.created_at.unwrap_or(delivery.received_at),
            received_at: delivery.received_at,
            data: &envelope.data,
        };
        Ok(self.app_events.put(&arrived).await?)
    }

    /// Writes what a merchant's deliveries told. Those of people whose keys are damaged, and all of a merchant whose own key does not open,
    /// are set aside, and nobody else waits for them.
    async fn write(
        &self,
        merchant: MerchantId,
        (unsealed, items): Told,
    ) -> Result<Vec<DeadLetter>, Interrupted> {
        self.drafts.note(&unsealed).await?;
        match self.observations.write(merchant, unsealed).await {
            Ok(unsealable) if unsealable.is_empty() => Ok(vec![]),
            Ok(unsealable) => {
                let lost =
                    items.into_iter().filter(|(named, _)| named.iter().any(|one| unsealable.contains(one)));
                Ok(letters(lost, merchant, UNSEALABLE, KEY_IS_DAMAGED))
            }
            Err(ObservationError::Keys(KeyStoreError::Seal(error))) => {
                // The operator may have put away a key too early; it is put back, and they are tried again.
                let is_missing = matches!(error, SealError::UnknownKey(_));
                let code = if is_missing { "key_missing" } else { UNSEALABLE };
                Ok(letters(items.into_iter(), merchant, code, &error.to_string()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn letters(
    lost: impl Iterator<Item = (Vec<Unsealable>, Item<Delivery>)>,
    merchant: MerchantId,
    code: &'static str,
    reason: &str,
) -> Vec<DeadLetter> {
    let cause = || Unmappable { path: String::new(), reason: reason.to_owned() };
    lost.filter_map(|(_, item)| letter(item, code, cause(), Some(merchant))).collect()
}

fn outcome(delivery: &Delivery, owners: &HashMap<i64, Owner>, ahead_ms: i64) -> Outcome {
    // A defect of ours in one body must not stop the others, for ever.
    catch_unwind(AssertUnwindSafe(|| read(delivery, owners, ahead_ms))).unwrap_or_else(|_| {
        let reason = "mapping it fails in a way that we did not expect".into();
        Outcome::Unmappable(Unmappable { path: String::new(), reason }, None)
    })
}

fn read(delivery: &Delivery, owners: &HashMap<i64, Owner>, ahead_ms: i64) -> Outcome {
    let is_unused = !delivery.event.is_empty() && topic(&delivery.event) == Topic::Unused;
    let envelope = match delivery.body().and_then(|body| Envelope::read(&body)) {
        Ok(envelope) => envelope,
        // An event that we do not use may have any shape.
        Err(_) if is_unused => return Outcome::Passed("unused"),
        Err(error) => {
            let owner = delivery.store_id.and_then(|store| owners.get(&store));
            return Outcome::Unmappable(error, owner.map(|owner| owner.merchant_id));
        }
    };
    let what = match topic(&envelope.event) {
        Topic::Entity(what) => what,
        Topic::App => {
            let at = envelope.created_at.unwrap_or(delivery.received_at);
            let read = app_event(&envelope.event, &envelope.data, at.to_utc());
            return read.map_or_else(|error| Outcome::Unmappable(error, None), |_| Outcome::App(envelope));
        }
        Topic::Unused => return Outcome::Passed("unused"),
    };
    // A store that nobody is connected to: what is missed meanwhile is read when somebody connects it.
    let Some(owner) = owners.get(&envelope.merchant) else { return Outcome::Passed("unclaimed") };
    match observe(what, &envelope, *owner, Millis(delivery.received_at.0 + ahead_ms)) {
        Ok(unsealed) => Outcome::Observed(unsealed, owner.merchant_id),
        Err(error) => Outcome::Unmappable(error, Some(owner.merchant_id)),
    }
}

fn count(delivery: &Delivery, outcome: &Outcome) {
    let word = match outcome {
        Outcome::Observed(all, _) if all.iter().all(Unsealed::is_news_only) => "stale",
        Outcome::Observed(..) => "observed",
        Outcome::App(_) => "app",
        Outcome::Passed(word) => word,
        Outcome::Unmappable(..) => "unmappable",
    };
    // Only names that we know become series.
    let event = match topic(&delivery.event) {
        Topic::Entity(_) => delivery.event.as_str(),
        Topic::App => "app",
        Topic::Unused => "other",
    };
    metrics::counter!("qafila_webhooks_mapped_total", "event" => event.to_owned(), "outcome" => word)
        .increment(1);
}

fn letter(
    item: Item<Delivery>,
    code: &'static str,
    error: Unmappable,
    merchant: Option<MerchantId>,
) -> Option<DeadLetter> {
    let cause = Cause {
        code,
        detail: error.reason,
        path: Some(error.path),
        merchant: merchant.map(|merchant| merchant.to_string()),
    };
    Some(item.record?.into_dead_letter(item.placed, cause))
}
