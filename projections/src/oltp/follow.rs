//! From a topic to a read model: the records of a batch are folded in order, rows and offsets move in one transaction. A record that cannot be
//! applied (one before it is missing, Postgres refuses a value) is set aside, so that one aggregate never stops the others of its partition
//! (ARCHITECTURE §7.3). The batch is then done one by one: savepoints would make every batch pay for that, and hold back the relay's horizon.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use qafila_schemas::dead_letter::{Cause, DeadLetter, DeadLetters};
use qafila_schemas::reader::{Batch, Item, Reader, Span};
use qafila_schemas::writer::{Placed, WriteError};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{A_BATCH_TAKES, ProjectionError, offsets, park};

const PAUSE: Duration = Duration::from_millis(300);

/// Folds one record into a read model, within the batch's transaction.
pub(crate) trait Fold<T>: Send + Sync + 'static {
    /// Whether the last record of a key says all that those before it say, as on a compacted topic.
    const LAST_OF_KEY_COUNTS: bool = false;

    /// Applies `record`.
    fn fold(
        &self,
        connection: &mut PgConnection,
        record: &T,
    ) -> impl Future<Output = Result<(), ProjectionError>> + Send;

    /// Locks the rows that a batch's records change, in one order for all who change them: two that lock in the order of their records
    /// would wait for each other. Nothing where nobody else changes them.
    fn lock(
        &self,
        _connection: &mut PgConnection,
        _records: &[&T],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send {
        std::future::ready(Ok(()))
    }

    /// What later records wait behind, in order, where this one is set aside; nothing where their order does not matter.
    fn waits_behind(&self, _record: &T) -> Option<Uuid> {
        None
    }

    /// Whether a record's turn has come, where others wait behind the same.
    fn turn(
        &self,
        _connection: &mut PgConnection,
        _record: &T,
    ) -> impl Future<Output = Result<Turn, sqlx::Error>> + Send {
        std::future::ready(Ok(Turn::Later))
    }
}

/// Whether a record's turn has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It was applied.
    Repeat,
    /// It comes next.
    Next,
    /// Others are missing before it.
    Later,
}

/// Applies batch after batch; a failure is tried again from the stored offsets.
pub(super) async fn follow<T: Send + Sync + 'static>(
    pool: &PgPool,
    projection: &'static str,
    mut reader: Reader<T>,
    dead_letters: DeadLetters,
    fold: impl Fold<T>,
    shutdown: CancellationToken,
) -> Result<(), ProjectionError> {
    let mut follower =
        Follower { pool, projection, fold, letters: Letters { dead_letters, written: HashSet::new() } };
    loop {
        let mut batch = tokio::select! {
            batch = reader.next() => batch?,
            () = shutdown.cancelled() => return Ok(()),
        };
        let applied = tokio::time::timeout(A_BATCH_TAKES, follower.apply(&mut batch)).await;
        let outcome = applied.unwrap_or(Err(ProjectionError::TooSlow));
        if let Err(error) = &outcome {
            metrics::counter!("qafila_projection_failures_total", "projection" => projection).increment(1);
            tracing::warn!(event = "projection interrupted", projection, error = %error);
            // What is too much for a slow database at once may be done in parts.
            reader.assignment().halve_batches();
            reader.assignment().rewind();
            tokio::time::sleep(PAUSE).await;
        } else {
            reader.assignment().finished_batch();
        }
    }
}

struct Follower<'p, F> {
    pool: &'p PgPool,
    projection: &'static str,
    fold: F,
    letters: Letters,
}

impl<F> Follower<'_, F> {
    async fn apply<T: Sync>(&mut self, batch: &mut Batch<T>) -> Result<(), ProjectionError>
    where
        F: Fold<T>,
    {
        // Before any transaction: an open one would hold back everybody's while Kafka is slow.
        self.letters.write(std::mem::take(&mut batch.bad)).await?;
        match self.at_once(batch).await {
            Err(error) if error.costs_its_record() => self.one_by_one(batch).await?,
            outcome => outcome?,
        }
        self.letters.written.clear();
        Ok(())
    }

    async fn at_once<T: Sync>(&self, batch: &Batch<T>) -> Result<(), ProjectionError>
    where
        F: Fold<T>,
    {
        let mut transaction = self.begin(&batch.spans).await?;
        let items =
            if F::LAST_OF_KEY_COUNTS { last_of_each_key(&batch.items) } else { batch.items.iter().collect() };
        let records: Vec<&T> = items.iter().map(|item| &item.value).collect();
        self.fold.lock(&mut transaction, &records).await?;
        let entities: HashSet<String> = records
            .iter()
            .filter_map(|record| self.fold.waits_behind(record))
            .map(|id| id.to_string())
            .collect();
        let waiting = park::waiting_among(&mut transaction, self.projection, entities).await?;
        for item in items {
            self.take(&mut transaction, item, &waiting).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// A transaction in which the offsets have moved past `spans`.
    async fn begin(&self, spans: &[Span]) -> Result<Transaction<'static, Postgres>, ProjectionError> {
        let mut transaction = self.pool.begin().await?;
        if offsets::advance(&mut transaction, self.projection, spans).await? {
            return Ok(transaction);
        }
        // A batch under way was committed after a rebalance had read its offsets. Dropping this one would skip what
        // it holds beyond them, so everything is read again from where they are now.
        transaction.rollback().await?;
        Err(ProjectionError::Overtaken)
    }

    /// Folds a record, or parks it behind what it waits for.
    async fn take<T: Sync>(
        &self,
        connection: &mut PgConnection,
        item: &Item<T>,
        waiting: &HashSet<String>,
    ) -> Result<(), ProjectionError>
    where
        F: Fold<T>,
    {
        let entity = self.fold.waits_behind(&item.value).map(|id| id.to_string());
        let (Some(entity), Some(record)) = (entity.filter(|entity| waiting.contains(entity)), &item.record)
        else {
            return self.fold.fold(connection, &item.value).await;
        };
        if park::is_released(record, self.projection) {
            return self.fold.fold(connection, &item.value).await;
        }
        match self.fold.turn(connection, &item.value).await? {
            Turn::Repeat => {}
            Turn::Later => park::put(connection, self.projection, &entity, item.placed, record).await?,
            Turn::Next => {
                self.fold.fold(connection, &item.value).await?;
                park::filled(connection, self.projection, &entity).await?;
            }
        }
        Ok(())
    }

    /// Each record in a transaction of its own: those that cost their place are set aside.
    async fn one_by_one<T: Sync>(&mut self, batch: &Batch<T>) -> Result<(), ProjectionError>
    where
        F: Fold<T>,
    {
        let mut left: HashMap<i32, Span> =
            batch.spans.iter().map(|span| (span.partition, span.clone())).collect();
        for item in &batch.items {
            // A projection reads one topic.
            let Some(span) = left.get_mut(&item.placed.partition) else { continue };
            let covered = Span { last: item.placed.offset, ..span.clone() };
            match self.alone(&covered, item).await {
                Ok(()) => {}
                Err(error) if error.costs_its_record() => self.set_aside(&covered, item, error).await?,
                Err(error) => return Err(error),
            }
            span.first = item.placed.offset + 1;
        }
        let rest: Vec<Span> = left.into_values().filter(|span| span.first <= span.last).collect();
        if rest.is_empty() {
            return Ok(());
        }
        Ok(self.begin(&rest).await?.commit().await?)
    }

    async fn alone<T: Sync>(&self, span: &Span, item: &Item<T>) -> Result<(), ProjectionError>
    where
        F: Fold<T>,
    {
        let mut transaction = self.begin(std::slice::from_ref(span)).await?;
        self.fold.lock(&mut transaction, &[&item.value]).await?;
        let entity = self.fold.waits_behind(&item.value).map(|id| id.to_string());
        let waiting =
            park::waiting_among(&mut transaction, self.projection, entity.into_iter().collect()).await?;
        self.take(&mut transaction, item, &waiting).await?;
        Ok(transaction.commit().await?)
    }

    /// Writes a dead letter, and has what is behind the record wait. One that came before its turn waits with them.
    async fn set_aside<T: Sync>(
        &mut self,
        span: &Span,
        item: &Item<T>,
        error: ProjectionError,
    ) -> Result<(), ProjectionError>
    where
        F: Fold<T>,
    {
        let Some(record) = &item.record else { return Err(error) };
        let is_early = matches!(error, ProjectionError::Gap { .. });
        let entity = self.fold.waits_behind(&item.value).map(|id| id.to_string());
        if let (Some(entity), true, true) = (&entity, is_early, park::is_released(record, self.projection)) {
            let mut transaction = self.begin(std::slice::from_ref(span)).await?;
            if park::take_back(&mut transaction, self.projection, entity, item.placed, record).await? {
                return Ok(transaction.commit().await?);
            }
        }
        tracing::warn!(event = "record set aside", topic = record.topic, offset = item.placed.offset, error = %error);
        let code = if is_early { "out_of_sequence" } else { "unprojectable" };
        let merchant = record.merchant().map(|id| id.to_string());
        let cause = Cause { code, detail: error.to_string(), path: None, merchant };
        self.letters.write(vec![record.as_ref().clone().into_dead_letter(item.placed, cause)]).await?;
        let mut transaction = self.begin(std::slice::from_ref(span)).await?;
        if let Some(entity) = entity {
            park::close(&mut transaction, self.projection, &entity, code).await?;
            if is_early {
                park::put(&mut transaction, self.projection, &entity, item.placed, record).await?;
            }
        }
        Ok(transaction.commit().await?)
    }
}

/// The last item of each key, in the order of their places.
fn last_of_each_key<T>(items: &[Item<T>]) -> Vec<&Item<T>> {
    let mut seen = HashSet::new();
    let mut last: Vec<&Item<T>> = items
        .iter()
        .rev()
        .filter(|item| item.record.as_ref().is_none_or(|record| seen.insert(record.key.as_deref())))
        .collect();
    last.reverse();
    last
}

/// Dead letters, each written once although its batch is tried again.
struct Letters {
    dead_letters: DeadLetters,
    written: HashSet<(String, i32, i64)>,
}

impl Letters {
    async fn write(&mut self, letters: Vec<DeadLetter>) -> Result<(), WriteError> {
        let place = |letter: &DeadLetter| {
            letter.position.map(|Placed { partition, offset }| (letter.topic.clone(), partition, offset))
        };
        let new: Vec<DeadLetter> = letters
            .into_iter()
            .filter(|letter| place(letter).is_none_or(|place| !self.written.contains(&place)))
            .collect();
        let places: Vec<_> = new.iter().filter_map(place).collect();
        self.dead_letters.write(new).await?;
        self.written.extend(places);
        Ok(())
    }
}
