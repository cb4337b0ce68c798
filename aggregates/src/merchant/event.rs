//! What happened to a merchant.

use cqrs_es::DomainEvent;
use qafila_schemas::records::merchant::{
    AccessRestored, MerchantRegistered, MerchantRenamed, ReauthorisationNeeded, StoreConnected,
    StoreDisconnected,
};
use serde::{Deserialize, Serialize};

/// An event of the Merchant aggregate; each is a record of `qafila.merchant.events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is documented where the record is")]
pub enum MerchantEvent {
    MerchantRegistered(MerchantRegistered),
    StoreConnected(StoreConnected),
    StoreDisconnected(StoreDisconnected),
    ReauthorisationNeeded(ReauthorisationNeeded),
    AccessRestored(AccessRestored),
    MerchantRenamed(MerchantRenamed),
}

impl DomainEvent for MerchantEvent {
    fn event_type(&self) -> String {
        match self {
            Self::MerchantRegistered(_) => "MerchantRegistered",
            Self::StoreConnected(_) => "StoreConnected",
            Self::StoreDisconnected(_) => "StoreDisconnected",
            Self::ReauthorisationNeeded(_) => "ReauthorisationNeeded",
            Self::AccessRestored(_) => "AccessRestored",
            Self::MerchantRenamed(_) => "MerchantRenamed",
        }
        .into()
    }

    fn event_version(&self) -> String {
        "1".into()
    }
}
