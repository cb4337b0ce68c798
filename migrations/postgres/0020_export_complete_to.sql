-- Of which time everything of the store was there when a file was begun, and orders whose details had not come; null where that was
-- not known.
ALTER TABLE exports
    ADD COLUMN complete_from timestamptz,
    ADD COLUMN complete_to timestamptz,
    ADD COLUMN orders_without_details bigint;
