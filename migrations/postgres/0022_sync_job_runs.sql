-- Which connection and store an import is of.
ALTER TABLE sync_jobs ADD COLUMN connection_id uuid;
ALTER TABLE sync_jobs ADD COLUMN store_id bigint;

-- Every store that a merchant was ever connected to, with the name it had last.
CREATE TABLE merchant_stores (
    merchant_id uuid NOT NULL,
    store_id    bigint NOT NULL,
    name        text NOT NULL,
    domain      text,
    PRIMARY KEY (merchant_id, store_id)
);

-- Every run of every import; `sync_jobs` has the latest of each connection.
CREATE TABLE sync_job_runs (
    run_id          uuid PRIMARY KEY,
    job_id          uuid NOT NULL,
    merchant_id     uuid NOT NULL,
    connection_id   uuid NOT NULL,
    store_id        bigint NOT NULL,
    depth_in_months integer NOT NULL,
    status          text NOT NULL,
    cause           text,
    advice          text,
    requested_at    timestamptz NOT NULL,
    started_at      timestamptz,
    ended_at        timestamptz,
    -- of a run that has completed
    orders          bigint,
    customers       bigint,
    products        bigint,
    skipped         bigint
);
CREATE INDEX sync_job_runs_of_merchant ON sync_job_runs (merchant_id, requested_at DESC, run_id DESC);

DO $$
DECLARE
    read_model text;
BEGIN
    FOREACH read_model IN ARRAY ARRAY['merchant_stores', 'sync_job_runs'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', read_model);
        EXECUTE format($p$CREATE POLICY one_merchant ON %I FOR SELECT TO qafila_query
            USING (merchant_id = nullif(current_setting('qafila.merchant', true), '')::uuid)$p$, read_model);
        EXECUTE format('CREATE POLICY all_merchants ON %I TO qafila_oltp USING (true) WITH CHECK (true)', read_model);
        EXECUTE format('GRANT SELECT ON %I TO qafila_query', read_model);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO qafila_oltp', read_model);
    END LOOP;
END $$;
