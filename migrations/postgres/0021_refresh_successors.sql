-- A refresh token that was used hands on the one after it for 30 s, to other tabs and after lost answers. The next token is sealed with a key
-- made of the used token itself, of which only the digest is stored: nobody but its holder can open it.
ALTER TABLE refresh_tokens DROP COLUMN sibling_at;
ALTER TABLE refresh_tokens ADD COLUMN successor bytea;
CREATE INDEX refresh_tokens_with_successor ON refresh_tokens (rotated_at) WHERE successor IS NOT NULL;
