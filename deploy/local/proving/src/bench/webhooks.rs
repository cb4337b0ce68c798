//! `webhook_ack`, `webhook_ack_mock`: webhooks acknowledged a second beside the same route that only verifies the signature, through the
//! gateway's own front, over 256 kept-alive connections; and the 99th percentile at 80 % of the rate that it sustains.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::future::try_join_all;
use http::StatusCode;
use qafila_gateway::call::{Call, call, json as answer_json};
use qafila_gateway::client_address::TrustedProxies;
use qafila_gateway::problem::{Code, Problem};
use qafila_gateway::route_names::RouteNames;
use qafila_gateway::server::{Front, serve};
use qafila_gateway::webhooks::{WebhookIntake, WebhookSecrets, WebhookVerifier};
use qafila_schemas::contract::Contract;
use qafila_schemas::envelope::OperatorKeys;
use qafila_schemas::kafka::KafkaConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use salla_sim::webhooks::sign;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use warp::reply::{Reply, Response};
use warp::{Filter, path};

use super::{Duel, Round, cpu_seconds};
use crate::record::Measurement;
use crate::world::World;

const CONNECTIONS: usize = 256;
const STORES: u64 = 64;
const BODY_BYTES: usize = 1_500;
const WARM_UP: Duration = Duration::from_secs(3);
const ROUND: Duration = Duration::from_secs(6);
const AT_LOAD: f64 = 0.8;
const LOADED: Duration = Duration::from_secs(15);
const ACK: &str = "/api/webhooks/salla";
const VERIFY: &str = "/verify";

/// With the real broker on the same cores.
pub async fn webhook_ack() -> Result<Measurement> {
    let world = World::make("bench_webhooks").await?;
    let kafka = world.kafka()?;
    let measured = duel("webhook_ack", &world, kafka).await;
    world.remove().await?;
    measured
}

/// With librdkafka's own mock of a broker.
pub async fn webhook_ack_mock() -> Result<Measurement> {
    let world = World::make("bench_webhooks").await?;
    let mock: MockCluster<DefaultProducerContext> = MockCluster::new(1)?;
    let mut kafka = KafkaConfig::at(&mock.bootstrap_servers());
    kafka.prefix = world.kafka()?.prefix;
    let measured = duel("webhook_ack_mock", &world, kafka).await;
    world.remove().await?;
    measured
}

async fn duel(name: &'static str, world: &World, kafka: KafkaConfig) -> Result<Measurement> {
    let secret = world.environment["QAFILA_SALLA_WEBHOOK_SECRETS"].clone();
    let secrets = WebhookSecrets::parse(&secret).context("a secret")?;
    let keys = OperatorKeys::parse(&world.environment["QAFILA_OPERATOR_KEYS"])?;
    let contract = Contract::new(kafka, world.registry()?);
    let intake = WebhookIntake::new(contract, keys, WebhookVerifier::new(&secrets, false))?;
    intake.warm_up().await?;
    let (address, shutdown) = start(intake, WebhookVerifier::new(&secrets, false)).await?;
    let acks = requests(ACK, &secret)?;
    let verifies = requests(VERIFY, &secret)?;
    flood(address, &verifies, WARM_UP).await?;
    flood(address, &acks, WARM_UP).await?;
    let mut duel = Duel::new(name, "webhooks/s");
    for _ in Duel::rounds() {
        duel.limit(flood(address, &verifies, ROUND).await?);
        duel.ours(flood(address, &acks, ROUND).await?);
    }
    let measured = duel.measured()?;
    let rate = duel.sustained() * AT_LOAD;
    let mut waits = paced(address, &acks, rate, LOADED).await?;
    waits.sort_unstable();
    let at = |part: f64| waits.get((waits.len() as f64 * part) as usize).copied().unwrap_or_default();
    println!(
        "  at {:.0} a second: median {:.1} ms, p99 {:.1} ms, of {}",
        rate,
        at(0.5).as_secs_f64() * 1e3,
        at(0.99).as_secs_f64() * 1e3,
        waits.len()
    );
    shutdown.cancel();
    Ok(measured)
}

/// The gateway's front, with the route that acknowledges and one that only verifies.
async fn start(intake: WebhookIntake, verifier: WebhookVerifier) -> Result<(SocketAddr, CancellationToken)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (intake, verifier) = (Arc::new(intake), Arc::new(verifier));
    let acknowledge =
        path!("api" / "webhooks" / "salla").and(warp::post()).and(call()).then(move |call: Call| {
            let intake = Arc::clone(&intake);
            async move {
                let taken = intake.take(&call.headers, &call.body).await;
                answer(taken.map(drop).map_err(|error| error.to_string()))
            }
        });
    let verify = path!("verify").and(warp::post()).and(call()).then(move |call: Call| {
        let verified = verifier.verify(&call.headers, &call.body);
        std::future::ready(answer(verified.map(drop).map_err(|error| error.to_string())))
    });
    let refused = |_: warp::Rejection| {
        std::future::ready(Ok::<_, std::convert::Infallible>((answer(Err("no route".into())),)))
    };
    let routes = acknowledge.or(verify).unify().or_else(refused).boxed();
    let front = Front::new(TrustedProxies::default(), RouteNames::new(vec![]), None);
    let shutdown = CancellationToken::new();
    tokio::spawn(serve(listener, routes, Arc::new(front), shutdown.clone()));
    Ok((address, shutdown))
}

fn answer(outcome: Result<(), String>) -> Response {
    match outcome {
        Ok(()) => answer_json(StatusCode::OK, &json!({})),
        Err(reason) => Problem::new(Code::WebhookRefused).with("reason", reason).into_response(),
    }
}

/// Requests as they go over the wire, one for each store.
fn requests(path: &str, secret: &str) -> Result<Vec<Vec<u8>>> {
    let sample = include_str!("../../../salla-sim/samples/webhook.order.created.json");
    let sample: Value = serde_json::from_str(sample)?;
    (0..STORES)
        .map(|store| {
            let mut data = json!({"id": store, "customer": sample["data"]["customer"], "amounts": sample["data"]["amounts"],
                "padding": ""});
            // The order of Salla's samples; `json!` would sort it.
            let whole = |data: &Value| {
                let (merchant, created_at) = (1_000_000 + store, &sample["created_at"]);
                format!(r#"{{"event":"order.created","merchant":{merchant},"created_at":{created_at},"data":{data}}}"#)
            };
            data["padding"] = "x".repeat(BODY_BYTES.saturating_sub(whole(&data).len())).into();
            let body = whole(&data).into_bytes();
            ensure!(body.len().abs_diff(BODY_BYTES) < 100, "a body of {} bytes", body.len());
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
                 x-salla-security-strategy: Signature\r\nx-salla-signature: {}\r\n\r\n",
                body.len(),
                sign(secret, &body)
            );
            Ok([head.into_bytes(), body].concat())
        })
        .collect()
}

/// As many as will go, for so long.
async fn flood(address: SocketAddr, requests: &[Vec<u8>], long: Duration) -> Result<Round> {
    let count = Arc::new(AtomicU64::new(0));
    let (cpu, started) = (cpu_seconds()?, Instant::now());
    let connections = (0..CONNECTIONS).map(|number| {
        let (request, count) = (requests[number % requests.len()].clone(), Arc::clone(&count));
        tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            while started.elapsed() < long {
                connection.ask(&request).await?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        })
    });
    for outcome in try_join_all(connections).await? {
        outcome?;
    }
    Ok(Round { took: started.elapsed(), count: count.load(Ordering::Relaxed), cpu_s: cpu_seconds()? - cpu })
}

/// So many a second; how long each took from the moment it should have been sent.
async fn paced(
    address: SocketAddr,
    requests: &[Vec<u8>],
    rate: f64,
    long: Duration,
) -> Result<Vec<Duration>> {
    let started = Instant::now() + Duration::from_millis(200);
    let pause = Duration::from_secs_f64(CONNECTIONS as f64 / rate);
    let connections = (0..CONNECTIONS).map(|number| {
        let request = requests[number % requests.len()].clone();
        let first = started + pause.mul_f64(number as f64 / CONNECTIONS as f64);
        tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut waits = Vec::new();
            for turn in 0.. {
                let due = first + pause * turn;
                if due > started + long {
                    break;
                }
                tokio::time::sleep_until(due.into()).await;
                connection.ask(&request).await?;
                waits.push(due.elapsed());
            }
            anyhow::Ok(waits)
        })
    });
    let mut all = Vec::new();
    for waits in try_join_all(connections).await? {
        all.extend(waits?);
    }
    Ok(all)
}

/// A connection that is kept alive. A client of a library would cost more than what is measured.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4_096) })
    }

    /// Sends a request and reads its answer, which must be 200.
    async fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            ensure!(self.stream.read_buf(&mut self.buffer).await? > 0, "the connection was closed");
            let Some(head) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
                continue;
            };
            let text = std::str::from_utf8(&self.buffer[..head])?;
            if !text.starts_with("HTTP/1.1 200") {
                bail!("{}", text.lines().next().unwrap_or_default());
            }
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.context("no content-length")?.parse()?;
            if self.buffer.len() >= head + 4 + length {
                return Ok(());
            }
        }
    }
}
