//! A few runs of each torture that needs processes of its own; `make torture` does the rest.

use std::time::Duration;

use anyhow::{Result, ensure};
use qafila_proving::gate::Passage;
use qafila_proving::torture::export_kill::ExportKill;
use qafila_proving::torture::frozen::Frozen;
use qafila_proving::torture::hostile_webhooks::HostileWebhooks;
use qafila_proving::torture::odd_shapes::OddShapes;
use qafila_proving::torture::store_changes::StoreChanges;
use qafila_proving::torture::waits::{self, Dependency, Trouble};
use qafila_proving::torture::webhook_kill::WebhookKill;
use qafila_proving::torture::webhook_order::{ORDERS_OF_ARRIVAL, WebhookOrder};
use tokio::runtime::Runtime;

/// Runs a test on the runtime's own threads: a world's Qafila ends with the thread that started it.
fn run(test: impl Future<Output = Result<()>> + Send + 'static) {
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(runtime.spawn(test)).expect("the test did not panic").expect("the rule holds");
}

#[test]
fn webhooks_that_were_acknowledged_survive_kill_9_of_gateway_mapper_and_projection_exactly_once() {
    run(async {
        let mut scenario = WebhookKill::prepare().await?;
        // The fourth victim is the broker, which the other tests need.
        for seed in 0..3 {
            let outcome = scenario.run(seed).await?;
            ensure!(outcome.is_good(), "seed {seed}: {outcome:?}");
        }
        scenario.finish().await
    });
}

#[test]
fn a_process_that_was_frozen_thawed_and_killed_leaves_no_older_revision_and_skips_no_event() {
    run(async {
        let mut scenario = Frozen::prepare().await?;
        let outcome = scenario.run(1).await?;
        ensure!(outcome.is_good(), "{outcome:?}");
        scenario.finish().await
    });
}

#[test]
fn no_work_of_any_kind_goes_on_without_its_lease_while_the_database_hangs_and_all_goes_on_afterwards() {
    run(async {
        let trouble = Trouble::Dependency(Dependency::Postgres, Passage::Stalled);
        let outcome = waits::one(trouble, Duration::from_secs(40)).await?;
        ensure!(outcome.is_good(), "{outcome:?}");
        Ok(())
    });
}

#[test]
fn whatever_a_merchant_does_with_its_stores_what_is_said_is_true_of_the_present_one() {
    run(async {
        let mut scenario = StoreChanges::prepare().await?;
        for (seed, outcome) in scenario.run(1..5).await {
            let outcome = outcome?;
            ensure!(outcome.is_good(), "seed {seed}: {outcome:?}");
        }
        scenario.finish().await
    });
}

#[test]
fn an_export_that_was_killed_ends_as_the_same_file_with_one_note_and_at_most_one_mail() {
    run(async {
        let mut scenario = ExportKill::prepare().await?;
        for seed in 0..2 {
            let outcome = scenario.run(seed).await?;
            ensure!(outcome.is_good(), "seed {seed}: {outcome:?}");
        }
        scenario.finish().await
    });
}

#[test]
fn what_events_pages_and_details_tell_ends_in_the_same_row_in_whatever_order_it_comes() {
    run(async {
        let mut scenario = WebhookOrder::prepare().await?;
        for seed in 0..ORDERS_OF_ARRIVAL * 40 {
            let outcome = scenario.run(seed).await?;
            ensure!(outcome.is_good(), "order of arrival {seed}: {outcome:?}");
        }
        scenario.finish().await
    });
}

#[test]
fn an_odd_field_costs_no_record_of_any_documented_payload() {
    run(async {
        let mut scenario = OddShapes::prepare()?;
        for seed in 1..=scenario.pairs() {
            let outcome = scenario.run(seed)?;
            ensure!(outcome.is_good(), "pair {seed}: {outcome:?}");
        }
        scenario.finish().await
    });
}

#[test]
fn hostile_bodies_and_headers_cause_no_5xx_and_stop_no_good_webhook() {
    run(async {
        let mut scenario = HostileWebhooks::prepare(2_000).await?;
        let outcome = scenario.run(1).await?;
        ensure!(outcome.is_good(), "{outcome:?}");
        scenario.finish().await
    });
}
