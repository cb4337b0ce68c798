-- Facts, as they arrive from Kafka. Query them with FINAL: the latest revision of a key is the truth. What is null in a fact is NULL here.

-- The merged current state of orders; lines as arrays of equal length.
CREATE TABLE IF NOT EXISTS orders (
    merchant_id UUID,
    store_id Int64,
    order_id Int64,
    revision Int64,
    is_deleted UInt8,
    connection_id UUID,
    reference_id Nullable(Int64),
    created_at DateTime64(3, 'UTC'),
    created_at_from LowCardinality(Nullable(String)),
    payment_method LowCardinality(Nullable(String)),
    status_slug LowCardinality(Nullable(String)),
    status_name Nullable(String),
    custom_status_name Nullable(String),
    is_pending_payment Nullable(Bool),
    total Nullable(Decimal(18, 4)),
    currency LowCardinality(Nullable(String)),
    sub_total Nullable(Decimal(18, 4)),
    shipping_cost Nullable(Decimal(18, 4)),
    cash_on_delivery Nullable(Decimal(18, 4)),
    tax Nullable(Decimal(18, 4)),
    discount Nullable(Decimal(18, 4)),
    customer_id Nullable(Int64),
    channel LowCardinality(Nullable(String)),
    customer_name Nullable(String),
    customer_phone Nullable(String),
    customer_email Nullable(String),
    receiver_name Nullable(String),
    receiver_phone Nullable(String),
    receiver_email Nullable(String),
    city LowCardinality(Nullable(String)),
    country_code LowCardinality(Nullable(String)),
    salla_updated_at Nullable(DateTime64(3, 'UTC')),
    lines_complete UInt8,
    lines_id Array(Nullable(Int64)),
    lines_product_id Array(Nullable(Int64)),
    lines_product_found_by Array(LowCardinality(Nullable(String))),
    lines_name Array(Nullable(String)),
    lines_sku Array(Nullable(String)),
    lines_quantity Array(Nullable(Decimal(18, 4))),
    lines_unit_price Array(Nullable(Decimal(18, 4))),
    lines_discount Array(Nullable(Decimal(18, 4))),
    lines_tax Array(Nullable(Decimal(18, 4))),
    lines_total Array(Nullable(Decimal(18, 4))),
    -- where the record stood, so that an audit can prove what was read
    kafka_topic LowCardinality(String),
    kafka_partition Int32,
    kafka_offset Int64
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
ORDER BY (merchant_id, store_id, order_id)
-- Nothing in the key can change, so FINAL within a partition is right (ARCHITECTURE §5).
PARTITION BY cityHash64(merchant_id) % 16
SETTINGS non_replicated_deduplication_window = 10000;

-- The merged current state of customers.
CREATE TABLE IF NOT EXISTS customers (
    merchant_id UUID,
    store_id Int64,
    customer_id Int64,
    revision Int64,
    is_deleted UInt8,
    connection_id UUID,
    created_at Nullable(DateTime64(3, 'UTC')),
    created_at_from LowCardinality(Nullable(String)),
    first_name Nullable(String),
    last_name Nullable(String),
    phone Nullable(String),
    email Nullable(String),
    gender LowCardinality(Nullable(String)),
    birthday Nullable(String),
    city LowCardinality(Nullable(String)),
    country_code LowCardinality(Nullable(String)),
    location Nullable(String),
    currency LowCardinality(Nullable(String)),
    groups Array(Int64),
    salla_updated_at Nullable(DateTime64(3, 'UTC')),
    -- where the record stood, so that an audit can prove what was read
    kafka_topic LowCardinality(String),
    kafka_partition Int32,
    kafka_offset Int64
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
ORDER BY (merchant_id, store_id, customer_id)
-- Nothing in the key can change, so FINAL within a partition is right (ARCHITECTURE §5).
PARTITION BY cityHash64(merchant_id) % 16
SETTINGS non_replicated_deduplication_window = 10000;

-- The merged current state of products.
CREATE TABLE IF NOT EXISTS products (
    merchant_id UUID,
    store_id Int64,
    product_id Int64,
    revision Int64,
    is_deleted UInt8,
    connection_id UUID,
    created_at Nullable(DateTime64(3, 'UTC')),
    created_at_from LowCardinality(Nullable(String)),
    name Nullable(String),
    sku Nullable(String),
    variant_skus Array(String),
    kind LowCardinality(Nullable(String)),
    status LowCardinality(Nullable(String)),
    price Nullable(Decimal(18, 4)),
    regular_price Nullable(Decimal(18, 4)),
    sale_price Nullable(Decimal(18, 4)),
    cost_price Nullable(Decimal(18, 4)),
    currency LowCardinality(Nullable(String)),
    quantity Nullable(Int64),
    unlimited_quantity Nullable(Bool),
    is_available Nullable(Bool),
    sold_quantity Nullable(Int64),
    brand Nullable(String),
    categories Array(String),
    salla_updated_at Nullable(DateTime64(3, 'UTC')),
    -- where the record stood, so that an audit can prove what was read
    kafka_topic LowCardinality(String),
    kafka_partition Int32,
    kafka_offset Int64
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
ORDER BY (merchant_id, store_id, product_id)
-- Nothing in the key can change, so FINAL within a partition is right (ARCHITECTURE §5).
PARTITION BY cityHash64(merchant_id) % 16
SETTINGS non_replicated_deduplication_window = 10000;
