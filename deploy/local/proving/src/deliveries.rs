//! Webhooks as Salla delivers them: signed, and sent again where they were not taken.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use reqwest::{Client, StatusCode};
use salla_sim::webhooks::sign;
use serde_json::{Value, json};

use crate::world::World;

/// Between the tries of a delivery; Salla waits for minutes.
const AGAIN: Duration = Duration::from_millis(100);

/// Delivers webhooks to one world. Clones share connections.
#[derive(Clone)]
pub struct Deliveries {
    http: Client,
    url: String,
    secret: String,
}

impl Deliveries {
    /// To the gateway of `world`.
    pub fn to(world: &World) -> Self {
        Self {
            http: Client::builder().pool_max_idle_per_host(512).build().unwrap_or_default(),
            url: format!("{}/api/webhooks/salla", world.gateway),
            secret: world.environment["QAFILA_SALLA_WEBHOOK_SECRETS"].clone(),
        }
    }

    /// One try; the answer's status.
    pub async fn send(&self, body: Vec<u8>) -> Result<StatusCode> {
        let request = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .header("x-salla-security-strategy", "Signature")
            .header("x-salla-signature", sign(&self.secret, &body));
        Ok(request.body(body).send().await?.status())
    }

    /// One try, which must be taken.
    pub async fn deliver(&self, event: &Value) -> Result<()> {
        let status = self.send(serde_json::to_vec(event)?).await?;
        ensure!(status == StatusCode::OK, "{} was answered {status}", event["event"]);
        Ok(())
    }

    /// Tries until it is taken, as Salla does, within `patience`; says whether it was.
    pub async fn insist(&self, event: &Value, patience: Duration) -> Result<bool> {
        let (body, deadline) = (serde_json::to_vec(event)?, Instant::now() + patience);
        while Instant::now() < deadline {
            // While the gateway is being killed and started nobody answers for a moment.
            if matches!(self.send(body.clone()).await, Ok(StatusCode::OK)) {
                return Ok(true);
            }
            tokio::time::sleep(AGAIN).await;
        }
        Ok(false)
    }

    /// The secret that they are signed with.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

/// An event of a store.
pub fn event(store: u64, name: &str, at: DateTime<Utc>, data: &Value) -> Value {
    json!({"event": name, "merchant": store, "created_at": spelt(at), "data": data})
}

/// `order.created` of a small order, whole.
pub fn order(store: u64, id: u64, at: DateTime<Utc>) -> Value {
    let money = |amount: u64| json!({"amount": amount, "currency": "SAR"});
    let total = 10 + id % 90;
    let data = json!({
        "id": id, "reference_id": id, "date": {"date": at.format("%Y-%m-%d %H:%M:%S.%6f").to_string(), "timezone_type": 3, "timezone": "UTC"},
        "status": {"id": 566_146_469, "name": "new", "slug": "under_review"}, "payment_method": "mada", "currency": "SAR",
        "amounts": {"sub_total": money(total), "total": money(total)},
        "customer": {"id": 1 + id % 50, "first_name": "A", "last_name": "B", "mobile": 501_234_567, "mobile_code": "+966", "email": "a@example.com"},
        "items": [{"id": id * 10, "name": "tea", "sku": "T", "quantity": 1, "currency": "SAR",
            "amounts": {"price_without_tax": money(total), "total": money(total)}, "product": {"id": 7}}],
    });
    event(store, "order.created", at, &data)
}

/// As Salla spells times.
pub fn spelt(at: DateTime<Utc>) -> String {
    at.format("%a %b %d %Y %H:%M:%S GMT+0000").to_string()
}
