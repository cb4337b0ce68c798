//! Ending connections: the merchant asks for it, or has removed the app at Salla. Tokens are wiped first, then the aggregate is told, so
//! that a cut leaves no token behind.

use std::sync::Arc;

use qafila_aggregates::merchant::MerchantCommand;
use qafila_schemas::ids::{ConnectionId, MerchantId, UserId};
use sqlx::PgConnection;

use super::{Applicant, ConnectError, Connector};
use crate::subscriptions::{self, Farewell};

/// As long as a store waits for another merchant of ours.
const CLEANED_UP_AFTER: &str = "30 days";

impl Connector {
    /// Ends the merchant's connection: its tokens are wiped and its store is released first, then the aggregate is told, so
    /// that a cut leaves no token behind and the same request completes it. Work under way finds no token and ends.
    pub async fn disconnect(&self, applicant: Applicant) -> Result<String, ConnectError> {
        let alone = self.alone(applicant.merchant_id).await?;
        let (known, _) = self.merchants.load(&applicant.merchant_id.to_string()).await?;
        let connection = known.connection().ok_or(ConnectError::NotConnected)?.connection_id;
        let mut wiping = self.pool.begin().await?;
        let farewells = self.retire_others(&mut wiping, applicant.merchant_id, None).await?;
        wiping.commit().await?;
        let by = Some(applicant.user_id);
        let position = self.tell_ended(applicant.merchant_id, connection, "requested", by).await?;
        alone.commit().await?;
        self.end_subscriptions(farewells);
        Ok(position)
    }

    /// The store has removed the app, if the tokens are still those of `generation`: the connection ends, and what is to be erased is
    /// scheduled (FACTS §8). Other connections of the merchant stay as they are. Saying so again completes what a cut has left; it
    /// changes nothing where the merchant has another connection meanwhile. False where there are other tokens.
    pub async fn uninstalled(
        &self,
        merchant: MerchantId,
        connection: ConnectionId,
        generation: i64,
    ) -> Result<bool, ConnectError> {
        let alone = self.alone(merchant).await?;
        let (known, _) = self.merchants.load(&merchant.to_string()).await?;
        let mut wiping = self.pool.begin().await?;
        if !self.vault.is_of(&mut wiping, connection, generation).await? {
            return Ok(false);
        }
        schedule_cleanup(&mut wiping, connection).await?;
        self.vault.wipe(&mut wiping, connection).await?;
        release_claim(&mut wiping, connection).await?;
        wiping.commit().await?;
        if known.connection().is_some_and(|present| present.connection_id == connection) {
            self.tell_ended(merchant, connection, "uninstalled", None).await?;
        }
        alone.commit().await?;
        Ok(true)
    }

    async fn tell_ended(
        &self,
        merchant: MerchantId,
        connection_id: ConnectionId,
        reason: &str,
        requested_by: Option<UserId>,
    ) -> Result<String, ConnectError> {
        let command = MerchantCommand::DisconnectStore { connection_id, reason: reason.into(), requested_by };
        let committed = self.merchants.execute(&merchant.to_string(), command).await?;
        tracing::info!(event = "store disconnected", merchantId = %merchant, connectionId = %connection_id, reason);
        Ok(committed.position.to_string())
    }

    /// Nobody waits for it.
    pub(super) fn end_subscriptions(&self, farewells: Vec<Farewell>) {
        for farewell in farewells {
            let (pool, http, salla) = (self.pool.clone(), self.http.clone(), Arc::clone(&self.salla));
            let url = self.webhook_url.clone();
            tokio::spawn(async move { subscriptions::end(&pool, &http, &salla, &farewell, &url).await });
        }
    }

    /// Wipes the tokens of the merchant's connections and releases its stores, all but what is kept; returns the stores whose
    /// subscriptions are to end.
    pub(super) async fn retire_others(
        &self,
        transaction: &mut PgConnection,
        merchant: MerchantId,
        kept: Option<(ConnectionId, i64)>,
    ) -> Result<Vec<Farewell>, ConnectError> {
        let (connection, store) = kept.unzip();
        let mut farewells = Vec::new();
        for (id, store_id) in self.vault.live(transaction, merchant).await? {
            if Some(id) == connection || Some(store_id) == store {
                continue;
            }
            // Tokens that cannot be read must not keep anybody from disconnecting.
            if let Ok(Some(tokens)) = self.vault.load(transaction, id, false).await {
                farewells.push(Farewell { store_id, access: tokens.access });
            }
        }
        self.vault.wipe_others(transaction, merchant, connection).await?;
        sqlx::query(
            "UPDATE store_claims SET released_at = now()
             WHERE merchant_id = $1 AND store_id IS DISTINCT FROM $2 AND released_at IS NULL",
        )
        .bind(merchant.0)
        .bind(store)
        .execute(transaction)
        .await?;
        Ok(farewells)
    }
}

/// What is known of the connection's store is to be erased after a while, in which the merchant may come back.
async fn schedule_cleanup(connection: &mut PgConnection, id: ConnectionId) -> Result<(), sqlx::Error> {
    sqlx::query(&format!(
        "INSERT INTO store_cleanups (connection_id, merchant_id, store_id, due_at)
         SELECT connection_id, merchant_id, store_id, now() + interval '{CLEANED_UP_AFTER}' FROM salla_connections
         WHERE connection_id = $1 ON CONFLICT DO NOTHING"
    ))
    .bind(id.0)
    .execute(connection)
    .await
    .map(drop)
}

/// Of the store of a connection that has ended, unless the merchant has another to it.
async fn release_claim(connection: &mut PgConnection, id: ConnectionId) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE store_claims k SET released_at = now() FROM salla_connections c
         WHERE c.connection_id = $1 AND k.store_id = c.store_id AND k.merchant_id = c.merchant_id AND k.released_at IS NULL
           AND NOT EXISTS (SELECT FROM salla_connections l
               WHERE l.store_id = c.store_id AND l.merchant_id = c.merchant_id AND l.wiped_at IS NULL)",
    )
    .bind(id.0)
    .execute(connection)
    .await
    .map(drop)
}

/// The merchant has the store again: nothing of it is erased.
pub(super) async fn cancel_cleanups(
    connection: &mut PgConnection,
    merchant: MerchantId,
    store_id: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE store_cleanups SET cancelled_at = now()
         WHERE store_id = $1 AND merchant_id = $2 AND done_at IS NULL AND cancelled_at IS NULL",
    )
    .bind(store_id)
    .bind(merchant.0)
    .execute(connection)
    .await
    .map(drop)
}
