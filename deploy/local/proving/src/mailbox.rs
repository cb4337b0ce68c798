//! The mails that the local mail catcher has taken.

use std::path::PathBuf;

use anyhow::{Context, Result};
use mailparse::{MailHeaderMap, ParsedMail, parse_mail};
use qafila_stack::layout::Layout;

/// A mail as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// Subject.
    pub subject: String,
    /// Its text.
    pub text: String,
    /// Its HTML.
    pub html: String,
}

/// The mails to an address.
pub fn mails_to(address: &str) -> Result<Vec<Received>> {
    let mut mails = vec![];
    for entry in std::fs::read_dir(folder()?)? {
        let path = entry?.path();
        // Another test may have removed it, or the catcher may be writing it.
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let mail = parse_mail(&bytes).with_context(|| path.display().to_string())?;
        if mail.headers.get_first_value("To").is_some_and(|to| to.contains(address)) {
            mails.push(Received {
                subject: mail.headers.get_first_value("Subject").unwrap_or_default(),
                text: part(&mail, "text/plain")?,
                html: part(&mail, "text/html")?,
            });
        }
    }
    Ok(mails)
}

/// Where the mail catcher listens.
pub fn server() -> Result<String> {
    Ok(format!("127.0.0.1:{}", Layout::find()?.ports.mail))
}

fn folder() -> Result<PathBuf> {
    Ok(Layout::find()?.local.join("mail").join("new"))
}

fn part(mail: &ParsedMail<'_>, kind: &str) -> Result<String> {
    let part = mail.parts().find(|part| part.ctype.mimetype == kind).with_context(|| format!("no {kind}"))?;
    Ok(part.get_body()?)
}
