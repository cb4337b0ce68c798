//! Logs: JSON lines on standard output, one fixed `event` field, units in names, never a secret or a personal value.
//! `QAFILA_LOG` filters (such as `info,qafila_ingest=debug`).

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// librdkafka repeats itself hundreds of times a second while no broker answers; what it says we say once, with our words.
const DEFAULT: &str = "info,rdkafka=off,librdkafka=off";

/// Installs the subscriber of this process.
pub fn start() {
    let filter = EnvFilter::try_from_env("QAFILA_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_target(true);
    if std::io::stdout().is_terminal() {
        logs.init();
    } else {
        logs.json().flatten_event(true).init();
    }
}
