//! Stores and imports that wait for somebody.

use sqlx::{PgConnection, Row};

use super::{Finding, postgres};
use crate::config::Config;

/// A run that nobody has taken up for so long.
const IDLE_RUN: &str = "5 minutes";
/// The last event of a run that is done is late after so long.
const LATE_END: &str = "1 minute";
/// A store's night is late after so long.
const LATE_NIGHT: &str = "2 hours";

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    // A role that cannot log in is told among the roles already.
    let Ok(mut connection) = postgres::connect(config.role_url("qafila_ingest").as_str()).await else {
        return vec![];
    };
    let looked = async {
        Ok::<_, sqlx::Error>(vec![
            access(&mut connection).await?,
            ends(&mut connection).await?,
            idle(&mut connection).await?,
            doubts(&mut connection).await?,
            subscriptions(&mut connection).await?,
            nights(&mut connection).await?,
            app_events(&mut connection).await?,
            clean_ups(&mut connection).await?,
        ])
    };
    looked
        .await
        .unwrap_or_else(|error| vec![Finding::broken("imports", error.to_string(), "Run `qafila migrate`.")])
}

async fn access(connection: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let row = sqlx::query(
        "SELECT count(*), count(*) FILTER (WHERE refresh_state IN ('unknown', 'refused')),
             count(*) FILTER (WHERE refresh_state = 'usable' AND expires_at < now()),
             count(*) FILTER (WHERE refresh_state IN ('kept', 'absent') AND expires_at < now() + interval '7 days')
         FROM salla_connections WHERE wiped_at IS NULL",
    )
    .fetch_one(connection)
    .await?;
    let (all, lost, expired): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let ending: i64 = row.try_get(3)?;
    Ok(if expired > 0 {
        let found = format!("{expired} of {all} connections have expired and were not refreshed");
        Finding::broken("access to stores", found, "Start `qafila ingest`, or `qafila all`.")
    } else if lost > 0 {
        let found = format!("{lost} of {all} merchants have to authorise us again");
        Finding::attention("access to stores", found, "They were told in the app; nothing else helps.")
    } else if ending > 0 {
        let found = format!(
            "access to {ending} of {all} stores ends within a week, and Salla gave no token to renew it with"
        );
        Finding::attention("access to stores", found, "Their merchants were told to connect again.")
    } else {
        Finding::fine("access to stores", format!("{all} connections"))
    })
}

/// An import that is done but whose last event is missing looks unfinished to everybody.
async fn ends(connection: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let late: Vec<String> = sqlx::query_scalar(&format!(
        "SELECT job_id::text FROM sync_runs WHERE state = 'open' AND done_at < now() - interval '{LATE_END}'"
    ))
    .fetch_all(connection)
    .await?;
    Ok(match late.first() {
        None => Finding::fine("ends of imports", "none is late"),
        Some(first) => Finding::broken(
            "ends of imports",
            format!("{} are done but cannot say so, such as job {first}", late.len()),
            "The event store refuses their last event; the log says why (`end of a sync not appended`). It is tried until it is there.",
        ),
    })
}

async fn idle(connection: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let row = sqlx::query(&format!(
        "SELECT count(*), count(*) FILTER (WHERE waits_for IS NULL AND not_before < now() - interval '{IDLE_RUN}'
             AND (lease_until IS NULL OR lease_until < now() - interval '{IDLE_RUN}'))
         FROM sync_runs WHERE state = 'open'"
    ))
    .fetch_one(connection)
    .await?;
    let (open, idle): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(if idle > 0 {
        let found = format!("nobody works on {idle} of {open} open imports");
        Finding::broken("imports", found, "Start `qafila ingest`, or `qafila all`.")
    } else {
        Finding::fine("imports", format!("{open} open"))
    })
}

async fn doubts(connection: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let doubts: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT s.resource, s.slice, s.doubt FROM sync_slices s JOIN sync_runs r USING (run_id)
         WHERE r.state = 'open' AND s.finished_at IS NULL AND s.doubt IS NOT NULL AND s.scan > 5 ORDER BY s.scan DESC LIMIT 20",
    )
    .fetch_all(connection)
    .await?;
    Ok(match doubts.first() {
        None => Finding::fine("completeness", "no source contradicts itself"),
        Some((resource, slice, doubt)) => Finding::attention(
            "completeness",
            format!("{} slices do not close, such as {resource} {slice}: {doubt}", doubts.len()),
            "They are asked again until they agree; where that lasts, Salla's support can tell why its lists differ.",
        ),
    })
}

/// Where events do not reach us, changes come with the next import only.
async fn subscriptions(connection: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let row = sqlx::query(
        "SELECT count(*), count(*) FILTER (WHERE s.state = 'failing'), max(s.fault)
         FROM salla_connections c LEFT JOIN webhook_subscriptions s USING (connection_id) WHERE c.wiped_at IS NULL",
    )
    .fetch_one(connection)
    .await?;
    let (all, failing): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let fault: Option<String> = row.try_get(2)?;
    Ok(if failing > 0 {
        Finding::attention(
            "webhooks",
            format!("{failing} of {all} stores lack subscriptions, such as: {}", fault.unwrap_or_default()),
            "Salla must reach QAFILA_PUBLIC_URL; it is tried again every 15 minutes; until then changes come with the next import.",
        )
    } else {
        Finding::fine("webhooks", format!("{all} stores"))
    })
}

/// A store whose night is long over and nobody looked.
async fn nights(connection: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let row = sqlx::query(&format!(
        "SELECT count(*), count(*) FILTER (WHERE night_at < now() - interval '{LATE_NIGHT}' AND (lease_until IS NULL OR lease_until < now())),
             count(*) FILTER (WHERE catch_up_from IS NOT NULL)
         FROM reconciliations"
    ))
    .fetch_one(connection)
    .await?;
    let (all, late, catching_up): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(if late > 0 {
        let found = format!("{late} of {all} stores wait for their nightly comparison");
        Finding::broken("reconciliation", found, "Start `qafila ingest`, or `qafila all`.")
    } else if catching_up > 0 {
        let found = format!("{catching_up} of {all} stores catch up on what our endpoint missed");
        Finding::attention("reconciliation", found, "Nothing is needed: it goes on by itself.")
    } else {
        Finding::fine("reconciliation", format!("{all} stores"))
    })
}

async fn app_events(connection: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM app_events WHERE outcome IS NULL AND received_at < now() - interval '1 hour'),
             (SELECT max(doubt) FROM app_events WHERE outcome IS NULL), (SELECT count(*) FROM easy_mode_installs)",
    )
    .fetch_one(connection)
    .await?;
    let (open, held): (i64, i64) = (row.try_get(0)?, row.try_get(2)?);
    let doubt: Option<String> = row.try_get(1)?;
    Ok(if open > 0 {
        let found = format!("{open} are not decided, such as: {}", doubt.unwrap_or_default());
        Finding::attention("app events", found, "They are asked for again until they are clear.")
    } else {
        Finding::fine("app events", format!("{held} stores that installed the app wait to be claimed"))
    })
}

async fn clean_ups(connection: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let row = sqlx::query(
        "SELECT count(*), count(*) FILTER (WHERE due_at < now()), min(due_at)::text,
             count(*) FILTER (WHERE due_at < now() - interval '1 hour' AND carried_out_at IS NULL) FROM store_cleanups
         WHERE done_at IS NULL AND cancelled_at IS NULL",
    )
    .fetch_one(connection)
    .await?;
    let (all, due): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let first: Option<String> = row.try_get(2)?;
    let late: i64 = row.try_get(3)?;
    Ok(match first {
        Some(_) if late > 0 => Finding::broken(
            "clean-up of removed stores",
            format!("{late} of {all} are late"),
            "Start `qafila ingest`, or `qafila all`.",
        ),
        Some(first) if due > 0 => Finding::attention(
            "clean-up of removed stores",
            format!("{due} of {all} are due, the first since {first}"),
            "Their tokens, subscriptions and reads have ended. Their rows, facts and files are to be erased; Qafila cannot do that by itself yet.",
        ),
        Some(first) => Finding::fine("clean-up of removed stores", format!("{all}, the first due {first}")),
        None => Finding::fine("clean-up of removed stores", "none"),
    })
}
