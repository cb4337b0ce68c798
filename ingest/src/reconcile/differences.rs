//! What was read becomes observations only where it differs from what is stored, or is waited for. Deletions are kept back until
//! the end: too many of them are a question, not an answer.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use qafila_schemas::dead_letter::DeadLetter;
use qafila_schemas::open_set::{Entity, Kind, Source};
use qafila_schemas::records::observation::Observation;

use super::run::Run;
use super::stored::Comparison;
use super::summary::{Failure, Summary};
use crate::hydration::entity::EntityRead;
use crate::mapping::seal::{KEY_IS_DAMAGED, Sealed};
use crate::mapping::{Unmappable, Unsealed};

/// A run may delete so many rows of a resource by itself …
const FEW_DELETIONS: usize = 20;
/// … or this part of them.
const PART_DELETED: usize = 100;

/// How long the read models may be behind.
const STORED_WITHIN: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(20);
const LONGEST_GLANCE: Duration = Duration::from_secs(1);
/// Differences that a dry run shows, at most.
const MOST_SHOWN: usize = 200;

/// Finds and writes the differences of one resource of a run.
pub struct Differences<'r> {
    run: &'r Run,
    resource: &'static str,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    summary: Summary,
    deletions: Vec<Observation>,
    shown: Vec<String>,
    write_ms: Vec<f64>,
    /// Of each partition of observations, and of even and odd ids, what was written last.
    last_written: HashMap<(i32, bool), Observation>,
    /// Rows whose difference a list showed already and whose details were not compared yet.
    shown_by_list: HashSet<i64>,
}

/// Something that was read of an entity, on its way to be compared.
pub enum Reading {
    /// As an observation.
    Mapped(Unsealed),
    /// A row that does not map.
    Unmappable(String, Unmappable),
    /// Salla refuses this very entity.
    Refused,
}

impl From<EntityRead> for Reading {
    fn from(read: EntityRead) -> Self {
        match read {
            EntityRead::There { mapped: Ok(unsealed), .. } | EntityRead::Gone(unsealed) => {
                Self::Mapped(unsealed)
            }
            EntityRead::There { mapped: Err((row, error)), .. } => Self::Unmappable(row, error),
            EntityRead::Refused(_) => Self::Refused,
        }
    }
}

impl<'r> Differences<'r> {
    /// Of `resource` in `run`.
    pub fn new(run: &'r Run, resource: &'static str) -> Self {
        Self { run, resource, state: Mutex::default() }
    }

    /// Compares a batch, writes what differs and returns once Kafka has it; says of each reading that mapped how it compared.
    pub async fn take(&self, readings: Vec<Reading>) -> Result<Vec<Comparison>, Failure> {
        let began = Instant::now();
        let mut found = Summary { fetched: readings.len() as i64, ..Summary::default() };
        let (mut unsealed, mut unmappable) = (Vec::new(), Vec::new());
        for reading in readings {
            match reading {
                Reading::Mapped(one) => unsealed.push(one),
                Reading::Unmappable(row, error) => unmappable.push((row, error)),
                Reading::Refused => found.failed += 1,
            }
        }
        let (sealed, comparisons) = self.compare(unsealed).await?;
        unmappable.extend(sealed.unsealable.iter().map(|one| {
            let error = Unmappable { path: String::new(), reason: KEY_IS_DAMAGED.into() };
            (format!("{{\"id\":{}}}", one.salla_id), error)
        }));
        found.skipped = unmappable.len() as i64;
        let mut to_write = Vec::new();
        for (observation, comparison) in sealed.observations.into_iter().zip(&comparisons) {
            let shown_by_list = self.state().shown_by_list.remove(&observation.salla_id);
            match comparison {
                Comparison::New => found.created += 1,
                Comparison::Differs => found.updated += 1,
                // What the list told was merged meanwhile, or hydration was quicker: this run has found it all the same.
                _ if shown_by_list => found.updated += 1,
                Comparison::Awaited | Comparison::Buried | Comparison::Same => found.unchanged += 1,
            }
            // What a list shows does not bring back what is deleted: it is read, by whoever has asked.
            if matches!(comparison, Comparison::Buried | Comparison::Same) {
                continue;
            }
            self.show(&observation, *comparison);
            if observation.kind == Kind::Deleted {
                // Counted where it is decided.
                found.updated -= 1;
                self.state().deletions.push(observation);
            } else {
                to_write.push(observation);
            }
        }
        let changed = to_write.len();
        self.write(to_write).await?;
        self.set_aside(unmappable).await?;
        let mut state = self.state();
        state.summary = state.summary.and(found);
        if changed > 0 {
            let each = began.elapsed().as_secs_f64() * 1e3 / changed as f64;
            state.write_ms.extend(std::iter::repeat_n(each, changed));
        }
        Ok(comparisons)
    }

    /// Writes what rows of a list tell otherwise; they count as updated once their details are compared, which have to follow.
    pub(super) async fn write_listed(&self, observations: Vec<Observation>) -> Result<(), Failure> {
        self.state().shown_by_list.extend(observations.iter().map(|observation| observation.salla_id));
        self.write(observations).await
    }

    /// Compares without writing anything.
    pub async fn compare(&self, unsealed: Vec<Unsealed>) -> Result<(Sealed, Vec<Comparison>), Failure> {
        if unsealed.is_empty() {
            return Ok((Sealed::default(), vec![]));
        }
        let merchant = self.run.owner.merchant_id;
        let sealed = self.run.tools.observations.seal(merchant, unsealed).await.map_err(Failure::ours)?;
        let comparisons =
            self.run.tools.compared.compare(sealed.observations.clone()).await.map_err(Failure::ours)?;
        Ok((sealed, comparisons))
    }

    /// Orders that could not be read are in doubt: hydration asks for them again at its own pace.
    pub async fn doubt_orders(&self, ids: &[i64]) -> Result<(), Failure> {
        if self.run.dry || ids.is_empty() {
            return Ok(());
        }
        let provenance = self.run.owner.provenance(Source::Repair, self.run.salla_now());
        let stale = ids.iter().map(|id| Unsealed::of_kind(&provenance, Entity::Order, *id, Kind::Stale));
        let merchant = self.run.owner.merchant_id;
        self.run.tools.observations.write(merchant, stale.collect()).await.map_err(Failure::ours).map(drop)
    }

    /// Whether so many deletions of `rows` are more than a run may make by itself.
    pub fn are_many(deletions: usize, rows: usize) -> bool {
        deletions > FEW_DELETIONS && deletions.saturating_mul(PART_DELETED) > rows
    }

    /// Writes the deletions, unless they are more than a run may make by itself out of `rows`; says what was found in all. Where too
    /// many rows did not map, nothing was compared in truth, and nothing is concluded.
    pub async fn finish(&self, rows: usize) -> Result<Summary, Failure> {
        let Summary { skipped, fetched, .. } = self.state().summary;
        if self.run.tools.tolerance.is_exceeded(skipped, fetched) {
            return Err(Failure::TooManyUnmappable { resource: self.resource, skipped, rows: fetched });
        }
        let mut deletions = std::mem::take(&mut self.state().deletions);
        deletions.sort_by_key(|observation| observation.salla_id);
        deletions.dedup_by_key(|observation| observation.salla_id);
        let count = deletions.len();
        if Self::are_many(count, rows) && !self.run.deletions_allowed {
            return Err(Failure::TooManyDeletions { resource: self.resource, deletions: count, rows });
        }
        self.write(deletions).await?;
        let mut state = self.state();
        state.summary.updated += count as i64;
        state.summary.deleted += count as i64;
        Ok(state.summary)
    }

    /// Whether everything that was written is in the read models, which is waited for: they take a partition in its order, even and odd
    /// ids beside each other.
    pub async fn are_stored(&self) -> Result<bool, Failure> {
        let last: Vec<Observation> = self.state().last_written.values().cloned().collect();
        let deadline = Instant::now() + STORED_WITHIN;
        let mut pause = GLANCE;
        while !last.is_empty() {
            let comparisons = self.run.tools.compared.compare(last.clone()).await.map_err(Failure::ours)?;
            // What was listed may have been deleted since.
            if comparisons.iter().all(|one| matches!(one, Comparison::Buried | Comparison::Same)) {
                break;
            }
            if Instant::now() > deadline {
                return Ok(false);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_GLANCE);
        }
        Ok(true)
    }

    /// What a dry run would have written, in words.
    pub fn shown(&self) -> Vec<String> {
        self.state().shown.clone()
    }

    /// What comparing and writing took for each row that was written, ms: the median.
    pub fn median_write_ms(&self) -> Option<f64> {
        let mut all = self.state().write_ms.clone();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }

    async fn write(&self, observations: Vec<Observation>) -> Result<(), Failure> {
        if self.run.dry || observations.is_empty() {
            return Ok(());
        }
        let placed = self.run.tools.observations.write_sealed(&observations).await.map_err(Failure::ours)?;
        let places = placed.iter().map(|at| at.partition).zip(observations);
        let keyed = places.map(|(partition, one)| ((partition, one.salla_id % 2 == 0), one));
        self.state().last_written.extend(keyed);
        Ok(())
    }

    /// A row that never maps becomes a dead letter once, not every night.
    async fn set_aside(&self, rows: Vec<(String, Unmappable)>) -> Result<(), Failure> {
        if self.run.dry || rows.is_empty() {
            return Ok(());
        }
        let owner = self.run.owner;
        let ids: Vec<i64> = rows.iter().map(|(row, _)| crate::refused_rows::row_id(row)).collect();
        let known = format!("refused {}", self.resource);
        let work = &self.run.tools.work;
        let told = work.remembered(owner.connection_id.0, &known).await.map_err(Failure::ours)?;
        let mut letters: Vec<DeadLetter> = Vec::new();
        for (id, (row, error)) in ids.iter().zip(&rows) {
            if !told.contains(id) {
                let letter = self.run.tools.refused.letter(owner.merchant_id, self.resource, row, error);
                letters.push(letter.map_err(Failure::ours)?);
            }
        }
        self.run.tools.refused.write(letters).await.map_err(Failure::ours)?;
        work.remember(owner.connection_id.0, &known, &ids).await.map_err(Failure::ours).map(drop)
    }

    fn show(&self, observation: &Observation, comparison: Comparison) {
        let mut state = self.state();
        if self.run.dry && state.shown.len() < MOST_SHOWN {
            let what = match (comparison, &observation.kind) {
                (_, Kind::Deleted) => "is gone at Salla",
                (Comparison::New, _) => "is missing here",
                (Comparison::Awaited, _) => "was waiting to be read",
                _ => "differs",
            };
            state.shown.push(format!("{} {} {what}", observation.entity, observation.salla_id));
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
