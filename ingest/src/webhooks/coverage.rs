//! Moves completeness on with webhooks: where all events of a store reach us and what they say is stored, nothing is missing up to a moment
//! that lies behind Salla's last try of a delivery. Where that cannot be said, it is stated why.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use qafila_schemas::catalogue::{OBSERVATIONS, WEBHOOKS_RAW};
use qafila_schemas::contract::Contract;
use qafila_schemas::follower::Follower;
use qafila_schemas::ids::{ConnectionId, MerchantId};
use rdkafka::error::KafkaError;
use sqlx::{FromRow, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::GROUP;
use crate::hydration::{StaleView, Unread};
use crate::mapping::Owner;
use crate::mapping::market::Market;
use crate::sync::completeness::{
    CHANGES_UNREAD, Complete, NEWS_UNREAD, NOT_STORED_YET, Read, StatementError, Statements, WEBHOOKS_FAILING,
};
use crate::sync::stored::StoredError;

/// What this stated, it may take back.
const OURS: [&str; 4] = [WEBHOOKS_FAILING, CHANGES_UNREAD, NEWS_UNREAD, NOT_STORED_YET];

const RESOURCES: [&str; 4] = ["orders", "customers", "products", "carts"];
/// Salla tries a delivery for a quarter of an hour (FACTS §7), of its minutes.
const SETTLED_AFTER_MINUTES: u32 = 20;
/// Completeness moves by so much at once, in Salla's minutes.
const STEP_MINUTES: u32 = 15;
const LOOKS_A_STEP: u32 = 3;
/// Nobody could take webhooks for so long: that is an outage which nobody has noted yet.
const DOWN_AFTER_MINUTES: u32 = 10;
/// Connections stated about together.
const AT_ONCE: i64 = 500;
/// The merge takes a second; where it takes longer, the next look finds out.
const MERGED_WITHIN: Duration = Duration::from_secs(10);

/// Why a look came to nothing.
#[derive(Debug, thiserror::Error)]
enum CoverageError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Stored(#[from] StoredError),
    #[error(transparent)]
    Statement(#[from] StatementError),
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    #[error("the look at Kafka ended: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

/// Looks after how far webhooks carry.
pub struct Coverage {
    /// The ingest role's pool.
    pub pool: PgPool,
    /// Kafka.
    pub contract: Contract,
    /// Where completeness is stated.
    pub statements: Statements,
    /// What is stale.
    pub stale: Arc<dyn StaleView>,
    /// Consumer group of whoever merges observations.
    pub merge_group: &'static str,
    /// A minute of Salla's; less than 60 s where a simulation is quicker.
    pub minute: Duration,
}

/// A resource of a connection, and what is known of its webhooks.
#[derive(Debug, Clone, FromRow)]
struct Candidate {
    connection_id: Uuid,
    merchant_id: Uuid,
    store_id: i64,
    resource: String,
    /// Nothing is missing from here …
    complete_from: Option<DateTime<Utc>>,
    /// … up to here; none of carts that nothing was stated about.
    complete_to: Option<DateTime<Utc>>,
    cause: Option<String>,
    /// All subscriptions are there, as somebody saw within a day.
    is_subscribed: bool,
    subscribed_since: Option<DateTime<Utc>>,
    /// When somebody saw that last: what came later may have gone nowhere.
    subscribed_until: Option<DateTime<Utc>>,
    /// Webhooks were missed after `complete_to`, up to then.
    missed_until: Option<DateTime<Utc>>,
    /// Nobody can take webhooks at this moment.
    is_down: bool,
}

/// What is to be stated of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Moves(Read),
    Stands(&'static str),
    Nothing,
}

impl Candidate {
    /// Whether nothing is missing up to `settled`; `unread` is what is known of rows with news.
    fn step(&self, unread: Option<Unread>, settled: DateTime<Utc>) -> Step {
        if self.cause.as_deref().is_some_and(|cause| !OURS.contains(&cause)) {
            // Stated by whoever read rows; only they know when it is over.
            return Step::Nothing;
        }
        let Some(since) = self.subscribed_since.filter(|_| self.is_subscribed) else {
            return Step::Stands(WEBHOOKS_FAILING);
        };
        let Some(known) = self.complete_to else {
            // Carts are on no list that we read: they are complete from when their events came.
            return if since < settled { Step::Moves(Read::Since(since)) } else { Step::Nothing };
        };
        if self.is_down {
            return Step::Stands(CHANGES_UNREAD);
        }
        if let Some(gap_end) = Some(since).max(self.missed_until).filter(|end| *end > known) {
            // No list brings carts back: they begin anew once more is known of the time after the gap.
            let is_longer = self.complete_from.is_some_and(|first| settled - gap_end > known - first);
            let begins_anew = self.resource == "carts" && is_longer;
            return if begins_anew {
                Step::Moves(Read::Since(gap_end))
            } else {
                Step::Stands(CHANGES_UNREAD)
            };
        }
        match unread {
            Some(unread) if unread.for_long => Step::Stands(NEWS_UNREAD),
            // It may have been stale for long, with news again and again; mostly it is read within a second.
            Some(_) => Step::Nothing,
            None => Step::Moves(Read::ChangesSince(known)),
        }
    }
}

impl Coverage {
    /// Runs until `shutdown`.
    pub async fn keep(self, shutdown: CancellationToken) {
        let pause = self.minute * STEP_MINUTES / LOOKS_A_STEP;
        while !shutdown.is_cancelled() {
            if let Err(error) = self.look().await {
                tracing::warn!(event = "failed to move completeness with webhooks", error = %error);
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    async fn look(&self) -> Result<(), CoverageError> {
        let settled = Utc::now() - self.minutes(SETTLED_AFTER_MINUTES);
        let mut after = Uuid::nil();
        loop {
            let Some(last) = self.last_of_the_next(after).await? else { return Ok(()) };
            let candidates = self.candidates(settled, after, last).await?;
            after = last;
            if candidates.is_empty() {
                continue;
            }
            let stored = self.is_stored(settled).await?;
            self.state(candidates, stored, settled).await?;
        }
    }

    /// The last of as many live connections after `after` as are looked at together; none where no more follow.
    async fn last_of_the_next(&self, after: Uuid) -> Result<Option<Uuid>, CoverageError> {
        Ok(sqlx::query_scalar(
            "SELECT connection_id FROM (
                 SELECT connection_id FROM salla_connections WHERE wiped_at IS NULL AND connection_id > $1
                 ORDER BY connection_id LIMIT $2) next
             ORDER BY connection_id DESC LIMIT 1",
        )
        .bind(after)
        .bind(AT_ONCE)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// Resources that lie a step behind, of the connections after `after` up to `last`.
    async fn candidates(
        &self,
        settled: DateTime<Utc>,
        after: Uuid,
        last: Uuid,
    ) -> Result<Vec<Candidate>, CoverageError> {
        Ok(sqlx::query_as(
            "SELECT c.connection_id, c.merchant_id, c.store_id, r.resource, k.complete_from, k.complete_to, k.cause,
                 s.state = 'complete' AND s.checked_at > now() - interval '26 hours' AS is_subscribed, s.complete_since AS subscribed_since, s.checked_at AS subscribed_until,
                 (SELECT max(ended_at) FROM webhook_outages o WHERE o.ended_at > k.complete_to) AS missed_until,
                 coalesce((SELECT up_at < now() - $3 FROM webhook_uptime), true) AS is_down
             FROM (SELECT l.* FROM salla_connections l WHERE l.wiped_at IS NULL AND l.connection_id > $4 AND l.connection_id <= $5) c
             JOIN webhook_subscriptions s USING (connection_id)
             CROSS JOIN unnest($1::text[]) AS r (resource)
             LEFT JOIN completeness k ON k.connection_id = c.connection_id AND k.resource = r.resource
             WHERE coalesce(k.complete_to < $2, r.resource = 'carts') ORDER BY c.connection_id",
        )
        .bind(RESOURCES.as_slice())
        .bind(settled - self.minutes(STEP_MINUTES))
        .bind(self.minute * DOWN_AFTER_MINUTES)
        .bind(after)
        .bind(last)
        .fetch_all(&self.pool)
        .await?)
    }

    async fn state(
        &self,
        candidates: Vec<Candidate>,
        stored: bool,
        settled: DateTime<Utc>,
    ) -> Result<(), CoverageError> {
        let stores: Vec<(MerchantId, i64)> =
            candidates.iter().map(|one| (MerchantId(one.merchant_id), one.store_id)).collect();
        let unread = self.stale.unread(&stores, settled).await?;
        let mut moved: HashMap<Uuid, (Owner, Vec<Complete>)> = HashMap::new();
        for one in candidates {
            let Some(resource) = RESOURCES.into_iter().find(|name| *name == one.resource) else { continue };
            let owner = Owner {
                merchant_id: MerchantId(one.merchant_id),
                connection_id: ConnectionId(one.connection_id),
                store_id: one.store_id,
                market: Market::of_currency(None),
            };
            let of_it = unread.iter().find(|it| it.store_id == one.store_id && it.resource == resource);
            match one.step(of_it.copied(), settled) {
                Step::Moves(_) if !stored => {
                    self.statements.stand_still(owner, resource, NOT_STORED_YET, Some(&OURS)).await?;
                }
                Step::Moves(read) => {
                    let (_, all) = moved.entry(one.connection_id).or_insert((owner, vec![]));
                    let to = one.subscribed_until.map_or(settled, |seen| settled.min(seen));
                    all.push(Complete { resource, read, to, takes_back: Some(&OURS) });
                }
                Step::Stands(cause) => {
                    self.statements.stand_still(owner, resource, cause, Some(&OURS)).await?;
                }
                Step::Nothing => {}
            }
        }
        for (owner, complete) in moved.into_values() {
            self.statements.state(owner, &complete).await?;
        }
        Ok(())
    }

    /// Whether all webhooks that came before `settled` are mapped and what they told is merged.
    async fn is_stored(&self, settled: DateTime<Utc>) -> Result<bool, CoverageError> {
        let (kafka, merge_group) = (self.contract.kafka.clone(), self.merge_group);
        let asking = tokio::task::spawn_blocking(move || {
            let mapper = Follower::of(&kafka, WEBHOOKS_RAW, GROUP)?;
            if !mapper.has_come_to(&mapper.at(settled)?)? {
                return Ok(false);
            }
            let merge = Follower::of(&kafka, OBSERVATIONS, merge_group)?;
            let mapped = merge.ends()?;
            merge.comes_to(&mapped, Instant::now() + MERGED_WITHIN)
        });
        Ok(asking.await?.map_err(|error: KafkaError| error)?)
    }

    fn minutes(&self, count: u32) -> chrono::Duration {
        chrono::Duration::from_std(self.minute * count).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(minute * 60, 0).expect("a time")
    }

    fn orders() -> Candidate {
        Candidate {
            connection_id: Uuid::nil(),
            merchant_id: Uuid::nil(),
            store_id: 7,
            resource: "orders".into(),
            complete_from: Some(at(10)),
            complete_to: Some(at(100)),
            cause: None,
            is_subscribed: true,
            subscribed_since: Some(at(50)),
            subscribed_until: Some(at(190)),
            missed_until: None,
            is_down: false,
        }
    }

    fn step(candidate: &Candidate) -> Step {
        candidate.step(None, at(200))
    }

    #[test]
    fn completeness_moves_only_where_all_events_came_since_it_was_stated_and_what_they_say_was_read() {
        let moves = Step::Moves(Read::ChangesSince(at(100)));
        assert_eq!(step(&orders()), moves);
        let unsubscribed = Candidate { is_subscribed: false, ..orders() };
        assert_eq!(step(&unsubscribed), Step::Stands(WEBHOOKS_FAILING));
        let never = Candidate { subscribed_since: None, ..orders() };
        assert_eq!(step(&never), Step::Stands(WEBHOOKS_FAILING));
        let mended = Candidate { subscribed_since: Some(at(150)), ..orders() };
        assert_eq!(step(&mended), Step::Stands(CHANGES_UNREAD), "what came before was not delivered");
        let out = Candidate { missed_until: Some(at(150)), ..orders() };
        assert_eq!(step(&out), Step::Stands(CHANGES_UNREAD));
        assert_eq!(step(&Candidate { is_down: true, ..orders() }), Step::Stands(CHANGES_UNREAD));
        let news = |for_long| Unread { store_id: 7, resource: "orders", for_long };
        assert_eq!(orders().step(Some(news(true)), at(200)), Step::Stands(NEWS_UNREAD));
        assert_eq!(orders().step(Some(news(false)), at(200)), Step::Nothing);
    }

    #[test]
    fn what_another_stated_is_left_to_it_and_our_own_causes_are_taken_back() {
        let rows_unread = Candidate { cause: Some("rows_unread".into()), ..orders() };
        assert_eq!(step(&rows_unread), Step::Nothing);
        for cause in OURS {
            let over = Candidate { cause: Some(cause.into()), ..orders() };
            assert_eq!(step(&over), Step::Moves(Read::ChangesSince(at(100))));
        }
    }

    #[test]
    fn carts_are_complete_from_when_their_events_came_and_begin_anew_after_a_gap() {
        let carts = Candidate { resource: "carts".into(), complete_to: None, ..orders() };
        assert_eq!(step(&carts), Step::Moves(Read::Since(at(50))));
        let early = Candidate { subscribed_since: Some(at(250)), ..carts.clone() };
        assert_eq!(step(&early), Step::Nothing);
        let known = Candidate { complete_from: Some(at(50)), complete_to: Some(at(100)), ..carts };
        assert_eq!(step(&known), Step::Moves(Read::ChangesSince(at(100))));
        let gap = Candidate { subscribed_since: Some(at(150)), ..known.clone() };
        assert_eq!(step(&gap), Step::Stands(CHANGES_UNREAD), "more is known of the time before the gap");
        assert_eq!(
            gap.step(None, at(201)),
            Step::Moves(Read::Since(at(150))),
            "more is known of the time after it"
        );
        let missed = Candidate { missed_until: Some(at(120)), ..known };
        assert_eq!(step(&missed), Step::Moves(Read::Since(at(120))));
    }
}
