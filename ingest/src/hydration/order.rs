//! Reading one order whole: details and items, and what it means where one of them is not there. An order that always fails
//! must not stop the others (ARCHITECTURE §7.3), and a Salla that fails must not look like an order's fault.

use std::sync::{Arc, Mutex, PoisonError};

use qafila_schemas::millis::Millis;
use serde_json::value::RawValue;

use crate::mapping::orders::items_within;
use crate::salla::client::{Answer, SallaClient, SallaError};

/// What was read of one order.
pub(super) enum OrderRead {
    /// Everything.
    Whole {
        /// Details.
        details: Answer,
        /// Items.
        items: Box<RawValue>,
    },
    /// Salla has said twice that it does not know it; the time is before the second question.
    Gone(Millis),
    /// Salla refuses this very order, while others can be read.
    Refused(SallaError),
}

/// Reads orders of one store. Clones share what they learn.
#[derive(Clone)]
pub(super) struct OrderReader {
    client: SallaClient,
    /// An order that could be read lately, to tell an order's own fault from Salla's.
    readable: Arc<Mutex<Option<i64>>>,
}

impl OrderReader {
    /// Reads through `client`.
    pub(super) fn new(client: SallaClient) -> Self {
        Self { client, readable: Arc::default() }
    }

    /// Details and items of an order.
    pub(super) async fn read(&self, order_id: i64) -> Result<OrderRead, SallaError> {
        let read = match self.try_read(order_id).await {
            Ok(read) => read,
            Err(error) if self.is_its_own(order_id, &error).await => OrderRead::Refused(error),
            Err(error) => return Err(error),
        };
        if matches!(read, OrderRead::Whole { .. }) {
            *self.readable() = Some(order_id);
        }
        Ok(read)
    }

    async fn try_read(&self, order_id: i64) -> Result<OrderRead, SallaError> {
        let details = match self.details(order_id).await {
            Err(SallaError::NotFound) => match self.again(order_id).await? {
                Ok(details) => details,
                Err(asked_at) => return Ok(OrderRead::Gone(asked_at)),
            },
            details => details?,
        };
        if let Some(items) = items_within(details.data.get()) {
            return Ok(OrderRead::Whole { details, items });
        }
        match self.client.get("orders/items", &[("order_id", order_id.to_string())]).await {
            Ok(items) => Ok(OrderRead::Whole { details, items: items.data }),
            // It went between the two calls, or it has none.
            Err(SallaError::NotFound) => Ok(match self.again(order_id).await? {
                Ok(details) => OrderRead::Whole { details, items: nothing() },
                Err(asked_at) => OrderRead::Gone(asked_at),
            }),
            Err(error) => Err(error),
        }
    }

    async fn details(&self, order_id: i64) -> Result<Answer, SallaError> {
        self.client.get(&format!("orders/{order_id}"), &[]).await
    }

    /// The details, asked for once more, or when that was in vain.
    async fn again(&self, order_id: i64) -> Result<Result<Answer, Millis>, SallaError> {
        let asked_at = self.client.salla_now();
        match self.details(order_id).await {
            Ok(details) => Ok(Ok(details)),
            Err(SallaError::NotFound) => Ok(Err(asked_at)),
            Err(error) => Err(error),
        }
    }

    /// Whether a failure is about this very order: 400, 410 and 422 are; 5xx, time-outs and garbage are where another order
    /// can be read at this moment.
    async fn is_its_own(&self, order_id: i64, error: &SallaError) -> bool {
        match error {
            SallaError::Refused { status, .. } => matches!(status, 400 | 410 | 422),
            SallaError::Unreadable(_) => true,
            SallaError::Unavailable { .. } => {
                let other = *self.readable();
                match other.filter(|other| *other != order_id) {
                    Some(other) => self.details(other).await.is_ok(),
                    None => false,
                }
            }
            _ => false,
        }
    }

    fn readable(&self) -> std::sync::MutexGuard<'_, Option<i64>> {
        self.readable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An empty list.
fn nothing() -> Box<RawValue> {
    RawValue::from_string("[]".to_owned()).expect("an empty list is JSON")
}
