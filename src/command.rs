//! The command line: one arm, one call.

use clap::{Parser, Subcommand, ValueEnum};
use qafila_schemas::catalogue::{Cleanup, TOPICS};
use qafila_schemas::registry::Registry;
use qafila_schemas::topics;

use crate::config::{Config, ConfigError};
use crate::dlq::DlqCommand;
use crate::reconcile::ReconcileArgs;
use crate::republish::RelayCommand;
use crate::verify::VerifyArgs;
use crate::{dlq, doctor, migrate, reconcile, republish, roles, verify};

/// Qafila: a Salla merchant's business in Kafka, PostgreSQL and ClickHouse.
#[derive(Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs every role in one process: the embedded default for one machine.
    All,
    /// Serves HTTP.
    Gateway,
    /// Carries events from the event store to Kafka.
    Relay {
        /// What else; it relays where nothing is named.
        #[command(subcommand)]
        command: Option<RelayCommand>,
    },
    /// Reads from Salla.
    Ingest,
    /// Builds read models.
    Project {
        /// Which; all of them where none is named.
        which: Option<Projection>,
    },
    /// Makes roles and tables in Postgres and ClickHouse; safe to repeat.
    Migrate,
    /// Looks at everything Qafila needs, changes nothing, and says what to do.
    Doctor,
    /// Compares a merchant's store with what is stored, now, and publishes what differs.
    Reconcile(ReconcileArgs),
    /// Proves that Salla, Postgres, ClickHouse and the topics agree on a merchant's day, or names each difference.
    Verify(VerifyArgs),
    /// Looks at what was set aside, and lets it be tried again or gives it up.
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// Prints the OpenAPI document of the gateway, as it serves it.
    Openapi,
    /// Lists the topics, or makes what is missing.
    Topics {
        /// What to do.
        #[arg(default_value = "list")]
        action: TopicAction,
    },
}

/// A family of read models.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Projection {
    /// Postgres, and the merge that publishes facts.
    Oltp,
    /// ClickHouse.
    Olap,
    /// What people are told.
    Notify,
    /// Facts as files.
    Export,
}

/// What `qafila topics` does.
#[derive(Clone, Copy, ValueEnum)]
enum TopicAction {
    /// Prints the catalogue.
    List,
    /// Makes missing topics and registers all schemas.
    Apply,
}

/// Runs the command.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    if let Command::Topics { action: TopicAction::List } = cli.command {
        list_topics();
        return Ok(());
    }
    if let Command::Openapi = cli.command {
        println!("{:#}", qafila_gateway::routes::openapi::described());
        return Ok(());
    }
    let config = Config::from_env()?;
    match cli.command {
        Command::All => roles::all(config).await,
        Command::Gateway => roles::gateway(config).await,
        Command::Relay { command: None } => roles::relay(config).await,
        Command::Relay { command: Some(RelayCommand::Republish(args)) } => {
            republish::run(&config, args).await
        }
        Command::Ingest => roles::ingest(config).await,
        Command::Project { which } => roles::project(config, which).await,
        Command::Migrate => migrate::run(&config).await,
        Command::Doctor => doctor::run(&config).await,
        Command::Verify(args) => verify::run(&config, args).await,
        Command::Dlq(command) => dlq::run(&config, command).await,
        Command::Reconcile(args) => reconcile::run(&config, args).await,
        Command::Openapi | Command::Topics { .. } => {
            let registry = Registry::new(config.registry_url.as_str())?;
            Ok(topics::apply(&config.kafka, &registry, config.replication).await?)
        }
    }
}

/// 2 where the configuration is at fault, else 1.
pub fn exit_code(error: &anyhow::Error) -> i32 {
    if error.is::<ConfigError>() { 2 } else { 1 }
}

fn list_topics() {
    for topic in TOPICS {
        let cleanup = match topic.cleanup {
            Cleanup::Compact => "compact".to_owned(),
            Cleanup::Delete { days } => format!("delete {days} d"),
        };
        println!(
            "{:<28} {:>2} × {cleanup:<12} {:<16} {}",
            topic.name, topic.partitions, topic.owner, topic.doc
        );
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
