-- Equality look-up of e-mails and phones (ARCHITECTURE §3): HMACs under a key per merchant, here and nowhere else.
CREATE TABLE contact_digests (
    merchant_id    uuid NOT NULL,
    digest         bytea NOT NULL,
    subject_key_id bigint NOT NULL,
    PRIMARY KEY (merchant_id, digest, subject_key_id)
);
CREATE INDEX contact_digests_of_key ON contact_digests (subject_key_id);
GRANT SELECT, INSERT, DELETE ON contact_digests TO qafila_ingest;

-- They end with the key of their subject, whoever destroys it.
CREATE FUNCTION forget_contacts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM contact_digests WHERE subject_key_id = NEW.subject_key_id;
    RETURN NULL;
END $$;
CREATE TRIGGER contacts_end_with_their_key AFTER UPDATE OF destroyed_at ON subject_keys FOR EACH ROW
    WHEN (NEW.destroyed_at IS NOT NULL) EXECUTE FUNCTION forget_contacts();
