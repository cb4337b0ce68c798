-- When a fact of a store was loaded last, so that a report can say of which time it is without reading them all.
CREATE TABLE IF NOT EXISTS freshness (
    merchant_id UUID,
    store_id Int64,
    loaded_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = AggregatingMergeTree
ORDER BY (merchant_id, store_id);

CREATE MATERIALIZED VIEW IF NOT EXISTS freshness_of_orders TO freshness AS
SELECT merchant_id, store_id, max(now64(3, 'UTC')) AS loaded_at FROM orders GROUP BY merchant_id, store_id;
