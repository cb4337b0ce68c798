//! `salla-sim --listen HOST:PORT`, with the OAuth client in the environment.

use std::net::SocketAddr;

use clap::Parser;
use salla_sim::server::serve;
use salla_sim::state::{Client, Sim};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
struct Cli {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:18090")]
    listen: SocketAddr,
    /// The OAuth client this simulator knows.
    #[arg(long, env = "SALLA_SIM_CLIENT_ID", default_value = "qafila-local")]
    client_id: String,
    /// Its secret.
    #[arg(long, env = "SALLA_SIM_CLIENT_SECRET", hide_env_values = true)]
    client_secret: String,
    /// Secret that webhooks are signed with where a subscription names none.
    #[arg(long, env = "SALLA_SIM_WEBHOOK_SECRET", hide_env_values = true, default_value = "")]
    webhook_secret: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let listener = TcpListener::bind(cli.listen).await?;
    println!("Salla simulator at http://{}", cli.listen);
    let sim =
        Sim::new(Client { id: cli.client_id, secret: cli.client_secret, webhook_secret: cli.webhook_secret });
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        served = serve(listener, sim) => served,
        _ = terminate.recv() => Ok(()),
    }
}
