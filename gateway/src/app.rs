//! What the gateway's handlers share, and the role that serves them.

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use qafila_aggregates::commands::Commands;
use qafila_aggregates::export::Export;
use qafila_aggregates::merchant::Merchant;
use qafila_aggregates::sync_job::SyncJob;
use qafila_ingest::connect::Connector;
use qafila_ingest::estimate::Estimator;
use qafila_ingest::order_histories::OrderHistories;
use qafila_ingest::reconcile::catch_up::EndpointUptime;
use qafila_projections::export::links::DownloadLinks;
use qafila_projections::export::store::ExportStore;
use qafila_schemas::envelope::OperatorKeys;
use qafila_schemas::kafka::KafkaConfig;
use qafila_schemas::sealed::KeyStore;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::auth::api_keys::ApiKeys;
use crate::auth::attempts::Attempts;
use crate::auth::passwords::{HashError, Passwords};
use crate::auth::reading::{Reader, ReadingKeys, Scope};
use crate::auth::registration::Registration;
use crate::auth::resets::PasswordResets;
use crate::auth::sessions::Sessions;
use crate::auth::tokens::{AccessTokens, Identity};
use crate::call::Call;
use crate::client_address::TrustedProxies;
use crate::health::{self, Health};
use crate::problem::Problem;
use crate::route_names::RouteNames;
use crate::routes;
use crate::routes::reports::freshness::Freshness;
use crate::routes::reports::sharing::Sharing;
use crate::server::{Front, serve};
use crate::web_app::WebApp;
use crate::webhooks::WebhookIntake;

const WARM_UP_PAUSE: Duration = Duration::from_secs(2);
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// What the role needs.
pub struct GatewayRole {
    /// The command role's pool: events, users, sessions.
    pub command_pool: PgPool,
    /// The query role's pool: read models, one merchant at a time.
    pub query_pool: PgPool,
    /// ClickHouse.
    pub clickhouse: clickhouse::Client,
    /// Where Kafka is, for health.
    pub kafka: KafkaConfig,
    /// Commands to merchants.
    pub merchants: Commands<Merchant>,
    /// Commands to sync jobs.
    pub sync_jobs: Commands<SyncJob>,
    /// Commands to exports.
    pub exports: Commands<Export>,
    /// Files of exports.
    pub export_store: ExportStore,
    /// Connects stores.
    pub connector: Connector,
    /// Estimates imports.
    pub estimator: Estimator,
    /// Fetches histories of orders.
    pub order_histories: OrderHistories,
    /// Key of access tokens, attempt counters and links to files, at least 32 bytes.
    pub token_key: Vec<u8>,
    /// Cookies without `Secure`, for plain HTTP on one machine.
    pub insecure_cookies: bool,
    /// Keys of services.
    pub api_keys: ApiKeys,
    /// Takes webhooks.
    pub webhooks: WebhookIntake,
    /// Where it is noted that they can be taken.
    pub uptime: EndpointUptime,
    /// Opens personal texts.
    pub keys: Arc<dyn KeyStore>,
    /// Seals the secrets of mails.
    pub operator_keys: OperatorKeys,
    /// Where the world reaches us: links of mails begin with it.
    pub public_url: Url,
    /// Whose word about clients counts.
    pub trusted_proxies: TrustedProxies,
    /// Prometheus' view of this process.
    pub metrics: PrometheusHandle,
    /// Where merchants find the operator's support.
    pub support_url: Option<Url>,
    /// The web app; none where it is served elsewhere.
    pub web_app: Option<WebApp>,
}

/// What handlers share.
pub struct App {
    /// The query role's pool.
    pub query_pool: PgPool,
    /// ClickHouse.
    pub clickhouse: clickhouse::Client,
    /// Commands to merchants.
    pub merchants: Commands<Merchant>,
    /// Commands to sync jobs.
    pub sync_jobs: Commands<SyncJob>,
    /// Commands to exports.
    pub exports: Commands<Export>,
    /// Files of exports.
    pub export_store: ExportStore,
    /// Connects stores.
    pub connector: Connector,
    /// Estimates imports.
    pub estimator: Estimator,
    /// Fetches histories of orders.
    pub order_histories: OrderHistories,
    /// Users.
    pub registration: Registration,
    /// Passwords that are forgotten or changed.
    pub resets: PasswordResets,
    /// Refresh tokens.
    pub sessions: Sessions,
    /// Access tokens.
    pub access_tokens: AccessTokens,
    /// Attempt counters.
    pub attempts: Attempts,
    /// Keys of services.
    pub api_keys: ApiKeys,
    /// Keys of merchants' tools.
    pub reading_keys: ReadingKeys,
    /// Takes webhooks.
    pub webhooks: WebhookIntake,
    /// Of which time reports are.
    pub freshness: Freshness,
    /// Reports that are being made.
    pub sharing: Sharing,
    /// Opens personal texts.
    pub keys: Arc<dyn KeyStore>,
    /// Signs and reads links to files.
    pub download_links: DownloadLinks,
    /// Dependencies.
    pub health: Health,
    /// Cookies without `Secure`.
    pub insecure_cookies: bool,
    /// Where merchants find the operator's support.
    pub support_url: Option<Url>,
    /// Prometheus' view of this process.
    pub metrics: PrometheusHandle,
}

impl App {
    /// Who reads what `scope` names: a user, or a tool of the merchant's.
    pub async fn reader(&self, call: &Call, scope: Scope) -> Result<Reader, Problem> {
        self.reading_keys.reader(&self.access_tokens, call, scope).await
    }

    /// Who gives a command. Unlike a question, it takes no token from before the password was changed.
    pub async fn identify_for_command(&self, call: &Call) -> Result<Identity, Problem> {
        let identity = self.access_tokens.identify(call)?;
        self.registration.signed_in(identity).await?;
        Ok(identity)
    }
}

/// Serves until `shutdown`.
pub async fn run(
    role: GatewayRole,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), HashError> {
    let health = Health::default();
    let watched = health::watch(
        health.clone(),
        vec![role.command_pool.clone(), role.query_pool.clone()],
        role.clickhouse.clone(),
        role.kafka.clone(),
        shutdown.clone(),
    );
    let watching = tokio::spawn(watched);
    let passwords = Passwords::new()?;
    let app = Arc::new(App {
        registration: Registration::new(role.command_pool.clone(), passwords.clone(), role.merchants.clone()),
        resets: PasswordResets::new(role.command_pool.clone(), passwords, role.operator_keys),
        sessions: Sessions::new(role.command_pool.clone()),
        access_tokens: AccessTokens::new(&role.token_key),
        reading_keys: ReadingKeys::new(role.command_pool.clone()),
        attempts: Attempts::new(role.command_pool, &role.token_key),
        api_keys: role.api_keys,
        webhooks: role.webhooks,
        freshness: Freshness::default(),
        sharing: Sharing::default(),
        keys: role.keys,
        query_pool: role.query_pool,
        clickhouse: role.clickhouse,
        merchants: role.merchants,
        sync_jobs: role.sync_jobs,
        exports: role.exports,
        export_store: role.export_store,
        download_links: DownloadLinks::new(&role.token_key, role.public_url),
        connector: role.connector,
        estimator: role.estimator,
        order_histories: role.order_histories,
        health,
        insecure_cookies: role.insecure_cookies,
        support_url: role.support_url,
        metrics: role.metrics,
    });
    let warming = tokio::spawn(warm_up(Arc::clone(&app), shutdown.clone()));
    let sweeping = tokio::spawn(sweep(Arc::clone(&app), shutdown.clone()));
    let telling = tokio::spawn(tell_uptime(Arc::clone(&app), role.uptime, shutdown.clone()));
    let front = Front::new(role.trusted_proxies, RouteNames::new(routes::openapi::routes()), role.web_app);
    serve(listener, routes::all(app), Arc::new(front), shutdown).await;
    for task in [watching, sweeping, warming, telling] {
        if let Err(error) = task.await {
            tracing::warn!(event = "background task ended badly", error = %error);
        }
    }
    Ok(())
}

/// Other routes need no registry, so they are served meanwhile.
async fn warm_up(app: Arc<App>, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let Err(error) = app.webhooks.warm_up().await else { return };
        tracing::warn!(event = "webhooks cannot be taken yet", cause = %error);
        tokio::select! {
            () = tokio::time::sleep(WARM_UP_PAUSE) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// Says again and again that webhooks can be taken, while they can: where nobody says so for long, what was missed is fetched.
async fn tell_uptime(app: Arc<App>, uptime: EndpointUptime, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        if app.health.is_up("kafka")
            && app.webhooks.is_able()
            && let Err(error) = uptime.is_up().await
        {
            tracing::warn!(event = "uptime not noted", error = %error);
        }
        tokio::select! {
            () = tokio::time::sleep(uptime.told_every()) => {}
            () = shutdown.cancelled() => {}
        }
    }
}

/// Ends what crashes left behind.
async fn sweep(app: Arc<App>, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        if let Err(problem) = app.registration.sweep().await {
            tracing::warn!(event = "sweeping failed", code = problem.code.as_str());
        }
        for swept in [app.sessions.sweep().await, app.attempts.sweep().await] {
            if let Err(error) = swept {
                tracing::warn!(event = "sweeping failed", error = %error);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP_EVERY) => {}
            () = shutdown.cancelled() => {}
        }
    }
}
