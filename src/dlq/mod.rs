//! `qafila dlq`: what was set aside (ARCHITECTURE §7.3), why, and what to do about it. Every deed has a reason and leaves a trace.

mod actions;
mod retry;
mod show;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use qafila_schemas::catalogue::TOPICS;
use qafila_schemas::dead_letter::{Letter, LetterId, each_letter, header};
use qafila_schemas::kafka::KafkaConfig;
use qafila_schemas::millis::Millis;

use self::actions::Actions;
use crate::config::Config;
use crate::wiring;

/// What to do.
#[derive(Subcommand)]
pub enum DlqCommand {
    /// Lists dead letters that nobody has seen to.
    List {
        /// Which.
        #[command(flatten)]
        which: Which,
        /// Those that were retried or dropped, too.
        #[arg(long)]
        all: bool,
    },
    /// Shows one dead letter; what is sealed stays sealed.
    Show {
        /// As `list` names it: topic:partition:offset.
        letter: LetterId,
        /// Opens what is sealed. Needs QAFILA_OPERATOR_MAY_OPEN=true and a reason, and is noted.
        #[arg(long, requires = "reason")]
        open: bool,
        /// Why it is opened.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lets dead letters be tried again, in order, and what waits behind them.
    Retry(Deed),
    /// Gives dead letters up for good.
    Drop(Deed),
}

/// Which dead letters.
#[derive(Args)]
pub struct Which {
    /// Only of this topic.
    #[arg(long, value_parser = topic)]
    topic: Option<String>,
    /// Only with this cause, such as `unmappable`.
    #[arg(long)]
    cause: Option<String>,
    /// Only of this merchant: a UUID.
    #[arg(long)]
    merchant: Option<String>,
}

/// What is done to which dead letters, and why.
#[derive(Args)]
pub struct Deed {
    /// As `list` names them; all that the other options pick where none is named.
    letters: Vec<LetterId>,
    /// Which.
    #[command(flatten)]
    which: Which,
    /// Why; kept in the audit trail.
    #[arg(long)]
    reason: String,
    /// Says what would be done, and does nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub async fn run(config: &Config, command: DlqCommand) -> Result<()> {
    let actions = Actions::new(wiring::pool(config, "qafila_ingest")?);
    match command {
        DlqCommand::List { which, all } => list(config, &actions, &which, all).await,
        DlqCommand::Show { letter, open, reason } => {
            let found = find(config, &letter).await?;
            show::show(config, &actions, &found, reason.filter(|_| open)).await
        }
        DlqCommand::Retry(deed) => {
            let letters = picked(config, &actions, &deed).await?;
            retry::retry(config, &actions, letters, &deed.reason, deed.dry_run).await
        }
        DlqCommand::Drop(deed) => {
            let letters = picked(config, &actions, &deed).await?;
            retry::drop(config, &actions, letters, &deed.reason, deed.dry_run).await
        }
    }
}

impl Which {
    fn is_empty(&self) -> bool {
        self.topic.is_none() && self.cause.is_none() && self.merchant.is_none()
    }

    fn picks(&self, letter: &Letter) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == found)
        };
        is(&self.cause, letter.header(header::CAUSE)) && is(&self.merchant, letter.header(header::MERCHANT))
    }
}

async fn list(config: &Config, actions: &Actions, which: &Which, all: bool) -> Result<()> {
    let done = actions.done().await?;
    let mut letters = letters(config, which).await?;
    letters.retain(|letter| all || !done.contains_key(&letter.id.to_string()));
    for letter in &letters {
        let id = letter.id.to_string();
        let text = |name| letter.header(name).unwrap_or("-");
        println!(
            "{id:<36} {:<24} {:<16} {:<14} tried {} {:<36} {}{}{}",
            Millis(letter.at).to_string(),
            text(header::CONSUMER),
            text(header::CAUSE),
            text(header::ATTEMPTS),
            text(header::MERCHANT),
            letter.header(header::PATH).map(|path| format!("{path}: ")).unwrap_or_default(),
            text(header::DETAIL),
            done.get(&id).map(|action| format!(" ({action})")).unwrap_or_default(),
        );
    }
    println!("{} dead letters", letters.len());
    for (consumer, entity, waiting) in retry::waiting(config).await? {
        println!("{waiting} records of {entity} wait at {consumer} behind one of them");
    }
    Ok(())
}

/// The dead letters that a deed is about, in the order in which they failed; those that were seen to are left out.
async fn picked(config: &Config, actions: &Actions, deed: &Deed) -> Result<Vec<Letter>> {
    ensure!(
        !deed.letters.is_empty() || !deed.which.is_empty(),
        "name dead letters, or pick them with --topic, --cause or --merchant"
    );
    let done = actions.done().await?;
    let mut letters = letters(config, &deed.which).await?;
    for named in &deed.letters {
        ensure!(letters.iter().any(|letter| letter.id == *named), "there is no dead letter {named}");
        if let Some(action) = done.get(&named.to_string()) {
            println!("{named} was {action} already");
        }
    }
    letters.retain(|letter| {
        !done.contains_key(&letter.id.to_string())
            && (deed.letters.is_empty() || deed.letters.contains(&letter.id))
    });
    Ok(letters)
}

async fn find(config: &Config, id: &LetterId) -> Result<Letter> {
    let which = Which { topic: Some(id.topic.clone()), cause: None, merchant: None };
    let all = letters(config, &which).await?;
    all.into_iter().find(|letter| letter.id == *id).with_context(|| format!("there is no dead letter {id}"))
}

/// Dead letters in the order in which they were set aside, each partition's in its own.
async fn letters(config: &Config, which: &Which) -> Result<Vec<Letter>> {
    let (kafka, wanted): (KafkaConfig, Option<String>) = (config.kafka.clone(), which.topic.clone());
    let read = tokio::task::spawn_blocking(move || {
        let mut found = BTreeMap::new();
        for topic in TOPICS.iter().filter(|topic| wanted.as_deref().is_none_or(|name| name == topic.name)) {
            each_letter(&kafka, topic, |letter| {
                found.insert((letter.at, letter.id.clone()), letter);
            })
            .with_context(|| format!("reading the dead letters of {}", topic.name))?;
        }
        anyhow::Ok(found)
    });
    Ok(read.await??.into_values().filter(|letter| which.picks(letter)).collect())
}

fn topic(name: &str) -> Result<String, String> {
    let known = TOPICS.iter().find(|topic| topic.name == name);
    known
        .map(|topic| topic.name.to_owned())
        .ok_or_else(|| "no topic of the catalogue: `qafila topics` lists them".into())
}
