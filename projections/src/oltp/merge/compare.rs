//! What an observation would change, without changing it: for the nightly reconciliation, which publishes only differences
//! (ARCHITECTURE §5).

use std::collections::HashMap;

use qafila_schemas::ids::ConnectionId;
use qafila_schemas::open_set::{Entity, Kind, Source};
use qafila_schemas::records::observation::Observation;
use sqlx::{PgConnection, PgPool};

use super::cart::Cart;
use super::customer::Customer;
use super::order::Order;
use super::product::Product;
use super::register::Rules;
use super::row::{Key, MergedRow, key_of};
use super::table;

/// How an observation relates to what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing is stored under its key.
    New,
    /// The row would be another.
    Differs,
    /// The row would be the same, but there was news of it, or it was never read in detail: the observation is waited for.
    Awaited,
    /// A list shows what the row says is deleted. Only a read may tell which is right.
    Buried,
    /// The row would be the same.
    Same,
}

/// Compares each observation with the row of its key.
pub async fn compare(
    pool: &PgPool,
    rules: Rules,
    observations: Vec<Observation>,
) -> Result<Vec<Comparison>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let mut places: HashMap<Entity, Vec<(usize, Observation)>> = HashMap::new();
    let mut compared = vec![Comparison::Same; observations.len()];
    for (place, observation) in observations.into_iter().enumerate() {
        places.entry(observation.entity.clone()).or_default().push((place, observation));
    }
    for (entity, observations) in places {
        let of_entity = match entity {
            Entity::Order => compare_rows::<Order>(&mut connection, rules, observations).await?,
            Entity::Customer => compare_rows::<Customer>(&mut connection, rules, observations).await?,
            Entity::Product => compare_rows::<Product>(&mut connection, rules, observations).await?,
            Entity::Cart => compare_rows::<Cart>(&mut connection, rules, observations).await?,
            Entity::Other(_) => vec![],
        };
        for (place, comparison) in of_entity {
            compared[place] = comparison;
        }
    }
    Ok(compared)
}

async fn compare_rows<R: MergedRow>(
    connection: &mut PgConnection,
    rules: Rules,
    observations: Vec<(usize, Observation)>,
) -> Result<Vec<(usize, Comparison)>, sqlx::Error> {
    let mut keys: Vec<Key> = observations.iter().map(|(_, o)| key_of(o)).collect();
    keys.sort_unstable();
    keys.dedup();
    let known: HashMap<Key, R> = table::load(connection, &keys).await?;
    let compared = observations.into_iter().map(|(place, observation)| {
        let row = known.get(&key_of(&observation));
        let comparison = match row {
            Some(row) => of_known(row, observation, rules),
            None => of_unknown(&observation),
        };
        (place, comparison)
    });
    Ok(compared.collect())
}

fn of_unknown(observation: &Observation) -> Comparison {
    if observation.kind == Kind::Seen { Comparison::New } else { Comparison::Same }
}

fn of_known<R: MergedRow>(row: &R, observation: Observation, rules: Rules) -> Comparison {
    let before = row.base();
    let is_listed = observation.kind == Kind::Seen && observation.source == Source::List;
    let mut folded = row.clone();
    folded.fold(observation, rules);
    let after = folded.base();
    let doubted = after.stale_since > before.stale_since;
    let read = after.read_at > before.read_at;
    if is_listed && after.is_deleted() {
        Comparison::Buried
    } else if before.is_deleted() != after.is_deleted()
        || doubted
        || content(row, rules) != content(&folded, rules)
    {
        Comparison::Differs
    } else if read && (before.stale_since > before.read_at || before.read_at.is_none()) {
        Comparison::Awaited
    } else {
        Comparison::Same
    }
}

/// The row as analysts see it, without what tells one observation from another.
fn content<R: MergedRow>(row: &R, rules: Rules) -> Option<R::Fact> {
    let mut bare = row.clone();
    let base = bare.base_mut();
    (base.revision, base.connection_id) = (0, ConnectionId::default());
    // Whose word a creation is differs until each source has told it once; what counts is when it was.
    base.forget_creation_sources();
    let mut fact = bare.into_fact(rules)?;
    R::forget_stamps(&mut fact);
    Some(fact)
}

#[cfg(test)]
mod tests {
    use qafila_schemas::ids::MerchantId;
    use qafila_schemas::millis::Millis;
    use qafila_schemas::records::observation::ProductObservation;

    use super::*;

    const RULES: Rules = Rules { list_cache_window_ms: 900_000 };

    fn observation(kind: Kind, source: Source, at: i64, name: &str) -> Observation {
        let product = ProductObservation { name: Some(name.into()), ..ProductObservation::default() };
        Observation {
            merchant_id: MerchantId::default(),
            connection_id: ConnectionId::generate(),
            store_id: 1,
            entity: Entity::Product,
            salla_id: 7,
            kind: kind.clone(),
            source,
            observed_at: Millis(at),
            order: None,
            customer: None,
            product: (kind == Kind::Seen).then(|| Box::new(product)),
            cart: None,
            empty: vec![],
            assumed: vec![],
            unreadable: vec![],
        }
    }

    fn stored(observations: &[Observation]) -> Product {
        let mut row = Product::new_for(&observations[0]);
        for observation in observations {
            row.fold(observation.clone(), RULES);
        }
        row
    }

    #[test]
    fn only_what_would_change_the_row_or_is_waited_for_is_told() {
        let read = |at, name| observation(Kind::Seen, Source::Details, at, name);
        let listed = |at, name| observation(Kind::Seen, Source::List, at, name);
        let row = stored(&[read(1_000_000, "tea")]);
        assert_eq!(of_known(&row, read(2_000_000, "tea"), RULES), Comparison::Same);
        assert_eq!(of_known(&row, read(2_000_000, "coffee"), RULES), Comparison::Differs);
        assert_eq!(of_known(&row, read(500_000, "coffee"), RULES), Comparison::Same, "it is older");
        assert_eq!(of_known(&row, listed(5_000_000, "tea"), RULES), Comparison::Same);
        assert_eq!(of_known(&row, listed(5_000_000, "coffee"), RULES), Comparison::Differs);
        let doubt = of_known(&row, listed(1_500_000, "coffee"), RULES);
        assert_eq!(doubt, Comparison::Differs, "nobody knows which is right, so it is fetched");
        let gone = observation(Kind::Deleted, Source::Details, 2_000_000, "");
        assert_eq!(of_known(&row, gone.clone(), RULES), Comparison::Differs);
        let deleted = stored(&[read(1_000_000, "tea"), gone.clone()]);
        assert_eq!(
            of_known(&deleted, observation(Kind::Deleted, Source::Details, 3_000_000, ""), RULES),
            Comparison::Same
        );
        assert_eq!(of_known(&deleted, read(3_000_000, "tea"), RULES), Comparison::Differs, "it is back");
        assert_eq!(of_known(&deleted, listed(3_000_000, "tea"), RULES), Comparison::Buried);
        assert_eq!(of_known(&deleted, listed(3_000_000, "coffee"), RULES), Comparison::Buried);
        assert_eq!(
            of_known(&deleted, read(1_500_000, "tea"), RULES),
            Comparison::Same,
            "read before it went"
        );
        let news = observation(Kind::Stale, Source::Webhook, 1_500_000, "");
        let stale = stored(&[read(1_000_000, "tea"), news]);
        assert_eq!(of_known(&stale, read(2_000_000, "tea"), RULES), Comparison::Awaited);
        assert_eq!(
            of_known(&stale, listed(9_000_000, "tea"), RULES),
            Comparison::Same,
            "a list clears no news"
        );
        let thin = stored(&[listed(1_000_000, "tea")]);
        assert_eq!(of_known(&thin, read(2_000_000, "tea"), RULES), Comparison::Awaited);
        assert_eq!(of_unknown(&gone), Comparison::Same, "what is not stored need not be deleted");
    }
}
