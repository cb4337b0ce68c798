//! Telling people what happened: events become notes in the app and mails. [`bell`] is the read model of the app, [`texts`] the
//! words in both languages, [`letters`] what a mail looks like, [`mail_queue`] what waits to be sent and [`mailer`] who sends it. [`waiting`] tells of
//! imports that wait.

pub mod bell;
pub mod letters;
pub mod mail_queue;
pub mod mailer;
pub mod texts;
mod waiting;

use std::time::Duration;

pub use lettre::message::Mailbox;
use qafila_schemas::envelope::OperatorKeys;
use tokio_util::sync::CancellationToken;
use url::Url;

use self::letters::Letters;
use self::mail_queue::MailQueue;
use self::mailer::{Mailer, SmtpServer};
use crate::export::links::DownloadLinks;
use crate::oltp::{OltpRole, ProjectionError};

/// What mails need.
#[derive(Clone)]
pub struct MailConfig {
    /// Takes them.
    pub server: SmtpServer,
    /// Who they come from.
    pub from: Mailbox,
    /// Where the web app is.
    pub public_url: Url,
    /// Signs links to files.
    pub links: DownloadLinks,
    /// Opens their secrets.
    pub operator_keys: OperatorKeys,
}

/// Runs until `shutdown`; `minute` is a minute of Salla's, less than 60 s where a simulation is quicker.
pub async fn run(
    role: OltpRole,
    mail: MailConfig,
    minute: Duration,
    shutdown: CancellationToken,
) -> Result<(), ProjectionError> {
    let worker = format!("{}/{}", role.slot, std::process::id());
    let mailer = Mailer {
        queue: MailQueue::new(role.pool.clone(), worker),
        letters: Letters { from: mail.from, links: mail.links, public_url: mail.public_url },
        operator_keys: mail.operator_keys,
        server: mail.server,
        slot: role.slot.clone(),
    };
    let mailing = async {
        mailer.keep(shutdown.clone()).await;
        Ok(())
    };
    let telling = async {
        waiting::run(role.pool.clone(), minute, shutdown.clone()).await;
        Ok(())
    };
    tokio::try_join!(
        telling,
        bell::run_merchants(role.clone(), shutdown.clone()),
        bell::run_sync_jobs(role.clone(), shutdown.clone()),
        bell::run_exports(role.clone(), shutdown.clone()),
        mailing
    )?;
    Ok(())
}
