//! What leaves Qafila: files and mails.

use qafila_projections::export::store::{ExportStore, StoreConfig};
use sqlx::{PgConnection, Row};

use super::{DEADLINE, Finding, postgres};
use crate::config::Config;

/// Longer than any lease, and than a mail server may sulk without a word.
const LATE: &str = "15 minutes";

/// Everything that leaves.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = vec![store(config).await, mail_server(config).await];
    // A role that cannot log in is told among the roles already.
    let Ok(mut connection) = postgres::connect(config.role_url("qafila_oltp").as_str()).await else {
        return findings;
    };
    let looked =
        async { Ok::<_, sqlx::Error>([exports(&mut connection).await?, mails(&mut connection).await?]) };
    match looked.await {
        Ok(more) => findings.extend(more),
        Err(error) => {
            findings.push(Finding::broken("exports and mails", error.to_string(), "Run `qafila migrate`."));
        }
    }
    findings
}

async fn store(config: &Config) -> Finding {
    let (what, place) = ("export files", &config.export_store);
    match tokio::time::timeout(DEADLINE, ExportStore::look(place)).await {
        Ok(Ok(())) => Finding::fine(what, place.to_string()),
        Ok(Err(error)) if matches!(place, StoreConfig::Folder(_)) => Finding::attention(
            what,
            error.to_string(),
            "`qafila gateway` and `qafila project export` make it; check QAFILA_EXPORT_STORE.",
        ),
        Ok(Err(error)) => {
            Finding::broken(what, error.to_string(), "Check QAFILA_EXPORT_STORE and QAFILA_S3_*.")
        }
        Err(_) => {
            let found = format!("{place} does not answer");
            Finding::broken(what, found, "Check QAFILA_EXPORT_STORE and QAFILA_S3_*.")
        }
    }
}

async fn mail_server(config: &Config) -> Finding {
    let server = &config.smtp;
    match server.greet().await {
        Ok(()) => Finding::fine("mail server", format!("{server} takes mail")),
        Err(fault) => Finding::attention(
            "mail server",
            format!("{server}: {fault}"),
            "Check QAFILA_SMTP_URL; mails wait for it, nothing else does.",
        ),
    }
}

async fn exports(connection: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let row = sqlx::query(&format!(
        "SELECT count(*), count(*) FILTER (WHERE not_before < now() - interval '{LATE}'
             -- Others of a merchant wait for the ones that are made.
             AND NOT EXISTS (SELECT FROM export_work w WHERE w.lease_until > now() AND w.merchant_id = e.merchant_id))
         FROM export_work e WHERE state = 'open'"
    ))
    .fetch_one(connection)
    .await?;
    let (open, idle): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(if idle > 0 {
        let found = format!("nobody works on {idle} of {open} open exports");
        Finding::broken("exports", found, "Start `qafila project export`, or `qafila all`.")
    } else {
        Finding::fine("exports", format!("{open} open"))
    })
}

async fn mails(connection: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let row = sqlx::query(&format!(
        "SELECT count(*) FILTER (WHERE ended_at IS NULL),
             count(*) FILTER (WHERE ended_at IS NULL AND created_at < now() - interval '{LATE}'),
             count(*) FILTER (WHERE state = 'failed' AND ended_at > now() - interval '1 day'),
             max(fault) FILTER (WHERE state <> 'sent' AND coalesce(ended_at, now()) > now() - interval '1 day')
         FROM mails"
    ))
    .fetch_one(connection)
    .await?;
    let (open, late, failed): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let fault: Option<String> = row.try_get(3)?;
    Ok(if late > 0 || failed > 0 {
        let found = format!(
            "{late} of {open} have waited for {LATE}, {failed} have failed within a day: {}",
            fault.unwrap_or_else(|| "no try yet".into())
        );
        Finding::attention(
            "mails",
            found,
            "Is `qafila project notify` running, and does the mail server take mails?",
        )
    } else {
        Finding::fine("mails", format!("{open} wait"))
    })
}
