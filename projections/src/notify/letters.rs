//! What a mail says: the words of the note, a button where there is something to do, as text and as HTML, in Arabic from right to left.

use askama::Template;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use qafila_schemas::ids::{JobId, MerchantId};
use qafila_schemas::words::{Language, Params, say};
use serde::{Deserialize, Serialize};
use url::Url;

use super::bell::kind;
use super::mail_queue::Mail;
use super::texts::{self, Told};
use crate::export::links::{DownloadLinks, Linked};

/// What only the reader of a mail may know.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Secret {
    /// Token of single use.
    pub token: Option<String>,
    /// Address of somebody who has not registered.
    pub email: Option<String>,
    /// Their language.
    pub locale: Option<String>,
}

/// Why a mail cannot be written; trying again would not help.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// Its reader is gone.
    #[error("nobody is there to read it")]
    NoReader,
    /// What it needs to say is gone.
    #[error("what it has to say is no longer known")]
    NothingToSay,
    /// An address that no mail can be sent to.
    #[error("address: {0}")]
    Address(#[from] lettre::address::AddressError),
    /// The library.
    #[error("writing the mail: {0}")]
    Message(#[from] lettre::error::Error),
    /// The template.
    #[error("writing the mail: {0}")]
    Template(#[from] askama::Error),
}

/// Writes mails.
#[derive(Clone)]
pub struct Letters {
    /// Who they come from.
    pub from: Mailbox,
    /// Links to files.
    pub links: DownloadLinks,
    /// Where the web app is.
    pub public_url: Url,
}

/// What stands in a mail.
#[derive(Debug, Clone)]
struct Contents {
    language: &'static str,
    direction: &'static str,
    start: &'static str,
    brand: String,
    title: String,
    body: String,
    action: Option<Action>,
    footer: String,
}

#[derive(Debug, Clone)]
struct Action {
    label: String,
    url: String,
    note: String,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'c> {
    mail: &'c Contents,
}

#[derive(Template)]
#[template(path = "mail.txt", escape = "none")]
struct Plain<'c> {
    mail: &'c Contents,
}

impl Letters {
    /// The mail, ready to be sent.
    pub fn write(&self, mail: &Mail, secret: &Secret) -> Result<Message, LetterError> {
        let email = mail.email.as_deref().or(secret.email.as_deref()).ok_or(LetterError::NoReader)?;
        let locale = mail.locale.as_deref().or(secret.locale.as_deref()).unwrap_or("ar");
        let contents = self.contents(mail, secret, Language::of_locale(locale))?;
        let to: Address = email.parse()?;
        let domain = self.from.email.domain();
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(contents.title.as_str())
            // The same for every try, so that a server or a reader can tell.
            .message_id(Some(format!("<{}@{domain}>", mail.mail_id)))
            .raw_header(automatic());
        Ok(message.multipart(MultiPart::alternative_plain_html(
            Plain { mail: &contents }.render()?,
            Html { mail: &contents }.render()?,
        ))?)
    }

    fn contents(&self, mail: &Mail, secret: &Secret, language: Language) -> Result<Contents, LetterError> {
        let told = Told {
            kind: &mail.kind,
            cause: mail.cause.as_deref().unwrap_or_default(),
            figures: &mail.figures.0,
        };
        let words = texts::words(told, language);
        let plain = |id| say(language, id, &Params::new());
        let (direction, start) = match language {
            Language::Arabic => ("rtl", "right"),
            Language::English => ("ltr", "left"),
        };
        let may_be_unwanted = kind::MAY_BE_UNWANTED.contains(&mail.kind.as_str());
        Ok(Contents {
            language: language.code(),
            direction,
            start,
            brand: plain("mail-brand"),
            title: words.title,
            body: words.body,
            action: self.action(mail, secret, language)?,
            footer: plain(if may_be_unwanted { "mail-footer-optional" } else { "mail-footer" }),
        })
    }

    fn action(
        &self,
        mail: &Mail,
        secret: &Secret,
        language: Language,
    ) -> Result<Option<Action>, LetterError> {
        // Tokens stand behind the #, so that no server logs them.
        let with_token = |path| {
            let token = secret.token.as_deref().ok_or(LetterError::NothingToSay)?;
            Ok::<_, LetterError>(self.page(path, Some(token)))
        };
        let (name, url) = match mail.kind.as_str() {
            kind::EXPORT_READY => ("export-ready", self.file(mail)?),
            kind::EXPORT_FAILED => ("export-failed", self.page("reports", None)),
            kind::PASSWORD_RESET => ("password-reset", with_token("reset-password")?),
            kind::PASSWORD_CHANGED => ("password-changed", self.page("forgot-password", None)),
            kind::CLAIM => ("claim", with_token("claim")?),
            kind::CONNECTION_LOST | kind::REAUTHORISATION_NEEDED => {
                ("connection", self.page("connection", None))
            }
            kind::SYNC_COMPLETED | kind::SYNC_WAITING | kind::SYNC_FAILED => ("sync", self.page("", None)),
            _ => return Ok(None),
        };
        let text = |part: &str| say(language, &format!("mail-{name}-{part}"), &Params::new());
        Ok(Some(Action { label: text("action"), url, note: text("note") }))
    }

    /// The link to the file that a mail tells of.
    fn file(&self, mail: &Mail) -> Result<String, LetterError> {
        let (merchant, job) = mail.merchant_id.zip(mail.job_id).ok_or(LetterError::NothingToSay)?;
        let expires_at = mail.figures.expires_at.ok_or(LetterError::NothingToSay)?;
        Ok(self.links.link(Linked { merchant: MerchantId(merchant), job: JobId(job), expires_at }))
    }

    fn page(&self, path: &str, token: Option<&str>) -> String {
        let mut url = self.public_url.clone();
        url.set_path(&format!("{}/{path}", self.public_url.path().trim_end_matches('/')));
        url.set_fragment(token.map(|token| format!("token={token}")).as_deref());
        url.into()
    }
}

/// `Auto-Submitted: auto-generated` (RFC 3834): no holiday answers, please.
fn automatic() -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into())
}
