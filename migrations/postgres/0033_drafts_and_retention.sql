-- Orders that are or were drafts, as webhooks and full details tell (light details do not say it): no list shows a draft.
CREATE TABLE order_drafts (
    merchant_id uuid NOT NULL,
    store_id    bigint NOT NULL,
    order_id    bigint NOT NULL,
    created_at  timestamptz,
    -- by Salla's clock; of a webhook when it became one, of details when they were read
    said_at     timestamptz NOT NULL,
    by_webhook  boolean NOT NULL,
    is_draft    boolean NOT NULL,
    PRIMARY KEY (merchant_id, store_id, order_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON order_drafts TO qafila_ingest;
ALTER TABLE sync_hydrations DROP COLUMN drafted;

-- What was carried out of a clean-up before erasure exists: tokens, subscriptions and reads have ended. The rest is due until done_at.
ALTER TABLE store_cleanups ADD COLUMN carried_out_at timestamptz;

-- Retention (docs/retention.md).
GRANT DELETE ON webhook_subscriptions, order_histories TO qafila_ingest;
GRANT SELECT, DELETE ON notifications, notification_reads, exports, reconciliation_runs, sync_job_runs TO qafila_oltp;
CREATE INDEX sync_runs_of_connection ON sync_runs (connection_id, requested_at);
