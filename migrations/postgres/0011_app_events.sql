-- Events of the app itself (FACTS §8): tokens, installation, subscription. They are decided one by one, beside the webhook mapper.

CREATE TABLE app_events (
    event_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- topic:partition:offset of the delivery
    position    text NOT NULL UNIQUE,
    store_id    bigint NOT NULL,
    event       text NOT NULL,
    -- as the event says, in a zone that nobody names; not to be compared with other clocks within four hours
    created_at  timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    -- its data, which may hold tokens, sealed under the operator's key; wiped once it is decided
    key_id      text NOT NULL,
    data        bytea,
    due_at      timestamptz NOT NULL DEFAULT now(),
    tries       integer NOT NULL DEFAULT 0,
    -- what the last try found, where another is needed
    doubt       text,
    outcome     text,
    decided_at  timestamptz
);
CREATE INDEX app_events_open ON app_events (due_at) WHERE outcome IS NULL;
CREATE INDEX app_events_age ON app_events (decided_at) WHERE outcome IS NOT NULL;

-- When the present tokens were authorised, by us through OAuth or by the store in easy mode; a refresh changes nothing.
ALTER TABLE salla_connections ADD COLUMN authorised_at timestamptz NOT NULL DEFAULT now();

-- Stores that installed the app in easy mode and that no merchant of ours has claimed by OAuth yet (FACTS §2.1).
CREATE TABLE easy_mode_installs (
    store_id      bigint PRIMARY KEY,
    key_id        text NOT NULL,
    access_token  bytea NOT NULL,
    refresh_token bytea,
    scopes        text[] NOT NULL,
    expires_at    timestamptz NOT NULL,
    held_since    timestamptz NOT NULL DEFAULT now()
);

-- The store's subscription to our app at Salla.
CREATE TABLE app_subscriptions (
    store_id   bigint PRIMARY KEY,
    -- trial or subscription
    kind       text NOT NULL,
    -- started, renewed, expired, canceled; an open set
    status     text NOT NULL,
    plan_name  text,
    starts_at  timestamptz,
    ends_at    timestamptz,
    -- the event that said so; a later one replaces it
    event_at   timestamptz NOT NULL,
    event      text NOT NULL
);

-- What is to be erased of a store whose app was removed, and until when.
CREATE TABLE store_cleanups (
    connection_id uuid PRIMARY KEY,
    merchant_id   uuid NOT NULL,
    store_id      bigint NOT NULL,
    scheduled_at  timestamptz NOT NULL DEFAULT now(),
    due_at        timestamptz NOT NULL,
    -- the same merchant connected the store again
    cancelled_at  timestamptz,
    done_at       timestamptz
);
CREATE INDEX store_cleanups_due ON store_cleanups (due_at) WHERE done_at IS NULL AND cancelled_at IS NULL;
CREATE INDEX store_cleanups_of_store ON store_cleanups (store_id, merchant_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON app_events, easy_mode_installs, app_subscriptions, store_cleanups TO qafila_ingest;
