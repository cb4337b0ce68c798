//! Counting attempts, to answer 429 after too many. Subjects are keyed hashes, never addresses.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use sqlx::PgPool;

use crate::problem::{Code, Problem};

/// Counts attempts in windows of 15 minutes.
#[derive(Clone)]
pub struct Attempts {
    pool: PgPool,
    key: std::sync::Arc<[u8]>,
}

impl Attempts {
    /// Counters in the command role's pool.
    pub fn new(pool: PgPool, key: &[u8]) -> Self {
        Self { pool, key: key.into() }
    }

    /// Counts one attempt of `subject`; 429 beyond `most` in a window. It counts before the attempt is made, in one
    /// statement, so that attempts at the same time cannot pass together.
    pub async fn count(&self, subject: &str, most: i32) -> Result<(), Problem> {
        let attempts: i32 = sqlx::query_scalar(
            "INSERT INTO attempt_counters AS known (subject, window_start, attempts)
             VALUES ($1, date_bin('15 minutes', now(), 'epoch'), 1)
             ON CONFLICT (subject, window_start) DO UPDATE SET attempts = known.attempts + 1 RETURNING attempts",
        )
        .bind(self.hash(subject))
        .fetch_one(&self.pool)
        .await?;
        if attempts > most { Err(too_many()) } else { Ok(()) }
    }

    /// Gives one counted attempt back: it was no failure.
    pub async fn give_back(&self, subject: &str) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE attempt_counters SET attempts = greatest(attempts - 1, 0)
             WHERE subject = $1 AND window_start = date_bin('15 minutes', now(), 'epoch')",
        )
        .bind(self.hash(subject))
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Forgets windows that have passed.
    pub async fn sweep(&self) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM attempt_counters WHERE window_start < now() - interval '1 hour'")
            .execute(&self.pool)
            .await
            .map(drop)
    }

    fn hash(&self, subject: &str) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(subject.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }
}

fn too_many() -> Problem {
    Problem::new(Code::TooManyAttempts).with("minutes", 15).retry_after(900)
}
