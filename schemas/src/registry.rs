//! The schema registry (Confluent's API): registering our schemas and looking up those of others.
//!
//! Answers are cached for ever (a schema id never changes its meaning), failures never.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use schema_registry_converter::async_impl::schema_registry::{SrSettings, get_schema_by_id, post_schema};
use schema_registry_converter::schema_registry_common::{SchemaType, SuppliedSchema};
use tokio::sync::Mutex;

use crate::codec::{CodecError, Decoder, Encoder, WriterSchemas};
use crate::records::AvroRecord;

/// Every version of a subject can be read with every other.
pub const FULL_TRANSITIVE: &str = "FULL_TRANSITIVE";
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// A producer of a later version may be a moment ahead of the registry's replicas; a registry that was restored is put right by people.
const UNKNOWN_SCHEMA_GRACE: Duration = Duration::from_secs(60);

/// Why the registry did not help.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It refused a schema or could not be reached.
    #[error("schema registry, {what}: {reason}")]
    Call {
        /// What was asked.
        what: String,
        /// What it said.
        reason: String,
    },
    /// It answers, and knows no schema of this id.
    #[error("the schema registry knows no schema {0}")]
    UnknownSchema(u32),
    /// What it knows is not usable.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// A connection to the registry with everything learnt so far. Clones share it.
#[derive(Clone)]
pub struct Registry {
    settings: SrSettings,
    url: String,
    schemas: WriterSchemas,
    registered: Arc<Mutex<HashMap<(String, &'static str), u32>>>,
    unknown_schema_grace: Duration,
}

impl Registry {
    /// A registry at the base address of Confluent's API.
    pub fn new(url: &str) -> Result<Self, RegistryError> {
        let url = url.trim_end_matches('/').to_owned();
        let settings = SrSettings::new_builder(url.clone())
            .set_timeout(CALL_TIMEOUT)
            .build()
            .map_err(|e| call_error("settings", &e))?;
        Ok(Self {
            settings,
            url,
            schemas: WriterSchemas::default(),
            registered: Arc::default(),
            unknown_schema_grace: UNKNOWN_SCHEMA_GRACE,
        })
    }

    /// With another time for which a record waits whose schema is not known.
    #[must_use]
    pub fn with_unknown_schema_grace(self, unknown_schema_grace: Duration) -> Self {
        Self { unknown_schema_grace, ..self }
    }

    /// For how long a record waits whose schema is not known.
    pub fn unknown_schema_grace(&self) -> Duration {
        self.unknown_schema_grace
    }

    /// Registers `T`'s schema under `subject` (idempotent) and returns an encoder for it.
    pub async fn encoder<T: AvroRecord>(&self, subject: &str) -> Result<Encoder<T>, RegistryError> {
        Ok(Encoder::new(self.register(subject, T::NAME, T::SCHEMA).await?)?)
    }

    /// A decoder for `T`; [`learn`](Self::learn) what it does not know.
    pub fn decoder<T: AvroRecord>(&self) -> Result<Decoder<T>, RegistryError> {
        Ok(Decoder::new(self.schemas.clone())?)
    }

    /// Registers a schema and returns its id; the same schema always gets the same id.
    pub async fn register(
        &self,
        subject: &str,
        name: &'static str,
        schema: &str,
    ) -> Result<u32, RegistryError> {
        let mut registered = self.registered.lock().await;
        if let Some(id) = registered.get(&(subject.to_owned(), name)) {
            return Ok(*id);
        }
        let supplied = || SuppliedSchema::new(None, SchemaType::Avro, schema.to_owned());
        let answer = (|| post_schema(&self.settings, subject.to_owned(), supplied()))
            .retry(backoff())
            .when(|e| e.retriable)
            .await
            .map_err(|e| call_error(&format!("registering {name} under {subject}"), &e))?;
        self.schemas.learn(answer.id, schema)?;
        registered.insert((subject.to_owned(), name), answer.id);
        Ok(answer.id)
    }

    /// Fetches schema `schema_id` so that decoders can read it; an error of its own where the registry answers that there is none.
    pub async fn learn(&self, schema_id: u32) -> Result<(), RegistryError> {
        if self.schemas.knows(schema_id) {
            return Ok(());
        }
        let answer =
            (|| get_schema_by_id(schema_id, &self.settings)).retry(backoff()).when(|e| e.retriable).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(_) if self.refuses(schema_id).await => return Err(RegistryError::UnknownSchema(schema_id)),
            Err(error) => return Err(call_error(&format!("schema {schema_id}"), &error)),
        };
        Ok(self.schemas.learn(schema_id, &answer.schema)?)
    }

    /// Whether the registry answers, and that there is no schema `schema_id`.
    async fn refuses(&self, schema_id: u32) -> bool {
        let asked = reqwest::Client::new()
            .get(format!("{}/schemas/ids/{schema_id}", self.url))
            .timeout(CALL_TIMEOUT)
            .send()
            .await;
        asked.is_ok_and(|answer| answer.status() == reqwest::StatusCode::NOT_FOUND)
    }

    /// Whether `schema` is registered under `subject`.
    pub async fn knows(&self, subject: &str, schema: &str) -> Result<bool, RegistryError> {
        let what = format!("asking for {subject}");
        let fault = |reason: String| RegistryError::Call { what: what.clone(), reason };
        let answer = reqwest::Client::new()
            .post(format!("{}/subjects/{subject}", self.url))
            .timeout(CALL_TIMEOUT)
            .header("content-type", MEDIA_TYPE)
            .body(serde_json::json!({"schema": schema}).to_string())
            .send()
            .await
            .map_err(|e| fault(e.without_url().to_string()))?;
        match answer.status().as_u16() {
            200 => Ok(true),
            404 => Ok(false),
            status => Err(fault(format!("HTTP {status}"))),
        }
    }

    /// The compatibility that `subject` keeps: its own, or the registry's where it has none.
    pub async fn compatibility(&self, subject: &str) -> Result<String, RegistryError> {
        let what = format!("asking for the compatibility of {subject}");
        let fault = |reason: String| RegistryError::Call { what: what.clone(), reason };
        let answer = reqwest::Client::new()
            .get(format!("{}/config/{subject}?defaultToGlobal=true", self.url))
            .timeout(CALL_TIMEOUT)
            .send()
            .await
            .map_err(|e| fault(e.without_url().to_string()))?;
        let body = answer.text().await.map_err(|e| fault(e.without_url().to_string()))?;
        let told: serde_json::Value = serde_json::from_str(&body).map_err(|e| fault(e.to_string()))?;
        Ok(told["compatibilityLevel"].as_str().unwrap_or("unknown").to_owned())
    }

    /// Sets the compatibility of `subject`. Only of ours: the registry may be others' as well.
    pub async fn require_full_transitive(&self, subject: &str) -> Result<(), RegistryError> {
        let what = format!("setting {FULL_TRANSITIVE} of {subject}");
        let fault = |reason: String| RegistryError::Call { what: what.clone(), reason };
        let answer = reqwest::Client::new()
            .put(format!("{}/config/{subject}", self.url))
            .timeout(CALL_TIMEOUT)
            .header("content-type", MEDIA_TYPE)
            .body(serde_json::json!({"compatibility": FULL_TRANSITIVE}).to_string())
            .send()
            .await
            .map_err(|e| fault(e.without_url().to_string()))?;
        if answer.status().is_success() { Ok(()) } else { Err(fault(format!("HTTP {}", answer.status()))) }
    }
}

fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(3))
        .with_max_times(6)
        .with_jitter()
}

fn call_error(what: &str, error: &schema_registry_converter::error::SRCError) -> RegistryError {
    RegistryError::Call { what: what.into(), reason: error.to_string() }
}
