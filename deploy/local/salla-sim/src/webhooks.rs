//! Webhooks out (FACTS §7): subscriptions, both strategies, retries; store events only to who subscribed.

use std::time::Duration;

use hmac::{Hmac, Mac};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::api::{invalid, not_found, success};
use crate::server::{Answer, Call, json_answer};
use crate::state::{Sim, World};

const TIMEOUT: Duration = Duration::from_secs(30);

/// One subscription.
#[derive(Debug, Clone)]
pub struct Subscription {
    id: u64,
    store: u64,
    name: String,
    event: String,
    url: String,
    headers: Vec<(String, String)>,
    strategy: String,
    secret: String,
}

/// Subscriptions and what became of deliveries.
#[derive(Debug, Default)]
pub struct Webhooks {
    subscriptions: Vec<Subscription>,
    next_id: u64,
    /// Address of the app, for app events.
    pub app_url: Option<String>,
    /// Deliveries answered 2xx.
    pub delivered: u64,
    /// Deliveries given up.
    pub lost: u64,
}

impl Webhooks {
    /// Events of `store` that somebody subscribed to, in order.
    pub fn events(&self, store: u64) -> Vec<&str> {
        let mut events: Vec<&str> =
            self.subscriptions.iter().filter(|s| s.store == store).map(|s| s.event.as_str()).collect();
        events.sort_unstable();
        events
    }

    /// Loses a subscription, as Salla may.
    pub fn lose(&mut self, store: u64, event: &str) {
        self.subscriptions.retain(|s| s.store != store || s.event != event);
    }
}

#[derive(Deserialize)]
struct Header {
    key: String,
    value: String,
}

#[derive(Deserialize)]
struct Registration {
    name: String,
    event: String,
    url: String,
    #[serde(default)]
    headers: Vec<Header>,
    #[serde(default)]
    security_strategy: Option<String>,
    #[serde(default)]
    secret: Option<String>,
}

/// `/webhooks…` of the merchant API.
pub fn api(world: &mut World, store: u64, rest: &[&str], call: &Call) -> Answer {
    match (&call.method, rest) {
        (&Method::POST, ["subscribe"]) => match serde_json::from_slice(&call.body) {
            Ok(registration) => subscribe(world, store, registration),
            Err(error) => invalid("body", &error.to_string()),
        },
        (&Method::GET, ["events"]) => json_answer(StatusCode::OK, &crate::shapes::WEBHOOK_EVENTS),
        (&Method::GET, []) => {
            let active: Vec<Value> =
                world.webhooks.subscriptions.iter().filter(|s| s.store == store).map(shape).collect();
            let count = active.len();
            json_answer(
                StatusCode::OK,
                &json!({"status": 200, "success": true, "data": active,
                    "pagination": {"count": count, "total": count, "perPage": 65, "currentPage": 1, "totalPages": 1, "links": {}}}),
            )
        }
        (&Method::DELETE, ["unsubscribe"]) => {
            let (id, url) = (call.query.number::<u64>("id"), call.query.get("url"));
            let before = world.webhooks.subscriptions.len();
            world
                .webhooks
                .subscriptions
                .retain(|s| s.store != store || !(Some(s.id) == id || url.is_some_and(|u| u == s.url)));
            if world.webhooks.subscriptions.len() == before {
                return not_found();
            }
            json_answer(
                StatusCode::ACCEPTED,
                &json!({"status": 202, "success": true, "data": {"message": "The Object has been removed successfully", "code": 202}}),
            )
        }
        _ => not_found(),
    }
}

fn subscribe(world: &mut World, store: u64, registration: Registration) -> Answer {
    let Registration { name, event, url, headers, security_strategy, secret } = registration;
    // Salla refuses `localhost`; a simulator on one machine can only be given loopback addresses by number.
    if url::Url::parse(&url).is_err() || url.contains("localhost") || url.contains("test.") {
        return invalid("url", "لابد أن يكون الرابط صالح وفعّال (لا يحتوي على localhost أو test.)");
    }
    world.webhooks.next_id += 1;
    let id = 60_000_000 + world.webhooks.next_id;
    let existing = world
        .webhooks
        .subscriptions
        .iter_mut()
        .find(|s| s.store == store && s.event == event && s.url == url);
    let subscription = Subscription {
        id: existing.as_ref().map_or(id, |s| s.id),
        store,
        name,
        event,
        url,
        headers: headers.into_iter().map(|h| (h.key, h.value)).collect(),
        strategy: security_strategy.unwrap_or_else(|| "none".into()).to_lowercase(),
        secret: secret.unwrap_or_default(),
    };
    let answer = success(shape(&subscription));
    match existing {
        Some(slot) => *slot = subscription,
        None => world.webhooks.subscriptions.push(subscription),
    }
    answer
}

fn shape(subscription: &Subscription) -> Value {
    let headers: serde_json::Map<String, Value> =
        subscription.headers.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
    json!({
        "id": subscription.id,
        "name": subscription.name,
        "event": subscription.event,
        "type": "manual",
        "url": subscription.url,
        "version": 2,
        "rule": null,
        "headers": headers,
    })
}

/// Sends `body` to everyone who subscribed to `event` of `store`; app events go to the app's address.
pub fn emit(sim: &Sim, store: u64, event: &str, body: &Value) -> usize {
    let (receivers, retries) = {
        let world = sim.world();
        let mut receivers: Vec<Subscription> = world
            .webhooks
            .subscriptions
            .iter()
            .filter(|s| s.store == store && s.event == event)
            .cloned()
            .collect();
        if let (true, Some(url)) = (event.starts_with("app."), &world.webhooks.app_url) {
            receivers.push(Subscription {
                id: 0,
                store,
                name: "app".into(),
                event: event.into(),
                url: url.clone(),
                headers: vec![],
                strategy: "signature".into(),
                secret: sim.client.webhook_secret.clone(),
            });
        }
        (receivers, world.switches.webhook_retry_seconds.clone())
    };
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    let count = receivers.len();
    for receiver in receivers {
        tokio::spawn(deliver(sim.clone(), receiver, bytes.clone(), retries.clone()));
    }
    count
}

async fn deliver(sim: Sim, to: Subscription, body: Vec<u8>, retries: Vec<f64>) {
    let client = reqwest::Client::new();
    for pause in [0.0].into_iter().chain(retries) {
        tokio::time::sleep(Duration::from_secs_f64(pause)).await;
        let mut request = client.post(&to.url).timeout(TIMEOUT).header("content-type", "application/json");
        for (key, value) in &to.headers {
            request = request.header(key, value);
        }
        request = match to.strategy.as_str() {
            "signature" => request
                .header("x-salla-security-strategy", "Signature")
                .header("x-salla-signature", sign(&to.secret, &body)),
            "token" => {
                request.header("x-salla-security-strategy", "Token").header("authorization", &to.secret)
            }
            _ => request,
        };
        let status = request.body(body.clone()).send().await.map(|answer| answer.status());
        if matches!(status, Ok(StatusCode::OK | StatusCode::CREATED)) {
            sim.world().webhooks.delivered += 1;
            return;
        }
    }
    sim.world().webhooks.lost += 1;
}

/// Lower-case hex HMAC-SHA256 of the raw body.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}
