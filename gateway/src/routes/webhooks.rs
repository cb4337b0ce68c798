//! Salla's webhooks.

use std::sync::Arc;

use http::{StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::Answer;
use crate::app::App;
use crate::call::{Call, json};
use crate::problem::{Code, Problem};
use crate::webhooks::NotTaken;
use qafila_ingest::webhooks::packing::{MAX_BODY, PackingError};
use qafila_schemas::writer::WriteError;

/// Outcome of a webhook that is larger than one may be.
pub const TOO_LARGE: &str = "too_large";

/// Counts a webhook by what became of it.
pub fn count(outcome: &'static str) {
    metrics::counter!("qafila_webhooks_total", "outcome" => outcome).increment(1);
}

/// A webhook that Kafka has: an empty object.
#[derive(Serialize, ToSchema)]
pub struct AcceptedWebhookBody {}

/// `POST /api/webhooks/salla`: takes one event of Salla's, sealed; 200 says that Kafka has it.
#[utoipa::path(
    post,
    operation_id = "acceptSallaWebhook",
    path = "/api/webhooks/salla",
    tag = "webhooks",
    request_body(content = serde_json::Value, description = "The event, as Salla sends it"),
    params(
        ("X-Salla-Security-Strategy" = Option<String>, Header, description = "`Signature` or `Token`"),
        ("X-Salla-Signature" = Option<String>, Header, description = "Lower-case hex HMAC-SHA256 of the body"),
        ("Authorization" = Option<String>, Header, description = "The secret, for the strategy `Token`"),
    ),
    responses(
        (status = 200, body = AcceptedWebhookBody, description = "Every replica of Kafka has it"),
    )
)]
pub async fn salla(app: Arc<App>, call: Call) -> Answer {
    // One without a type is taken: the signature is over the bytes.
    let kind = call.header(header::CONTENT_TYPE.as_str()).unwrap_or("application/json");
    if !kind.to_ascii_lowercase().starts_with("application/json") {
        return Err(Problem::new(Code::UnsupportedMediaType));
    }
    let taken = app.webhooks.take(&call.headers, &call.body).await;
    let outcome = match &taken {
        Ok(_) => "taken",
        Err(NotTaken::Forged(_)) => "refused",
        Err(NotTaken::Packed(PackingError::TooLarge)) => TOO_LARGE,
        Err(NotTaken::Packed(PackingError::Damaged(_) | PackingError::Surplus)) => "unreadable",
        Err(NotTaken::Unwritten(WriteError::Saturated)) => "too_many",
        Err(_) => "not_written",
    };
    count(outcome);
    match taken {
        Ok(_) => Ok(json(StatusCode::OK, &AcceptedWebhookBody {})),
        Err(NotTaken::Forged(why)) => {
            let client = call.client().map(|address| address.to_string());
            tracing::warn!(event = "webhook refused", reason = %why, client);
            Err(Problem::new(Code::WebhookRefused).with("reason", why.to_string()))
        }
        Err(NotTaken::Packed(error)) => {
            tracing::warn!(event = "webhook refused", reason = %error);
            Err(match error {
                PackingError::TooLarge => Problem::new(Code::TooLarge).with("bytes", MAX_BODY as i64),
                PackingError::Damaged(_) | PackingError::Surplus => Problem::new(Code::BadRequest),
            })
        }
        Err(NotTaken::Unwritten(error @ WriteError::Saturated)) => {
            tracing::warn!(event = "webhook not taken", cause = %error);
            Err(Problem::new(Code::Busy).retry_after(2))
        }
        Err(error) => Err(Problem::unavailable("kafka", &error)),
    }
}
