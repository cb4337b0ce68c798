-- Keys with which a merchant's own tools read reports and lists. The keys themselves are nowhere: they are random, so a plain hash is enough.
CREATE TABLE reading_keys (
    key_id       uuid PRIMARY KEY,
    merchant_id  uuid NOT NULL,
    name         text NOT NULL,
    sha256       bytea NOT NULL UNIQUE,
    scopes       text[] NOT NULL,
    -- the user who made it
    made_by      uuid NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- to the minute
    last_used_at timestamptz
);
CREATE INDEX reading_keys_of_merchant ON reading_keys (merchant_id, created_at DESC);
GRANT SELECT, INSERT, UPDATE, DELETE ON reading_keys TO qafila_command;
