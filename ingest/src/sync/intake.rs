//! Taking in what was read: mapped, sealed and written, with dead letters for what does not map. It returns once Kafka has
//! all of it, so a checkpoint may follow.

use std::collections::HashSet;
use std::sync::Arc;

use qafila_schemas::dead_letter::DeadLetter;
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::Source;

use super::plan::{self, Window};
use super::work::LeasedRun;
use super::{Stop, Tools};
use crate::hydration::entity::EntityRead;
use crate::mapping::seal::KEY_IS_DAMAGED;
use crate::mapping::{Provenance, Unmappable, Unsealed, customers, orders, products};
use crate::refused_rows::row_id;
use crate::salla::client::Page;
use crate::salla::shapes::values::riyadh;

/// A row that was read, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenRow {
    /// Salla's id; of a row that has none a negative number made from its text.
    pub salla_id: i64,
    /// Before the slice (-1), in it (0), after it (1), [`plan::UNDATED`] or [`plan::STRAY`].
    pub side: i16,
    /// It did not map.
    pub skipped: bool,
}

/// A batch on its way to Kafka.
#[derive(Default)]
pub struct Taken {
    mapped: Vec<Unsealed>,
    letters: Vec<DeadLetter>,
}

impl Taken {
    /// Rows that became observations.
    pub fn mapped(&self) -> i64 {
        self.mapped.len() as i64
    }

    /// Adds an observation.
    fn add(&mut self, unsealed: Unsealed) {
        self.mapped.push(unsealed);
    }
}

/// Takes in for one run.
#[derive(Clone)]
pub struct Intake {
    tools: Arc<Tools>,
    run: Arc<LeasedRun>,
}

impl Intake {
    /// For `run`.
    pub fn new(tools: Arc<Tools>, run: Arc<LeasedRun>) -> Self {
        Self { tools, run }
    }

    /// Maps a page of a list. A neighbour's day is read, and counted, in the neighbour; `told` are rows whose dead letters an
    /// earlier scan has written.
    pub fn page(
        &self,
        resource: &str,
        window: Option<Window>,
        told: &HashSet<i64>,
        page: &Page,
    ) -> Result<(Taken, Vec<SeenRow>), Stop> {
        let provenance = self.provenance(page.asked_at);
        let (mut taken, mut seen) = (Taken::default(), Vec::with_capacity(page.rows.len()));
        for (row, side) in page.rows.iter().zip(self.sides(window, page)) {
            let row = row.get();
            let salla_id = row_id(row);
            let mut skipped = false;
            if matches!(side, 0 | plan::UNDATED | plan::STRAY) {
                match map(resource, row, &provenance) {
                    Ok(unsealed) => taken.add(unsealed),
                    Err(_) if told.contains(&salla_id) => skipped = true,
                    Err(error) => {
                        skipped = true;
                        self.refuse(&mut taken, resource, row, &error)?;
                    }
                }
            }
            seen.push(SeenRow { salla_id, side, skipped });
        }
        Ok((taken, seen))
    }

    /// The sides of a page's rows. One that no other slice need list is read here, and counted once by itself.
    fn sides(&self, window: Option<Window>, page: &Page) -> Vec<i16> {
        let Some(window) = window else { return vec![0; page.rows.len()] };
        let days: Vec<_> = page.rows.iter().map(|row| orders::created_at(row.get()).map(day)).collect();
        let run = Window { first: self.run.from_day, last: self.run.until_day };
        plan::sides(window, run, &days)
    }

    /// Takes what was read of one entity of `resource`.
    pub fn take(
        &self,
        taken: &mut Taken,
        resource: &str,
        salla_id: i64,
        read: EntityRead,
    ) -> Result<(), Stop> {
        match read {
            EntityRead::There { mapped: Ok(unsealed), .. } | EntityRead::Gone(unsealed) => {
                taken.add(unsealed);
            }
            EntityRead::There { mapped: Err((row, error)), .. } => {
                self.refuse(taken, resource, &row, &error)?;
            }
            EntityRead::Refused(error) => {
                let unread = Unmappable { path: String::new(), reason: error.to_string() };
                self.refuse(taken, resource, &format!("{{\"id\":{salla_id}}}"), &unread)?;
            }
        }
        Ok(())
    }

    /// Sets a row aside that does not map.
    fn refuse(&self, taken: &mut Taken, resource: &str, row: &str, error: &Unmappable) -> Result<(), Stop> {
        let letter = self.tools.refused.letter(self.run.merchant_id, resource, row, error);
        taken.letters.push(letter.map_err(Stop::ours)?);
        Ok(())
    }

    /// What we say of a list's rows: it may come from a cache of Salla's, so they may be as old as the cache window.
    fn provenance(&self, asked_at: Millis) -> Provenance {
        let window =
            i64::try_from(self.tools.salla.config().list_cache_window.as_millis()).unwrap_or(i64::MAX);
        self.run.owner().provenance(Source::List, asked_at.minus(window))
    }

    /// Seals and writes; returns once Kafka has all of it. Says which rows of `resource` could not be sealed: they are set aside, but those
    /// that were `told`.
    pub async fn write(
        &self,
        resource: &str,
        taken: Taken,
        told: &HashSet<i64>,
    ) -> Result<HashSet<i64>, Stop> {
        let Taken { mapped, letters } = taken;
        let mut taken = Taken { mapped: Vec::new(), letters };
        self.tools.drafts.note(&mapped).await.map_err(Stop::ours)?;
        let unsealable =
            self.tools.observations.write(self.run.merchant_id, mapped).await.map_err(Stop::ours)?;
        let unsealable: HashSet<i64> = unsealable.into_iter().map(|one| one.salla_id).collect();
        let damaged = Unmappable { path: String::new(), reason: KEY_IS_DAMAGED.into() };
        for salla_id in unsealable.difference(told) {
            self.refuse(&mut taken, resource, &format!("{{\"id\":{salla_id}}}"), &damaged)?;
        }
        self.tools.refused.write(taken.letters).await.map_err(Stop::ours)?;
        Ok(unsealable)
    }
}

/// Maps a row of a list of `resource`.
pub(crate) fn map(resource: &str, row: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    match resource {
        "orders" => orders::from_list(row, provenance),
        "customers" => customers::from_row(row, provenance),
        _ => products::from_row(row, provenance),
    }
}

/// The day of an instant in Asia/Riyadh.
pub(crate) fn day(at: Millis) -> chrono::NaiveDate {
    at.to_utc().with_timezone(&riyadh()).date_naive()
}
