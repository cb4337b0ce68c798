-- Retention counts from the end of a run, and from when an id was seen.
ALTER TABLE sync_runs ADD COLUMN ended_at timestamptz;
UPDATE sync_runs SET ended_at = now() WHERE state = 'ended';
ALTER TABLE reconciliation_seen ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now();
