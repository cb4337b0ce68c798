//! `clickhouse-front --library libchdb.so --data DIR --listen HOST:PORT`
//!
//! ClickHouse's HTTP interface over the ClickHouse engine as a library: what the `clickhouse` crate, curl and
//! ClickHouse's Python client send. For development and one machine; production uses a server.

mod engine;
mod http_interface;
mod statement;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
struct Cli {
    /// The engine: libchdb.so.
    #[arg(long)]
    library: PathBuf,
    /// Folder of the data.
    #[arg(long)]
    data: PathBuf,
    /// Address to listen on. There is no authentication: keep it on the loopback interface.
    #[arg(long, default_value = "127.0.0.1:8123")]
    listen: SocketAddr,
    /// Statements that may run at once.
    #[arg(long, default_value_t = 8)]
    connections: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let engine = Arc::new(engine::Engine::open(&cli.library, &cli.data, cli.connections)?);
    let listener =
        TcpListener::bind(cli.listen).await.with_context(|| format!("listening on {}", cli.listen))?;
    let mut terminate = signal(SignalKind::terminate())?;
    println!("ClickHouse engine {} at http://{}", engine.version(), cli.listen);
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    eprintln!("accepting a connection: {error}");
                    continue;
                }
            },
            _ = terminate.recv() => break,
        };
        stream.set_nodelay(true)?;
        let engine = Arc::clone(&engine);
        tokio::spawn(async move {
            let service = service_fn(move |request| http_interface::answer(Arc::clone(&engine), request));
            // A client that goes away is its own business.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
    engine.close();
    Ok(())
}
