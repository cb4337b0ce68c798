-- An authorisation of another store than the merchant's waits for a yes: its tokens are kept sealed until the state expires.
ALTER TABLE oauth_states DROP CONSTRAINT oauth_states_status_check;
ALTER TABLE oauth_states ADD CONSTRAINT oauth_states_status_check
    CHECK (status IN ('issued', 'exchanging', 'held', 'exchanged', 'done'));
ALTER TABLE oauth_states
    ADD COLUMN held_store         jsonb,
    ADD COLUMN held_key_id        text,
    ADD COLUMN held_access_token  bytea,
    ADD COLUMN held_refresh_token bytea;
CREATE INDEX oauth_states_held ON oauth_states (expires_at) WHERE held_access_token IS NOT NULL;
