-- Mail: one cause is at most one mail to a user, after any crash. And passwords that are forgotten.

-- What a user is not to be mailed about; the kinds of notifications.
ALTER TABLE users
    ADD COLUMN unwanted_mails text[] NOT NULL DEFAULT '{}',
    -- access tokens of before count no more where it matters
    ADD COLUMN password_set_at timestamptz;
-- The role that tells people needs to know whom, and in which language.
GRANT SELECT (user_id, merchant_id, email, locale, status, unwanted_mails) ON users TO qafila_oltp;

CREATE TABLE mails (
    mail_id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    merchant_id     uuid,
    -- null where the address is in the secret: nobody has registered it
    user_id         uuid,
    kind            text NOT NULL,
    -- the note in the app about the same
    notification_id uuid,
    cause           text,
    job_id          uuid,
    figures         jsonb NOT NULL DEFAULT '{}',
    -- what only the reader may know (a token of single use, an address), sealed under the operator's key; wiped at the end
    key_id          text,
    secret          bytea,
    -- waiting, handing_over (the server may have it), sent, failed
    state           text NOT NULL DEFAULT 'waiting',
    tries           integer NOT NULL DEFAULT 0,
    not_before      timestamptz NOT NULL DEFAULT now(),
    -- of no use afterwards
    not_after       timestamptz,
    lease_owner     text,
    lease_until     timestamptz,
    fault           text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    ended_at        timestamptz,
    UNIQUE (notification_id, user_id)
);
CREATE INDEX mails_open ON mails (not_before) WHERE state IN ('waiting', 'handing_over');
CREATE INDEX mails_ended ON mails (ended_at) WHERE ended_at IS NOT NULL;
ALTER TABLE mails ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_merchant ON mails FOR SELECT TO qafila_query
    USING (merchant_id = nullif(current_setting('qafila.merchant', true), '')::uuid);
CREATE POLICY all_mails ON mails TO qafila_oltp USING (true) WITH CHECK (true);
CREATE POLICY writes ON mails FOR INSERT TO qafila_command WITH CHECK (true);
CREATE POLICY holds ON mails FOR INSERT TO qafila_ingest WITH CHECK (true);
GRANT SELECT (merchant_id, user_id, notification_id, state) ON mails TO qafila_query;
GRANT SELECT, INSERT, UPDATE, DELETE ON mails TO qafila_oltp;
GRANT INSERT ON mails TO qafila_command, qafila_ingest;

-- What was asked for, kept until its end is told.
CREATE TABLE notify_exports (
    job_id      uuid PRIMARY KEY,
    report_type text NOT NULL,
    format      text NOT NULL
);
GRANT SELECT, INSERT, DELETE ON notify_exports TO qafila_oltp;

-- Connections that merchants were told to be lost: another event about the same is no news.
CREATE TABLE notify_lost (
    connection_id uuid PRIMARY KEY
);
GRANT SELECT, INSERT, DELETE ON notify_lost TO qafila_oltp;

-- Links of single use that set a new password; the newest one counts.
CREATE TABLE password_resets (
    token_hash bytea PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
CREATE INDEX password_resets_of_user ON password_resets (user_id);
GRANT SELECT, INSERT, DELETE ON password_resets TO qafila_command;
