-- Histories of orders' statuses, fetched from Salla when somebody first asks for one, and kept.
CREATE TABLE order_histories (
    merchant_id uuid NOT NULL,
    store_id    bigint NOT NULL,
    order_id    bigint NOT NULL,
    -- when Salla was asked, by our clock
    fetched_at  timestamptz NOT NULL,
    -- oldest first; notes are sealed
    entries     jsonb NOT NULL,
    PRIMARY KEY (merchant_id, store_id, order_id)
);
ALTER TABLE order_histories ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_merchants ON order_histories TO qafila_ingest USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON order_histories TO qafila_ingest;
