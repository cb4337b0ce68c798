//! `qafila relay republish`: events of the event store are published once more, for a Kafka that lost its tail.

use anyhow::Result;
use clap::{Args, Subcommand};
use qafila_aggregates::relay;
use qafila_schemas::contract::Contract;
use qafila_schemas::registry::Registry;

use crate::config::Config;
use crate::wiring;

/// What `qafila relay` does beside relaying.
#[derive(Subcommand)]
pub enum RelayCommand {
    /// Publishes events once more, for a Kafka that lost its tail; consumers drop those that they have (`ce_id`).
    ///
    /// First stop the relay, and start every other role: a consumer finds out that its topic was cut off only while it is still shorter than
    /// what the consumer has read. Then publish again, and start the relay.
    Republish(RepublishArgs),
}

/// Which events.
#[derive(Args)]
pub struct RepublishArgs {
    /// Position of the first event, as the column `position` of `events` has it; too early costs time only
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..))]
    from: i64,
    /// Only counts them
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub async fn run(config: &Config, RepublishArgs { from, dry_run }: RepublishArgs) -> Result<()> {
    let contract = Contract::new(config.kafka.clone(), Registry::new(config.registry_url.as_str())?);
    let pool = wiring::pool(config, "qafila_relay")?;
    let told = relay::republish(&pool, &contract, from, dry_run, |event, count| {
        println!("{count} events, to position {} of {}", event.position, event.stored_at.to_utc());
    });
    let count = told.await?;
    let verb = if dry_run { "would be published" } else { "were published" };
    println!("{count} events {verb} once more");
    Ok(())
}
