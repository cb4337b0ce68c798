//! Roles: each is given its own pool and what it needs of the configuration, and runs until a signal.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use qafila_aggregates::commands::Commands;
use qafila_aggregates::housekeeping::{self, Retention};
use qafila_aggregates::wake::{self, Wake, WakeUps};
use qafila_aggregates::{Aggregate, Clock, relay as relay_role};
use qafila_gateway::GatewayRole;
use qafila_gateway::client_address::TrustedProxies;
use qafila_gateway::webhooks::{WebhookIntake, WebhookVerifier};
use qafila_ingest::access::AccessTokens;
use qafila_ingest::app_events::AppEvents;
use qafila_ingest::app_events::queue::AppEventQueue;
use qafila_ingest::connect::{Connector, cleanup};
use qafila_ingest::contact_spelling::{ContactSpelling, ContactsView};
use qafila_ingest::estimate::Estimator;
use qafila_ingest::hydration::{Hydration, StaleView};
use qafila_ingest::keys::PostgresKeys;
use qafila_ingest::observations::ObservationWriter;
use qafila_ingest::order_histories::OrderHistories;
use qafila_ingest::reconcile;
use qafila_ingest::reconcile::catch_up::EndpointUptime;
use qafila_ingest::salla::client::{SallaApi, http_client};
use qafila_ingest::store_currency::StoreCurrencies;
use qafila_ingest::subscriptions::Subscriptions;
use qafila_ingest::sync::SyncRole;
use qafila_ingest::sync::completeness::Statements;
use qafila_ingest::vault::Vault;
use qafila_ingest::webhooks::WebhookRole;
use qafila_ingest::webhooks::coverage::Coverage;
use qafila_projections::export::links::DownloadLinks;
use qafila_projections::export::store::ExportStore;
use qafila_projections::export::{self, ExportRole};
use qafila_projections::lists;
use qafila_projections::notify::{self, MailConfig};
use qafila_projections::olap::{self, OlapRole, client};
use qafila_projections::oltp::{self, OltpRole};
use qafila_schemas::contract::Contract;
use qafila_schemas::registry::Registry;
use qafila_schemas::writer::TopicWriter;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::command::Projection;
use crate::config::Config;
use crate::stored::ReadModels;
use crate::{preflight, wiring};

const UPKEEP: Duration = Duration::from_secs(5);

/// Every role in one process.
pub async fn all(config: Config) -> Result<()> {
    let mut process = Process::start(config).await?;
    process.relay()?;
    process.ingest()?;
    process.oltp()?;
    process.olap();
    process.notify()?;
    process.export()?;
    process.gateway().await?;
    process.run().await
}

/// HTTP.
pub async fn gateway(config: Config) -> Result<()> {
    let mut process = Process::start(config).await?;
    process.gateway().await?;
    process.run().await
}

/// Event store → Kafka.
pub async fn relay(config: Config) -> Result<()> {
    let mut process = Process::start(config).await?;
    process.relay()?;
    process.run().await
}

/// Salla → observations.
pub async fn ingest(config: Config) -> Result<()> {
    let mut process = Process::start(config).await?;
    process.ingest()?;
    process.run().await
}

/// Kafka → read models.
pub async fn project(config: Config, which: Option<Projection>) -> Result<()> {
    let mut process = Process::start(config).await?;
    let wanted = |one| which.is_none_or(|which| which == one);
    if wanted(Projection::Oltp) {
        process.oltp()?;
    }
    if wanted(Projection::Olap) {
        process.olap();
    }
    if wanted(Projection::Notify) {
        process.notify()?;
    }
    if wanted(Projection::Export) {
        process.export()?;
    }
    process.run().await
}

/// One process with its roles as tasks.
struct Process {
    config: Config,
    contract: Contract,
    shutdown: CancellationToken,
    tasks: JoinSet<Result<()>>,
    metrics: PrometheusHandle,
    wake: Option<Wake>,
    wake_ups: WakeUps,
    /// The role in Postgres that wake-ups are heard as, where any are waited for.
    listens_as: Option<&'static str>,
    /// Refreshes of these may be under way, and what they learn nobody else can.
    access: Vec<AccessTokens>,
}

impl Process {
    async fn start(config: Config) -> Result<Self> {
        preflight::check(&config).await?;
        tracing::info!(event = "starting", version = env!("CARGO_PKG_VERSION"), slot = config.slot);
        let metrics =
            PrometheusBuilder::new().install_recorder().context("installing the metrics recorder")?;
        let registry = Registry::new(config.registry_url.as_str())?;
        let contract = Contract::new(config.kafka.clone(), registry);
        Ok(Self {
            contract,
            config,
            shutdown: CancellationToken::new(),
            tasks: JoinSet::new(),
            metrics,
            wake: None,
            wake_ups: WakeUps::default(),
            listens_as: None,
            access: vec![],
        })
    }

    /// Runs until a signal, or until a role ends, which none should.
    async fn run(mut self) -> Result<()> {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        if let Some(role) = self.listens_as {
            let listening = self.wake_ups.clone().listen(self.pool(role)?, self.shutdown.clone());
            tokio::spawn(listening);
        }
        let mut upkeep = tokio::time::interval(UPKEEP);
        let ended = loop {
            tokio::select! {
                _ = terminate.recv() => break None,
                _ = interrupt.recv() => break None,
                _ = upkeep.tick() => self.metrics.run_upkeep(),
                ended = self.tasks.join_next() => break ended,
            }
        };
        tracing::info!(event = "shutting down");
        self.shutdown.cancel();
        let mut outcome = match ended {
            Some(ended) => {
                ended.context("a role panicked").and_then(|r| r.and(Err(anyhow::anyhow!("a role ended"))))
            }
            None => Ok(()),
        };
        while let Some(ended) = self.tasks.join_next().await {
            let ended = ended.context("a role panicked").and_then(|r| r);
            outcome = outcome.and(ended);
        }
        for access in &self.access {
            access.finished().await;
        }
        outcome
    }

    fn pool(&self, role: &str) -> Result<PgPool> {
        wiring::pool(&self.config, role)
    }

    /// Commands over `pool`; all of a process share one wake, which bounds its notifications.
    fn commands<A>(&mut self, pool: &PgPool) -> Commands<A>
    where
        A: Aggregate<Services = Clock>,
        A::Command: Clone,
    {
        let wake =
            self.wake.get_or_insert_with(|| Wake::start(pool.clone(), wake::EVENTS, self.shutdown.clone()));
        Commands::new(pool.clone(), Clock::system(), wake.clone())
    }

    /// Deletes what is of no use any more.
    fn tidy(&mut self, pool: &PgPool, tables: &'static [Retention]) {
        let tidying = housekeeping::keep(pool.clone(), tables, self.shutdown.clone());
        self.tasks.spawn(async move {
            tidying.await;
            Ok(())
        });
    }

    /// Wake-ups of a channel; all of a process share the connection of the first `role` that waits for any.
    fn wake_up_on(&mut self, channel: &'static str, role: &'static str) -> mpsc::Receiver<String> {
        self.listens_as.get_or_insert(role);
        self.wake_ups.on(channel)
    }

    fn relay(&mut self) -> Result<()> {
        let wake_ups = self.wake_up_on(wake::EVENTS, "qafila_relay");
        let (pool, shutdown) = (self.pool("qafila_relay")?, self.shutdown.clone());
        let role = relay_role::run(pool, self.contract.clone(), wake_ups, shutdown);
        self.tasks.spawn(async move {
            role.await;
            Ok(())
        });
        Ok(())
    }

    /// Access to stores, and Salla's API with it. Each role of a process has its own; what must be shared is in Postgres.
    fn salla(&mut self, pool: &PgPool) -> Result<(AccessTokens, Arc<SallaApi>)> {
        let (access, salla) = wiring::salla(&self.config, pool)?;
        self.access.push(access.clone());
        Ok((access, salla))
    }

    fn ingest(&mut self) -> Result<()> {
        let pool = self.pool("qafila_ingest")?;
        let (access, salla) = self.salla(&pool)?;
        let merchants = self.commands(&pool);
        let shutdown = self.shutdown.clone();
        self.app_events(&pool, access.clone())?;
        let currencies = StoreCurrencies {
            pool: pool.clone(),
            access: access.clone(),
            http: http_client()?,
            salla: Arc::new(self.config.salla.clone()),
        };
        let stopping = self.shutdown.clone();
        self.tasks.spawn(async move {
            currencies.keep(stopping).await;
            Ok(())
        });
        self.tasks.spawn(async move {
            access.keep(merchants, shutdown).await;
            Ok(())
        });
        let subscriptions = Subscriptions::new(
            pool.clone(),
            Arc::clone(&salla),
            self.config.webhook_url(),
            self.config.webhook_secrets.current().clone(),
        );
        let stopping = self.shutdown.clone();
        self.tasks.spawn(async move {
            subscriptions.keep(stopping).await;
            Ok(())
        });
        self.tidy(&pool, qafila_ingest::retention::TABLES);
        let (cleaned, stopping) = (pool.clone(), self.shutdown.clone());
        let minute = self.config.salla.minute;
        self.tasks.spawn(async move {
            cleanup::keep(cleaned, minute, stopping).await;
            Ok(())
        });
        let keys = Arc::new(PostgresKeys::new(pool.clone(), self.config.operator_keys.clone()));
        let read_models = Arc::new(wiring::read_models(&self.config)?);
        let spelling = ContactSpelling {
            pool: pool.clone(),
            keys: keys.clone(),
            stored: Arc::clone(&read_models) as Arc<dyn ContactsView>,
        };
        let stopping = self.shutdown.clone();
        self.tasks.spawn(async move {
            spelling.keep(stopping).await;
            Ok(())
        });
        self.webhooks(&pool, &salla, &read_models, keys.clone());
        self.reconciliation(&pool, &salla, &read_models, keys.clone());
        let role = SyncRole {
            contract: self.contract.clone(),
            jobs: self.commands(&pool),
            salla,
            stored: read_models,
            operator_keys: self.config.operator_keys.clone(),
            keys,
            tolerance: self.config.tolerance,
            slot: self.config.slot.clone(),
            pool,
        };
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move { Ok(qafila_ingest::sync::run(role, shutdown).await?) });
        Ok(())
    }

    /// Decides events of the app itself.
    fn app_events(&mut self, pool: &PgPool, access: AccessTokens) -> Result<()> {
        let (keys, http) = (self.config.operator_keys.clone(), http_client()?);
        let connector = self.connector(pool.clone(), pool)?;
        let app_events = AppEvents {
            pool: pool.clone(),
            queue: AppEventQueue::new(pool.clone(), keys.clone()),
            vault: Vault::new(keys),
            access,
            connector,
            http,
            salla: Arc::new(self.config.salla.clone()),
        };
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move {
            app_events.keep(shutdown).await;
            Ok(())
        });
        Ok(())
    }

    /// Connects and disconnects stores; commands go through `commands`.
    fn connector(&mut self, pool: PgPool, commands: &PgPool) -> Result<Connector> {
        Ok(Connector::new(
            pool,
            self.config.operator_keys.clone(),
            http_client()?,
            Arc::new(self.config.salla.clone()),
            self.commands(commands),
            self.config.webhook_url(),
        ))
    }

    /// Maps webhooks, and fetches what is stale.
    fn webhooks(
        &mut self,
        pool: &PgPool,
        salla: &Arc<SallaApi>,
        read_models: &Arc<ReadModels>,
        keys: Arc<PostgresKeys>,
    ) {
        let (pool, salla, stale) = (pool.clone(), Arc::clone(salla), Arc::clone(read_models));
        let (contract, shutdown) = (self.contract.clone(), self.shutdown.clone());
        let (slot, operator_keys) = (self.config.slot.clone(), self.config.operator_keys.clone());
        let worker = format!("{slot}/{}", std::process::id());
        let wake_ups = self.wake_up_on(wake::STALE, "qafila_ingest");
        self.tasks.spawn(async move {
            let writer = TopicWriter::new(&contract.kafka, 0)?;
            let observations = Arc::new(ObservationWriter::new(&contract, keys, writer).await?);
            let coverage = Coverage {
                pool: pool.clone(),
                statements: Statements::new(pool.clone(), &contract, contract.writer()?).await?,
                contract: contract.clone(),
                stale: Arc::clone(&stale) as Arc<dyn StaleView>,
                merge_group: qafila_projections::oltp::merge::GROUP,
                minute: salla.config().minute,
            };
            let hydration = Hydration {
                pool: pool.clone(),
                salla: Arc::clone(&salla),
                stale,
                observations: Arc::clone(&observations),
                worker,
            };
            let role = WebhookRole { pool, contract, operator_keys, observations, salla, slot };
            let mapping = async { Ok(qafila_ingest::webhooks::run(role, shutdown.clone()).await?) };
            let fetching = async {
                hydration.keep(wake_ups, shutdown.clone()).await;
                anyhow::Ok(())
            };
            let covering = async {
                coverage.keep(shutdown.clone()).await;
                anyhow::Ok(())
            };
            tokio::try_join!(mapping, fetching, covering).map(drop)
        });
    }

    /// Compares every store with what is stored, every night and after an outage.
    fn reconciliation(
        &mut self,
        pool: &PgPool,
        salla: &Arc<SallaApi>,
        read_models: &Arc<ReadModels>,
        keys: Arc<PostgresKeys>,
    ) {
        let reconciliation =
            wiring::reconciliation(&self.config, &self.contract, pool, salla, read_models, keys);
        let (pool, shutdown) = (pool.clone(), self.shutdown.clone());
        self.tasks.spawn(async move {
            let (tools, schedule) = reconciliation.tools().await?;
            reconcile::keep(tools, schedule, pool, shutdown).await;
            Ok(())
        });
    }

    fn oltp_role(&self) -> Result<OltpRole> {
        Ok(OltpRole {
            pool: self.pool("qafila_oltp")?,
            contract: self.contract.clone(),
            slot: self.config.slot.clone(),
            list_cache_window: self.config.salla.list_cache_window,
        })
    }

    fn notify(&mut self) -> Result<()> {
        let (role, shutdown) = (self.oltp_role()?, self.shutdown.clone());
        let mail = MailConfig {
            server: self.config.smtp.clone(),
            from: self.config.mail_from.clone(),
            public_url: self.config.public_url.clone(),
            links: DownloadLinks::new(&self.config.token_key, self.config.public_url.clone()),
            operator_keys: self.config.operator_keys.clone(),
        };
        let minute = self.config.salla.minute;
        self.tasks.spawn(async move { Ok(Box::pin(notify::run(role, mail, minute, shutdown)).await?) });
        Ok(())
    }

    fn export(&mut self) -> Result<()> {
        let commands = self.pool("qafila_command")?;
        let keys = PostgresKeys::new(self.pool("qafila_ingest")?, self.config.operator_keys.clone());
        let role = ExportRole {
            oltp: self.oltp_role()?,
            exports: self.commands(&commands),
            clickhouse: client::limited_for_files(self.clickhouse()),
            keys: Arc::new(keys),
            store: ExportStore::open(&self.config.export_store).context("QAFILA_EXPORT_STORE")?,
            limits: self.config.export_limits,
        };
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move { Ok(export::run(role, shutdown).await?) });
        Ok(())
    }

    fn oltp(&mut self) -> Result<()> {
        let role = self.oltp_role()?;
        self.tidy(&role.pool, qafila_projections::retention::TABLES);
        let (listed, shutdown) = (role.clone(), self.shutdown.clone());
        self.tasks.spawn(async move { Ok(Box::pin(lists::run(listed, shutdown)).await?) });
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move { Ok(Box::pin(oltp::run(role, shutdown)).await?) });
        Ok(())
    }

    fn olap(&mut self) {
        let role = OlapRole {
            clickhouse: self.clickhouse(),
            contract: self.contract.clone(),
            slot: self.config.slot.clone(),
        };
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move { Ok(olap::run(role, shutdown).await?) });
    }

    async fn gateway(&mut self) -> Result<()> {
        let listener = TcpListener::bind(self.config.listen)
            .await
            .with_context(|| format!("QAFILA_LISTEN: listening on {}", self.config.listen))?;
        tracing::info!(event = "listening", address = %self.config.listen);
        if self.config.insecure_cookies {
            tracing::warn!(event = "risky setting", setting = "QAFILA_INSECURE_COOKIES");
        }
        if self.config.unsigned_webhooks {
            tracing::warn!(event = "risky setting", setting = "QAFILA_SALLA_UNSIGNED_WEBHOOKS");
        }
        let verifier = WebhookVerifier::new(&self.config.webhook_secrets, self.config.unsigned_webhooks);
        let command_pool = self.pool("qafila_command")?;
        let merchants = self.commands(&command_pool);
        let connector = self.connector(self.pool("qafila_ingest")?, &command_pool)?;
        let pool = self.pool("qafila_ingest")?;
        let (_, salla) = self.salla(&pool)?;
        let uptime = EndpointUptime::new(pool.clone(), self.config.salla.minute);
        let keys = Arc::new(PostgresKeys::new(pool.clone(), self.config.operator_keys.clone()));
        let role = GatewayRole {
            order_histories: OrderHistories::new(Arc::clone(&salla), keys.clone(), pool),
            keys,
            uptime,
            estimator: Estimator::new(salla),
            sync_jobs: self.commands(&command_pool),
            exports: self.commands(&command_pool),
            export_store: ExportStore::open(&self.config.export_store).context("QAFILA_EXPORT_STORE")?,
            public_url: self.config.public_url.clone(),
            operator_keys: self.config.operator_keys.clone(),
            command_pool,
            query_pool: self.pool("qafila_query")?,
            clickhouse: client::limited(self.clickhouse()),
            kafka: self.config.kafka.clone(),
            merchants,
            connector,
            webhooks: WebhookIntake::new(self.contract.clone(), self.config.operator_keys.clone(), verifier)?,
            token_key: self.config.token_key.clone(),
            insecure_cookies: self.config.insecure_cookies,
            api_keys: self.config.api_keys.clone(),
            trusted_proxies: TrustedProxies::new(self.config.trusted_proxies.clone()),
            metrics: self.metrics.clone(),
            support_url: self.config.support_url.clone(),
            web_app: self.config.web_app.clone(),
        };
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move { Ok(qafila_gateway::run(role, listener, shutdown).await?) });
        Ok(())
    }

    fn clickhouse(&self) -> clickhouse::Client {
        client::connect(self.config.clickhouse_url.as_str(), &self.config.clickhouse_database)
    }
}
