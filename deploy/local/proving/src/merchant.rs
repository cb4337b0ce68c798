//! A merchant as the web app would be: registers, connects a store, starts an import and watches it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rand::Rng;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use salla_sim::store::Plan;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::waiting::until;

const GLANCE: Duration = Duration::from_millis(100);
/// Password of every merchant made here.
pub const PASSWORD: &str = "Correct-Horse-7";

/// A logged-in merchant.
pub struct Merchant {
    http: Client,
    gateway: String,
    token: String,
    /// Merchant id.
    pub id: String,
    /// Address it registered with.
    pub email: String,
}

/// Where an import stands.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields of API.md's sync status")]
pub struct SyncStatus {
    pub status: String,
    pub progress_percentage: f64,
    pub phases: Vec<Phase>,
    pub rate_per_minute: Option<f64>,
    pub eta_seconds: Option<i64>,
    pub cause: Option<String>,
    pub advice: Option<String>,
}

/// One phase of one resource.
#[derive(Debug, Clone, Deserialize)]
#[expect(missing_docs, reason = "the fields of API.md's sync status")]
pub struct Phase {
    pub name: String,
    pub resource: String,
    pub done: i64,
    pub total: Option<i64>,
    pub skipped: i64,
}

impl Merchant {
    /// Registers a merchant nobody has registered before.
    pub async fn register(gateway: &str) -> Result<Self> {
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        let email = format!("merchant{:012x}@example.com", rand::rng().random::<u64>() >> 16);
        let body = json!({"email": email, "password": PASSWORD, "storeName": "متجر القافلة", "locale": "ar"});
        // Where this machine counts as a trusted proxy, every merchant comes from an address of its own.
        let address =
            format!("10.{}.{}.{}", rand::random::<u8>(), rand::random::<u8>(), rand::random::<u8>());
        let registering =
            http.post(format!("{gateway}/api/v1/auth/register")).header("x-forwarded-for", address);
        let answer = registering.json(&body).send().await?;
        let body = expect(answer, StatusCode::CREATED).await?;
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            http,
            gateway: gateway.to_owned(),
            token: text("/accessToken").context("no access token")?,
            id: text("/merchant/id").context("no merchant id")?,
            email,
        })
    }

    /// Registers a merchant and connects a store of one order, made of `seed`; nothing of it is imported.
    pub async fn with_store(gateway: &str, sim: &str, seed: u64) -> Result<(Self, u64)> {
        let plan = Plan { seed, orders: 1, customers: 1, products: 1, ..Plan::default() };
        let store = make_store(sim, &plan).await?;
        let merchant = Self::register(gateway).await?;
        merchant.connect(store).await?;
        let connected = || async { expect(merchant.get("/api/v1/me").await?, StatusCode::OK).await };
        until(connected, |me| me["connection"].is_object()).await?;
        Ok((merchant, store))
    }

    /// Connects a store of the simulator by OAuth, in the place of another that is connected.
    pub async fn connect(&self, store: u64) -> Result<()> {
        let approved = self.approve(store).await?;
        let answer = self.post("/api/v1/salla/auth/callback", &approved).await?;
        if answer.status() != StatusCode::CONFLICT {
            return expect(answer, StatusCode::OK).await.map(drop);
        }
        let problem = expect(answer, StatusCode::CONFLICT).await?;
        ensure!(problem["code"] == "other-store", "{problem}");
        let confirmed = json!({"state": approved["state"]});
        expect(self.post("/api/v1/salla/auth/confirm", &confirmed).await?, StatusCode::OK).await.map(drop)
    }

    /// Approves the app at Salla; what the callback brings back.
    pub async fn approve(&self, store: u64) -> Result<Value> {
        let body = expect(self.get("/api/v1/salla/auth/url").await?, StatusCode::OK).await?;
        let mut url: Url = body["authorizationUrl"].as_str().context("no address")?.parse()?;
        url.query_pairs_mut()
            .append_pair("sim_store", &store.to_string())
            .append_pair("sim_decision", "approve");
        let answer = self.http.get(url).send().await?;
        let back = answer
            .headers()
            .get("location")
            .and_then(|v| v.to_str().ok())
            .context("Salla sent us nowhere")?;
        let back: Url = back.parse()?;
        let query = |name: &str| back.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
        Ok(json!({"code": query("code").context("no code")?, "state": query("state").context("no state")?}))
    }

    /// Starts an import.
    pub async fn start_import(&self, depth_in_months: u32) -> Result<()> {
        let body = json!({"depthInMonths": depth_in_months});
        expect(self.post("/api/v1/sync/initial", &body).await?, StatusCode::ACCEPTED).await?;
        Ok(())
    }

    /// Where the import stands.
    pub async fn sync_status(&self) -> Result<SyncStatus> {
        let body = expect(self.get("/api/v1/sync/status").await?, StatusCode::OK).await?;
        Ok(serde_json::from_value(body)?)
    }

    /// Watches the import until it has completed; `see` is shown every status.
    pub async fn watch_import(
        &self,
        patience: Duration,
        mut see: impl FnMut(&SyncStatus),
    ) -> Result<SyncStatus> {
        let deadline = Instant::now() + patience;
        loop {
            // While Qafila is being killed and started, nobody may answer for a moment.
            if let Ok(status) = self.sync_status().await {
                see(&status);
                match status.status.as_str() {
                    "completed" => return Ok(status),
                    "failed" | "cancelled" => {
                        bail!("the import ended as {}: {:?} {:?}", status.status, status.cause, status.advice)
                    }
                    _ => {}
                }
            }
            ensure!(Instant::now() < deadline, "the import has not completed after {patience:?}");
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Its access token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A POST with the merchant's token, to be sent.
    pub fn asking(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.gateway)).bearer_auth(&self.token).json(body)
    }

    /// A GET with the merchant's token, to be sent.
    pub fn looking(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.gateway)).bearer_auth(&self.token)
    }

    /// GET with the merchant's token.
    pub async fn get(&self, path: &str) -> Result<Response> {
        Ok(self.looking(path).send().await?)
    }

    /// DELETE with the merchant's token.
    pub async fn delete(&self, path: &str) -> Result<Response> {
        Ok(self.http.delete(format!("{}{path}", self.gateway)).bearer_auth(&self.token).send().await?)
    }

    /// POST with the merchant's token.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Response> {
        Ok(self.asking(path, body).send().await?)
    }
}

/// The body as JSON, if the status is the wanted one.
pub async fn expect(answer: Response, wanted: StatusCode) -> Result<Value> {
    let (status, url) = (answer.status(), answer.url().path().to_owned());
    let body = answer.text().await?;
    ensure!(status == wanted, "{url} answered {status}, not {wanted}: {body}");
    Ok(if body.is_empty() { Value::Null } else { serde_json::from_str(&body)? })
}

/// Makes a store in a simulator over HTTP and returns its id.
pub async fn make_store(sim: &str, plan: &Plan) -> Result<u64> {
    let answer = Client::new().post(format!("{sim}/_sim/stores")).json(plan).send().await?;
    let body = expect(answer, StatusCode::OK).await?;
    body["id"].as_u64().context("the simulator named no store")
}
