//! How long ingest keeps what it wrote for itself (`docs/retention.md`). Never by age alone: what a running job, a later deepening, a guard against
//! replays or an install that can still be claimed needs.

use qafila_aggregates::housekeeping::Retention;

/// The tables of ingest that grow.
pub const TABLES: &[Retention] = &[
    // Ids of scans: a failed run that is started again needs them; without them it reads its open lists anew.
    Retention {
        table: "sync_seen",
        over: "NOT EXISTS (SELECT FROM sync_runs r WHERE r.run_id = t.run_id
                   AND (r.state = 'open' OR r.done_at IS NULL AND r.ended_at > now() - interval '30 days'))",
    },
    // The last run of a connection that came to its end says what a deeper one need not read, and the last of a job may be started again.
    Retention {
        table: "sync_slices",
        over: "EXISTS (SELECT FROM sync_runs r WHERE r.run_id = t.run_id AND r.state = 'ended' AND r.ended_at < now() - interval '90 days'
                   AND EXISTS (SELECT FROM sync_runs later WHERE later.connection_id = r.connection_id
                       AND later.requested_at > r.requested_at AND (later.done_at IS NOT NULL OR r.done_at IS NULL)))",
    },
    // Slices and hydrations go with their run.
    Retention {
        table: "sync_runs",
        over: "t.state = 'ended' AND t.ended_at < now() - interval '90 days' AND NOT EXISTS (SELECT FROM sync_seen s WHERE s.run_id = t.run_id)
               AND (t.done_at IS NULL AND EXISTS (SELECT FROM sync_runs later WHERE later.connection_id = t.connection_id
                       AND later.requested_at > t.requested_at)
                   OR EXISTS (SELECT FROM salla_connections c WHERE c.connection_id = t.connection_id
                       AND c.wiped_at < now() - interval '400 days'))",
    },
    // A token that was redeemed is known as long as its connection lives, and as long after as an old event may be sent again.
    Retention {
        table: "token_refreshes",
        over: "EXISTS (SELECT FROM salla_connections c WHERE c.connection_id = t.connection_id
                   AND c.wiped_at < now() - interval '400 days')",
    },
    Retention { table: "store_claim_links", over: "t.expires_at < now() - interval '30 days'" },
    // Salla renews nothing with a refresh token that is older than a month (FACTS §2): then only the merchant can connect the store.
    Retention {
        table: "easy_mode_installs",
        over: "t.held_since < now() - interval '45 days' AND t.expires_at < now()",
    },
    // Of runs, cycles and connections that there are none any more; a run that an operator asked for stands nowhere.
    Retention {
        table: "reconciliation_seen",
        over: "t.seen_at < now() - interval '7 days' AND t.scope NOT IN (SELECT run_id FROM reconciliations WHERE run_id IS NOT NULL
                   UNION ALL SELECT customers_cycle FROM reconciliations UNION ALL SELECT connection_id FROM reconciliations)",
    },
    Retention { table: "order_histories", over: "t.fetched_at < now() - interval '90 days'" },
    Retention { table: "order_drafts", over: "NOT t.is_draft AND t.said_at < now() - interval '90 days'" },
];
