-- Ingest: OAuth states, connections and their tokens, subject keys, the work of sync jobs.

CREATE TABLE oauth_states (
    state_hash    bytea PRIMARY KEY,
    user_id       uuid NOT NULL,
    merchant_id   uuid NOT NULL,
    expires_at    timestamptz NOT NULL,
    -- issued → exchanging (the code is on its way to Salla) → exchanged (tokens are durable) → done
    status        text NOT NULL DEFAULT 'issued' CHECK (status IN ('issued', 'exchanging', 'exchanged', 'done')),
    code_hash     bytea,
    connection_id uuid
);
CREATE INDEX oauth_states_expiry ON oauth_states (expires_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_states TO qafila_ingest;

-- Which merchant a store belongs to; free again 30 days after it was released.
CREATE TABLE store_claims (
    store_id    bigint PRIMARY KEY,
    merchant_id uuid NOT NULL,
    claimed_at  timestamptz NOT NULL DEFAULT now(),
    released_at timestamptz
);
GRANT SELECT, INSERT, UPDATE ON store_claims TO qafila_ingest;

-- A connection with its tokens, sealed under the operator's key.
CREATE TABLE salla_connections (
    connection_id uuid PRIMARY KEY,
    merchant_id   uuid NOT NULL,
    store_id      bigint NOT NULL,
    store_name    text NOT NULL,
    store_domain  text,
    store_plan    text,
    -- ISO 4217; what a bare amount is of, and by its country what a phone without a country code is of
    store_currency text,
    scopes        text[] NOT NULL,
    key_id        text NOT NULL,
    access_token  bytea,
    refresh_token bytea,
    expires_at    timestamptz NOT NULL,
    connected_at  timestamptz NOT NULL DEFAULT now(),
    wiped_at      timestamptz,
    -- hash of what qafila.stores last said of it
    stated        text
);
CREATE INDEX salla_connections_of_merchant ON salla_connections (merchant_id, connected_at);
GRANT SELECT, INSERT, UPDATE ON salla_connections TO qafila_ingest;

-- Keys of personal data (ARCHITECTURE §3). An erasure destroys `wrapped` and leaves the row.
CREATE TABLE merchant_keys (
    merchant_id uuid PRIMARY KEY,
    key_id      text NOT NULL,
    wrapped     bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE subject_keys (
    subject_key_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    merchant_id    uuid NOT NULL,
    subject        text NOT NULL,
    wrapped        bytea,
    created_at     timestamptz NOT NULL DEFAULT now(),
    destroyed_at   timestamptz,
    UNIQUE (merchant_id, subject),
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
);
GRANT SELECT, INSERT, UPDATE ON merchant_keys, subject_keys TO qafila_ingest;

-- One run of a sync job as ingest works on it; fed from qafila.sync-job.events.
CREATE TABLE sync_runs (
    run_id        uuid PRIMARY KEY,
    job_id        uuid NOT NULL,
    merchant_id   uuid NOT NULL,
    connection_id uuid NOT NULL,
    store_id      bigint NOT NULL,
    from_day      date NOT NULL,
    until_day     date NOT NULL,
    requested_at  timestamptz NOT NULL,
    state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'ended')),
    epoch         bigint NOT NULL DEFAULT 0,
    lease_owner   text,
    lease_until   timestamptz,
    not_before    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sync_runs_open ON sync_runs (not_before) WHERE state = 'open';
-- Page checkpoints: moved only after Kafka acknowledged the page.
CREATE TABLE sync_slices (
    run_id      uuid NOT NULL REFERENCES sync_runs ON DELETE CASCADE,
    resource    text NOT NULL,
    slice       text NOT NULL,
    ordinal     integer NOT NULL,
    next_page   integer NOT NULL DEFAULT 1,
    -- rows the source says there are, and rows read so far: a window overlaps its neighbours by a day
    total       bigint,
    seen        bigint NOT NULL DEFAULT 0,
    imported    bigint NOT NULL DEFAULT 0,
    skipped     bigint NOT NULL DEFAULT 0,
    finished_at timestamptz,
    -- whether the aggregate has been told
    reported_at timestamptz,
    PRIMARY KEY (run_id, resource, slice)
);
CREATE TABLE ingest_offsets (
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON sync_runs, sync_slices, ingest_offsets TO qafila_ingest;
