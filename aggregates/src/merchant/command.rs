//! What can be asked of a merchant.

use qafila_schemas::ids::{ConnectionId, MerchantId, UserId};

/// What Salla says of a store at the moment of connecting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreDetails {
    /// Salla's id of the store.
    pub store_id: i64,
    /// Name.
    pub name: String,
    /// Public address.
    pub domain: Option<String>,
    /// Plan, decides the rate limit.
    pub plan: Option<String>,
    /// Scopes granted.
    pub scopes: Vec<String>,
}

/// A command; repeating one that has happened does nothing.
#[derive(Debug, Clone)]
pub enum MerchantCommand {
    /// Registers the merchant.
    Register {
        /// Its id.
        merchant_id: MerchantId,
        /// Who registers.
        user_id: UserId,
        /// Name of the store as typed.
        store_name: String,
        /// `ar` or `en`.
        locale: String,
    },
    /// Changes the name shown.
    Rename {
        /// New name.
        store_name: String,
        /// Who asks.
        requested_by: UserId,
    },
    /// Connects a store; an older connection ends.
    ConnectStore {
        /// The new connection.
        connection_id: ConnectionId,
        /// The store.
        store: StoreDetails,
        /// Who asks.
        requested_by: Option<UserId>,
    },
    /// Salla accepts our access no longer, or soon will not.
    ReportAccessLost {
        /// Which connection; a stale report about an older one does nothing.
        connection_id: ConnectionId,
        /// Which pair of tokens; reported once.
        generation: i64,
        /// Stable code.
        cause: String,
        /// What the merchant can do.
        advice: String,
    },
    /// The merchant authorised us again for the same connection.
    RestoreAccess {
        /// Connection.
        connection_id: ConnectionId,
        /// Which pair of tokens; told once.
        generation: i64,
        /// The store as it is now.
        store: StoreDetails,
        /// Who asks.
        requested_by: Option<UserId>,
    },
    /// Ends a connection.
    DisconnectStore {
        /// Which; a stale request about an older one does nothing.
        connection_id: ConnectionId,
        /// `requested` or `uninstalled`.
        reason: String,
        /// Who asks.
        requested_by: Option<UserId>,
    },
}
