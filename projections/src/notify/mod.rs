//! Telling people what happened: events become notifications in the app, and later mails. [`bell`] is the read model of the
//! app, [`texts`] the words in both languages.

pub mod bell;
pub mod texts;

use tokio_util::sync::CancellationToken;

use crate::oltp::{OltpRole, ProjectionError};

/// Runs until `shutdown`.
pub async fn run(role: OltpRole, shutdown: CancellationToken) -> Result<(), ProjectionError> {
    tokio::try_join!(
        bell::run_merchants(role.clone(), shutdown.clone()),
        bell::run_sync_jobs(role, shutdown)
    )?;
    Ok(())
}
