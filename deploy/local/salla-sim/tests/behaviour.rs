//! The simulator keeps Salla's rules over HTTP: consent, single-use tokens, scopes, and webhooks only to who subscribed.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http::{HeaderMap, StatusCode};
use reqwest::redirect::Policy;
use salla_sim::server::serve;
use salla_sim::state::{Client, Sim};
use salla_sim::webhooks::sign;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;
use warp::Filter as _;

const SECRET: &str = "a webhook secret";
const BACK: &str = "http://127.0.0.1:9/oauth/callback";
const PATIENCE: Duration = Duration::from_secs(20);

/// A simulator with one store, and a browser that follows nothing.
struct Salla {
    url: String,
    sim: Sim,
    store: u64,
    http: reqwest::Client,
}

impl Salla {
    async fn start() -> Result<Self> {
        let client = Client { id: "app".into(), secret: "app secret".into(), webhook_secret: SECRET.into() };
        let sim = Sim::new(client);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(serve(listener, sim.clone()));
        let http = reqwest::Client::builder().redirect(Policy::none()).build()?;
        let plan = json!({"seed": 1, "orders": 40, "customers": 10, "products": 5});
        let made: Value = http.post(format!("{url}/_sim/stores")).json(&plan).send().await?.json().await?;
        let store = made["id"].as_u64().context("no store")?;
        Ok(Self { url, sim, store, http })
    }

    /// Presses a button of the authorize page; returns where the browser is sent.
    async fn decide(&self, decision: &str, scope: &str) -> Result<Url> {
        let mut page = Url::parse(&format!("{}/oauth2/auth", self.url))?;
        page.query_pairs_mut().extend_pairs([
            ("client_id", "app"),
            ("response_type", "code"),
            ("redirect_uri", BACK),
            ("state", "12345678"),
            ("scope", scope),
            ("sim_store", &self.store.to_string()),
            ("sim_decision", decision),
        ]);
        let answer = self.http.get(page).send().await?;
        ensure!(answer.status() == StatusCode::FOUND, "{}", answer.status());
        Ok(Url::parse(answer.headers()["location"].to_str()?)?)
    }

    async fn token(&self, grant: &[(&str, &str)]) -> Result<(StatusCode, Value)> {
        let mut form = vec![("client_id", "app"), ("client_secret", "app secret"), ("redirect_uri", BACK)];
        form.extend_from_slice(grant);
        let answer = self.http.post(format!("{}/oauth2/token", self.url)).form(&form).send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    async fn connect(&self, scope: &str) -> Result<Value> {
        let code = self.code(scope).await?;
        let (status, tokens) = self.redeem(&code).await?;
        ensure!(status == StatusCode::OK, "{tokens}");
        Ok(tokens)
    }

    async fn code(&self, scope: &str) -> Result<String> {
        parameter(&self.decide("approve", scope).await?, "code").context("no code")
    }

    async fn redeem(&self, code: &str) -> Result<(StatusCode, Value)> {
        self.token(&[("grant_type", "authorization_code"), ("code", code)]).await
    }

    async fn get(&self, path: &str, token: &str) -> Result<StatusCode> {
        let answer = self.http.get(format!("{}/admin/v2/{path}", self.url)).bearer_auth(token).send().await?;
        Ok(answer.status())
    }

    async fn refresh(&self, token: &str) -> Result<(StatusCode, Value)> {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
}

fn text<'v>(value: &'v Value, field: &str) -> Result<&'v str> {
    value[field].as_str().with_context(|| format!("no {field} in {value}"))
}

#[tokio::test]
async fn a_denied_consent_comes_back_with_the_state_and_no_code() -> Result<()> {
    let salla = Salla::start().await?;
    let back = salla.decide("deny", "orders.read").await?;
    ensure!(parameter(&back, "error").as_deref() == Some("access_denied"), "{back}");
    ensure!(parameter(&back, "state").as_deref() == Some("12345678"), "{back}");
    ensure!(parameter(&back, "code").is_none(), "{back}");
    Ok(())
}

#[tokio::test]
async fn a_code_is_good_once_and_a_second_use_revokes_what_it_gave() -> Result<()> {
    let salla = Salla::start().await?;
    let code = salla.code("orders.read").await?;
    let (_, tokens) = salla.redeem(&code).await?;
    ensure!(salla.get("orders", text(&tokens, "access_token")?).await? == StatusCode::OK, "{tokens}");
    let (again, refusal) = salla.redeem(&code).await?;
    ensure!(again.is_client_error(), "{refusal}");
    ensure!(salla.get("orders", text(&tokens, "access_token")?).await? == StatusCode::UNAUTHORIZED, "alive");
    Ok(())
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_a_second_use_revokes_everything() -> Result<()> {
    let salla = Salla::start().await?;
    let first = salla.connect("orders.read offline_access").await?;
    let (status, second) = salla.refresh(text(&first, "refresh_token")?).await?;
    ensure!(status == StatusCode::OK, "{second}");
    ensure!(
        salla.get("orders", text(&first, "access_token")?).await? == StatusCode::UNAUTHORIZED,
        "old token"
    );
    ensure!(salla.get("orders", text(&second, "access_token")?).await? == StatusCode::OK, "new token");
    let (status, refusal) = salla.refresh(text(&first, "refresh_token")?).await?;
    ensure!(status.is_client_error() && refusal["error"] == "invalid_grant", "{refusal}");
    let revoked = salla.get("orders", text(&second, "access_token")?).await?;
    ensure!(revoked == StatusCode::UNAUTHORIZED, "the reuse left a token alive: {revoked}");
    let (status, _) = salla.refresh(text(&second, "refresh_token")?).await?;
    ensure!(status.is_client_error(), "the reuse left a refresh token alive");
    Ok(())
}

#[tokio::test]
async fn a_token_opens_only_what_its_scopes_name() -> Result<()> {
    let salla = Salla::start().await?;
    let tokens = salla.connect("orders.read").await?;
    let token = text(&tokens, "access_token")?;
    ensure!(salla.get("orders", token).await? == StatusCode::OK, "orders");
    let customers = salla.get("customers", token).await?;
    ensure!(customers.is_client_error(), "{customers}");
    Ok(())
}

/// What came in, as headers and body.
type Inbox = Arc<Mutex<Vec<(HeaderMap, Vec<u8>)>>>;

/// A receiver that refuses the first delivery.
async fn receiver() -> (String, Inbox) {
    let inbox = Inbox::default();
    let kept = Arc::clone(&inbox);
    let routes = warp::post().and(warp::header::headers_cloned()).and(warp::body::bytes()).map(
        move |headers: HeaderMap, body: bytes::Bytes| {
            let mut inbox = kept.lock().expect("no panic before");
            inbox.push((headers, body.to_vec()));
            let status = if inbox.len() == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
            warp::reply::with_status("", status)
        },
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(warp::serve(routes).incoming(listener).run());
    (format!("http://{address}/hook"), inbox)
}

#[tokio::test]
async fn store_events_go_to_subscribers_alone_signed_as_they_asked_and_again_until_accepted() -> Result<()> {
    let salla = Salla::start().await?;
    salla.sim.world().switches.webhook_retry_seconds = vec![0.05; 3];
    let tokens = salla.connect("orders.read webhooks.read_write").await?;
    let token = text(&tokens, "access_token")?;
    let mut inboxes = vec![];
    for (event, strategy) in
        [("order.created", "signature"), ("order.created", "token"), ("order.updated", "token")]
    {
        let (url, inbox) = receiver().await;
        let subscription = json!({"name": "Qafila", "event": event, "url": url, "secret": SECRET,
            "security_strategy": strategy, "headers": [{"key": "x-qafila", "value": "yes"}]});
        let answer = salla.http.post(format!("{}/admin/v2/webhooks/subscribe", salla.url)).bearer_auth(token);
        let status = answer.json(&subscription).send().await?.status();
        ensure!(status.is_success(), "{status}");
        inboxes.push(inbox);
    }
    let orders = format!("{}/_sim/stores/{}/orders", salla.url, salla.store);
    salla.http.post(orders).json(&json!({"count": 1})).send().await?.error_for_status()?;
    let arrived = |inbox: &Inbox| inbox.lock().expect("no panic before").len();
    let deadline = Instant::now() + PATIENCE;
    while arrived(&inboxes[0]) < 2 || arrived(&inboxes[1]) < 2 {
        ensure!(Instant::now() < deadline, "a refused delivery was not tried again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for (headers, body) in inboxes[0].lock().expect("no panic before").iter() {
        ensure!(
            headers["x-salla-security-strategy"] == "Signature" && headers["x-qafila"] == "yes",
            "{headers:?}"
        );
        ensure!(headers["x-salla-signature"] == sign(SECRET, body).as_str(), "{headers:?}");
    }
    for (headers, _) in inboxes[1].lock().expect("no panic before").iter() {
        ensure!(
            headers["x-salla-security-strategy"] == "Token" && headers["authorization"] == SECRET,
            "{headers:?}"
        );
    }
    ensure!(arrived(&inboxes[2]) == 0, "an event went to who did not ask for it");
    Ok(())
}
