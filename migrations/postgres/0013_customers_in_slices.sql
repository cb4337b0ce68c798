-- A cycle of customers reads a list beyond Salla's deep pages in slices of creation: those still to be read, the present one last.
ALTER TABLE reconciliations ADD COLUMN customers_slices text[] NOT NULL DEFAULT '{}';
-- Whether Salla showed all of them so far.
ALTER TABLE reconciliations ADD COLUMN customers_shown boolean NOT NULL DEFAULT true;
-- A cycle under way knew only the whole list.
UPDATE reconciliations SET customers_slices = '{all}' WHERE customers_since IS NOT NULL;
