//! A gate before a server, which can be shut, cutting every conversation under way, or shut half-way through a mail.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What a gate does with a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Lets it through.
    Open = 0,
    /// Ends it at once.
    Shut = 1,
    /// Of SMTP: lets the mail through, and ends the conversation before the server's answer to it comes back.
    MuteAfterMail = 2,
    /// Takes conversations and holds what they say back, as a network does that loses everything; it goes on once the gate is open.
    Stalled = 3,
}

/// A gate before a server.
pub struct Gate {
    /// Where it listens.
    pub address: String,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    passage: AtomicU8,
    refused: AtomicU64,
    /// Bytes that clients may still send before it shuts.
    allowed: AtomicI64,
    cut: Notify,
    /// Told whenever the passage changes.
    changed: Notify,
    /// Bytes that clients have sent through it.
    passed: AtomicU64,
}

impl Gate {
    /// An open gate before `server`, a host and a port.
    pub async fn before(server: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (passage, refused) = (AtomicU8::new(Passage::Open as u8), AtomicU64::new(0));
        let shared = Arc::new(Shared {
            server,
            passage,
            refused,
            allowed: AtomicI64::new(i64::MAX),
            cut: Notify::new(),
            changed: Notify::new(),
            passed: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let passage = accepting.passage.load(Ordering::Relaxed);
                if passage == Passage::Shut as u8 {
                    accepting.refused.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                let shared = Arc::clone(&accepting);
                tokio::spawn(async move {
                    tokio::select! {
                        () = pass(client, &shared, passage) => {}
                        () = shared.cut.notified() => {}
                    }
                });
            }
        });
        Ok(Self { address, shared })
    }

    /// Conversations that found it shut.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Bytes that clients have sent through it.
    pub fn passed(&self) -> u64 {
        self.shared.passed.load(Ordering::Relaxed)
    }

    /// From the next conversation on; shutting it ends those under way, stalling it holds them.
    pub fn set(&self, passage: Passage) {
        self.shared.set(passage);
    }

    /// Shuts once clients have sent so many bytes more.
    pub fn shut_after(&self, bytes: i64) {
        self.shared.allowed.store(bytes, Ordering::Relaxed);
    }
}

impl Shared {
    fn set(&self, passage: Passage) {
        self.allowed.store(i64::MAX, Ordering::Relaxed);
        self.passage.store(passage as u8, Ordering::Relaxed);
        if passage == Passage::Shut {
            self.cut.notify_waiters();
        }
        self.changed.notify_waiters();
    }

    async fn until_not_stalled(&self) {
        loop {
            let changed = self.changed.notified();
            if self.passage.load(Ordering::Relaxed) != Passage::Stalled as u8 {
                return;
            }
            changed.await;
        }
    }
}

/// Errors end the conversation, which is all a gate can do about them.
async fn pass(mut client: TcpStream, shared: &Shared, passage: u8) {
    let Ok(mut server) = TcpStream::connect(&shared.server).await else { return };
    let is_mute = passage == Passage::MuteAfterMail as u8;
    let (mut from_client, mut from_server) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut is_mail = false;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(length @ 1..) = read else { return };
                if shared.allowed.fetch_sub(length as i64, Ordering::Relaxed) < length as i64 {
                    return shared.set(Passage::Shut);
                }
                shared.until_not_stalled().await;
                shared.passed.fetch_add(length as u64, Ordering::Relaxed);
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
                is_mail = is_mute && from_server.starts_with(b"354");
                shared.until_not_stalled().await;
                if client.write_all(&from_server[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
