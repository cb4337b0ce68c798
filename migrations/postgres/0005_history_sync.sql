-- The history sync, whole: call budgets, single-use refresh tokens, slices that close only when they agree.

-- Calls left to a store in Salla's present minute (FACTS §6), shared by all processes. Blocks are taken from it, so a call
-- costs no round trip of its own; Salla's headers correct it.
CREATE TABLE salla_budgets (
    store_id    bigint PRIMARY KEY,
    window_ends timestamptz NOT NULL,
    left_calls  integer NOT NULL,
    -- Somebody waits for a fresh row until then, so the share for it is not lent.
    urgent_until timestamptz NOT NULL DEFAULT '-infinity'
);
-- Calls of /customers, all stores together: Salla counts them by calling address (FACTS §6).
CREATE TABLE salla_customer_calls (
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    calls    integer NOT NULL
);
CREATE INDEX salla_customer_calls_age ON salla_customer_calls (taken_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON salla_budgets, salla_customer_calls TO qafila_ingest;

-- Takes up to `want` calls of a store's minute. A background caller is held to an even pace a little faster than the minute,
-- so that a stall can be made up for and an urgent caller always finds something; near the end of the minute everything is lent.
-- `seen_left` and `seen_ends` are what Salla's last answer said, null where it is not news.
CREATE FUNCTION take_salla_calls(
    store bigint, minute interval, minute_calls integer, want integer, urgent boolean, urgent_share double precision,
    seen_left integer, seen_ends interval,
    OUT granted integer, OUT ends_in double precision, OUT wait double precision
) LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz;
    budget salla_budgets%ROWTYPE;
    elapsed double precision;
    kept integer;
BEGIN
    INSERT INTO salla_budgets (store_id, window_ends, left_calls) VALUES (store, '-infinity', 0) ON CONFLICT DO NOTHING;
    SELECT * INTO budget FROM salla_budgets WHERE store_id = store FOR UPDATE;
    at := clock_timestamp();
    IF budget.window_ends <= at THEN
        budget.window_ends := at + minute;
        budget.left_calls := minute_calls;
    END IF;
    IF seen_ends IS NOT NULL THEN
        budget.window_ends := at + least(seen_ends, minute);
        budget.left_calls := least(budget.left_calls, seen_left);
    END IF;
    IF urgent THEN
        budget.urgent_until := at + minute;
    END IF;
    elapsed := 1 - extract(epoch FROM budget.window_ends - at) / extract(epoch FROM minute);
    kept := CASE
        WHEN urgent THEN 0
        ELSE ceil(minute_calls * greatest(0, 0.95 - 1.15 * elapsed,
            CASE WHEN budget.urgent_until > at THEN urgent_share * (1 - elapsed) ELSE 0 END))
    END;
    granted := greatest(0, least(want, budget.left_calls - kept));
    ends_in := extract(epoch FROM budget.window_ends - at);
    -- Until the even pace allows a block, or until the minute ends.
    wait := CASE
        WHEN granted > 0 THEN 0
        WHEN budget.left_calls <= 0 THEN ends_in
        ELSE least(ends_in, want * extract(epoch FROM minute) / (1.15 * minute_calls))
    END;
    UPDATE salla_budgets SET window_ends = budget.window_ends, left_calls = budget.left_calls - granted, urgent_until = budget.urgent_until
        WHERE store_id = store;
END $$;

-- Takes up to `want` calls of the customers budget, in any window of its length at most `most`.
CREATE FUNCTION take_salla_customer_calls(
    window_length interval, most integer, want integer, OUT granted integer, OUT wait double precision
) LANGUAGE plpgsql AS $$
DECLARE
    taken bigint;
    oldest timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('salla customers budget', 0));
    DELETE FROM salla_customer_calls WHERE taken_at < clock_timestamp() - window_length;
    SELECT coalesce(sum(calls), 0), min(taken_at) INTO taken, oldest FROM salla_customer_calls;
    granted := greatest(0, least(want, most - taken));
    wait := 0;
    IF granted > 0 THEN
        INSERT INTO salla_customer_calls (calls) VALUES (granted);
    ELSE
        wait := greatest(0.01, extract(epoch FROM oldest + window_length - clock_timestamp()));
    END IF;
END $$;
GRANT EXECUTE ON FUNCTION take_salla_calls, take_salla_customer_calls TO qafila_ingest;

-- Tokens of a connection are replaced in place; each pair has a generation. `refresh_state` says whether the refresh token can be
-- used: 'unknown' means that it was sent and the answer was lost, so it is never sent again (FACTS §2.5).
ALTER TABLE salla_connections
    ADD COLUMN generation bigint NOT NULL DEFAULT 1,
    ADD COLUMN refresh_hash bytea,
    ADD COLUMN refresh_state text NOT NULL DEFAULT 'usable' CHECK (refresh_state IN ('usable', 'kept', 'unknown', 'refused', 'absent')),
    -- When the present tokens came: a refresh ahead of their end takes a part of their life, and no two follow at once.
    ADD COLUMN tokens_at timestamptz NOT NULL DEFAULT now(),
    -- When the merchant was told that access will end, for Salla gave us no refresh token.
    ADD COLUMN warned_at timestamptz,
    -- The merchant has been told of what only a new authorisation mends, and has to be told once access works again …
    ADD COLUMN told_at timestamptz,
    -- … and which pair of tokens it was about: each pair that is lost is told.
    ADD COLUMN told_generation bigint,
    -- When Salla is asked again for the store's currency, and how often in a row it did not say.
    ADD COLUMN currency_due_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN currency_tries int NOT NULL DEFAULT 0,
    -- By which rules the store's phones were spelt for the look-up of people, when that is looked at, and how often in a row it failed.
    ADD COLUMN contacts_spelling text,
    ADD COLUMN contacts_due_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN contacts_tries int NOT NULL DEFAULT 0;
CREATE INDEX salla_connections_expiry ON salla_connections (expires_at) WHERE wiped_at IS NULL;
-- The intent to redeem a refresh token, written before it is sent: one for each token, for ever, never handed on.
CREATE TABLE token_refreshes (
    connection_id uuid NOT NULL,
    refresh_hash  bytea NOT NULL,
    worker        text NOT NULL,
    intended_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Until then whoever wrote it may still answer; afterwards it is given up as lost.
    answer_until  timestamptz NOT NULL,
    outcome       text CHECK (outcome IN ('stored', 'refused', 'lost')),
    PRIMARY KEY (connection_id, refresh_hash)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON token_refreshes TO qafila_ingest;

-- A slice is scanned until what was read, what the source counts and what is stored agree; each scan starts anew.
ALTER TABLE sync_slices
    ADD COLUMN scan integer NOT NULL DEFAULT 1,
    ADD COLUMN scan_began_at timestamptz,
    ADD COLUMN first_total bigint,
    -- Rows of the accepted scan: in the slice, and on the days before and after it that were asked for too.
    ADD COLUMN ids_within bigint NOT NULL DEFAULT 0,
    ADD COLUMN ids_before bigint NOT NULL DEFAULT 0,
    ADD COLUMN ids_after bigint NOT NULL DEFAULT 0,
    -- Why the slice is still open though it was read to its end.
    ADD COLUMN doubt text;
-- Ids of a scan under way, kept until its slice closes. side: -1 on the day before the slice, 1 on the day after.
CREATE TABLE sync_seen (
    run_id   uuid NOT NULL REFERENCES sync_runs ON DELETE CASCADE,
    resource text NOT NULL,
    slice    text NOT NULL,
    scan     integer NOT NULL,
    salla_id bigint NOT NULL,
    side     smallint NOT NULL DEFAULT 0,
    skipped  boolean NOT NULL DEFAULT false,
    PRIMARY KEY (run_id, resource, slice, scan, salla_id)
);
-- Pass 2 of a run: every order above the cursor has been read in detail, newest first.
CREATE TABLE sync_hydrations (
    run_id         uuid PRIMARY KEY REFERENCES sync_runs ON DELETE CASCADE,
    round          integer NOT NULL DEFAULT 1,
    cursor_created timestamptz,
    cursor_id      bigint,
    total          bigint NOT NULL,
    done           bigint NOT NULL DEFAULT 0,
    skipped        bigint NOT NULL DEFAULT 0,
    finished_at    timestamptz
);
GRANT SELECT, INSERT, UPDATE, DELETE ON sync_seen, sync_hydrations TO qafila_ingest;
ALTER TABLE sync_runs
    -- The pair of tokens that Salla refused: the run goes on with a later one.
    ADD COLUMN waits_for bigint,
    -- Everything is read and agrees; only the job's last event is missing.
    ADD COLUMN done_at timestamptz;

-- Up to when a connection's store is complete, as qafila.completeness says.
CREATE TABLE completeness (
    connection_id uuid NOT NULL,
    resource      text NOT NULL,
    complete_from timestamptz,
    complete_to   timestamptz NOT NULL,
    -- why complete_to stands still, a stable code
    cause         text,
    PRIMARY KEY (connection_id, resource)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON completeness TO qafila_ingest;
