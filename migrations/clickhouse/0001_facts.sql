-- Facts, as they arrive from Kafka. Query them with FINAL: the latest revision of a key is the truth.

-- The merged current state of orders; lines as arrays of equal length.
CREATE TABLE IF NOT EXISTS orders (
    merchant_id UUID,
    order_id Int64,
    revision Int64,
    is_deleted UInt8,
    store_id Int64,
    connection_id UUID,
    reference_id Nullable(Int64),
    created_at DateTime64(3, 'UTC'),
    payment_method LowCardinality(String),
    status_slug LowCardinality(String),
    status_name String,
    custom_status_name String,
    is_pending_payment UInt8,
    total Nullable(Decimal(18, 4)),
    currency LowCardinality(String),
    sub_total Nullable(Decimal(18, 4)),
    shipping_cost Nullable(Decimal(18, 4)),
    cash_on_delivery Nullable(Decimal(18, 4)),
    tax Nullable(Decimal(18, 4)),
    discount Nullable(Decimal(18, 4)),
    customer_id Nullable(Int64),
    channel LowCardinality(String),
    customer_name String,
    customer_phone String,
    customer_email String,
    receiver_name String,
    receiver_phone String,
    receiver_email String,
    city LowCardinality(String),
    country_code LowCardinality(String),
    salla_updated_at Nullable(DateTime64(3, 'UTC')),
    lines_complete UInt8,
    lines_product_id Array(Int64),
    lines_name Array(String),
    lines_sku Array(String),
    lines_quantity Array(Decimal(18, 4)),
    lines_unit_price Array(Nullable(Decimal(18, 4))),
    lines_total Array(Nullable(Decimal(18, 4))),
    -- where the record stood, so that an audit can prove what was read
    kafka_topic LowCardinality(String),
    kafka_partition Int32,
    kafka_offset Int64
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
ORDER BY (merchant_id, order_id)
-- Nothing in the key can change, so FINAL within a partition is right (ARCHITECTURE §5).
PARTITION BY cityHash64(merchant_id) % 16
SETTINGS non_replicated_deduplication_window = 10000;

-- The merged current state of customers.
CREATE TABLE IF NOT EXISTS customers (
    merchant_id UUID,
    customer_id Int64,
    revision Int64,
    is_deleted UInt8,
    store_id Int64,
    connection_id UUID,
    created_at Nullable(DateTime64(3, 'UTC')),
    first_name String,
    last_name String,
    phone String,
    email String,
    gender LowCardinality(String),
    birthday String,
    city LowCardinality(String),
    country_code LowCardinality(String),
    location String,
    currency LowCardinality(String),
    groups Array(Int64),
    salla_updated_at Nullable(DateTime64(3, 'UTC')),
    -- where the record stood, so that an audit can prove what was read
    kafka_topic LowCardinality(String),
    kafka_partition Int32,
    kafka_offset Int64
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
ORDER BY (merchant_id, customer_id)
-- Nothing in the key can change, so FINAL within a partition is right (ARCHITECTURE §5).
PARTITION BY cityHash64(merchant_id) % 16
SETTINGS non_replicated_deduplication_window = 10000;

-- The merged current state of products.
CREATE TABLE IF NOT EXISTS products (
    merchant_id UUID,
    product_id Int64,
    revision Int64,
    is_deleted UInt8,
    store_id Int64,
    connection_id UUID,
    created_at Nullable(DateTime64(3, 'UTC')),
    name String,
    sku String,
    kind LowCardinality(String),
    status LowCardinality(String),
    price Nullable(Decimal(18, 4)),
    regular_price Nullable(Decimal(18, 4)),
    sale_price Nullable(Decimal(18, 4)),
    cost_price Nullable(Decimal(18, 4)),
    currency LowCardinality(String),
    quantity Nullable(Int64),
    unlimited_quantity UInt8,
    is_available UInt8,
    sold_quantity Nullable(Int64),
    brand String,
    categories Array(String),
    salla_updated_at Nullable(DateTime64(3, 'UTC')),
    -- where the record stood, so that an audit can prove what was read
    kafka_topic LowCardinality(String),
    kafka_partition Int32,
    kafka_offset Int64
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
ORDER BY (merchant_id, product_id)
-- Nothing in the key can change, so FINAL within a partition is right (ARCHITECTURE §5).
PARTITION BY cityHash64(merchant_id) % 16
SETTINGS non_replicated_deduplication_window = 10000;
