//! The audit trail of dead letters: table `dead_letter_actions`.

use std::collections::HashMap;

use anyhow::Result;
use qafila_schemas::dead_letter::LetterId;
use sqlx::PgPool;

/// The trail, behind the ingest role's pool.
pub(super) struct Actions {
    pool: PgPool,
}

impl Actions {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// What was done last to each dead letter that was retried or dropped.
    pub(super) async fn done(&self) -> Result<HashMap<String, String>> {
        let rows: Vec<(String, String)> = sqlx::query_as(
            "SELECT letter, action FROM dead_letter_actions WHERE action <> 'opened' ORDER BY action_id",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().collect())
    }

    /// Notes a deed.
    pub(super) async fn note(&self, letter: &LetterId, action: &str, reason: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO dead_letter_actions (letter, action, reason, operator) VALUES ($1, $2, $3, $4)",
        )
        .bind(letter.to_string())
        .bind(action)
        .bind(reason)
        .bind(operator())
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

/// Who does it: the account on this machine, or who became root from it.
fn operator() -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    named("SUDO_USER")
        .or_else(|| named("USER"))
        .or_else(|| named("LOGNAME"))
        .unwrap_or_else(|| "unknown".into())
}
