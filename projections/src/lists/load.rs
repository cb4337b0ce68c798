//! Fact topics → lists: the rows of a batch, what is counted of them, and the offsets move in one transaction.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use qafila_schemas::dead_letter::DeadLetters;
use qafila_schemas::reader::{Batch, OffsetKeeper, Reader, ReaderConfig};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::row::{Key, ListRow, Listed};
use super::store;
use crate::olap::load::{DecodeFacts, FactItem};
use crate::oltp::offsets::{self, ProjectionOffsets};
use crate::oltp::{OltpRole, ProjectionError};

const BATCH_ROWS: usize = 2_000;
const BATCH_AGE: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_secs(1);

/// Builds the list of one kind of fact until `shutdown`; a batch that failed is read again.
pub(super) async fn run<F: Listed>(
    role: OltpRole,
    shutdown: CancellationToken,
) -> Result<(), ProjectionError> {
    let projection = F::LIST.projection();
    let config = ReaderConfig {
        group: format!("qafila-projection-{projection}"),
        slot: role.slot.clone(),
        topics: vec![F::LIST.topic().name.into()],
        max_records: BATCH_ROWS,
        max_bytes: 16 << 20,
        max_age: BATCH_AGE,
        offsets: OffsetKeeper::Store(Arc::new(ProjectionOffsets::new(role.pool.clone(), projection))),
    };
    let decode = DecodeFacts::<F>::new(role.contract.registry.decoder()?);
    let mut reader = Reader::start(&role.contract.kafka, &role.contract.registry, config, decode)?;
    let dead_letters = DeadLetters::new(role.contract.writer()?, projection);
    loop {
        let mut batch = tokio::select! {
            batch = reader.next() => batch?,
            () = shutdown.cancelled() => return Ok(()),
        };
        if let Err(error) = apply::<F>(&role.pool, &mut batch, &dead_letters).await {
            metrics::counter!("qafila_projection_failures_total", "projection" => projection).increment(1);
            tracing::warn!(event = "projection interrupted", projection, error = %error);
            reader.assignment().rewind();
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn apply<F: Listed>(
    pool: &PgPool,
    batch: &mut Batch<FactItem<F>>,
    dead_letters: &DeadLetters,
) -> Result<(), ProjectionError> {
    let mut transaction = pool.begin().await?;
    if !offsets::advance(&mut transaction, F::LIST.projection(), &batch.spans).await? {
        transaction.rollback().await?;
        return Err(ProjectionError::Overtaken);
    }
    let rows = std::mem::take(&mut batch.items).into_iter().map(|item| match item.value {
        FactItem::Present(fact) => fact.row(),
        FactItem::Deleted(tombstone) => ListRow::deleted(tombstone),
    });
    store::store(&mut transaction, F::LIST, newest(rows)).await?;
    dead_letters.write(std::mem::take(&mut batch.bad)).await?;
    Ok(transaction.commit().await?)
}

/// The newest row of each key, in the order of the keys, in which all who write them lock them.
fn newest(rows: impl Iterator<Item = ListRow>) -> Vec<ListRow> {
    let mut newest: HashMap<Key, ListRow> = HashMap::new();
    for row in rows {
        let known = newest.get(&row.key).is_some_and(|known| known.revision > row.revision);
        if !known {
            newest.insert(row.key, row);
        }
    }
    let mut rows: Vec<ListRow> = newest.into_values().collect();
    rows.sort_unstable_by_key(|row| row.key);
    rows
}
