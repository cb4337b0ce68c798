//! What every merged row has, whatever it is of: its key, its revision, and what decides whether it is published.

use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Kind, Source};
use qafila_schemas::records::AvroRecord;
use qafila_schemas::records::observation::Observation;
use sqlx::postgres::PgArguments;

use super::ledger::Ledger;
use super::register::{Origin, Rules, Sightings, Stamp};
use super::table::Columns;

/// Key of a row: merchant, store, Salla's id. Nobody says that ids differ across stores.
pub type Key = (MerchantId, i64, i64);

/// Whose word the creation of a row is, in the order of their worth.
const CREATION_SOURCES: [&str; 4] = ["list", "details", "webhook", "receipt"];
const RECEIPT: usize = 3;

/// The common part of a row. Everything here only grows or is decided by a total order, so the order of
/// arrival does not matter.
#[derive(Debug, Clone, PartialEq)]
pub struct Base {
    /// Merchant, store and Salla's id.
    pub key: Key,
    /// Revision stored; 0 for a row that is not stored yet.
    pub revision: i64,
    /// Connection of the newest observation.
    pub connection_id: ConnectionId,
    /// Creation as lists, details and webhooks say it (the earliest report of each), and the first we heard of it, where that stands in.
    pub created: [Option<Millis>; 4],
    /// Last details read.
    pub read_at: Option<Millis>,
    /// Last word that it is gone.
    pub deleted_at: Option<Millis>,
    /// Since when it has to be read: last news that it changed, or that two sources contradict each other.
    pub stale_since: Option<Millis>,
    /// When it was last seen in whatever source.
    pub seen_at: Option<Millis>,
    /// What else the merge remembers.
    pub ledger: Ledger,
}

impl Base {
    fn blank(observation: &Observation) -> Self {
        Self {
            key: key_of(observation),
            revision: 0,
            connection_id: observation.connection_id,
            created: [None; 4],
            read_at: None,
            deleted_at: None,
            stale_since: None,
            seen_at: None,
            ledger: Ledger::default(),
        }
    }

    /// The creation that decides: list, then details, then webhook (Salla mislabels zones, FACTS §5), then the first we heard of it.
    pub fn created_at(&self) -> Option<Millis> {
        self.created.iter().flatten().next().copied()
    }

    /// Whose word [`created_at`](Self::created_at) is.
    pub fn created_at_from(&self) -> Option<String> {
        let place = self.created.iter().position(Option::is_some)?;
        Some(CREATION_SOURCES[place].to_owned())
    }

    /// Leaves out whose word the creation is.
    pub fn forget_creation_sources(&mut self) {
        self.created = [self.created_at(), None, None, None];
    }

    /// Deleted, unless a details answer said otherwise later.
    pub fn is_deleted(&self) -> bool {
        self.deleted_at > self.read_at && self.deleted_at.is_some()
    }

    /// Remembers what a source said of the creation first: a later event may spell it in another zone (FACTS §5).
    pub fn report_creation(&mut self, stamp: Stamp, at: Option<Millis>) {
        let place = match stamp.origin {
            Origin::List => 0,
            Origin::Details => 1,
            Origin::Webhook | Origin::Other => 2,
        };
        let Some(at) = at else { return };
        let told = self.created[place].zip(self.ledger.created_told[place]);
        let is_earlier = told.is_none_or(|(known, when)| (stamp.observed_at, at) < (when, known));
        if is_earlier {
            (self.created[place], self.ledger.created_told[place]) = (Some(at), Some(stamp.observed_at));
        }
    }

    /// Remembers when we heard of it, which stands in where no source tells its creation.
    pub fn report_receipt(&mut self, at: Millis) {
        self.created[RECEIPT] = earliest(self.created[RECEIPT], Some(at));
    }

    fn name_connection(&mut self, observation: &Observation) {
        let named = (Some(observation.observed_at), observation.connection_id);
        // A repair names the merchant's present connection, and asks about rows of any.
        if observation.source != Source::Repair && named > (self.ledger.connection_at, self.connection_id) {
            (self.ledger.connection_at, self.connection_id) = named;
        }
    }

    /// Whether there was news since it was read.
    pub fn is_stale(&self) -> bool {
        self.stale_since.is_some() && self.stale_since > self.read_at.max(self.deleted_at)
    }

    /// Since when it has to be read, `doubt` included. What a webhook told of an entity that is said to be gone is decided by a read, too.
    fn staleness(&self, doubt: Option<Millis>) -> Option<Millis> {
        let told_after =
            self.ledger.told_at.filter(|told| self.deleted_at.is_some_and(|deleted| *told > deleted));
        self.ledger.news_at.max(doubt).max(told_after)
    }
}

fn earliest(known: Option<Millis>, at: Option<Millis>) -> Option<Millis> {
    match (known, at) {
        (Some(known), Some(at)) => Some(known.min(at)),
        (known, at) => known.or(at),
    }
}

/// The key of the row that an observation is of.
pub fn key_of(observation: &Observation) -> Key {
    (observation.merchant_id, observation.store_id, observation.salla_id)
}

/// A kind of merged row: how observations fold into it, its table, and the fact it is published as.
pub trait MergedRow: Send + Sync + Sized + Clone + 'static {
    /// Table.
    const TABLE: &'static str;
    /// Column of Salla's id.
    const ID: &'static str;
    /// Fact topic.
    const TOPIC: qafila_schemas::catalogue::Topic;
    /// Fact.
    type Fact: AvroRecord + PartialEq;

    /// Columns beyond the common ones, with their types.
    fn columns() -> Vec<(&'static str, &'static str)>;
    /// A row of which nothing is known yet.
    fn blank(base: Base) -> Self;
    /// The common part.
    fn base(&self) -> &Base;
    /// The common part.
    fn base_mut(&mut self) -> &mut Base;
    /// Takes in what an observation says; says whether anything is different now.
    fn observe(&mut self, observation: Observation, stamp: Stamp, rules: Rules) -> bool;
    /// Since when it has to be read because sources contradict each other; none where nothing is in doubt.
    fn doubt(&self, rules: Rules) -> Option<Millis>;
    /// Brings the ledger up to date with the registers, before the row is stored.
    fn remember(&mut self, rules: Rules);
    /// The fact; `None` while it cannot be published (no creation known, where its topic needs one).
    fn into_fact(self, rules: Rules) -> Option<Self::Fact>;
    /// Leaves out of a fact which observation won each field.
    fn forget_stamps(fact: &mut Self::Fact);
    /// Adds one array per column.
    fn bind(rows: &[&Self], arguments: &mut PgArguments) -> Result<(), sqlx::Error>;
    /// Reads the columns; `seen` is what decides each register.
    fn read(
        base: Base,
        columns: &mut Columns<'_>,
        seen: &mut std::vec::IntoIter<Sightings>,
    ) -> Result<Self, sqlx::Error>;

    /// SKUs of which this row would like to know the product.
    fn unresolved_skus(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Tells it the products of SKUs; says whether anything is different now.
    fn resolve(&mut self, _product: &dyn Fn(&str) -> Option<i64>) -> bool {
        false
    }

    /// A row for the key of `observation`, of which nothing is known yet.
    fn new_for(observation: &Observation) -> Self {
        Self::blank(Base::blank(observation))
    }

    /// Folds one observation into what is known of its key; says whether anything is different now.
    fn fold(&mut self, observation: Observation, rules: Rules) -> bool {
        let base = self.base_mut();
        let before = base.clone();
        base.name_connection(&observation);
        let at = Some(observation.observed_at);
        let mut changed = false;
        match observation.kind {
            Kind::Deleted => base.deleted_at = base.deleted_at.max(at),
            Kind::Stale => base.ledger.news_at = base.ledger.news_at.max(at),
            Kind::Seen => {
                let stamp = Stamp::of(&observation);
                base.seen_at = base.seen_at.max(at);
                match stamp.origin {
                    Origin::Details => base.read_at = base.read_at.max(at),
                    Origin::Webhook => base.ledger.told_at = base.ledger.told_at.max(at),
                    Origin::List | Origin::Other => {}
                }
                changed = self.observe(observation, stamp, rules);
            }
            // A request to publish changes nothing; a kind of a later version is not ours to guess.
            Kind::Publish | Kind::Other(_) => {}
        }
        let stale_since = self.base().staleness(self.doubt(rules));
        self.base_mut().stale_since = stale_since;
        changed || *self.base() != before
    }
}

#[cfg(test)]
mod tests {
    use super::super::product::Product;
    use super::*;

    fn stamp(at: i64) -> Stamp {
        Stamp { observed_at: Millis(at), origin: Origin::Webhook, tie: 0 }
    }

    #[test]
    fn of_one_source_the_creation_that_it_told_first_counts_whatever_comes_first() {
        let blank = Observation {
            merchant_id: qafila_schemas::ids::MerchantId::default(),
            connection_id: ConnectionId::default(),
            store_id: 1,
            entity: qafila_schemas::open_set::Entity::Product,
            salla_id: 7,
            kind: Kind::Seen,
            source: Source::Webhook,
            observed_at: Millis(0),
            order: None,
            customer: None,
            product: None,
            cart: None,
            empty: vec![],
            assumed: vec![],
            unreadable: vec![],
        };
        // The event of a new order, and one of its status, whose zone is mislabelled by three hours.
        let told = [(10, 50_000_000), (20, 39_200_000), (30, 39_200_000)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let mut row = Product::new_for(&blank);
            for place in order {
                let (at, created) = told[place];
                row.base_mut().report_creation(stamp(at), Some(Millis(created)));
                row.base_mut().report_creation(stamp(at + 1), None);
            }
            assert_eq!(row.base().created_at(), Some(Millis(50_000_000)), "{order:?}");
        }
    }
}
