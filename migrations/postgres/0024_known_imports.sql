-- What was known of imports and stores before 0022: their events are not read again.
UPDATE sync_jobs j SET connection_id = r.connection_id, store_id = r.store_id
FROM sync_runs r WHERE r.run_id = j.run_id AND j.store_id IS NULL;

INSERT INTO sync_job_runs (run_id, job_id, merchant_id, connection_id, store_id, depth_in_months, status, cause, advice, requested_at, started_at, ended_at)
SELECT run_id, job_id, merchant_id, connection_id, store_id, depth_in_months, status, cause, advice, requested_at, started_at, completed_at
FROM sync_jobs WHERE connection_id IS NOT NULL AND store_id IS NOT NULL
ON CONFLICT (run_id) DO NOTHING;

INSERT INTO merchant_stores (merchant_id, store_id, name, domain)
SELECT merchant_id, store_id, salla_name, salla_domain FROM merchants WHERE store_id IS NOT NULL AND salla_name IS NOT NULL
ON CONFLICT DO NOTHING;
