-- Exports: what the files are made of and who makes them.

ALTER TABLE exports
    ADD COLUMN store_id      bigint,
    ADD COLUMN compression   text,
    ADD COLUMN personal_data boolean;
CREATE INDEX exports_open ON exports (merchant_id) WHERE status IN ('requested', 'running');

-- Work of the export role: leases, progress, what has to be removed. Fed from qafila.export.events.
CREATE TABLE export_work (
    job_id        uuid PRIMARY KEY,
    merchant_id   uuid NOT NULL,
    -- open, completed (there is a file), ended (there is none, or there should be none)
    state         text NOT NULL DEFAULT 'open',
    -- the event that asked for it
    request       jsonb NOT NULL,
    requested_at  timestamptz NOT NULL,
    epoch         bigint NOT NULL DEFAULT 0,
    lease_owner   text,
    lease_until   timestamptz,
    not_before    timestamptz NOT NULL DEFAULT now(),
    -- how often it was taken, and how often it has failed
    tries         integer NOT NULL DEFAULT 0,
    failures      integer NOT NULL DEFAULT 0,
    began_at      timestamptz,
    rows_done     bigint NOT NULL DEFAULT 0,
    bytes_done    bigint NOT NULL DEFAULT 0,
    rows_total    bigint,
    progressed_at timestamptz,
    expires_at    timestamptz,
    cleaned_at    timestamptz
);
CREATE INDEX export_work_open ON export_work (requested_at) WHERE state = 'open';
CREATE INDEX export_work_open_of_merchant ON export_work (merchant_id) WHERE state = 'open';
CREATE INDEX export_work_completed ON export_work (expires_at) WHERE state = 'completed';
CREATE INDEX export_work_unclean ON export_work (requested_at) WHERE state = 'ended' AND cleaned_at IS NULL;

ALTER TABLE export_work ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_merchant ON export_work FOR SELECT TO qafila_query
    USING (merchant_id = nullif(current_setting('qafila.merchant', true), '')::uuid);
CREATE POLICY all_merchants ON export_work TO qafila_oltp USING (true) WITH CHECK (true);
GRANT SELECT (job_id, merchant_id, state, began_at, rows_done, bytes_done, rows_total, progressed_at) ON export_work TO qafila_query;
GRANT SELECT, INSERT, UPDATE, DELETE ON export_work TO qafila_oltp;
