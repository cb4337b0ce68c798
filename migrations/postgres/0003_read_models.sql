-- Read models, built from Kafka by projections/oltp and read by the gateway's query role, one merchant at a time.

CREATE SEQUENCE fact_revision AS bigint CACHE 1;
GRANT USAGE, SELECT ON SEQUENCE fact_revision TO qafila_oltp;

CREATE TABLE projection_offsets (
    projection  text NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (projection, topic, partition)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON projection_offsets TO qafila_oltp;

CREATE TABLE merchants (
    merchant_id   uuid PRIMARY KEY,
    sequence      bigint NOT NULL,
    store_name    text NOT NULL,
    locale        text NOT NULL,
    registered_at timestamptz NOT NULL,
    connection_id uuid,
    store_id      bigint,
    salla_name    text,
    salla_domain  text,
    salla_plan    text,
    scopes        text[],
    connected_at  timestamptz
);

CREATE TABLE sync_jobs (
    job_id          uuid PRIMARY KEY,
    merchant_id     uuid NOT NULL,
    sequence        bigint NOT NULL,
    run_id          uuid NOT NULL,
    epoch           bigint NOT NULL,
    status          text NOT NULL,
    depth_in_months integer NOT NULL,
    requested_at    timestamptz NOT NULL,
    started_at      timestamptz,
    completed_at    timestamptz,
    paused_until    timestamptz,
    cause           text,
    advice          text,
    -- from the events: resource → rows imported and skipped by the slices that have ended
    imported        jsonb NOT NULL DEFAULT '{}',
    -- from qafila.sync.progress, for the run and epoch above; from the events once the run has completed
    phases          jsonb NOT NULL DEFAULT '[]',
    rate_per_minute double precision,
    eta_seconds     bigint,
    reported_at     timestamptz
);
CREATE INDEX sync_jobs_of_merchant ON sync_jobs (merchant_id, requested_at DESC);

CREATE TABLE orders (
    merchant_id   uuid NOT NULL,
    store_id      bigint NOT NULL,
    order_id bigint NOT NULL,
    revision      bigint NOT NULL,
    connection_id uuid NOT NULL,
    -- what each source says, and the first we heard of it; the row's created_at is the first of these that is known
    created_list    timestamptz,
    created_details timestamptz,
    created_webhook timestamptz,
    created_receipt timestamptz,
    created_at      timestamptz GENERATED ALWAYS AS (coalesce(created_list, created_details, created_webhook, created_receipt)) STORED,
    -- greatest instants: last details read, last word that it is gone, last time it was seen; and since when it has to be read
    read_at       timestamptz,
    deleted_at    timestamptz,
    seen_at       timestamptz,
    stale_since   timestamptz,
    reference_id bigint,
    payment_method text,
    status_id bigint,
    status_slug text,
    status_name text,
    custom_status_name text,
    is_pending_payment boolean,
    total numeric(18,4),
    currency text,
    sub_total numeric(18,4),
    shipping_cost numeric(18,4),
    cash_on_delivery numeric(18,4),
    tax numeric(18,4),
    discount numeric(18,4),
    customer_id bigint,
    channel text,
    customer_name text,
    customer_phone text,
    customer_email text,
    receiver_name text,
    receiver_phone text,
    receiver_email text,
    city text,
    country_code text,
    salla_updated_at timestamptz,
    lines_complete boolean NOT NULL,
    lines json NOT NULL,
    -- paths that could not be read in the newest observation, one a line
    unreadable text,
    -- which observation won each field, and what else the merge remembers
    ledger bytea NOT NULL DEFAULT '',
    PRIMARY KEY (merchant_id, store_id, order_id)
);
-- Indexes that begin like the key leave rows out: before the first ANALYZE the planner finds them as cheap as the key for reading rows by
-- id, and reads the whole store for each.
CREATE INDEX orders_by_creation ON orders (merchant_id, store_id, created_at DESC, order_id DESC) WHERE created_at IS NOT NULL;

CREATE TABLE customers (
    merchant_id   uuid NOT NULL,
    store_id      bigint NOT NULL,
    customer_id bigint NOT NULL,
    revision      bigint NOT NULL,
    connection_id uuid NOT NULL,
    -- what each source says, and the first we heard of it; the row's created_at is the first of these that is known
    created_list    timestamptz,
    created_details timestamptz,
    created_webhook timestamptz,
    created_receipt timestamptz,
    created_at      timestamptz GENERATED ALWAYS AS (coalesce(created_list, created_details, created_webhook, created_receipt)) STORED,
    -- greatest instants: last details read, last word that it is gone, last time it was seen; and since when it has to be read
    read_at       timestamptz,
    deleted_at    timestamptz,
    seen_at       timestamptz,
    stale_since   timestamptz,
    first_name text,
    last_name text,
    phone text,
    email text,
    gender text,
    birthday text,
    city text,
    country_code text,
    location text,
    currency text,
    groups bigint[] NOT NULL,
    salla_updated_at timestamptz,
    -- paths that could not be read in the newest observation, one a line
    unreadable text,
    -- which observation won each field, and what else the merge remembers
    ledger bytea NOT NULL DEFAULT '',
    PRIMARY KEY (merchant_id, store_id, customer_id)
);

CREATE TABLE products (
    merchant_id   uuid NOT NULL,
    store_id      bigint NOT NULL,
    product_id bigint NOT NULL,
    revision      bigint NOT NULL,
    connection_id uuid NOT NULL,
    -- what each source says, and the first we heard of it; the row's created_at is the first of these that is known
    created_list    timestamptz,
    created_details timestamptz,
    created_webhook timestamptz,
    created_receipt timestamptz,
    created_at      timestamptz GENERATED ALWAYS AS (coalesce(created_list, created_details, created_webhook, created_receipt)) STORED,
    -- greatest instants: last details read, last word that it is gone, last time it was seen; and since when it has to be read
    read_at       timestamptz,
    deleted_at    timestamptz,
    seen_at       timestamptz,
    stale_since   timestamptz,
    name text,
    sku text,
    variant_skus text[] NOT NULL DEFAULT '{}',
    kind text,
    status text,
    price numeric(18,4),
    regular_price numeric(18,4),
    sale_price numeric(18,4),
    cost_price numeric(18,4),
    currency text,
    quantity bigint,
    unlimited_quantity boolean,
    is_available boolean,
    sold_quantity bigint,
    brand text,
    categories text[] NOT NULL,
    salla_updated_at timestamptz,
    -- paths that could not be read in the newest observation, one a line
    unreadable text,
    -- which observation won each field, and what else the merge remembers
    ledger bytea NOT NULL DEFAULT '',
    PRIMARY KEY (merchant_id, store_id, product_id)
);

-- Which product has a SKU, or had it, its own or a variant's: Salla's lists of an order's items name no products.
CREATE TABLE product_skus (
    merchant_id uuid NOT NULL,
    store_id    bigint NOT NULL,
    sku         text NOT NULL,
    product_id  bigint NOT NULL,
    -- when the product was first seen with it; of two products the first has it
    since       timestamptz NOT NULL,
    -- until then it is looked up among the lines that wait: an order that is being merged does not see it yet
    look_up_until timestamptz NOT NULL DEFAULT now() + interval '2 minutes',
    PRIMARY KEY (merchant_id, store_id, sku, product_id)
);
CREATE INDEX product_skus_new ON product_skus (look_up_until);
-- Lines whose product nobody has told and no SKU has found.
CREATE TABLE lines_without_product (
    merchant_id uuid NOT NULL,
    store_id    bigint NOT NULL,
    sku         text NOT NULL,
    order_id    bigint NOT NULL,
    PRIMARY KEY (merchant_id, store_id, sku, order_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON product_skus, lines_without_product TO qafila_oltp;

-- Row-level security (ARCHITECTURE §6): the query role sees the merchant that its transaction names, unset sees
-- nothing; the projection's role, which has grants on these tables only, sees all.
DO $$
DECLARE
    read_model text;
BEGIN
    FOREACH read_model IN ARRAY ARRAY['merchants', 'sync_jobs', 'orders', 'customers', 'products'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', read_model);
        EXECUTE format($p$CREATE POLICY one_merchant ON %I FOR SELECT TO qafila_query
            USING (merchant_id = nullif(current_setting('qafila.merchant', true), '')::uuid)$p$, read_model);
        EXECUTE format('CREATE POLICY all_merchants ON %I TO qafila_oltp USING (true) WITH CHECK (true)', read_model);
        EXECUTE format('GRANT SELECT ON %I TO qafila_query', read_model);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO qafila_oltp', read_model);
    END LOOP;
END $$;
