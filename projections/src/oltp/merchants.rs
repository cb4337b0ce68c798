//! Read model `merchants`: who a merchant is and which store it is connected to.

use chrono::{DateTime, Utc};
use qafila_schemas::events::MerchantEventRecord;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use qafila_schemas::records::merchant::StoreConnected;
use sqlx::{PgConnection, PgPool, Row};
use uuid::Uuid;

use super::events::EventFold;
use super::scope::for_merchant;

/// How merchant events fold into `merchants`.
pub(super) struct Merchants;

impl EventFold<MerchantEventRecord> for Merchants {
    const TABLE: &'static str = "merchants";
    const ID: &'static str = "merchant_id";

    async fn apply(
        &self,
        connection: &mut PgConnection,
        id: Uuid,
        event: &MerchantEventRecord,
    ) -> Result<(), sqlx::Error> {
        if let MerchantEventRecord::StoreConnected(e) = event {
            remember_store(&mut *connection, id, e).await?;
        }
        let statement = match event {
            MerchantEventRecord::Registered(e) => sqlx::query(
                "INSERT INTO merchants (merchant_id, sequence, store_name, locale, registered_at) VALUES ($1, 0, $2, $3, $4)",
            )
            .bind(id)
            .bind(&e.store_name)
            .bind(&e.locale)
            .bind(e.registered_at.to_utc()),
            MerchantEventRecord::Renamed(e) => {
                sqlx::query("UPDATE merchants SET store_name = $2 WHERE merchant_id = $1").bind(id).bind(&e.store_name)
            }
            MerchantEventRecord::StoreConnected(e) => sqlx::query(
                "UPDATE merchants SET connection_id = $2, store_id = $3, salla_name = $4, salla_domain = $5,
                     salla_plan = $6, scopes = $7, connected_at = $8, access_cause = NULL, access_advice = NULL
                 WHERE merchant_id = $1",
            )
            .bind(id)
            .bind(e.connection_id.0)
            .bind(e.store_id)
            .bind(&e.store_name)
            .bind(&e.store_domain)
            .bind(&e.store_plan)
            .bind(&e.scopes)
            .bind(e.connected_at.to_utc()),
            MerchantEventRecord::StoreDisconnected(_) => sqlx::query(
                "UPDATE merchants SET connection_id = NULL, salla_name = NULL, salla_domain = NULL,
                     salla_plan = NULL, scopes = NULL, connected_at = NULL, access_cause = NULL, access_advice = NULL
                 WHERE merchant_id = $1",
            )
            .bind(id),
            MerchantEventRecord::ReauthorisationNeeded(e) => sqlx::query(
                "UPDATE merchants SET access_cause = $2, access_advice = $3 WHERE merchant_id = $1",
            )
            .bind(id)
            .bind(&e.cause)
            .bind(&e.advice),
            MerchantEventRecord::AccessRestored(e) => sqlx::query(
                "UPDATE merchants SET access_cause = NULL, access_advice = NULL, salla_plan = coalesce($2, salla_plan),
                     scopes = $3 WHERE merchant_id = $1",
            )
            .bind(id)
            .bind(&e.store_plan)
            .bind(&e.scopes),
        };
        statement.execute(connection).await.map(drop)
    }
}

/// Keeps the store's name: runs and files of a store are shown after another one was connected.
async fn remember_store(
    connection: &mut PgConnection,
    merchant: Uuid,
    connected: &StoreConnected,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO merchant_stores (merchant_id, store_id, name, domain) VALUES ($1, $2, $3, $4)
         ON CONFLICT (merchant_id, store_id) DO UPDATE SET name = $3, domain = $4",
    )
    .bind(merchant)
    .bind(connected.store_id)
    .bind(&connected.store_name)
    .bind(&connected.store_domain)
    .execute(connection)
    .await
    .map(drop)
}

/// A merchant as the read model knows it.
#[derive(Debug, Clone)]
pub struct MerchantView {
    /// Sequence of the last event.
    pub sequence: i64,
    /// Name shown.
    pub store_name: String,
    /// `ar` or `en`.
    pub locale: String,
    /// The store whose business is shown: the one it is connected to, or was last.
    pub store_id: Option<i64>,
    /// The store it is connected to.
    pub connection: Option<ConnectionView>,
}

/// A connection as the read model knows it.
#[derive(Debug, Clone)]
pub struct ConnectionView {
    /// Connection.
    pub connection_id: ConnectionId,
    /// Salla's id of the store.
    pub store_id: i64,
    /// Name at Salla.
    pub name: String,
    /// Domain.
    pub domain: Option<String>,
    /// Plan.
    pub plan: Option<String>,
    /// Scopes granted.
    pub scopes: Vec<String>,
    /// Since when.
    pub connected_at: DateTime<Utc>,
    /// Why Salla accepts our access no longer, or not much longer, as a stable code, and what to do; none where all is well.
    pub access_lost: Option<(String, String)>,
}

/// The merchant, if the read model has it yet. `pool` is the query role's.
pub async fn find(pool: &PgPool, merchant: MerchantId) -> Result<Option<MerchantView>, sqlx::Error> {
    let mut transaction = for_merchant(pool, merchant).await?;
    let row = sqlx::query(
        "SELECT sequence, store_name, locale, connection_id, store_id, salla_name, salla_domain, salla_plan, scopes, connected_at,
             access_cause, access_advice
         FROM merchants WHERE merchant_id = $1",
    )
    .bind(merchant.0)
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let Some(row) = row else { return Ok(None) };
    let connection = match row.try_get::<Option<Uuid>, _>(3)? {
        None => None,
        Some(id) => Some(ConnectionView {
            connection_id: ConnectionId(id),
            store_id: row.try_get(4)?,
            name: row.try_get(5)?,
            domain: row.try_get(6)?,
            plan: row.try_get(7)?,
            scopes: row.try_get(8)?,
            connected_at: row.try_get(9)?,
            access_lost: row.try_get::<Option<String>, _>(10)?.zip(row.try_get(11)?),
        }),
    };
    Ok(Some(MerchantView {
        sequence: row.try_get(0)?,
        store_name: row.try_get(1)?,
        locale: row.try_get(2)?,
        store_id: row.try_get(4)?,
        connection,
    }))
}
