-- Links that let a merchant claim a store whose app was installed in easy mode; mailed to whoever installed it.
CREATE TABLE store_claim_links (
    token_hash    bytea PRIMARY KEY,
    store_id      bigint NOT NULL,
    expires_at    timestamptz NOT NULL,
    -- what it made; the same merchant may send it again
    merchant_id   uuid,
    connection_id uuid
);
CREATE INDEX store_claim_links_of_store ON store_claim_links (store_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON store_claim_links TO qafila_ingest;
