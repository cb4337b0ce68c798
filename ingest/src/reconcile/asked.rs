//! A run that a person asks for: `qafila reconcile`. It takes the store's lease, so that it never runs beside the night's.

use std::sync::Arc;

use qafila_aggregates::lease;
use qafila_schemas::ids::MerchantId;

use super::Tools;
use super::run::{Asked, Found, RESOURCES, Run, window_of_days};
use super::summary::Failure;
use super::work::LEASE;

/// Why nothing was run.
#[derive(Debug, thiserror::Error)]
pub enum NotRun {
    /// No such merchant, or one who never connected a store.
    #[error("this merchant has never connected a store")]
    NeverConnected,
    /// The connection has ended.
    #[error("no store is connected: the merchant connects it again in the app")]
    NotConnected,
    /// Another run is under way, or the first import has not ended.
    #[error("another run is at work on this store, or its first import has not ended: try again later")]
    Busy,
    /// The store was taken over, or something of ours.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Runs over `resources` of the merchant's store; `told` hears of each as it ends.
pub async fn run(
    tools: Arc<Tools>,
    merchant: MerchantId,
    resources: &[String],
    asked: Asked,
    mut told: impl FnMut(&Found),
) -> Result<(), NotRun> {
    let ours = |error: sqlx::Error| NotRun::Failed(Failure::ours(error));
    let Some(leased) = tools.work.lease_of(merchant).await.map_err(ours)? else {
        let known = tools.work.last_connection(merchant).await.map_err(ours)?;
        let owner = known.ok_or(NotRun::NeverConnected)?;
        let live = tools.salla.is_connected(owner.connection_id).await;
        return Err(if live { NotRun::Busy } else { NotRun::NotConnected });
    };
    let run = Run::new(Arc::clone(&tools), &leased, Some(asked));
    let holding = async {
        lease::hold("reconciliation", LEASE, LEASE / 5, || tools.work.renew(&leased)).await;
        Failure::Lost
    };
    let working = async {
        for resource in RESOURCES.into_iter().filter(|r| resources.iter().any(|wanted| wanted == r)) {
            let found = run.asked(asked, resource).await;
            if !asked.dry {
                run.record(resource, window_of_days(asked.window), &found.outcome).await?;
            }
            told(&found);
        }
        Ok::<(), Failure>(())
    };
    let outcome = tokio::select! {
        outcome = working => outcome,
        lost = holding => Err(lost),
    };
    tools.work.release(&leased).await.map_err(ours)?;
    Ok(outcome?)
}
