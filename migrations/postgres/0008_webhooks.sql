-- Webhooks: which deliveries were seen, so that a repeat changes nothing (ARCHITECTURE §5).

CREATE TABLE webhook_deliveries (
    -- of the bytes that Salla signed, lower-case hex
    body_sha256 text PRIMARY KEY,
    -- topic:partition:offset of the first delivery
    position    text NOT NULL,
    received_at timestamptz NOT NULL
);
CREATE INDEX webhook_deliveries_age ON webhook_deliveries (received_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_deliveries TO qafila_ingest;
-- A webhook names its store.
CREATE INDEX salla_connections_of_store ON salla_connections (store_id) WHERE wiped_at IS NULL;

-- Subscriptions of a connection to its store's events (FACTS §7.1).
CREATE TABLE webhook_subscriptions (
    connection_id uuid PRIMARY KEY,
    state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'complete', 'failing')),
    subscribed    integer NOT NULL DEFAULT 0,
    wanted        integer NOT NULL,
    -- SHA-256 of the secret that all of them were made with and the address that they were made for
    target_hash   bytea,
    fault         text,
    checked_at    timestamptz,
    -- since when all of them are there, as far as anybody looked; none where some are missing
    complete_since timestamptz,
    due_at        timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE ON webhook_subscriptions TO qafila_ingest;

-- Rows of which there was news since they were read are fetched (ARCHITECTURE §5).
CREATE INDEX orders_stale ON orders (store_id, stale_since DESC) WHERE stale_since > coalesce(read_at, '-infinity');
CREATE INDEX customers_stale ON customers (store_id, stale_since DESC) WHERE stale_since > coalesce(read_at, '-infinity');
CREATE INDEX products_stale ON products (store_id, stale_since DESC) WHERE stale_since > coalesce(read_at, '-infinity');
-- Which process fetches for a store at this moment.
CREATE TABLE hydration_claims (
    store_id      bigint PRIMARY KEY,
    worker        text NOT NULL,
    claimed_until timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON hydration_claims TO qafila_ingest;
