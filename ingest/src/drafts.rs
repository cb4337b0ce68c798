//! Which orders are drafts: no list shows a draft, and light details do not say that it is one (FACTS §4.1, §4.2), so what webhooks and full
//! details tell is kept. An order that becomes a draft while its list is read moves the rows behind it, and one of them may be passed over.

use qafila_schemas::ids::{MerchantId, RunId};
use qafila_schemas::open_set::{Kind, Source};
use sqlx::PgPool;

use crate::mapping::Unsealed;
use crate::sync::slices::SliceState;
use crate::sync::stored::Range;

/// A webhook tells whole seconds, rounded down.
const BEFORE_A_SCAN_SECONDS: f64 = 1.0;
/// How far Salla's clock may be from the database's.
const BEHIND_A_SCAN_SECONDS: f64 = 5.0;
/// How often an order may become a draft before the first time is forgotten.
const TIMES_KEPT: i32 = 16;

/// The table `order_drafts`.
#[derive(Clone)]
pub struct Drafts {
    pool: PgPool,
}

/// What was told of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    merchant: MerchantId,
    store_id: i64,
    order_id: i64,
    created_at_ms: Option<i64>,
    said_at_ms: i64,
    by_webhook: bool,
    is_draft: bool,
}

impl Told {
    /// What an observation tells. A list shows no draft, but may be older than what others tell.
    fn of(unsealed: &Unsealed) -> Option<Self> {
        let seen = &unsealed.observation;
        Some(Self {
            merchant: seen.merchant_id,
            store_id: seen.store_id,
            order_id: seen.salla_id,
            created_at_ms: seen.order.as_ref().and_then(|order| order.created_at).map(|at| at.0),
            said_at_ms: seen.observed_at.0,
            by_webhook: seen.source == Source::Webhook,
            // What was deleted is no draft any more.
            is_draft: match seen.kind {
                Kind::Deleted => false,
                _ => unsealed.is_draft.filter(|_| seen.source != Source::List)?,
            },
        })
    }
}

impl Drafts {
    /// Behind `pool`, the ingest role's.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Keeps what observations tell; of an order that never was a draft nothing.
    pub async fn note(&self, unsealed: impl IntoIterator<Item = &Unsealed>) -> Result<(), sqlx::Error> {
        for told in in_turn(unsealed.into_iter().filter_map(Told::of).collect()) {
            self.note_each(&told).await?;
        }
        Ok(())
    }

    /// Of each order one.
    async fn note_each(&self, told: &[Told]) -> Result<(), sqlx::Error> {
        sqlx::query(
            "WITH told AS (
                 SELECT t.merchant_id, t.store_id, t.order_id, to_timestamp(t.created / 1000.0) AS created_at,
                     to_timestamp(t.said / 1000.0) AS said_at, t.by_webhook, t.is_draft
                 FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::boolean[], $7::boolean[])
                     AS t (merchant_id, store_id, order_id, created, said, by_webhook, is_draft)
             ), ended AS (
                 UPDATE order_drafts d SET is_draft = false, said_at = t.said_at, by_webhook = t.by_webhook FROM told t
                 WHERE NOT t.is_draft AND d.merchant_id = t.merchant_id AND d.store_id = t.store_id AND d.order_id = t.order_id
                     AND d.said_at < t.said_at
             )
             INSERT INTO order_drafts AS d (merchant_id, store_id, order_id, created_at, said_at, by_webhook, is_draft, drafted_at)
             SELECT merchant_id, store_id, order_id, created_at, said_at, by_webhook, is_draft, ARRAY[said_at] FROM told WHERE is_draft
             ON CONFLICT (merchant_id, store_id, order_id) DO UPDATE
                 SET is_draft = true, said_at = EXCLUDED.said_at, created_at = coalesce(EXCLUDED.created_at, d.created_at), by_webhook = EXCLUDED.by_webhook,
                     drafted_at = d.drafted_at[greatest(1, cardinality(d.drafted_at) - $8 + 2):] || EXCLUDED.drafted_at
                 WHERE NOT d.is_draft AND d.said_at < EXCLUDED.said_at",
        )
        .bind(told.iter().map(|one| one.merchant.0).collect::<Vec<_>>())
        .bind(told.iter().map(|one| one.store_id).collect::<Vec<_>>())
        .bind(told.iter().map(|one| one.order_id).collect::<Vec<_>>())
        .bind(told.iter().map(|one| one.created_at_ms).collect::<Vec<_>>())
        .bind(told.iter().map(|one| one.said_at_ms).collect::<Vec<_>>())
        .bind(told.iter().map(|one| one.by_webhook).collect::<Vec<_>>())
        .bind(told.iter().map(|one| one.is_draft).collect::<Vec<_>>())
        .bind(TIMES_KEPT)
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Whether an order is known to be a draft.
    pub async fn is_draft(
        &self,
        merchant: MerchantId,
        store_id: i64,
        order_id: i64,
    ) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM order_drafts WHERE merchant_id = $1 AND store_id = $2 AND order_id = $3 AND is_draft)",
        )
        .bind(merchant.0)
        .bind(store_id)
        .bind(order_id)
        .fetch_one(&self.pool)
        .await
    }

    /// Whether an order of a closed slice became a draft during its accepted scan, as far as that is known, and whether or not it still is
    /// one. `created` are the days of the slice.
    pub async fn left_scan(
        &self,
        run: RunId,
        range: Range<'_>,
        slice: &SliceState,
    ) -> Result<bool, sqlx::Error> {
        let (from, to) = range.created.unzip();
        sqlx::query_scalar(
            "SELECT EXISTS (
                 SELECT FROM order_drafts d
                 JOIN sync_slices s ON s.run_id = $1 AND s.resource = $2 AND s.slice = $3
                 WHERE d.merchant_id = $4 AND d.store_id = $5
                     -- Details do not tell when it became one.
                     AND (d.is_draft AND NOT d.by_webhook AND d.said_at >= s.scan_began_at - make_interval(secs => $6)
                         OR EXISTS (SELECT FROM unnest(d.drafted_at) AS at WHERE at >= s.scan_began_at - make_interval(secs => $6)
                             AND at <= s.finished_at + make_interval(secs => $7)))
                     AND (d.created_at IS NULL OR $8 IS NULL OR d.created_at >= $8 AND d.created_at < $9))",
        )
        .bind(run.0)
        .bind(&slice.resource)
        .bind(&slice.name)
        .bind(range.merchant_id.0)
        .bind(range.store_id)
        .bind(BEFORE_A_SCAN_SECONDS)
        .bind(BEHIND_A_SCAN_SECONDS)
        .bind(from)
        .bind(to)
        .fetch_one(&self.pool)
        .await
    }
}

/// What was told of each order in the order of time: the first of each, then the second of each, and so on.
fn in_turn(mut told: Vec<Told>) -> Vec<Vec<Told>> {
    let order = |one: &Told| (one.merchant, one.store_id, one.order_id);
    told.sort_by_key(|one| (order(one), one.said_at_ms));
    let (mut turns, mut before, mut turn) = (Vec::<Vec<Told>>::new(), None, 0);
    for one in told {
        turn = if before == Some(order(&one)) { turn + 1 } else { 0 };
        before = Some(order(&one));
        match turns.get_mut(turn) {
            Some(of_turn) => of_turn.push(one),
            None => turns.push(vec![one]),
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_became_a_draft_and_was_published_in_one_batch_is_told_as_both() {
        let told = |order_id, said_at_ms, is_draft| Told {
            merchant: MerchantId::default(),
            store_id: 1,
            order_id,
            created_at_ms: None,
            said_at_ms,
            by_webhook: true,
            is_draft,
        };
        let (became, published, other) = (told(7, 1, true), told(7, 2, false), told(8, 3, true));
        assert_eq!(in_turn(vec![published, other, became]), [vec![became, other], vec![published]]);
        assert!(in_turn(vec![]).is_empty());
    }
}
