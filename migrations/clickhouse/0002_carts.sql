-- The merged current state of abandoned carts; lines as arrays of equal length.
CREATE TABLE IF NOT EXISTS carts (
    merchant_id UUID,
    cart_id Int64,
    revision Int64,
    is_deleted UInt8,
    store_id Int64,
    connection_id UUID,
    created_at Nullable(DateTime64(3, 'UTC')),
    total Nullable(Decimal(18, 4)),
    sub_total Nullable(Decimal(18, 4)),
    discount Nullable(Decimal(18, 4)),
    currency LowCardinality(String),
    status LowCardinality(String),
    customer_id Nullable(Int64),
    customer_name String,
    customer_phone String,
    customer_email String,
    checkout_url String,
    city LowCardinality(String),
    coupon_code String,
    lines_product_id Array(Int64),
    lines_quantity Array(Decimal(18, 4)),
    salla_updated_at Nullable(DateTime64(3, 'UTC')),
    -- where the record stood, so that an audit can prove what was read
    kafka_topic LowCardinality(String),
    kafka_partition Int32,
    kafka_offset Int64
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
ORDER BY (merchant_id, cart_id)
-- Nothing in the key can change, so FINAL within a partition is right (ARCHITECTURE §5).
PARTITION BY cityHash64(merchant_id) % 16
SETTINGS non_replicated_deduplication_window = 10000;
