//! When a store has its night: a cron expression in a time zone, spread by the store's id so that not all stores begin at once.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::Cron;

/// An odd multiplier scatters ids that lie close together.
const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;

/// When nights begin.
#[derive(Clone)]
pub struct NightSchedule {
    cron: Cron,
    zone: Tz,
    spread: Duration,
}

impl fmt::Debug for NightSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NightSchedule({} {} + {:?})", self.cron.pattern, self.zone, self.spread)
    }
}

impl NightSchedule {
    /// Nights begin as `cron` says (minute, hour, day, month, weekday) in `zone`, an IANA name; each store up to `spread` later.
    /// Nothing where either cannot be read, or where the expression never comes true.
    pub fn parse(cron: &str, zone: &str, spread: Duration) -> Option<Self> {
        let schedule = Self { cron: Cron::from_str(cron).ok()?, zone: zone.parse().ok()?, spread };
        schedule.cron.find_next_occurrence(&Utc::now().with_timezone(&schedule.zone), false).ok()?;
        Some(schedule)
    }

    /// The store's first night that begins after `after`.
    pub fn next(&self, store_id: i64, after: DateTime<Utc>) -> DateTime<Utc> {
        let offset = self.offset(store_id);
        let shifted = (after - offset).with_timezone(&self.zone);
        // It came true once, so it does again; a day later will do where the library disagrees.
        let fires = self.cron.find_next_occurrence(&shifted, false);
        fires.map_or(after + chrono::Duration::days(1), |at| at.to_utc() + offset)
    }

    fn offset(&self, store_id: i64) -> chrono::Duration {
        let spread_ms = u64::try_from(self.spread.as_millis()).unwrap_or(u64::MAX).max(1);
        let scattered = (store_id.cast_unsigned().wrapping_mul(SCATTER) >> 16) % spread_ms;
        chrono::Duration::milliseconds(scattered.cast_signed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time of the test")
    }

    #[test]
    fn nights_begin_in_their_zone_and_each_store_has_its_own_minute() {
        let hours = Duration::from_secs(3 * 3_600);
        let nightly = NightSchedule::parse("0 2 * * *", "Asia/Riyadh", hours).expect("a schedule");
        let (from, until) = (at("2026-11-25T23:00:00Z"), at("2026-11-26T02:00:00Z"));
        let mut minutes = std::collections::BTreeSet::new();
        for store in 1_000..1_100 {
            let night = nightly.next(store, at("2026-11-25T12:00:00Z"));
            assert!((from..until).contains(&night), "{night}");
            minutes.insert(night.timestamp() / 60);
            let again = nightly.next(store, night);
            assert_eq!(again - night, chrono::Duration::days(1), "once a night");
        }
        assert!(minutes.len() > 50, "{} different minutes", minutes.len());
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for (cron, zone) in
            [("often", "Asia/Riyadh"), ("0 2 * * *", "Riyadh"), ("0 2 31 2 *", "Asia/Riyadh"), ("", "UTC")]
        {
            assert!(NightSchedule::parse(cron, zone, Duration::ZERO).is_none(), "{cron} {zone}");
        }
    }
}
