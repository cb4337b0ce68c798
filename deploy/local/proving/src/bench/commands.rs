//! `commands`: our command loop beside bare postgres-es, 8 tasks, each command a new aggregate.

use std::time::Instant;

use anyhow::Result;
use cqrs_es::CqrsFramework;
use cqrs_es::persist::PersistedEventStore;
use futures::future::try_join_all;
use postgres_es::PostgresEventRepository;
use qafila_aggregates::Clock;
use qafila_aggregates::commands::Commands;
use qafila_aggregates::merchant::{Merchant, MerchantCommand};
use qafila_aggregates::wake::{EVENTS, Wake};
use qafila_schemas::ids::{MerchantId, UserId};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::{Duel, Round, cpu_seconds};
use crate::record::Measurement;
use crate::world::World;

const TASKS: usize = 8;
const COMMANDS_A_TASK: usize = 500;

/// Commands a second.
pub async fn commands() -> Result<Measurement> {
    let world = World::make("bench_commands").await?;
    let pool = world.pool("QAFILA_DATABASE_COMMAND_URL").await?;
    let mut duel = Duel::new("commands", "commands/s");
    for _ in Duel::rounds() {
        duel.limit(bare(&pool).await?);
        duel.ours(ours(&pool).await?);
    }
    world.remove().await?;
    duel.measured()
}

fn register() -> (String, MerchantCommand) {
    let merchant_id = MerchantId::generate();
    let command = MerchantCommand::Register {
        merchant_id,
        user_id: UserId::generate(),
        store_name: "متجر".into(),
        locale: "ar".into(),
    };
    (merchant_id.to_string(), command)
}

async fn bare(pool: &PgPool) -> Result<Round> {
    let store =
        PersistedEventStore::<_, Merchant>::new_event_store(PostgresEventRepository::new(pool.clone()));
    let framework = CqrsFramework::new(store, vec![], Clock::system());
    round(|| async {
        let (id, command) = register();
        Ok(framework.execute(&id, command).await?)
    })
    .await
}

async fn ours(pool: &PgPool) -> Result<Round> {
    let shutdown = CancellationToken::new();
    let wake = Wake::start(pool.clone(), EVENTS, shutdown.clone());
    let commands: Commands<Merchant> = Commands::new(pool.clone(), Clock::system(), wake);
    let round = round(|| async {
        let (id, command) = register();
        commands.execute(&id, command).await?;
        Ok(())
    })
    .await;
    shutdown.cancel();
    round
}

async fn round<F: Future<Output = Result<()>>>(command: impl Fn() -> F) -> Result<Round> {
    let (cpu, started) = (cpu_seconds()?, Instant::now());
    try_join_all((0..TASKS).map(|_| async {
        for _ in 0..COMMANDS_A_TASK {
            command().await?;
        }
        anyhow::Ok(())
    }))
    .await?;
    Ok(Round {
        took: started.elapsed(),
        count: (TASKS * COMMANDS_A_TASK) as u64,
        cpu_s: cpu_seconds()? - cpu,
    })
}
