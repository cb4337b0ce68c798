-- Up to when everything of the store was there when a file was begun; null where that was not known.
ALTER TABLE exports ADD COLUMN complete_to timestamptz;
