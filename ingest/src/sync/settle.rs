//! A scan that was read to its end, held against what is known besides: what earlier scans listed, and what is stored. Each row that they
//! differ in is asked for by its id and written as it is: then it explains itself. A draft is there and never listed (FACTS §4.1).

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use qafila_schemas::millis::Millis;

use super::agreement::Known;
use super::intake::{Taken, day};
use super::scan::Scanner;
use super::slices::{SliceState, Tally};
use super::stored::Range;
use super::{Stop, plan};
use crate::hydration::entity::EntityRead;

/// How long the read models may be behind.
const STORED_WITHIN: Duration = Duration::from_secs(60);
const FIRST_POLL: Duration = Duration::from_millis(20);
const MAX_POLL: Duration = Duration::from_secs(1);
/// Rows of a scan that are asked for one by one.
const MAX_CONFIRMED: usize = 500;
/// Rows of the last minutes that a list leaves out and that are asked for one by one.
const MAX_RECENT: usize = 100;
/// Counts of rows that differ from what is known, before there is a doubt.
const MAX_COUNTS: usize = 3;
/// What there was news of is stored that soon, where nothing is behind.
const STORED_SOON: Duration = Duration::from_millis(500);
/// More rows than so many, and than one in a hundred, do not vanish: then it is the list that is in doubt.
const FEW_VANISHED: usize = 20;

/// Whether an entity that a list leaves out is there.
enum Presence {
    /// With the creation that it tells, where it does.
    There(Option<Millis>),
    /// It is there, and no list shows it.
    Draft,
    Gone,
    /// Salla refuses to say.
    Unknown,
}

/// Rows that a scan and other knowledge differ in.
struct Differing {
    /// An earlier scan listed them, this one does not.
    absent: Vec<i64>,
    /// They are stored, were there before the scan began, and no scan listed them.
    missing: Vec<i64>,
    /// They were listed, and are stored as deleted.
    revived: Vec<i64>,
}

impl Differing {
    fn ids(&self) -> impl Iterator<Item = i64> + '_ {
        self.absent.iter().chain(&self.missing).chain(&self.revived).copied()
    }

    fn count(&self) -> usize {
        self.absent.len() + self.missing.len() + self.revived.len()
    }
}

impl Scanner {
    /// Waits until what was read is stored, and settles each row that differs. Some doubt where the list and the details contradict
    /// each other, or where too much differs; otherwise what the source's number is to be held against.
    pub(super) async fn settle(
        &self,
        slice: &SliceState,
        tally: &Tally,
    ) -> Result<Result<Known, String>, Stop> {
        let run = self.run.lease.run_id;
        let (ids, skipped) = self.tools.slices.seen(run, slice).await.map_err(Stop::ours)?;
        if let Some(doubt) = self.wait_for(slice, &ids).await? {
            return Ok(Err(doubt));
        }
        let listed: Vec<i64> = ids.iter().chain(&skipped).copied().collect();
        let differing = self.differing(slice, &ids, &listed).await?;
        let is_same_scan = tally.before == tally.distinct() && tally.again == tally.distinct();
        let are_many = differing.count() > FEW_VANISHED && differing.count() * 100 > listed.len();
        if are_many && !is_same_scan {
            return Ok(Err(format!("{} known rows are not in the list", differing.count())));
        }
        self.explain(slice, &differing, tally.distinct()).await
    }

    async fn differing(&self, slice: &SliceState, ids: &[i64], listed: &[i64]) -> Result<Differing, Stop> {
        let run = self.run.lease.run_id;
        let absent = self.tools.slices.absent(run, slice).await.map_err(Stop::ours)?;
        let revived = self.tools.stored.deleted(self.range(slice), ids).await.map_err(Stop::ours)?;
        let mut missing = Vec::new();
        // Parts of customers and products cannot be told apart among what is stored.
        if is_comparable(slice) {
            let known: Vec<i64> = listed.iter().chain(&absent).copied().collect();
            let limit = (MAX_CONFIRMED + MAX_RECENT + 1) as i64;
            let left_out = self.tools.stored.left_out(self.range(slice), &known, limit).await;
            let began = slice.scan_began_at.unwrap_or_default() - self.list_cache_window();
            let (old, recent): (Vec<_>, Vec<_>) = left_out
                .map_err(Stop::ours)?
                .rows
                .into_iter()
                .partition(|row| row.created_at.is_none_or(|at| at < began));
            // What came while we were reading need not be in the list yet, but may have gone again.
            for row in recent.into_iter().take(MAX_RECENT) {
                self.presence(&slice.resource, row.salla_id).await?;
            }
            missing = old.into_iter().map(|row| row.salla_id).collect();
        }
        if slice.resource == "orders" && !missing.is_empty() {
            let elsewhere = self.tools.slices.listed_elsewhere(run, &missing).await.map_err(Stop::ours)?;
            missing.retain(|id| !elsewhere.contains(id));
        }
        Ok(Differing { absent, missing, revived })
    }

    /// Asks for each row that differs and writes what it is.
    async fn explain(
        &self,
        slice: &SliceState,
        differing: &Differing,
        listed: i64,
    ) -> Result<Result<Known, String>, Stop> {
        let (mut known, mut settled) = (Known { listed, ..Known::default() }, Vec::new());
        for salla_id in differing.ids().take(MAX_CONFIRMED) {
            let was_listed = differing.revived.contains(&salla_id);
            let is_absent = differing.absent.contains(&salla_id);
            match self.presence(&slice.resource, salla_id).await? {
                Presence::There(_) | Presence::Unknown if was_listed => {}
                Presence::Gone | Presence::Draft if was_listed => known.gone += 1,
                Presence::Gone | Presence::Draft => {
                    known.went += i64::from(is_absent);
                    settled.extend(is_absent.then_some(salla_id));
                }
                // One whose date was changed belongs elsewhere.
                Presence::There(Some(at)) if !self.is_within(slice, at) => {}
                // Once is the list's mistake as well as a change; after another scan it has explained itself.
                Presence::There(_) if slice.scan == 1 => {
                    return Ok(Err(format!("the list leaves out {salla_id}, which is there")));
                }
                Presence::There(_) | Presence::Unknown => known.beside += 1,
            }
        }
        self.went.fetch_add(known.went, Ordering::Relaxed);
        let forgotten = self.tools.slices.forget(self.run.lease.run_id, slice, &settled).await;
        forgotten.map_err(Stop::ours)?;
        let left = differing.count().saturating_sub(MAX_CONFIRMED);
        Ok(if left > 0 { Err(format!("{left} more known rows are not in the list")) } else { Ok(known) })
    }

    fn is_within(&self, slice: &SliceState, created: Millis) -> bool {
        self.window(slice).is_none_or(|window| window.side(day(created)) == 0)
    }

    /// Rows that came since the scan began and that it has not listed: by webhooks, or read by their ids. One that tells no creation counts from
    /// when it was first heard of.
    pub(super) async fn came_since(&self, slice: &SliceState) -> Result<i64, Stop> {
        let run = self.run.lease.run_id;
        let began = slice.scan_began_at.unwrap_or_default() - self.list_cache_window();
        // A part of customers or products may hold any that came.
        let (mut of_slice, mut created) = (None, (began, DateTime::<Utc>::MAX_UTC));
        if let Some(window) = self.window(slice) {
            let (first, last) = window.asked();
            let asked = plan::Window { first, last }.span();
            (of_slice, created) = (Some(slice.name.as_str()), (asked.0.max(began), asked.1));
        }
        let seen = self.tools.slices.all_seen(run, &slice.resource, of_slice).await.map_err(Stop::ours)?;
        let range = Range { created: Some(created), ..self.range(slice) };
        let came = self.tools.stored.left_out(range, &seen, 0).await;
        Ok(came.map_err(Stop::ours)?.total)
    }

    /// Counts until each difference between what the source tells and what is known of it is explained: what came or went is stored a moment
    /// later, so a small one is counted again. Some doubt where it stays.
    pub(super) async fn count_until_explained<C, K>(
        &self,
        count: impl Fn() -> C,
        known: impl Fn(i64) -> K,
    ) -> Result<Option<String>, Stop>
    where
        C: Future<Output = Result<i64, Stop>>,
        K: Future<Output = Result<Known, Stop>>,
    {
        let mut counted = 0;
        loop {
            let told = count().await?;
            let known = known(told).await?;
            let Some(doubt) = known.doubt(told) else { return Ok(None) };
            counted += 1;
            if counted == MAX_COUNTS || !known.agreement(told).may_be_in_flight() {
                return Ok(Some(doubt));
            }
            tokio::time::sleep(STORED_SOON).await;
        }
    }

    /// Rows of `range` that no list shows any more though they are there, or that are gone, among those of which there was news since `since`:
    /// each is asked for.
    pub(super) async fn went_since(&self, range: Range<'_>, since: DateTime<Utc>) -> Result<i64, Stop> {
        let news = self.tools.stored.news_since(range, since, MAX_RECENT as i64).await.map_err(Stop::ours)?;
        let mut went = 0;
        for (salla_id, told_at) in news {
            went += i64::from(self.has_left(range.resource, salla_id, told_at).await?);
        }
        Ok(went)
    }

    /// Whether no list shows a row any more of which there was news at `told_at`. It is asked for once for each news, and not where the news
    /// said so.
    async fn has_left(&self, resource: &str, salla_id: i64, told_at: DateTime<Utc>) -> Result<bool, Stop> {
        let key = (resource.to_owned(), salla_id);
        let known = self.left().get(&key).copied().filter(|(asked_at, _)| *asked_at > told_at);
        if let Some((_, has_left)) = known {
            return Ok(has_left);
        }
        if self.is_known_draft(resource, salla_id).await? {
            return Ok(true);
        }
        let asked_at = self.client.salla_now().to_utc();
        let presence = self.presence(resource, salla_id).await?;
        let has_left = matches!(presence, Presence::Gone | Presence::Draft);
        self.left().insert(key, (asked_at, has_left));
        Ok(has_left)
    }

    fn left(&self) -> MutexGuard<'_, HashMap<(String, i64), (DateTime<Utc>, bool)>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for one entity and writes what it is.
    async fn presence(&self, resource: &str, salla_id: i64) -> Result<Presence, Stop> {
        let read = self.entities.read(resource, salla_id).await?;
        self.run.heard();
        let presence = match &read {
            EntityRead::There { mapped: Ok(seen), .. } if seen.is_draft == Some(true) => Presence::Draft,
            // Light details do not say it; a webhook may have.
            EntityRead::There { mapped: Ok(seen), .. }
                if seen.is_draft.is_none() && self.is_known_draft(resource, salla_id).await? =>
            {
                Presence::Draft
            }
            EntityRead::There { created, .. } => Presence::There(*created),
            EntityRead::Gone(_) => Presence::Gone,
            EntityRead::Refused(_) => Presence::Unknown,
        };
        let mut taken = Taken::default();
        self.intake.take(&mut taken, resource, salla_id, read)?;
        self.intake.write(resource, taken, &HashSet::new()).await?;
        Ok(presence)
    }

    async fn is_known_draft(&self, resource: &str, salla_id: i64) -> Result<bool, Stop> {
        if resource != "orders" {
            return Ok(false);
        }
        let known = self.tools.drafts.is_draft(self.run.merchant_id, self.run.store_id, salla_id);
        known.await.map_err(Stop::ours)
    }

    pub(super) fn range<'s>(&self, slice: &'s SliceState) -> Range<'s> {
        Range {
            merchant_id: self.run.merchant_id,
            store_id: self.run.store_id,
            resource: &slice.resource,
            created: self.window(slice).map(plan::Window::span),
        }
    }

    pub(super) fn list_cache_window(&self) -> chrono::Duration {
        chrono::Duration::from_std(self.client.config().list_cache_window).unwrap_or_default()
    }

    /// Waits until `ids` are stored. Where they do not come the run is interrupted, because whoever stores them may be down; where it then
    /// still finds some missing, a doubt: they are read, and written, once more.
    async fn wait_for(&self, slice: &SliceState, ids: &[i64]) -> Result<Option<String>, Stop> {
        let (mut missing, mut pause) = (ids.to_vec(), FIRST_POLL);
        let deadline = Instant::now() + STORED_WITHIN;
        loop {
            missing = self.tools.stored.not_stored(self.range(slice), &missing).await.map_err(Stop::ours)?;
            let Some(one) = missing.first() else { return Ok(None) };
            if Instant::now() > deadline {
                let doubt = format!(
                    "{} rows of {} {} are not stored after {STORED_WITHIN:?}, such as {one}",
                    missing.len(),
                    slice.resource,
                    slice.name
                );
                return if self.run.vain_tries() > 0 { Ok(Some(doubt)) } else { Err(Stop::Ours(doubt)) };
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_POLL);
        }
    }
}

/// Whether the stored rows of a slice's range are those of the slice.
fn is_comparable(slice: &SliceState) -> bool {
    slice.resource == "orders" || slice.name == "all"
}
