//! The connection to ClickHouse.

use std::time::Duration;

use clickhouse::{Client, Compression};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

const CONNECT: Duration = Duration::from_secs(5);
/// Less than the server's keep-alive, so that a dying connection is not picked up.
const IDLE: Duration = Duration::from_millis(2_500);

/// A client for `database` at `url`. Without Nagle's delay, which costs small batches 20 ms (TECHNIQUES §E.3), and
/// without compression, which costs more than it saves beside the server.
pub fn connect(url: &str, database: &str) -> Client {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_keepalive(Some(Duration::from_secs(60)));
    connector.set_connect_timeout(Some(CONNECT));
    let http = HyperClient::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector);
    Client::with_http_client(http).with_url(url).with_database(database).with_compression(Compression::None)
}
