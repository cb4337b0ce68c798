//! Rate limits (FACTS §6): a budget a minute per store by its plan, then one request a second until the
//! minute resets; and a budget of 500 customer calls in 10 minutes over all stores (one calling address).

use std::collections::HashMap;

use crate::switches::Switches;

const MINUTE: f64 = 60.0;
const CUSTOMER_WINDOW: f64 = 600.0;

/// Where a store stands after a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Requests a minute; `None` where nothing is limited.
    pub limit: Option<u32>,
    /// Left in this minute.
    pub remaining: u32,
    /// Unix seconds at which the minute resets; where the clock is scaled, now plus the seconds that the scaled clock has left.
    pub reset: u64,
    /// Seconds of the limits' own clock to wait, where the call is refused.
    pub retry_after: Option<u64>,
}

#[derive(Debug, Default)]
struct Window {
    start: f64,
    used: u32,
    last: f64,
    counts: Counts,
}

/// Calls of one store, in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Let through.
    pub allowed: u64,
    /// Refused with 429.
    pub refused: u64,
}

/// All buckets.
#[derive(Debug, Default)]
pub struct Limits {
    stores: HashMap<u64, Window>,
    customers: Window,
    /// Calls refused with 429, in all.
    pub refused: u64,
    /// Calls let through, in all.
    pub allowed: u64,
}

/// Requests a minute of a plan; `None` for the plan `unlimited`, which exists only here.
pub fn per_minute(plan: &str, switches: &Switches) -> Option<u32> {
    match plan {
        "unlimited" => None,
        "plus" => Some(120),
        "pro" => Some(360),
        "special" => Some(720),
        _ => Some(switches.basic_per_minute),
    }
}

impl Limits {
    /// Calls of a store so far.
    pub fn counts(&self, store: u64) -> Counts {
        self.stores.get(&store).map(|window| window.counts).unwrap_or_default()
    }

    /// Counts one call at `now` (unix seconds).
    pub fn call(
        &mut self,
        store: u64,
        plan: &str,
        customers: bool,
        now: f64,
        switches: &Switches,
    ) -> Standing {
        let Some(limit) = per_minute(plan, switches) else {
            self.allowed += 1;
            self.stores.entry(store).or_default().counts.allowed += 1;
            return Standing { limit: None, remaining: 0, reset: now as u64, retry_after: None };
        };
        let minute = MINUTE / switches.time_scale;
        let window = self.stores.entry(store).or_default();
        if now >= window.start + minute {
            *window = Window { start: now, used: 0, last: 0.0, counts: window.counts };
        }
        let scale = switches.time_scale;
        let reset = now + (window.start + minute - now) * scale;
        let over = window.used >= limit && now < window.last + 1.0 / switches.time_scale;
        let budget = CUSTOMER_WINDOW / switches.time_scale;
        if now >= self.customers.start + budget {
            self.customers = Window { start: now, ..Window::default() };
        }
        let customers_over =
            customers && switches.customers_budget > 0 && self.customers.used >= switches.customers_budget;
        let retry_after = if customers_over {
            Some((self.customers.start + budget - now) * scale)
        } else {
            over.then_some(1.0)
        };
        if retry_after.is_some() {
            self.refused += 1;
            window.counts.refused += 1;
        } else {
            window.counts.allowed += 1;
            window.used += 1;
            window.last = now;
            self.customers.used += u32::from(customers);
            self.allowed += 1;
        }
        Standing {
            limit: Some(limit),
            remaining: limit.saturating_sub(window.used),
            reset: reset.ceil() as u64,
            retry_after: retry_after.map(|seconds| seconds.ceil().max(1.0) as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_budget_of_the_minute_one_call_a_second_is_let_through() {
        let (mut limits, switches) = (Limits::default(), Switches::default());
        let mut call =
            |now: f64| limits.call(1, "plus", false, 1000.0 + now, &switches).retry_after.is_none();
        assert!((0..120).all(|i| call(f64::from(i) * 0.01)));
        assert!(!call(1.3));
        assert!(call(2.3));
        assert!(!call(2.5));
        assert!(call(60.1), "the minute has reset");
    }

    #[test]
    fn the_customers_budget_is_shared_by_all_stores() {
        let mut limits = Limits::default();
        let switches = Switches { customers_budget: 3, ..Switches::default() };
        assert!((0..3).all(|store| limits.call(store, "pro", true, 1000.0, &switches).retry_after.is_none()));
        assert_eq!(limits.call(9, "pro", true, 1000.0, &switches).retry_after, Some(600));
        assert_eq!(limits.call(9, "pro", false, 1000.0, &switches).retry_after, None);
    }
}
