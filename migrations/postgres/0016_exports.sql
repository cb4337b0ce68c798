-- Read model: where each export stands, from qafila.export.events.
CREATE TABLE exports (
    job_id       uuid PRIMARY KEY,
    merchant_id  uuid NOT NULL,
    sequence     bigint NOT NULL,
    epoch        bigint NOT NULL DEFAULT 0,
    status       text NOT NULL,
    report_type  text NOT NULL,
    format       text NOT NULL,
    filters      jsonb NOT NULL,
    locale       text NOT NULL,
    requested_by uuid,
    requested_at timestamptz NOT NULL,
    started_at   timestamptz,
    ended_at     timestamptz,
    rows         bigint,
    bytes        bigint,
    sha256       text,
    expires_at   timestamptz,
    cause        text,
    advice       text
);
CREATE INDEX exports_of_merchant ON exports (merchant_id, requested_at DESC, job_id DESC);

ALTER TABLE exports ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_merchant ON exports FOR SELECT TO qafila_query
    USING (merchant_id = nullif(current_setting('qafila.merchant', true), '')::uuid);
CREATE POLICY all_merchants ON exports TO qafila_oltp USING (true) WITH CHECK (true);
GRANT SELECT ON exports TO qafila_query;
GRANT SELECT, INSERT, UPDATE ON exports TO qafila_oltp;
