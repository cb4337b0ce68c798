//! The topic catalogue (ARCHITECTURE §3): every topic with its owner, key, partitions, retention and
//! meaning. `qafila topics`, the creation of topics and the AsyncAPI document all come from here.

use crate::records::AvroRecord;
use crate::records::erasure::Erasure;
use crate::records::export as x;
use crate::records::fact::{CartFact, CustomerFact, OrderFact, ProductFact};
use crate::records::merchant as m;
use crate::records::observation::Observation;
use crate::records::reconciliation::ReconciliationRun;
use crate::records::store::StoreOfConnection;
use crate::records::sync as s;
use crate::records::webhook::RawWebhook;

/// How a topic forgets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cleanup {
    /// Records are deleted after so many days.
    Delete {
        /// Days.
        days: u32,
    },
    /// The last record of each key is kept.
    Compact,
}

/// How the registry subject of a record is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectNaming {
    /// One record type a topic: `<topic>-value`.
    Topic,
    /// Several: `<topic>-<full record name>`, so that a new event type never breaks compatibility.
    TopicRecord,
}

/// A record type of a topic.
#[derive(Debug, Clone, Copy)]
pub struct RecordType {
    /// Name without namespace.
    pub name: &'static str,
    /// Name with namespace.
    pub full_name: &'static str,
    /// Schema as JSON.
    pub schema: &'static str,
}

/// One topic.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    /// Name without the prefix of a test.
    pub name: &'static str,
    /// The part of Qafila that alone writes it.
    pub owner: &'static str,
    /// What the key is.
    pub key: &'static str,
    /// Partitions; fixed, because changing them breaks the order per key.
    pub partitions: i32,
    /// How it forgets.
    pub cleanup: Cleanup,
    /// How subjects are named.
    pub subjects: SubjectNaming,
    /// What it holds.
    pub records: &'static [RecordType],
    /// One line of documentation.
    pub doc: &'static str,
}

impl Topic {
    /// Registry subject of record `full_name` on this topic, whose name on the brokers is `topic`.
    pub fn subject(&self, topic: &str, full_name: &str) -> String {
        match self.subjects {
            SubjectNaming::Topic => format!("{topic}-value"),
            SubjectNaming::TopicRecord => format!("{topic}-{full_name}"),
        }
    }

    /// Each schema of this version that the topic may hold, with its subject; the topic's name on the brokers is `topic`.
    pub fn schemas(&self, topic: &str) -> impl Iterator<Item = (String, &'static str)> {
        self.records.iter().map(move |record| (self.subject(topic, record.full_name), record.schema))
    }

    /// Days that dead letters of this topic are kept.
    pub fn dead_letter_days(&self) -> u32 {
        if self.name == WEBHOOKS_RAW.name { 30 } else { 90 }
    }
}

/// What dead letters of `topic` are written to.
pub fn dead_letter_topic(topic: &str) -> String {
    format!("{topic}.dlq")
}

const fn record<T: AvroRecord>(full_name: &'static str) -> RecordType {
    RecordType { name: T::NAME, full_name, schema: T::SCHEMA }
}

/// `qafila.merchant.events`
pub const MERCHANT_EVENTS: Topic = Topic {
    name: "qafila.merchant.events",
    owner: "relay",
    key: "merchant id",
    partitions: 6,
    cleanup: Cleanup::Delete { days: 400 },
    subjects: SubjectNaming::TopicRecord,
    records: &[
        record::<m::MerchantRegistered>("qafila.merchant.MerchantRegistered"),
        record::<m::MerchantRenamed>("qafila.merchant.MerchantRenamed"),
        record::<m::StoreConnected>("qafila.merchant.StoreConnected"),
        record::<m::StoreDisconnected>("qafila.merchant.StoreDisconnected"),
        record::<m::ReauthorisationNeeded>("qafila.merchant.ReauthorisationNeeded"),
        record::<m::AccessRestored>("qafila.merchant.AccessRestored"),
    ],
    doc: "Merchant registered, renamed, store connected, disconnected, access lost, restored; no secret and no e-mail address.",
};

/// `qafila.sync-job.events`
pub const SYNC_JOB_EVENTS: Topic = Topic {
    name: "qafila.sync-job.events",
    owner: "relay",
    key: "merchant id",
    partitions: 6,
    cleanup: Cleanup::Delete { days: 400 },
    subjects: SubjectNaming::TopicRecord,
    records: &[
        record::<s::SyncRequested>("qafila.sync.SyncRequested"),
        record::<s::SyncTakenOver>("qafila.sync.SyncTakenOver"),
        record::<s::SliceImported>("qafila.sync.SliceImported"),
        record::<s::SyncPaused>("qafila.sync.SyncPaused"),
        record::<s::SyncResumed>("qafila.sync.SyncResumed"),
        record::<s::SyncCompleted>("qafila.sync.SyncCompleted"),
        record::<s::SyncFailed>("qafila.sync.SyncFailed"),
        record::<s::SyncCancelled>("qafila.sync.SyncCancelled"),
    ],
    doc: "What happened to the import of a store.",
};

/// `qafila.export.events`
pub const EXPORT_EVENTS: Topic = Topic {
    name: "qafila.export.events",
    owner: "relay",
    key: "merchant id",
    partitions: 6,
    cleanup: Cleanup::Delete { days: 400 },
    subjects: SubjectNaming::TopicRecord,
    records: &[
        record::<x::ExportRequested>("qafila.export.ExportRequested"),
        record::<x::ExportTakenOver>("qafila.export.ExportTakenOver"),
        record::<x::ExportCompleted>("qafila.export.ExportCompleted"),
        record::<x::ExportFailed>("qafila.export.ExportFailed"),
        record::<x::ExportRevoked>("qafila.export.ExportRevoked"),
        record::<x::ExportExpired>("qafila.export.ExportExpired"),
    ],
    doc: "What happened to a report file.",
};

/// `qafila.sync.progress`
pub const SYNC_PROGRESS: Topic = Topic {
    name: "qafila.sync.progress",
    owner: "ingest",
    key: "merchant id",
    partitions: 12,
    cleanup: Cleanup::Compact,
    subjects: SubjectNaming::Topic,
    records: &[record::<s::SyncProgress>("qafila.sync.SyncProgress")],
    doc: "Counts, rate and predicted end of a running import, at most one a second.",
};

/// `qafila.reconciliation.runs`
pub const RECONCILIATION_RUNS: Topic = Topic {
    name: "qafila.reconciliation.runs",
    owner: "ingest",
    key: "merchant id",
    partitions: 12,
    cleanup: Cleanup::Delete { days: 400 },
    subjects: SubjectNaming::Topic,
    records: &[record::<ReconciliationRun>("qafila.reconciliation.ReconciliationRun")],
    doc: "One record a run of the nightly reconciliation: window, summary, cause of failure.",
};

/// `qafila.completeness`
pub const COMPLETENESS: Topic = Topic {
    name: "qafila.completeness",
    owner: "ingest",
    key: "connection id",
    partitions: 12,
    cleanup: Cleanup::Compact,
    subjects: SubjectNaming::Topic,
    records: &[record::<s::Completeness>("qafila.sync.Completeness")],
    doc: "Of which time a store is complete, per resource, and why that stands still.",
};

/// `qafila.stores`
pub const STORES: Topic = Topic {
    name: "qafila.stores",
    owner: "ingest",
    key: "connection id",
    partitions: 12,
    cleanup: Cleanup::Compact,
    subjects: SubjectNaming::Topic,
    records: &[record::<StoreOfConnection>("qafila.store.StoreOfConnection")],
    doc: "Which store a connection is of, its name, currency and zone, and since when and until when it is connected.",
};

/// `salla.webhooks.raw`
pub const WEBHOOKS_RAW: Topic = Topic {
    name: "salla.webhooks.raw",
    owner: "gateway",
    key: "store id",
    partitions: 12,
    cleanup: Cleanup::Delete { days: 30 },
    subjects: SubjectNaming::Topic,
    records: &[record::<RawWebhook>("salla.webhook.RawWebhook")],
    doc: "The exact bytes Salla signed, sealed, with receipt time, event name and body hash.",
};

/// `salla.observations`
pub const OBSERVATIONS: Topic = Topic {
    name: "salla.observations",
    owner: "ingest",
    key: "<merchant id>:<entity>:<salla id>",
    partitions: 12,
    cleanup: Cleanup::Delete { days: 14 },
    subjects: SubjectNaming::Topic,
    records: &[record::<Observation>("salla.observation.Observation")],
    doc: "What was seen of an order, customer, product or cart, and when: partial or full.",
};

/// `salla.orders`
pub const ORDERS: Topic = Topic {
    name: "salla.orders",
    owner: "projections/oltp",
    key: "<merchant id>:<store id>:<salla id>",
    partitions: 12,
    cleanup: Cleanup::Compact,
    subjects: SubjectNaming::Topic,
    records: &[record::<OrderFact>("salla.fact.OrderFact")],
    doc: "The merged, complete current state of every order; a tombstone where deleted.",
};

/// `salla.customers`
pub const CUSTOMERS: Topic = Topic {
    name: "salla.customers",
    owner: "projections/oltp",
    key: "<merchant id>:<store id>:<salla id>",
    partitions: 12,
    cleanup: Cleanup::Compact,
    subjects: SubjectNaming::Topic,
    records: &[record::<CustomerFact>("salla.fact.CustomerFact")],
    doc: "The merged, complete current state of every customer; a tombstone where deleted.",
};

/// `salla.products`
pub const PRODUCTS: Topic = Topic {
    name: "salla.products",
    owner: "projections/oltp",
    key: "<merchant id>:<store id>:<salla id>",
    partitions: 12,
    cleanup: Cleanup::Compact,
    subjects: SubjectNaming::Topic,
    records: &[record::<ProductFact>("salla.fact.ProductFact")],
    doc: "The merged, complete current state of every product; a tombstone where deleted.",
};

/// `salla.carts`
pub const CARTS: Topic = Topic {
    name: "salla.carts",
    owner: "projections/oltp",
    key: "<merchant id>:<store id>:<salla id>",
    partitions: 12,
    cleanup: Cleanup::Compact,
    subjects: SubjectNaming::Topic,
    records: &[record::<CartFact>("salla.fact.CartFact")],
    doc: "The merged, complete current state of every abandoned cart; a tombstone where deleted.",
};

/// `qafila.erasures`
pub const ERASURES: Topic = Topic {
    name: "qafila.erasures",
    owner: "erase",
    key: "subject",
    partitions: 12,
    cleanup: Cleanup::Compact,
    subjects: SubjectNaming::Topic,
    records: &[record::<Erasure>("qafila.erasure.Erasure")],
    doc: "Ledger of destroyed keys, without a personal value; applied again after a restore.",
};

/// Every topic, in the order of ARCHITECTURE §3.
pub const TOPICS: [Topic; 14] = [
    MERCHANT_EVENTS,
    SYNC_JOB_EVENTS,
    EXPORT_EVENTS,
    SYNC_PROGRESS,
    RECONCILIATION_RUNS,
    COMPLETENESS,
    STORES,
    WEBHOOKS_RAW,
    OBSERVATIONS,
    ORDERS,
    CUSTOMERS,
    PRODUCTS,
    CARTS,
    ERASURES,
];
