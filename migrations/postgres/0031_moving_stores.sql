-- Orders that pass 1 listed and whose details say that they are drafts: when they were placed. No list shows a draft, so each has moved the
-- pages of its list while it was read, or after.
ALTER TABLE sync_hydrations ADD COLUMN drafted timestamptz[] NOT NULL DEFAULT '{}';

-- Imports that wait and since when, kept until they go on or end: whoever asked for one is told of it once.
CREATE TABLE notify_waiting (
    run_id      uuid PRIMARY KEY,
    merchant_id uuid NOT NULL,
    job_id      uuid NOT NULL,
    cause       text NOT NULL,
    since       timestamptz NOT NULL,
    told_at     timestamptz
);
CREATE INDEX notify_waiting_untold ON notify_waiting (since) WHERE told_at IS NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON notify_waiting TO qafila_oltp;

-- The run's job was told that its connection has ended: nobody can go on with it.
ALTER TABLE sync_runs ADD COLUMN withdrawn_at timestamptz;
CREATE INDEX sync_runs_unended ON sync_runs (connection_id) WHERE done_at IS NULL AND withdrawn_at IS NULL;

-- Which store a run is of: its end tells what that store has.
ALTER TABLE notify_runs ADD COLUMN store_id bigint;
