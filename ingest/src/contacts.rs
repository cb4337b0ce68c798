//! Equality look-up of e-mails, phones and words of names (ARCHITECTURE §3): digests in Postgres only, each beside the key of its subject, with which they
//! end.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use qafila_schemas::ids::MerchantId;
use qafila_schemas::sealed::Subject;
use sqlx::PgPool;

/// About 20 MB; beyond that the memory starts anew, and what is known is written once more.
const MOST_KNOWN: usize = 400_000;

type Digest = [u8; 32];

/// The look-up, behind the ingest role's pool.
pub(crate) struct Contacts {
    pool: PgPool,
    /// What this process has written: customers come again and again.
    known: Mutex<HashSet<(i64, Digest)>>,
}

impl Contacts {
    /// In `pool`.
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, known: Mutex::default() }
    }

    /// Lets digests be found, each beside the id of its subject's key; not where that was destroyed.
    pub(crate) async fn remember(
        &self,
        merchant: MerchantId,
        digests: Vec<(i64, Digest)>,
    ) -> Result<(), sqlx::Error> {
        let fresh: Vec<(i64, Digest)> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            digests.into_iter().filter(|one| !known.contains(one)).collect()
        };
        if fresh.is_empty() {
            return Ok(());
        }
        let (keys, texts): (Vec<i64>, Vec<&[u8]>) =
            fresh.iter().map(|(key, digest)| (*key, &digest[..])).unzip();
        // In one order, so that two batches with the same customers do not wait for one another.
        sqlx::query(
            "INSERT INTO contact_digests (merchant_id, digest, subject_key_id)
             SELECT $1, fresh.digest, fresh.key FROM unnest($2::bigint[], $3::bytea[]) AS fresh (key, digest)
                 JOIN subject_keys k ON k.subject_key_id = fresh.key
             WHERE k.merchant_id = $1 AND k.wrapped IS NOT NULL
             ORDER BY fresh.digest, fresh.key
             ON CONFLICT DO NOTHING",
        )
        .bind(merchant.0)
        .bind(&keys)
        .bind(&texts)
        .execute(&self.pool)
        .await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.extend(fresh);
        Ok(())
    }

    /// People of a store who have all of `digests`, newest keys first, at most `limit`; none whose key was destroyed.
    pub(crate) async fn find(
        &self,
        merchant: MerchantId,
        store_id: i64,
        digests: &[Digest],
        limit: i64,
    ) -> Result<Vec<Subject>, sqlx::Error> {
        let Some((first, others)) = digests.split_first() else { return Ok(vec![]) };
        let others: Vec<&[u8]> = others.iter().map(|digest| &digest[..]).collect();
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT k.subject FROM contact_digests c JOIN subject_keys k USING (merchant_id, subject_key_id)
             WHERE c.merchant_id = $1 AND c.digest = $2 AND k.wrapped IS NOT NULL AND starts_with(k.subject, $5)
               AND NOT EXISTS (SELECT FROM unnest($4::bytea[]) AS other (digest)
                   WHERE NOT EXISTS (SELECT FROM contact_digests o
                       WHERE o.merchant_id = $1 AND o.digest = other.digest AND o.subject_key_id = c.subject_key_id))
             ORDER BY c.subject_key_id DESC LIMIT $3",
        )
        .bind(merchant.0)
        .bind(&first[..])
        .bind(limit)
        .bind(&others)
        .bind(format!("{store_id}:"))
        .fetch_all(&self.pool)
        .await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }
}
