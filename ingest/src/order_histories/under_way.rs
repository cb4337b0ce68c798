//! Fetches under way: one of each order, and a few of each store, however many ask.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use qafila_schemas::ids::MerchantId;
use tokio::sync::watch;

use crate::salla::budget::Urgency;

/// Fetches of one store under way at once.
const MAX_OF_STORE: usize = 4;
/// A tool begins no fetch where so many are under way: the rest is left to people.
const MAX_BEGUN_BY_TOOLS: usize = 2;

type Store = (MerchantId, i64);
type Orders = HashMap<i64, watch::Receiver<()>>;

/// Fetches under way in this process.
#[derive(Clone, Default)]
pub(super) struct UnderWay(Arc<Mutex<HashMap<Store, Orders>>>);

/// How to go on with an order.
pub(super) enum Turn {
    /// Nobody fetches it: fetch it, and hold this until it is kept.
    First(Held),
    /// Somebody fetches it: this ends when they are done.
    Second(watch::Receiver<()>),
    /// Its store has as many fetches under way as there may be.
    TooMany,
}

/// Ends with the fetch, whatever becomes of it.
pub(super) struct Held {
    under_way: UnderWay,
    store: Store,
    order: i64,
    _done: watch::Sender<()>,
}

impl UnderWay {
    /// Whose turn it is to fetch an order.
    pub(super) fn enter(&self, store: Store, order: i64, urgency: Urgency) -> Turn {
        let most = match urgency {
            Urgency::Urgent => MAX_OF_STORE,
            Urgency::Background => MAX_BEGUN_BY_TOOLS,
        };
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let orders = stores.entry(store).or_default();
        if let Some(first) = orders.get(&order) {
            return Turn::Second(first.clone());
        }
        if orders.len() >= most {
            return Turn::TooMany;
        }
        let (done, ended) = watch::channel(());
        orders.insert(order, ended);
        Turn::First(Held { under_way: self.clone(), store, order, _done: done })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut stores = self.under_way.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = stores.get_mut(&self.store) {
            orders.remove(&self.order);
            if orders.is_empty() {
                stores.remove(&self.store);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const STORE: Store = (MerchantId(Uuid::nil()), 7);

    #[tokio::test]
    async fn one_fetches_an_order_and_the_others_wait_for_it() {
        let under_way = UnderWay::default();
        let Turn::First(held) = under_way.enter(STORE, 1, Urgency::Urgent) else {
            panic!("nobody was there")
        };
        let Turn::Second(mut first) = under_way.enter(STORE, 1, Urgency::Urgent) else {
            panic!("somebody was there")
        };
        drop(held);
        assert!(first.changed().await.is_err(), "it has ended");
        assert!(matches!(under_way.enter(STORE, 1, Urgency::Urgent), Turn::First(_)));
    }

    #[test]
    fn a_store_has_a_few_fetches_and_takes_none_from_another() {
        let under_way = UnderWay::default();
        let held: Vec<Turn> =
            (0..MAX_OF_STORE as i64).map(|order| under_way.enter(STORE, order, Urgency::Urgent)).collect();
        assert!(held.iter().all(|turn| matches!(turn, Turn::First(_))));
        assert!(matches!(under_way.enter(STORE, 100, Urgency::Urgent), Turn::TooMany));
        assert!(matches!(under_way.enter((STORE.0, 8), 100, Urgency::Urgent), Turn::First(_)));
        drop(held);
        assert!(under_way.0.lock().expect("no panic").is_empty(), "nothing is left behind");
    }

    #[test]
    fn tools_leave_room_for_people() {
        let under_way = UnderWay::default();
        let ask = |order, urgency| under_way.enter(STORE, order, urgency);
        let tools = [ask(1, Urgency::Background), ask(2, Urgency::Background)];
        assert!(tools.iter().all(|turn| matches!(turn, Turn::First(_))));
        assert!(matches!(ask(3, Urgency::Background), Turn::TooMany));
        assert!(matches!(ask(3, Urgency::Urgent), Turn::First(_)));
    }
}
