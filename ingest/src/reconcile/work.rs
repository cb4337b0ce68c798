//! Work on reconciliations in Postgres: which store is due, who is at it, how far the rotating parts are. One runner a store across
//! all processes, by a lease with an epoch.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use qafila_schemas::ids::{ConnectionId, MerchantId, RunId};
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::lists::CustomersCursor;
use super::schedule::NightSchedule;
use crate::mapping::market::Market;
use crate::mapping::{Owner, OwnerRow};
use crate::sync::stop::QUIET_TIMES;

/// A lease lasts so long without being renewed.
pub const LEASE: Duration = Duration::from_secs(15);
/// Tries of a run before it is recorded as failed.
pub const MOST_TRIES: i32 = 3;

/// A store's run that this process holds.
#[derive(Debug, Clone, FromRow)]
pub struct Leased {
    connection_id: Uuid,
    merchant_id: Uuid,
    store_id: i64,
    run_id: Uuid,
    /// Of this lease: whoever has a later one has taken the run over.
    pub epoch: i64,
    /// When the run began; a later try keeps it.
    pub started_at: DateTime<Utc>,
    /// Which try it is, from 1.
    pub tries: i32,
    /// The night has come; otherwise only an outage is made up for.
    pub is_night: bool,
    /// Our endpoint was down from then on.
    pub catch_up_from: Option<DateTime<Utc>>,
    /// Changes before it were seen by a run that ended well.
    pub orders_since: DateTime<Utc>,
    /// First day of the slice of older orders that has its turn; none at the start of a cycle.
    pub slice_from: Option<NaiveDate>,
    /// The present cycle of customers.
    pub customers_cycle: Uuid,
    customers_slices: Vec<String>,
    customers_shown: bool,
    customers_page: i32,
    customers_since: Option<DateTime<Utc>>,
    /// Resources that earlier tries have finished.
    pub resources_done: Vec<String>,
    /// A person has confirmed that many deletions are right.
    pub deletions_allowed: bool,
    /// The connection has not ended.
    pub is_connected: bool,
    store_currency: Option<String>,
}

impl Leased {
    /// Whose store it is.
    pub fn owner(&self) -> Owner {
        Owner {
            merchant_id: MerchantId(self.merchant_id),
            connection_id: ConnectionId(self.connection_id),
            store_id: self.store_id,
            market: Market::of_currency(self.store_currency.as_deref()),
        }
    }

    /// The run.
    pub fn run_id(&self) -> RunId {
        RunId(self.run_id)
    }

    /// How far the cycle of customers is; none where it has not begun.
    pub fn customers(&self) -> Option<CustomersCursor> {
        let (slices, page, shown) =
            (self.customers_slices.clone(), self.customers_page, self.customers_shown);
        self.customers_since.map(|since| CustomersCursor { slices, page, since, shown })
    }
}

/// Columns of [`Leased`]. Changes are looked at from where orders are known to be complete, also where a run before has read them and could not
/// say whether they were stored. No night runs beside an import that gets on; one that has been tried more often only waits.
fn leased() -> String {
    let gets_on = import_gets_on("r");
    format!(
        "r.connection_id, r.merchant_id, r.store_id, r.run_id, r.epoch, r.started_at, r.tries,
    r.night_at <= now() AND NOT {gets_on} AS is_night, r.catch_up_from,
    least(r.orders_since, (SELECT k.complete_to FROM completeness k WHERE k.connection_id = r.connection_id AND k.resource = 'orders'))
        AS orders_since,
    r.slice_from, r.customers_cycle, r.customers_slices, r.customers_page, r.customers_shown, r.customers_since, r.resources_done,
    r.deletions_allowed,
    EXISTS (SELECT FROM salla_connections c WHERE c.connection_id = r.connection_id AND c.wiped_at IS NULL) AS is_connected,
    (SELECT store_currency FROM salla_connections c WHERE c.connection_id = r.connection_id) AS store_currency"
    )
}

/// Condition: an import of the store of `row` is under way and was not tried in vain again and again.
fn import_gets_on(row: &str) -> String {
    format!(
        "EXISTS (SELECT FROM sync_runs s WHERE s.connection_id = {row}.connection_id AND s.state = 'open' AND s.tries <= {QUIET_TIMES})"
    )
}

/// The tables, for one worker.
pub struct WorkStore {
    pool: PgPool,
    worker: String,
}

impl WorkStore {
    /// Work for `worker`.
    pub fn new(pool: PgPool, worker: String) -> Self {
        Self { pool, worker }
    }

    /// Connections of stores that were imported under an earlier connection, which has ended: nothing is stated of them yet.
    pub async fn returned(&self) -> Result<Vec<Owner>, sqlx::Error> {
        let rows: Vec<OwnerRow> = sqlx::query_as(
            "SELECT c.merchant_id, c.connection_id, c.store_id, c.store_currency FROM salla_connections c
             WHERE c.wiped_at IS NULL
               AND NOT EXISTS (SELECT FROM completeness k WHERE k.connection_id = c.connection_id)
               AND EXISTS (SELECT FROM salla_connections before JOIN completeness k USING (connection_id)
                   WHERE before.merchant_id = c.merchant_id AND before.store_id = c.store_id AND before.wiped_at IS NOT NULL)",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(Owner::of_row).collect())
    }

    /// Puts stores on the schedule whose first import has ended: before there is nothing to compare with. One that comes back is looked at at
    /// once, from when its connection had ended: nobody told us of changes in between.
    pub async fn enrol(&self, schedule: &NightSchedule) -> Result<(), sqlx::Error> {
        let fresh: Vec<(Uuid, i64)> = sqlx::query_as(
            "SELECT c.connection_id, c.store_id FROM salla_connections c JOIN completeness k USING (connection_id)
             WHERE c.wiped_at IS NULL AND k.resource = 'orders'
               AND NOT EXISTS (SELECT FROM reconciliations r WHERE r.connection_id = c.connection_id)",
        )
        .fetch_all(&self.pool)
        .await?;
        for (connection, store_id) in fresh {
            sqlx::query(
                "INSERT INTO reconciliations (connection_id, merchant_id, store_id, night_at, orders_since, catch_up_from)
                 SELECT c.connection_id, c.merchant_id, c.store_id, $2, coalesce(
                     (SELECT max(requested_at) FROM sync_runs s WHERE s.connection_id = c.connection_id AND done_at IS NOT NULL),
                     k.complete_to),
                     (SELECT max(before.wiped_at) FROM salla_connections before
                      WHERE before.merchant_id = c.merchant_id AND before.store_id = c.store_id AND before.wiped_at < c.connected_at
                        AND NOT EXISTS (SELECT FROM sync_runs s WHERE s.connection_id = c.connection_id AND done_at IS NOT NULL))
                 FROM salla_connections c JOIN completeness k USING (connection_id)
                 WHERE c.connection_id = $1 AND k.resource = 'orders' ON CONFLICT DO NOTHING",
            )
            .bind(connection)
            .bind(schedule.next(store_id, Utc::now()))
            .execute(&self.pool)
            .await?;
        }
        Ok(())
    }

    /// Stores on the schedule.
    pub async fn stores(&self) -> Result<u64, sqlx::Error> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM reconciliations").fetch_one(&self.pool).await?;
        Ok(count.max(0).cast_unsigned())
    }

    /// Takes a store that is due and that nobody holds. A night waits for an import that gets on, which compares what it reads; what was missed
    /// while our endpoint was down does not: an import of other days reads none of it.
    pub async fn lease(&self) -> Result<Option<Leased>, sqlx::Error> {
        let gets_on = import_gets_on("d");
        sqlx::query_as(&format!(
            "UPDATE reconciliations r SET lease_owner = $1, lease_until = now() + $2, epoch = epoch + 1, tries = tries + 1,
                 run_id = coalesce(run_id, gen_random_uuid()), started_at = coalesce(started_at, now())
             WHERE connection_id = (
                 SELECT d.connection_id FROM reconciliations d
                 WHERE (night_at <= now() OR catch_up_from IS NOT NULL) AND not_before <= now()
                   AND (lease_until IS NULL OR lease_until < now())
                   AND (catch_up_from IS NOT NULL OR NOT {gets_on})
                 ORDER BY least(night_at, not_before) LIMIT 1 FOR UPDATE SKIP LOCKED)
             RETURNING {}",
            leased()
        ))
        .bind(&self.worker)
        .bind(LEASE)
        .fetch_optional(&self.pool)
        .await
    }

    /// Takes the store of a merchant for a run that a person asked for; none while another runs, or where there is none.
    pub async fn lease_of(&self, merchant: MerchantId) -> Result<Option<Leased>, sqlx::Error> {
        sqlx::query_as(&format!(
            "UPDATE reconciliations r SET lease_owner = $1, lease_until = now() + $2, epoch = epoch + 1
             WHERE connection_id = (
                 SELECT d.connection_id FROM reconciliations d JOIN salla_connections c USING (connection_id)
                 WHERE d.merchant_id = $3 AND c.wiped_at IS NULL AND (lease_until IS NULL OR lease_until < now())
                 ORDER BY c.connected_at DESC LIMIT 1 FOR UPDATE OF d SKIP LOCKED)
             RETURNING {}",
            leased()
                .replace("r.run_id", "gen_random_uuid() AS run_id")
                .replace("r.started_at", "now() AS started_at")
                .replace("r.tries", "1 AS tries")
        ))
        .bind(&self.worker)
        .bind(LEASE)
        .bind(merchant.0)
        .fetch_optional(&self.pool)
        .await
    }

    /// Whether the merchant's store is on the schedule, and whose connection it was last: of a merchant without one there is nothing.
    pub async fn last_connection(&self, merchant: MerchantId) -> Result<Option<Owner>, sqlx::Error> {
        let row: Option<OwnerRow> = sqlx::query_as(
            "SELECT merchant_id, connection_id, store_id, store_currency FROM salla_connections WHERE merchant_id = $1 ORDER BY connected_at DESC LIMIT 1",
        )
        .bind(merchant.0)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(Owner::of_row))
    }

    /// Holds on to a run; false once another has it.
    pub async fn renew(&self, leased: &Leased) -> Result<bool, sqlx::Error> {
        let renewed = sqlx::query(
            "UPDATE reconciliations SET lease_until = now() + $3 WHERE connection_id = $1 AND epoch = $2",
        )
        .bind(leased.connection_id)
        .bind(leased.epoch)
        .bind(LEASE)
        .execute(&self.pool)
        .await?;
        Ok(renewed.rows_affected() == 1)
    }

    /// A resource of the run has ended well.
    pub async fn resource_done(&self, leased: &Leased, resource: &str) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE reconciliations SET resources_done = array_append(resources_done, $3) WHERE connection_id = $1 AND epoch = $2",
        )
        .bind(leased.connection_id)
        .bind(leased.epoch)
        .bind(resource)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// How far the orders are: where they were `seen`, up to the start of this run; and which slice of older ones is next.
    pub async fn orders_done(
        &self,
        leased: &Leased,
        seen: bool,
        next_slice: Option<Option<NaiveDate>>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE reconciliations SET orders_since = CASE WHEN $6 THEN $3 ELSE orders_since END, slice_from = CASE WHEN $4 THEN $5 ELSE slice_from END
             WHERE connection_id = $1 AND epoch = $2",
        )
        .bind(leased.connection_id)
        .bind(leased.epoch)
        .bind(leased.started_at)
        .bind(next_slice.is_some())
        .bind(next_slice.flatten())
        .bind(seen)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// How far the cycle of customers is; a new one begins where `next` is none.
    pub async fn customers_done(
        &self,
        leased: &Leased,
        next: Option<CustomersCursor>,
    ) -> Result<(), sqlx::Error> {
        let held = sqlx::query(
            "UPDATE reconciliations SET customers_slices = coalesce($3, '{}'), customers_page = coalesce($4, 1), customers_since = $5,
                 customers_shown = coalesce($6, true),
                 customers_cycle = CASE WHEN $5 IS NULL THEN gen_random_uuid() ELSE customers_cycle END
             WHERE connection_id = $1 AND epoch = $2",
        )
        .bind(leased.connection_id)
        .bind(leased.epoch)
        .bind(next.as_ref().map(|next| &next.slices))
        .bind(next.as_ref().map(|next| next.page))
        .bind(next.as_ref().map(|next| next.since))
        .bind(next.as_ref().map(|next| next.shown))
        .execute(&self.pool)
        .await?;
        // Another that has taken the store over goes on with the cycle.
        if next.is_none() && held.rows_affected() == 1 {
            self.forget(leased.customers_cycle).await?;
        }
        Ok(())
    }

    /// Ends a run, well or given up: the next night is scheduled, and an outage that it made up for is forgotten. One that ended after the run
    /// began, or so shortly before that lists may have come from Salla's cache, is made up for once more when the cache is over.
    pub async fn end(
        &self,
        leased: &Leased,
        next_night: DateTime<Utc>,
        caught_up: bool,
        list_cache_window: Duration,
    ) -> Result<(), sqlx::Error> {
        let held = sqlx::query(
            "UPDATE reconciliations SET night_at = CASE WHEN $3 THEN $4 ELSE night_at END,
                 catch_up_from = CASE WHEN $5 AND catch_up_from IS NOT DISTINCT FROM $6
                     AND NOT EXISTS (SELECT FROM webhook_outages o WHERE o.ended_at > started_at - $8) THEN NULL ELSE catch_up_from END,
                 run_id = NULL, started_at = NULL, tries = 0, resources_done = '{}',
                 not_before = CASE WHEN $5 THEN coalesce(
                     (SELECT max(o.ended_at) + $8 FROM webhook_outages o WHERE o.ended_at > started_at - $8), '-infinity') ELSE $7 END,
                 deletions_allowed = false, lease_owner = NULL, lease_until = NULL
             WHERE connection_id = $1 AND epoch = $2",
        )
        .bind(leased.connection_id)
        .bind(leased.epoch)
        .bind(leased.is_night)
        .bind(next_night)
        .bind(caught_up)
        .bind(leased.catch_up_from)
        .bind(Utc::now() + chrono::Duration::minutes(30))
        .bind(list_cache_window)
        .execute(&self.pool)
        .await?;
        // Another that has taken the store over goes on with the run.
        if held.rows_affected() == 1 {
            self.forget(leased.run_id).await?;
        }
        Ok(())
    }

    /// Lets go of a run, to be tried again after `pause`.
    pub async fn try_again(&self, leased: &Leased, pause: Duration) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE reconciliations SET not_before = now() + $3, lease_owner = NULL, lease_until = NULL
             WHERE connection_id = $1 AND epoch = $2",
        )
        .bind(leased.connection_id)
        .bind(leased.epoch)
        .bind(pause)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Lets go of a run that a person asked for; the night's run is as it was.
    pub async fn release(&self, leased: &Leased) -> Result<(), sqlx::Error> {
        self.forget(leased.run_id).await?;
        sqlx::query(
            "UPDATE reconciliations SET lease_owner = NULL, lease_until = NULL WHERE connection_id = $1 AND epoch = $2",
        )
        .bind(leased.connection_id)
        .bind(leased.epoch)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Takes a store whose connection has ended off the schedule.
    pub async fn dismiss(&self, leased: &Leased) -> Result<(), sqlx::Error> {
        let held = sqlx::query("DELETE FROM reconciliations WHERE connection_id = $1 AND epoch = $2")
            .bind(leased.connection_id)
            .bind(leased.epoch)
            .execute(&self.pool)
            .await?;
        if held.rows_affected() == 1 {
            self.forget(leased.run_id).await?;
            self.forget(leased.customers_cycle).await?;
        }
        Ok(())
    }

    /// Remembers ids under `scope`; returns those that were not known.
    pub async fn remember(&self, scope: Uuid, resource: &str, ids: &[i64]) -> Result<Vec<i64>, sqlx::Error> {
        sqlx::query_scalar(
            "INSERT INTO reconciliation_seen (scope, resource, salla_id) SELECT $1, $2, * FROM unnest($3::bigint[])
             ON CONFLICT DO NOTHING RETURNING salla_id",
        )
        .bind(scope)
        .bind(resource)
        .bind(ids)
        .fetch_all(&self.pool)
        .await
    }

    /// Ids that are remembered under `scope`.
    pub async fn remembered(&self, scope: Uuid, resource: &str) -> Result<Vec<i64>, sqlx::Error> {
        sqlx::query_scalar("SELECT salla_id FROM reconciliation_seen WHERE scope = $1 AND resource = $2")
            .bind(scope)
            .bind(resource)
            .fetch_all(&self.pool)
            .await
    }

    /// Forgets all ids under `scope`.
    pub async fn forget(&self, scope: Uuid) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM reconciliation_seen WHERE scope = $1")
            .bind(scope)
            .execute(&self.pool)
            .await
            .map(drop)
    }

    /// The earliest day of orders that an import was asked for.
    pub async fn first_day(&self, owner: Owner) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT complete_from FROM completeness WHERE connection_id = $1 AND resource = 'orders'",
        )
        .bind(owner.connection_id.0)
        .fetch_optional(&self.pool)
        .await
        .map(Option::flatten)
    }
}
