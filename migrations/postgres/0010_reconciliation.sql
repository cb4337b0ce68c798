-- Nightly reconciliation (ARCHITECTURE §5): when a store is due, how far its rotating parts are, who is at it.

CREATE TABLE reconciliations (
    connection_id uuid PRIMARY KEY,
    merchant_id   uuid NOT NULL,
    store_id      bigint NOT NULL,
    -- the next night's run
    night_at      timestamptz NOT NULL,
    -- our endpoint was down from then on, and for longer than Salla tries
    catch_up_from timestamptz,
    -- changes before it were seen by a run that ended well; the cache window of lists is taken off when it is used
    orders_since  timestamptz NOT NULL,
    -- first day of the slice of older orders that has its turn
    slice_from    date,
    -- which ids of customers were seen in the present cycle, up to which page, since when
    customers_cycle uuid NOT NULL DEFAULT gen_random_uuid(),
    customers_page  integer NOT NULL DEFAULT 1,
    customers_since timestamptz,
    -- the run under way, kept while it is tried again
    run_id        uuid,
    started_at    timestamptz,
    tries         integer NOT NULL DEFAULT 0,
    resources_done text[] NOT NULL DEFAULT '{}',
    -- more deletions than a run may make on its own are confirmed by a person, once
    deletions_allowed boolean NOT NULL DEFAULT false,
    not_before    timestamptz NOT NULL DEFAULT '-infinity',
    epoch         bigint NOT NULL DEFAULT 0,
    lease_owner   text,
    lease_until   timestamptz
);
CREATE INDEX reconciliations_night ON reconciliations (night_at);
CREATE INDEX reconciliations_catch_up ON reconciliations (not_before) WHERE catch_up_from IS NOT NULL;
-- Ids that were looked at: of a run under way (its run id) or of a cycle of customers. `refused <resource>` under a connection's id:
-- rows whose dead letter was written.
CREATE TABLE reconciliation_seen (
    scope    uuid NOT NULL,
    resource text NOT NULL,
    salla_id bigint NOT NULL,
    PRIMARY KEY (scope, resource, salla_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON reconciliations, reconciliation_seen TO qafila_ingest;

-- When somebody last could take webhooks, and when nobody could for longer than Salla tries (FACTS §7).
CREATE TABLE webhook_uptime (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    up_at timestamptz NOT NULL
);
CREATE TABLE webhook_outages (
    outage_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began_at  timestamptz NOT NULL,
    ended_at  timestamptz NOT NULL,
    -- every store was told to catch up
    spread_at timestamptz
);
GRANT SELECT, INSERT, UPDATE ON webhook_uptime, webhook_outages TO qafila_ingest;

-- Read model: runs of the reconciliation, from qafila.reconciliation.runs.
CREATE TABLE reconciliation_runs (
    merchant_id uuid NOT NULL,
    run_id      uuid NOT NULL,
    resource    text NOT NULL,
    store_id    bigint NOT NULL,
    window_from timestamptz NOT NULL,
    window_to   timestamptz NOT NULL,
    fetched     bigint NOT NULL,
    created     bigint NOT NULL,
    updated     bigint NOT NULL,
    unchanged   bigint NOT NULL,
    skipped     bigint NOT NULL,
    failed      bigint NOT NULL,
    cause       text,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (run_id, resource)
);
CREATE INDEX reconciliation_runs_of_merchant ON reconciliation_runs (merchant_id, started_at DESC, run_id DESC, resource);
ALTER TABLE reconciliation_runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_merchant ON reconciliation_runs FOR SELECT TO qafila_query
    USING (merchant_id = nullif(current_setting('qafila.merchant', true), '')::uuid);
CREATE POLICY all_merchants ON reconciliation_runs TO qafila_oltp USING (true) WITH CHECK (true);
GRANT SELECT ON reconciliation_runs TO qafila_query;
GRANT SELECT, INSERT, UPDATE ON reconciliation_runs TO qafila_oltp;
