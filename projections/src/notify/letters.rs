//! What a mail says: the words of the note, a button where there is something to do, as text and as HTML, in Arabic from right to
//! left.

use askama::Template;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use qafila_schemas::ids::{JobId, MerchantId};
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
    brand: &'static str,
    title: String,
    body: String,
    action: Option<Action>,
    footer: &'static str,
}

#[derive(Debug, Clone)]
struct Action {
    label: &'static str,
    url: String,
    note: &'static str,
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
        let contents = self.contents(mail, secret, locale)?;
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

    fn contents(&self, mail: &Mail, secret: &Secret, locale: &str) -> Result<Contents, LetterError> {
        let is_arabic = locale == "ar";
        let told = Told {
            kind: &mail.kind,
            cause: mail.cause.as_deref().unwrap_or_default(),
            figures: &mail.figures.0,
        };
        let words = texts::words(told, locale);
        let or = |arabic, english| if is_arabic { arabic } else { english };
        Ok(Contents {
            language: or("ar", "en"),
            direction: or("rtl", "ltr"),
            start: or("right", "left"),
            brand: or("قافلة", "Qafila"),
            title: words.title,
            body: words.body,
            action: self.action(mail, secret, is_arabic)?,
            footer: if kind::MAY_BE_UNWANTED.contains(&mail.kind.as_str()) {
                or(
                    "أُرسلت هذه الرسالة تلقائيًا من قافلة. يمكنك اختيار ما يصلك بالبريد من إعدادات حسابك.",
                    "Qafila sent this mail by itself. What you are mailed about can be chosen in the settings of your account.",
                )
            } else {
                or("أُرسلت هذه الرسالة تلقائيًا من قافلة.", "Qafila sent this mail by itself.")
            },
        })
    }

    fn action(&self, mail: &Mail, secret: &Secret, is_arabic: bool) -> Result<Option<Action>, LetterError> {
        let or = |arabic, english| if is_arabic { arabic } else { english };
        let token = || secret.token.as_deref().ok_or(LetterError::NothingToSay);
        let action = match mail.kind.as_str() {
            kind::EXPORT_READY => {
                let (merchant, job) = mail.merchant_id.zip(mail.job_id).ok_or(LetterError::NothingToSay)?;
                let expires_at = mail.figures.expires_at.ok_or(LetterError::NothingToSay)?;
                Action {
                    label: or("تنزيل الملف", "Download the file"),
                    url: self.links.link(Linked {
                        merchant: MerchantId(merchant),
                        job: JobId(job),
                        expires_at,
                    }),
                    note: or(
                        "يعمل الرابط 24 ساعة دون تسجيل دخول. لا تشاركه إلا مع من تثق به.",
                        "The link works for 24 hours and needs no log-in. Share it only with people you trust.",
                    ),
                }
            }
            kind::PASSWORD_RESET => Action {
                label: or("تعيين كلمة مرور جديدة", "Set a new password"),
                // Behind the #, so that no server logs it.
                url: self.page("reset-password", Some(token()?)),
                note: or(
                    "يعمل الرابط مرة واحدة خلال 30 دقيقة. إن لم تطلب ذلك فتجاهل هذه الرسالة.",
                    "The link works once, for 30 minutes. If you did not ask for it, ignore this mail.",
                ),
            },
            kind::PASSWORD_CHANGED => Action {
                label: or("لم أغيّرها", "It was not me"),
                url: self.page("forgot-password", None),
                note: or("إن كنت أنت من غيّرها فلا شيء عليك.", "If it was you, there is nothing to do."),
            },
            kind::CLAIM => Action {
                label: or("ربط المتجر بحسابك", "Connect the store to your account"),
                url: self.page("claim", Some(token()?)),
                note: or(
                    "يعمل الرابط مرة واحدة خلال 7 أيام. إن لم تثبّت التطبيق فتجاهل هذه الرسالة.",
                    "The link works once, for 7 days. If you did not install the app, ignore this mail.",
                ),
            },
            kind::CONNECTION_LOST | kind::REAUTHORISATION_NEEDED => Action {
                label: or("ربط المتجر من جديد", "Connect the store again"),
                url: self.page("connection", None),
                note: or("افتح قافلة وأعد ربط متجرك.", "Open Qafila and connect your store again."),
            },
            kind::EXPORT_FAILED => Action {
                label: or("فتح التقارير", "Open the reports"),
                url: self.page("reports", None),
                note: or("يمكنك طلب الملف من جديد.", "You can ask for the file again."),
            },
            kind::SYNC_COMPLETED | kind::SYNC_FAILED => Action {
                label: or("فتح قافلة", "Open Qafila"),
                url: self.page("", None),
                note: or("التفاصيل في حسابك.", "The details are in your account."),
            },
            _ => return Ok(None),
        };
        Ok(Some(action))
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
