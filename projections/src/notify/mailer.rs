//! Sending mails by SMTP, one after the other. A server that is down delays mail and nothing else; what it refuses for good, or
//! too often, has failed, and the note in the app says so.

use std::fmt;
use std::time::Duration;

use lettre::Message;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailCommand, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use qafila_schemas::envelope::{MAIL_SECRET, OperatorKeys, SealError};
use tokio_util::sync::CancellationToken;

use super::letters::{Letters, Secret};
use super::mail_queue::{Mail, MailQueue};

/// Tries before a mail has failed: some 11 hours.
const MOST_TRIES: i32 = 15;
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 3_600);
/// For one step of the conversation with a server.
const STEP: Duration = Duration::from_secs(20);
/// The whole conversation; shorter than a lease.
const CONVERSATION: Duration = Duration::from_secs(90);
const GLANCE: Duration = Duration::from_millis(300);
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// How mail is encrypted on its way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// From the first byte (`smtps://`).
    Implicit,
    /// From `STARTTLS` on, which is required (`smtp://…?tls=required`).
    StartTls,
    /// Not at all: for a server on the same machine.
    None,
}

/// The mail server.
#[derive(Clone)]
pub struct SmtpServer {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How we talk to it.
    pub encryption: Encryption,
    /// Who we are there.
    pub login: Option<(String, String)>,
}

impl fmt::Display for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl SmtpServer {
    /// Greets the server and logs in, and sends nothing: what is wrong, if something is.
    pub async fn greet(&self) -> Result<(), String> {
        let greeting = tokio::time::timeout(STEP, self.log_in());
        let mut connection =
            greeting.await.map_err(|_| "it does not answer".to_owned())?.map_err(|e| told(&e))?;
        // It has taken us; how it says good-bye changes nothing.
        let _ = tokio::time::timeout(STEP, connection.quit()).await;
        Ok(())
    }

    async fn log_in(&self) -> Result<AsyncSmtpConnection, lettre::transport::smtp::Error> {
        let hello = ClientId::default();
        let tls = || TlsParameters::new(self.host.clone());
        let implicit = if self.encryption == Encryption::Implicit { Some(tls()?) } else { None };
        let address = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, Some(STEP), &hello, implicit, None).await?;
        if self.encryption == Encryption::StartTls {
            connection.starttls(tls()?, &hello).await?;
        }
        if let Some((user, password)) = &self.login {
            let credentials = Credentials::new(user.clone(), password.clone());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }
}

/// Sends what waits.
#[derive(Clone)]
pub struct Mailer {
    /// What waits.
    pub queue: MailQueue,
    /// Writes it.
    pub letters: Letters,
    /// Opens secrets.
    pub operator_keys: OperatorKeys,
    /// Takes it.
    pub server: SmtpServer,
    /// Stable slot of this process.
    pub slot: String,
}

/// What became of a try.
enum Outcome {
    Sent,
    /// The server certainly does not have it, and may take it later.
    Later(String),
    /// It will never be sent, or nobody knows whether it was.
    Failed(String),
    /// Somebody else has the mail.
    NotOurs,
}

impl Mailer {
    /// Sends until `shutdown`.
    pub async fn keep(&self, shutdown: CancellationToken) {
        while let Err(error) = self.queue.inherit(&self.slot).await {
            tracing::warn!(event = "mails of the process before not inherited", error = %error);
            tokio::select! {
                () = tokio::time::sleep(GLANCE) => {}
                () = shutdown.cancelled() => return,
            }
        }
        let mut swept: Option<std::time::Instant> = None;
        while !shutdown.is_cancelled() {
            if swept.is_none_or(|at| at.elapsed() > SWEEP_EVERY) {
                swept = Some(std::time::Instant::now());
                if let Err(error) = self.queue.sweep().await {
                    tracing::warn!(event = "mails not swept", error = %error);
                }
            }
            match self.queue.take().await {
                Ok(Some(mail)) => {
                    if let Err(error) = self.send(&mail).await {
                        tracing::warn!(event = "mail interrupted", mailId = %mail.mail_id, error = %error);
                    }
                    continue;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(event = "no mail taken", error = %error),
            }
            tokio::select! {
                () = tokio::time::sleep(GLANCE) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    async fn send(&self, mail: &Mail) -> Result<(), sqlx::Error> {
        let (kind, job) = (mail.kind.as_str(), mail.job_id.map(|job| job.to_string()));
        let outcome = match self.write(mail) {
            Ok(message) => self.deliver(mail, &message).await?,
            Err(outcome) => outcome,
        };
        match outcome {
            Outcome::NotOurs => Ok(()),
            Outcome::Sent => {
                metrics::counter!("qafila_mails_total", "kind" => mail.kind.clone(), "outcome" => "sent")
                    .increment(1);
                tracing::info!(event = "mail sent", mailId = %mail.mail_id, kind, jobId = job);
                self.queue.sent(mail).await
            }
            Outcome::Later(fault) if mail.tries < MOST_TRIES => {
                tracing::warn!(event = "mail delayed", mailId = %mail.mail_id, kind, tries = mail.tries, fault);
                self.queue.again(mail, pause(mail.tries), &fault).await
            }
            Outcome::Later(fault) | Outcome::Failed(fault) => {
                metrics::counter!("qafila_mails_total", "kind" => mail.kind.clone(), "outcome" => "failed")
                    .increment(1);
                tracing::warn!(event = "mail failed", mailId = %mail.mail_id, kind, jobId = job, fault);
                self.queue.failed(mail, &fault).await
            }
        }
    }

    fn write(&self, mail: &Mail) -> Result<Message, Outcome> {
        let secret = match mail.secret() {
            None => Secret::default(),
            Some(sealed) => {
                let opened =
                    self.operator_keys.unwrap(MAIL_SECRET, &sealed).map_err(|error| match error {
                        // This process has yet to be given the new key.
                        SealError::UnknownKey(_) => Outcome::Later(error.to_string()),
                        error => Outcome::Failed(error.to_string()),
                    })?;
                serde_json::from_slice(&opened)
                    .map_err(|_| Outcome::Failed("its secret is damaged".into()))?
            }
        };
        self.letters.write(mail, &secret).map_err(|error| Outcome::Failed(error.to_string()))
    }

    /// Talks to the server. Only after the mark the server may get the mail.
    async fn deliver(&self, mail: &Mail, message: &Message) -> Result<Outcome, sqlx::Error> {
        let conversation = tokio::time::timeout(CONVERSATION, self.until_data(message));
        let mut connection = match conversation.await {
            Ok(Ok(connection)) => connection,
            Ok(Err(Refusal::OfReader(error))) if error.is_permanent() => {
                return Ok(Outcome::Failed(told(&error)));
            }
            // A login that is refused, a sender that is not known: that is the server's or ours to mend, and no mail's fault.
            Ok(Err(Refusal::OfReader(error) | Refusal::OfUs(error))) => {
                return Ok(Outcome::Later(told(&error)));
            }
            Err(_) => return Ok(Outcome::Later("the mail server was too slow".into())),
        };
        if !self.queue.hand_over(mail).await? {
            // Mail without its end is no mail; saying good-bye would be taken for its text.
            drop(connection);
            return Ok(Outcome::NotOurs);
        }
        let handed_over = tokio::time::timeout(STEP, connection.message(&message.formatted())).await;
        Ok(match handed_over {
            Ok(Ok(_)) => {
                // It has the mail; how the conversation ends changes nothing.
                let _ = tokio::time::timeout(STEP, connection.quit()).await;
                Outcome::Sent
            }
            Ok(Err(error)) if error.is_permanent() => Outcome::Failed(told(&error)),
            Ok(Err(error)) if error.is_transient() => Outcome::Later(told(&error)),
            Ok(Err(error)) => Outcome::Failed(format!("not known whether it was sent: {}", told(&error))),
            Err(_) => Outcome::Failed("not known whether it was sent: no answer".into()),
        })
    }

    /// The conversation up to where the server waits for the mail itself.
    async fn until_data(&self, message: &Message) -> Result<AsyncSmtpConnection, Refusal> {
        let mut connection = self.server.log_in().await?;
        let envelope = message.envelope();
        connection.command(MailCommand::new(envelope.from().cloned(), vec![])).await?;
        for reader in envelope.to() {
            let asked = connection.command(Rcpt::new(reader.clone(), vec![])).await;
            asked.map_err(Refusal::OfReader)?;
        }
        connection.command(Data).await?;
        Ok(connection)
    }
}

/// Why a server does not ask for the mail.
enum Refusal {
    /// It does not take mail for this reader.
    OfReader(lettre::transport::smtp::Error),
    /// It does not take ours, or no mail at all.
    OfUs(lettre::transport::smtp::Error),
}

impl From<lettre::transport::smtp::Error> for Refusal {
    fn from(error: lettre::transport::smtp::Error) -> Self {
        Self::OfUs(error)
    }
}

/// What went wrong, without the address it is about.
fn told(error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_timeout() => "the mail server did not answer in time".into(),
        None if error.is_tls() => "the mail server cannot be talked to securely".into(),
        None => "the mail server could not be reached".into(),
    }
}

fn pause(tries: i32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << tries.clamp(0, 12)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_be_down_for_a_night() {
        let waited: Duration = (1..MOST_TRIES).map(pause).sum();
        assert!(waited > Duration::from_secs(10 * 3_600), "{waited:?}");
        assert!(pause(1) <= Duration::from_secs(10));
    }
}
