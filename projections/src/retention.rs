//! How long read models keep what has ended (`docs/retention.md`). Rows of orders, customers, products and carts, and what aggregates are at, are
//! kept.

use qafila_aggregates::housekeeping::Retention;

/// Notes are kept so long, days: an older event that comes again is no news.
pub const NOTES_KEPT_DAYS: i64 = 180;

/// The read models that grow with time.
pub const TABLES: &[Retention] = &[
    // What was read of a note goes with it.
    Retention { table: "notifications", over: "t.created_at < now() - interval '180 days'" },
    // Runs that failed and that nobody resumed, and connections that ended while lost.
    Retention { table: "notify_runs", over: "t.noted_at < now() - interval '180 days'" },
    Retention { table: "notify_lost", over: "t.noted_at < now() - interval '180 days'" },
    // As long as their topics keep the events; by then their files are gone.
    Retention {
        table: "exports",
        over: "t.ended_at < now() - interval '400 days' AND NOT EXISTS (
                   SELECT FROM export_work w WHERE w.job_id = t.job_id AND w.state <> 'ended')",
    },
    Retention { table: "reconciliation_runs", over: "t.finished_at < now() - interval '400 days'" },
    Retention { table: "sync_job_runs", over: "t.ended_at < now() - interval '400 days'" },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_deleted_when_events_of_their_age_are_no_news_any_more() {
        let notes = TABLES.iter().find(|one| one.table == "notifications").expect("notes are deleted");
        assert!(notes.over.contains(&format!("interval '{NOTES_KEPT_DAYS} days'")));
    }
}
