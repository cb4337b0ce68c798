-- The write side: the event store, the relay's cursor, people and their sessions.
-- Roles exist before migrations run (`qafila migrate` makes them); the owner of these tables is no application role.

-- postgres-es writes and reads the first eight columns. position and tx are the relay's: an append is the first
-- write of its transaction, so a later sequence never has a smaller tx (ARCHITECTURE §4).
CREATE TABLE events (
    aggregate_type text NOT NULL,
    aggregate_id   text NOT NULL,
    sequence       bigint NOT NULL CHECK (sequence > 0),
    event_type     text NOT NULL,
    event_version  text NOT NULL,
    payload        json NOT NULL,
    metadata       json NOT NULL,
    timestamp      timestamptz NOT NULL DEFAULT clock_timestamp(),
    position       bigint GENERATED ALWAYS AS IDENTITY,
    tx             xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);
CREATE INDEX events_in_relay_order ON events (tx, position);
GRANT SELECT, INSERT ON events TO qafila_command, qafila_ingest;
GRANT SELECT ON events TO qafila_relay;

-- How far the relay has published; moved by compare-and-set.
CREATE TABLE relay_cursor (
    name     text PRIMARY KEY,
    tx       xid8 NOT NULL,
    position bigint NOT NULL
);
INSERT INTO relay_cursor VALUES ('events', '0', 0);
GRANT SELECT, UPDATE ON relay_cursor TO qafila_relay;

CREATE TABLE users (
    user_id       uuid PRIMARY KEY,
    merchant_id   uuid NOT NULL,
    email         text NOT NULL UNIQUE CHECK (email = lower(email)),
    password_hash text NOT NULL,
    store_name    text NOT NULL,
    locale        text NOT NULL CHECK (locale IN ('ar', 'en')),
    status        text NOT NULL CHECK (status IN ('pending', 'active')),
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX users_pending ON users (created_at) WHERE status = 'pending';
GRANT SELECT, INSERT, UPDATE, DELETE ON users TO qafila_command;

-- A family is one log-in; its refresh tokens replace each other.
CREATE TABLE session_families (
    family_id  uuid PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at   timestamptz
);
CREATE INDEX session_families_of_user ON session_families (user_id);
CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY,
    family_id  uuid NOT NULL REFERENCES session_families ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    rotated_at timestamptz,
    -- A rotated token may be used once more within 30 s (a second tab, a lost answer).
    sibling_at timestamptz
);
CREATE INDEX refresh_tokens_of_family ON refresh_tokens (family_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON session_families, refresh_tokens TO qafila_command;

-- Failed log-ins and registrations, to answer 429; the subject is a keyed hash, never an address.
CREATE TABLE attempt_counters (
    subject      bytea NOT NULL,
    window_start timestamptz NOT NULL,
    attempts     integer NOT NULL,
    PRIMARY KEY (subject, window_start)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON attempt_counters TO qafila_command;
