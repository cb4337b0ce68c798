-- Lists: what rows of each list are filtered and sorted by, built from the fact topics by projections/src/lists. The rows themselves are read
-- from the read models of the merge.

DO $$
DECLARE
    list text;
BEGIN
    FOREACH list IN ARRAY ARRAY['order_list', 'customer_list', 'product_list', 'cart_list'] LOOP
        EXECUTE format($t$CREATE TABLE %I (
            merchant_id    uuid NOT NULL,
            store_id       bigint NOT NULL,
            -- Salla's id
            id             bigint NOT NULL,
            -- of the fact; 0 of a customer who is known by orders alone
            revision       bigint NOT NULL,
            -- false of what is deleted, and of a customer who is known by orders alone
            is_listed      boolean NOT NULL,
            -- 1970 where it is not known
            created_at     timestamptz NOT NULL,
            -- ten-thousandths: total of an order or a cart, price of a product, in the currency of the store where a rate tells it; sales to a customer.
            -- bigint, because comparing numeric is not leakproof: below row-level security no index would serve it. 0 where it is not known
            amount         bigint NOT NULL DEFAULT 0,
            has_amount     boolean NOT NULL DEFAULT false,
            -- orders of a customer that are sales, units sold of a product
            units          bigint NOT NULL DEFAULT 0,
            -- of the sales to a customer; 1970 where there are none
            first_at       timestamptz NOT NULL DEFAULT 'epoch',
            last_at        timestamptz NOT NULL DEFAULT 'epoch',
            status         text,
            payment_method text,
            channel        text,
            city           text,
            customer_id    bigint,
            is_sale        boolean NOT NULL DEFAULT false,
            -- hashes of merchant, store, kind and text of all that a row is found by
            terms          bigint[] NOT NULL,
            PRIMARY KEY (merchant_id, store_id, id)
        ) WITH (fillfactor = 90)$t$, list);
        -- All are of listed rows: before the first ANALYZE the planner would find them as cheap as the key for reading rows by id.
        EXECUTE format('CREATE INDEX ON %I (merchant_id, store_id, created_at, id) WHERE is_listed', list);
        EXECUTE format('CREATE INDEX ON %I (merchant_id, store_id, amount, id) WHERE is_listed', list);
        EXECUTE format('CREATE INDEX ON %I USING gin (terms) WITH (gin_pending_list_limit = 512) WHERE is_listed', list);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', list);
        EXECUTE format($p$CREATE POLICY one_merchant ON %I FOR SELECT TO qafila_query
            USING (merchant_id = nullif(current_setting('qafila.merchant', true), '')::uuid)$p$, list);
        EXECUTE format('CREATE POLICY all_merchants ON %I TO qafila_oltp USING (true) WITH CHECK (true)', list);
        EXECUTE format('GRANT SELECT ON %I TO qafila_query', list);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO qafila_oltp', list);
        -- At most `up_to` rows that have all of `every` and, unless it is empty, one of `any_of`. `@>` is not leakproof, so that below row-level security no index
        -- serves it; this looks as the owner does, and shows the merchant whom the transaction names. The merchant is compared as text, so that
        -- the index of the terms is always the one that is used.
        EXECUTE format($f$CREATE FUNCTION %I(store bigint, every bigint[], any_of bigint[], up_to bigint) RETURNS SETOF %I
            LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $b$
            BEGIN
                RETURN QUERY EXECUTE format('SELECT * FROM %I WHERE is_listed AND merchant_id::text = current_setting(''qafila.merchant'', true)
                    AND store_id + 0 = $1 %%s %%s LIMIT $4',
                    CASE WHEN cardinality(every) > 0 THEN 'AND terms @> $2' ELSE '' END,
                    CASE WHEN cardinality(any_of) > 0 THEN 'AND terms && $3' ELSE '' END) USING store, every, any_of, up_to;
            END $b$
            $f$, list || '_with_terms', list, list);
        EXECUTE format('REVOKE ALL ON FUNCTION %I(bigint, bigint[], bigint[], bigint) FROM PUBLIC', list || '_with_terms');
        EXECUTE format('GRANT EXECUTE ON FUNCTION %I(bigint, bigint[], bigint[], bigint) TO qafila_query', list || '_with_terms');
    END LOOP;
END $$;

CREATE INDEX ON order_list (merchant_id, store_id, status, created_at, id) WHERE is_listed;
CREATE INDEX ON order_list (merchant_id, store_id, payment_method, created_at, id) WHERE is_listed;
CREATE INDEX ON order_list (merchant_id, store_id, channel, created_at, id) WHERE is_listed;
CREATE INDEX ON order_list (merchant_id, store_id, city, created_at, id) WHERE is_listed;
CREATE INDEX ON order_list (merchant_id, store_id, customer_id, created_at, id) WHERE is_listed AND customer_id IS NOT NULL;
CREATE INDEX ON cart_list (merchant_id, store_id, customer_id, created_at, id) WHERE is_listed AND customer_id IS NOT NULL;
CREATE INDEX ON customer_list (merchant_id, store_id, city, created_at, id) WHERE is_listed;
CREATE INDEX ON customer_list (merchant_id, store_id, last_at, id) WHERE is_listed;
CREATE INDEX ON product_list (merchant_id, store_id, units, id) WHERE is_listed;

-- Values that lists are filtered by, with the number of listed rows that have each.
CREATE TABLE list_facets (
    merchant_id uuid NOT NULL,
    store_id    bigint NOT NULL,
    list        text NOT NULL,
    -- as in the terms of rows
    term        bigint NOT NULL,
    -- name of the filter
    field       text NOT NULL,
    value       text NOT NULL,
    -- as the store names it, where it does
    label       text,
    rows        bigint NOT NULL,
    PRIMARY KEY (merchant_id, store_id, list, term)
);
ALTER TABLE list_facets ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_merchant ON list_facets FOR SELECT TO qafila_query
    USING (merchant_id = nullif(current_setting('qafila.merchant', true), '')::uuid);
CREATE POLICY all_merchants ON list_facets TO qafila_oltp USING (true) WITH CHECK (true);
GRANT SELECT ON list_facets TO qafila_query;
GRANT SELECT, INSERT, UPDATE ON list_facets TO qafila_oltp;
