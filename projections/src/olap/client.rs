//! The connection to ClickHouse.

use std::time::Duration;

use clickhouse::{Client, Compression};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

const CONNECT: Duration = Duration::from_secs(5);
/// Less than the server's keep-alive, so that a dying connection is not picked up.
const IDLE: Duration = Duration::from_millis(2_500);

/// What a query for a page may take at most: nobody waits longer, seconds.
const QUERY_SECONDS: &str = "30";
/// What the query of a file may take, seconds.
const FILE_SECONDS: &str = "1800";
/// Memory of one query, bytes: beyond it fails, and not the server.
const QUERY_MEMORY: &str = "4000000000";

/// With limits for queries that a person waits for.
pub fn limited(client: Client) -> Client {
    client.with_setting("max_execution_time", QUERY_SECONDS).with_setting("max_memory_usage", QUERY_MEMORY)
}

/// With limits for queries whose rows become a file.
pub fn limited_for_files(client: Client) -> Client {
    client.with_setting("max_execution_time", FILE_SECONDS).with_setting("max_memory_usage", QUERY_MEMORY)
}

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
