//! How many runs one process works on. `/customers` has one budget for all stores (FACTS §6), so a large list of customers takes hours
//! that another store's orders must not wait for: a run whose orders and products are read gives its place to the next run, and waits in
//! a queue of its own.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Runs at a time that still read orders or products. Each mostly waits for its store's rate limit; a page or two of each is in memory.
const MAX_ORDER_RUNS: usize = 200;
/// Runs at a time that only wait for customers.
const MAX_CUSTOMER_RUNS: usize = 400;

/// The places of one process.
pub struct Capacity {
    orders: Arc<Semaphore>,
    customers: Arc<Semaphore>,
}

/// The place of one run; free again when it is dropped.
pub struct Place {
    held: Mutex<OwnedSemaphorePermit>,
    customers: Arc<Semaphore>,
}

impl Default for Capacity {
    fn default() -> Self {
        Self::of(MAX_ORDER_RUNS, MAX_CUSTOMER_RUNS)
    }
}

impl Capacity {
    fn of(orders: usize, customers: usize) -> Self {
        Self { orders: Arc::new(Semaphore::new(orders)), customers: Arc::new(Semaphore::new(customers)) }
    }

    /// A place for another run; none while all are taken.
    pub fn place(&self) -> Option<Place> {
        let held = Arc::clone(&self.orders).try_acquire_owned().ok()?;
        Some(Place { held: Mutex::new(held), customers: Arc::clone(&self.customers) })
    }
}

impl Place {
    /// Moves the run to the queue of those that wait for customers only; false where that queue is full.
    pub fn wait_for_customers(&self) -> bool {
        let Ok(permit) = Arc::clone(&self.customers).try_acquire_owned() else { return false };
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = permit;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_wait_for_customers_only_keep_no_other_stores_orders_waiting() {
        let capacity = Capacity::of(2, 2);
        let waiting: Vec<Place> = (0..2)
            .map(|_| {
                let place = capacity.place().expect("a place for orders");
                assert!(place.wait_for_customers());
                place
            })
            .collect();
        let (first, second) = (capacity.place(), capacity.place());
        assert!(first.is_some() && second.is_some(), "both places for orders are free");
        assert!(capacity.place().is_none(), "no more runs than there are places");
        assert!(!first.is_some_and(|place| place.wait_for_customers()), "the queue is full");
        drop(waiting);
        assert!(second.is_some_and(|place| place.wait_for_customers()), "its places are free again");
        assert!(capacity.place().is_some());
    }
}
