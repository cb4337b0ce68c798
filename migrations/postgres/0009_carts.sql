-- Read model: abandoned carts, merged from webhooks.

CREATE TABLE carts (
    merchant_id   uuid NOT NULL,
    store_id      bigint NOT NULL,
    cart_id       bigint NOT NULL,
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
    status         text,
    total          numeric(18,4),
    sub_total      numeric(18,4),
    discount       numeric(18,4),
    currency       text,
    customer_id    bigint,
    customer_name  text,
    customer_phone text,
    customer_email text,
    checkout_url   text,
    city           text,
    coupon_code    text,
    salla_updated_at timestamptz,
    lines          json NOT NULL,
    -- paths that could not be read in the newest observation, one a line
    unreadable     text,
    -- which observation won each field, and what else the merge remembers
    ledger         bytea NOT NULL DEFAULT '',
    PRIMARY KEY (merchant_id, store_id, cart_id)
);
CREATE INDEX carts_by_creation ON carts (merchant_id, store_id, created_at DESC, cart_id DESC) WHERE created_at IS NOT NULL;

ALTER TABLE carts ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_merchant ON carts FOR SELECT TO qafila_query
    USING (merchant_id = nullif(current_setting('qafila.merchant', true), '')::uuid);
CREATE POLICY all_merchants ON carts TO qafila_oltp USING (true) WITH CHECK (true);
GRANT SELECT ON carts TO qafila_query;
GRANT SELECT, INSERT, UPDATE ON carts TO qafila_oltp;
