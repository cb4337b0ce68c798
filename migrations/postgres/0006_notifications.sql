-- Read models of the history sync: access, completeness, notifications, progress in calls.

ALTER TABLE merchants ADD COLUMN access_cause text, ADD COLUMN access_advice text;
ALTER TABLE sync_jobs
    ADD COLUMN calls_done bigint,
    ADD COLUMN calls_total bigint,
    ADD COLUMN requested_by uuid;

-- From qafila.completeness.
CREATE TABLE store_completeness (
    merchant_id   uuid NOT NULL,
    store_id      bigint NOT NULL,
    resource      text NOT NULL,
    complete_from timestamptz,
    complete_to   timestamptz,
    cause         text,
    stated_at     timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, store_id, resource)
);

-- What merchants are told in the app. The id comes from the event's, so one event is one notification after any crash.
CREATE TABLE notifications (
    notification_id uuid PRIMARY KEY,
    merchant_id     uuid NOT NULL,
    -- null: for every user of the merchant
    user_id         uuid,
    kind            text NOT NULL,
    cause           text,
    job_id          uuid,
    figures         jsonb NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL
);
CREATE INDEX notifications_of_merchant ON notifications (merchant_id, created_at DESC, notification_id DESC);
CREATE TABLE notification_reads (
    notification_id uuid NOT NULL REFERENCES notifications ON DELETE CASCADE,
    user_id         uuid NOT NULL,
    merchant_id     uuid NOT NULL,
    read_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (notification_id, user_id)
);
-- Who asked for a run, kept until its end is told.
CREATE TABLE notify_runs (
    run_id       uuid PRIMARY KEY,
    requested_by uuid
);

DO $$
DECLARE
    read_model text;
BEGIN
    FOREACH read_model IN ARRAY ARRAY['store_completeness', 'notifications', 'notification_reads'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', read_model);
        EXECUTE format($p$CREATE POLICY one_merchant ON %I TO qafila_query
            USING (merchant_id = nullif(current_setting('qafila.merchant', true), '')::uuid)
            WITH CHECK (merchant_id = nullif(current_setting('qafila.merchant', true), '')::uuid)$p$, read_model);
        EXECUTE format('CREATE POLICY all_merchants ON %I TO qafila_oltp USING (true) WITH CHECK (true)', read_model);
        EXECUTE format('GRANT SELECT ON %I TO qafila_query', read_model);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO qafila_oltp', read_model);
    END LOOP;
END $$;
-- Reading a notification is the reader's own note, not a command: nothing of the business depends on it.
GRANT INSERT ON notification_reads TO qafila_query;
GRANT SELECT, INSERT, UPDATE, DELETE ON notify_runs TO qafila_oltp;
