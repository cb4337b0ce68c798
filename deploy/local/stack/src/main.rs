//! `qafila-stack fetch | up | down | status | reset | env`

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qafila_stack::layout::Layout;
use qafila_stack::stack::Stack;

#[derive(Parser)]
#[command(about = "Real servers as ordinary processes, without Docker")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetches the servers where they are missing, and starts nothing.
    Fetch,
    /// Starts what is not running and waits until it is ready; repairs a half-started stack.
    Up,
    /// Stops everything that was started here.
    Down,
    /// Says what runs, where, and where it logs.
    Status,
    /// Stops everything and deletes its data.
    Reset,
    /// Prints the environment that `qafila` needs to use this stack.
    Env,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        // What failed is the last thing said, whatever RUST_BACKTRACE says.
        Err(error) => {
            eprintln!("qafila-stack: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    let stack = Stack::open(Layout::find()?)?;
    match command {
        Command::Fetch => stack.fetch(),
        Command::Up => stack.up().await,
        Command::Down => stack.down().await,
        Command::Status => print(&stack.status()),
        Command::Reset => stack.reset().await,
        Command::Env => {
            let exports =
                stack.environment().into_iter().map(|(name, value)| format!("export {name}='{value}'\n"));
            print(&exports.collect::<String>())
        }
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads, such as `head`, has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}
