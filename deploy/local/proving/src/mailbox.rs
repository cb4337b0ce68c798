//! The mails that the local mail catcher has taken, and a gate before it that can be shut, or shut half-way through a mail.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use anyhow::{Context, Result};
use mailparse::{MailHeaderMap, ParsedMail, parse_mail};
use qafila_stack::layout::Layout;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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

fn folder() -> Result<PathBuf> {
    Ok(Layout::find()?.local.join("mail").join("new"))
}

fn part(mail: &ParsedMail<'_>, kind: &str) -> Result<String> {
    let part = mail.parts().find(|part| part.ctype.mimetype == kind).with_context(|| format!("no {kind}"))?;
    Ok(part.get_body()?)
}

/// What a gate does with a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Lets it through.
    Open = 0,
    /// Ends it at once.
    Shut = 1,
    /// Lets the mail through, and ends the conversation before the server's answer to it comes back.
    MuteAfterMail = 2,
}

/// A gate before the mail catcher.
pub struct MailGate {
    /// Its address.
    pub url: String,
    passage: Arc<AtomicU8>,
    refused: Arc<AtomicU64>,
}

impl MailGate {
    /// An open gate.
    pub async fn start() -> Result<Self> {
        let server = format!("127.0.0.1:{}", Layout::find()?.ports.mail);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("smtp://{}", listener.local_addr()?);
        let passage = Arc::new(AtomicU8::new(Passage::Open as u8));
        let refused = Arc::new(AtomicU64::new(0));
        let (shared, counted) = (Arc::clone(&passage), Arc::clone(&refused));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, passage) = (server.clone(), shared.load(Ordering::Relaxed));
                if passage == Passage::Shut as u8 {
                    counted.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                tokio::spawn(async move { pass(client, &server, passage).await });
            }
        });
        Ok(Self { url, passage, refused })
    }

    /// Conversations that found it shut.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// From the next conversation on.
    pub fn set(&self, passage: Passage) {
        self.passage.store(passage as u8, Ordering::Relaxed);
    }
}

/// Errors end the conversation, which is all a gate can do about them.
async fn pass(mut client: TcpStream, server: &str, passage: u8) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    if passage == Passage::Open as u8 {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        return;
    }
    let (mut from_client, mut from_server) = (vec![0; 64 << 10], vec![0; 4 << 10]);
    let mut is_mail = false;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(length @ 1..) = read else { return };
                if server.write_all(&from_client[..length]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(length @ 1..) = read else { return };
                // The answer to the mail itself; 354 asked for it.
                if is_mail {
                    return;
                }
                is_mail = from_server.starts_with(b"354");
                if client.write_all(&from_server[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
