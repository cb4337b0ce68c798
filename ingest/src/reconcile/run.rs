//! One run over one store: orders, products and customers, each by itself, with a record of what was found.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use qafila_schemas::catalogue::RECONCILIATION_RUNS;
use qafila_schemas::headers::CloudEvent;
use qafila_schemas::ids::RunId;
use qafila_schemas::millis::Millis;
use qafila_schemas::records::reconciliation::ReconciliationRun;
use qafila_schemas::writer::Outgoing;
use uuid::Uuid;

use super::Tools;
use super::differences::Differences;
use super::lists::Lists;
use super::orders::{Orders, Scope};
use super::summary::{Failure, Summary};
use super::work::Leased;
use crate::hydration::entity::EntityReader;
use crate::mapping::Owner;
use crate::salla::budget::Urgency;
use crate::salla::client::{Page, SallaClient};
use crate::sync::completeness::{Complete, NOT_STORED_YET, ROWS_UNREAD, Read};
use crate::sync::intake::day;
use crate::sync::plan::{Window, midnight};

/// Resources in the order of a run.
pub const RESOURCES: [&str; 3] = ["orders", "products", "customers"];

/// What a person asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Days of creation of the orders.
    pub window: Window,
    /// Nothing is written.
    pub dry: bool,
    /// Deletions are made however many they are.
    pub deletions_allowed: bool,
}

/// What was found of one resource.
pub struct Found {
    /// Resource.
    pub resource: &'static str,
    /// Figures, or why there are none.
    pub outcome: Result<Summary, Failure>,
    /// What a dry run would have written.
    pub shown: Vec<String>,
}

/// A run under way.
pub struct Run {
    pub(super) tools: Arc<Tools>,
    pub(super) owner: Owner,
    pub(super) client: SallaClient,
    pub(super) entities: EntityReader,
    pub(super) dry: bool,
    pub(super) deletions_allowed: bool,
    run_id: RunId,
    started_at: DateTime<Utc>,
    customers_cycle: Uuid,
}

impl Run {
    /// The run of `leased`; `asked` where a person asked for it.
    pub fn new(tools: Arc<Tools>, leased: &Leased, asked: Option<Asked>) -> Self {
        let owner = leased.owner();
        let client = tools.salla.store(owner.connection_id, owner.store_id, Urgency::Background);
        Self {
            owner,
            entities: EntityReader::new(client.clone(), owner),
            client,
            dry: asked.is_some_and(|asked| asked.dry),
            deletions_allowed: asked.map_or(leased.deletions_allowed, |asked| asked.deletions_allowed),
            run_id: leased.run_id(),
            started_at: leased.started_at,
            // A run that a person asked for has a cycle of its own: it reads all customers.
            customers_cycle: if asked.is_some() { leased.run_id().0 } else { leased.customers_cycle },
            tools,
        }
    }

    /// One resource of the store's night, or of what an outage left.
    pub async fn nightly(&self, leased: &Leased, resource: &'static str) -> Result<Summary, Failure> {
        let differences = Differences::new(self, resource);
        let mut complete_to = Some(self.started_at);
        let summary = match resource {
            "orders" => {
                let scope = Scope::Changed {
                    since: leased
                        .catch_up_from
                        .map_or(leased.orders_since, |from| from.min(leased.orders_since)),
                    slice: leased.is_night,
                    slice_from: leased.slice_from,
                };
                let done = Orders::new(self, &differences).reconcile(scope).await?;
                // Rows that could not be read are looked for again the next night.
                let seen = done.summary.as_ref().is_ok_and(|summary| summary.failed == 0);
                self.tools.work.orders_done(leased, seen, done.next_slice).await.map_err(Failure::ours)?;
                done.summary?
            }
            "products" => Lists::new(self, &differences).products().await?,
            _ => {
                let done = Lists::new(self, &differences).customers(leased.customers(), false).await;
                if let Err(Failure::TooManyDeletions { .. }) = &done {
                    // What moved over a boundary between two nights is seen by a cycle that begins anew.
                    self.tools.work.customers_done(leased, None).await.map_err(Failure::ours)?;
                }
                let done = done?;
                self.tools.work.customers_done(leased, done.next).await.map_err(Failure::ours)?;
                complete_to = done.complete_to;
                done.summary?
            }
        };
        if let Some(median) = differences.median_write_ms() {
            metrics::histogram!("qafila_reconcile_write_ms", "resource" => resource).record(median);
            tracing::info!(event = "differences written", merchantId = %self.owner.merchant_id, resource, medianMs = median);
        }
        // What an earlier try wrote is not looked at again, so nobody can say here whether it is stored.
        if leased.tries == 1 && differences.are_stored().await? {
            self.state_completeness(leased, resource, summary, complete_to).await?;
        } else {
            let cause = if summary.failed > 0 { ROWS_UNREAD } else { NOT_STORED_YET };
            self.stand_still(resource, cause).await?;
            tracing::warn!(event = "completeness not stated", merchantId = %self.owner.merchant_id, resource,
                reason = "the read models are behind, or the run was interrupted; the next night states it");
        }
        Ok(summary)
    }

    /// One resource of what a person asked for.
    pub async fn asked(&self, asked: Asked, resource: &'static str) -> Found {
        let differences = Differences::new(self, resource);
        let outcome = match resource {
            "orders" => Orders::new(self, &differences)
                .reconcile(Scope::Days(asked.window))
                .await
                .and_then(|done| done.summary),
            "products" => Lists::new(self, &differences).products().await,
            _ => Lists::new(self, &differences).customers(None, true).await.and_then(|done| done.summary),
        };
        Found { resource, outcome, shown: differences.shown() }
    }

    /// Nothing is missing up to the beginning of what was read, less what a cache may have hidden; not where a row could not be
    /// read. `begun` is none where a part of the resource was read.
    async fn state_completeness(
        &self,
        leased: &Leased,
        resource: &'static str,
        summary: Summary,
        begun: Option<DateTime<Utc>>,
    ) -> Result<(), Failure> {
        if summary.failed > 0 {
            return self.stand_still(resource, ROWS_UNREAD).await;
        }
        let Some(begun) = begun else { return Ok(()) };
        let read = match resource {
            "orders" => Read::ChangesSince(window_of(leased, self.tools.salla.config().list_cache_window).0),
            _ => Read::Whole,
        };
        let complete = Complete { resource, read, to: begun - self.list_cache_window(), takes_back: None };
        self.tools.statements.state(self.owner, &[complete]).await.map_err(Failure::ours)
    }

    /// States why the resource is not complete any further than it was.
    pub async fn stand_still(&self, resource: &str, cause: &str) -> Result<(), Failure> {
        self.tools.statements.stand_still(self.owner, resource, cause, None).await.map_err(Failure::ours)
    }

    /// Writes the record of a resource; repeating it says the same.
    pub async fn record(
        &self,
        resource: &str,
        window: (DateTime<Utc>, DateTime<Utc>),
        outcome: &Result<Summary, Failure>,
    ) -> Result<(), Failure> {
        let figures = outcome.as_ref().copied().unwrap_or_default();
        let cause = outcome.as_ref().err().map(|failure| failure.cause().to_owned());
        let finished_at = Millis::now();
        let record = ReconciliationRun {
            merchant_id: self.owner.merchant_id,
            connection_id: self.owner.connection_id,
            store_id: self.owner.store_id,
            run_id: self.run_id,
            resource: resource.to_owned(),
            window_from: window.0.into(),
            window_to: window.1.into(),
            fetched: figures.fetched,
            created: figures.created,
            updated: figures.updated,
            unchanged: figures.unchanged,
            skipped: figures.skipped,
            failed: figures.failed,
            cause: cause.clone(),
            started_at: self.started_at.into(),
            finished_at,
        };
        tracing::info!(event = "reconciliation finished", merchantId = %self.owner.merchant_id, runId = %self.run_id, resource,
            fetched = figures.fetched, created = figures.created, updated = figures.updated, unchanged = figures.unchanged,
            skipped = figures.skipped, failed = figures.failed, deleted = figures.deleted, cause,
            reason = outcome.as_ref().err().map(ToString::to_string));
        let key = self.owner.merchant_id.to_string();
        let id = format!("{}:{resource}", self.run_id);
        let kind = RECONCILIATION_RUNS.records[0].full_name;
        let headers = CloudEvent { id: &id, kind, subject: &key, time: finished_at }.headers();
        let topic = self.tools.contract.kafka.topic(RECONCILIATION_RUNS.name);
        let value = Some(self.tools.runs.encode_to_vec(&record).map_err(Failure::ours)?);
        let written = self.tools.writer.write_all(vec![Outgoing { topic, key, value, headers }]).await;
        written.map(drop).map_err(Failure::ours)
    }

    /// A page of a list.
    pub(super) async fn page(
        &self,
        resource: &str,
        number: i32,
        query: Vec<(&'static str, String)>,
    ) -> Result<Page, Failure> {
        let per_page = self.client.config().per_page(resource);
        let mut all = vec![("page", number.to_string()), ("per_page", per_page.to_string())];
        all.extend(query);
        Ok(self.client.page(resource, &all).await?)
    }

    pub(super) fn list_cache_window(&self) -> chrono::Duration {
        chrono::Duration::from_std(self.client.config().list_cache_window).unwrap_or_default()
    }

    /// Today in Asia/Riyadh, by Salla's clock.
    pub(super) fn today(&self) -> NaiveDate {
        day(self.client.salla_now())
    }

    /// The first day of orders that were imported.
    pub(super) async fn first_day(&self) -> Result<NaiveDate, Failure> {
        let from = self.tools.work.first_day(self.owner).await.map_err(Failure::ours)?;
        Ok(from.map_or_else(|| self.today(), |at| day(at.into())))
    }

    pub(super) async fn looked_at(&self, resource: &str) -> Result<HashSet<i64>, Failure> {
        let ids = self.tools.work.remembered(self.run_id.0, resource).await.map_err(Failure::ours)?;
        Ok(ids.into_iter().collect())
    }

    pub(super) async fn look_at(&self, resource: &str, ids: &[i64]) -> Result<(), Failure> {
        self.tools.work.remember(self.run_id.0, resource, ids).await.map(drop).map_err(Failure::ours)
    }

    pub(super) async fn looked_at_customers(&self) -> Result<HashSet<i64>, Failure> {
        let ids =
            self.tools.work.remembered(self.customers_cycle, "customers").await.map_err(Failure::ours)?;
        Ok(ids.into_iter().collect())
    }

    pub(super) async fn look_at_customers(&self, ids: &[i64]) -> Result<(), Failure> {
        self.tools
            .work
            .remember(self.customers_cycle, "customers", ids)
            .await
            .map(drop)
            .map_err(Failure::ours)
    }
}

/// The window that a record of a night names.
pub(super) fn window_of(leased: &Leased, list_cache_window: Duration) -> (DateTime<Utc>, DateTime<Utc>) {
    let since = leased.catch_up_from.map_or(leased.orders_since, |from| from.min(leased.orders_since));
    let cache = chrono::Duration::from_std(list_cache_window).unwrap_or_default();
    (since - cache, leased.started_at)
}

/// The window that a record of what a person asked for names.
pub(super) fn window_of_days(window: Window) -> (DateTime<Utc>, DateTime<Utc>) {
    (midnight(window.first), window.span().1)
}
