//! Taking in what was read: mapped, sealed and written, with dead letters for what does not map. It returns once Kafka has
//! all of it, so a checkpoint may follow.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use qafila_schemas::dead_letter::{Cause, DeadLetter, DeadLetters};
use qafila_schemas::millis::Millis;
use qafila_schemas::open_set::{Entity, Kind, Source};
use rdkafka::message::OwnedHeaders;
use serde::Deserialize;

use super::plan::Window;
use super::work::LeasedRun;
use super::{Stop, Tools};
use crate::mapping::values::{id, riyadh};
use crate::mapping::{Provenance, Unmappable, Unsealed, customers, orders, products};
use crate::salla::client::{Page, SallaError};

/// Side of a row that does not tell its date.
pub const UNDATED: i16 = 2;

/// A row that was read, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenRow {
    /// Salla's id; of a row that has none a negative number made from its text.
    pub salla_id: i64,
    /// Before the slice (-1), in it (0), after it (1), or [`UNDATED`].
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
    pub fn add(&mut self, unsealed: Unsealed) {
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
        let provenance = self.provenance(Source::List, page.asked_at);
        let (mut taken, mut seen) = (Taken::default(), Vec::with_capacity(page.rows.len()));
        for row in &page.rows {
            let row = row.get();
            let salla_id = row_id(row);
            // A row without a date is listed by every slice it might belong to, and counted once by itself.
            let side = window.map_or(0, |w| orders::created_at(row).map_or(UNDATED, |at| w.side(day(at))));
            let mut skipped = false;
            if matches!(side, 0 | UNDATED) {
                match map(resource, row, &provenance) {
                    Ok(unsealed) => taken.add(unsealed),
                    Err(_) if told.contains(&salla_id) => skipped = true,
                    Err(error) => {
                        skipped = true;
                        self.refuse(&mut taken, row, &error)?;
                    }
                }
            }
            seen.push(SeenRow { salla_id, side, skipped });
        }
        Ok((taken, seen))
    }

    /// Sets a row aside that does not map, sealed whole: it may hold personal data anywhere.
    pub fn refuse(&self, taken: &mut Taken, row: &str, error: &Unmappable) -> Result<(), Stop> {
        let sealed = self.tools.rows.seal(row.as_bytes()).map_err(Stop::ours)?;
        let headers = sealed.with_headers(OwnedHeaders::new());
        taken.letters.push(DeadLetter {
            topic: self.tools.observations.topic().to_owned(),
            position: None,
            key: Some(self.run.merchant_id.to_string().into_bytes()),
            value: Some(sealed.bytes),
            headers: Some(headers),
            cause: Cause {
                code: "unmappable",
                detail: error.reason.clone(),
                path: Some(error.path.clone()),
                merchant: Some(self.run.merchant_id.to_string()),
            },
        });
        Ok(())
    }

    /// Sets aside that an entity could not be read at all.
    pub fn refuse_unread(&self, taken: &mut Taken, salla_id: i64, error: &SallaError) -> Result<(), Stop> {
        let refusal = Unmappable { path: String::new(), reason: error.to_string() };
        self.refuse(taken, &format!("{{\"id\":{salla_id}}}"), &refusal)
    }

    /// What we say of an observation. A list may come from a cache of Salla's, so what it says may be as old as the cache
    /// window.
    pub fn provenance(&self, source: Source, asked_at: Millis) -> Provenance {
        let window =
            i64::try_from(self.tools.salla.config().list_cache_window.as_millis()).unwrap_or(i64::MAX);
        let observed_at = if source == Source::List { asked_at.minus(window) } else { asked_at };
        self.run.owner().provenance(source, observed_at)
    }

    /// Says that an entity is gone, as a details answer of 404 does.
    pub fn gone(&self, taken: &mut Taken, resource: &str, salla_id: i64, asked_at: Millis) {
        let entity = match resource {
            "orders" => Entity::Order,
            "customers" => Entity::Customer,
            _ => Entity::Product,
        };
        let provenance = self.provenance(Source::Details, asked_at);
        taken.add(Unsealed::of_kind(&provenance, entity, salla_id, Kind::Deleted));
    }

    /// Seals and writes; returns once Kafka has all of it.
    pub async fn write(&self, taken: Taken) -> Result<(), Stop> {
        let Taken { mapped, letters } = taken;
        self.tools.observations.write(self.run.merchant_id, mapped).await.map_err(Stop::ours)?;
        DeadLetters::new(self.tools.writer.clone(), "ingest").write(letters).await.map_err(Stop::ours)
    }
}

fn map(resource: &str, row: &str, provenance: &Provenance) -> Result<Unsealed, Unmappable> {
    match resource {
        "orders" => orders::from_list(row, provenance),
        "customers" => customers::from_row(row, provenance),
        _ => products::from_row(row, provenance),
    }
}

/// Salla's id of a row whatever else is wrong with it.
fn row_id(row: &str) -> i64 {
    #[derive(Deserialize)]
    struct Identified {
        #[serde(deserialize_with = "id")]
        id: i64,
    }
    serde_json::from_str::<Identified>(row).map_or_else(
        |_| {
            let mut hasher = DefaultHasher::new();
            row.hash(&mut hasher);
            -i64::try_from(hasher.finish() >> 1).unwrap_or(i64::MAX).max(1)
        },
        |row| row.id,
    )
}

/// The day of an instant in Asia/Riyadh.
pub(super) fn day(at: Millis) -> chrono::NaiveDate {
    at.to_utc().with_timezone(&riyadh()).date_naive()
}
