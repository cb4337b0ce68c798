//! Fact topics → lists: the rows of a batch, what is counted of them, and the offsets move in one transaction.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use qafila_schemas::dead_letter::DeadLetters;
use qafila_schemas::reader::{Batch, Item, OffsetKeeper, Reader, ReaderConfig};
use sqlx::{Connection, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use super::row::{Key, ListRow, Listed};
use super::{List, store};
use crate::olap::load::{DecodeFacts, FactItem};
use crate::oltp::offsets::{self, ProjectionOffsets};
use crate::oltp::{OltpRole, ProjectionError};

const BATCH_ROWS: usize = 2_000;
/// A list may be found this much later than its rows are read: few large transactions leave the merge its time.
const BATCH_AGE: Duration = Duration::from_millis(400);
const FETCH_MIN_BYTES: usize = 128 << 10;
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
        fetch_min_bytes: FETCH_MIN_BYTES,
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
    // Nothing is computed or written elsewhere while the transaction is open: Postgres ends one that is idle.
    let items = std::mem::take(&mut batch.items);
    let rows = tokio::task::spawn_blocking(move || newest(items.into_iter().map(row_of)));
    let rows = rows.await.map_err(|error| ProjectionError::Rows(error.to_string()))?;
    dead_letters.write(std::mem::take(&mut batch.bad)).await?;
    let mut transaction = pool.begin().await?;
    if !offsets::advance(&mut transaction, F::LIST.projection(), &batch.spans).await? {
        transaction.rollback().await?;
        return Err(ProjectionError::Overtaken);
    }
    store_each(&mut transaction, F::LIST, rows).await?;
    Ok(transaction.commit().await?)
}

fn row_of<F: Listed>(item: Item<FactItem<F>>) -> ListRow {
    match item.value {
        FactItem::Present(fact) => fact.row(),
        FactItem::Deleted(tombstone) => ListRow::deleted(tombstone),
    }
}

/// Stores rows together; where the database refuses a value of one, each for itself, so that a bad row never stops a good one. The fact of a bad
/// row stays in its topic and in the read models.
async fn store_each(
    connection: &mut PgConnection,
    list: List,
    rows: Vec<ListRow>,
) -> Result<(), ProjectionError> {
    // Before the first savepoint: what is locked within one is released with it.
    store::lock_stores(connection, &rows).await?;
    let mut together = connection.begin().await?;
    match store::store(&mut together, list, rows.clone()).await.map_err(ProjectionError::from) {
        Ok(()) => return Ok(together.commit().await?),
        Err(error) if error.is_data_error() => together.rollback().await?,
        Err(error) => return Err(error),
    }
    for row in rows {
        let (merchant, store_id, id) = row.key;
        let mut alone = connection.begin().await?;
        match store::store(&mut alone, list, vec![row]).await.map_err(ProjectionError::from) {
            Ok(()) => alone.commit().await?,
            Err(error) if error.is_data_error() => {
                alone.rollback().await?;
                metrics::counter!("qafila_list_rows_refused_total", "list" => list.name()).increment(1);
                tracing::error!(event = "list row refused", list = list.name(), merchantId = %merchant, storeId = store_id, sallaId = id, error = %error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The newest row of each key.
fn newest(rows: impl Iterator<Item = ListRow>) -> Vec<ListRow> {
    let mut newest: HashMap<Key, ListRow> = HashMap::new();
    for row in rows {
        let known = newest.get(&row.key).is_some_and(|known| known.revision > row.revision);
        if !known {
            newest.insert(row.key, row);
        }
    }
    newest.into_values().collect()
}
