-- What notes need to know of runs and connections ends by age where no event ends it.
ALTER TABLE notify_lost ADD COLUMN noted_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE notify_runs ADD COLUMN noted_at timestamptz NOT NULL DEFAULT now();
-- Housekeeping locks what it deletes.
GRANT UPDATE ON notify_lost TO qafila_oltp;
