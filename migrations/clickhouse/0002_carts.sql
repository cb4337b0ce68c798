-- The merged current state of abandoned carts; lines as arrays of equal length.
CREATE TABLE IF NOT EXISTS carts (
    merchant_id UUID,
    store_id Int64,
    cart_id Int64,
    revision Int64,
    is_deleted UInt8,
    connection_id UUID,
    created_at Nullable(DateTime64(3, 'UTC')),
    created_at_from LowCardinality(Nullable(String)),
    total Nullable(Decimal(18, 4)),
    sub_total Nullable(Decimal(18, 4)),
    discount Nullable(Decimal(18, 4)),
    currency LowCardinality(Nullable(String)),
    status LowCardinality(Nullable(String)),
    customer_id Nullable(Int64),
    customer_name Nullable(String),
    customer_phone Nullable(String),
    customer_email Nullable(String),
    checkout_url Nullable(String),
    city LowCardinality(Nullable(String)),
    coupon_code Nullable(String),
    lines_id Array(Nullable(Int64)),
    lines_product_id Array(Nullable(Int64)),
    lines_quantity Array(Nullable(Decimal(18, 4))),
    salla_updated_at Nullable(DateTime64(3, 'UTC')),
    -- where the record stood, so that an audit can prove what was read
    kafka_topic LowCardinality(String),
    kafka_partition Int32,
    kafka_offset Int64
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
ORDER BY (merchant_id, store_id, cart_id)
-- Nothing in the key can change, so FINAL within a partition is right (ARCHITECTURE §5).
PARTITION BY cityHash64(merchant_id) % 16
SETTINGS non_replicated_deduplication_window = 10000;
