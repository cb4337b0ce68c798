//! Trying dead letters again, or giving them up.
//!
//! A record goes back to its topic as it came. A row that Salla listed and that did not map is fetched; a fact is published anew by the
//! merge, because an old one must never stand behind a newer. What waits behind an event goes with it, in order.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use qafila_ingest::keys::PostgresKeys;
use qafila_ingest::observations::ObservationWriter;
use qafila_ingest::repair::{Of, Repairs};
use qafila_projections::oltp::park::{self, Opened};
use qafila_schemas::catalogue::{CARTS, COMPLETENESS, CUSTOMERS, ORDERS, PRODUCTS, SYNC_PROGRESS};
use qafila_schemas::contract::Contract;
use qafila_schemas::dead_letter::{Letter, header};
use qafila_schemas::headers;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::open_set::Entity;
use qafila_schemas::registry::Registry;
use qafila_schemas::writer::{TopicWriter, WriteError};

use super::actions::Actions;
use crate::config::Config;
use crate::wiring;

/// Who takes in sync runs, and who publishes events, as their letters name them.
const SYNC: &str = "ingest-sync";
const RELAY: &str = "relay";

/// What trying a dead letter again takes.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// The record goes back to its topic.
    Again,
    /// The entity is fetched.
    Fetch(Of, Entity, i64),
    /// The merge publishes the row anew.
    Publish(Of, Entity, i64),
    /// There is none; why.
    None(&'static str),
}

/// Records that wait, by consumer and entity.
pub(super) async fn waiting(config: &Config) -> Result<Vec<(String, String, i64)>> {
    Ok(park::waiting(&wiring::pool(config, "qafila_oltp")?).await?)
}

/// Tries letters again, in order.
pub(super) async fn retry(
    config: &Config,
    actions: &Actions,
    letters: Vec<Letter>,
    reason: &str,
    dry_run: bool,
) -> Result<()> {
    let registry = Registry::new(config.registry_url.as_str())?;
    let contract = Contract::new(config.kafka.clone(), registry);
    let writer = contract.writer()?;
    let keys = Arc::new(PostgresKeys::new(actions.pool().clone(), config.operator_keys.clone()));
    let observations = Arc::new(ObservationWriter::new(&contract, keys, writer.clone()).await?);
    let repairs = Repairs::new(actions.pool().clone(), observations);
    let parked = wiring::pool(config, "qafila_oltp")?;
    let (mut retried, mut left) = (0, 0);
    for letter in letters {
        let way = way(&letter);
        println!("{} {}", letter.id, told(&way));
        if matches!(way, Way::None(_)) {
            left += 1;
            continue;
        }
        if dry_run {
            retried += 1;
            continue;
        }
        match way {
            Way::Again if !again(config, &letter, &writer, &parked).await? => {
                left += 1;
                continue;
            }
            Way::Fetch(of, entity, id) => repairs.fetch(of, &entity, &[id]).await?,
            Way::Publish(of, entity, id) => repairs.publish(of, &entity, &[id]).await?,
            Way::Again | Way::None(_) => {}
        }
        retried += 1;
        actions.note(&letter.id, "retried", reason).await?;
    }
    let verb = if dry_run { "would be retried" } else { "were retried" };
    println!("{retried} {verb}, {left} cannot be");
    Ok(())
}

/// Gives letters up.
pub(super) async fn drop(
    config: &Config,
    actions: &Actions,
    letters: Vec<Letter>,
    reason: &str,
    dry_run: bool,
) -> Result<()> {
    let waiting = waiting(config).await?;
    for letter in &letters {
        if let Some((consumer, entity)) = waits_behind(letter)
            && waiting.iter().any(|(c, e, _)| *c == consumer && *e == entity)
        {
            bail!(
                "{}: events of {entity} wait behind it at {consumer}, and could never be applied without it. Retry it.",
                letter.id
            );
        }
    }
    for letter in &letters {
        println!("{}", letter.id);
        if !dry_run {
            actions.note(&letter.id, "dropped", reason).await?;
        }
    }
    println!("{} {}", letters.len(), if dry_run { "would be dropped" } else { "were dropped" });
    Ok(())
}

/// Writes a record back to its topic, and behind it what waits for it; false where an earlier one is still missing.
async fn again(
    config: &Config,
    letter: &Letter,
    writer: &TopicWriter,
    parked: &sqlx::PgPool,
) -> Result<bool> {
    let mut record = letter.to_record(&config.kafka);
    let Some((consumer, entity)) = waits_behind(letter) else {
        writer.write_all(vec![record]).await?;
        return Ok(true);
    };
    record.headers = park::released(record.headers, &consumer);
    let write = |records| async { writer.write_all(records).await.map_err(Unfreed::from) };
    let opened = park::open(parked, &consumer, &entity, Some(record), write);
    match opened.await.with_context(|| format!("letting {entity} go at {consumer}"))? {
        Opened::Free(0) => {}
        Opened::Free(freed) => println!("  and {freed} records that waited behind it"),
        Opened::SetAsideAgain => println!("  one was set aside again: what is behind goes on waiting"),
        Opened::StillMissing => {
            println!("  one before it is still missing: it goes on waiting, and what is behind it");
            return Ok(false);
        }
        Opened::NotFollowed => bail!(
            "{consumer} has not applied it yet: is the projection role running? What is behind {entity} waits; retry {} again",
            letter.id
        ),
    }
    Ok(true)
}

#[derive(Debug, thiserror::Error)]
enum Unfreed {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// The consumer and the aggregate whose later events may wait behind a letter.
fn waits_behind(letter: &Letter) -> Option<(String, String)> {
    let consumer = letter.header(header::CONSUMER)?.to_owned();
    // Whoever takes in sync runs sets nothing aside behind a letter.
    let is_event = letter.id.topic.ends_with(".events") && consumer != SYNC;
    is_event.then(|| Some((consumer, letter.header(headers::SUBJECT)?.to_owned())))?
}

fn way(letter: &Letter) -> Way {
    let facts = [
        (ORDERS.name, Entity::Order),
        (CUSTOMERS.name, Entity::Customer),
        (PRODUCTS.name, Entity::Product),
        (CARTS.name, Entity::Cart),
    ];
    if let Some((_, entity)) = facts.into_iter().find(|(topic, _)| *topic == letter.id.topic) {
        return match of_fact(&letter.key_text()) {
            Some((of, id)) => Way::Publish(of, entity, id),
            None => Way::None("its key names no row: the fact that comes next replaces it"),
        };
    }
    if [SYNC_PROGRESS.name, COMPLETENESS.name].contains(&letter.id.topic.as_str()) {
        return Way::None("the record that comes next replaces it: drop it");
    }
    // One without a position was never a record of its topic.
    if letter.id.topic.ends_with(".events") && letter.header(header::POSITION).is_none() {
        return Way::None(match letter.header(header::CONSUMER) {
            Some(SYNC) => "it is the job of an import that has failed: its merchant may restart it",
            Some(RELAY) => "the event was not published: see why, then `qafila relay republish`",
            _ => "it is the job of an export that has failed: its user may ask for the file again",
        });
    }
    // A row of an answer was never a record.
    if let Some(entity) = letter.header(header::ENTITY) {
        let merchant: Option<MerchantId> = letter.header(header::MERCHANT).and_then(|m| m.parse().ok());
        return match merchant.zip(of_row(entity)) {
            Some((merchant, (entity, id))) => Way::Fetch(Of { merchant, store: None }, entity, id),
            None => Way::None("the row names no entity that could be fetched"),
        };
    }
    Way::Again
}

/// `<merchant id>:<store id>:<salla id>`, the key of a fact.
fn of_fact(key: &str) -> Option<(Of, i64)> {
    let mut parts = key.splitn(3, ':');
    let (merchant, store) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((Of { merchant, store: Some(store) }, parts.next()?.parse().ok()?))
}

/// `<resource>:<id>` of a row that has an id.
fn of_row(text: &str) -> Option<(Entity, i64)> {
    let (resource, id) = text.split_once(':')?;
    let entity = match resource {
        "orders" => Entity::Order,
        "customers" => Entity::Customer,
        "products" => Entity::Product,
        _ => return None,
    };
    Some((entity, id.parse().ok().filter(|id| *id > 0)?))
}

fn told(way: &Way) -> String {
    match way {
        Way::Again => "goes back to its topic".into(),
        Way::Fetch(_, entity, id) => format!("{entity} {id} is fetched"),
        Way::Publish(_, entity, id) => format!("{entity} {id} is published anew"),
        Way::None(why) => format!("cannot be retried: {why}"),
    }
}
