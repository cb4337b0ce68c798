-- Orders of which no source has told the date: the import reads their details, which may.
CREATE INDEX orders_undated ON orders (merchant_id, order_id DESC) WHERE created_at IS NULL;
-- Rows imported and skipped are kept by slice: a slice that is read again replaces what it said.
UPDATE sync_jobs SET imported = '{}';
-- Rows of an accepted scan that do not tell their date.
ALTER TABLE sync_slices ADD COLUMN ids_undated bigint NOT NULL DEFAULT 0;
-- Times a run was taken up since it last got further, or was resumed.
ALTER TABLE sync_runs ADD COLUMN tries integer NOT NULL DEFAULT 0;
