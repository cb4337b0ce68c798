//! Reading one entity whole, whatever it is, and what the answer makes of it.

use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Entity, Kind, Source};

use super::order::{OrderRead, OrderReader};
use crate::mapping::{Owner, Unmappable, Unsealed, customers, orders, products};
use crate::salla::client::{SallaClient, SallaError};

/// What was read of an entity.
pub enum EntityRead {
    /// It is there.
    There {
        /// As an observation, or else the row that does not map, and why.
        mapped: Result<Unsealed, (String, Unmappable)>,
        /// Its creation, where it tells one.
        created: Option<Millis>,
    },
    /// Salla does not know it; so the observation says.
    Gone(Unsealed),
    /// Salla refuses this very entity, while others can be read.
    Refused(SallaError),
}

impl EntityRead {
    /// Whether it is there, or may be, and no observation of it can be made.
    pub fn is_skipped(&self) -> bool {
        matches!(self, Self::There { mapped: Err(_), .. } | Self::Refused(_))
    }
}

/// Reads entities of one store. Clones share what they learn.
#[derive(Clone)]
pub struct EntityReader {
    client: SallaClient,
    orders: OrderReader,
    owner: Owner,
}

impl EntityReader {
    /// Reads through `client` what is `owner`'s.
    pub fn new(client: SallaClient, owner: Owner) -> Self {
        Self { orders: OrderReader::new(client.clone()), client, owner }
    }

    /// Reads one of `resource`: `orders`, `customers` or `products`.
    pub async fn read(&self, resource: &str, salla_id: i64) -> Result<EntityRead, SallaError> {
        if resource == "orders" { self.order(salla_id).await } else { self.other(resource, salla_id).await }
    }

    async fn order(&self, order_id: i64) -> Result<EntityRead, SallaError> {
        Ok(match self.orders.read(order_id).await? {
            OrderRead::Gone(asked_at) => EntityRead::Gone(self.gone(Entity::Order, order_id, asked_at)),
            OrderRead::Refused(error) => EntityRead::Refused(error),
            OrderRead::Whole { details, items } => {
                let row = details.data.get();
                let provenance = self.owner.provenance(Source::Details, details.asked_at);
                let mapped = orders::whole(row, items.get(), &provenance);
                EntityRead::There {
                    mapped: mapped.map_err(|error| (both(row, items.get()), error)),
                    created: orders::created_at(row),
                }
            }
        })
    }

    async fn other(&self, resource: &str, salla_id: i64) -> Result<EntityRead, SallaError> {
        let path = format!("{resource}/{salla_id}");
        let mut asked_at = self.client.salla_now();
        let mut answer = self.client.get(&path, &[]).await;
        if matches!(answer, Err(SallaError::NotFound)) {
            // One answer is not enough to bury it.
            asked_at = self.client.salla_now();
            answer = self.client.get(&path, &[]).await;
        }
        match answer {
            Ok(answer) => {
                let row = answer.data.get();
                let provenance = self.owner.provenance(Source::Details, answer.asked_at);
                let mapped = match resource {
                    "customers" => customers::from_row(row, &provenance),
                    _ => products::from_row(row, &provenance),
                };
                Ok(EntityRead::There {
                    mapped: mapped.map_err(|error| (row.to_owned(), error)),
                    created: None,
                })
            }
            Err(SallaError::NotFound) => {
                let entity = if resource == "customers" { Entity::Customer } else { Entity::Product };
                Ok(EntityRead::Gone(self.gone(entity, salla_id, asked_at)))
            }
            Err(
                error @ (SallaError::Refused { status: 400 | 410 | 422, .. } | SallaError::Unreadable(_)),
            ) => Ok(EntityRead::Refused(error)),
            Err(error) => Err(error),
        }
    }

    fn gone(&self, entity: Entity, salla_id: i64, asked_at: Millis) -> Unsealed {
        let provenance = self.owner.provenance(Source::Details, asked_at);
        Unsealed::of_kind(&provenance, entity, salla_id, Kind::Deleted)
    }
}

/// Details and items of an order in one text, for a dead letter.
fn both(details: &str, items: &str) -> String {
    format!("{{\"details\":{details},\"items\":{items}}}")
}
