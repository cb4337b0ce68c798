//! Slices of a run in Postgres: page checkpoints that only the lease's holder moves, the ids of the scan under way, and
//! what closed a slice.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use qafila_aggregates::sync_job::Lease;
use qafila_schemas::ids::RunId;
use qafila_schemas::millis::Millis;
use sqlx::{PgPool, Row};

use super::intake::SeenRow;
use super::plan::{STRAY, Slice, UNDATED};

/// How far a slice is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SliceState {
    /// Resource.
    pub resource: String,
    /// Name.
    pub name: String,
    /// Which scan is under way, from 1.
    pub scan: i32,
    /// When it began, by Salla's clock.
    pub scan_began_at: Option<DateTime<Utc>>,
    /// Page to read next, from 1.
    pub next_page: i32,
    /// Rows the source said there are on the first page of the scan.
    pub first_total: Option<i64>,
    /// Rows the source said there are last.
    pub total: Option<i64>,
    /// Rows read in this scan.
    pub seen: i64,
    /// Rows that became observations in this scan.
    pub imported: i64,
    /// Rows that did not map in this scan.
    pub skipped: i64,
    /// Read and agreed.
    pub closed: bool,
    /// Told to the aggregate.
    pub reported: bool,
    /// Why it is still open though it was read to its end.
    pub doubt: Option<String>,
    /// Rows of the accepted scan on the days before, in the slice, and on the days after.
    pub ids: [i64; 3],
    /// Rows of the accepted scan that tell no date, or another than was asked for.
    pub undated: i64,
}

impl SliceState {
    /// Rows of the accepted scan, as the source counts them.
    pub fn known(&self) -> i64 {
        self.ids.iter().sum::<i64>() + self.undated
    }
}

/// What one page added.
#[derive(Debug, Clone, Default)]
pub struct PageOutcome {
    /// Rows in all, as the source says now.
    pub total: i64,
    /// Rows on the page.
    pub rows: Vec<SeenRow>,
    /// Rows that became observations.
    pub imported: i64,
    /// Rows that did not map.
    pub skipped: i64,
    /// Salla's time before the call.
    pub asked_at: Option<Millis>,
}

/// What a scan has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Different rows on the days before, in the slice, and on the days after.
    pub ids: [i64; 3],
    /// Different rows that tell no date, or another than was asked for.
    pub undated: i64,
    /// Different rows that the scan before had too; none where there was none.
    pub again: i64,
    /// Different rows of the scan before.
    pub before: i64,
}

impl Tally {
    /// Different rows in all.
    pub fn distinct(&self) -> i64 {
        self.ids.iter().sum::<i64>() + self.undated
    }
}

/// Name under which rows that tell no date, or another than was asked for, are remembered.
const UNDATED_ROWS: &str = "undated";

/// The tables.
#[derive(Clone)]
pub struct SliceStore {
    pool: PgPool,
}

impl SliceStore {
    /// Slices behind `pool`.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// All slices of a run, in working order.
    pub async fn all(&self, run: RunId) -> Result<Vec<SliceState>, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT resource, slice, scan, scan_began_at, next_page, first_total, total, seen, imported, skipped,
                 finished_at IS NOT NULL, reported_at IS NOT NULL, doubt, ids_before, ids_within, ids_after, ids_undated
             FROM sync_slices WHERE run_id = $1 ORDER BY ordinal, slice DESC",
        )
        .bind(run.0)
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(SliceState {
                    resource: row.try_get(0)?,
                    name: row.try_get(1)?,
                    scan: row.try_get(2)?,
                    scan_began_at: row.try_get(3)?,
                    next_page: row.try_get(4)?,
                    first_total: row.try_get(5)?,
                    total: row.try_get(6)?,
                    seen: row.try_get(7)?,
                    imported: row.try_get(8)?,
                    skipped: row.try_get(9)?,
                    closed: row.try_get(10)?,
                    reported: row.try_get(11)?,
                    doubt: row.try_get(12)?,
                    ids: [row.try_get(13)?, row.try_get(14)?, row.try_get(15)?],
                    undated: row.try_get(16)?,
                })
            })
            .collect()
    }

    /// Moves a slice past its next page, whose rows Kafka has acknowledged; returns the rows that the scan had not read before. None where
    /// the lease is not ours any more or the page was already counted.
    pub async fn checkpoint(
        &self,
        lease: Lease,
        slice: &SliceState,
        page: &PageOutcome,
    ) -> Result<Option<i64>, sqlx::Error> {
        let ids: Vec<i64> = page.rows.iter().map(|row| row.salla_id).collect();
        let sides: Vec<i16> = page.rows.iter().map(|row| row.side).collect();
        let skipped: Vec<bool> = page.rows.iter().map(|row| row.skipped).collect();
        sqlx::query_scalar(
            "WITH moved AS (
                 UPDATE sync_slices s SET next_page = next_page + 1, total = $7, first_total = coalesce(first_total, $7),
                     seen = seen + $8, imported = imported + $9, skipped = s.skipped + $10,
                     scan_began_at = coalesce(scan_began_at, $11)
                 FROM sync_runs r
                 WHERE r.run_id = $1 AND r.epoch = $2 AND r.state = 'open'
                   AND s.run_id = r.run_id AND s.resource = $3 AND s.slice = $4 AND s.scan = $5 AND s.next_page = $6
                 RETURNING 1
             ), kept AS (
                 INSERT INTO sync_seen (run_id, resource, slice, scan, salla_id, side, skipped)
                 SELECT $1, $3, $4, $5, id, side, skipped
                 FROM unnest($12::bigint[], $13::smallint[], $14::boolean[]) AS page (id, side, skipped)
                 WHERE EXISTS (SELECT FROM moved)
                 ON CONFLICT DO NOTHING
                 RETURNING 1
             )
             SELECT (SELECT count(*) FROM kept) FROM moved",
        )
        .bind(lease.run_id.0)
        .bind(lease.epoch)
        .bind(&slice.resource)
        .bind(&slice.name)
        .bind(slice.scan)
        .bind(slice.next_page)
        .bind(page.total)
        .bind(page.rows.len() as i64)
        .bind(page.imported)
        .bind(page.skipped)
        .bind(page.asked_at.map(Millis::to_utc))
        .bind(&ids)
        .bind(&sides)
        .bind(&skipped)
        .fetch_optional(&self.pool)
        .await
    }

    /// What the scan under way has read.
    pub async fn tally(&self, run: RunId, slice: &SliceState) -> Result<Tally, sqlx::Error> {
        let row = sqlx::query(
            &format!("SELECT count(*) FILTER (WHERE now.side < 0), count(*) FILTER (WHERE now.side = 0),
                 count(*) FILTER (WHERE now.side = 1), count(*) FILTER (WHERE now.side IN ({UNDATED}, {STRAY})), count(earlier.salla_id),
                 (SELECT count(*) FROM sync_seen WHERE run_id = $1 AND resource = $2 AND slice = $3 AND scan = $4 - 1)
             FROM sync_seen now
             LEFT JOIN sync_seen earlier ON earlier.run_id = $1 AND earlier.resource = $2 AND earlier.slice = $3
                 AND earlier.scan = $4 - 1 AND earlier.salla_id = now.salla_id
             WHERE now.run_id = $1 AND now.resource = $2 AND now.slice = $3 AND now.scan = $4"),
        )
        .bind(run.0)
        .bind(&slice.resource)
        .bind(&slice.name)
        .bind(slice.scan)
        .fetch_one(&self.pool)
        .await?;
        Ok(Tally {
            ids: [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?],
            undated: row.try_get(3)?,
            again: row.try_get(4)?,
            before: row.try_get(5)?,
        })
    }

    /// Ids within the slice that the scan under way has read, with those that did not map apart.
    pub async fn seen(&self, run: RunId, slice: &SliceState) -> Result<(Vec<i64>, Vec<i64>), sqlx::Error> {
        let rows: Vec<(i64, bool)> = sqlx::query_as(
            &format!("SELECT salla_id, skipped FROM sync_seen
             WHERE run_id = $1 AND resource = $2 AND slice = $3 AND scan = $4 AND side IN (0, {UNDATED}, {STRAY})"),
        )
        .bind(run.0)
        .bind(&slice.resource)
        .bind(&slice.name)
        .bind(slice.scan)
        .fetch_all(&self.pool)
        .await?;
        let (skipped, mapped): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, skipped)| *skipped);
        let ids = |rows: Vec<(i64, bool)>| rows.into_iter().map(|(id, _)| id).collect();
        Ok((ids(mapped), ids(skipped)))
    }

    /// Rows within the slice that an earlier scan of it has listed and the one under way has not; not those that did not map.
    pub async fn absent(&self, run: RunId, slice: &SliceState) -> Result<Vec<i64>, sqlx::Error> {
        sqlx::query_scalar(&format!(
            "SELECT DISTINCT salla_id FROM sync_seen earlier
             WHERE run_id = $1 AND resource = $2 AND slice = $3 AND scan < $4 AND NOT skipped AND side IN (0, {UNDATED}, {STRAY})
               AND NOT EXISTS (SELECT FROM sync_seen now WHERE now.run_id = $1 AND now.resource = $2 AND now.slice = $3
                   AND now.scan = $4 AND now.salla_id = earlier.salla_id)"
        ))
        .bind(run.0)
        .bind(&slice.resource)
        .bind(&slice.name)
        .bind(slice.scan)
        .fetch_all(&self.pool)
        .await
    }

    /// All rows of a resource that scans of the run have listed, as far as they are remembered: of one slice where it is named.
    pub async fn all_seen(
        &self,
        run: RunId,
        resource: &str,
        slice: Option<&str>,
    ) -> Result<Vec<i64>, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT DISTINCT salla_id FROM sync_seen
             WHERE run_id = $1 AND resource = $2 AND ($3::text IS NULL OR slice = $3)",
        )
        .bind(run.0)
        .bind(resource)
        .bind(slice)
        .fetch_all(&self.pool)
        .await
    }

    /// Forgets that earlier scans of the slice have listed `ids`: they are known not to be listed any more.
    pub async fn forget(&self, run: RunId, slice: &SliceState, ids: &[i64]) -> Result<(), sqlx::Error> {
        sqlx::query(
            "DELETE FROM sync_seen WHERE run_id = $1 AND resource = $2 AND slice = $3 AND scan < $4 AND salla_id = ANY($5)",
        )
        .bind(run.0)
        .bind(&slice.resource)
        .bind(&slice.name)
        .bind(slice.scan)
        .bind(ids)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Different orders in all closed slices that tell no date, and those that tell one that was not asked for.
    pub async fn undated(&self, run: RunId) -> Result<(i64, i64), sqlx::Error> {
        sqlx::query_as(&format!(
            "SELECT count(*) FILTER (WHERE side <> {STRAY}), count(*) FILTER (WHERE side = {STRAY})
             FROM sync_seen WHERE run_id = $1 AND resource = 'orders' AND slice = $2"
        ))
        .bind(run.0)
        .bind(UNDATED_ROWS)
        .fetch_one(&self.pool)
        .await
    }

    /// Those of `ids` that a slice of other days has listed in this run, or that tell no date there.
    pub async fn listed_elsewhere(&self, run: RunId, ids: &[i64]) -> Result<HashSet<i64>, sqlx::Error> {
        let ids: Vec<i64> = sqlx::query_scalar(
            &format!("SELECT DISTINCT salla_id FROM sync_seen
             WHERE run_id = $1 AND resource = 'orders' AND side IN ({UNDATED}, {STRAY}) AND salla_id = ANY($2)"),
        )
        .bind(run.0)
        .bind(ids)
        .fetch_all(&self.pool)
        .await?;
        Ok(ids.into_iter().collect())
    }

    /// Different rows of a resource in the last scan of all its slices.
    pub async fn union(&self, run: RunId, resource: &str) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT count(DISTINCT seen.salla_id) FROM sync_seen seen
             JOIN sync_slices s USING (run_id, resource, slice, scan) WHERE run_id = $1 AND resource = $2",
        )
        .bind(run.0)
        .bind(resource)
        .fetch_one(&self.pool)
        .await
    }

    /// Rows that did not map in the scan before.
    pub async fn skipped_before(&self, run: RunId, slice: &SliceState) -> Result<HashSet<i64>, sqlx::Error> {
        let ids: Vec<i64> = sqlx::query_scalar(
            "SELECT salla_id FROM sync_seen
             WHERE run_id = $1 AND resource = $2 AND slice = $3 AND scan = $4 - 1 AND skipped",
        )
        .bind(run.0)
        .bind(&slice.resource)
        .bind(&slice.name)
        .bind(slice.scan)
        .fetch_all(&self.pool)
        .await?;
        Ok(ids.into_iter().collect())
    }

    /// Starts another scan of a slice, and says why. False where the lease is not ours any more.
    pub async fn scan_again(
        &self,
        lease: Lease,
        slice: &SliceState,
        doubt: Option<&str>,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let begun = sqlx::query(
            "UPDATE sync_slices s SET scan = scan + 1, scan_began_at = NULL, next_page = 1, first_total = NULL, seen = 0,
                 imported = 0, skipped = 0, finished_at = NULL, reported_at = NULL, doubt = coalesce($6, doubt)
             FROM sync_runs r
             WHERE r.run_id = $1 AND r.epoch = $2 AND r.state = 'open'
               AND s.run_id = r.run_id AND s.resource = $3 AND s.slice = $4 AND s.scan = $5",
        )
        .bind(lease.run_id.0)
        .bind(lease.epoch)
        .bind(&slice.resource)
        .bind(&slice.name)
        .bind(slice.scan)
        .bind(doubt)
        .execute(&mut *transaction)
        .await?;
        // The scan that just ended is kept, to compare the next one with, and so is each row that only an earlier one has listed.
        sqlx::query(
            "DELETE FROM sync_seen earlier USING sync_seen last
             WHERE earlier.run_id = $1 AND earlier.resource = $2 AND earlier.slice = $3 AND earlier.scan < $4
               AND last.run_id = $1 AND last.resource = $2 AND last.slice = $3 AND last.scan = $4
               AND last.salla_id = earlier.salla_id",
        )
        .bind(lease.run_id.0)
        .bind(&slice.resource)
        .bind(&slice.name)
        .bind(slice.scan)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(begun.rows_affected() == 1)
    }

    /// Closes a slice that agrees. False where the lease is not ours any more.
    pub async fn close(&self, lease: Lease, slice: &SliceState, tally: &Tally) -> Result<bool, sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let closed = sqlx::query(
            "UPDATE sync_slices s SET finished_at = now(), doubt = NULL, ids_before = $6, ids_within = $7, ids_after = $8,
                 ids_undated = $9
             FROM sync_runs r
             WHERE r.run_id = $1 AND r.epoch = $2 AND r.state = 'open'
               AND s.run_id = r.run_id AND s.resource = $3 AND s.slice = $4 AND s.scan = $5",
        )
        .bind(lease.run_id.0)
        .bind(lease.epoch)
        .bind(&slice.resource)
        .bind(&slice.name)
        .bind(slice.scan)
        .bind(tally.ids[0])
        .bind(tally.ids[1])
        .bind(tally.ids[2])
        .bind(tally.undated)
        .execute(&mut *transaction)
        .await?;
        if tally.undated > 0 {
            sqlx::query(
                &format!("INSERT INTO sync_seen (run_id, resource, slice, scan, salla_id, side)
                 SELECT run_id, resource, $5, 1, salla_id, side FROM sync_seen
                 WHERE run_id = $1 AND resource = $2 AND slice = $3 AND scan = $4 AND side IN ({UNDATED}, {STRAY})
                 ON CONFLICT DO NOTHING"),
            )
            .bind(lease.run_id.0)
            .bind(&slice.resource)
            .bind(&slice.name)
            .bind(slice.scan)
            .bind(UNDATED_ROWS)
            .execute(&mut *transaction)
            .await?;
        }
        // Parts of customers and products may overlap, so their ids are counted together in the end.
        if closed.rows_affected() == 1 && (slice.resource == "orders" || slice.name == "all") {
            sqlx::query("DELETE FROM sync_seen WHERE run_id = $1 AND resource = $2 AND slice = $3")
                .bind(lease.run_id.0)
                .bind(&slice.resource)
                .bind(&slice.name)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(closed.rows_affected() == 1)
    }

    /// Puts smaller slices in the place of one that Salla's deep pages cannot hold.
    pub async fn split(
        &self,
        lease: Lease,
        slice: &SliceState,
        parts: &[Slice],
    ) -> Result<bool, sqlx::Error> {
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        let made: i64 = sqlx::query_scalar(
            "WITH gone AS (
                 DELETE FROM sync_slices s USING sync_runs r
                 WHERE r.run_id = $1 AND r.epoch = $2 AND r.state = 'open'
                   AND s.run_id = r.run_id AND s.resource = $3 AND s.slice = $4
                 RETURNING s.ordinal
             ), seen AS (
                 DELETE FROM sync_seen WHERE run_id = $1 AND resource = $3 AND slice = $4 AND EXISTS (SELECT FROM gone)
             ), made AS (
                 INSERT INTO sync_slices (run_id, resource, slice, ordinal)
                 SELECT $1, $3, name, gone.ordinal FROM gone, unnest($5::text[]) AS name RETURNING 1
             )
             SELECT count(*) FROM made",
        )
        .bind(lease.run_id.0)
        .bind(lease.epoch)
        .bind(&slice.resource)
        .bind(&slice.name)
        .bind(&names)
        .fetch_one(&self.pool)
        .await?;
        Ok(made == parts.len() as i64)
    }

    /// Puts one slice in the place of all of its resource.
    pub async fn join(&self, lease: Lease, whole: &Slice) -> Result<bool, sqlx::Error> {
        let made: i64 = sqlx::query_scalar(
            "WITH gone AS (
                 DELETE FROM sync_slices s USING sync_runs r
                 WHERE r.run_id = $1 AND r.epoch = $2 AND r.state = 'open' AND s.run_id = r.run_id AND s.resource = $3
                 RETURNING s.ordinal
             ), made AS (
                 INSERT INTO sync_slices (run_id, resource, slice, ordinal)
                 SELECT $1, $3, $4, min(ordinal) FROM gone HAVING count(*) > 0 RETURNING 1
             )
             SELECT count(*) FROM made",
        )
        .bind(lease.run_id.0)
        .bind(lease.epoch)
        .bind(&whole.resource)
        .bind(&whole.name)
        .fetch_one(&self.pool)
        .await?;
        Ok(made == 1)
    }

    /// Remembers that the aggregate knows of a closed slice.
    pub async fn reported(&self, lease: Lease, slice: &SliceState) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE sync_slices SET reported_at = now() WHERE run_id = $1 AND resource = $2 AND slice = $3",
        )
        .bind(lease.run_id.0)
        .bind(&slice.resource)
        .bind(&slice.name)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
