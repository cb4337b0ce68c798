//! The rules of a merchant.

use cqrs_es::Aggregate;
use cqrs_es::event_sink::EventSink;
use qafila_schemas::ids::{ConnectionId, MerchantId, UserId};
use qafila_schemas::records::merchant::{
    AccessRestored, MerchantRegistered, MerchantRenamed, ReauthorisationNeeded, StoreConnected,
    StoreDisconnected,
};
use serde::{Deserialize, Serialize};

use super::{MerchantCommand, MerchantEvent, StoreDetails};
use crate::Clock;

/// Why a merchant refuses a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MerchantError {
    /// Nobody registered it.
    #[error("this merchant is not registered")]
    NotRegistered,
    /// Somebody else registered it.
    #[error("this merchant was registered by another user")]
    RegisteredByAnother,
}

/// Cause of a report that access will end, not that it has ended.
pub const ACCESS_ENDS_SOON: &str = "access_ends_soon";

/// A merchant as its events tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merchant {
    registration: Option<Registration>,
    connection: Option<Connection>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Registration {
    merchant_id: MerchantId,
    registered_by: UserId,
    store_name: String,
}

/// The store a merchant is connected to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Connection.
    pub connection_id: ConnectionId,
    /// Store.
    pub store_id: i64,
    /// Pair of tokens that was reported lost last; 0 for none.
    #[serde(default)]
    lost: i64,
    /// Pair of tokens whose end was announced last; 0 for none.
    #[serde(default)]
    announced: i64,
    /// Pair of tokens that was told as restored last; 0 for none.
    #[serde(default)]
    restored: i64,
}

impl Merchant {
    /// Whether it has been registered.
    pub fn is_registered(&self) -> bool {
        self.registration.is_some()
    }

    /// The present connection.
    pub fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    fn registered(&self) -> Result<&Registration, MerchantError> {
        self.registration.as_ref().ok_or(MerchantError::NotRegistered)
    }

    fn decide(&self, command: MerchantCommand, clock: Clock) -> Result<Vec<MerchantEvent>, MerchantError> {
        match command {
            MerchantCommand::Register { merchant_id, user_id, store_name, locale } => {
                match &self.registration {
                    Some(known) if known.registered_by == user_id => Ok(vec![]),
                    Some(_) => Err(MerchantError::RegisteredByAnother),
                    None => Ok(vec![MerchantEvent::MerchantRegistered(MerchantRegistered {
                        merchant_id,
                        store_name,
                        locale,
                        registered_by: user_id,
                        registered_at: clock.now(),
                    })]),
                }
            }
            MerchantCommand::Rename { store_name, requested_by } => {
                self.rename(store_name, requested_by, clock)
            }
            MerchantCommand::ConnectStore { connection_id, store, requested_by } => {
                self.connect(connection_id, store, requested_by, clock)
            }
            MerchantCommand::ReportAccessLost { connection_id, generation, cause, advice } => {
                let merchant_id = self.registered()?.merchant_id;
                // That access will end is told once, and that it has ended once more.
                let is_announced = cause == ACCESS_ENDS_SOON;
                let present = self.connection.as_ref().filter(|c| {
                    let told = if is_announced { c.announced } else { c.lost };
                    c.connection_id == connection_id && told < generation && c.restored <= generation
                });
                let lost = present.map(|c| {
                    MerchantEvent::ReauthorisationNeeded(ReauthorisationNeeded {
                        merchant_id,
                        connection_id,
                        store_id: c.store_id,
                        generation,
                        cause,
                        advice,
                        needed_at: clock.now(),
                    })
                });
                Ok(lost.into_iter().collect())
            }
            MerchantCommand::RestoreAccess { connection_id, generation, store, requested_by } => {
                let merchant_id = self.registered()?.merchant_id;
                let present = self
                    .connection
                    .as_ref()
                    .filter(|c| c.connection_id == connection_id && c.restored < generation);
                let restored = present.map(|c| {
                    MerchantEvent::AccessRestored(AccessRestored {
                        merchant_id,
                        connection_id,
                        store_id: c.store_id,
                        generation,
                        store_plan: store.plan,
                        scopes: store.scopes,
                        requested_by,
                        restored_at: clock.now(),
                    })
                });
                Ok(restored.into_iter().collect())
            }
            MerchantCommand::DisconnectStore { connection_id, reason, requested_by } => {
                let merchant_id = self.registered()?.merchant_id;
                let ended = self.connection.as_ref().filter(|c| c.connection_id == connection_id);
                Ok(ended
                    .map(|c| disconnected(merchant_id, c, &reason, requested_by, clock))
                    .into_iter()
                    .collect())
            }
        }
    }

    fn rename(
        &self,
        store_name: String,
        requested_by: UserId,
        clock: Clock,
    ) -> Result<Vec<MerchantEvent>, MerchantError> {
        let known = self.registered()?;
        if known.store_name == store_name {
            return Ok(vec![]);
        }
        Ok(vec![MerchantEvent::MerchantRenamed(MerchantRenamed {
            merchant_id: known.merchant_id,
            store_name,
            requested_by: Some(requested_by),
            renamed_at: clock.now(),
        })])
    }

    fn connect(
        &self,
        connection_id: ConnectionId,
        store: StoreDetails,
        requested_by: Option<UserId>,
        clock: Clock,
    ) -> Result<Vec<MerchantEvent>, MerchantError> {
        let merchant_id = self.registered()?.merchant_id;
        if self.connection.as_ref().is_some_and(|c| c.connection_id == connection_id) {
            return Ok(vec![]);
        }
        let replaced =
            self.connection.as_ref().map(|c| disconnected(merchant_id, c, "replaced", requested_by, clock));
        let connected = MerchantEvent::StoreConnected(StoreConnected {
            merchant_id,
            connection_id,
            store_id: store.store_id,
            store_name: store.name,
            store_domain: store.domain,
            store_plan: store.plan,
            scopes: store.scopes,
            requested_by,
            connected_at: clock.now(),
        });
        Ok(replaced.into_iter().chain([connected]).collect())
    }
}

fn disconnected(
    merchant_id: MerchantId,
    connection: &Connection,
    reason: &str,
    requested_by: Option<UserId>,
    clock: Clock,
) -> MerchantEvent {
    MerchantEvent::StoreDisconnected(StoreDisconnected {
        merchant_id,
        connection_id: connection.connection_id,
        store_id: connection.store_id,
        reason: reason.to_owned(),
        requested_by,
        disconnected_at: clock.now(),
    })
}

impl Aggregate for Merchant {
    const TYPE: &'static str = "merchant";
    type Command = MerchantCommand;
    type Event = MerchantEvent;
    type Error = MerchantError;
    type Services = Clock;

    async fn handle(
        &mut self,
        command: MerchantCommand,
        clock: &Clock,
        sink: &EventSink<Self>,
    ) -> Result<(), MerchantError> {
        for event in self.decide(command, *clock)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: MerchantEvent) {
        match event {
            MerchantEvent::MerchantRegistered(e) => {
                self.registration = Some(Registration {
                    merchant_id: e.merchant_id,
                    registered_by: e.registered_by,
                    store_name: e.store_name,
                });
            }
            MerchantEvent::MerchantRenamed(e) => {
                if let Some(known) = &mut self.registration {
                    known.store_name = e.store_name;
                }
            }
            MerchantEvent::StoreConnected(e) => {
                self.connection = Some(Connection {
                    connection_id: e.connection_id,
                    store_id: e.store_id,
                    lost: 0,
                    announced: 0,
                    restored: 0,
                });
            }
            MerchantEvent::ReauthorisationNeeded(e) => {
                if let Some(connection) = &mut self.connection {
                    if e.cause == ACCESS_ENDS_SOON {
                        connection.announced = e.generation;
                    } else {
                        connection.lost = e.generation;
                    }
                }
            }
            MerchantEvent::AccessRestored(e) => {
                if let Some(connection) = &mut self.connection {
                    connection.restored = e.generation;
                }
            }
            MerchantEvent::StoreDisconnected(_) => self.connection = None,
        }
    }
}
