//! Waking whoever waits for a commit, in this process or another: a NOTIFY after the commit, outside its transaction (inside it would
//! serialise all commits), at most every 10 ms a process, and one listening connection a process. Whoever waits has a timer besides: a
//! notification may be lost.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// Events were appended: the relay waits for it. Nothing is named.
pub const EVENTS: &str = "qafila_events";
/// Rows became stale: hydration waits for it. Their stores are named.
pub const STALE: &str = "qafila_stale";
/// Sent, and heard, where it is not known what is named: all may be.
pub const ALL: &str = "";
const INTERVAL: Duration = Duration::from_millis(10);
/// Longer texts are refused by Postgres (8,000 bytes).
const MAX_PAYLOAD: usize = 7_900;
const RECONNECT: Duration = Duration::from_secs(1);
/// Of wake-ups that nobody has taken yet; another one says nothing that the timer would not find.
const MAX_UNHEARD: usize = 64;

/// The sending end of a channel. Clones share it.
#[derive(Clone)]
pub struct Wake(Arc<Asked>);

#[derive(Default)]
struct Asked {
    notify: Notify,
    named: Mutex<BTreeSet<i64>>,
}

impl Wake {
    /// Starts the task that sends the notifications of `channel`; it ends with `shutdown`.
    pub fn start(pool: PgPool, channel: &'static str, shutdown: CancellationToken) -> Self {
        let wake = Self::nobody();
        let asked = Arc::clone(&wake.0);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = asked.notify.notified() => {}
                    () = shutdown.cancelled() => break,
                }
                let named = std::mem::take(&mut *asked.named.lock().unwrap_or_else(PoisonError::into_inner));
                let notify = sqlx::query("SELECT pg_notify($1, $2)").bind(channel).bind(payload(&named));
                if let Err(error) = notify.execute(&pool).await {
                    tracing::debug!(event = "failed to send a wake-up", channel, error = %error);
                }
                tokio::time::sleep(INTERVAL).await;
            }
        });
        wake
    }

    /// A wake that wakes nobody, for tests and benches.
    pub fn nobody() -> Self {
        Self(Arc::default())
    }

    /// To be called after a commit that is about everything that is waited for.
    pub fn after_commit(&self) {
        self.0.notify.notify_one();
    }

    /// To be called after a commit that is about `named` alone; nothing is sent where that is nothing.
    pub fn after_commit_of(&self, named: BTreeSet<i64>) {
        if !named.is_empty() {
            self.0.named.lock().unwrap_or_else(PoisonError::into_inner).extend(named);
            self.0.notify.notify_one();
        }
    }
}

fn payload(named: &BTreeSet<i64>) -> String {
    let text = named.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    if text.len() > MAX_PAYLOAD { ALL.to_owned() } else { text }
}

/// What a wake-up names; none where that may be anything.
pub fn named(payload: &str) -> Option<Vec<i64>> {
    if payload == ALL { None } else { payload.split(',').map(|id| id.parse().ok()).collect() }
}

/// The receiving end of all channels, over one connection of the process. Clones share it.
#[derive(Clone, Default)]
pub struct WakeUps(Arc<Mutex<HashMap<&'static str, mpsc::Sender<String>>>>);

impl WakeUps {
    /// What is sent on `channel` from now on, and [`ALL`] where something may have been lost. One receiver a channel.
    pub fn on(&self, channel: &'static str) -> mpsc::Receiver<String> {
        let (sender, receiver) = mpsc::channel(MAX_UNHEARD);
        self.senders().insert(channel, sender);
        receiver
    }

    /// Listens until `shutdown` to the channels that were asked for before.
    pub async fn listen(self, pool: PgPool, shutdown: CancellationToken) {
        let channels: Vec<&'static str> = self.senders().keys().copied().collect();
        while !channels.is_empty() && !shutdown.is_cancelled() {
            let heard = tokio::select! {
                heard = self.hear(&pool, &channels) => heard,
                () = shutdown.cancelled() => return,
            };
            tracing::debug!(event = "listening interrupted", error = ?heard);
            tokio::time::sleep(RECONNECT).await;
        }
    }

    /// Until the connection fails.
    async fn hear(&self, pool: &PgPool, channels: &[&'static str]) -> Result<(), sqlx::Error> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen_all(channels.iter().copied()).await?;
        // What was sent before nobody heard.
        for channel in channels {
            self.pass_on(channel, ALL);
        }
        loop {
            match listener.try_recv().await? {
                Some(sent) => self.pass_on(sent.channel(), sent.payload()),
                None => return Ok(()),
            }
        }
    }

    fn pass_on(&self, channel: &str, payload: &str) {
        if let Some(sender) = self.senders().get(channel) {
            // Where there is no room, those before it are still to be heard, and the timer finds the rest.
            let _ = sender.try_send(payload.to_owned());
        }
    }

    fn senders(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, mpsc::Sender<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_read_as_it_was_sent_and_too_much_names_all() {
        let few: BTreeSet<i64> = [7, 42, 1_000_000].into();
        assert_eq!(named(&payload(&few)), Some(vec![7, 42, 1_000_000]));
        let many: BTreeSet<i64> = (1_000_000_000..1_000_001_000).collect();
        assert_eq!(named(&payload(&many)), None);
        assert_eq!(named(&payload(&BTreeSet::new())), None);
        assert_eq!(named("not a number"), None);
    }
}
