-- The sequence of the job's last event that changed a run's state: an older event, told again or late, changes nothing.
ALTER TABLE sync_runs ADD COLUMN sequence bigint NOT NULL DEFAULT 0;
