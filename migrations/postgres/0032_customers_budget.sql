-- Calls of /customers: a share is kept for those that a person or a fresh webhook waits for. Background calls count all that were made,
-- so they take less where urgent ones take more.
DROP FUNCTION take_salla_customer_calls(interval, integer, integer);

-- Takes up to `want` calls of the customers budget, in any window of its length at most `most`; background calls leave `urgent_share` of it.
CREATE FUNCTION take_salla_customer_calls(
    window_length interval, most integer, want integer, urgent boolean, urgent_share double precision,
    OUT granted integer, OUT wait double precision
) LANGUAGE plpgsql AS $$
DECLARE
    taken bigint;
    left_alone integer := CASE WHEN urgent THEN 0 ELSE ceil(most * urgent_share) END;
    over bigint;
    freed timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('salla customers budget', 0));
    DELETE FROM salla_customer_calls WHERE taken_at < clock_timestamp() - window_length;
    SELECT coalesce(sum(calls), 0) INTO taken FROM salla_customer_calls;
    granted := greatest(0, least(want, most - left_alone - taken));
    wait := 0;
    IF granted > 0 THEN
        INSERT INTO salla_customer_calls (calls) VALUES (granted);
        RETURN;
    END IF;
    -- Until so many of the oldest calls are over that one fits.
    over := taken - (most - left_alone) + 1;
    SELECT taken_at INTO freed FROM (
        SELECT taken_at, sum(calls) OVER (ORDER BY taken_at) AS gone FROM salla_customer_calls
    ) AS oldest WHERE gone >= over ORDER BY taken_at LIMIT 1;
    wait := greatest(0.01, extract(epoch FROM coalesce(freed, clock_timestamp()) + window_length - clock_timestamp()));
END $$;
GRANT EXECUTE ON FUNCTION take_salla_customer_calls TO qafila_ingest;
