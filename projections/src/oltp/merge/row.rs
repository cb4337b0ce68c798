//! What every merged row has, whatever it is of: its key, its revision, and what decides whether it is published.

use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Kind, Source};
use qafila_schemas::records::AvroRecord;
use qafila_schemas::records::observation::Observation;
use sqlx::postgres::{PgArguments, PgRow};

use super::register::{Effect, Origin, Rules, Stamp};

/// Key of a row.
pub type Key = (MerchantId, i64);

/// The common part of a row. Everything here only grows or is decided by a total order, so the order of
/// arrival does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// Merchant and Salla's id.
    pub key: Key,
    /// Revision stored; 0 for a row that is not stored yet.
    pub revision: i64,
    /// Connection of the newest observation.
    pub connection_id: ConnectionId,
    /// Store of the newest observation.
    pub store_id: i64,
    /// Creation as lists, details and webhooks say it (the earliest report of each).
    pub created: [Option<Millis>; 3],
    /// Last details read.
    pub read_at: Option<Millis>,
    /// Last word that it is gone.
    pub deleted_at: Option<Millis>,
    /// Last news that it changed.
    pub stale_since: Option<Millis>,
}

impl Base {
    fn blank(observation: &Observation) -> Self {
        Self {
            key: (observation.merchant_id, observation.salla_id),
            revision: 0,
            connection_id: observation.connection_id,
            store_id: observation.store_id,
            created: [None; 3],
            read_at: None,
            deleted_at: None,
            stale_since: None,
        }
    }

    /// The creation that decides: list, then details, then webhook (Salla mislabels zones, FACTS §5).
    pub fn created_at(&self) -> Option<Millis> {
        self.created.iter().flatten().next().copied()
    }

    /// Deleted, unless a details answer said otherwise later.
    pub fn is_deleted(&self) -> bool {
        self.deleted_at > self.read_at && self.deleted_at.is_some()
    }

    /// Remembers news of a change at `at`.
    pub fn mark_stale(&mut self, at: Option<Millis>) {
        self.stale_since = self.stale_since.max(at);
    }

    /// Remembers what a source says of the creation.
    pub fn report_creation(&mut self, origin: Origin, at: Option<Millis>) {
        let slot = match origin {
            Origin::List => &mut self.created[0],
            Origin::Details => &mut self.created[1],
            Origin::Webhook | Origin::Other => &mut self.created[2],
        };
        *slot = match (*slot, at) {
            (Some(known), Some(at)) => Some(known.min(at)),
            (known, at) => known.or(at),
        };
    }
}

/// A kind of merged row: how observations fold into it, its table, and the fact it is published as.
pub trait MergedRow: Send + Sync + Sized + 'static {
    /// Table.
    const TABLE: &'static str;
    /// Column of Salla's id.
    const ID: &'static str;
    /// Columns beyond the common ones, with their types.
    const COLUMNS: &'static [(&'static str, &'static str)];
    /// Fact topic.
    const TOPIC: qafila_schemas::catalogue::Topic;
    /// Fact.
    type Fact: AvroRecord + PartialEq;

    /// A row of which nothing is known yet.
    fn blank(base: Base) -> Self;
    /// The common part.
    fn base(&self) -> &Base;
    /// The common part.
    fn base_mut(&mut self) -> &mut Base;
    /// Takes in the groups that were seen.
    fn observe(&mut self, observation: Observation, stamp: Stamp, rules: Rules) -> Effect;
    /// Which observation won each group.
    fn stamps(&self) -> Vec<Option<Stamp>>;
    /// The fact; `None` while it cannot be published (no creation known, where its topic needs one).
    fn into_fact(self) -> Option<Self::Fact>;
    /// Leaves out of a fact which observation won each group.
    fn forget_stamps(fact: &mut Self::Fact);
    /// Adds one array per column of [`COLUMNS`](Self::COLUMNS).
    fn bind(rows: &[&Self], arguments: &mut PgArguments) -> Result<(), sqlx::Error>;
    /// Reads the columns, the first of which is number `first`.
    fn read(base: Base, row: &PgRow, first: usize) -> Result<Self, sqlx::Error>;

    /// A row for the key of `observation`, of which nothing is known yet.
    fn new_for(observation: &Observation) -> Self {
        Self::blank(Base::blank(observation))
    }

    /// Folds one observation into what is known of its key; says whether anything is different now.
    fn fold(&mut self, observation: Observation, rules: Rules) -> bool {
        let stamp = Stamp { observed_at: observation.observed_at, origin: Origin::from(&observation.source) };
        let base = self.base_mut();
        let before = *base;
        let newest = base.read_at.max(base.stale_since).max(base.deleted_at);
        // A repair names the merchant's present store, and asks about rows of any.
        let tells_store = observation.source != Source::Repair;
        if tells_store && newest.is_none_or(|newest| observation.observed_at >= newest) {
            base.connection_id = observation.connection_id;
            base.store_id = observation.store_id;
        }
        let mut changed = false;
        match observation.kind {
            Kind::Deleted => base.deleted_at = base.deleted_at.max(Some(observation.observed_at)),
            Kind::Stale => base.mark_stale(Some(observation.observed_at)),
            Kind::Seen => {
                if stamp.origin == Origin::Details {
                    base.read_at = base.read_at.max(Some(observation.observed_at));
                }
                let effect = self.observe(observation, stamp, rules);
                self.base_mut().mark_stale(effect.doubt);
                changed = effect.changed;
            }
            // A request to publish changes nothing; a kind of a later version is not ours to guess.
            Kind::Publish | Kind::Other(_) => {}
        }
        // What a webhook tells of an entity that is said to be gone: a read decides.
        if self.base().deleted_at.is_some() {
            let told_at = self.stamps().into_iter().flatten().filter(|stamp| stamp.origin == Origin::Webhook);
            let told_at = told_at.map(|stamp| stamp.observed_at).max();
            if told_at > self.base().deleted_at {
                self.base_mut().mark_stale(told_at);
            }
        }
        changed || *self.base() != before
    }
}
