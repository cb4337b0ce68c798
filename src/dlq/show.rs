//! Showing one dead letter. What is sealed stays sealed, unless somebody who may asks for it and says why.

use anyhow::{Context, Result, bail, ensure};
use qafila_ingest::refused_rows;
use qafila_schemas::catalogue::{TOPICS, WEBHOOKS_RAW};
use qafila_schemas::dead_letter::{Letter, header};
use qafila_schemas::envelope::{BodySealer, SealedBody};
use qafila_schemas::records::webhook::{RawWebhook, SEALED_FOR};
use qafila_schemas::registry::Registry;
use rdkafka::message::Headers;

use super::actions::Actions;
use crate::config::Config;

/// Prints the letter; `opened_for` is the reason for which what is sealed is opened.
pub(super) async fn show(
    config: &Config,
    actions: &Actions,
    letter: &Letter,
    opened_for: Option<String>,
) -> Result<()> {
    println!("{}", letter.id);
    println!("  key: {}", letter.key_text());
    for h in letter.headers.iter() {
        let value = h.value.map(String::from_utf8_lossy).unwrap_or_default();
        println!("  {}: {value}", h.key);
    }
    let registry = Registry::new(config.registry_url.as_str())?;
    match webhook(&registry, letter).await? {
        Some(webhook) => println!(
            "  store {}, event {:?}, {}, received {}, body of {} sealed bytes",
            webhook.store_id.map_or_else(|| "unknown".into(), |id| id.to_string()),
            webhook.event,
            webhook.strategy,
            webhook.received_at,
            webhook.body.0.len()
        ),
        None => println!("  value of {} bytes", letter.value.as_ref().map_or(0, Vec::len)),
    }
    let Some(reason) = opened_for else { return Ok(()) };
    ensure!(
        config.operator_may_open,
        "QAFILA_OPERATOR_MAY_OPEN is not true here: this operator may not open what is sealed"
    );
    let plain = open(config, &registry, letter).await?;
    actions.note(&letter.id, "opened", &reason).await?;
    println!("{plain}");
    Ok(())
}

async fn webhook(registry: &Registry, letter: &Letter) -> Result<Option<RawWebhook>> {
    let of_webhooks =
        TOPICS.iter().find(|topic| topic.name == letter.id.topic && topic.name == WEBHOOKS_RAW.name);
    let (Some(_), Some(value)) = (of_webhooks, &letter.value) else { return Ok(None) };
    let Ok((schema, _)) = qafila_schemas::codec::split_header(value) else { return Ok(None) };
    registry.learn(schema).await?;
    Ok(registry.decoder()?.decode(value).ok().flatten())
}

/// What a sealed letter holds.
async fn open(config: &Config, registry: &Registry, letter: &Letter) -> Result<String> {
    let keys = config.operator_keys.clone();
    let (bytes, purpose) = match webhook(registry, letter).await? {
        Some(webhook) => (webhook.body.0, SEALED_FOR),
        None if letter.header(header::ENTITY).is_some() => {
            (letter.value.clone().unwrap_or_default(), refused_rows::SEALED_FOR)
        }
        None => bail!("it is not sealed as a whole; its personal fields are opened for their merchant alone"),
    };
    let sealed =
        SealedBody::read(bytes, &letter.headers).context("the headers with its data key are missing")?;
    let plain = BodySealer::new(keys, purpose).open(&sealed)?;
    Ok(String::from_utf8_lossy(&plain).into_owned())
}
