//! Exports: from the aggregate's events to what a merchant may read of them.

use anyhow::{Context, ensure};
use qafila_aggregates::Clock;
use qafila_aggregates::commands::{Commands, Wake};
use qafila_aggregates::export::{Export, ExportCommand, RequestExport, StoredFile, job_id};
use qafila_projections::oltp::exports;
use qafila_proving::merchant::Merchant;
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use qafila_schemas::ids::MerchantId;
use qafila_schemas::millis::Millis;
use tokio_util::sync::CancellationToken;

static SHARED: SharedWorld = SharedWorld::new("exports");

#[test]
fn the_read_model_follows_an_export_from_its_request_to_its_end_and_shows_it_to_its_merchant_alone() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let merchant = Merchant::register(&world.gateway).await?;
        let merchant_id = MerchantId(merchant.id.parse()?);
        let stop = CancellationToken::new();
        let pool = world.pool("QAFILA_DATABASE_COMMAND_URL").await?;
        let commands: Commands<Export> =
            Commands::new(pool.clone(), Clock::system(), Wake::start(pool, stop.clone()));
        let job = job_id(merchant_id, "the first");
        let request = RequestExport {
            merchant_id,
            job_id: job,
            report_type: "orders".into(),
            format: "csv".into(),
            filters: r#"{"from":"2026-01-01"}"#.into(),
            locale: "ar".into(),
            requested_by: None,
        };
        let expires_at = Millis(Millis::now().0 + 86_400_000);
        let file = StoredFile { rows: 7, bytes: 700, sha256: "ab".repeat(32) };
        for command in [
            ExportCommand::Request(request),
            ExportCommand::TakeOver { epoch: 1, worker: "w".into() },
            ExportCommand::Complete { epoch: 1, file, expires_at },
        ] {
            commands.execute(&job.to_string(), command).await?;
        }
        let query = world.pool("QAFILA_DATABASE_QUERY_URL").await?;
        let shown = || async { Ok(exports::find(&query, merchant_id, job).await?) };
        let is_completed = |export: &Option<exports::ExportView>| {
            export.as_ref().is_some_and(|export| export.status == "completed")
        };
        let export = until(shown, is_completed).await?.context("the export")?;
        ensure!((export.rows, export.bytes) == (Some(7), Some(700)), "{export:?}");
        ensure!(export.filters.0["from"] == "2026-01-01" && export.started_at.is_some(), "{export:?}");
        ensure!(export.expires_at.map(|at| at.timestamp_millis()) == Some(expires_at.0), "{export:?}");
        ensure!(exports::list(&query, merchant_id, None, 10).await?.len() == 1, "it is listed");
        let stranger = MerchantId(uuid::Uuid::now_v7());
        ensure!(exports::find(&query, stranger, job).await?.is_none(), "others do not see it");
        commands.execute(&job.to_string(), ExportCommand::Revoke { requested_by: None }).await?;
        let listed = || async { Ok(exports::list(&query, merchant_id, None, 10).await?) };
        until(listed, Vec::is_empty).await?;
        stop.cancel();
        Ok(())
    });
}
