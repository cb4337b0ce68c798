//! The one binary: roles and operator commands.

use clap::Parser;
use qafila::command::{Cli, run};
use qafila::logging;

/// Exit code of a process that SIGPIPE has ended, as shells tell it.
const CLOSED_PIPE: i32 = 128 + 13;

#[tokio::main]
async fn main() {
    end_quietly_when_nobody_reads();
    let cli = Cli::parse();
    logging::start();
    if let Err(error) = run(cli).await {
        eprintln!("qafila: {error:#}");
        std::process::exit(qafila::command::exit_code(&error));
    }
}

/// Whoever reads what a command prints, such as `head`, may have seen enough. `println!` panics then; a signal would end servers, too,
/// whose clients hang up.
fn end_quietly_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            // As who is ended by that signal: what a command was to do may not be done.
            std::process::exit(CLOSED_PIPE);
        }
        usual(panic);
    }));
}
