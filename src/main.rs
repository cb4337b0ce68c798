//! The one binary: roles and operator commands.

use clap::Parser;
use qafila::command::{Cli, run};
use qafila::logging;

#[tokio::main]
async fn main() {
    let cli = Cli::parse();
    logging::start();
    if let Err(error) = run(cli).await {
        eprintln!("qafila: {error:#}");
        std::process::exit(qafila::command::exit_code(&error));
    }
}
